/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/mount_cgroup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "apply/mount_fs.h"
#include "apply/mount_legacy.h"
#include "apply/mount_open.h"
#include "base/log.h"
#include "sys/path.h"
#include "sys/sys.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static uint64_t cgroup_attributes(const struct plan_mount *m, const struct plan_cgroup_view *v)
{
	return m->attr_set | m->rec_attr_set | (v->whole ? MOUNT_ATTR_RDONLY : 0);
}

/* With mount(2): the name is looked up again for the flags, in a tree of our own. */
static int cgroup_bind_legacy(const struct plan_cgroup_view *v, uint64_t attr, int at,
			      const char *name)
{
	autoclose int from = open(v->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int to = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (from < 0 || to < 0)
		return -errno;
	int r = mount_legacy_bind(from, to, false);
	if (r < 0)
		return r;
	/* to is what is covered now; its name leads to what covers it */
	autoclose int made = openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return made < 0 ? -errno : mount_legacy_add(made, mount_legacy_flags(attr));
}

/* Binds the view's source on directory name below at, or on at itself where name is "". 0 or
 * -errno. */
static int cgroup_bind(const struct plan_cgroup_view *v, uint64_t attr, int at, const char *name)
{
	autoclose int fd = sys_open_tree(AT_FDCWD, v->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0)
		return fd;
	int r = mount_set(fd, 0, attr, 0, 0);
	if (r < 0)
		return r;
	return sys_move_mount(fd, "", at, name,
			      MOVE_MOUNT_F_EMPTY_PATH |
				      (name[0] == '\0' ? MOVE_MOUNT_T_EMPTY_PATH : 0));
}

/* Whether a cgroup2 mount of the container's own can be had, and shows no more than its cgroup. */
static bool cgroup_has_own_v2(const struct plan *p)
{
	return plan_has_ns(p, CLONE_NEWCGROUP) && !p->mounts.cgroup[0].whole;
}

static struct plan_mount cgroup_fs_v2(const struct plan_mount *m)
{
	struct plan_mount fs = *m;

	fs.verb = MOUNT_FS;
	fs.fstype = "cgroup2";
	fs.source = "cgroup";
	fs.data = NULL;
	fs.sb_flags = 0;
	return fs;
}

/* v2. fd of a detached cgroup2 mount, or -errno where the bind has to do. *done: it is mounted on
 * target already. */
static int cgroup_new_v2(const struct plan *p, const struct plan_mount *m, int target,
			 struct mount_direct *direct, bool *done, struct err *e)
{
	struct plan_mount fs = cgroup_fs_v2(m);

	*done = false;
	if (!cgroup_has_own_v2(p))
		return -EPERM;
	*done = mount_direct_fs(direct, &fs, target, NULL);
	return *done ? FD_NONE : mount_fs_new(p, &fs, FD_NONE, e);
}

/* With mount(2), as any bind mount of the config. */
static int cgroup_v2_legacy(const struct plan *p, const struct plan_mount *m, int root, int target,
			    struct err *e)
{
	struct plan_mount bind = {
		.verb = MOUNT_BIND,
		.source = p->mounts.cgroup[0].source,
		.target = m->target,
		.attr_set = cgroup_attributes(m, &p->mounts.cgroup[0]),
		.propagation = MS_PRIVATE,
	};

	return mount_legacy(&bind, root, target, e);
}

static int cgroup_v2(const struct plan *p, const struct plan_mount *m, int root, int target,
		     struct mount_direct *direct, struct err *e)
{
	const struct plan_cgroup_view *v = &p->mounts.cgroup[0];
	struct err why = {0};
	bool done;
	autoclose int fd = cgroup_new_v2(p, m, target, direct, &done, &why);
	int r = fd;

	if (done)
		return 0;
	if (fd >= 0)
		r = sys_move_mount(fd, "", target, "",
				   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	else if (fd == -EPERM || fd == -EBUSY || fd == -ENOSYS)
		r = cgroup_bind(v, cgroup_attributes(m, v), target, "");
	else
		return err_take(e, &why);
	if (r == -ENOSYS)
		return cgroup_v2_legacy(p, m, root, target, e);
	if (r == -ENOENT) { /* the caller could not make a cgroup, and needed none */
		log_debug("%s: '%s' does not exist, nothing is mounted", m->origin, v->source);
		return 0;
	}
	return r < 0 ? err_sys(e, -r, "'%s' as the container's cgroup", v->source) : 0;
}

/* Links for the controllers that are mounted together under another name. "name=systemd" is called
 * systemd. */
static int cgroup_links(const struct plan_cgroup_view *v, int dir)
{
	const char *s = v->controllers == NULL ? "" : v->controllers;

	while (*s != '\0') {
		char name[64];
		size_t n = strcspn(s, ",");

		if (n >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, s, n);
		name[n] = '\0';
		s += n + (s[n] == ',');
		if (n == 0 || strncmp(name, "name=", 5) == 0 || strcmp(name, v->name) == 0)
			continue;
		if (symlinkat(v->name, dir, name) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* dir: the root of a tmpfs that init has just made, hence plain names. */
static int cgroup_fill(const struct plan *p, const struct plan_mount *m, int dir,
		       struct mount_direct *direct, struct err *e)
{
	for (size_t i = 0; i < p->mounts.n_cgroup; i++) {
		const struct plan_cgroup_view *v = &p->mounts.cgroup[i];

		if (mkdirat(dir, v->name, 0755) < 0) {
			if (errno == EEXIST)
				continue; /* the host has one hierarchy mounted twice */
			return err_sys(e, errno, "directory '%s'", v->name);
		}
		/* the attributes of all follow in one call; a whole hierarchy is not left writable
		 * until then */
		int r = !v->whole && mount_direct_bind(direct, v->source, dir, v->name)
				? 0
				: cgroup_bind(v, v->whole ? MOUNT_ATTR_RDONLY : 0, dir, v->name);
		if (r == -ENOSYS)
			r = cgroup_bind_legacy(v, cgroup_attributes(m, v), dir, v->name);
		if (r == -ENOENT) { /* no cgroup of the container there */
			(void)unlinkat(dir, v->name, AT_REMOVEDIR);
			continue;
		}
		if (r < 0)
			return err_sys(e, -r, "'%s' as the container's cgroup", v->source);
		r = cgroup_links(v, dir);
		if (r < 0)
			return err_sys(e, -r, "links beside '%s'", v->name);
	}
	return 0;
}

/* Read-only once it is filled. */
static struct plan_mount cgroup_fs_v1(const struct plan_mount *m)
{
	struct plan_mount fs = *m;

	fs.verb = MOUNT_FS;
	fs.fstype = "tmpfs";
	fs.source = "tmpfs";
	fs.data = "mode=755";
	fs.sb_flags = 0;
	fs.attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	fs.rec_attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	return fs;
}

/* A tmpfs on target; fd of its root. */
static int cgroup_tmpfs(const struct plan *p, const struct plan_mount *m, int root, int target,
			struct err *e)
{
	struct plan_mount fs = cgroup_fs_v1(m);

	autoclose int fd = mount_fs_new(p, &fs, target, e);
	if (fd == -ENOSYS) {
		int r = mount_legacy(&fs, root, target, e);
		return r < 0 ? r : path_open(root, m->target, O_PATH | O_DIRECTORY, e);
	}
	if (fd < 0)
		return fd;
	int r = sys_move_mount(fd, "", target, "",
			       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	return r < 0 ? err_sys(e, -r, "attaching the tmpfs of the cgroups") : fd_take(&fd);
}

/* Before 5.12: one by one. */
static int cgroup_attributes_legacy(const struct plan *p, int dir, uint64_t attr)
{
	for (size_t i = 0; i < p->mounts.n_cgroup; i++) {
		autoclose int made =
			openat(dir, p->mounts.cgroup[i].name, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (made < 0 && errno == ENOENT) /* no cgroup of the container there */
			continue;
		int r = made < 0 ? -errno : mount_legacy_add(made, mount_legacy_flags(attr));
		if (r < 0)
			return r;
	}
	return mount_legacy_add(dir, mount_legacy_flags(attr));
}

/* dir: of cgroup_fill(). */
static int cgroup_v1(const struct plan *p, const struct plan_mount *m, int dir,
		     struct mount_direct *direct, struct err *e)
{
	int r = cgroup_fill(p, m, dir, direct, e);

	if (r < 0)
		return r;
	r = mount_set(dir, AT_RECURSIVE, m->attr_set | m->rec_attr_set, 0, MS_PRIVATE);
	if (r == -ENOSYS)
		r = cgroup_attributes_legacy(p, dir, m->attr_set | m->rec_attr_set);
	return r < 0 ? err_sys(e, -r, "setting the options of the cgroup mounts") : 0;
}

bool mount_cgroup_direct(const struct plan *p, const struct plan_mount *m, int sys,
			 struct mount_direct *direct, int *out_r, struct err *e)
{
	bool v1 = p->mounts.n_cgroup > 0 && p->mounts.cgroup[0].name != NULL;
	struct plan_mount fs = v1 ? cgroup_fs_v1(m) : cgroup_fs_v2(m);

	*out_r = 0;
	if (p->mounts.n_cgroup == 0 || (!v1 && !cgroup_has_own_v2(p)) ||
	    !mount_direct_fs(direct, &fs, sys, MOUNT_CGROUP_NAME))
		return false;
	if (!v1)
		return true;
	/* the name leads to what was mounted there now */
	autoclose int dir = openat(sys, MOUNT_CGROUP_NAME, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*out_r = dir < 0 ? err_sys(e, errno, "opening the tmpfs of the cgroups")
			 : cgroup_v1(p, m, dir, direct, e);
	return true;
}

int mount_cgroup(const struct plan *p, const struct plan_mount *m, int root, int target,
		 struct mount_direct *direct, struct err *e)
{
	if (p->mounts.n_cgroup == 0) {
		log_warn("%s: the host has no cgroups mounted, nothing to show", m->origin);
		return 0;
	}
	if (p->mounts.cgroup[0].name == NULL)
		return cgroup_v2(p, m, root, target, direct, e);
	autoclose int dir = cgroup_tmpfs(p, m, root, target, e);
	if (dir < 0)
		return dir;
	return cgroup_v1(p, m, dir, direct, e);
}
