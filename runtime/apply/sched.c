/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/sched.h"

#include <sched.h>
#include <string.h>
#include <sys/personality.h>

#include "apply/creds.h"
#include "sys/sys.h"

#define SCHED_IOPRIO_WHO_PROCESS 1

/* struct sched_attr, version 0 with the flags the spec has (sched_setattr(2), Linux 3.14). */
struct sched_attr_v0 {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int sched_apply_policy(const struct plan_sched *s, struct err *e)
{
	struct sched_attr_v0 attr = {
		.size = sizeof(attr),
		.policy = s->policy,
		.flags = s->flags,
		.nice = s->nice,
		.priority = s->priority,
		.runtime = s->runtime,
		.deadline = s->deadline,
		.period = s->period,
	};
	int r = sys_sched_setattr(0, &attr, 0);

	if (r == -EPERM)
		return err_set(e, EPERM,
			       "process.scheduler: operation not permitted; a realtime or deadline "
			       "policy needs "
			       "CAP_SYS_NICE, and on cgroup v1 a share of cpu.rt_runtime_us");
	if (r == -EBUSY)
		return err_set(e, EBUSY,
			       "process.scheduler: not enough free deadline bandwidth, or CPUs are "
			       "excluded by "
			       "the cpuset");
	return r < 0 ? err_sys(e, -r, "process.scheduler") : 0;
}

int process_sched(const struct plan *p, struct err *e)
{
	const struct plan_process *pp = &p->process;
	int r = 0;

	if (pp->sched.set)
		r = sched_apply_policy(&pp->sched, e);
	if (r < 0)
		return r;
	if (pp->ioprio.set) {
		r = sys_ioprio_set(SCHED_IOPRIO_WHO_PROCESS, 0, (int)pp->ioprio.v);
		if (r < 0)
			return err_sys(e, -r, "process.ioPriority");
	}
	if (pp->personality.set && personality(pp->personality.v) < 0)
		return err_sys(e, errno, "linux.personality");
	if (pp->mempolicy.set) {
		r = sys_set_mempolicy((int)pp->mempolicy.v,
				      pp->mempolicy_bits > 0 ? pp->mempolicy_nodes : NULL,
				      pp->mempolicy_bits);
		if (r < 0)
			return err_sys(e, -r,
				       "linux.memoryPolicy: the kernel refuses mode and nodes "
				       "(nodes outside "
				       "cpuset.mems, or a mode newer than the kernel)");
	}
	return 0;
}

/* Masks longer than the kernel's are fine, shorter ones are not: this one has room for 64k CPUs. */
#define SCHED_MASK_BITS 65536

int process_affinity_reset(void)
{
	unsigned long bits[SCHED_MASK_BITS / 8 / sizeof(unsigned long)];

	memset(bits, 0xff, sizeof(bits));
	/* best effort, as with the peers: what the cpuset allows is what remains */
	(void)sched_setaffinity(0, sizeof(bits), (const cpu_set_t *)(const void *)bits);
	return 0;
}

int process_affinity_set(const char *cpus, struct err *e)
{
	unsigned long bits[SCHED_MASK_BITS / 8 / sizeof(unsigned long)] = {0};

	if (sched_list(cpus, bits, SCHED_MASK_BITS) <= 0)
		return err_set(e, EINVAL,
			       "process.execCPUAffinity: '%s' is not a list such as 0-3,8", cpus);
	if (sched_setaffinity(0, sizeof(bits), (const cpu_set_t *)(const void *)bits) < 0)
		return err_sys(e, errno, "process.execCPUAffinity: '%s'", cpus);
	return 0;
}
