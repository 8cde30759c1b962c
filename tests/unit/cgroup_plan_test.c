/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "host/cgroupfs.h"
#include "libocispec/oci.h"
#include "plan/plan.h"

struct fixture {
	struct arena a;
	struct plan p;
	struct err e;
};

static void fixture_done(struct fixture *f)
{
	arena_done(&f->a);
}
#define autofixture __attribute__((cleanup(fixture_done))) struct fixture

/* Plans `linux` (the text of that object) on a captured host. */
static int build_by(struct fixture *f, const char *host, const char *linux_text,
		    enum plan_cgroup_manager manager)
{
	const char *text =
		arena_printf(&f->a, "{\"ociVersion\":\"1.2.0\",\"linux\":%s}", linux_text);
	autoclose int root = open(arena_printf(&f->a, "%s/tests/hosts/%s", TOP_SRCDIR, host),
				  O_PATH | O_CLOEXEC);
	struct host h = {.root = root, .arena = &f->a};
	struct plan_options options = {.id = "box", .manager = manager};
	struct oci_config *config;

	cr_assert_eq(cgroupfs_probe(&h, &f->e), 0, "%s", f->e.text);
	cr_assert_eq(oci_config_parse(text, strlen(text), &f->a, &config, &f->e), 0, "%s",
		     f->e.text);
	struct plan_input in = {.config = config, .host = &h, .options = &options};
	f->p = (struct plan){.arena = &f->a, .id = "box"};
	f->e = (struct err){0};
	return plan_cgroup_build(&f->p, &in, &f->e);
}

static int build(struct fixture *f, const char *host, const char *linux_text)
{
	return build_by(f, host, linux_text, CGROUP_FS);
}

/* "file=value;file=value;" in the order of writing. */
static const char *settings(struct fixture *f)
{
	const char *out = "";

	for (size_t i = 0; i < f->p.cgroup.settings.n; i++) {
		const struct plan_setting *s = &f->p.cgroup.settings.v[i];
		out = arena_printf(&f->a, "%s%s=%s;", out, s->file, s->value);
	}
	return out;
}

static void expect(const char *host, const char *resources, const char *want)
{
	autofixture f = {0};

	cr_assert_eq(build(&f, host, arena_printf(&f.a, "{\"resources\":%s}", resources)), 0,
		     "%s: %s", resources, f.e.text);
	cr_assert_str_eq(settings(&f), want, "%s on %s: got %s", resources, host, settings(&f));
}

static void refuse(const char *host, const char *resources, int code, const char *start)
{
	autofixture f = {0};

	cr_assert_eq(build(&f, host, arena_printf(&f.a, "{\"resources\":%s}", resources)), -code,
		     "%s on %s", resources, host);
	cr_assert_eq(strncmp(f.e.text, start, strlen(start)), 0, "%s", f.e.text);
}

Test(cgroup_plan, writes_v1_files_as_they_are_called)
{
	expect("cgroup-v1",
	       "{\"memory\":{\"limit\":1048576,\"swap\":2097152,\"reservation\":524288,"
	       "\"swappiness\":60,\"kernel\":1},"
	       "\"cpu\":{\"shares\":512,\"quota\":50000,\"period\":100000,\"cpus\":\"0-1\","
	       "\"mems\":\"0\"},\"pids\":{\"limit\":9}}",
	       "memory.limit_in_bytes=1048576;memory.memsw.limit_in_bytes=2097152;memory.soft_"
	       "limit_in_bytes=524288;"
	       "memory.swappiness=60;cpu.shares=512;cpu.cfs_period_us=100000;cpu.cfs_quota_us="
	       "50000;cpuset.mems=0;"
	       "cpuset.cpus=0-1;pids.max=9;");
	expect("cgroup-v1",
	       "{\"network\":{\"classID\":1048577,\"priorities\":[{\"name\":\"eth0\",\"priority\":"
	       "5}]}}",
	       "net_cls.classid=1048577;net_prio.ifpriomap=eth0 5;");
}

