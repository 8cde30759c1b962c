/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mountinfo, a NUL byte, /proc/self/cgroup, a NUL byte, status, a NUL byte, uid_map. */
#include "host/cgroupfs.h"
#include "files.h"
#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"proc/self/mountinfo", "proc/self/cgroup",
					    "proc/self/status", "proc/self/uid_map"};
	autoarena struct arena a = {0};
	struct err e = {0};

	fuzz_quiet();
	(void)mkdirat(files_dir(), "proc", 0700);
	(void)mkdirat(files_dir(), "proc/self", 0700);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
		size_t n = end != NULL ? (size_t)(end - data) : size;

		files_write(names[i], data, n);
		data += end != NULL ? n + 1 : n;
		size -= end != NULL ? n + 1 : n;
	}
	__attribute__((cleanup(host_done))) struct host h = {.root = FD_NONE};
	if (host_open(&h, files_path, &a, &e) < 0)
		return 0;
	const struct plan_cgroup pc = {.path = "x", .relative = true};
	for (size_t i = 0; i < h.cgroups->n; i++) {
		const struct host_hierarchy *v = &h.cgroups->v[i];

		FUZZ_HOLDS(v->mount != NULL && v->own != NULL && v->controllers != NULL);
		FUZZ_HOLDS(plan_cgroup_dir(&pc, v, &a) != NULL);
	}
	(void)cgroupfs_find(h.cgroups, "memory");
	return 0;
}
