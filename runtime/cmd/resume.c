/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/target.h"

static int resume_run(const struct cmd_global *g, const void *options, int n, char **operands,
		      struct err *e)
{
	autotarget struct target t = TARGET_EMPTY;
	int r = target_open(&t, g, operands[0], STORE_LOCK, e);

	(void)options;
	(void)n;
	if (r < 0)
		return r;
	/* a paused container that was not started yet still has the status created */
	if (t.status != STATUS_PAUSED &&
	    !(t.status == STATUS_CREATED && cgroup_is_frozen(&t.cgroup) > 0))
		return err_set(e, EINVAL,
			       "cannot resume a container that is %s: container not paused",
			       status_name(t.status));
	return cgroup_thaw(&t.cgroup, e);
}

const struct cmd cmd_resume = {
	.name = "resume",
	.args = "ID",
	.summary = "let the processes of a paused container go on",
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.run = resume_run,
};
