/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/io.h"
#include "cmd/bring_up.h"
#include "host/host.h"
#include "plan/dump.h"
#include "spec/load.h"
#include "state/store.h"

struct plan_cmd_options {
	struct bring_up_options up;
	const char *format, *id, *host;
};

static int plan_run(const struct cmd_global *g, const void *options, int n, char **operands,
		    struct err *e)
{
	const struct plan_cmd_options *o = options;
	__attribute__((cleanup(host_done))) struct host h = {.root = FD_NONE};
	struct bundle b;
	struct plan p;
	bool json = o->format != NULL && strcmp(o->format, "json") == 0;
	const char *id = n > 0 ? operands[0] : "container";

	if (o->format != NULL && !json && strcmp(o->format, "text") != 0)
		return err_set(e, EINVAL, "--format: '%s' is neither text nor json", o->format);
	int r = store_check_id(id, e);
	if (r == 0)
		r = host_open(&h, o->host != NULL ? o->host : "/", g->arena, e);
	if (r == 0)
		r = bundle_load(&b, o->up.bundle, o->up.config, g->arena, e);
	if (r == 0)
		r = bring_up_plan(g, &o->up, id, BRING_UP_RUN, &b, &h, NULL, &p, e);
	if (r < 0)
		return r;
	size_t len;
	const char *text = plan_dump(&p, json ? DUMP_JSON : DUMP_TEXT, &len);
	r = io_write_all(STDOUT_FILENO, text, len);
	return r < 0 ? err_sys(e, -r, "standard output") : 0;
}

#define PLAN_OPTION(name, letter, kind, member, value, help)                                       \
	{                                                                                          \
		name, letter, kind, offsetof(struct plan_cmd_options, member), value, help         \
	}
static const struct cmd_option plan_options[] = {
	PLAN_OPTION("bundle", 'b', CMD_STRING, up.bundle, "DIR",
		    "the bundle's folder (default: the working directory)"),
	PLAN_OPTION("config", 'c', CMD_STRING, up.config, "FILE",
		    "the configuration's file (default: config.json in the bundle)"),
	PLAN_OPTION("format", 'f', CMD_STRING, format, "FORMAT", "text (default) or json"),
	PLAN_OPTION("host", 0, CMD_STRING, host, "DIR",
		    "plan for the node whose captured tree is DIR"),
	PLAN_OPTION("no-pivot", 0, CMD_FLAG, up.no_pivot, NULL, "as create would be called"),
	PLAN_OPTION("no-new-keyring", 0, CMD_FLAG, up.no_new_keyring, NULL,
		    "as create would be called"),
	PLAN_OPTION("preserve-fds", 0, CMD_UINT, up.preserve_fds, "N", "as create would be called"),
	{0},
};

const struct cmd cmd_plan = {
	.name = "plan",
	.args = "[ID]",
	.summary = "print what would be done for a bundle, and who asked for it",
	.options = plan_options,
	.options_size = sizeof(struct plan_cmd_options),
	.order = CMD_PERMUTE,
	.min_operands = 0,
	.max_operands = 1,
	.failure_status = 1,
	.run = plan_run,
};
