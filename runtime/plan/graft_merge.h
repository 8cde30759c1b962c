/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"
#include "plan/plan.h"

/* What a creation (plan/graft.c) and a running container (plan/graft_hot.c) have in common: edits
 * on their way into a plan. */
struct grafter {
	struct plan *p;
	const struct plan_input *in;
	struct graft_edits *edits;
	const char *cache; /* name of the loader's cache in the folder of libraries */
	struct err *e;
};

/* Adds nodes, and rules where there are any. */
int plan_graft_devices(struct grafter *g);

/* Adds mounts: the edits' own files, libraries, the loader's cache. What edits.had has is there
 * already; edits.mount keeps what was added. */
int plan_graft_mounts(struct grafter *g);

/* Adds settings of rdma.max; edits.limit keeps what the config does not say itself. */
int plan_graft_limits(struct grafter *g);

/* Whether the plan mounts something at target. */
bool plan_graft_has_mount(const struct plan *p, const char *target);

/* Where libraries go: "/dev/.greffon". */
const char *plan_graft_folder(const struct plan *p);

/* Whether some of them are in that folder. */
bool plan_graft_has_library(const struct graft_edit_mounts *m);
