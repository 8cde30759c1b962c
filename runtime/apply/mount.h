/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"
#include "sys/procfs.h"

/* Detached mounts between their making (often in the runtime, before the clone) and their attaching
 * in init, which inherits the descriptors. Owned; one slot a plan_mount, by plan_mount.slot. */
struct mount_slots {
	int *fd;
	size_t n;
};

/*
 * World: the runtime, host namespaces, before the clone. Opens every source that opens AT_HOST as a
 * detached clone with its attributes, propagation and idmap already set (so that no moment exists
 * in which a read-only bind is writable); bind sources reachable only by the caller's groups stay
 * reachable. e names mounts[i].source. Opens also the rootfs itself (slot 0 is the rootfs).
 */
int mount_open_sources(const struct plan *p, struct mount_slots *slots, struct err *e);
void mount_slots_done(struct mount_slots *slots);

/*
 * World: init, new mount namespace still a copy of the host's, new userns mapped. Makes the old
 * root a slave (or what the plan says), attaches the rootfs over its own path and gives an O_PATH
 * descriptor of it. Without a new mount namespace: only opens it.
 */
int mount_root(const struct plan *p, struct mount_slots *slots, int *out_root, struct err *e);

/*
 * World: as mount_root(), after it; cgroup and network namespaces are final. Makes what opens
 * AT_MAPPED or AT_ROOT and attaches all mounts in the order of the config below root. pf is the
 * trusted procfs. *out_dev: the root of the tmpfs at /dev that was made for it, if there is one.
 */
int mount_attach(const struct plan *p, struct mount_slots *slots, int root, const struct procfs *pf,
		 int *out_dev, struct err *e);

/* World: mount_attach() was all right, nothing more is made in the container's file systems. Makes
 * read-only what had to wait (ro_late), by the descriptors that mount_attach() left in slots. */
int mount_finish(const struct plan *p, struct mount_slots *slots, struct err *e);

/*
 * World: the runtime, before the clone. A detached tmpfs with the device nodes of the config that a
 * new user namespace may not make and the host has nothing to bind for, with the owners that the
 * maps will show as the config's. FD_NONE: there are none, or the runtime may not make them either,
 * which device_make() then tells.
 */
int device_stage(const struct plan *p);

/* World: as mount_attach(), after it. Nodes, links of /dev, in the rootfs. dev: of mount_attach(),
 * or negative: to be looked up. staged: of device_stage(). */
int device_make(const struct plan *p, int root, int dev, int staged, struct err *e);

/*
 * World: init, everything mounted, createContainer hooks done. pivot_root(".", ".") and the old
 * root detached; with no_pivot MS_MOVE and chroot; without a mount namespace chroot. Final
 * propagation. root stays a valid descriptor of "/". The working directory is "/".
 */
int root_enter(const struct plan *p, int root, struct err *e);

/* World: init, "/" is the rootfs. Masked and read-only paths, then a read-only root if asked for.
 * pf: the trusted procfs, since "/proc" is the container's now. */
int mask_apply(const struct plan *p, int root, const struct procfs *pf, struct err *e);
