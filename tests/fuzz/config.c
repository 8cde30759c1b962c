/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.json to plan, to text and JSON, and to the device program. */
#include "cgroup/device.h"
#include "files.h"
#include "host/host.h"
#include "libocispec/json_tree.h"
#include "libocispec/oci.h"
#include "plan/dump.h"

static void config_plan(const struct oci_config *c, const struct host *h, struct arena *a)
{
	struct plan_options options = {.id = "fuzz", .bundle = files_path};
	struct plan_input in = {.config = c, .host = h, .options = &options};
	struct err e = {0};
	struct plan p;
	size_t n;

	int r = plan_build(&p, a, &in, &e);
	FUZZ_HOLDS((r < 0) == (e.code != 0));
	FUZZ_HOLDS(r == 0 || strchr(e.text, '\n') == NULL);
	if (r < 0)
		return;
	FUZZ_HOLDS(strlen(plan_dump(&p, DUMP_TEXT, &n)) == n);
	FUZZ_HOLDS(strlen(plan_dump(&p, DUMP_JSON, &n)) == n);
	if (p.cgroup.rules.n > 0)
		FUZZ_HOLDS(device_program(&p.cgroup.rules, a, &n) != NULL);
}

/* What is read as a config can be changed as a tree, and is a config afterwards. */
static void config_tree(const char *text, size_t size, struct arena *a)
{
	struct oci_config *c;
	struct oj_node *doc;
	size_t n, again;

	FUZZ_HOLDS(oj_tree_parse(text, size, a, &doc, NULL) == 0);
	const char *out = oj_tree_write(doc, a, &n);
	FUZZ_HOLDS(oci_config_parse(out, n, a, &c, NULL) == 0);
	FUZZ_HOLDS(oj_tree_parse(out, n, a, &doc, NULL) == 0);
	FUZZ_HOLDS(strcmp(oj_tree_write(doc, a, &again), out) == 0 && n == again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = {"cgroup-v1", "cgroup-v2", "podman-rootless"};
	static struct arena host_arena;
	static struct host host[ARRAY_LEN(hosts)];
	autoarena struct arena a = {0};
	struct oci_config *c;
	struct err e = {0};

	fuzz_quiet();
	(void)mkdirat(files_dir(), "rootfs", 0700);
	for (size_t i = 0; i < ARRAY_LEN(hosts) && host[i].arena == NULL; i++)
		FUZZ_HOLDS(host_open(&host[i],
				     arena_printf(&host_arena, "%s/tests/hosts/%s", TOP_SRCDIR,
						  hosts[i]),
				     &host_arena, &e) == 0);
	if (oci_config_parse((const char *)data, size, &a, &c, &e) < 0) {
		FUZZ_HOLDS(e.code != 0 && strchr(e.text, '\n') == NULL);
		return 0;
	}
	config_tree((const char *)data, size, &a);
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		config_plan(c, &host[i], &a);
	return 0;
}
