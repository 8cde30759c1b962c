/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cgroup/stats.h"
#include "cgroup/update.h"
#include "libocispec/oci.h"

/* A plain directory stands for a v2 cgroup. */
struct fixture {
	struct arena a;
	char path[40];
	int fd;
	struct cgroup_dir dir;
	struct cgroup c;
};

static void fixture_new(struct fixture *f)
{
	*f = (struct fixture){.path = "/tmp/cgroup_update_test.XXXXXX"};
	cr_assert_not_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->dir = (struct cgroup_dir){
		.controllers = "", .path = f->path, .v2 = true, .fd = f->fd, .tasks = FD_NONE};
	f->c = (struct cgroup){.v = &f->dir, .n = 1, .arena = &f->a};
}

static void fixture_done(struct fixture *f)
{
	DIR *d = opendir(f->path);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL)
		(void)unlinkat(f->fd, entry->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(f->path);
	fd_done(&f->fd);
	arena_done(&f->a);
}
#define FIXTURE(name)                                                                              \
	__attribute__((cleanup(fixture_done))) struct fixture name;                                \
	fixture_new(&name)

static void put(struct fixture *f, const char *file, const char *text)
{
	cr_assert_eq(io_replace(f->fd, file, text, strlen(text), 0644, IO_NO_SYNC), 0, "%s", file);
}

/* What a file starts with: unlike a control file, a plain one keeps what a shorter write leaves. */
static void starts(struct fixture *f, const char *file, const char *want)
{
	char *text;

	cr_assert_eq(io_read_file(f->fd, file, 65536, &f->a, &text, NULL), 0, "%s", file);
	cr_assert_eq(strncmp(text, want, strlen(want)), 0, "%s: '%s'", file, text);
}

Test(cgroup_update, writes_every_setting)
{
	FIXTURE(f);
	struct plan_setting v[] = {{.controller = "memory",
				    .file = "memory.max",
				    .value = "222",
				    .v2 = true,
				    .origin = "m"},
				   {.controller = "io",
				    .file = "io.bfq.weight|io.weight",
				    .value = "500|4950",
				    .v2 = true,
				    .origin = "w"},
				   {.controller = "x",
				    .file = "none.max",
				    .value = "1",
				    .v2 = true,
				    .optional = true,
				    .origin = "o"}};
	struct plan_cgroup pc = {.settings = {v, 3, 3}};
	struct err e = {0};

	put(&f, "memory.max", "111\n");
	put(&f, "io.weight", "default 100\n");
	cr_assert_eq(cgroup_update(&f.c, &pc, &e), 0, "%s", e.text);
	starts(&f, "memory.max", "222");
	starts(&f, "io.weight", "4950");
}

Test(cgroup_update, puts_back_what_was_written_when_a_later_one_fails)
{
	FIXTURE(f);
	struct plan_setting v[] = {{.controller = "memory",
				    .file = "memory.max",
				    .value = "222",
				    .v2 = true,
				    .origin = "m"},
				   {.controller = "io",
				    .file = "io.weight",
				    .value = "500",
				    .v2 = true,
				    .origin = "w"},
				   {.controller = "io",
				    .file = "io.max",
				    .value = "8:0 rbps=1",
				    .v2 = true,
				    .origin = "i"},
				   {.controller = "rdma",
				    .file = "rdma.max",
				    .value = "mlx5_1 hca_handle=2",
				    .v2 = true,
				    .origin = "r"},
				   {.controller = "pids",
				    .file = "pids.max",
				    .value = "5",
				    .v2 = true,
				    .origin = "linux.resources.pids.limit"}};
	struct plan_cgroup pc = {.settings = {v, 5, 5}};
	struct err e = {0};

	put(&f, "memory.max", "111\n");
	put(&f, "io.weight", "default 100\n");
	put(&f, "io.max", "8:16 rbps=7 wbps=max riops=max wiops=max\n");
	put(&f, "rdma.max",
	    "mlx5_0 hca_handle=1 hca_object=max\nmlx5_1 hca_handle=9 hca_object=max\n");
	cr_assert_eq(cgroup_update(&f.c, &pc, &e), -ENOENT);
	cr_assert_str_eq(e.text, "linux.resources.pids.limit: this kernel has no pids.max");
	starts(&f, "memory.max", "111");
	starts(&f, "io.weight", "100");
	starts(&f, "io.max", "8:0 rbps=max wbps=max riops=max wiops=max");
	starts(&f, "rdma.max", "mlx5_1 hca_handle=9 hca_object=max");
}

