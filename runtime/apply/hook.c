/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/hook.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "apply/creds.h"
#include "apply/family.h"
#include "apply/seccomp.h"
#include "base/io.h"
#include "base/log.h"
#include "hooks/graft.h"
#include "libocispec/oci.h"
#include "sys/sys.h"

/* What is kept of a hook's output; more is read and dropped, so that a flood blocks nobody. */
#define HOOK_OUTPUT_MAX ((size_t)64 * 1024)

static const char *const hook_names[HOOK_KINDS] = {
	[HOOK_PRESTART] = "prestart",
	[HOOK_CREATE_RUNTIME] = "createRuntime",
	[HOOK_CREATE_CONTAINER] = "createContainer",
	[HOOK_START_CONTAINER] = "startContainer",
	[HOOK_POSTSTART] = "poststart",
	[HOOK_POSTSTOP] = "poststop",
};

const char *hook_kind_name(enum plan_hook_kind kind)
{
	return hook_names[kind];
}

/* A sealed memfd, not a pipe: a hook that never reads its input can't block us, whatever the size.
 */
static int hook_stdin(const struct plan *p, const struct hook_state *st, struct arena *a,
		      struct err *e)
{
	struct oci_state state = {
		.oci_version = p->oci_version,
		.id = p->id,
		.status = st->status,
		.pid = {st->pid > 0, st->pid},
		.bundle = p->bundle,
		.n_annotations = p->n_annotation,
	};
	const char *text;
	size_t len;

	state.annotations = arena_array(a, p->n_annotation + 1, sizeof(*state.annotations));
	for (size_t i = 0; i < p->n_annotation; i++)
		state.annotations[i] =
			(struct oci_map_entry){p->annotation[i].key, p->annotation[i].value};
	/* for greffon-hook, which has nothing left to do then */
	if (p->graft != NULL &&
	    oci_map_get(state.annotations, state.n_annotations, GRAFT_DONE) == NULL)
		state.annotations[state.n_annotations++] =
			(struct oci_map_entry){GRAFT_DONE, "true"};
	if (state.n_annotations == 0)
		state.annotations = NULL;
	int r = oci_state_write(&state, OCI_COMPACT, a, &text, &len);
	if (r < 0)
		return err_sys(e, -r, "the container's state");
	autoclose int fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_sys(e, errno, "memfd for the container's state");
	r = io_write_all(fd, text, len);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		r = -errno;
	return r < 0 ? err_sys(e, -r, "memfd for the container's state") : fd_take(&fd);
}

