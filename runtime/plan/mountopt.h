/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* A mount's option words, sorted by what they are for (runtime-spec config.md "Mounts", and crun's
 * own). */
struct mountopt {
	uint64_t attr_set, attr_clr; /* MOUNT_ATTR_*, a later word undoes an earlier contrary one */
	uint64_t rec_attr_set, rec_attr_clr; /* of the r* words */
	unsigned int sb_flags;		     /* MS_* of the superblock */
	unsigned long propagation;	     /* MS_PRIVATE ..., | MS_REC */
	bool bind, recursive, remount, copy_up;
	bool idmap, idmap_recursive;
	bool copy_symlink, source_nofollow, target_nofollow;
	const char *idmap_spec; /* crun's "uids=0-1-10#...;gids=..."; NULL */
	const char *data;	/* the words nobody here knows, comma separated; NULL */
	size_t data_index;	/* option number of the first of them, for messages */
};

/* Sorts the words. Always succeeds: an unknown word is the file system's. data is arena memory. */
void mountopt_parse(const char *const *words, size_t n, struct arena *a, struct mountopt *out);

/* The words known here that neither crun's extensions nor file systems' are, for `features`: the
 * next name after *i, or NULL at the end. */
const char *mountopt_name(size_t *i);
