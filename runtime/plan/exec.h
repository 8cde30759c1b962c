/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

struct oci_process;

/*
 * The plan of a process that exec adds: in->config is the container's saved config, process takes
 * the place of its process. Only the parts a second process needs are filled; *out_types are the
 * CLONE_NEW* that the container has of its own or has joined. The filter of the container's profile
 * applies to it as well.
 */
int plan_exec_build(struct plan *p, struct arena *a, const struct plan_input *in,
		    struct oci_process *process, int *out_types, struct err *e);

/*
 * The plan of mounts to add to (or remove from) a running container: in->config is the container's
 * with the mounts in place of its own; errors name them as mounts[i]. types as above. -ENOTSUP: a
 * mount that only a creation can make.
 */
int plan_mounts_build(struct plan *p, struct arena *a, const struct plan_input *in, int *out_types,
		      struct err *e);

/* After plan_ns_build(): nothing is made, all of it is joined, through the container's init.
 * Returns types as above. */
int plan_exec_join(struct plan *p, const struct host *h);
