/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host/cgroupfs.h"
#include "libocispec/oci.h"
#include "plan/convert.h"

#define LIMITS_OPTIONAL true

struct limits {
	struct plan *p;
	const struct host *h;
	bool v2; /* of pure v2; otherwise each controller is looked for in the v1 hierarchies first
		  */
	struct err *e;
};

/* Whether the controller is managed by v2 here: on a hybrid host each one lives in one of both. */
static bool limits_is_v2(const struct limits *l, const char *controller)
{
	return l->v2 || cgroupfs_find(l->h->cgroups, controller) == NULL;
}

PRINTF(6, 7)
static int limits_add(struct limits *l, const char *origin, const char *controller,
		      const char *file, bool optional, const char *fmt, ...)
{
	va_list ap;

	/* a list of CPUs of a big node has no bound worth the name */
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_set(l->e, EINVAL, "%s: can't be written", origin);
	char *value = arena_alloc(l->p->arena, (size_t)n + 1);
	va_start(ap, fmt);
	(void)vsnprintf(value, (size_t)n + 1, fmt, ap);
	va_end(ap);
	*ARENA_PUSH(l->p->arena, &l->p->cgroup.settings) = (struct plan_setting){
		.controller = controller,
		.file = file,
		.value = value,
		.optional = optional,
		.v2 = limits_is_v2(l, controller),
		.origin = origin,
	};
	l->p->cgroup.has_limits = true;
	return 0;
}

/* A number that is set. 0 means "not set" to the engines that write these fields. */
static int limits_i64(struct limits *l, struct opt_i64 v, const char *origin,
		      const char *controller, const char *file)
{
	if (!v.set || v.v == 0)
		return 0;
	return limits_add(l, origin, controller, file, false, "%lld", (long long)v.v);
}

static int limits_u64(struct limits *l, struct opt_u64 v, const char *origin,
		      const char *controller, const char *file)
{
	if (!v.set || v.v == 0)
		return 0;
	return limits_add(l, origin, controller, file, false, "%llu", (unsigned long long)v.v);
}

static int limits_swap_v1(struct limits *l, const struct oci_memory *m)
{
	struct opt_i64 swap = m->swap;

	/* docker: an unlimited memory limit with swap unset means unlimited swap as well */
	if (m->limit.set && m->limit.v == -1 && (!swap.set || swap.v == 0))
		swap = (struct opt_i64){true, -1};
	if (!swap.set || swap.v == 0)
		return 0;
	if (swap.v > 0 && m->limit.set && swap.v < m->limit.v)
		return err_set(l->e, EINVAL,
			       "linux.resources.memory.swap: %lld is below the memory limit %lld",
			       (long long)swap.v, (long long)m->limit.v);
	return limits_add(l, "linux.resources.memory.swap", "memory", "memory.memsw.limit_in_bytes",
			  swap.v == -1, "%lld", (long long)swap.v);
}

static int limits_memory_v1(struct limits *l, const struct oci_memory *m)
{
	int r = limits_i64(l, m->limit, "linux.resources.memory.limit", "memory",
			   "memory.limit_in_bytes");

	if (r == 0)
		r = limits_swap_v1(l, m);
	if (r == 0)
		r = limits_i64(l, m->reservation, "linux.resources.memory.reservation", "memory",
			       "memory.soft_limit_in_bytes");
	if (r == 0 && m->swappiness.set) {
		if (m->swappiness.v > 100)
			return err_set(l->e, ERANGE,
				       "linux.resources.memory.swappiness: must be 0 to 100");
		r = limits_add(l, "linux.resources.memory.swappiness", "memory",
			       "memory.swappiness", false, "%llu",
			       (unsigned long long)m->swappiness.v);
	}
	if (r == 0 && m->disable_oom_killer.v)
		r = limits_add(l, "linux.resources.memory.disableOOMKiller", "memory",
			       "memory.oom_control", false, "1");
	/* the one limit of kernel memory that v1 still keeps; a kernel may be built without */
	if (r == 0 && m->kernel_tcp.set && m->kernel_tcp.v != 0)
		r = limits_add(l, "linux.resources.memory.kernelTCP", "memory",
			       "memory.kmem.tcp.limit_in_bytes", true, "%lld",
			       (long long)m->kernel_tcp.v);
	return r;
}

