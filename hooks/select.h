/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"

/* Which devices of the inventory are granted, and why; an entry a device of it. */
struct select_set {
	bool *on;
	const char **why;
	size_t n;
};

/* What a list may say behind ';'. */
struct select_options {
	bool mad, move;
	bool curtain; /* of the domain that was selected last */
	enum graft_verbs_libs libs;
};

void select_init(struct select_set *s, const struct graft_inventory *inv, struct arena *a);

/*
 * Switches on the devices of domain d that the want names: a comma list of
 *   all | none | a name or alias | N-M (indices) | numa:N | near-gpu (rdma: the closest adapter of
 *   each granted GPU)
 * less those that its narrowing source does not name. near-gpu reads what is on in the GPU domains,
 * so these come first. -EINVAL grammar, -ENODEV unknown or no device, -EACCES refused by policy.
 */
int select_domain(struct select_set *s, const struct graft_inventory *inv, enum graft_domain d,
		  const struct graft_want *want, const struct graft_policy *policy,
		  struct select_options *options, struct graft_notes *notes, struct arena *a,
		  struct err *e);

/*
 * For each device of GPU domain `gpus` the index of the adapter that near-gpu gives it where all of
 * them are granted; the number of devices where there is none, and for all others. nearest has an
 * entry a device of the inventory.
 */
void select_near_map(const struct graft_inventory *inv, enum graft_domain gpus,
		     const struct graft_policy *policy, struct arena *a, size_t *nearest);
