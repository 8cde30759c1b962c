/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/* The namespaces that the plan joins by path, opened and verified before the clone. Owned. */
struct join {
	struct join_ns {
		int type; /* CLONE_NEW* */
		int fd;
		const char *origin, *path;
	} * v;
	size_t n;
};

/*
 * World: the runtime. Opens every plan_join, verifies that it is an nsfs file of the right type
 * (NS_GET_NSTYPE, 4.11) so that no other file is taken for one. e names linux.namespaces[i].path.
 */
int join_open(const struct plan *p, struct arena *a, struct join *out, struct err *e);
void join_done(struct join *j);

/* The descriptor of a type, FD_NONE when it is not joined. */
int join_fd(const struct join *j, int type);

/* World: init or bridge. Enters the joined namespaces of types, the user namespace before or after
 * the others as the caller's rights need it: a namespace that refuses now is tried again after it.
 */
int join_enter(const struct join *j, int types, struct err *e);

/* What only a process in between can join for exec's process, which joins the rest itself. */
#define JOIN_BY_BRIDGE (CLONE_NEWUSER | CLONE_NEWPID)

/* exec's target: a running container. */
struct join_exec {
	int pidfd; /* of its init; owned by the caller */
	int types; /* CLONE_NEW* in which it differs from the runtime */
	int root;  /* O_PATH of its root when it has no mount namespace of its own, else FD_NONE */
};

/* World: exec's process. One setns(2) on the pidfd (5.8) for all of types. */
int join_target(const struct join_exec *t, int types, struct err *e);
