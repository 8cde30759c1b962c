/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "apply/birth.h"
#include "apply/container.h"
#include "apply/exec.h"
#include "apply/hotmount.h"
#include "apply/mount_open.h"
#include "sys/path.h"
#include "sys/sys.h"

static void hotmount_slots(struct birth *b)
{
	b->slots.n = b->p->mounts.n + 1;
	b->slots.fd = arena_array(b->a, b->slots.n, sizeof(*b->slots.fd));
	for (size_t i = 0; i < b->slots.n; i++)
		b->slots.fd[i] = FD_NONE;
}

/* World: the runtime. Sources that only it can open, as detached mounts; the container attaches
 * them. */
static int hotmount_open(struct birth *b, struct err *e)
{
	const struct plan *p = b->p;

	hotmount_slots(b);
	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct plan_mount *m = &p->mounts.v[i];
		bool later = false;

		if (m->open_at != AT_HOST || m->remount)
			continue;
		int fd = mount_open_bind(p, m, &b->init.pf, &later, e);
		if (later)
			return err_set(e, EPERM,
				       "%s.source: '%s': taking a mount of the host needs "
				       "CAP_SYS_ADMIN there",
				       m->origin, m->source);
		if (fd == -ENOSYS)
			return err_sys(e, ENOSYS, "%s: open_tree(2), Linux 5.2", m->origin);
		if (fd < 0)
			return err_at(e, "%s", m->origin);
		b->slots.fd[m->slot] = fd;
	}
	return 0;
}

/* World: the runtime. What is to be removed, as the host has it: by that it is known again. */
static void hotmount_know(struct birth *b)
{
	const struct plan *p = b->p;

	hotmount_slots(b);
	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct plan_mount *m = &p->mounts.v[i];

		if (m->open_at == AT_HOST && m->source != NULL)
			b->slots.fd[m->slot] =
				path_open(b->host->root, m->source, O_PATH | O_CLOEXEC, NULL);
	}
}

int hotmount_detach(const struct procfs *pf, int fd)
{
	char rel[40];

	(void)snprintf(rel, sizeof(rel), "self/fd/%d", fd);
	if (fchdir(pf->fd) < 0)
		return -errno;
	int r = umount2(rel, MNT_DETACH) < 0 ? -errno : 0;
	return chdir("/") < 0 ? -errno : r;
}

int container_root(const struct record *rec, struct err *e)
{
	__attribute__((cleanup(procfs_done))) struct procfs pf = {.fd = FD_NONE};
	autoclose int pidfd = status_pidfd(rec);
	char rel[32];
	int r = procfs_open(&pf, e);

	if (r < 0)
		return r;
	(void)snprintf(rel, sizeof(rel), "%d/root", (int)rec->pid);
	autoclose int root = openat(pf.fd, rel, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, errno, "the container's root");
	/* the number was init's all the time */
	if (pidfd < 0 || sys_pidfd_send_signal(pidfd, 0) < 0)
		return err_set(e, ESRCH, "container not running: no such process");
	return fd_take(&root);
}

static bool hotmount_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* What keeps the container from something: its own root may not take that away, and must not lead
 * us there by a link. */
static bool hotmount_guards(const struct plan_masks *masks, const char *path)
{
	bool guards = hotmount_is_below(path, "/proc") || hotmount_is_below(path, "/sys");

	for (size_t i = 0; i < masks->n_masked; i++)
		guards = guards || hotmount_is_below(path, masks->masked[i]);
	for (size_t i = 0; i < masks->n_readonly; i++)
		guards = guards || hotmount_is_below(path, masks->readonly[i]);
	return guards;
}

