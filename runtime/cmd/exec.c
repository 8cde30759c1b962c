/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>

#include "apply/container.h"
#include "base/io.h"
#include "cmd/bring_up.h"
#include "cmd/cmd.h"
#include "cmd/hardening.h"
#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/exec.h"
#include "plan/graft.h"

struct exec_options {
	const char *process, *user, *cwd, *apparmor, *process_label;
	const char *console_socket, *pid_file, *pidfd_socket;
	struct cmd_list env, caps, gids, cgroups;
	bool tty, detach, no_new_privs, ignore_paused;
	struct opt_u64 preserve_fds;
};

#define EXEC_OPTION(name, letter, kind, member, value, help)                                       \
	{                                                                                          \
		name, letter, kind, offsetof(struct exec_options, member), value, help             \
	}
static const struct cmd_option exec_options[] = {
	EXEC_OPTION("process", 'p', CMD_STRING, process, "FILE",
		    "JSON of the process, in place of the other options"),
	EXEC_OPTION("tty", 't', CMD_FLAG, tty, NULL, "give the process a terminal"),
	EXEC_OPTION("detach", 'd', CMD_FLAG, detach, NULL, "return when the process runs"),
	EXEC_OPTION("user", 'u', CMD_STRING, user, "UID[:GID]", "numeric ids in the container"),
	EXEC_OPTION("additional-gids", 'g', CMD_LIST, gids, "GID",
		    "supplementary group; may be repeated"),
	EXEC_OPTION("env", 'e', CMD_LIST, env, "NAME=VALUE",
		    "add to the environment; may be repeated"),
	EXEC_OPTION("cwd", 0, CMD_STRING, cwd, "DIR", "working directory in the container"),
	EXEC_OPTION("cap", 'c', CMD_LIST, caps, "CAP", "add a capability; may be repeated"),
	EXEC_OPTION("apparmor", 0, CMD_STRING, apparmor, "PROFILE",
		    "AppArmor profile of the process"),
	EXEC_OPTION("process-label", 0, CMD_STRING, process_label, "LABEL",
		    "SELinux label of the process"),
	EXEC_OPTION("no-new-privs", 0, CMD_FLAG, no_new_privs, NULL, "set no_new_privs"),
	EXEC_OPTION("cgroup", 0, CMD_LIST, cgroups, "[CONTROLLER:]PATH",
		    "cgroup below the container's own; may be repeated for controllers of v1"),
	EXEC_OPTION("ignore-paused", 0, CMD_FLAG, ignore_paused, NULL,
		    "also in a paused container (it will wait)"),
	EXEC_OPTION("console-socket", 0, CMD_STRING, console_socket, "SOCKET",
		    "unix socket that receives the terminal's master"),
	EXEC_OPTION("pid-file", 0, CMD_STRING, pid_file, "FILE", "file to write the pid to"),
	EXEC_OPTION("pidfd-socket", 0, CMD_STRING, pidfd_socket, "SOCKET",
		    "unix socket that receives a pidfd"),
	EXEC_OPTION("preserve-fds", 0, CMD_UINT, preserve_fds, "N",
		    "pass N descriptors after standard error"),
	EXEC_OPTION("no-subreaper", 0, CMD_IGNORED, tty, NULL,
		    "accepted for callers of runc; has no effect"),
	{0},
};

/* One id, in full: a misread string must never become 0 (CVE-2026-30892). 2^32-1 means "no id" to
 * the kernel. */
static int exec_id(const char *text, const char *option, struct opt_u64 *out, struct err *e)
{
	uint64_t v;

	if (num_u64(text, UINT32_MAX - 1, &v) < 0)
		return err_set(e, EINVAL, "%s: '%s' is not a numeric id", option, text);
	*out = (struct opt_u64){true, v};
	return 0;
}

static int exec_user(struct oci_process *p, const struct exec_options *o, struct arena *a,
		     struct err *e)
{
	struct oci_user *user = arena_new(a, struct oci_user);
	int r = 0;

