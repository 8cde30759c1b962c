/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/container.h"
#include "cmd/bring_up.h"
#include "cmd/cmd.h"

static int start_run(const struct cmd_global *g, const void *options, int n, char **operands,
		     struct err *e)
{
	__attribute__((cleanup(store_done))) struct store s = {.root = FD_NONE};
	int r = store_open(&s, g->root, STORE_EXISTING, g->arena, e);

	(void)options;
	(void)n;
	return r < 0 ? r : container_start(&s, operands[0], bring_up_notify_socket(), e);
}

const struct cmd cmd_start = {
	.name = "start",
	.args = "ID",
	.summary = "run the program of a created container",
	.options = NULL,
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.run = start_run,
};
