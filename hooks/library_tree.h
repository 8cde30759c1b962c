/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "hooks/elf.h"
#include "hooks/ldcache.h"

/*
 * A tree with libraries, the host's or an image's, as its own dynamic loader would search it
 * (ld.so(8)), but as data: nothing of it is run. Paths are resolved below the tree's root, so links
 * of an image lead nowhere else.
 */

/* A folder or file of the host that the config mounts into the container. */
struct library_bind {
	const char *target, *source; /* absolute, in the container and on the host */
};

/* Names that were asked for: each library of a driver needs the same few. */
struct library_known {
	struct library_found {
		const char *name, *path; /* NULL: there is none */
		struct elf elf;
	} * v;
	size_t n, cap;
};

struct library_tree {
	int root; /* O_PATH, borrowed */
	int host; /* ... of "/", for the binds; FD_NONE: none */
	const struct library_bind *bind;
	size_t n_bind;
	struct ldcache cache; /* empty: it has none, or none that can be read */
	struct library_known *known;
	struct arena *a;
	int machine, class; /* of libraries that count: EM_*, 32 or 64 */
};

/* The node's own EM_*. */
int library_machine(void);

/* Fills the tree and reads its loader's cache. */
void library_tree_open(struct library_tree *t, int root, struct arena *a);

/* Opens what the container has at path (absolute): the last bind that covers it, else the tree's
 * own. fd or -errno. */
int library_tree_fd(const struct library_tree *t, const char *path, int flags);

/* Whether path is ELF of the tree's kind; it is read then. */
bool library_tree_read(const struct library_tree *t, const char *path, struct elf *out);

/* What path leads to in the tree itself, binds left out, with no link in it: a path from the root
 * again. NULL: it leads nowhere, or in a circle. */
const char *library_tree_real(const struct library_tree *t, const char *path);

/* As the loader finds a name without further hints: its cache, then the usual folders. The path in
 * the tree, or NULL. */
const char *library_tree_find(const struct library_tree *t, const char *name, struct elf *out);

/* ... in the usual folders only. */
const char *library_tree_in_folders(const struct library_tree *t, const char *name,
				    struct elf *out);

/* The first of a list of folders (as DT_RUNPATH and LD_LIBRARY_PATH have it, "a:b"; $ORIGIN is the
 * folder of `origin`, a path, and may be NULL) that has the name. The path, or NULL; also when list
 * is NULL. */
const char *library_tree_search(const struct library_tree *t, const char *list, const char *origin,
				const char *name, struct elf *out);