Test(cgroup_plan, converts_for_v2)
{
	expect("cgroup-v2",
	       "{\"memory\":{\"limit\":1048576,\"swap\":2097152,\"reservation\":524288},"
	       "\"cpu\":{\"shares\":1024,\"quota\":50000,\"period\":100000},\"pids\":{\"limit\":-1}"
	       "}",
	       "memory.swap.max=1048576;memory.max=1048576;memory.low=524288;cpu.weight=100;cpu."
	       "max=50000 100000;pids.max=max;");
	expect("cgroup-v2", "{\"cpu\":{\"quota\":-1}}", "cpu.max=max 100000;");
	expect("cgroup-v2", "{\"memory\":{\"limit\":-1}}", "memory.swap.max=max;memory.max=max;");
	expect("cgroup-v2", "{\"pids\":{\"limit\":0}}", "pids.max=1;");
	expect("cgroup-v2",
	       "{\"blockIO\":{\"weight\":500,\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,"
	       "\"rate\":1000}],\"weightDevice\":[{\"major\":8,\"minor\":16,\"weight\":1000}]}}",
	       "io.bfq.weight|io.weight=500|4950;"
	       "io.bfq.weight|io.weight=8:16 1000|8:16 10000;io.max=8:0 rbps=1000;");
}

Test(cgroup_plan, keeps_rdma_and_huge_pages_in_both_versions)
{
	static const char resources[] =
		"{\"rdma\":{\"mlx5_0\":{\"hcaHandles\":3,\"hcaObjects\":1000}},"
		"\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]}";

	expect("cgroup-v2", resources,
	       "hugetlb.2MB.max=4194304;hugetlb.2MB.rsvd.max=4194304;rdma.max=mlx5_0 hca_handle=3 "
	       "hca_object=1000;");
	expect("cgroup-v1", resources,
	       "hugetlb.2MB.limit_in_bytes=4194304;hugetlb.2MB.rsvd.limit_in_bytes=4194304;"
	       "rdma.max=mlx5_0 hca_handle=3 hca_object=1000;");
	/* the v1 hierarchies of this host leave hugetlb to v2 */
	expect("cgroup-hybrid",
	       "{\"hugepageLimits\":[{\"pageSize\":\"1GB\",\"limit\":0}],\"pids\":{\"limit\":2}}",
	       "pids.max=2;hugetlb.1GB.max=0;hugetlb.1GB.rsvd.max=0;");
}

Test(cgroup_plan, applies_unified_last_and_checks_its_keys)
{
	expect("cgroup-v2",
	       "{\"unified\":{\"memory.max\":\"5\",\"cgroup.freeze\":\"0\"},\"memory\":{\"limit\":"
	       "7}}",
	       "memory.max=7;memory.max=5;cgroup.freeze=0;");
	refuse("cgroup-v2", "{\"unified\":{\"memory/max\":\"5\"}}", EINVAL,
	       "linux.resources.unified");
	refuse("cgroup-v2", "{\"unified\":{\"../memory.max\":\"5\"}}", EINVAL,
	       "linux.resources.unified");
	refuse("cgroup-v2", "{\"unified\":{\"memory\":\"5\"}}", EINVAL, "linux.resources.unified");
}

Test(cgroup_plan, names_the_field_of_a_value_out_of_range)
{
	refuse("cgroup-v1", "{\"memory\":{\"limit\":-2}}", ERANGE, "linux.resources.memory");
	refuse("cgroup-v1", "{\"memory\":{\"limit\":200,\"swap\":100}}", EINVAL,
	       "linux.resources.memory.swap");
	refuse("cgroup-v2", "{\"memory\":{\"swap\":100}}", EINVAL, "linux.resources.memory.swap");
	refuse("cgroup-v1", "{\"memory\":{\"swappiness\":101}}", ERANGE,
	       "linux.resources.memory.swappiness");
	refuse("cgroup-v1", "{\"pids\":{\"limit\":-5}}", ERANGE, "linux.resources.pids.limit");
	refuse("cgroup-v1", "{\"blockIO\":{\"weight\":9}}", ERANGE,
	       "linux.resources.blockIO.weight");
	refuse("cgroup-v1", "{\"hugepageLimits\":[{\"pageSize\":\"2M/B\",\"limit\":1}]}", EINVAL,
	       "linux.resources.hugepageLimits[0].pageSize");
	refuse("cgroup-v2", "{\"network\":{\"classID\":1}}", ENOTSUP, "linux.resources.network");
	refuse("cgroup-v1", "{\"devices\":[{\"allow\":true,\"type\":\"x\"}]}", EINVAL,
	       "linux.resources.devices[0].type");
	refuse("cgroup-v1", "{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}", EINVAL,
	       "linux.resources.devices[0].access");
	refuse("cgroup-none", "{\"pids\":{\"limit\":5}}", ENOTSUP, "linux.resources.pids.limit");
}

