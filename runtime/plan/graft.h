/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/* What a graft gives to each process of the container, so exec's too: variables, groups and
 * RLIMIT_MEMLOCK, into the plan's process and credentials. -EPERM: the limit is above what the
 * runtime may give. */
int plan_graft_process(struct plan *p, const struct host *h, const struct graft_edits *ed,
		       struct err *e);

/* -EPERM as above, alone. */
int plan_graft_memlock_right(const struct host *h, const struct graft_edits *ed, struct err *e);

/* Notes on what the container's user won't be able to do with the devices. */
void plan_graft_predict(struct plan *p, const struct host *h, struct graft_edits *ed);

/* Allows the devices behind the plan's other rules, where there are any. */
void plan_graft_rules(struct plan *p, const struct graft_edits *ed);
