/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "libocispec/oci.h"
#include "plan/plan.h"
#include "plan/sched.h"

static const struct {
	const char *name;
	int resource;
} process_rlimit_names[] = {
	{"RLIMIT_AS", RLIMIT_AS},	    {"RLIMIT_CORE", RLIMIT_CORE},
	{"RLIMIT_CPU", RLIMIT_CPU},	    {"RLIMIT_DATA", RLIMIT_DATA},
	{"RLIMIT_FSIZE", RLIMIT_FSIZE},	    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK}, {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", RLIMIT_NICE},	    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_NPROC", RLIMIT_NPROC},	    {"RLIMIT_RSS", RLIMIT_RSS},
	{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},   {"RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING}, {"RLIMIT_STACK", RLIMIT_STACK},
};

static int process_rlimit(struct plan_process *pp, const struct oci_rlimit *r, struct err *e)
{
	for (size_t i = 0; i < pp->n_rlimit; i++)
		if (strcmp(pp->rlimit[i].name, r->type) == 0)
			return err_set(e, EINVAL, ".type: '%s' is given twice", r->type);
	if (r->soft.v > r->hard.v)
		return err_set(e, EINVAL, ": %s: soft limit %llu is above the hard limit %llu", r->type,
			       (unsigned long long)r->soft.v, (unsigned long long)r->hard.v);
	for (size_t i = 0; i < ARRAY_LEN(process_rlimit_names); i++) {
		if (strcmp(process_rlimit_names[i].name, r->type) != 0)
			continue;
		pp->rlimit[pp->n_rlimit++] = (struct plan_rlimit){
			process_rlimit_names[i].resource, r->type, {r->soft.v, r->hard.v}};
		return 0;
	}
	return err_set(e, EINVAL, ".type: unknown limit '%s'", r->type);
}

static int process_rlimits_build(struct plan *p, const struct oci_process *o, struct err *e)
{
	p->process.rlimit = arena_array(p->arena, o->n_rlimits, sizeof(*p->process.rlimit));
	for (size_t i = 0; i < o->n_rlimits; i++) {
		struct err why = {0};
		if (process_rlimit(&p->process, &o->rlimits[i], &why) < 0)
			return err_set(e, why.code, "process.rlimits[%zu]%s", i, why.text);
	}
	return 0;
}

/* A later entry of the same name takes the place of an earlier one, as the peers do. */
static void process_env_set(struct plan_process *pp, const char *entry)
{
	size_t name = (size_t)(strchr(entry, '=') - entry) + 1;

	for (size_t i = 0; i < pp->n_env; i++)
		if (strncmp(pp->env[i], entry, name) == 0) {
			pp->env[i] = entry;
			return;
		}
	pp->env[pp->n_env++] = entry;
}

static int process_env(struct plan *p, const struct oci_process *o, const struct plan_options *po, struct err *e)
{
	struct plan_process *pp = &p->process;

	/* LISTEN_FDS, LISTEN_PID, HOME and the end */
	pp->env = arena_array(p->arena, o->n_env + 4, sizeof(*pp->env));
	for (size_t i = 0; i < o->n_env; i++) {
		const char *equals = strchr(o->env[i], '=');
		if (equals == NULL || equals == o->env[i])
			return err_set(e, EINVAL, "process.env[%zu]: must be of the form NAME=VALUE, got '%.80s'", i,
				       o->env[i]);
		process_env_set(pp, o->env[i]);
	}
	if (po->listen_fds > 0) {
		process_env_set(pp, arena_printf(p->arena, "LISTEN_FDS=%u", po->listen_fds));
		process_env_set(pp, "LISTEN_PID=1");
	}
	pp->home_missing = true;
	for (size_t i = 0; i < pp->n_env; i++)
		if (strncmp(pp->env[i], "HOME=", 5) == 0 && pp->env[i][5] != '\0')
			pp->home_missing = false;
	return 0;
}

static int process_args(struct plan *p, const struct oci_process *o, struct err *e)
{
	if (o->n_args == 0)
		return err_set(e, EINVAL, "process.args: must name a program");
	if (o->args[0][0] == '\0')
		return err_set(e, EINVAL, "process.args[0]: executable path is empty");
	p->process.argv = arena_array(p->arena, o->n_args + 1, sizeof(*p->process.argv));
	memcpy(p->process.argv, o->args, o->n_args * sizeof(*o->args));
	return 0;
}

/* A path of a magic link (/proc/self/fd/7) could lead to a descriptor of the host (CVE-2024-21626). */
static int process_cwd(struct plan *p, const struct oci_process *o, struct err *e)
{
	if (o->cwd == NULL || o->cwd[0] != '/')
		return err_set(e, EINVAL, "process.cwd: must be an absolute path, got '%.200s'",
			       o->cwd != NULL ? o->cwd : "");
	if (strlen(o->cwd) >= 4096)
		return err_set(e, ENAMETOOLONG, "process.cwd: is longer than 4095 bytes");
	p->process.cwd = o->cwd;
	return 0;
}

static int process_terminal(struct plan *p, const struct oci_process *o, struct err *e)
{
	p->process.terminal = o->terminal.v;
	if (o->console_size == NULL || !p->process.terminal)
		return 0;
	if (o->console_size->height.v > UINT16_MAX || o->console_size->width.v > UINT16_MAX)
		return err_set(e, ERANGE, "process.consoleSize: at most 65535 by 65535");
	p->process.rows = (uint16_t)o->console_size->height.v;
	p->process.columns = (uint16_t)o->console_size->width.v;
	return 0;
}

int plan_process_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_process *o = in->config->process;
	int r;

	p->process.preserve_fds = in->options->preserve_fds + in->options->listen_fds;
	if (o == NULL)
		return 0;
	r = process_args(p, o, e);
	if (r == 0)
		r = process_cwd(p, o, e);
	if (r == 0)
		r = process_env(p, o, in->options, e);
	if (r == 0)
		r = process_terminal(p, o, e);
	if (r == 0)
		r = process_rlimits_build(p, o, e);
	if (r < 0)
		return r;
	if (o->oom_score_adj.set && (o->oom_score_adj.v < -1000 || o->oom_score_adj.v > 1000))
		return err_set(e, ERANGE, "process.oomScoreAdj: must be -1000 to 1000, got %lld",
			       (long long)o->oom_score_adj.v);
	p->process.oom_score_adj = o->oom_score_adj;
	return sched_build(p, in->config, e);
}
