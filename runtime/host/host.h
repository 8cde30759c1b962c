/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

/*
 * The node, as far as planning needs it, read through a root descriptor so that tests plan on
 * captured trees. Fields that cost something to find out are filled on first use by the modules
 * named.
 */
struct host {
	int root; /* O_PATH of "/" or of a captured tree; borrowed from host_open()'s caller after
		     done */
	bool captured; /* root is no node's "/": device nodes stand in its nodes.tsv (hooks/tree.h)
			*/
	struct arena *arena;
	uid_t euid; /* of the runtime */
	gid_t egid;
	bool in_userns;		  /* the runtime itself is not in the initial user namespace */
	uint64_t ignored_signals; /* the caller ignored them: 1 << (number - 1) */
	uint64_t blocked_signals; /* and blocked these; all are told if it is not known */
	uint64_t cap_bounding;	  /* what the runtime can give, 1 << CAP_* */
	uint64_t cap_effective;	  /* what it has */
	const struct host_cgroups *cgroups; /* host/cgroupfs.h */
};

/* Root of the initial user namespace. */
static inline bool host_is_privileged(const struct host *h)
{
	return h->euid == 0 && !h->in_userns;
}

/* Opens the node's own root ("/") and reads the cheap facts. 0 or -errno. */
int host_open(struct host *h, const char *root, struct arena *a, struct err *e);
/* Without its cgroups and the runtime's own status: for what looks at devices only. */
int host_open_tree(struct host *h, const char *root, struct arena *a, struct err *e);
void host_done(struct host *h);
