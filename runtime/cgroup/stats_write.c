/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/stats.h"

#include "cgroup/rdt.h"

static void stats_write_numbers(struct json *j, const char *key, const struct stats_numbers *l)
{
	if (l->n == 0)
		return;
	json_open(j, key, '[');
	for (size_t i = 0; i < l->n; i++)
		json_uint(j, NULL, l->v[i]);
	json_close(j, ']');
}

static void stats_write_pressure_line(struct json *j, const char *key,
				      const struct stats_pressure_line *l)
{
	json_open(j, key, '{');
	json_literal(j, "avg10", l->avg10 != NULL ? l->avg10 : "0");
	json_literal(j, "avg60", l->avg60 != NULL ? l->avg60 : "0");
	json_literal(j, "avg300", l->avg300 != NULL ? l->avg300 : "0");
	json_uint(j, "total", l->total);
	json_close(j, '}');
}

static void stats_write_pressure(struct json *j, const struct stats_pressure *p)
{
	if (!p->set)
		return;
	json_open(j, "psi", '{');
	stats_write_pressure_line(j, "some", &p->some);
	stats_write_pressure_line(j, "full", &p->full);
	json_close(j, '}');
}

static void stats_write_cpu(struct json *j, const struct stats_cpu *c)
{
	json_open(j, "cpu", '{');
	json_open(j, "usage", '{');
	json_uint(j, "total", c->total);
	stats_write_numbers(j, "percpu", &c->percpu);
	stats_write_numbers(j, "percpu_kernel", &c->percpu_kernel);
	stats_write_numbers(j, "percpu_user", &c->percpu_user);
	json_uint(j, "kernel", c->kernel);
	json_uint(j, "user", c->user);
	json_close(j, '}');
	json_open(j, "throttling", '{');
	json_uint(j, "periods", c->periods);
	json_uint(j, "throttledPeriods", c->throttled_periods);
	json_uint(j, "throttledTime", c->throttled_time);
	json_close(j, '}');
	stats_write_pressure(j, &c->pressure);
	json_close(j, '}');
}

static void stats_write_cpuset(struct json *j, const struct stats_cpuset *c)
{
	json_open(j, "cpuset", '{');
	stats_write_numbers(j, "cpus", &c->cpus);
	stats_write_numbers(j, "mems", &c->mems);
	for (size_t i = 0; i < ARRAY_LEN(c->flag); i++)
		json_uint(j, stats_cpuset_flags[i], c->flag[i]);
	json_int(j, "sched_relax_domain_level", c->relax_domain);
	json_close(j, '}');
}

static void stats_write_usage(struct json *j, const char *key, const struct stats_usage *u)
{
	json_open(j, key, '{');
	json_uint(j, "limit", u->limit);
	json_uint(j, "usage", u->usage);
	json_uint(j, "max", u->max);
	json_uint(j, "failcnt", u->failcnt);
	json_close(j, '}');
}

static void stats_write_usages(struct json *j, const char *key, const struct stats_usages *l)
{
	json_open(j, key, '{');
	for (size_t i = 0; i < l->n; i++)
		stats_write_usage(j, l->v[i].key, &l->v[i]);
	json_close(j, '}');
}

static void stats_write_memory(struct json *j, const struct stats_memory *m)
{
	json_open(j, "memory", '{');
	json_uint(j, "cache", m->cache);
	stats_write_usage(j, "usage", &m->usage);
	stats_write_usage(j, "swap", &m->swap);
	stats_write_usage(j, "kernel", &m->kernel);
	stats_write_usage(j, "kernelTCP", &m->kernel_tcp);
	json_open(j, "raw", '{');
	for (size_t i = 0; i < m->raw.n; i++)
		json_uint(j, m->raw.v[i].key, m->raw.v[i].value);
	json_close(j, '}');
	stats_write_pressure(j, &m->pressure);
	json_close(j, '}');
}

static void stats_write_io(struct json *j, const struct stats *s)
{
	static const char *const keys[STATS_IO_KINDS] = {
		[STATS_IO_BYTES] = "ioServiceBytesRecursive",
		[STATS_IO_OPS] = "ioServicedRecursive",
		[STATS_IO_QUEUED] = "ioQueueRecursive",
		[STATS_IO_SERVICE_TIME] = "ioServiceTimeRecursive",
		[STATS_IO_WAIT_TIME] = "ioWaitTimeRecursive",
		[STATS_IO_MERGED] = "ioMergedRecursive",
		[STATS_IO_TIME] = "ioTimeRecursive",
		[STATS_IO_SECTORS] = "sectorsRecursive",
	};

	json_open(j, "blkio", '{');
	for (size_t k = 0; k < STATS_IO_KINDS; k++) {
		if (s->io[k].n == 0)
			continue;
		json_open(j, keys[k], '[');
		for (size_t i = 0; i < s->io[k].n; i++) {
			const struct stats_io_entry *x = &s->io[k].v[i];

			json_open(j, NULL, '{');
			json_uint(j, "major", x->major);
			json_uint(j, "minor", x->minor);
			json_string(j, "op", x->op);
			json_uint(j, "value", x->value);
			json_close(j, '}');
		}
		json_close(j, ']');
	}
	stats_write_pressure(j, &s->io_pressure);
	json_close(j, '}');
}

/* The decoders' fields have 32 bits; their largest value says "max". */
static uint64_t stats_rdma_value(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : v;
}

static void stats_write_rdma_list(struct json *j, const char *key, const struct stats_rdma *l)
{
	if (l->n == 0)
		return;
	json_open(j, key, '[');
	for (size_t i = 0; i < l->n; i++) {
		json_open(j, NULL, '{');
		json_string(j, "device", l->v[i].device);
		json_uint(j, "hca_handles", stats_rdma_value(l->v[i].handles));
		json_uint(j, "hca_objects", stats_rdma_value(l->v[i].objects));
		json_close(j, '}');
	}
	json_close(j, ']');
}

void stats_write(struct json *j, const char *key, const struct stats *s)
{
	json_open(j, key, '{');
	stats_write_cpu(j, &s->cpu);
	stats_write_cpuset(j, &s->cpuset);
	stats_write_memory(j, &s->memory);
	json_open(j, "pids", '{');
	json_uint(j, "current", s->pids_current);
	/* readers take 0 for "no limit" */
	json_uint(j, "limit", s->pids_limit == STATS_NO_LIMIT ? 0 : s->pids_limit);
	json_close(j, '}');
	stats_write_io(j, s);
	stats_write_usages(j, "hugetlb", &s->hugetlb);
	rdt_stats_write(j, "intel_rdt", s->rdt);
	json_literal(j, "network_interfaces", "null");
	if (s->rdma_current.n + s->rdma_limit.n > 0) {
		json_open(j, "rdma", '{');
		stats_write_rdma_list(j, "rdma_limit", &s->rdma_limit);
		stats_write_rdma_list(j, "rdma_current", &s->rdma_current);
		json_close(j, '}');
	}
	if (s->misc.n > 0)
		stats_write_usages(j, "misc", &s->misc);
	if (s->dmem.n > 0)
		stats_write_usages(j, "dmem", &s->dmem);
	json_close(j, '}');
}
