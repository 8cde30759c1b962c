/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/rdt.h"

#include <sys/stat.h>

#include "base/io.h"
#include "process_fixture.h"

/* A tree with the files of resctrl. It stands still: a new directory has no files in it. */
struct tree {
	struct arena arena;
	char path[64];
	int root;
	struct rdt_group group;
	struct err e;
};

static void put(const struct tree *t, const char *rel, const char *text)
{
	autoclose int fd = openat(t->root, rel, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0, "%s", rel);
	cr_assert_eq(io_write_all(fd, text, strlen(text)), 0);
}

static const char *get(struct tree *t, const char *rel)
{
	char *text;

	cr_assert_eq(io_read_file(t->root, rel, 4096, &t->arena, &text, NULL), 0, "%s", rel);
	return text;
}

static bool exists(const struct tree *t, const char *rel)
{
	return faccessat(t->root, rel, F_OK, 0) == 0;
}

static void tree_open(struct tree *t)
{
	static const char *const dirs[] = {"sys",
					   "sys/fs",
					   "sys/fs/resctrl",
					   "sys/fs/resctrl/info",
					   "sys/fs/resctrl/info/L3",
					   "sys/fs/resctrl/info/MB",
					   "sys/fs/resctrl/info/L3_MON",
					   "sys/fs/resctrl/mon_groups",
					   "sys/fs/resctrl/gold",
					   "sys/fs/resctrl/gold/mon_groups"};

	*t = (struct tree){.group = RDT_EMPTY};
	(void)snprintf(t->path, sizeof(t->path), "/tmp/greffon-rdt-XXXXXX");
	cr_assert_not_null(mkdtemp(t->path));
	t->root = open(t->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		cr_assert_eq(mkdirat(t->root, dirs[i], 0700), 0);
	put(t, "sys/fs/resctrl/schemata", "    MB:0=100\n    L3:0=ffff\n");
	put(t, "sys/fs/resctrl/tasks", "");
	put(t, "sys/fs/resctrl/gold/schemata", "    MB:0= 50;1=100\n    L3:0=00f0;1=ffff\n");
	put(t, "sys/fs/resctrl/gold/tasks", "");
}

static void tree_done(struct tree *t)
{
	char command[128];

	rdt_close(&t->group);
	fd_done(&t->root);
	(void)snprintf(command, sizeof(command), "rm -rf %s", t->path);
	cr_assert_eq(system(command), 0);
	arena_done(&t->arena);
}

#define TREE(t)                                                                                    \
	__attribute__((cleanup(tree_done))) struct tree t;                                         \
	tree_open(&t)

static int make(struct tree *t, const struct plan_rdt *p)
{
	t->group.name = p->group;
	int r = rdt_open(t->root, &t->group, &t->e);
	return r == 0 ? rdt_make(p, "c1", &t->arena, &t->group, &t->e) : r;
}

Test(rdt, a_share_is_found_whatever_its_padding)
{
	static const char text[] = "    MB:0= 50;1=100\n    L3:0=00f0;1=ffff\n";

	cr_assert(rdt_matches(text, "L3:0=f0"));
	cr_assert(rdt_matches(text, "L3:0=F0;1=ffff"));
	cr_assert(rdt_matches(text, "L3:1=0ffff;0=f0;"));
	cr_assert(rdt_matches(text, "MB:0=50"));
	cr_assert(rdt_matches(text, "MB:0=050;1=100"));
	cr_assert(!rdt_matches(text, "MB:0=5"));
	cr_assert(!rdt_matches(text, "MB:2=50"), "a domain that is not there");
	cr_assert(!rdt_matches(text, "L3:0=f0;1=fff0"));
	cr_assert(!rdt_matches(text, "L2:0=f0"), "a resource that is not there");
	cr_assert(!rdt_matches(text, "L:0=f0"));
	cr_assert(!rdt_matches("", "L3:0=f0"));
	cr_assert(!rdt_matches(text, "L3"));
}

Test(rdt, a_group_of_its_own_is_made_written_and_removed)
{
	const char *lines[] = {"L3:0=f", "MB:0=20"};
	struct plan_rdt p = {.group = "c1", .line = lines, .n_line = 2};

	TREE(t);
	cr_assert_eq(make(&t, &p), 0, "%s", t.e.text);
	cr_assert(t.group.made);
	cr_assert_str_eq(get(&t, "sys/fs/resctrl/c1/schemata"), "L3:0=f\nMB:0=20\n");
	cr_assert_eq(rdt_enter(&t.group, &t.e), 0);
	cr_assert_str_eq(get(&t, "sys/fs/resctrl/c1/tasks"), "0");
	/* what the kernel does with its files when the directory goes */
	cr_assert_eq(unlinkat(t.root, "sys/fs/resctrl/c1/tasks", 0), 0);
	cr_assert_eq(unlinkat(t.root, "sys/fs/resctrl/c1/schemata", 0), 0);
	cr_assert_eq(rdt_remove(&t.group, &t.e), 0, "%s", t.e.text);
	cr_assert(!exists(&t, "sys/fs/resctrl/c1"));
}

Test(rdt, a_class_that_exists_is_compared_and_kept)
{
	const char *same[] = {"L3:0=f0", "MB:0=50"}, *other[] = {"L3:0=ff"};
	struct plan_rdt p = {.group = "gold", .named = true, .line = same, .n_line = 2};

	TREE(t);
	cr_assert_eq(make(&t, &p), 0, "%s", t.e.text);
	cr_assert(!t.group.made);
	cr_assert_eq(rdt_remove(&t.group, &t.e), 0);
	cr_assert(exists(&t, "sys/fs/resctrl/gold"));
	cr_assert_eq(rdt_update(&t.group, other, 1, &t.e), -EPERM);
	rdt_close(&t.group);
	p.line = other;
	p.n_line = 1;
	cr_assert_eq(make(&t, &p), -EINVAL);
	cr_assert_not_null(strstr(t.e.text, "'gold' exists and has other shares"), "%s", t.e.text);
}

Test(rdt, a_class_without_shares_is_only_entered)
{
	struct plan_rdt p = {.group = "gold", .named = true};

	TREE(t);
	cr_assert_eq(make(&t, &p), 0, "%s", t.e.text);
	cr_assert(!t.group.made);
	cr_assert_eq(rdt_enter(&t.group, &t.e), 0);
	cr_assert_str_eq(get(&t, "sys/fs/resctrl/gold/tasks"), "0");
}

Test(rdt, a_class_that_this_container_made_stays_while_others_are_in_it)
{
	const char *lines[] = {"L3:0=f"};
	struct plan_rdt p = {.group = "new", .named = true, .line = lines, .n_line = 1};
	char pid[16];

	TREE(t);
	cr_assert_eq(make(&t, &p), 0, "%s", t.e.text);
	cr_assert(t.group.made);
	(void)snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	put(&t, "sys/fs/resctrl/new/tasks", pid);
	cr_assert_eq(rdt_remove(&t.group, &t.e), 0);
	cr_assert(exists(&t, "sys/fs/resctrl/new"));
	put(&t, "sys/fs/resctrl/new/tasks", "");
	cr_assert_lt(rdt_remove(&t.group, &t.e), 0, "now it tries: a plain directory is not empty");
}

Test(rdt, monitoring_has_a_group_of_the_containers_id)
{
	struct plan_rdt p = {.group = ".", .named = true, .monitor = true};

	TREE(t);
	cr_assert_eq(make(&t, &p), 0, "%s", t.e.text);
	cr_assert(!t.group.made && t.group.monitor_made);
	cr_assert_eq(rdt_enter(&t.group, &t.e), 0);
	cr_assert_str_eq(get(&t, "sys/fs/resctrl/mon_groups/c1/tasks"), "0");
	cr_assert_eq(unlinkat(t.root, "sys/fs/resctrl/mon_groups/c1/tasks", 0), 0);
	cr_assert_eq(rdt_remove(&t.group, &t.e), 0, "%s", t.e.text);
	cr_assert(!exists(&t, "sys/fs/resctrl/mon_groups/c1"));
	cr_assert(exists(&t, "sys/fs/resctrl"));
}

Test(rdt, statistics_as_runc_names_them)
{
	struct json j = {.style = JSON_COMPACT};
	size_t len;
	struct plan_rdt p = {.group = "gold", .named = true, .monitor = true};

	TREE(t);
	j.a = &t.arena;
	put(&t, "sys/fs/resctrl/info/L3/cbm_mask", "ffff\n");
	put(&t, "sys/fs/resctrl/info/L3/min_cbm_bits", "1\n");
	put(&t, "sys/fs/resctrl/info/MB/min_bandwidth", "10\n");
	cr_assert_eq(make(&t, &p), 0, "%s", t.e.text);
	cr_assert_eq(mkdirat(t.root, "sys/fs/resctrl/gold/mon_groups/c1/mon_data", 0700), 0);
	cr_assert_eq(mkdirat(t.root, "sys/fs/resctrl/gold/mon_groups/c1/mon_data/mon_L3_00", 0700),
		     0);
	put(&t, "sys/fs/resctrl/gold/mon_groups/c1/mon_data/mon_L3_00/llc_occupancy", "4096\n");
	put(&t, "sys/fs/resctrl/gold/mon_groups/c1/mon_data/mon_L3_00/mbm_total_bytes",
	    "Unavailable\n");
	json_open(&j, NULL, '{');
	rdt_stats_write(&j, "intel_rdt", &t.group);
	rdt_stats_write(&j, "none", NULL);
	json_close(&j, '}');
	cr_assert_str_eq(
		json_end(&j, &len),
		"{\"intel_rdt\":{\"l3_cache_info\":{\"cbm_mask\":\"ffff\",\"min_cbm_bits\":1},"
		"\"l3_cache_schema_root\":\"L3:0=ffff\",\"l3_cache_schema\":\"L3:0=00f0;1=ffff\","
		"\"mem_bw_info\":{\"min_bandwidth\":10},\"mem_bw_schema_root\":\"MB:0=100\","
		"\"mem_bw_schema\":\"MB:0= 50;1=100\",\"mbm_stats\":[{}],"
		"\"cmt_stats\":[{\"llc_occupancy\":4096}]},\"none\":{}}\n");
}

/* ---- planning ---- */

#define RDT(body) "'linux':{'intelRdt':{" body "}}"

static int plan(struct tree *t, struct fixture *f)
{
	fd_done(&f->host.root);
	f->host.root = openat(t->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return plan_rdt_build(&f->plan, &f->in, &f->e);
}

#define PLAN_REFUSES(t, body, part)                                                                \
	do {                                                                                       \
		FIXTURE(f_, RDT(body));                                                            \
		cr_assert_lt(plan(&t, &f_), 0, "%s", body);                                        \
		cr_assert_not_null(strstr(f_.e.text, part), "'%s' lacks '%s'", f_.e.text, part);   \
	} while (0)

Test(rdt_plan, lines_in_the_order_of_writing)
{
	TREE(t);
	FIXTURE(f, RDT("'l3CacheSchema':'MB:0=9\\nL3:0=f\\nL3:1=f','memBwSchema':'MB:0=20',"
		       "'schemata':['L2:0=3'],'enableMonitoring':true"));
	cr_assert_eq(plan(&t, &f), 0, "%s", f.e.text);
	cr_assert_str_eq(f.plan.rdt.group, "t");
	cr_assert(!f.plan.rdt.named && f.plan.rdt.monitor);
	cr_assert_eq(f.plan.rdt.n_line, 4);
	cr_assert_str_eq(f.plan.rdt.line[0], "L3:0=f");
	cr_assert_str_eq(f.plan.rdt.line[1], "L3:1=f");
	cr_assert_str_eq(f.plan.rdt.line[2], "MB:0=20");
	cr_assert_str_eq(f.plan.rdt.line[3], "L2:0=3");
}

Test(rdt_plan, the_default_class_and_an_absent_field)
{
	TREE(t);
	FIXTURE(f, RDT("'closID':'/'"));
	cr_assert_eq(plan(&t, &f), 0, "%s", f.e.text);
	cr_assert_str_eq(f.plan.rdt.group, ".");
	FIXTURE(g, "");
	cr_assert_eq(plan(&t, &g), 0);
	cr_assert_null(g.plan.rdt.group);
}

Test(rdt_plan, what_can_not_be_is_refused)
{
	TREE(t);
	PLAN_REFUSES(t, "'closID':'../x'", "linux.intelRdt.closID");
	PLAN_REFUSES(t, "'closID':'info'", "linux.intelRdt.closID");
	PLAN_REFUSES(t, "'closID':'..'", "linux.intelRdt.closID");
	PLAN_REFUSES(t, "'closID':'absent'", "there is no class 'absent'");
	PLAN_REFUSES(t, "'memBwSchema':'L3:0=f'", "must start with MB:");
	PLAN_REFUSES(t, "'memBwSchema':'MB:0=1\\nL3:0=1'", "must be one line");
	PLAN_REFUSES(t, "'schemata':['L3:0=1\\nMB:0=1']", "linux.intelRdt.schemata");
	PLAN_REFUSES(t, "'l3CacheSchema':'f'", "linux.intelRdt.l3CacheSchema");
	cr_assert_eq(unlinkat(t.root, "sys/fs/resctrl/info/L3_MON", AT_REMOVEDIR), 0);
	PLAN_REFUSES(t, "'enableMonitoring':true", "linux.intelRdt.enableMonitoring");
	cr_assert_eq(unlinkat(t.root, "sys/fs/resctrl/info/MB", AT_REMOVEDIR), 0);
	PLAN_REFUSES(t, "'memBwSchema':'MB:0=1'", "linux.intelRdt.memBwSchema");
	cr_assert_eq(unlinkat(t.root, "sys/fs/resctrl/schemata", 0), 0);
	PLAN_REFUSES(t, "'closID':'gold'", "mount -t resctrl");
}
