/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/tail.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "apply/creds.h"
#include "apply/hook.h"
#include "sys/sys.h"

#define TAIL_KEEP_MAX 4

static int tail_compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/*
 * Closes everything above the preserved descriptors but the launcher's and the n (at most
 * TAIL_KEEP_MAX) wanted. Really closed, not only marked: no descriptor of the host may be reachable
 * by /proc/self/fd when the program's path is resolved (CVE-2024-21626), and a filter loaded later
 * might refuse close_range.
 */
static int tail_close(const struct plan *p, const int *wanted, size_t n, struct err *e)
{
	int keep[TAIL_KEEP_MAX + 1];

	memcpy(keep, wanted, n * sizeof(*keep));
	keep[n++] = p->process.launcher_fd;
	qsort(keep, n, sizeof(*keep), tail_compare);
	unsigned int first = 3 + p->process.preserve_fds;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (keep[i] < 0 || (unsigned int)keep[i] < first)
			continue;
		if ((unsigned int)keep[i] > first)
			r = sys_close_range(first, (unsigned int)keep[i] - 1, 0);
		first = (unsigned int)keep[i] + 1;
	}
	if (r >= 0)
		r = sys_close_range(first, ~0u, 0);
	return r < 0 ? err_sys(e, -r, "closing the runtime's descriptors (close_range, Linux 5.9)")
		     : 0;
}

/* Without no_new_privs a filter can only be loaded with CAP_SYS_ADMIN, that is before the identity
 * changes; with it, it is the last thing before execve, so that it need not allow what the runtime
 * does. A listener has to be handed over while the runtime still lives, that is before `create`
 * ends. */
static bool tail_filter_first(const struct init *in)
{
	return in->seccomp != NULL && !in->p->creds.no_new_privs;
}

static bool tail_filter_last(const struct init *in)
{
	return in->seccomp != NULL && in->p->creds.no_new_privs &&
	       !(in->p->seccomp.notify && in->fifo >= 0);
}

/* A limit of descriptors counts their numbers: what init has left open must be gone before it is
 * set. */
static int tail_settle(struct init *in, int root, struct err *e)
{
	int keep[] = {in->sock, in->fifo, in->pf.fd, root};

	if (fd_forget_below == 0)
		return 0;
	fd_forget_below = 0;
	return tail_close(in->p, keep, ARRAY_LEN(keep), e);
}

static int tail_limits(struct init *in, int root, struct err *e)
{
	const struct plan *p = in->p;
	int r = 0;

	if (p->process.n_rlimit > 0)
		r = tail_settle(in, root, e);
	if (r == 0)
		r = process_rlimits(p, e);
	if (r == 0)
		r = process_sched(p, e);
	if (r < 0)
		return r;
	return p->process.cpus_final != NULL ? process_affinity_set(p->process.cpus_final, e)
					     : process_affinity_reset();
}

/* The working directory twice: one only root may enter, or (on a root-squashed file system) only
 * the user. */
static int tail_ids(struct init *in, int root, struct err *e)
{
	const struct plan *p = in->p;
	struct err denied = {0};
	int r = process_chdir(p, root, &denied);

	if (r < 0 && denied.code != EACCES && denied.code != EPERM)
		return err_take(e, &denied);
	bool again = r < 0;
	r = creds_apply(p, e);
	if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) /* cleared by the change of ids */
		r = err_sys(e, errno, "prctl PR_SET_PDEATHSIG");
	if (r == 0 && again)
		r = process_chdir(p, root, e);
	return r;
}

/* World: caps full. After: identity is the program's, verified; the filter is loaded unless the
 * program has no_new_privs, with which it may be loaded last. */
static int tail_identity(struct init *in, int root, struct err *e)
{
	const struct plan *p = in->p;
	int r;

	report_stage(in->report, STAGE_IDENTITY);
	if (p->process.launcher_fd > 0 && fcntl(p->process.launcher_fd, F_SETFD, 0) < 0)
		return err_sys(e, errno, "PMI_FD %d", p->process.launcher_fd);
	r = tail_limits(in, root, e);
	if (r == 0)
		r = process_stdio_owner(p, e);
	if (r == 0)
		r = creds_labels(p, &in->pf, e);
	if (r == 0 && tail_filter_first(in))
		r = seccomp_install(p, in->seccomp, e);
	if (r == 0)
		r = tail_ids(in, root, e);
	return r == 0 ? creds_verify(p, &in->pf, e) : r;
}

