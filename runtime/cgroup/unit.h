/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/cgroup.h"

/* What a container's cgroup needs of systemd, whose unit it is. */

/* Waits for the unit that cgroup_request() asked for; c's directories become its real ones. */
int unit_wait(const struct plan_cgroup *pc, const struct host *h, struct cgroup *c, struct err *e);

/* Moves the helper to d below the unit's cgroup, which can't pass controllers on while it has
 * processes. */
int unit_move_helper(const struct cgroup *c, const struct cgroup_dir *d, struct err *e);

/* Widens a limit of one process for as long as the helper is there too. */
int unit_make_room(struct cgroup *c, const struct plan_cgroup *pc, struct err *e);

int unit_set(const struct cgroup *c, const struct properties *all, struct err *e);

/*
 * Before the directories are removed: kills what is left and waits until systemd has noticed that
 * the scope is empty, has removed its cgroup and forgotten it. With the cgroup removed by us the
 * kernel may drop the notice. Nothing for a unit that does not go by itself.
 */
void unit_end(struct cgroup *c);

/* After it: has a unit stopped that is still left. The processes and directories are gone by then,
 * so that a failure is a warning: systemd drops an empty scope by itself, sooner or later. */
void unit_stop(struct cgroup *c);
