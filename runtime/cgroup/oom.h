/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/cgroup.h"

/* A wait for the kernel killing for want of memory. */
struct oom_watch {
	int fd; /* readable when there may be something to take; FD_NONE: the container has no
		   memory cgroup */
	const struct cgroup *cgroup;
	const char *path; /* of the memory directory */
	bool v2;
	int seen; /* v2: kills told so far */
};
#define OOM_WATCH_EMPTY                                                                            \
	{                                                                                          \
		.fd = FD_NONE                                                                      \
	}

/* c and the arena have to outlive the watch. */
int oom_watch_open(struct oom_watch *w, const struct cgroup *c, struct arena *a, struct err *e);

/* Takes what made fd readable: true when there was an out-of-memory situation since the last call.
 */
bool oom_watch_take(struct oom_watch *w);
void oom_watch_done(struct oom_watch *w);
