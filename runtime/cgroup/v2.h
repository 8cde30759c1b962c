/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/cgroup.h"

/*
 * Before a v2 directory is made: writes "+c" to cgroup.subtree_control of every directory from the
 * mount down to its parent. All that a parent has are passed on, so that statistics are there and
 * rdma or misc limits come for free. A directory that is made first may lack the files of a
 * controller that somebody else is just passing on: the kernel tells of the controller before it
 * has made them, but makes no directory meanwhile. Not where systemd makes it.
 */
void v2_prepare(const struct cgroup_dir *d, const struct plan_cgroup *pc, struct arena *a);

/* Once it is there: what a limit of the plan needs and can't be had is an error naming the limit,
 * who does not pass the controller on, and why. */
int v2_enable(const struct cgroup_dir *d, const struct plan_cgroup *pc, struct arena *a,
	      struct err *e);
