/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/sched.h"

#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>

#include "libocispec/oci.h"

/* Enough for any machine; a mask is allocated as long as its list needs. */
#define SCHED_MAX_BITS 65536

#ifndef MPOL_PREFERRED_MANY
#define MPOL_PREFERRED_MANY 5 /* 5.15 */
#endif
#define SCHED_MPOL_WEIGHTED_INTERLEAVE 6 /* 6.9 */
#ifndef MPOL_F_NUMA_BALANCING
#define MPOL_F_NUMA_BALANCING (1 << 13) /* 5.12 */
#endif

struct sched_word {
	const char *name;
	uint64_t value;
};

static const struct sched_word sched_policies[] = {
	{"SCHED_OTHER", SCHED_NORMAL}, {"SCHED_FIFO", SCHED_FIFO},
	{"SCHED_RR", SCHED_RR},	       {"SCHED_BATCH", SCHED_BATCH},
	{"SCHED_IDLE", SCHED_IDLE},    {"SCHED_DEADLINE", SCHED_DEADLINE},
};
static const struct sched_word sched_flags[] = {
	{"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
	{"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
	{"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
	{"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
	{"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
	{"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
	{"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX},
};
static const struct sched_word sched_io_classes[] = {
	{"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
	{"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
	{"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
};
static const struct sched_word sched_mempolicies[] = {
	{"MPOL_DEFAULT", MPOL_DEFAULT},
	{"MPOL_BIND", MPOL_BIND},
	{"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
	{"MPOL_WEIGHTED_INTERLEAVE", SCHED_MPOL_WEIGHTED_INTERLEAVE},
	{"MPOL_PREFERRED", MPOL_PREFERRED},
	{"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
	{"MPOL_LOCAL", MPOL_LOCAL},
};
static const struct sched_word sched_mempolicy_flags[] = {
	{"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING},
	{"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
	{"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
};

static const struct sched_word *sched_find(const struct sched_word *words, size_t n,
					   const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (name != NULL && strcmp(words[i].name, name) == 0)
			return &words[i];
	return NULL;
}

static int sched_deadline(const struct oci_scheduler *o, bool deadline, struct err *e)
{
	if (!deadline && (o->runtime.v != 0 || o->deadline.v != 0 || o->period.v != 0))
		return err_set(e, EINVAL,
			       "process.scheduler: runtime, deadline and period are for "
			       "SCHED_DEADLINE only");
	if (deadline && (o->runtime.v == 0 || o->runtime.v > o->deadline.v ||
			 (o->period.v != 0 && o->deadline.v > o->period.v)))
		return err_set(e, EINVAL,
			       "process.scheduler: SCHED_DEADLINE needs 0 < runtime <= deadline <= "
			       "period");
	return 0;
}

static int sched_priority(const struct oci_scheduler *o, bool realtime, struct err *e)
{
	if (o->nice.v < -20 || o->nice.v > 19)
		return err_set(e, ERANGE, "process.scheduler.nice: must be -20 to 19, got %lld",
			       (long long)o->nice.v);
	if (o->priority.v != 0 && !realtime)
		return err_set(e, EINVAL,
			       "process.scheduler.priority: is for SCHED_FIFO and SCHED_RR only");
	if (realtime && (o->priority.v < 1 || o->priority.v > 99))
		return err_set(e, ERANGE, "process.scheduler.priority: must be 1 to 99, got %lld",
			       (long long)o->priority.v);
	return 0;
}

static int sched_policy(struct plan_sched *s, const struct oci_scheduler *o, struct err *e)
{
	const struct sched_word *policy =
		sched_find(sched_policies, ARRAY_LEN(sched_policies), o->policy);

	if (policy == NULL)
		return err_set(e, EINVAL, "process.scheduler.policy: unknown policy '%s'",
			       o->policy);
	int r = sched_priority(o, policy->value == SCHED_FIFO || policy->value == SCHED_RR, e);
	if (r == 0)
		r = sched_deadline(o, policy->value == SCHED_DEADLINE, e);
	for (size_t i = 0; r == 0 && i < o->n_flags; i++) {
		const struct sched_word *f =
			sched_find(sched_flags, ARRAY_LEN(sched_flags), o->flags[i]);
		if (f == NULL)
			return err_set(e, EINVAL, "process.scheduler.flags[%zu]: unknown flag '%s'",
				       i, o->flags[i]);
		s->flags |= f->value;
	}
	s->set = true;
	s->policy = (uint32_t)policy->value;
	s->nice = (int32_t)o->nice.v;
	s->priority = (uint32_t)o->priority.v;
	s->runtime = o->runtime.v;
	s->deadline = o->deadline.v;
	s->period = o->period.v;
	return r;
}

static int sched_io(struct plan *p, const struct oci_io_priority *o, struct err *e)
{
	const struct sched_word *class =
		sched_find(sched_io_classes, ARRAY_LEN(sched_io_classes), o->class);

	if (class == NULL)
		return err_set(e, EINVAL, "process.ioPriority.class: unknown class '%s'", o->class);
	if (o->priority.v < 0 || o->priority.v > 7)
		return err_set(e, ERANGE, "process.ioPriority.priority: must be 0 to 7, got %lld",
			       (long long)o->priority.v);
	p->process.ioprio = (struct opt_i64){
		true, (int64_t)IOPRIO_PRIO_VALUE((int)class->value, (int)o->priority.v)};
	return 0;
}

static int sched_personality(struct plan *p, const struct oci_personality *o, struct err *e)
{
	if (o->n_flags > 0)
		return err_set(e, EINVAL,
			       "linux.personality.flags: are not supported, as the spec says");
	if (o->domain != NULL && strcmp(o->domain, "LINUX") == 0)
		p->process.personality = (struct opt_u64){true, PER_LINUX};
	else if (o->domain != NULL && strcmp(o->domain, "LINUX32") == 0)
		p->process.personality = (struct opt_u64){true, PER_LINUX32};
	else
		return err_set(e, EINVAL,
			       "linux.personality.domain: must be LINUX or LINUX32, got '%s'",
			       o->domain != NULL ? o->domain : "");
	return 0;
}

/* One "3" or "0-3" of a list; what follows it, or NULL. */
static const char *sched_range(const char *p, unsigned long *from, unsigned long *to)
{
	char *end;

	if (*p < '0' || *p > '9')
		return NULL;
	*from = *to = strtoul(p, &end, 10);
	if (*end != '-')
		return end;
	p = end + 1;
	if (*p < '0' || *p > '9')
		return NULL;
	*to = strtoul(p, &end, 10);
	return end;
}

long sched_list(const char *list, unsigned long *bits, size_t max)
{
	const size_t word = 8 * sizeof(*bits);
	unsigned long from, to;
	long highest = 0;

	for (const char *p = list; *p != '\0';) {
		p = sched_range(p, &from, &to);
		if (p == NULL || to < from || to >= max || (*p != ',' && *p != '\0'))
			return -EINVAL;
		for (unsigned long i = from; i <= to; i++)
			bits[i / word] |= 1ul << (i % word);
		highest = (long)to + 1 > highest ? (long)to + 1 : highest;
		if (p[0] == ',' && p[1] == '\0')
			return -EINVAL;
		p += *p == ',';
	}
	return highest;
}

static int sched_mempolicy_mode(const struct oci_memory_policy *o, int64_t *value, struct err *e)
{
	const struct sched_word *mode =
		sched_find(sched_mempolicies, ARRAY_LEN(sched_mempolicies), o->mode);
	const int64_t both = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;

	if (mode == NULL)
		return err_set(e, EINVAL, "linux.memoryPolicy.mode: unknown mode '%s'",
			       o->mode != NULL ? o->mode : "");
	*value = (int64_t)mode->value;
	for (size_t i = 0; i < o->n_flags; i++) {
		const struct sched_word *f = sched_find(
			sched_mempolicy_flags, ARRAY_LEN(sched_mempolicy_flags), o->flags[i]);
		if (f == NULL)
			return err_set(e, EINVAL,
				       "linux.memoryPolicy.flags[%zu]: unknown flag '%s'", i,
				       o->flags[i]);
		*value |= (int64_t)f->value;
	}
	if ((*value & both) == both)
		return err_set(e, EINVAL,
			       "linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and "
			       "MPOL_F_RELATIVE_NODES exclude each other");
	return (int)mode->value;
}

static int sched_mempolicy(struct plan *p, const struct oci_memory_policy *o, struct err *e)
{
	bool nodes = o->nodes != NULL && o->nodes[0] != '\0';
	int64_t value = 0;
	int mode = sched_mempolicy_mode(o, &value, e);

	if (mode < 0)
		return mode;
	bool bare = mode == MPOL_DEFAULT || mode == MPOL_LOCAL;
	if (bare && nodes)
		return err_set(e, EINVAL, "linux.memoryPolicy.nodes: %s takes none", o->mode);
	if (!bare && !nodes && mode != MPOL_PREFERRED)
		return err_set(e, EINVAL, "linux.memoryPolicy.nodes: %s needs at least one",
			       o->mode);
	p->process.mempolicy = (struct opt_i64){true, value};
	p->process.mempolicy_nodes = arena_alloc(p->arena, SCHED_MAX_BITS / 8);
	long bits = nodes ? sched_list(o->nodes, p->process.mempolicy_nodes, SCHED_MAX_BITS) : 0;
	if (bits < 0)
		return err_set(e, EINVAL,
			       "linux.memoryPolicy.nodes: '%s' is not a list such as 0-3,8",
			       o->nodes);
	/* set_mempolicy(2) takes one bit more than it uses */
	p->process.mempolicy_bits = bits == 0 ? 0 : (size_t)bits + 1;
	return 0;
}

static int sched_affinity(struct plan *p, const struct oci_exec_cpu_affinity *o, struct err *e)
{
	unsigned long *bits = arena_alloc(p->arena, SCHED_MAX_BITS / 8);

	if (o->initial != NULL && sched_list(o->initial, bits, SCHED_MAX_BITS) <= 0)
		return err_set(e, EINVAL,
			       "process.execCPUAffinity.initial: '%s' is not a list such as 0-3,8",
			       o->initial);
	if (o->final != NULL && sched_list(o->final, bits, SCHED_MAX_BITS) <= 0)
		return err_set(e, EINVAL,
			       "process.execCPUAffinity.final: '%s' is not a list such as 0-3,8",
			       o->final);
	p->process.cpus_initial = o->initial;
	p->process.cpus_final = o->final;
	return 0;
}

int sched_build(struct plan *p, const struct oci_config *c, struct err *e)
{
	const struct oci_process *o = c->process;
	int r = 0;

	if (o->scheduler != NULL)
		r = sched_policy(&p->process.sched, o->scheduler, e);
	if (r == 0 && o->io_priority != NULL)
		r = sched_io(p, o->io_priority, e);
	/* exec only (config.md): rootfs is what tells a container's own process from exec's */
	if (r == 0 && o->exec_cpu_affinity != NULL && p->rootfs == NULL)
		r = sched_affinity(p, o->exec_cpu_affinity, e);
	if (r == 0 && c->linux != NULL && c->linux->personality != NULL)
		r = sched_personality(p, c->linux->personality, e);
	if (r == 0 && c->linux != NULL && c->linux->memory_policy != NULL)
		r = sched_mempolicy(p, c->linux->memory_policy, e);
	return r;
}