Test(cgroup_plan, leaves_out_an_a_beside_device_accesses)
{
	autofixture f = {0};

	cr_assert_eq(build(&f, "cgroup-v1",
			   "{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwa\"}]}}"),
		     0, "%s", f.e.text);
	cr_assert_eq(f.p.cgroup.rules.v[0].access, PLAN_ACCESS_READ | PLAN_ACCESS_WRITE);
	refuse("cgroup-v1", "{\"devices\":[{\"allow\":true,\"access\":\"a\"}]}", EINVAL,
	       "linux.resources.devices[0].access");
}

Test(cgroup_plan, ends_the_device_rules_with_the_defaults)
{
	autofixture f = {0};

	cr_assert_eq(build(&f, "cgroup-v2", "{\"resources\":{\"devices\":[{\"allow\":false}]}}"), 0,
		     "%s", f.e.text);
	cr_assert_eq(f.p.cgroup.rules.n, 13);
	cr_assert_eq(f.p.cgroup.rules.v[0].type, 'a');
	cr_assert_eq(f.p.cgroup.rules.v[0].access, PLAN_ACCESS_ALL);
	cr_assert_not(f.p.cgroup.rules.v[0].allow);
	for (size_t i = 1; i < f.p.cgroup.rules.n; i++) {
		cr_assert(f.p.cgroup.rules.v[i].allow);
		cr_assert_str_eq(f.p.cgroup.rules.v[i].origin, "default");
	}
	cr_assert_not(f.p.cgroup.has_limits);
}

Test(cgroup_plan, takes_the_path_below_each_hierarchy)
{
	static const struct {
		const char *path, *want;
		bool relative;
	} rows[] = {{"", "box", true},
		    {"/a/b", "a/b", false},
		    {"a/b", "a/b", true},
		    {"//x", "x", false},
		    {"/a/./b//", "a/b", false}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		autofixture f = {0};
		cr_assert_eq(build(&f, "cgroup-v1",
				   arena_printf(&f.a, "{\"cgroupsPath\":\"%s\"}", rows[i].path)),
			     0, "%s", f.e.text);
		cr_assert_str_eq(f.p.cgroup.path, rows[i].want);
		cr_assert_eq(f.p.cgroup.relative, rows[i].relative, "'%s'", rows[i].path);
	}
}

Test(cgroup_plan, refuses_paths_that_climb)
{
	static const char *const bad[] = {"..", "/..", "a/../b", "/a/..", "../../x", "/", "."};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autofixture f = {0};
		cr_assert_eq(build(&f, "cgroup-v2",
				   arena_printf(&f.a, "{\"cgroupsPath\":\"%s\"}", bad[i])),
			     -EINVAL, "'%s'", bad[i]);
		cr_assert_eq(strncmp(f.e.text, "linux.cgroupsPath", 17), 0, "%s", f.e.text);
	}
	autofixture f = {0};
	cr_assert_eq(build(&f, "cgroup-v2", "{\"cgroupsPath\":\"/a..b/...\"}"), 0, "%s", f.e.text);
}

Test(cgroup_plan, stays_where_it_is_when_told_so)
{
	autofixture f = {0};

	cr_assert_eq(build_by(&f, "cgroup-v2", "{}", CGROUP_DISABLED), 0, "%s", f.e.text);
	cr_assert(f.p.cgroup.stay);
	autofixture none = {0};
	cr_assert_eq(build(&none, "cgroup-none", "{}"), 0, "%s", none.e.text);
	cr_assert(none.p.cgroup.stay);
}
