/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/json.h"
#include "cgroup/cgroup.h"

/*
 * What the kernel counts for a container. Times are nanoseconds, sizes bytes. A value the node does
 * not have stays 0, a list empty. Limits: STATS_NO_LIMIT where there is none.
 */
#define STATS_NO_LIMIT UINT64_MAX

/* One line of a *.pressure file; the averages are percentages as the kernel prints them ("0.25").
 */
struct stats_pressure_line {
	const char *avg10, *avg60, *avg300;
	uint64_t total; /* us */
};

struct stats_pressure {
	bool set;
	struct stats_pressure_line some, full;
};

/* A counted resource: memory, one huge page size, one region of device memory. */
struct stats_usage {
	const char *key; /* "2MB", "drm/0000:03:00.0/vram0"; NULL where there is one only */
	uint64_t usage, max, limit, failcnt;
};

struct stats_usages {
	struct stats_usage *v;
	size_t n, cap;
};

struct stats_count {
	const char *key;
	uint64_t value;
};

struct stats_counts {
	struct stats_count *v;
	size_t n, cap;
};

struct stats_numbers {
	uint64_t *v;
	size_t n, cap;
};

struct stats_cpu {
	uint64_t total, user, kernel;
	struct stats_numbers percpu, percpu_user, percpu_kernel; /* v1 */
	uint64_t periods, throttled_periods, throttled_time;
	struct stats_pressure pressure;
};

struct stats_cpuset {
	struct stats_numbers cpus, mems;
	uint64_t flag[8];     /* in the order of stats_cpuset_flags[] */
	int64_t relax_domain; /* sched_relax_domain_level */
};
extern const char *const stats_cpuset_flags[8];

struct stats_memory {
	uint64_t cache;
	struct stats_usage usage, swap, kernel, kernel_tcp; /* swap: memory and swap together */
	struct stats_counts raw;			    /* memory.stat */
	struct stats_pressure pressure;
};

struct stats_io_entry {
	uint64_t major, minor, value;
	const char *op; /* "Read", "Write", ... */
};

struct stats_io_list {
	struct stats_io_entry *v;
	size_t n, cap;
};

enum stats_io_kind {
	STATS_IO_BYTES,
	STATS_IO_OPS,
	STATS_IO_QUEUED,
	STATS_IO_SERVICE_TIME,
	STATS_IO_WAIT_TIME,
	STATS_IO_MERGED,
	STATS_IO_TIME,
	STATS_IO_SECTORS,
	STATS_IO_KINDS
};

struct stats_rdma_entry {
	const char *device;
	uint64_t handles, objects; /* STATS_NO_LIMIT for "max" */
};

struct stats_rdma {
	struct stats_rdma_entry *v;
	size_t n, cap;
};

struct stats {
	struct stats_cpu cpu;
	struct stats_cpuset cpuset;
	struct stats_memory memory;
	uint64_t pids_current, pids_limit;
	struct stats_io_list io[STATS_IO_KINDS];
	struct stats_pressure io_pressure;
	struct stats_usages hugetlb, misc, dmem;
	struct stats_rdma rdma_current, rdma_limit;
	const struct rdt_group *rdt; /* NULL: none; read while it is written */
};

/* Reads everything that the container's directories (cgroup_reopen()) have. A file that a kernel
 * lacks is no error; all memory is the arena's. 0, or -ENOENT when no directory is left, so the
 * container is gone. */
int stats_read(const struct cgroup *c, struct arena *a, struct stats *out, struct err *e);

/* One object under key with the member names of runc's `events --stats`, which containerd's shim
 * decodes, and beyond them "rdma", "misc" and "dmem" where the node counts these. */
void stats_write(struct json *j, const char *key, const struct stats *s);