/* Opens the fifo for writing, which blocks until `start` opens it for reading. Its path goes
 * through the trusted procfs, the descriptor was inherited: nothing of the container is looked up.
 */
static int tail_wait_start(struct init *in, struct err *e)
{
	char link[48];

	(void)snprintf(link, sizeof(link), "self/fd/%d", in->fifo);
	int fd;
	do
		fd = openat(in->pf.fd, link, O_WRONLY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return err_sys(e, errno, "waiting for start");
	(void)close(in->fifo);
	in->fifo = fd;
	return 0;
}

/* startContainer hooks: programs of the image, so the filter holds for them as well. There is one
 * listener only. *filter_last: the filter is still to be loaded. */
static int tail_hooks(struct init *in, bool *filter_last, struct err *e)
{
	const struct plan *p = in->p;
	struct hook_state st = {.status = "created", .pid = getpid()};
	int r = 0;

	if (*filter_last && !p->seccomp.notify)
		st.filter = in->seccomp;
	else if (*filter_last)
		r = seccomp_install(p, in->seccomp, e);
	*filter_last = st.filter != NULL;
	return r < 0 ? r : hook_run(p, HOOK_START_CONTAINER, &st, HOOK_FAIL_STOPS, e);
}

/* From here on errors of a created container go to `start`, through the fifo. path: the program,
 * found just now, or NULL. */
static int tail_start(struct init *in, const char *path, struct arena *a, struct err *e)
{
	const struct plan *p = in->p;
	bool hooks = p->hooks[HOOK_START_CONTAINER].n > 0;
	int r = p->process.argv == NULL ? err_set(e, EINVAL,
						  "process: is required to start a container, and "
						  "config.json has none")
					: 0;

	bool filter_last = tail_filter_last(in);
	report_stage(in->report, STAGE_START);
	if (r == 0 && hooks)
		r = tail_hooks(in, &filter_last, e);
	if (r == 0 && (path == NULL || hooks))
		r = process_find(p, a, &path, e);
	const char *const *env = r == 0 ? process_environment(p, a) : NULL;
	if (r == 0)
		r = tail_close(p, in->fifo >= 0 ? &in->fifo : &in->sock, 1, e);
	if (r == 0 && filter_last)
		r = seccomp_install(p, in->seccomp, e);
	if (r < 0)
		return r;
	report_stage(in->report, STAGE_EXEC);
	(void)execve(path, (char *const *)p->process.argv, (char *const *)env);
	return err_sys(e, errno, "process.args[0]: executing '%s'", path);
}

int tail_run(struct init *in, int root, struct err *e)
{
	struct arena a = {0};
	const struct plan *p = in->p;
	int r = tail_identity(in, root, e);

	if (r < 0)
		return r;
	report_stage(in->report, STAGE_PROGRAM);
	const char *path = NULL;
	if (p->process.argv != NULL) {
		r = process_find(p, &a, &path, e);
		if (r < 0)
			return r;
	}
	/* It must not outlive the runtime's call, which ends normally, nor be inherited by the
	 * program. */
	if (prctl(PR_SET_PDEATHSIG, 0) < 0)
		return err_sys(e, errno, "prctl PR_SET_PDEATHSIG");
	if (in->fifo < 0)
		return tail_start(in, path, &a, e);
	int keep[] = {in->pf.fd, in->fifo};
	bool filter_now = in->seccomp != NULL && !tail_filter_first(in) && !tail_filter_last(in);
	report_stage(in->report, STAGE_READY);
	if (filter_now && seccomp_install(p, in->seccomp, e) < 0)
		return -e->code;
	r = tail_close(p, keep, ARRAY_LEN(keep), e); /* the socket too: that is the word */
	if (r < 0)
		return r;
	struct err late = {0};
	if (tail_wait_start(in, &late) == 0)
		(void)tail_start(in, NULL, &a, &late);
	(void)!write(in->fifo, late.text, late.len);
	_exit(1);
}