	if (p->user != NULL)
		*user = *p->user;
	p->user = user;
	if (o->user != NULL) {
		const char *colon = strchr(o->user, ':');
		const char *uid = colon == NULL
					  ? o->user
					  : arena_strndup(a, o->user, (size_t)(colon - o->user));

		r = exec_id(uid, "--user", &user->uid, e);
		if (r == 0 && colon != NULL)
			r = exec_id(colon + 1, "--user", &user->gid, e);
	}
	if (r < 0 || o->gids.n == 0)
		return r;
	struct opt_u64 gid = {0};
	__typeof__(user->additional_gids) gids =
		arena_array(a, user->n_additional_gids + o->gids.n, sizeof(*user->additional_gids));
	memcpy(gids, user->additional_gids, user->n_additional_gids * sizeof(*gids));
	user->additional_gids = gids;
	for (size_t i = 0; r == 0 && i < o->gids.n; i++) {
		r = exec_id(o->gids.v[i], "--additional-gids", &gid, e);
		gids[user->n_additional_gids++] = (__typeof__(*gids))gid.v;
	}
	return r;
}

static const char **exec_join(struct arena *a, const char *const *v, size_t n,
			      const struct cmd_list *more, size_t *out_n)
{
	const char **all = arena_array(a, n + more->n + 1, sizeof(*all));

	if (n > 0)
		memcpy(all, v, n * sizeof(*all));
	if (more->n > 0)
		memcpy(all + n, more->v, more->n * sizeof(*all));
	*out_n = n + more->n;
	return all;
}

/* Added to the bounding, effective and permitted sets, never to the inheritable one
 * (CVE-2022-29162). */
static void exec_caps(struct oci_process *p, const struct exec_options *o, struct arena *a)
{
	struct oci_capabilities *c = arena_new(a, struct oci_capabilities);

	if (o->caps.n == 0)
		return;
	if (p->capabilities != NULL)
		*c = *p->capabilities;
	p->capabilities = c;
	c->bounding = exec_join(a, c->bounding, c->n_bounding, &o->caps, &c->n_bounding);
	c->effective = exec_join(a, c->effective, c->n_effective, &o->caps, &c->n_effective);
	c->permitted = exec_join(a, c->permitted, c->n_permitted, &o->caps, &c->n_permitted);
}

static int exec_from_options(const struct oci_config *config, const struct exec_options *o, int n,
			     char **operands, struct arena *a, struct oci_process **out,
			     struct err *e)
{
	struct oci_process *p = arena_new(a, struct oci_process);
	int r;

	if (n < 2)
		return err_set(e, EINVAL, "exec: needs a program to run, or --process FILE");
	if (config->process != NULL)
		*p = *config->process;
	else
		p->cwd = "/";
	p->terminal = (struct opt_bool){true, o->tty};
	p->console_size = NULL;
	p->args = arena_array(a, (size_t)n, sizeof(*p->args));
	p->n_args = (size_t)n - 1;
	for (int i = 1; i < n; i++)
		p->args[i - 1] = operands[i];
	p->env = exec_join(a, p->env, p->n_env, &o->env, &p->n_env);
	if (o->cwd != NULL)
		p->cwd = o->cwd;
	if (o->apparmor != NULL)
		p->apparmor_profile = o->apparmor;
	if (o->process_label != NULL)
		p->selinux_label = o->process_label;
	if (o->no_new_privs)
		p->no_new_privileges = (struct opt_bool){true, true};
	exec_caps(p, o, a);
	r = exec_user(p, o, a, e);
	*out = p;
	return r;
}

static int exec_from_file(const char *path, struct arena *a, struct oci_process **out,
			  struct err *e)
{
	char *text;
	size_t len;
	int r = io_read_given(path, (size_t)16 << 20, a, &text, &len);

	if (r < 0)
		return err_sys(e, -r, "--process: '%s'", path);
	r = oci_process_parse(text, len, a, out, e);
	return r < 0 ? err_at(e, "--process") : 0;
}

/* A name of the container's own tree: it must not lead out of it. */
static int exec_check_below(const char *path, struct err *e)
{
	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p, "/");
		if ((n == 2 && strncmp(p, "..", 2) == 0) || (n == 1 && *p == '.') ||
		    (n == 0 && p != path))
			return err_set(e, EINVAL,
				       "--cgroup: %s is not a sub cgroup path: it must not have "
				       "empty, '.' or '..' parts",
				       path);
		p += n + (p[n] == '/');
	}
	return 0;
}

static int exec_check_cgroups(const struct cmd_list *cgroups, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < cgroups->n; i++) {
		const char *colon = strchr(cgroups->v[i], ':');

		if (colon == NULL && cgroups->n > 1)
			return err_set(
				e, EINVAL,
				"--cgroup: '%s' needs a CONTROLLER: in front, as there are several",
				cgroups->v[i]);
		r = exec_check_below(colon != NULL ? colon + 1 : cgroups->v[i], e);
	}
	return r;
}

