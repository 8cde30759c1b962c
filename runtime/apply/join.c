/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/join.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include "sys/sys.h"

static const struct {
	int type;
	const char *name;
} join_types[] = {
	{CLONE_NEWUSER, "user"},     {CLONE_NEWIPC, "ipc"},  {CLONE_NEWUTS, "uts"},
	{CLONE_NEWNET, "network"},   {CLONE_NEWPID, "pid"},  {CLONE_NEWTIME, "time"},
	{CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWNS, "mount"},
};

static const char *join_type_name(int type)
{
	for (size_t i = 0; i < ARRAY_LEN(join_types); i++)
		if (join_types[i].type == type)
			return join_types[i].name;
	return "unknown";
}

/* O_NONBLOCK: the path is a caller's, and may be a fifo. */
static int join_open_one(const struct plan_join *pj, struct err *e)
{
	autoclose int fd = open(pj->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct statfs fs;

	if (fd < 0)
		return err_sys(e, errno, "%s.path: '%s'", pj->origin, pj->path);
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC)
		return err_set(e, EINVAL, "%s.path: '%s' is not a namespace", pj->origin, pj->path);
	int type = ioctl(fd, NS_GET_NSTYPE);
	if (type >= 0 && type != pj->type)
		return err_set(e, EINVAL, "%s.path: '%s' is a %s namespace, not a %s one",
			       pj->origin, pj->path, join_type_name(type),
			       join_type_name(pj->type));
	return fd_take(&fd);
}

int join_open(const struct plan *p, struct arena *a, struct join *out, struct err *e)
{
	out->v = arena_array(a, p->ns.n_join, sizeof(*out->v));
	out->n = 0;
	for (size_t i = 0; i < p->ns.n_join; i++) {
		const struct plan_join *pj = &p->ns.join[i];
		int fd = join_open_one(pj, e);

		if (fd < 0) {
			join_done(out);
			return fd;
		}
		out->v[out->n++] = (struct join_ns){pj->type, fd, pj->origin, pj->path};
	}
	return 0;
}

void join_done(struct join *j)
{
	for (size_t i = 0; i < j->n; i++)
		fd_done(&j->v[i].fd);
	j->n = 0;
}

int join_fd(const struct join *j, int type)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->v[i].type == type)
			return j->v[i].fd;
	return FD_NONE;
}

static int join_one(const struct join_ns *ns, struct err *e)
{
	int r = sys_setns(ns->fd, ns->type);

	return r < 0 ? err_sys(e, -r, "%s.path: joining '%s'", ns->origin, ns->path) : 0;
}

/*
 * A namespace may belong to our user namespace (a network namespace of the host) or to the one we
 * are about to join (a pod's): the first has to be entered before it, the second can only be
 * entered after it. The mount namespace comes last, since joining it changes what paths mean.
 */
int join_enter(const struct join *j, int types, struct err *e)
{
	int user = (types & CLONE_NEWUSER) != 0 ? join_fd(j, CLONE_NEWUSER) : FD_NONE;
	int left = types & ~CLONE_NEWUSER;

	for (int pass = user >= 0 ? 0 : 1; pass < 2; pass++) {
		for (size_t t = 0; t < ARRAY_LEN(join_types); t++) {
			int type = join_types[t].type;
			if ((left & type) == 0 || join_fd(j, type) < 0)
				continue;
			for (size_t i = 0; i < j->n; i++) {
				if (j->v[i].type != type)
					continue;
				struct err why = {0};
				if (join_one(&j->v[i], &why) == 0)
					left &= ~type;
				else if (pass == 1 || why.code != EPERM)
					return err_take(e, &why);
			}
		}
		if (pass == 0) {
			int r = sys_setns(user, CLONE_NEWUSER);
			if (r < 0)
				return err_sys(e, -r,
					       "linux.namespaces: joining the user namespace");
		}
	}
	return 0;
}

int join_target(const struct join_exec *t, int types, struct err *e)
{
	if ((t->types & types) == 0)
		return 0;
	int r = sys_setns(t->pidfd, t->types & types);
	return r < 0 ? err_sys(e, -r, "joining the container's namespaces") : 0;
}
