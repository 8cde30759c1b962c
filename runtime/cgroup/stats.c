/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/stats.h"

#include <stdio.h>
#include <unistd.h>

#include "cgroup/stats_parse.h"

#define NS_PER_US 1000u

const char *const stats_cpuset_flags[8] = {
	"cpu_exclusive",      "mem_exclusive",	    "mem_hardwall",	  "memory_migrate",
	"memory_spread_page", "memory_spread_slab", "sched_load_balance", "memory_pressure"};

static struct stats_source stats_source(const struct cgroup *c, const char *controller,
					struct arena *a)
{
	return (struct stats_source){a, stats_dir(c, controller)};
}

/* "cpu user system" lines after a header: nanoseconds of each processor. */
static void stats_percpu(const struct stats_source *s, struct stats_cpu *out)
{
	struct stats_numbers all = {0};

	stats_list(s, "cpuacct.usage_percpu", &out->percpu);
	stats_list(s, "cpuacct.usage_all", &all);
	for (size_t i = 0; i + 2 < all.n; i += 3) {
		*ARENA_PUSH(s->a, &out->percpu_user) = all.v[i + 1];
		*ARENA_PUSH(s->a, &out->percpu_kernel) = all.v[i + 2];
	}
}

static void stats_read_cpu(const struct cgroup *c, struct arena *a, struct stats_cpu *out)
{
	struct stats_source s = stats_source(c, "cpu", a), acct = stats_source(c, "cpuacct", a);
	struct stats_counts st = {0};

	stats_pairs(&s, "cpu.stat", &st);
	out->periods = stats_pair(&st, "nr_periods");
	out->throttled_periods = stats_pair(&st, "nr_throttled");
	out->throttled_time =
		stats_pair(&st, "throttled_time") + stats_pair(&st, "throttled_usec") * NS_PER_US;
	if (acct.dir != NULL && !acct.dir->v2) {
		(void)stats_number(&acct, "cpuacct.usage", &out->total);
		(void)stats_number(&acct, "cpuacct.usage_user",
				   &out->user); /* 4.7; cpuacct.stat counts ticks */
		(void)stats_number(&acct, "cpuacct.usage_sys", &out->kernel);
		stats_percpu(&acct, out);
		return;
	}
	out->total = stats_pair(&st, "usage_usec") * NS_PER_US;
	out->user = stats_pair(&st, "user_usec") * NS_PER_US;
	out->kernel = stats_pair(&st, "system_usec") * NS_PER_US;
	stats_pressure(&s, "cpu.pressure", &out->pressure);
}

static void stats_read_cpuset(const struct cgroup *c, struct arena *a, struct stats_cpuset *out)
{
	struct stats_source s = stats_source(c, "cpuset", a);
	uint64_t level;

	stats_ranges(&s, "cpuset.cpus", &out->cpus);
	stats_ranges(&s, "cpuset.mems", &out->mems);
	if (s.dir == NULL || s.dir->v2)
		return;
	for (size_t i = 0; i < ARRAY_LEN(stats_cpuset_flags); i++)
		(void)stats_number(&s, arena_printf(a, "cpuset.%s", stats_cpuset_flags[i]),
				   &out->flag[i]);
	/* -1: the system's default */
	out->relax_domain = stats_number(&s, "cpuset.sched_relax_domain_level", &level) == 0
				    ? (int64_t)level
				    : -1;
}

static void stats_usage_v1(const struct stats_source *s, const char *base, struct stats_usage *out)
{
	(void)stats_number(s, arena_printf(s->a, "%s.usage_in_bytes", base), &out->usage);
	(void)stats_number(s, arena_printf(s->a, "%s.max_usage_in_bytes", base), &out->max);
	(void)stats_number(s, arena_printf(s->a, "%s.limit_in_bytes", base), &out->limit);
	(void)stats_number(s, arena_printf(s->a, "%s.failcnt", base), &out->failcnt);
}

/* Version 1 counts memory and swap together, and so do the readers of these statistics. */
static void stats_swap_v2(const struct stats_source *s, struct stats_memory *out)
{
	uint64_t usage, limit = STATS_NO_LIMIT;

	if (stats_number(s, "memory.swap.current", &usage) < 0)
		return;
	(void)stats_number(s, "memory.swap.max", &limit);
	out->swap.usage = out->usage.usage + usage;
	if (__builtin_add_overflow(out->usage.limit, limit, &out->swap.limit))
		out->swap.limit = STATS_NO_LIMIT;
}

