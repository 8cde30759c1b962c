/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/* What the state document on a hook's standard input says. */
struct hook_state {
	const char *
		status; /* creating, created, running, stopped: as the spec words it for the hook */
	pid_t pid;	/* as the hook's own pid namespace sees it; 0: none */
	struct seccomp_slot *filter; /* loaded by the hook's process before its program; NULL: none
				      */
};

enum hook_failure { HOOK_FAIL_STOPS, HOOK_FAIL_WARNS };

/*
 * Runs all hooks of the kind in order. Each gets the state (compact JSON) on stdin from a sealed
 * memfd, exactly its own env (absent: empty; startContainer: the container's), no descriptor above
 * 2, its own process group, default signals, cwd = the bundle (startContainer: "/";
 * createContainer: the rootfs, which is the caller's). Output is kept (64 KiB at most) and ends up
 * in the error. On timeout the whole process group is killed, and whatever it has left elsewhere.
 * HOOK_FAIL_STOPS: the first failure is the result, e names hooks.<kind>[i]. HOOK_FAIL_WARNS: a
 * failure is a warning and the next one runs.
 */
int hook_run(const struct plan *p, enum plan_hook_kind kind, const struct hook_state *st,
	     enum hook_failure on_failure, struct err *e);

/* "createRuntime" and so on. */
const char *hook_kind_name(enum plan_hook_kind kind);
