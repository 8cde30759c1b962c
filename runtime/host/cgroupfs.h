/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "host/host.h"

/* How the node's cgroup hierarchies are mounted. */
enum cgroup_mode {
	CGROUP_NONE,
	CGROUP_V1,     /* only v1 hierarchies */
	CGROUP_HYBRID, /* v1 hierarchies and a cgroup2 mount beside them */
	CGROUP_V2,     /* one cgroup2 mount */
};

struct host_hierarchy {
	const char *controllers; /* v1: "cpu,cpuacct" as the mount options list them;
				    "name=systemd"; v2: "" */
	const char *mount;	 /* absolute mount point */
	const char *own;	 /* the runtime's own cgroup in it, "/user.slice/..." */
	bool v2;
};

struct host_cgroups {
	enum cgroup_mode mode;
	struct host_hierarchy *v;
	size_t n;
};

/* Reads /proc/self/mountinfo and /proc/self/cgroup below h->root (through the given tree, so that
 * captured ones work) into h->cgroups. Cheap: two reads. Mounts that others hide are left out. */
int cgroupfs_probe(struct host *h, struct err *e);

/* The hierarchy that holds the v1 controller, or NULL. */
const struct host_hierarchy *cgroupfs_find(const struct host_cgroups *c, const char *controller);
