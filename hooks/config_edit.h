/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"
#include "libocispec/json_tree.h"

struct oci_config;

/*
 * The edits as words of a config.json, for an engine that asks before it writes one (podman's and
 * buildah's precreate hooks): whatever runtime comes next makes its device filter of them.
 */

/*
 * doc: the text that c was parsed from; self: this program, for the createContainer hook that
 * brings the libraries. What the config has already is left as it is, so that a second time changes
 * nothing; what it has differently is refused. Members that are not known stay.
 */
int graft_config_edit(const struct host *h, const struct oci_config *c, const char *self,
		      struct graft_edits *ed, struct oj_node *doc, struct arena *a, struct err *e);

/* Moving an RDMA device is the runtime's alone: -ENOTSUP where it is asked for. */
int graft_config_no_move(const struct graft_edits *ed, struct err *e);

/* Whether the config's device rules let dev be read and written; the last rule that fits decides.
 * True without any rule. */
bool graft_config_allows(const struct oci_config *c, dev_t dev);

/* Whether the host's /dev is the container's. */
bool graft_config_dev_is_bound(const struct oci_config *c);

/* Whether the config mounts something at exactly this path. */
bool graft_config_has_mount(const struct oci_config *c, const char *target);

/* Whether the process has the variable with this value, RLIMIT_MEMLOCK of so much, the group (its
 * number in the container); and whether rdma.max of the device is limited. */
bool graft_config_has_env(const struct oci_config *c, const struct graft_edit_env *x);
bool graft_config_has_memlock(const struct oci_config *c, uint64_t bytes);
bool graft_config_has_group(const struct oci_config *c, uint32_t inside);
bool graft_config_has_limit(const struct oci_config *c, const char *device);

/* A host's group that has no number in the user namespace that looks at it. */
#define GRAFT_OVERFLOW_GID 65534

/* The number in the container of a host's group; UINT32_MAX: it has none. */
uint32_t graft_config_gid(const struct oci_config *c, gid_t outside);
