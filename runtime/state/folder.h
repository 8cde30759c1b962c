/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/arena.h"

/* Directories of the store: names and removal, everything by descriptor, no link followed. 0 or
 * -errno. */

struct folder_names {
	const char **v;
	size_t n, cap;
};

/* Names of the entries that are directories (or may be), unsorted, without "." and "..". */
int folder_names(int dir, struct arena *a, struct folder_names *out);

/* 1: nothing is in it but names that begin so (also: nothing at all), 0 or -errno. */
int folder_holds_only(int dir, const char *prefix);

/* Renames parent/name, which must still be the directory open as dir, to a name that no container
 * can have
 * (".gone-..."), in gone. -ENOENT: it is not there any more. */
int folder_rename_away(int parent, const char *name, int dir, char gone[static 64]);

/* Removes the content of dir and then parent/name. Crosses no mount. */
int folder_remove(int parent, const char *name, int dir);

/* Removes the ".gone-..." directories of removals that were killed. */
void folder_sweep(int parent);