/* A signal that the runtime's caller ignored would stay ignored across execve. */
static void hook_default_signals(void)
{
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		(void)sys_signal_default(n);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* close_range is of Linux 5.9. Before it only what the caller has preserved can be open here: all
 * else is close-on-exec from birth. */
static void hook_close(unsigned int preserved)
{
	if (sys_close_range(3, ~0u, 0) == 0)
		return;
	for (unsigned int i = 0; i < preserved; i++)
		(void)close((int)(3 + i));
}

/* The runtime's side: the bundle. startContainer: "/" of the container. createContainer: the root
 * file system, where init stands; hooks made for runc name files of the container as ./lib/x. */
static void hook_chdir(const char *bundle, enum plan_hook_kind kind)
{
	const char *cwd = kind == HOOK_START_CONTAINER ? "/" : bundle;

	if (kind == HOOK_CREATE_CONTAINER || chdir(cwd) == 0)
		return;
	dprintf(2, "working directory '%s': %s", cwd, err_name(errno));
	_exit(127);
}

struct hook_call {
	const struct plan *p;
	const struct plan_hook *h;
	enum plan_hook_kind kind;
	struct seccomp_slot *filter;
	const char *const *env;
	int in;
	int out[2]; /* files for its output; FD_NONE: it is kept for the error */
};

/* World: the hook's process. Nothing of the runtime reaches it but stdin, output and what the
 * config gives. */
static _Noreturn void hook_child(const struct hook_call *c, int out)
{
	const struct plan_hook *h = c->h;

	hook_default_signals();
	(void)setpgid(0, 0);
	(void)umask(022);
	if (dup2(c->in, 0) < 0 || dup2(c->out[0] >= 0 ? c->out[0] : out, 1) < 0 ||
	    dup2(c->out[1] >= 0 ? c->out[1] : out, 2) < 0)
		_exit(127);
	hook_close(c->p->process.preserve_fds);
	hook_chdir(c->p->bundle, c->kind);
	struct err e = {0};
	if (c->filter != NULL && seccomp_install(c->p, c->filter, &e) < 0) {
		dprintf(2, "%s", e.text);
		_exit(127);
	}
	(void)execve(h->path, (char *const *)h->argv, (char *const *)c->env);
	dprintf(2, "'%s' can't be executed: %s", h->path, err_name(errno));
	_exit(127);
}

static long hook_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct hook_output {
	char *text; /* HOOK_OUTPUT_MAX + 1 bytes */
	size_t n;
	int pipe;
};

static void hook_read(struct hook_output *o)
{
	char drop[4096];
	bool room = o->n < HOOK_OUTPUT_MAX;
	ssize_t r = room ? read(o->pipe, o->text + o->n, HOOK_OUTPUT_MAX - o->n)
			 : read(o->pipe, drop, sizeof(drop));

	if (r > 0 && room)
		o->n += (size_t)r;
	if (r == 0 || (r < 0 && errno != EINTR && errno != EAGAIN))
		fd_done(&o->pipe);
}

/* Waits for the process, reading its output; a daemon it left may hold the pipe open, which is not
 * waited for. -ETIME: the deadline has passed. */
static int hook_wait(int pidfd, struct hook_output *o, int timeout_s)
{
	long deadline = timeout_s > 0 ? hook_now_ms() + timeout_s * 1000L : -1;

	for (;;) {
		struct pollfd p[2] = {{.fd = pidfd, .events = POLLIN},
				      {.fd = o->pipe, .events = POLLIN}};
		long left = deadline < 0 ? -1 : deadline - hook_now_ms();
		if (deadline >= 0 && left <= 0)
			return -ETIME;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents != 0)
			hook_read(o);
		/* asked also while output flows: a daemon that never stops talking must not keep us
		 */
		if (p[0].revents != 0)
			return 0;
	}
}

/* What the ended process had still in the pipe, without waiting for a daemon's. */
static void hook_drain(struct hook_output *o)
{
	int flags = o->pipe >= 0 ? fcntl(o->pipe, F_GETFL) : -1;

	if (flags >= 0 && fcntl(o->pipe, F_SETFL, flags | O_NONBLOCK) == 0)
		for (size_t before = o->n + 1; o->pipe >= 0 && o->n != before;) {
			before = o->n;
			hook_read(o);
		}
	fd_done(&o->pipe);
}

static int hook_result(const struct plan_hook *h, int status, int waited, struct hook_output *o,
		       struct err *e)
{
	if (waited == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		if (o->n > 0)
			log_debug("hook '%s': %.1000s", h->path, o->text);
		return 0;
	}
	while (o->n > 0 && o->text[o->n - 1] == '\n')
		o->text[--o->n] = '\0';
	for (size_t i = 0; i < o->n; i++) /* an error is one line */
		if (o->text[i] == '\n' || o->text[i] == '\0')
			o->text[i] = ' ';
	/* the end of the output is where the reason stands */
	const char *tail = o->n > 500 ? o->text + o->n - 500 : o->text;
	const char *join = o->n > 0 ? ": " : "";
	if (waited == -ETIME)
		return err_set(e, ETIME,
			       "'%s' did not end within its timeout of %d s and was killed%s%s",
			       h->path, h->timeout_s, join, tail);
	if (waited < 0)
		return err_sys(e, -waited, "waiting for '%s'", h->path);
	if (WIFSIGNALED(status))
		return err_set(e, ECHILD, "'%s' was killed by signal %d%s%s", h->path,
			       WTERMSIG(status), join, tail);
	return err_set(e, ECHILD, "'%s' exited with status %d%s%s", h->path, WEXITSTATUS(status),
		       join, tail);
}