static const char *limits_max(struct limits *l, int64_t v)
{
	return v < 0 ? "max" : arena_printf(l->p->arena, "%lld", (long long)v);
}

static int limits_memory_v2(struct limits *l, const struct oci_memory *m)
{
	struct opt_i64 swap;
	int r = 0;

	if (convert_memory_swap(m->limit, m->swap, &swap) < 0)
		return err_set(l->e, EINVAL,
			       "linux.resources.memory.swap: %lld needs a memory limit that is set "
			       "and not above it",
			       (long long)m->swap.v);
	/* a missing file means no swap accounting: no error for what is then true anyway */
	if (swap.set)
		r = limits_add(l, "linux.resources.memory.swap", "memory", "memory.swap.max",
			       swap.v <= 0, "%s", limits_max(l, swap.v));
	if (r == 0 && m->limit.set && m->limit.v != 0)
		r = limits_add(l, "linux.resources.memory.limit", "memory", "memory.max", false,
			       "%s", limits_max(l, m->limit.v));
	if (r == 0 && m->reservation.set && m->reservation.v != 0)
		r = limits_add(l, "linux.resources.memory.reservation", "memory", "memory.low",
			       false, "%s", limits_max(l, m->reservation.v));
	if (r == 0 && m->disable_oom_killer.v)
		return err_set(
			l->e, ENOTSUP,
			"linux.resources.memory.disableOOMKiller: cgroup v2 has no such switch");
	if (m->swappiness.set)
		log_debug("linux.resources.memory.swappiness: cgroup v2 has none, ignored");
	if (m->kernel_tcp.set)
		log_debug("linux.resources.memory.kernelTCP: cgroup v2 has none, ignored");
	return r;
}

static int limits_memory(struct limits *l, const struct oci_memory *m)
{
	if (m == NULL)
		return 0;
	if (m->limit.v < -1 || m->swap.v < -1 || m->reservation.v < -1)
		return err_set(l->e, ERANGE,
			       "linux.resources.memory: a limit is -1 (none) or a number of bytes");
	if (m->kernel.set)
		log_debug(
			"linux.resources.memory.kernel: kernels have dropped this limit, ignored");
	l->p->cgroup.memory_limit = m->limit;
	return limits_is_v2(l, "memory") ? limits_memory_v2(l, m) : limits_memory_v1(l, m);
}

static int limits_cpu_v1(struct limits *l, const struct oci_cpu *c)
{
	int r = limits_u64(l, c->shares, "linux.resources.cpu.shares", "cpu", "cpu.shares");

	if (r == 0)
		r = limits_u64(l, c->period, "linux.resources.cpu.period", "cpu",
			       "cpu.cfs_period_us");
	if (r == 0)
		r = limits_i64(l, c->quota, "linux.resources.cpu.quota", "cpu", "cpu.cfs_quota_us");
	if (r == 0 && c->burst.set)
		r = limits_add(l, "linux.resources.cpu.burst", "cpu", "cpu.cfs_burst_us", false,
			       "%llu", (unsigned long long)c->burst.v);
	if (r == 0)
		r = limits_u64(l, c->realtime_period, "linux.resources.cpu.realtimePeriod", "cpu",
			       "cpu.rt_period_us");
	if (r == 0)
		r = limits_i64(l, c->realtime_runtime, "linux.resources.cpu.realtimeRuntime", "cpu",
			       "cpu.rt_runtime_us");
	if (r == 0 && c->idle.set)
		r = limits_add(l, "linux.resources.cpu.idle", "cpu", "cpu.idle", false, "%lld",
			       (long long)c->idle.v);
	return r;
}

/* Quota and period are one file; no quota is "max". */
static int limits_cpu_max(struct limits *l, const struct oci_cpu *c)
{
	if (c->quota.v == 0 && c->period.v == 0)
		return 0;
	return limits_add(
		l, c->quota.set ? "linux.resources.cpu.quota" : "linux.resources.cpu.period", "cpu",
		"cpu.max", false, "%s %llu", limits_max(l, c->quota.v > 0 ? c->quota.v : -1),
		(unsigned long long)(c->period.v != 0 ? c->period.v : 100000));
}

