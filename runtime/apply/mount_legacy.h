/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/*
 * mount(2) on "/proc/self/fd/N" for kernels without the new mount calls (before 5.2, and 5.12 for
 * attributes), and for what those calls can't say. Here a moment exists in which a bind mount has
 * not its flags yet; nothing of the container runs then. World: init, host tree visible, the host's
 * own /proc at /proc.
 */

/* Mounts m (bind, file system or remount) on target, then sets what a second call has to set on the
 * mount itself, found by resolving m->target below root again. -EPERM: as mount_fs_new(). e is set.
 */
int mount_legacy(const struct plan_mount *m, int root, int target, struct err *e);

/* Binds from (O_PATH) on target with MS_* flags of the mount. 0 or -errno. */
int mount_legacy_bind(int from, int target, bool recursive);

/* Adds flags to those of the mount at fd (its root). 0 or -errno. */
int mount_legacy_add(int fd, unsigned long flags);

/* The same where path names fd's object and is to be trusted. */
int mount_legacy_add_at(const char *path, int fd, unsigned long flags);

/* MS_* of MOUNT_ATTR_*. */
unsigned long mount_legacy_flags(uint64_t attr);
