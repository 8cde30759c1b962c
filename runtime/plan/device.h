/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/* The planned node at a path, or NULL. */
struct plan_node *plan_device_find(struct plan *p, const char *path);

/* Whether /dev is the host's: nodes made in it would be the host's, so none are. */
bool plan_device_dev_is_bound(const struct plan *p);

/* Whether nodes are bound from the host: only the initial user namespace's root may make them. */
bool plan_device_binds(const struct plan *p, const struct host *h);