static int limits_cpu_v2(struct limits *l, const struct oci_cpu *c)
{
	struct opt_u64 weight = {c->shares.set, convert_cpu_shares(c->shares.v)};
	int r = 0;

	if (c->realtime_runtime.v != 0 || c->realtime_period.v != 0)
		return err_set(
			l->e, ENOTSUP,
			"linux.resources.cpu.realtimeRuntime: cgroup v2 has no realtime limits");
	if (c->idle.set)
		r = limits_add(l, "linux.resources.cpu.idle", "cpu", "cpu.idle", false, "%lld",
			       (long long)c->idle.v);
	/* an idle group refuses a weight */
	if (r == 0 && c->idle.v != 1)
		r = limits_u64(l, weight, "linux.resources.cpu.shares", "cpu", "cpu.weight");
	if (r == 0)
		r = limits_cpu_max(l, c);
	if (r == 0 && c->burst.set)
		r = limits_add(l, "linux.resources.cpu.burst", "cpu", "cpu.max.burst", false,
			       "%llu", (unsigned long long)c->burst.v);
	return r;
}

static int limits_cpu(struct limits *l, const struct oci_cpu *c)
{
	int r;

	if (c == NULL)
		return 0;
	if (c->idle.set && (c->idle.v < 0 || c->idle.v > 1))
		return err_set(l->e, ERANGE, "linux.resources.cpu.idle: must be 0 or 1");
	if (c->quota.v < -1)
		return err_set(l->e, ERANGE,
			       "linux.resources.cpu.quota: must be -1 (none) or microseconds");
	r = limits_is_v2(l, "cpu") ? limits_cpu_v2(l, c) : limits_cpu_v1(l, c);
	/* memory nodes first: CPUs far from all allowed memory would be useless for a moment */
	if (r == 0 && c->mems != NULL && c->mems[0] != '\0')
		r = limits_add(l, "linux.resources.cpu.mems", "cpuset", "cpuset.mems", false, "%s",
			       c->mems);
	if (r == 0 && c->cpus != NULL && c->cpus[0] != '\0')
		r = limits_add(l, "linux.resources.cpu.cpus", "cpuset", "cpuset.cpus", false, "%s",
			       c->cpus);
	return r;
}

static int limits_pids(struct limits *l, const struct oci_pids *pids)
{
	if (pids == NULL || !pids->limit.set)
		return 0;
	if (pids->limit.v < -1)
		return err_set(
			l->e, ERANGE,
			"linux.resources.pids.limit: must be -1 (none) or a number of tasks");
	/* 0 would forbid init itself: 1, as systemd and runc have it */
	return limits_add(l, "linux.resources.pids.limit", "pids", "pids.max", false, "%s",
			  limits_max(l, pids->limit.v == 0 ? 1 : pids->limit.v));
}

static int limits_throttle(struct limits *l, const struct oci_throttle_device *v, size_t n,
			   const char *v1_file, const char *v2_key, const char *origin)
{
	bool v2 = limits_is_v2(l, "blkio");
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (v2)
			r = limits_add(l, origin, "io", "io.max", false, "%lld:%lld %s=%llu",
				       (long long)v[i].major.v, (long long)v[i].minor.v, v2_key,
				       (unsigned long long)v[i].rate.v);
		else
			r = limits_add(l, origin, "blkio", v1_file, false, "%lld:%lld %llu",
				       (long long)v[i].major.v, (long long)v[i].minor.v,
				       (unsigned long long)v[i].rate.v);
	}
	return r;
}

