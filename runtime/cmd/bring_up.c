/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/bring_up.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "apply/birth.h"
#include "apply/container.h"
#include "apply/criu.h"
#include "base/log.h"
#include "cgroup/systemd.h"
#include "cmd/hardening.h"
#include "cmd/version.h"
#include "host/host.h"
#include "spec/load.h"

/* Far above any use, far below what would overflow close_range. */
#define BRING_UP_MAX_FDS 65536

/* sd_listen_fds(3): a number in LISTEN_FDS is for us only when LISTEN_PID names us; conmon rewrites
 * it. */
void bring_up_listen(struct plan_options *o)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	uint64_t n, p;

	if (fds == NULL || num_u64(fds, BRING_UP_MAX_FDS, &n) < 0)
		return;
	if (pid != NULL && (num_u64(pid, INT32_MAX, &p) < 0 || (pid_t)p != getpid()))
		return;
	o->listen_fds = (unsigned int)n;
	o->listen_fdnames = getenv("LISTEN_FDNAMES");
}

const char *bring_up_notify_socket(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (path == NULL || path[0] == '\0')
		return NULL;
	if (path[0] == '/' || path[0] == '@')
		return path;
	log_warn("NOTIFY_SOCKET: '%.100s' is not a unix socket, nobody is told when the container "
		 "is ready",
		 path);
	return NULL;
}

int bring_up_check_fds(uint64_t n, struct err *e)
{
	if (n > BRING_UP_MAX_FDS)
		return err_set(e, EINVAL, "--preserve-fds: at most %d", BRING_UP_MAX_FDS);
	for (uint64_t i = 0; i < n; i++) {
		int flags = fcntl((int)(3 + i), F_GETFD);

		/* close-on-exec: it is one of our own, the caller's would not have come here */
		if (flags < 0 || (flags & FD_CLOEXEC) != 0)
			return err_set(e, EBADF,
				       "--preserve-fds: descriptor %llu of %llu is not open",
				       (unsigned long long)(3 + i), (unsigned long long)n);
	}
	return 0;
}

static int bring_up_check_console(const struct bring_up_options *o, const struct plan *p,
				  bool detached, struct err *e)
{
	if (p->process.terminal && detached && o->console_socket == NULL)
		return err_set(e, EINVAL,
			       "process.terminal: a detached container with a terminal needs "
			       "--console-socket");
	if (!p->process.terminal && o->console_socket != NULL)
		return err_set(e, EINVAL,
			       "--console-socket: process.terminal is not set, there is no "
			       "terminal to send");
	return 0;
}

/* Whose systemd the unit belongs to. Root of a user namespace has a manager of its own where it has
 * a runtime directory, as the state has. */
static bool bring_up_is_user(const struct host *h)
{
	return h->euid != 0 || (h->in_userns && getenv("XDG_RUNTIME_DIR") != NULL);
}

/* Before anything is planned: the helper takes longer to get ready than we do. Its error is told
 * only if nothing else is wrong. */
static void bring_up_systemd(const struct cmd_global *g, const struct host *h, struct systemd *s,
			     struct err *e)
{
	enum plan_cgroup_manager manager;
	struct err none = {0};

	if (cmd_manager(g, &manager, &none) == 0 && manager == CGROUP_SYSTEMD)
		(void)systemd_open(s, bring_up_is_user(h), e);
}

int bring_up_plan(const struct cmd_global *g, const struct bring_up_options *o, const char *id,
		  enum bring_up_how how, struct bundle *b, const struct host *h,
		  const char *notify_dir, struct plan *p, struct err *e)
{
	struct plan_options po = {
		.id = id,
		.bundle = b->path,
		.no_pivot = o->no_pivot,
		.no_new_keyring = o->no_new_keyring,
		.strict = g->strict,
		.notify_dir = notify_dir,
		.notify_socket = notify_dir != NULL ? getenv("NOTIFY_SOCKET") : NULL,
		.seccomp_receiver = getenv(BRING_UP_SECCOMP_RECEIVER),
		.systemd_user = bring_up_is_user(h),
		.console_socket = o->console_socket != NULL,
		.detach = how == BRING_UP_CREATE || o->detach,
	};
	struct plan_input in = {.config = b->config, .host = h, .options = &po};
	int r = cmd_manager(g, &po.manager, e);

	bring_up_listen(&po);
	if (r < 0)
		return r;
	if (o->preserve_fds.v > BRING_UP_MAX_FDS)
		return err_set(e, EINVAL, "--preserve-fds: at most %d", BRING_UP_MAX_FDS);
	po.preserve_fds = (unsigned int)o->preserve_fds.v;
	r = plan_build(p, g->arena, &in, e);
	/* what later commands read */
	if (r == 0 && p->edited != NULL &&
	    oci_config_write(p->edited, OCI_COMPACT, g->arena, &b->text, &b->len) < 0)
		r = err_set(e, EILSEQ, "cdi: an edit is not UTF-8");
	return r;
}