static void stats_read_memory(const struct cgroup *c, struct arena *a, struct stats_memory *out)
{
	struct stats_source s = stats_source(c, "memory", a);
	struct stats_counts events = {0};

	stats_pairs(&s, "memory.stat", &out->raw);
	if (s.dir != NULL && !s.dir->v2) {
		out->cache = stats_pair(&out->raw, "cache");
		stats_usage_v1(&s, "memory", &out->usage);
		stats_usage_v1(&s, "memory.memsw", &out->swap);
		stats_usage_v1(&s, "memory.kmem", &out->kernel);
		stats_usage_v1(&s, "memory.kmem.tcp", &out->kernel_tcp);
		return;
	}
	out->cache = stats_pair(&out->raw, "file");
	(void)stats_number(&s, "memory.current", &out->usage.usage);
	(void)stats_number(&s, "memory.peak", &out->usage.max); /* 5.19 */
	(void)stats_number(&s, "memory.max", &out->usage.limit);
	stats_pairs(&s, "memory.events", &events);
	out->usage.failcnt = stats_pair(&events, "max");
	stats_swap_v2(&s, out);
	stats_pressure(&s, "memory.pressure", &out->pressure);
}

static void stats_read_io(const struct cgroup *c, struct arena *a, struct stats *out)
{
	/* The I/O scheduler in use decides who counts: BFQ, CFQ (before 5.0), or only the
	 * throttling. */
	static const struct {
		enum stats_io_kind kind;
		const char *file[3];
	} files[] = {
		{STATS_IO_BYTES,
		 {"blkio.bfq.io_service_bytes_recursive", "blkio.io_service_bytes_recursive",
		  "blkio.throttle.io_service_bytes_recursive"}},
		{STATS_IO_OPS,
		 {"blkio.bfq.io_serviced_recursive", "blkio.io_serviced_recursive",
		  "blkio.throttle.io_serviced_recursive"}},
		{STATS_IO_QUEUED, {"blkio.bfq.io_queued_recursive", "blkio.io_queued_recursive"}},
		{STATS_IO_SERVICE_TIME,
		 {"blkio.bfq.io_service_time_recursive", "blkio.io_service_time_recursive"}},
		{STATS_IO_WAIT_TIME,
		 {"blkio.bfq.io_wait_time_recursive", "blkio.io_wait_time_recursive"}},
		{STATS_IO_MERGED, {"blkio.bfq.io_merged_recursive", "blkio.io_merged_recursive"}},
		{STATS_IO_TIME, {"blkio.bfq.time_recursive", "blkio.time_recursive"}},
		{STATS_IO_SECTORS, {"blkio.bfq.sectors_recursive", "blkio.sectors_recursive"}},
	};
	struct stats_source s = stats_source(c, "blkio", a);

	if (s.dir == NULL || s.dir->v2) {
		stats_io_v2(&s, out->io);
		stats_pressure(&s, "io.pressure", &out->io_pressure);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		for (size_t k = 0; k < ARRAY_LEN(files[i].file) && files[i].file[k] != NULL; k++)
			if (stats_io_v1(&s, files[i].file[k], &out->io[files[i].kind]))
				break;
}

int stats_read(const struct cgroup *c, struct arena *a, struct stats *out, struct err *e)
{
	if (c->n == 0 || access(c->v[0].path, F_OK) < 0)
		return err_set(e, ENOENT, "the container's cgroup is gone");
	*out = (struct stats){0};
	stats_read_cpu(c, a, &out->cpu);
	stats_read_cpuset(c, a, &out->cpuset);
	stats_read_memory(c, a, &out->memory);
	stats_read_io(c, a, out);
	struct stats_source s = stats_source(c, "pids", a);
	(void)stats_number(&s, "pids.current", &out->pids_current);
	(void)stats_number(&s, "pids.max", &out->pids_limit);
	s = stats_source(c, "hugetlb", a);
	stats_hugetlb(&s, &out->hugetlb);
	s = stats_source(c, "rdma", a);
	stats_rdma(&s, "rdma.current", &out->rdma_current);
	stats_rdma(&s, "rdma.max", &out->rdma_limit);
	s = stats_source(c, "misc", a);
	stats_keyed(&s, "misc", &out->misc);
	s = stats_source(c, "dmem", a);
	stats_keyed(&s, "dmem", &out->dmem);
	return 0;
}