static int hook_one(const struct hook_call *c, struct arena *a, struct err *e)
{
	const struct plan_hook *h = c->h;
	struct hook_output o = {.text = arena_alloc(a, HOOK_OUTPUT_MAX + 1), .pipe = FD_NONE};
	autoclose int pidfd = FD_NONE;
	/* the container's own /proc is not to be trusted; what such a hook leaves ends with the
	 * container's processes */
	bool own = c->kind != HOOK_START_CONTAINER;
	struct family family = {.limit_s = own ? h->timeout_s : 0};
	int pipes[2], status = 0;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	o.pipe = pipes[0];
	autoclose int out = pipes[1];
	struct clone_args args = {
		.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD};
	family_open(&family);
	pid_t pid = sys_clone3(&args);
	if (pid == 0)
		hook_child(c, out);
	fd_done(&out);
	if (pid < 0) {
		family_done(&family, false);
		fd_done(&o.pipe);
		return err_sys(e, -pid, "starting '%s'", h->path);
	}
	int waited = hook_wait(pidfd, &o, h->timeout_s);
	if (waited < 0) {
		/* the group: a grandchild that the hook waits for would otherwise live on */
		(void)setpgid(pid, pid);
		(void)kill(-pid, SIGKILL);
		(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	}
	(void)sys_waitid_pidfd(pidfd, &status, 0);
	family_done(&family, waited < 0); /* what has made a session of its own */
	hook_drain(&o);
	return hook_result(h, status, waited, &o, e);
}

/* A file of the caller's choice; hooks of the container's side run beyond his rights. */
static int hook_output(const struct hook_call *c, const char *path, const char *name, int *out,
		       struct err *e)
{
	if (path == NULL || c->kind == HOOK_CREATE_CONTAINER || c->kind == HOOK_START_CONTAINER)
		return 0;
	*out = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	return *out < 0 ? err_sys(e, errno, "annotations.run.oci.hooks.%s: '%s'", name, path) : 0;
}

static int hook_open(struct hook_call *c, const struct hook_state *st, struct arena *a,
		     struct err *e)
{
	c->in = hook_stdin(c->p, st, a, e);
	int r = c->in < 0 ? c->in : 0;
	if (r == 0)
		r = hook_output(c, c->p->hook_stdout, "stdout", &c->out[0], e);
	return r < 0 ? r : hook_output(c, c->p->hook_stderr, "stderr", &c->out[1], e);
}

static void hook_call_done(struct hook_call *c)
{
	fd_done(&c->in);
	fd_done(&c->out[0]);
	fd_done(&c->out[1]);
}

int hook_run(const struct plan *p, enum plan_hook_kind kind, const struct hook_state *st,
	     enum hook_failure on_failure, struct err *e)
{
	static const char *const empty[] = {NULL};
	const struct plan_hooks *hooks = &p->hooks[kind];

	for (size_t i = 0; i < hooks->n; i++) {
		struct arena a __attribute__((cleanup(arena_done))) = {0};
		const struct plan_hook *h = &hooks->v[i];
		/* nothing of the runtime's environment, nothing of the image's (CVE-2025-23266);
		 * startContainer hooks are programs of the container and see what its program sees
		 */
		const char *const *env = h->env;
		if (env == NULL)
			env = kind == HOOK_START_CONTAINER ? process_environment(p, &a) : empty;
		__attribute__((cleanup(hook_call_done))) struct hook_call call = {
			.p = p,
			.h = h,
			.kind = kind,
			.filter = st->filter,
			.env = env,
			.in = FD_NONE,
			.out = {FD_NONE, FD_NONE}};
		int r = hook_open(&call, st, &a, e);
		if (r == 0)
			r = hook_one(&call, &a, e);
		if (r == 0)
			continue;
		(void)err_at(e, "hooks.%s[%zu]", hook_names[kind], i);
		if (on_failure == HOOK_FAIL_STOPS)
			return r;
		log_warn("%s", e->text);
	}
	return 0;
}