static const char *bring_up_absolute(const struct cmd_global *g, const char *cwd, const char *path)
{
	return path == NULL || path[0] == '/' ? path : arena_printf(g->arena, "%s/%s", cwd, path);
}

static bool bring_up_is_relative(const char *path)
{
	return path != NULL && path[0] != '/';
}

static int bring_up_paths(const struct cmd_global *g, struct container_options *co, struct err *e)
{
	char cwd[PATH_MAX];

	if (!bring_up_is_relative(co->console_socket) && !bring_up_is_relative(co->pid_file) &&
	    !bring_up_is_relative(co->pidfd_socket))
		return 0;
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return err_sys(e, errno, "the working directory");
	co->console_socket = bring_up_absolute(g, cwd, co->console_socket);
	co->pid_file = bring_up_absolute(g, cwd, co->pid_file);
	co->pidfd_socket = bring_up_absolute(g, cwd, co->pidfd_socket);
	return 0;
}

static const char *bring_up_notify_dir(const struct container_options *co, const struct store *s,
				       const char *id, struct arena *a)
{
	return co->notify_socket == NULL ? NULL : arena_printf(a, "%s/%s/notify", s->root_path, id);
}

/* What was restored has said long ago that it is ready. */
static const char *bring_up_ready_socket(enum bring_up_how how)
{
	return how == BRING_UP_RESTORE ? NULL : bring_up_notify_socket();
}

/* criu: of restore, else NULL. */
static int bring_up_container(const struct store *s, const struct plan *p, const struct host *h,
			      const struct container_options *co, const struct criu_options *criu,
			      struct err *e)
{
	return criu != NULL ? container_restore(s, p, h, co, criu, e)
			    : container_create(s, p, h, co, e);
}

int bring_up(const struct cmd_global *g, const struct bring_up_options *o, const char *id,
	     enum bring_up_how how, struct err *e)
{
	__attribute__((cleanup(store_done))) struct store s = {.root = FD_NONE};
	__attribute__((cleanup(host_done))) struct host h = {.root = FD_NONE};
	__attribute__((cleanup(systemd_done))) struct systemd systemd = {0};
	struct err helper = {0};
	struct bundle b;
	struct plan p;
	struct container_options co = {
		.console_socket = o->console_socket,
		.pid_file = o->pid_file,
		.pidfd_socket = o->pidfd_socket,
		.notify_socket = bring_up_ready_socket(how),
		.run = how != BRING_UP_CREATE,
		.detach = o->detach,
		.keep = o->keep,
	};
	int r = store_check_id(id, e);

	if (r == 0 && g->strict)
		r = hardening_check(e);
	/* the root, and paths of options, mean the caller's working directory, which loading
	 * changes */
	if (r == 0)
		r = store_open(&s, g->root, STORE_CREATE, g->arena, e);
	if (r == 0)
		r = bring_up_paths(g, &co, e);
	if (r == 0)
		r = host_open(&h, "/", g->arena, e);
	if (r == 0) {
		birth_signals(&h);
		bring_up_systemd(g, &h, &systemd, &helper);
	}
	if (r == 0)
		r = bundle_load(&b, o->bundle, o->config, g->arena, e);
	if (r == 0)
		r = bring_up_plan(g, o, id, how, &b, &h, bring_up_notify_dir(&co, &s, id, g->arena),
				  &p, e);
	if (r == 0 && helper.code != 0)
		r = err_take(e, &helper);
	if (r == 0)
		r = bring_up_check_console(o, &p, how == BRING_UP_CREATE || o->detach, e);
	if (r == 0)
		r = bring_up_check_fds(p.process.preserve_fds, e);
	if (r < 0)
		return r;
	co.systemd = systemd;
	systemd = (struct systemd){0};
	co.version = PACKAGE_VERSION;
	co.commit = version_commit();
	co.config_text = b.text;
	co.config_len = b.len;
	return bring_up_container(&s, &p, &h, &co, o->criu, e);
}
