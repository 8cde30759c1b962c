/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/target.h"

static int pause_run(const struct cmd_global *g, const void *options, int n, char **operands,
		     struct err *e)
{
	autotarget struct target t = TARGET_EMPTY;
	int r = target_open(&t, g, operands[0], STORE_LOCK, e);

	(void)options;
	(void)n;
	if (r < 0)
		return r;
	if (t.status != STATUS_RUNNING && t.status != STATUS_CREATED)
		return err_set(e, EINVAL,
			       "cannot pause a container that is %s: container not running",
			       status_name(t.status));
	if (t.cgroup.n == 0)
		return err_set(e, ENOENT, "cannot pause: the container has no cgroup of its own");
	return cgroup_freeze(&t.cgroup, e);
}

const struct cmd cmd_pause = {
	.name = "pause",
	.args = "ID",
	.summary = "suspend all processes of a container",
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.run = pause_run,
};
