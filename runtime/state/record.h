/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

struct cgroup;
struct oci_device_rule;
struct rdt_group;

/* What later commands need of a container, kept as ROOT/ID/state.json (versioned; an unknown newer
 * version is refused, unknown members are kept out). */
struct record_cgroup {
	const char *controllers, *path;
	bool v2, created;
};

struct record {
	int version; /* 1 */
	const char *id, *oci_version, *bundle, *rootfs;
	const char *created;  /* RFC 3339, UTC, nanoseconds */
	bool creating;	      /* written before init was ready: create is running or was killed */
	pid_t pid;	      /* of init; 0: not yet */
	uint64_t start_time;  /* field 22 of /proc/PID/stat: tells a reused pid */
	uint64_t pidfs_inode; /* 6.9; 0: unknown */
	const char *boot_id;
	enum plan_cgroup_manager manager;
	const char *scope;    /* systemd: the unit's name */
	const char *subgroup; /* systemd: of the processes, below the unit's cgroup */
	bool systemd_user;    /* of the user's own manager */
	struct record_cgroup *cgroup;
	size_t n_cgroup;
	struct record_rdt {
		const char *group, *monitor; /* as struct rdt_group has them; NULL: none */
		bool named, made, monitor_made;
	} rdt;
	bool own_pidns;	     /* init is pid 1 of a namespace of its own: killing it kills all */
	bool no_new_keyring; /* of create: exec's processes keep their caller's as well */
	bool poststop_run;   /* the marker that keeps poststop hooks from running twice */
	const char *console; /* nothing but information */
	/* devices, groups, memlock and variables that were grafted, and why; NULL: nothing was */
	const struct graft_edits *graft;
	/* RDMA devices that went into a network namespace that the container joined, and its path:
	 * it may outlive the container */
	const char **moved;
	size_t n_moved;
	const char *moved_to;
	/* linux.resources.devices of the last update that had some: they hold instead of the
	 * config's; 0: none had */
	struct oci_device_rule *rule;
	size_t n_rule;
	struct plan_annotation *annotation;
	size_t n_annotation;
};

/* Text <-> struct (arena). -EINVAL: corrupt, e says where. */
int record_parse(const char *text, size_t len, struct arena *a, struct record **out, struct err *e);
int record_write(const struct record *r, struct arena *a, const char **out, size_t *out_len);

/* The record of a plan (before init exists) with the cgroup directories that will be or were made.
 */
void record_from_plan(struct record *r, const struct plan *p, const struct cgroup *c,
		      struct arena *a);

/* The cgroup directories anew, as they have become. */
void record_cgroups(struct record *r, const struct cgroup *c, struct arena *a);

/* The group of resctrl anew. */
void record_rdt(struct record *r, const struct rdt_group *g);
