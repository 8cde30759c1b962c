/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/cgroup.h"
#include "cgroup/rdt.h"
#include "cmd/cmd.h"
#include "state/status.h"

/* An existing container as the commands about its cgroup need it. */
struct target {
	struct store store;
	struct store_entry entry;
	struct record *record;
	enum status status;
	struct cgroup
		cgroup; /* directories open; none when the container has no cgroup or it is gone */
	struct rdt_group rdt; /* not open */
};
#define TARGET_EMPTY                                                                               \
	{                                                                                          \
		.store = {.root = FD_NONE}, .entry = {.dir = FD_NONE}, .rdt = RDT_EMPTY            \
	}

/* Opens the container and finds out its status. 0 or -errno; the caller calls target_done() either
 * way. */
int target_open(struct target *t, const struct cmd_global *g, const char *id, enum store_lock lock,
		struct err *e);
void target_done(struct target *t);
#define autotarget __attribute__((cleanup(target_done)))
