/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"

/* Values that requests and policy files share. */

/* The GRAFT_CAP_* of a name ("compute"), or 0. */
unsigned int values_cap(const char *name, size_t len);

/* A comma list of capabilities, "all" being `all`; -EINVAL with *bad the unknown word. */
int values_caps(const char *list, unsigned int all, unsigned int *out, const char **bad,
		struct arena *a);

/* The names of a set, comma separated. */
const char *values_cap_names(unsigned int caps, struct arena *a);

/* A number of bytes, or "unlimited" (UINT64_MAX). 0 or -EINVAL. */
int values_bytes(const char *s, uint64_t *out);

/*
 * "mlx5_0:hca_handle=4,hca_object=5000;*:hca_object=max": the kernel's words for rdma.max, a device
 * each; max is unset. -EINVAL with *bad the part that is wrong.
 */
int values_limits(const char *s, struct graft_limits *out, const char **bad, struct arena *a);

/* Whether a path has no component "", "." or "..", so that it means what it says; a '/' at its end
 * is one too many. */
bool values_path_is_plain(const char *path);
