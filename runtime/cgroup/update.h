/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/cgroup.h"

struct oci_resources;

/*
 * Fills in what a partial update needs and does not give, from what the kernel has now: one v2 file
 * holds CPU quota and period, and the v2 swap limit is the difference to the memory limit. With
 * memory.checkBeforeUpdate, -EBUSY when more memory is in use than the new limit. Nothing is
 * written.
 */
int update_complete(const struct cgroup *c, struct oci_resources *res, struct arena *a,
		    struct err *e);
