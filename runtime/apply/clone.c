/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/clone.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply/creds.h"
#include "sys/sys.h"

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

/* What init makes itself, first thing: a network namespace takes longer than all else in a clone,
 * and the runtime has its own work meanwhile. */
#define CLONE_BY_INIT (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

/* What only a clone can make, and what the runtime itself uses at once. */
static int clone_at_birth(const struct plan *p)
{
	int flags = p->ns.create & (CLONE_NEWUSER | CLONE_NEWPID);

	return plan_moves(p) ? flags | (p->ns.create & CLONE_NEWNET) : flags;
}

static int clone_explain(int code, const struct plan *p, bool into, struct err *e)
{
	if (code == EPERM && (p->ns.create & CLONE_NEWUSER) == 0)
		return err_sys(
			e, code,
			"linux.namespaces: making them needs CAP_SYS_ADMIN, or a user namespace");
	if (code == EPERM)
		return err_sys(
			e, code,
			"linux.namespaces: a user namespace (this host forbids them to users: see "
			"/proc/sys/user/max_user_namespaces, kernel.unprivileged_userns_clone and "
			"kernel.apparmor_restrict_unprivileged_userns)");
	if (code == EACCES && into)
		return err_sys(e, code,
			       "linux.cgroupsPath: entering the container's cgroup from the "
			       "caller's: both must be below one that is delegated to user %u",
			       geteuid());
	if (code == ENOSPC || code == EUSERS)
		return err_sys(
			e, code,
			"linux.namespaces: a limit of /proc/sys/user/max_*_namespaces is reached");
	if (code == EAGAIN)
		return err_sys(
			e, code,
			"can't fork: a limit of processes (RLIMIT_NPROC, pids.max) is reached");
	return err_sys(e, code, "clone3");
}

static pid_t clone_call(uint64_t flags, int into, int *pidfd)
{
	struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};

	if ((flags & CLONE_PARENT) != 0)
		args.exit_signal = 0; /* the parent's own is used */
	if (pidfd != NULL) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uint64_t)(uintptr_t)pidfd;
	}
	if (into >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)into;
	}
	return sys_clone3(&args);
}

/* World: B, child of the runtime. After: init exists and is the runtime's child. */
static _Noreturn void clone_bridge(struct init *in, int into, void (*script)(struct init *))
{
	const struct plan_ns *ns = &in->p->ns;
	struct err e = {0};
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* while the rights are the runtime's; init inherits it */
	r = process_oom_score(in->p, &in->pf, 0, &e);
	if (r < 0) {
		report_fail(in->report, &e);
		_exit(1);
	}
	if (in->target != NULL)
		r = join_target(in->target, in->target->types & JOIN_BY_BRIDGE, &e);
	else
		r = join_enter(in->join, ns->joined & ~in->join_late, &e);
	if (r == 0) {
		pid_t pid = clone_call((uint64_t)clone_at_birth(in->p) | CLONE_PARENT, into, NULL);
		if (pid == 0)
			script(in);
		if (pid > 0) {
			in->report->pid = pid;
			_exit(0);
		}
		(void)clone_explain(-pid, in->p, into >= 0, &e);
	}
	report_fail(in->report, &e);
	_exit(1);
}

static int clone_by_bridge(struct init *in, int into, void (*script)(struct init *), int *out_pidfd,
			   pid_t *out_pid, struct err *e)
{
	autoclose int bridge = FD_NONE;
	int status = 0;
	pid_t pid = clone_call(0, FD_NONE, &bridge);

	if (pid < 0)
		return clone_explain(-pid, in->p, false, e);
	if (pid == 0)
		clone_bridge(in, into, script);
	pid = sys_waitid_pidfd(bridge, &status, 0);
	if (pid < 0)
		return err_sys(e, -pid, "waiting for the process that joins the namespaces");
	if (in->report->failed)
		return err_take(e, &in->report->error);
	if (in->report->pid <= 0)
		return err_set(e, ECHILD,
			       "the process that joins the namespaces ended with status 0x%x",
			       status);
	/* A child of ours that nobody has reaped: the number can't be another's. */
	*out_pid = in->report->pid;
	*out_pidfd = sys_pidfd_open(*out_pid, 0);
	return *out_pidfd < 0 ? err_sys(e, -*out_pidfd, "pidfd of the container's init") : 0;
}

int clone_unshare(const struct plan *p, struct err *e)
{
	int flags = p->ns.create & CLONE_BY_INIT & ~clone_at_birth(p);

	if (flags == 0 || unshare(flags) == 0)
		return 0;
	return clone_explain(errno, p, false, e);
}

int clone_init(struct init *in, int into, void (*script)(struct init *), int *out_pidfd,
	       pid_t *out_pid, struct err *e)
{
	const struct plan_ns *ns = &in->p->ns;
	autoclose int own = FD_NONE;
	int target = FD_NONE;
	int r = 0;

	if (ns->bridge)
		return clone_by_bridge(in, into, script, out_pidfd, out_pid, e);
	/* A pid namespace is entered by being born in it: the runtime joins it for its children,
	 * for one. */
	if (in->target != NULL && (in->target->types & CLONE_NEWPID) != 0)
		target = in->target->pidfd;
	else if ((ns->joined & CLONE_NEWPID) != 0)
		target = join_fd(in->join, CLONE_NEWPID);
	if (target >= 0) {
		own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
		r = own < 0 ? -errno : sys_setns(target, CLONE_NEWPID);
		if (r < 0)
			return err_sys(e, -r, "joining the pid namespace");
	}
	pid_t pid = clone_call((uint64_t)clone_at_birth(in->p), into, out_pidfd);
	if (pid == 0)
		script(in);
	if (own >= 0)
		r = sys_setns(own, CLONE_NEWPID);
	if (pid < 0)
		return clone_explain(-pid, in->p, into >= 0, e);
	*out_pid = pid;
	return r < 0 ? err_sys(e, -r, "returning to the runtime's pid namespace") : 0;
}
