/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/cgroup.h"

/*
 * Makes the controllers usable in a v2 directory: writes "+c" to cgroup.subtree_control of every
 * directory from the mount down to its parent. All that a parent has are passed on, so that
 * statistics are there and rdma or misc limits come for free; what a limit of the plan needs and
 * can't be had is an error naming the limit and who does not pass the controller on, and why.
 */
int v2_enable(const struct cgroup_dir *d, const struct plan_cgroup *pc, struct arena *a,
	      struct err *e);
