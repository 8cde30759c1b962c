/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/cgroup.h"

/*
 * Gives the v2 directory to uid, and in it the files that the kernel lists as safe to delegate
 * (/sys/kernel/cgroup/delegate, Linux 4.14): processes may be moved and sub-cgroups be made, the
 * limits stay the runtime's. Runtime-spec config-linux.md "Cgroup ownership".
 */
int delegate_cgroup(const struct cgroup_dir *d, uid_t uid, struct arena *a, struct err *e);
