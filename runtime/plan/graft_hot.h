/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"
#include "plan/plan.h"

/* A change of the grafts of a running container. */
struct plan_hot {
	const struct graft_edits *holds; /* devices that are granted when it is done; NULL: none */
	struct graft_edits *more;	 /* what comes in; NULL: nothing */
	const char **unlimited;		 /* HCAs whose rdma.max is no longer limited */
	size_t n_unlimited;
	/* the device rules of an update, which hold instead of the config's; 0: there was none */
	struct oci_device_rule *rule;
	size_t n_rule;
	const char *rootfs; /* the container's, for its loader's cache */
	uint64_t serial;    /* of the change: names the cache */
};

/*
 * in->config: the container's. Fills the device rules (the config's, and of all that holds), the
 * limits of what comes in, and the mounts that bring it, nodes as binds of the host's; nothing else
 * of p. *out_types: the namespaces to enter. -ESTALE, -ENODEV, -EINVAL with the graft's own words.
 */
int plan_hot_build(struct plan *p, struct arena *a, const struct plan_input *in,
		   const struct plan_hot *hot, int *out_types, struct err *e);

/* After plan_hot_build(): p->nodes and p->mounts become what is to be taken away: the devices but
 * those that the config has as well, and the files; folder: that of the libraries and the cache
 * too. */
void plan_hot_gone(struct plan *p, const struct plan_input *in,
		   const struct graft_edit_devices *devices, const struct graft_edit_mounts *files,
		   bool folder);
