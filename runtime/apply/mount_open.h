/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/mount.h>

#include "plan/plan.h"

struct procfs;

/*
 * A detached clone of m's source with its attributes, propagation and ids set: fd or -errno.
 * -ENOSYS: the kernel lacks open_tree or mount_setattr; -EPERM with *out_later set: the caller has
 * no right to clone mounts in its namespace, init will have. pf: for the helper of an idmapped
 * mount. World: the runtime before the clone, or init while the host's tree is "/".
 */
int mount_open_bind(const struct plan *p, const struct plan_mount *m, const struct procfs *pf,
		    bool *out_later, struct err *e);

/* A detached recursive clone of path with the propagation that p has for the old root. fd or
 * -errno, e is not set. World: as mount_open_bind(). */
int mount_open_rootfs(const struct plan *p, const char *path);

/* A detached clone of path below `at` (flags: AT_RECURSIVE, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW)
 * with attr set on it, on all of it if AT_RECURSIVE: fd or -errno. One call where the kernel has
 * open_tree_attr(2), else two. */
int mount_clone(int at, const char *path, unsigned int flags, struct mount_attr attr);

/* Sets attributes and propagation on the mount fd. flags: AT_RECURSIVE or 0. No system call when
 * there is nothing to set. 0 or -errno. */
int mount_set(int fd, unsigned int flags, uint64_t set, uint64_t clr, unsigned long propagation);
