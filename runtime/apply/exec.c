/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "apply/birth.h"
#include "apply/container.h"
#include "apply/exec.h"
#include "apply/tty.h"
#include "sys/sys.h"

/* A user namespace can't be entered by somebody who is in it: setns(2) refuses that with EINVAL. */
static int exec_types(const struct procfs *pf, pid_t pid, int types)
{
	char rel[48];
	struct stat own, its;

	(void)snprintf(rel, sizeof(rel), "%d/ns/user", (int)pid);
	if ((types & CLONE_NEWUSER) != 0 && fstatat(pf->fd, "self/ns/user", &own, 0) == 0 &&
	    fstatat(pf->fd, rel, &its, 0) == 0 && own.st_ino == its.st_ino)
		types &= ~CLONE_NEWUSER;
	return types;
}

/* Without a mount namespace of its own the container is a chroot: its root is known by its init
 * alone. */
static int exec_root(const struct procfs *pf, pid_t pid, int types, int *out, struct err *e)
{
	char rel[48];

	if ((types & CLONE_NEWNS) != 0)
		return 0;
	(void)snprintf(rel, sizeof(rel), "%d/root", (int)pid);
	*out = openat(pf->fd, rel, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *out < 0 ? err_sys(e, errno, "the container's root") : 0;
}

int exec_target(struct birth *b, const struct record *rec, int types, struct join_exec *out,
		struct err *e)
{
	out->types = exec_types(&b->init.pf, rec->pid, types);
	return exec_root(&b->init.pf, rec->pid, out->types, &out->root, e);
}

static int exec_cgroup(struct birth *b, const struct record *rec,
		       const struct container_exec_options *o, struct err *e)
{
	bool moved;

	container_cgroup(&b->cgroup, rec, b->a);
	int r = cgroup_below(&b->cgroup, o->cgroups, o->n_cgroups, &moved, e);
	if (r == 0)
		r = cgroup_reopen(&b->cgroup, CGROUP_OPEN_TASKS, e);
	if (r < 0)
		return r;
	b->init.in_cgroup = !cgroup_needs_entering(&b->cgroup);
	return moved ? 0 : cgroup_follow(&b->cgroup, &b->init.pf, rec->pid, e);
}

static int exec_status(const struct store_entry *en, const struct record *rec,
		       const struct container_exec_options *o, struct err *e)
{
	enum status st = status_of(en, rec);

	if (st == STATUS_PAUSED && !o->ignore_paused)
		return err_set(
			e, EBUSY,
			"cannot exec in a paused container: resume it, or use --ignore-paused");
	if (st == STATUS_STOPPED || st == STATUS_CREATING)
		return err_set(e, ESRCH,
			       "cannot exec in a container that is %s: container not running: no "
			       "such process",
			       status_name(st));
	return 0;
}

/* The program counts in the container's group of resctrl, as all of its processes do. */
static int exec_rdt(struct birth *b, const struct record *rec, struct err *e)
{
	container_rdt(&b->rdt, rec);
	int r = rdt_open(b->host->root, &b->rdt, e);

	if (r == 0 && b->rdt.name != NULL)
		r = rdt_open_tasks(&b->rdt, e);
	return r;
}

static int exec_birth(struct birth *b, struct join_exec *target, const struct record *rec,
		      const struct container_exec_options *o, struct err *e)
{
	int r = birth_open(b, o->console_socket, o->cache, e);

	if (r == 0 && b->seccomp_late) {
		/* there are no mounts to wait for meanwhile */
		r = seccomp_compile(b->p, b->cache, b->init.seccomp, e);
		b->seccomp_late = false;
		b->init.wait_hooked = false;
	}
	if (r < 0)
		return r;
	r = exec_target(b, rec, o->types, target, e);
	if (r == 0)
		r = exec_cgroup(b, rec, o, e);
	if (r == 0)
		r = exec_rdt(b, rec, e);
	if (r < 0)
		return r;
	b->init.target = target;
	r = birth_clone(b, init_exec, e);
	if (r == 0)
		r = birth_attend(b, e);
	if (r == 0)
		r = birth_wait(b, STAGE_EXEC, "running", e);
	if (r == 0 && o->pid_file != NULL)
		r = birth_pid_file(o->pid_file, b->pid, e);
	if (r == 0 && o->pidfd_socket != NULL)
		r = tty_send_pidfd(o->pidfd_socket, b->pidfd, e);
	return r;
}

int container_exec(const struct store_entry *en, const struct record *rec, const struct plan *p,
		   const struct host *h, const struct container_exec_options *o, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	__attribute__((cleanup(birth_done))) struct birth b = BIRTH_EMPTY;
	struct join_exec target = {.root = FD_NONE};
	int r = exec_status(en, rec, o, e);

	if (r < 0)
		return r;
	autoclose int pidfd = status_pidfd(rec);
	if (pidfd < 0)
		return err_set(e, ESRCH, "container not running: no such process");
	target.pidfd = pidfd;
	b.p = p;
	b.host = h;
	b.a = &a;
	r = exec_birth(&b, &target, rec, o, e);
	fd_done(&target.root);
	if (r < 0) {
		birth_kill(&b);
		return r;
	}
	return o->detach ? 0 : tty_supervise(b.pidfd, b.pid, b.master, e);
}
