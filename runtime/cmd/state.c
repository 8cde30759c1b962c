/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cmd.h"
#include "cmd/document.h"

static int state_run(const struct cmd_global *g, const void *options, int n, char **operands,
		     struct err *e)
{
	__attribute__((cleanup(store_done))) struct store s = {.root = FD_NONE};
	__attribute__((cleanup(store_entry_done))) struct store_entry en = {.dir = FD_NONE};
	struct json j = {.a = g->arena, .style = JSON_PRETTY};
	struct document d;
	int r = store_open(&s, g->root, STORE_EXISTING, g->arena, e);

	(void)options;
	(void)n;
	if (r == 0)
		r = store_get(&s, operands[0], STORE_NO_LOCK, &en, e);
	if (r == 0)
		r = document_load(&en, g->arena, &d, e);
	if (r < 0)
		return r;
	document_write(&j, &d);
	return document_print(&j, e);
}

const struct cmd cmd_state = {
	.name = "state",
	.args = "ID",
	.summary = "show the state of a container as JSON",
	.options = NULL,
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.run = state_run,
};
