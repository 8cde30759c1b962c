/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/mount_open.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "apply/mount_idmap.h"
#include "sys/sys.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int mount_set(int fd, unsigned int flags, uint64_t set, uint64_t clr, unsigned long propagation)
{
	struct mount_attr attr = {
		.attr_set = set,
		.attr_clr = clr,
		.propagation = propagation & ~(unsigned long)MS_REC,
	};

	if (set == 0 && clr == 0 && attr.propagation == 0)
		return 0;
	return sys_mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr);
}

/* The clone with all its attributes in one call, where that is possible. Whatever fails is told by
 * the two calls of old. -errno. */
static int mount_clone_at_once(int at, const char *path, unsigned int flags,
			       const struct mount_attr *attr)
{
	static bool missing; /* before 6.15, or kept from us by a filter */
	int fd = missing ? -ENOSYS : sys_open_tree_attr(at, path, flags, attr);

	missing = missing || fd == -ENOSYS || fd == -EPERM;
	return fd;
}

int mount_clone(int at, const char *path, unsigned int flags, struct mount_attr attr)
{
	autoclose int fd = FD_NONE;

	flags |= OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	attr.propagation &= ~(uint64_t)MS_REC;
	fd = mount_clone_at_once(at, path, flags, &attr);
	if (fd >= 0 || fd == -ENOENT)
		return fd_take(&fd);
	fd = sys_open_tree(at, path, flags);
	if (fd < 0)
		return fd;
	int r = mount_set(fd, flags & AT_RECURSIVE, attr.attr_set, attr.attr_clr, attr.propagation);
	return r < 0 ? r : fd_take(&fd);
}

/* A clone is a peer of the mount it was taken of. Unless the whole rootfs is to be shared with the
 * host it becomes a slave first, as it would have by being cloned out of the container's slave
 * tree. */
static unsigned long mount_default_propagation(const struct plan *p)
{
	unsigned long kind = p->mounts.root_propagation & ~(unsigned long)MS_REC;

	return kind == MS_SHARED ? 0 : kind;
}

int mount_open_rootfs(const struct plan *p, const char *path)
{
	unsigned long kind = mount_default_propagation(p);
	autoclose int fd =
		mount_clone(AT_FDCWD, path, AT_RECURSIVE, (struct mount_attr){.propagation = kind});

	if (fd < 0)
		return fd;
	/* pivot_root(2) refuses a shared new root */
	int r = kind == 0 ? mount_set(fd, 0, 0, 0, MS_PRIVATE) : 0;
	return r < 0 ? r : fd_take(&fd);
}

/* Attributes and propagation of what m binds: the step that concerns all of it. *last: the
 * propagation that is left for after it. */
static struct mount_attr mount_first_step(const struct plan *p, const struct plan_mount *m,
					  unsigned long *last)
{
	struct mount_attr a = {.attr_set = m->rec_attr_set, .attr_clr = m->rec_attr_clr};
	unsigned long first = mount_default_propagation(p);

	*last = m->propagation;
	/* A plain replacement needs no step between; sharing again does, lest it be the host's peer
	 * group. */
	if ((*last & ~(unsigned long)MS_REC) != MS_SHARED && *last != 0 &&
	    ((*last & MS_REC) != 0 || !m->recursive)) {
		first = *last;
		*last = 0;
	}
	if (!m->recursive) {
		a.attr_set = m->attr_set | (m->rec_attr_set & ~m->attr_clr);
		a.attr_clr = m->attr_clr | (m->rec_attr_clr & ~m->attr_set);
	}
	a.propagation = first & ~(unsigned long)MS_REC;
	return a;
}

/* The top's own words, which override those for the tree. */
static int mount_last_steps(const struct plan_mount *m, int fd, unsigned long last)
{
	if (!m->recursive)
		return mount_set(fd, 0, 0, 0, last);
	int r = 0;
	if ((last & MS_REC) != 0) {
		r = mount_set(fd, AT_RECURSIVE, 0, 0, last);
		last = 0;
	}
	return r < 0 ? r : mount_set(fd, 0, m->attr_set, m->attr_clr, last);
}

/* What a parent user namespace has set can be added to, not taken away (mount_namespaces(7)). */
static int mount_locked(const struct plan_mount *m, int fd, struct err *e)
{
	static const struct {
		unsigned long flag;
		uint64_t attr;
		const char *name;
	} all[] = {
		{ST_RDONLY, MOUNT_ATTR_RDONLY, " ro"},
		{ST_NOSUID, MOUNT_ATTR_NOSUID, " nosuid"},
		{ST_NODEV, MOUNT_ATTR_NODEV, " nodev"},
		{ST_NOEXEC, MOUNT_ATTR_NOEXEC, " noexec"},
		{ST_NOATIME, MOUNT_ATTR__ATIME, " noatime"},
		{ST_RELATIME, MOUNT_ATTR__ATIME, " relatime"},
	};
	uint64_t clr = m->attr_clr | m->rec_attr_clr;
	char names[64] = "";
	struct statvfs st;

	for (size_t i = 0; fstatvfs(fd, &st) == 0 && i < ARRAY_LEN(all); i++)
		if ((st.f_flag & all[i].flag) != 0 && (clr & all[i].attr) != 0)
			(void)snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s",
				       all[i].name);
	return err_set(e, EPERM,
		       ".options: would clear flags of '%s', or of a mount below it, that are not "
		       "the user namespace's to clear (it has:%s)",
		       m->source, names);
}

int mount_open_bind(const struct plan *p, const struct plan_mount *m, const struct procfs *pf,
		    bool *out_later, struct err *e)
{
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			     (m->recursive ? AT_RECURSIVE : 0) |
			     (m->source_nofollow ? AT_SYMLINK_NOFOLLOW : 0);
	unsigned long last;
	struct mount_attr first = mount_first_step(p, m, &last);
	autoclose int fd = mount_clone_at_once(AT_FDCWD, m->source, flags, &first);
	bool stepped = fd >= 0;

	if (!stepped)
		fd = sys_open_tree(AT_FDCWD, m->source, flags);
	*out_later = fd == -EPERM;
	if (fd == -EINVAL)
		return err_set(
			e, EINVAL,
			".source: '%s': can't be bound (an unbindable mount, one of another mount "
			"namespace, or in a user namespace one with mounts below it, which only "
			"'rbind' takes)",
			m->source);
	if (fd < 0)
		return err_sys(e, -fd, ".source: '%s'", m->source);
	int r = stepped ? 0
			: mount_set(fd, flags & AT_RECURSIVE, first.attr_set, first.attr_clr,
				    first.propagation);
	if (r == 0)
		r = mount_last_steps(m, fd, last);
	if (r == -EPERM)
		return mount_locked(m, fd, e);
	if (r < 0)
		return err_sys(e, -r, ".options: setting the attributes of '%s'", m->source);
	if (m->uid.n > 0 || m->idmap_own) {
		r = mount_idmap_set(p, m, pf, fd, e);
		if (r < 0)
			return r;
	}
	return fd_take(&fd);
}