Test(cgroup_update, names_the_controller_that_is_missing)
{
	FIXTURE(f);
	struct plan_setting v[] = {{.controller = "memory",
				    .file = "x",
				    .value = "1",
				    .origin = "linux.resources.memory.limit"}};
	struct plan_cgroup pc = {.settings = {v, 1, 1}};
	struct err e = {0};

	cr_assert_eq(cgroup_update(&f.c, &pc, &e), -ENOTSUP);
	cr_assert_eq(strncmp(e.text, "linux.resources.memory.limit: the controller 'memory'", 52),
		     0, "%s", e.text);
}

Test(cgroup_update, completes_pairs_from_what_the_kernel_has)
{
	FIXTURE(f);
	struct err e = {0};
	struct oci_cpu cpu = {.quota = {true, 7}};
	struct oci_memory memory = {.swap = {true, 300}};
	struct oci_resources res = {.cpu = &cpu, .memory = &memory};

	put(&f, "cpu.max", "max 50000\n");
	put(&f, "memory.max", "100\n");
	cr_assert_eq(update_complete(&f.c, &res, &f.a, &e), 0, "%s", e.text);
	cr_assert(cpu.period.set && cpu.period.v == 50000);
	cr_assert(memory.limit.set && memory.limit.v == 100);
	cpu = (struct oci_cpu){.period = {true, 1000}};
	put(&f, "cpu.max", "250 50000\n");
	cr_assert_eq(update_complete(&f.c, &res, &f.a, &e), 0);
	cr_assert(cpu.quota.set && cpu.quota.v == 250 && cpu.period.v == 1000);
}

Test(cgroup_update, asks_for_room_before_it_takes_it)
{
	FIXTURE(f);
	struct err e = {0};
	struct oci_memory memory = {.limit = {true, 100}, .check_before_update = {true, true}};
	struct oci_resources res = {.memory = &memory};

	put(&f, "memory.current", "101\n");
	cr_assert_eq(update_complete(&f.c, &res, &f.a, &e), -EBUSY);
	put(&f, "memory.current", "100\n");
	cr_assert_eq(update_complete(&f.c, &res, &f.a, &e), 0);
}

