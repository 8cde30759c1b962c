/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "libocispec/oci.h"
#include "plan/env.h"
#include "plan/plan.h"
#include "plan/ready.h"
#include "plan/sched.h"

static const struct {
	const char *name;
	int resource;
} process_rlimit_names[] = {
	{"RLIMIT_AS", RLIMIT_AS},
	{"RLIMIT_CORE", RLIMIT_CORE},
	{"RLIMIT_CPU", RLIMIT_CPU},
	{"RLIMIT_DATA", RLIMIT_DATA},
	{"RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", RLIMIT_NICE},
	{"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_NPROC", RLIMIT_NPROC},
	{"RLIMIT_RSS", RLIMIT_RSS},
	{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"RLIMIT_STACK", RLIMIT_STACK},
};

static int process_rlimit(struct plan_process *pp, const struct oci_rlimit *r, struct err *e)
{
	for (size_t i = 0; i < pp->n_rlimit; i++)
		if (strcmp(pp->rlimit[i].name, r->type) == 0)
			return err_set(e, EINVAL, ".type: '%s' is given twice", r->type);
	if (r->soft.v > r->hard.v)
		return err_set(e, EINVAL, ".type: %s: soft limit %llu is above the hard limit %llu",
			       r->type, (unsigned long long)r->soft.v,
			       (unsigned long long)r->hard.v);
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

/* execve(2): a string of at most 32 pages (MAX_ARG_STRLEN), all of them in at most 6 MiB, three
 * quarters of the kernel's default stack. Its E2BIG would come only at start and say nothing. */
#define PROCESS_STRING_MAX ((size_t)131071)
#define PROCESS_STRINGS_MAX ((size_t)6 << 20)

static int process_fits(const char *what, const char *const *v, size_t n, size_t *total,
			struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		size_t bytes = strlen(v[i]);
		if (bytes > PROCESS_STRING_MAX)
			return err_set(
				e, E2BIG,
				"process.%s[%zu]: argument list too long: %zu bytes, at most %zu",
				what, i, bytes, PROCESS_STRING_MAX);
		*total += bytes + 1 + sizeof(char *);
		if (*total > PROCESS_STRINGS_MAX)
			return err_set(e, E2BIG,
				       "process.%s: argument list too long: args and env take more "
				       "than 6 MiB",
				       what);
	}
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

/* That it leads to a directory below the rootfs is checked where it is entered (CVE-2024-21626). */
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
		r = env_build(p, o, in->options, ready_folder(p, in), e);
	size_t total = 0;
	if (r == 0)
		r = process_fits("args", o->args, o->n_args, &total, e);
	if (r == 0)
		r = process_fits("env", p->process.env, p->process.n_env, &total, e);
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
