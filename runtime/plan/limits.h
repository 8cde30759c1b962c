/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "host/host.h"
#include "plan/plan.h"

struct oci_resources;

/*
 * linux.resources (without devices) as control files and values of the host's cgroup mode, appended
 * to plan.cgroup in the order of writing. A limit that this host can't keep is an error that names
 * the field and the controller; what the spec deprecates (kernel memory) is dropped. -EINVAL,
 * -ERANGE, -ENOTSUP.
 */
int limits_build(struct plan *p, const struct host *h, const struct oci_resources *r,
		 struct err *e);

/* One device's line of rdma.max, appended as limits_build() does; optional: a host without the
 * controller is no error. -EINVAL: not the name of a device. */
int limits_rdma_device(struct plan *p, const struct host *h, const char *device,
		       struct opt_u64 handles, struct opt_u64 objects, const char *origin,
		       bool optional, struct err *e);
