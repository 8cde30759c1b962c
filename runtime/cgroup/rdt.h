/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "plan/plan.h"

/*
 * linux.intelRdt: groups of resctrl (Documentation/filesystems/resctrl.rst, Linux 4.10). A group
 * holds its class's shares (schemata) and its tasks; below it, monitoring groups count for some of
 * them.
 */
struct rdt_group {
	const char *name;	 /* below resctrl's root, "." for the default group; NULL: none */
	const char *monitor;	 /* "NAME/mon_groups/ID"; NULL: none */
	bool named;		 /* by closID: others may be in it as well */
	bool made, monitor_made; /* by this container */
	int dir;		 /* O_PATH of resctrl's root */
	int tasks[2];		 /* for init: of the group, of the monitoring group */
};

#define RDT_EMPTY                                                                                  \
	{                                                                                          \
		.dir = FD_NONE, .tasks = { FD_NONE, FD_NONE }                                      \
	}

/* Opens resctrl below root (O_PATH of "/" or of a tree made for a test). 0, also without a group,
 * or -errno. */
int rdt_open(int root, struct rdt_group *g, struct err *e);

/*
 * World: the runtime, before the clone. Makes the group of the plan or checks that the one that is
 * there has the same shares, and its monitoring group. What was made is noted in g also on failure.
 * -EINVAL: the shares differ; -ENOSPC: no class or monitoring id is left.
 */
int rdt_make(const struct plan_rdt *p, const char *id, struct arena *a, struct rdt_group *g,
	     struct err *e);

/* Opens the tasks files of a group that exists (create, after rdt_make(); exec). */
int rdt_open_tasks(struct rdt_group *g, struct err *e);

/* World: init. Moves the calling process. */
int rdt_enter(const struct rdt_group *g, struct err *e);

/* Writes lines of schemata. -EPERM: the group is not this container's own. */
int rdt_update(const struct rdt_group *g, const char *const *line, size_t n, struct err *e);

/* Removes what this container has made; a class named by closID stays while others are in it. */
int rdt_remove(const struct rdt_group *g, struct err *e);

void rdt_close(struct rdt_group *g);

/* Whether each share that a line ("L3:0=ff;1=f0") asks for is in the text of a schemata file. */
bool rdt_matches(const char *schemata, const char *line);

/* "intel_rdt" of the statistics, as runc's events have it. */
void rdt_stats_write(struct json *j, const char *key, const struct rdt_group *g);