static int limits_io_weight(struct limits *l, const struct oci_block_io *b)
{
	bool v2 = limits_is_v2(l, "blkio");
	int r = 0;

	if (b->weight.set && b->weight.v != 0 && (b->weight.v < 10 || b->weight.v > 1000))
		return err_set(l->e, ERANGE,
			       "linux.resources.blockIO.weight: must be 10 to 1000, got %llu",
			       (unsigned long long)b->weight.v);
	/* which file exists depends on the I/O scheduler: the writer tries the alternative after
	 * '|' */
	if (b->weight.set && b->weight.v != 0) {
		if (v2)
			r = limits_add(l, "linux.resources.blockIO.weight", "io",
				       "io.bfq.weight|io.weight", false, "%llu|%llu",
				       (unsigned long long)b->weight.v,
				       (unsigned long long)convert_blkio_weight(b->weight.v));
		else
			r = limits_add(l, "linux.resources.blockIO.weight", "blkio",
				       "blkio.bfq.weight|blkio.weight", false, "%llu|%llu",
				       (unsigned long long)b->weight.v,
				       (unsigned long long)b->weight.v);
	}
	for (size_t i = 0; r == 0 && i < b->n_weight_device; i++) {
		const struct oci_weight_device *d = &b->weight_device[i];

		r = limits_add(
			l, "linux.resources.blockIO.weightDevice", v2 ? "io" : "blkio",
			v2 ? "io.bfq.weight|io.weight"
			   : "blkio.bfq.weight_device|blkio.weight_device",
			false, "%lld:%lld %llu|%lld:%lld %llu", (long long)d->major.v,
			(long long)d->minor.v, (unsigned long long)d->weight.v,
			(long long)d->major.v, (long long)d->minor.v,
			(unsigned long long)(v2 ? convert_blkio_weight(d->weight.v) : d->weight.v));
	}
	return r;
}

static int limits_block_io(struct limits *l, const struct oci_block_io *b)
{
	int r;

	if (b == NULL)
		return 0;
	if (b->leaf_weight.set && b->leaf_weight.v != 0)
		log_debug("linux.resources.blockIO.leafWeight: kernels have dropped it (5.0), "
			  "ignored");
	r = limits_io_weight(l, b);
	if (r == 0)
		r = limits_throttle(l, b->throttle_read_bps_device, b->n_throttle_read_bps_device,
				    "blkio.throttle.read_bps_device", "rbps",
				    "linux.resources.blockIO.throttleReadBpsDevice");
	if (r == 0)
		r = limits_throttle(l, b->throttle_write_bps_device, b->n_throttle_write_bps_device,
				    "blkio.throttle.write_bps_device", "wbps",
				    "linux.resources.blockIO.throttleWriteBpsDevice");
	if (r == 0)
		r = limits_throttle(l, b->throttle_read_iops_device, b->n_throttle_read_iops_device,
				    "blkio.throttle.read_iops_device", "riops",
				    "linux.resources.blockIO.throttleReadIOPSDevice");
	if (r == 0)
		r = limits_throttle(l, b->throttle_write_iops_device,
				    b->n_throttle_write_iops_device,
				    "blkio.throttle.write_iops_device", "wiops",
				    "linux.resources.blockIO.throttleWriteIOPSDevice");
	return r;
}

static int limits_hugetlb(struct limits *l, const struct oci_resources *res)
{
	bool v2 = limits_is_v2(l, "hugetlb");
	int r = 0;

	for (size_t i = 0; r == 0 && i < res->n_hugepage_limits; i++) {
		const struct oci_hugepage_limit *h = &res->hugepage_limits[i];
		const char *origin =
			arena_printf(l->p->arena, "linux.resources.hugepageLimits[%zu]", i);
		size_t digits = strspn(h->page_size, "0123456789");
		const char *unit = h->page_size + digits;

		if (digits == 0 || digits > 12 ||
		    (strcmp(unit, "KB") != 0 && strcmp(unit, "MB") != 0 && strcmp(unit, "GB") != 0))
			return err_set(l->e, EINVAL,
				       "%s.pageSize: must be like 2MB or 1GB, got '%.40s'", origin,
				       h->page_size);
		const char *file = arena_printf(l->p->arena,
						v2 ? "hugetlb.%s.max" : "hugetlb.%s.limit_in_bytes",
						h->page_size);
		r = limits_add(l, origin, "hugetlb", file, false, "%llu",
			       (unsigned long long)h->limit.v);
		/* config-linux.md: the reservation limit too, where the kernel has one (5.7) */
		file = arena_printf(l->p->arena,
				    v2 ? "hugetlb.%s.rsvd.max" : "hugetlb.%s.rsvd.limit_in_bytes",
				    h->page_size);
		if (r == 0)
			r = limits_add(l, origin, "hugetlb", file, LIMITS_OPTIONAL, "%llu",
				       (unsigned long long)h->limit.v);
	}
	return r;
}

