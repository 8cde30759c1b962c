/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"
#include "host/host.h"
#include "libocispec/oci.h"

/*
 * greffon-hook: grafts for containers of other runtimes. One program; its first argument says at
 * which stage it is run:
 *
 *   precreate                a config.json comes in and goes out edited (podman, buildah)
 *   prestart, createRuntime  from the runtime's namespaces into the container's mount namespace
 *   createContainer          in the container's mount namespace, the host's tree is still "/"
 *   poststop                 takes the record away
 *
 * What it binds it has opened on the host, by descriptor; what it binds on is resolved in the
 * rootfs as if that were "/". Nothing of the image is executed, and no path of it is a source.
 */
enum hook_stage {
	STAGE_PRECREATE,
	STAGE_PRESTART,
	STAGE_CREATE_RUNTIME,
	STAGE_CREATE_CONTAINER,
	STAGE_POSTSTOP,
	STAGES
};

struct hook_run {
	struct arena *a;
	enum hook_stage stage;
	struct host host;
	struct oci_state *state;
	struct oci_config *config;
	struct graft_edits *ed;
	int own_ns, container_ns; /* descriptors of mount namespaces; FD_NONE: both are ours */
	uid_t root_uid;		  /* the host's ids of the container's root, from outside */
	gid_t root_gid;
	int rootfs; /* O_PATH, in the container's mount namespace */
};

/* ---- hook_enter.c ---- */

/* Opens the container's mount namespace and its rootfs there. The process is in its own namespace
 * afterwards. */
int hook_enter_open(struct hook_run *run, const char *bundle, struct err *e);

/* Into the container's mount namespace, for good. */
int hook_enter(const struct hook_run *run, struct err *e);

/* Whether what is made from now on belongs to the container's root: a file system of its user
 * namespace takes no other owner (EOVERFLOW). */
void hook_enter_owner(const struct hook_run *run, bool container);

/* ---- hook_filter.c ---- */

/* An opened node of the host; fd is FD_NONE where the node is missing there. */
struct hook_node {
	const struct graft_edit_device *d;
	int fd; /* O_PATH */
};

/* Asks the kernel, as a process of the container's cgroup, whether each node may be read and
 * written. EPERM, with the engine's option that helps, when its device rules refuse one. No driver
 * is called: access(2) comes by the device rules as open(2) does. */
int hook_filter_check(const struct hook_run *run, const struct hook_node *v, size_t n,
		      struct err *e);

/* ---- hook_mount.c ---- */

/* Binds nodes, files and libraries into the rootfs. */
int hook_mount_all(struct hook_run *run, struct err *e);

/* ---- hook_record.c ---- */

/* What was grafted, in /run/greffon/.hooks, where the hook is the node's root; else nothing. */
int hook_record_write(const struct hook_run *run, struct err *e);
void hook_record_remove(const struct oci_state *state);
/* Why a hook failed, in .last-error there: crun sends what a hook says to /dev/null. */
void hook_record_error(const struct hook_run *run, const char *stage, const struct err *e);