/* Where fd is, in the container. -errno, -EPERM: not where the mount's target says. */
static int hotmount_check(const struct init *in, const struct plan_mount *m, int fd)
{
	char rel[40], path[PATH_MAX];

	(void)snprintf(rel, sizeof(rel), "self/fd/%d", fd);
	ssize_t n = readlinkat(in->pf.fd, rel, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	return strcmp(path, m->target) != 0 && hotmount_guards(&in->p->masks, path) ? -EPERM : 0;
}

static int hotmount_remove_one(const struct init *in, const struct plan_mount *m, int root,
			       struct err *e)
{
	struct err why = {0};
	autoclose int fd = path_open(root, m->target, O_PATH, &why);
	int r = fd < 0 ? fd : hotmount_check(in, m, fd);

	if (r == -EPERM)
		return err_set(e, EPERM,
			       "%s.destination: '%s' leads over a link to what is masked or "
			       "read-only in the container; name the place itself",
			       m->origin, m->target);
	if (r == 0)
		r = hotmount_detach(&in->pf, fd);

	if (r == -EINVAL)
		return err_set(e, EINVAL, "%s.destination: nothing is mounted on '%s'", m->origin,
			       m->target);
	return r < 0 ? err_sys(e, -r, "%s.destination: '%s'", m->origin, m->target) : 0;
}

/* World: a process in the container's namespaces, "/" its root. All or nothing. */
static int hotmount_add(struct init *in, int root, struct err *e)
{
	const struct plan_mounts *all = &in->p->mounts;

	size_t done = 0;
	int r = 0;

	for (; r == 0 && done < all->n; done += r == 0) {
		struct plan one = *in->p;
		autoclose int dev = FD_NONE;
		one.mounts.v = &all->v[done];
		one.mounts.n = 1;
		r = mount_attach(&one, in->slots, root, &in->pf, &dev, e);
	}
	if (r == 0)
		r = mount_finish(in->p, in->slots, e);
	while (r < 0 && done-- > 0)
		(void)hotmount_remove_one(in, &all->v[done], root, NULL);
	return r;
}

static int hotmount_remove(struct init *in, int root, struct err *e)
{
	const struct plan_mounts *all = &in->p->mounts;

	for (size_t i = all->n; i > 0; i--) {
		int r = hotmount_remove_one(in, &all->v[i - 1], root, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static _Noreturn void hotmount_script(struct init *in,
				      int (*change)(struct init *, int, struct err *))
{
	struct err e = {0};
	int r = init_enter(in, &e);
	autoclose int root = r < 0 ? FD_NONE : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (r == 0 && root < 0)
		r = err_sys(&e, errno, "the container's root");
	if (r == 0) {
		report_stage(in->report, STAGE_MOUNTS);
		r = change(in, root, &e);
	}
	if (r == 0)
		_exit(0);
	report_fail(in->report, &e);
	_exit(1);
}

static _Noreturn void hotmount_script_add(struct init *in)
{
	hotmount_script(in, hotmount_add);
}

static _Noreturn void hotmount_script_remove(struct init *in)
{
	hotmount_script(in, hotmount_remove);
}

static _Noreturn void hotmount_script_ungraft(struct init *in)
{
	hotmount_script(in, hotgraft_remove);
}

static int hotmount_result(struct birth *b, struct err *e)
{
	int status = 0;
	int r = sys_waitid_pidfd(b->pidfd, &status, 0);

	fd_done(&b->pidfd);
	if (r < 0)
		return err_sys(e, -r, "waiting for the process in the container");
	if (b->init.report->failed)
		return err_take(e, &b->init.report->error);
	return status == 0 ? 0
			   : err_set(e, ECHILD,
				     "the process in the container ended with status 0x%x", status);
}

int container_mounts(const struct record *rec, const struct plan *p, const struct host *h,
		     int types, enum container_mounts how, struct err *e)
{
	static void (*const scripts[])(struct init *) = {
		[CONTAINER_MOUNTS_ADD] = hotmount_script_add,
		[CONTAINER_MOUNTS_REMOVE] = hotmount_script_remove,
		[CONTAINER_MOUNTS_UNGRAFT] = hotmount_script_ungraft,
	};
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	__attribute__((cleanup(birth_done))) struct birth b = BIRTH_EMPTY;
	struct join_exec target = {.root = FD_NONE};
	autoclose int pidfd = status_pidfd(rec);

	if (pidfd < 0)
		return err_set(e, ESRCH, "container not running: no such process");
	target.pidfd = pidfd;
	b.p = p;
	b.host = h;
	b.a = &a;
	int r = birth_open(&b, NULL, FD_NONE, e);
	if (r == 0 && how == CONTAINER_MOUNTS_ADD)
		r = hotmount_open(&b, e);
	if (r == 0 && how == CONTAINER_MOUNTS_UNGRAFT)
		hotmount_know(&b);
	if (r == 0)
		r = exec_target(&b, rec, types, &target, e);
	if (r < 0)
		return r;
	b.init.in_cgroup =
		true; /* it stays in the runtime's: nothing is charged to the container */
	b.init.target = &target;
	r = birth_clone(&b, scripts[how], e);
	if (r == 0)
		r = hotmount_result(&b, e);
	else
		birth_kill(&b);
	fd_done(&target.root);
	return r;
}
