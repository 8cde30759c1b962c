/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/mount_open.h"

#include <fcntl.h>
#include <sys/mount.h>

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
	autoclose int fd =
		sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	unsigned long kind = mount_default_propagation(p);

	if (fd < 0)
		return fd;
	int r = mount_set(fd, AT_RECURSIVE, 0, 0, kind);
	if (r == 0 && kind == 0) /* pivot_root(2) refuses a shared new root */
		r = mount_set(fd, 0, 0, 0, MS_PRIVATE);
	return r < 0 ? r : fd_take(&fd);
}

/* Attributes and propagation on the detached tree. The top's own words override those for the tree.
 */
static int mount_open_attributes(const struct plan *p, const struct plan_mount *m, int fd)
{
	unsigned long first = mount_default_propagation(p), last = m->propagation;
	uint64_t set = m->attr_set, clr = m->attr_clr;
	int r;

	/* A plain replacement needs no step between; sharing again does, lest it be the host's peer
	 * group. */
	if ((last & ~(unsigned long)MS_REC) != MS_SHARED && last != 0 &&
	    ((last & MS_REC) != 0 || !m->recursive)) {
		first = last;
		last = 0;
	}
	if (!m->recursive) {
		set |= m->rec_attr_set & ~clr;
		clr |= m->rec_attr_clr & ~m->attr_set;
		r = mount_set(fd, 0, set, clr, first);
		return r < 0 ? r : mount_set(fd, 0, 0, 0, last);
	}
	r = mount_set(fd, AT_RECURSIVE, m->rec_attr_set, m->rec_attr_clr, first);
	if (r == 0 && (last & MS_REC) != 0) {
		r = mount_set(fd, AT_RECURSIVE, 0, 0, last);
		last = 0;
	}
	return r < 0 ? r : mount_set(fd, 0, set, clr, last);
}

int mount_open_bind(const struct plan *p, const struct plan_mount *m, const struct procfs *pf,
		    bool *out_later, struct err *e)
{
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			     (m->recursive ? AT_RECURSIVE : 0) |
			     (m->source_nofollow ? AT_SYMLINK_NOFOLLOW : 0);
	autoclose int fd = sys_open_tree(AT_FDCWD, m->source, flags);

	*out_later = fd == -EPERM;
	if (fd == -EINVAL)
		return err_set(
			e, EINVAL,
			".source: '%s': can't be bound (an unbindable mount, or one of another "
			"mount namespace)",
			m->source);
	if (fd < 0)
		return err_sys(e, -fd, ".source: '%s'", m->source);
	int r = mount_open_attributes(p, m, fd);
	if (r == -EPERM)
		return err_set(
			e, EPERM,
			".options: '%s' has flags that a parent user namespace has locked and the "
			"options would clear",
			m->source);
	if (r < 0)
		return err_sys(e, -r, ".options: setting the attributes of '%s'", m->source);
	if (m->uid.n > 0 || m->idmap_own) {
		r = mount_idmap_set(p, m, pf, fd, e);
		if (r < 0)
			return r;
	}
	return fd_take(&fd);
}
