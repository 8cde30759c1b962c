/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "apply/mount_direct.h"
#include "plan/plan.h"

/*
 * The container's view of its cgroups on target. v2: a cgroup2 mount, which the cgroup namespace
 * roots at the container's own cgroup; without such a namespace, or where the mount is refused, a
 * bind of that directory. v1 and hybrid: a tmpfs with a bind of the own directory of every
 * hierarchy, and links for the controllers that share one ("cpu" -> "cpu,cpuacct"). Nothing above
 * the container's own cgroup is ever writable (CVE-2023-25809): where the own cgroup is the
 * hierarchy's root itself the mount is read-only. World: init, in its cgroup, cgroup namespace
 * unshared, host tree visible.
 */
int mount_cgroup(const struct plan *p, const struct plan_mount *m, int root, int target,
		 struct mount_direct *direct, struct err *e);

#define MOUNT_CGROUP_NAME "fs/cgroup" /* in a sysfs */

/* The same on MOUNT_CGROUP_NAME of the root of a new sysfs, where only the kernel makes names, in
 * fewer calls. False: not possible, mount_cgroup() has to do it; else *out_r is the result. */
bool mount_cgroup_direct(const struct plan *p, const struct plan_mount *m, int sys,
			 struct mount_direct *direct, int *out_r, struct err *e);
