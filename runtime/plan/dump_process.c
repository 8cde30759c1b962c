/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/ioprio.h>
#include <sys/capability.h>

#include "plan/dump_out.h"

static void dump_caps(struct dump *d, const char *set, uint64_t caps)
{
	const char *text = "";

	for (int i = 0; i < 64; i++) {
		char *name = (caps & (UINT64_C(1) << i)) != 0 ? cap_to_name(i) : NULL;
		if (name == NULL)
			continue;
		text = arena_printf(d->a, "%s%s%s", text, text[0] != '\0' ? "," : "", name);
		(void)cap_free(name);
	}
	dump_item(d, "caps");
	dump_set(d, "set", set);
	dump_set(d, "caps", text[0] != '\0' ? text : "none");
	dump_set(d, "origin", "process.capabilities");
}

static void dump_creds(struct dump *d, const struct plan_creds *c)
{
	const char *groups = "";

	for (size_t i = 0; i < c->n_groups; i++)
		groups = arena_printf(d->a, "%s%s%u", groups, i > 0 ? "," : "", c->groups[i]);
	dump_item(d, "user");
	dump_setf(d, "ids", "%u:%u", c->uid, c->gid);
	dump_set(d, "groups", groups);
	dump_flag(d, "keep-groups", c->keep_groups);
	dump_flag(d, "no-setgroups", c->no_setgroups);
	if (c->umask.set)
		dump_setf(d, "umask", "%04llo", (unsigned long long)c->umask.v);
	dump_set(d, "origin", "process.user");
	dump_caps(d, "bounding", c->caps.bounding);
	dump_caps(d, "effective", c->caps.effective);
	dump_caps(d, "permitted", c->caps.permitted);
	dump_caps(d, "inheritable", c->caps.inheritable);
	dump_caps(d, "ambient", c->caps.ambient);
	dump_item(d, "keyring");
	dump_set(d, "kind", c->new_keyring ? "new" : "the caller's");
	dump_set(d, "label", c->keyring_label);
	dump_set(d, "origin", c->new_keyring ? "default" : "--no-new-keyring");
}

static void dump_limits(struct dump *d, const struct plan_process *pr)
{
	for (size_t i = 0; i < pr->n_rlimit; i++) {
		dump_item(d, "rlimit");
		dump_set(d, "type", pr->rlimit[i].name);
		dump_setf(d, "soft", "%llu", (unsigned long long)pr->rlimit[i].limit.rlim_cur);
		dump_setf(d, "hard", "%llu", (unsigned long long)pr->rlimit[i].limit.rlim_max);
		dump_set(d, "origin", "process.rlimits");
	}
	if (pr->oom_score_adj.set) {
		dump_item(d, "oom");
		dump_setf(d, "score-adj", "%lld", (long long)pr->oom_score_adj.v);
		dump_set(d, "origin", "process.oomScoreAdj");
	}
	if (pr->personality.set) {
		dump_item(d, "persona");
		dump_setf(d, "value", "0x%llx", (unsigned long long)pr->personality.v);
		dump_set(d, "origin", "linux.personality");
	}
}

/* Numbers as sched_setattr(2), ioprio_set(2) and set_mempolicy(2) take them. */
static void dump_scheduling(struct dump *d, const struct plan_process *pr)
{
	const struct plan_sched *s = &pr->sched;

	if (s->set) {
		dump_item(d, "scheduler");
		dump_setf(d, "policy", "%u", s->policy);
		dump_setf(d, "flags", "0x%llx", (unsigned long long)s->flags);
		dump_setf(d, "nice", "%d", s->nice);
		dump_setf(d, "priority", "%u", s->priority);
		dump_setf(d, "runtime", "%llu", (unsigned long long)s->runtime);
		dump_setf(d, "deadline", "%llu", (unsigned long long)s->deadline);
		dump_setf(d, "period", "%llu", (unsigned long long)s->period);
		dump_set(d, "origin", "process.scheduler");
	}
	if (pr->ioprio.set) {
		dump_item(d, "ioprio");
		dump_setf(d, "class", "%d", (int)IOPRIO_PRIO_CLASS(pr->ioprio.v));
		dump_setf(d, "level", "%d", (int)IOPRIO_PRIO_DATA(pr->ioprio.v));
		dump_set(d, "origin", "process.ioPriority");
	}
	if (pr->mempolicy.set) {
		const size_t bits = 8 * sizeof(*pr->mempolicy_nodes);
		const char *nodes = "";

		for (size_t i = 0; i < pr->mempolicy_bits; i++)
			if ((pr->mempolicy_nodes[i / bits] >> (i % bits) & 1) != 0)
				nodes = arena_printf(d->a, "%s%s%zu", nodes,
						     nodes[0] != '\0' ? "," : "", i);
		dump_item(d, "numa");
		dump_setf(d, "mode", "0x%llx", (unsigned long long)pr->mempolicy.v);
		dump_set(d, "nodes", nodes);
		dump_set(d, "origin", "linux.memoryPolicy");
	}
	if (pr->cpus_initial != NULL || pr->cpus_final != NULL) {
		dump_item(d, "affinity");
		dump_set(d, "initial", pr->cpus_initial);
		dump_set(d, "final", pr->cpus_final);
		dump_set(d, "origin", "process.execCPUAffinity");
	}
}

void dump_process(struct dump *d, const struct plan *p)
{
	const struct plan_process *pr = &p->process;
	const struct plan_creds *c = &p->creds;

	dump_item(d, "process");
	dump_set(d, "args", dump_words(d->a, pr->argv));
	dump_set(d, "cwd", pr->cwd);
	dump_flag(d, "terminal", pr->terminal);
	if (pr->rows != 0 || pr->columns != 0)
		dump_setf(d, "size", "%ux%u", pr->columns, pr->rows);
	dump_flag(d, "no-new-privileges", c->no_new_privs);
	dump_set(d, "apparmor", c->apparmor);
	dump_set(d, "selinux", c->selinux);
	if (pr->preserve_fds > 0)
		dump_setf(d, "preserved-fds", "%u", pr->preserve_fds);
	if (pr->launcher_fd > 0)
		dump_setf(d, "launcher-fd", "%d", pr->launcher_fd);
	dump_set(d, "origin", "process");
	for (size_t i = 0; i < pr->n_env; i++) {
		dump_item(d, "env");
		dump_set(d, "value", pr->env[i]);
		dump_set(d, "origin", "process.env");
	}
	if (pr->home_missing) {
		dump_item(d, "env");
		dump_set(d, "home", "of the container's passwd file");
		dump_set(d, "origin", "default");
	}
	dump_creds(d, c);
	dump_limits(d, pr);
	dump_scheduling(d, pr);
}
