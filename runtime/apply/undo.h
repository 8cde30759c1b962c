/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "cgroup/cgroup.h"
#include "cgroup/rdt.h"
#include "plan/plan.h"
#include "state/store.h"

/* What a creation or a restore has made on the machine, once its processes are gone. */
struct undo {
	const struct plan *p;
	struct cgroup *cgroup;
	const struct rdt_group *rdt; /* NULL: none */
	struct store_entry *entry;   /* NULL: the folder is not ours */
	bool hooks;		     /* poststop hooks are owed */
};

/* Takes it all away, the unit's bus first. What fails is a warning: the first error of the creation
 * is the one to tell. */
void undo_all(const struct undo *u);
