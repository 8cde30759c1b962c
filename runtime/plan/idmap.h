/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

struct oci_id_mapping;

/* Checks the config's mappings (sizes, overlaps, overflow, number) and appends them to map. The
 * error starts with '[i]' or '.', for err_at() with the field's name. -EINVAL. */
int plan_idmap_build(struct plan_idmap *map, struct arena *a, const struct oci_id_mapping *v,
		     size_t n, struct err *e);