static int exec_check(const struct exec_options *o, const struct plan *p, struct err *e)
{
	if (p->process.terminal && o->detach && o->console_socket == NULL)
		return err_set(e, EINVAL,
			       "process.terminal: a detached process with a terminal needs "
			       "--console-socket");
	if (!p->process.terminal && o->console_socket != NULL)
		return err_set(e, EINVAL,
			       "--console-socket: the process has no terminal to send, use --tty");
	return exec_check_cgroups(&o->cgroups, e);
}

static int exec_plan(const struct cmd_global *g, const struct exec_options *o, int n,
		     char **operands, const struct store_entry *en, const struct record *rec,
		     const struct host *h, struct plan *p, int *types, struct err *e)
{
	struct oci_config *config;
	struct oci_process *process;
	const char *text;
	size_t len;
	struct plan_options po = {
		.id = rec->id,
		.bundle = rec->bundle,
		.strict = g->strict,
		.no_new_keyring = rec->no_new_keyring, /* else it joins the container's */
		.preserve_fds = (unsigned int)o->preserve_fds.v,
		.console_socket = o->console_socket != NULL,
		.detach = o->detach,
		.seccomp_receiver = getenv(BRING_UP_SECCOMP_RECEIVER),
	};
	bring_up_listen(&po);
	int r = g->strict ? hardening_check(e) : 0;

	if (r == 0)
		r = store_load_config(en, g->arena, &text, &len, e);

	if (r == 0)
		r = oci_config_parse(text, len, g->arena, &config, e);
	if (r == 0)
		r = o->process != NULL
			    ? exec_from_file(o->process, g->arena, &process, e)
			    : exec_from_options(config, o, n, operands, g->arena, &process, e);
	if (r < 0)
		return r;
	/* as runc has it: a process that says nothing of capabilities gets the container's */
	if (process->capabilities == NULL && config->process != NULL)
		process->capabilities = config->process->capabilities;
	struct plan_input in = {config, h, &po};
	r = plan_exec_build(p, g->arena, &in, process, types, e);
	/* the config does not know of them */
	return r == 0 && rec->graft != NULL ? plan_graft_process(p, h, rec->graft, e) : r;
}

static int exec_run(const struct cmd_global *g, const void *options, int n, char **operands,
		    struct err *e)
{
	const struct exec_options *o = options;
	__attribute__((cleanup(store_done))) struct store s = {.root = FD_NONE};
	__attribute__((cleanup(store_entry_done))) struct store_entry en = {.dir = FD_NONE};
	__attribute__((cleanup(host_done))) struct host h = {.root = FD_NONE};
	struct record *rec;
	struct plan p;
	struct container_exec_options co = {
		.console_socket = o->console_socket,
		.pid_file = o->pid_file,
		.pidfd_socket = o->pidfd_socket,
		.cgroups = o->cgroups.v,
		.n_cgroups = o->cgroups.n,
		.detach = o->detach,
		.ignore_paused = o->ignore_paused,
	};
	int r = bring_up_check_fds(o->preserve_fds.v, e); /* before it is cut to size */

	if (r == 0)
		r = store_open(&s, g->root, STORE_EXISTING, g->arena, e);

	if (r == 0)
		r = store_get(&s, operands[0], STORE_NO_LOCK, &en, e);
	if (r == 0)
		r = store_read(&en, g->arena, &rec, e);
	if (r == 0)
		r = host_open(&h, "/", g->arena, e);
	if (r == 0)
		r = exec_plan(g, o, n, operands, &en, rec, &h, &p, &co.types, e);
	if (r == 0)
		r = exec_check(o, &p, e);
	if (r == 0)
		r = bring_up_check_fds(p.process.preserve_fds, e);
	if (r < 0)
		return r;
	co.cache = p.seccomp.profile != NULL ? store_seccomp_cache(&s) : FD_NONE;
	return container_exec(&en, rec, &p, &h, &co, e);
}

const struct cmd cmd_exec = {
	.name = "exec",
	.args = "ID [PROGRAM [ARGUMENT...]]",
	.summary = "run a further program in a container",
	.options = exec_options,
	.options_size = sizeof(struct exec_options),
	.order = CMD_STOP_AT_OPERAND,
	.min_operands = 1,
	.max_operands = -1,
	.failure_status = 255,
	.seal = true,
	.run = exec_run,
};
