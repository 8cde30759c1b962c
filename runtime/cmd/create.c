/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "apply/container.h"
#include "cmd/bring_up.h"
#include "cmd/cmd.h"

static int create_run(const struct cmd_global *g, const void *options, int n, char **operands,
		      struct err *e)
{
	(void)n;
	return bring_up(g, options, operands[0], BRING_UP_CREATE, e);
}

static const struct cmd_option create_options[] = {BRING_UP_OPTIONS, {0}};

const struct cmd cmd_create = {
	.name = "create",
	.args = "ID",
	.summary = "create a container; start runs its program",
	.options = create_options,
	.options_size = sizeof(struct bring_up_options),
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.seal = true,
	.run = create_run,
};