Test(stats, reads_v2_files)
{
	FIXTURE(f);
	struct err e = {0};
	struct stats s;

	put(&f, "cpu.stat",
	    "usage_usec 30\nuser_usec 10\nsystem_usec 20\nnr_periods 4\nnr_throttled "
	    "3\nthrottled_usec 2\n");
	put(&f, "cpu.pressure",
	    "some avg10=1.50 avg60=0.00 avg300=0.25 total=77\nfull avg10=x avg60=0.00 avg300=0.00 "
	    "total=0\n");
	put(&f, "memory.current", "100\n");
	put(&f, "memory.max", "max\n");
	put(&f, "memory.stat", "anon 5\nfile 6\n\nodd\n");
	put(&f, "memory.swap.current", "10\n");
	put(&f, "memory.swap.max", "20\n");
	put(&f, "pids.current", "3\n");
	put(&f, "pids.max", "8\n");
	put(&f, "io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n253:1 \n");
	put(&f, "hugetlb.2MB.current", "2097152\n");
	put(&f, "hugetlb.2MB.max", "4194304\n");
	put(&f, "hugetlb.2MB.rsvd.current", "0\n");
	put(&f, "hugetlb.2MB.events", "max 9\n");
	put(&f, "rdma.current", "mlx5_0 hca_handle=2 hca_object=2000\n");
	put(&f, "rdma.max", "mlx5_0 hca_handle=max hca_object=3000\n");
	put(&f, "dmem.current", "drm/0000:03:00.0/vram0 4096\n");
	put(&f, "dmem.max", "drm/0000:03:00.0/vram0 max\n");
	put(&f, "cpuset.cpus", "0-2,5\n");
	cr_assert_eq(stats_read(&f.c, &f.a, &s, &e), 0, "%s", e.text);
	cr_assert_eq(s.cpu.total, 30000);
	cr_assert_eq(s.cpu.throttled_time, 2000);
	cr_assert_str_eq(s.cpu.pressure.some.avg10, "1.50");
	cr_assert_null(s.cpu.pressure.full.avg10);
	cr_assert_eq(s.cpu.pressure.some.total, 77);
	cr_assert_eq(s.memory.cache, 6);
	cr_assert_eq(s.memory.raw.n, 2);
	cr_assert_eq(s.memory.usage.limit, STATS_NO_LIMIT);
	cr_assert_eq(s.memory.swap.usage, 110);
	cr_assert_eq(s.memory.swap.limit, STATS_NO_LIMIT);
	cr_assert_eq(s.pids_limit, 8);
	cr_assert_eq(s.io[STATS_IO_BYTES].n, 3);
	cr_assert_str_eq(s.io[STATS_IO_OPS].v[1].op, "Write");
	cr_assert_eq(s.io[STATS_IO_OPS].v[1].value, 4);
	cr_assert_eq(s.hugetlb.n, 1);
	cr_assert_str_eq(s.hugetlb.v[0].key, "2MB");
	cr_assert_eq(s.hugetlb.v[0].failcnt, 9);
	cr_assert_eq(s.rdma_current.v[0].objects, 2000);
	cr_assert_eq(s.rdma_limit.v[0].handles, STATS_NO_LIMIT);
	cr_assert_eq(s.dmem.v[0].usage, 4096);
	cr_assert_eq(s.cpuset.cpus.n, 4);
	cr_assert_eq(s.cpuset.cpus.v[3], 5);
	struct json j = {.a = &f.a, .style = JSON_COMPACT};
	stats_write(&j, NULL, &s);
	const char *text = json_end(&j, NULL);
	cr_assert_not_null(strstr(text, "\"psi\":{\"some\":{\"avg10\":1.50,"), "%s", text);
	cr_assert_not_null(
		strstr(text, "\"rdma_limit\":[{\"device\":\"mlx5_0\",\"hca_handles\":4294967295,"),
		"%s", text);
}

Test(stats, reads_v1_files)
{
	FIXTURE(f);
	struct err e = {0};
	struct stats s;

	f.dir.v2 = false;
	f.dir.controllers = "cpu,cpuacct,memory,blkio,pids";
	put(&f, "cpuacct.usage", "100\n");
	put(&f, "cpuacct.usage_percpu", "60 40 \n");
	put(&f, "cpuacct.usage_all", "cpu user system\n0 50 10\n1 30 10\n");
	put(&f, "cpu.stat", "nr_periods 1\nnr_throttled 2\nthrottled_time 3\n");
	put(&f, "memory.usage_in_bytes", "7\n");
	put(&f, "memory.stat", "cache 5\n");
	put(&f, "blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Total 1\nTotal 1\n");
	cr_assert_eq(stats_read(&f.c, &f.a, &s, &e), 0, "%s", e.text);
	cr_assert_eq(s.cpu.total, 100);
	cr_assert_eq(s.cpu.percpu.n, 2);
	cr_assert_eq(s.cpu.percpu_user.v[1], 30);
	cr_assert_eq(s.cpu.percpu_kernel.v[0], 10);
	cr_assert_eq(s.cpu.throttled_time, 3);
	cr_assert_eq(s.memory.usage.usage, 7);
	cr_assert_eq(s.memory.cache, 5);
	cr_assert_eq(s.io[STATS_IO_OPS].n, 2);
	cr_assert_eq(s.io[STATS_IO_BYTES].n, 0);
}

Test(stats, says_when_the_container_is_gone)
{
	FIXTURE(f);
	struct err e = {0};
	struct stats s;

	f.dir.path = "/sys/fs/cgroup/there/is/none";
	cr_assert_eq(stats_read(&f.c, &f.a, &s, &e), -ENOENT);
}
