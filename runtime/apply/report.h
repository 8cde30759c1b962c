/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/*
 * What init has to say to the runtime without a system call: one page both share. Init keeps in it
 * where it is, so that its death can be told by place, and its error. Plain stores work under any
 * seccomp filter.
 */
enum stage {
	STAGE_CLONED,
	STAGE_NAMESPACES,
	STAGE_CGROUP,
	STAGE_ROOTFS,
	STAGE_MOUNTS,
	STAGE_DEVICES,
	STAGE_HOOKS,
	STAGE_PIVOT,
	STAGE_CONSOLE,
	STAGE_SETTINGS,
	STAGE_MASKS,
	STAGE_IDENTITY,
	STAGE_PROGRAM,
	STAGE_READY, /* create: all done but what start does */
	STAGE_START,
	STAGE_EXEC,
	STAGE_COUNT
};

struct report {
	volatile int stage;
	volatile int failed; /* set last: error is whole */
	volatile pid_t pid;  /* of init in the runtime's pid namespace, stored by a bridge */
	struct err error;
};

/* Maps the page, zeroed. Before the clone. */
int report_new(struct report **out, struct err *e);
void report_done(struct report **r);

/* World: init. */
void report_stage(struct report *r, enum stage s);
void report_fail(struct report *r, const struct err *why);

/*
 * World: the runtime, after the end of file or the death of init. 0: init has reached at least
 * `until` and has not failed. Else its error, or, when it died without one, "init was killed by
 * signal N while making the mounts" out of its wait status (pidfd is waited for; the child is
 * reaped).
 */
int report_result(const struct report *r, int pidfd, enum stage until, struct err *e);