static int limits_network(struct limits *l, const struct oci_network *n)
{
	int r = 0;

	if (n == NULL)
		return 0;
	if ((n->class_id.set && n->class_id.v != 0 &&
	     cgroupfs_find(l->h->cgroups, "net_cls") == NULL) ||
	    (n->n_priorities > 0 && cgroupfs_find(l->h->cgroups, "net_prio") == NULL))
		return err_set(
			l->e, ENOTSUP,
			"linux.resources.network: needs the v1 controllers net_cls and net_prio, "
			"which this host does not have mounted");
	if (n->class_id.set && n->class_id.v != 0)
		r = limits_add(l, "linux.resources.network.classID", "net_cls", "net_cls.classid",
			       false, "%llu", (unsigned long long)n->class_id.v);
	for (size_t i = 0; r == 0 && i < n->n_priorities; i++)
		r = limits_add(l, "linux.resources.network.priorities", "net_prio",
			       "net_prio.ifpriomap", false, "%s %llu", n->priorities[i].name,
			       (unsigned long long)n->priorities[i].priority.v);
	return r;
}

int limits_rdma_device(struct plan *p, const struct host *h, const char *device,
		       struct opt_u64 handles, struct opt_u64 objects, const char *origin,
		       bool optional, struct err *e)
{
	struct limits l = {p, h, h->cgroups->mode == CGROUP_V2, e};
	char value[128];
	size_t n = (size_t)snprintf(value, sizeof(value), "%.40s", device);

	if (strpbrk(device, " \n\t/") != NULL || device[0] == '\0')
		return err_set(e, EINVAL,
			       "linux.resources.rdma: '%.40s' is not the name of a device", device);
	if (handles.set)
		n += (size_t)snprintf(value + n, sizeof(value) - n, " hca_handle=%llu",
				      (unsigned long long)handles.v);
	if (objects.set)
		(void)snprintf(value + n, sizeof(value) - n, " hca_object=%llu",
			       (unsigned long long)objects.v);
	return limits_add(&l, origin, "rdma", "rdma.max", optional, "%s", value);
}

static int limits_rdma(struct limits *l, const struct oci_resources *res)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < res->n_rdma; i++) {
		const struct oci_rdma *d = &res->rdma[i];
		r = limits_rdma_device(l->p, l->h, d->key, d->hca_handles, d->hca_objects,
				       arena_printf(l->p->arena, "linux.resources.rdma.%s", d->key),
				       false, l->e);
	}
	return r;
}

/* config-linux.md "Unified": file name to content, v2 only, applied last. */
static int limits_unified(struct limits *l, const struct oci_resources *res)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < res->n_unified; i++) {
		const char *key = res->unified[i].key;
		const char *dot = strchr(key, '.');

		if (dot == NULL || dot == key || strchr(key, '/') != NULL ||
		    strpbrk(key, "\n ") != NULL)
			return err_set(l->e, EINVAL,
				       "linux.resources.unified: '%.80s' is not of the form "
				       "controller.file",
				       key);
		if (!l->v2)
			return err_set(
				l->e, ENOTSUP,
				"linux.resources.unified: '%s' needs cgroup v2, this host has v1",
				key);
		const char *controller = arena_strndup(l->p->arena, key, (size_t)(dot - key));
		*ARENA_PUSH(l->p->arena, &l->p->cgroup.settings) = (struct plan_setting){
			.controller = strcmp(controller, "cgroup") == 0 ? "" : controller,
			.file = key,
			.value = res->unified[i].value,
			.v2 = true,
			.origin = arena_printf(l->p->arena, "linux.resources.unified.%s", key),
		};
		l->p->cgroup.has_limits = true;
	}
	return r;
}

int limits_build(struct plan *p, const struct host *h, const struct oci_resources *res,
		 struct err *e)
{
	struct limits l = {p, h, h->cgroups->mode == CGROUP_V2, e};
	int r = limits_memory(&l, res->memory);

	if (r == 0)
		r = limits_cpu(&l, res->cpu);
	if (r == 0)
		r = limits_pids(&l, res->pids);
	if (r == 0)
		r = limits_block_io(&l, res->block_io);
	if (r == 0)
		r = limits_hugetlb(&l, res);
	if (r == 0)
		r = limits_network(&l, res->network);
	if (r == 0)
		r = limits_rdma(&l, res);
	return r == 0 ? limits_unified(&l, res) : r;
}
