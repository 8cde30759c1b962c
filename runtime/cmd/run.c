/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/container.h"
#include "cmd/bring_up.h"
#include "cmd/cmd.h"

static int run_run(const struct cmd_global *g, const void *options, int n, char **operands,
		   struct err *e)
{
	(void)n;
	return bring_up(g, options, operands[0], BRING_UP_RUN, e);
}

static const struct cmd_option run_options[] = {
	BRING_UP_OPTIONS,
	{"detach", 'd', CMD_FLAG, offsetof(struct bring_up_options, detach), NULL,
	 "return when the program runs instead of waiting for its end"},
	{"keep", 0, CMD_FLAG, offsetof(struct bring_up_options, keep), NULL,
	 "do not delete the container when its program has ended"},
	{0},
};

const struct cmd cmd_run = {
	.name = "run",
	.args = "ID",
	.summary = "create and start a container, wait for its end and delete it",
	.options = run_options,
	.options_size = sizeof(struct bring_up_options),
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.seal = true,
	.run = run_run,
};
