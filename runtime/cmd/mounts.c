/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>

#include "apply/container.h"
#include "base/io.h"
#include "cmd/target.h"
#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/exec.h"

#define MOUNTS_MAX_TEXT ((size_t)1 << 20)

static int mounts_read(const char *name, struct arena *a, struct oci_mount **out, size_t *out_n,
		       struct err *e)
{
	char *text;
	size_t len;
	int r = strcmp(name, "-") == 0 ? io_read_all(STDIN_FILENO, MOUNTS_MAX_TEXT, a, &text, &len)
				       : io_read_given(name, MOUNTS_MAX_TEXT, a, &text, &len);

	if (r < 0)
		return err_sys(e, -r, "'%.300s'", name);
	r = oci_mounts_parse(text, len, a, out, out_n, e);
	return r < 0 ? err_at(e, "'%.300s'", name) : 0;
}

static int mounts_plan(const struct target *t, const struct host *h, struct oci_mount *v, size_t n,
		       struct plan *p, int *types, struct arena *a, struct err *e)
{
	struct oci_config *config;
	const char *text;
	size_t len;
	struct plan_options options = {.id = t->record->id, .bundle = t->record->bundle};
	int r = store_load_config(&t->entry, a, &text, &len, e);

	if (r == 0)
		r = oci_config_parse(text, len, a, &config, e);
	if (r < 0)
		return r;
	config->mounts = v;
	config->n_mounts = n;
	struct plan_input in = {config, h, &options};
	return plan_mounts_build(p, a, &in, types, e);
}

static int mounts_run(const struct cmd_global *g, const void *options, int n, char **operands,
		      struct err *e)
{
	autotarget struct target t = TARGET_EMPTY;
	__attribute__((cleanup(host_done))) struct host h = {.root = FD_NONE};
	bool add = strcmp(operands[0], "add") == 0;
	struct oci_mount *v;
	size_t n_mounts;
	struct plan p;
	int types;

	(void)options;
	(void)n;
	if (!add && strcmp(operands[0], "remove") != 0)
		return err_set(e, EINVAL, "must be add or remove, got '%.100s'", operands[0]);
	int r = mounts_read(operands[2], g->arena, &v, &n_mounts, e);
	if (r == 0)
		r = target_open(&t, g, operands[1], STORE_LOCK, e);
	if (r < 0)
		return r;
	if (t.status == STATUS_STOPPED || t.status == STATUS_CREATING)
		return err_set(e, ESRCH, "the container is %s: container not running",
			       status_name(t.status));
	r = host_open(&h, "/", g->arena, e);
	if (r == 0)
		r = mounts_plan(&t, &h, v, n_mounts, &p, &types, g->arena, e);
	return r < 0 ? r
		     : container_mounts(t.record, &p, &h, types,
					add ? CONTAINER_MOUNTS_ADD : CONTAINER_MOUNTS_REMOVE, e);
}

const struct cmd cmd_mounts = {
	.name = "mounts",
	.args = "add|remove ID FILE",
	.summary = "add mounts to a running container, or remove them",
	.options = NULL,
	.order = CMD_PERMUTE,
	.min_operands = 3,
	.max_operands = 3,
	.failure_status = 1,
	.seal = true,
	.run = mounts_run,
};
