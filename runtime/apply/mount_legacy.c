/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/mount_legacy.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "apply/mount_fs.h"
#include "sys/path.h"
#include "sys/procfs.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256 /* 5.10 */
#endif

unsigned long mount_legacy_flags(uint64_t attr)
{
	static const struct {
		uint64_t attr;
		unsigned long flag;
	} pairs[] = {
		{MOUNT_ATTR_RDONLY, MS_RDONLY},		{MOUNT_ATTR_NOSUID, MS_NOSUID},
		{MOUNT_ATTR_NODEV, MS_NODEV},		{MOUNT_ATTR_NOEXEC, MS_NOEXEC},
		{MOUNT_ATTR_NOATIME, MS_NOATIME},	{MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
		{MOUNT_ATTR_NODIRATIME, MS_NODIRATIME}, {0x00200000, MS_NOSYMFOLLOW},
	};
	unsigned long flags = 0;

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if ((attr & pairs[i].attr) != 0)
			flags |= pairs[i].flag;
	return flags;
}

int mount_legacy_bind(int from, int target, bool recursive)
{
	char a[32], b[32];

	return mount(procfs_fd_path(from, a), procfs_fd_path(target, b), NULL,
		     MS_BIND | (recursive ? MS_REC : 0), NULL) < 0
		       ? -errno
		       : 0;
}

/* The flags of a mount as mount(2) takes them; statvfs names them differently only for relatime. */
static unsigned long legacy_current(int fd)
{
	struct statvfs st;
	unsigned long flags = 0;

	if (fstatvfs(fd, &st) < 0)
		return 0;
	flags = st.f_flag &
		(ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME);
	return flags | ((st.f_flag & ST_RELATIME) != 0 ? MS_RELATIME : 0);
}

int mount_legacy_add_at(const char *path, int fd, unsigned long flags)
{
	flags |= MS_REMOUNT | MS_BIND | legacy_current(fd);
	return mount(NULL, path, NULL, flags, NULL) < 0 ? -errno : 0;
}

int mount_legacy_add(int fd, unsigned long flags)
{
	char path[32];

	return mount_legacy_add_at(procfs_fd_path(fd, path), fd, flags);
}

/* Sets exactly flags, except that what a parent user namespace has locked is kept. */
static int legacy_remount(int fd, unsigned long flags)
{
	char path[32];

	flags |= MS_REMOUNT | MS_BIND;
	if (mount(NULL, procfs_fd_path(fd, path), NULL, flags, NULL) == 0)
		return 0;
	return errno == EPERM ? mount_legacy_add(fd, flags) : -errno;
}

/* A remount replaces all flags: those of the source which nobody asked to change are kept. */
static int legacy_finish_bind(const struct plan_mount *m, int fd, struct err *e)
{
	unsigned long set = mount_legacy_flags(m->attr_set | m->rec_attr_set);
	unsigned long clr = mount_legacy_flags(m->attr_clr);
	unsigned long now = legacy_current(fd);

	if ((m->rec_attr_set | m->rec_attr_clr) != 0 && m->recursive)
		return err_set(
			e, ENOSYS,
			".options: the options for whole trees (rro and so on) need Linux 5.12");
	if (((now & ~clr) | set) == now)
		return 0;
	int r = legacy_remount(fd, (now & ~clr) | set);
	return r < 0 ? err_sys(e, -r, ".options: remounting '%s'", m->source) : 0;
}

static int legacy_new(const struct plan_mount *m, const char *path, int target)
{
	__attribute__((cleanup(arena_done))) struct arena a = {0};
	unsigned long flags = mount_legacy_flags(m->attr_set) | m->sb_flags;
	const char *data = m->data;
	char extra[64];

	if (m->verb == MOUNT_BIND)
		flags = MS_BIND | (m->recursive ? MS_REC : 0);
	else if (mount_fs_extra(m, target, extra)[0] != '\0')
		data = arena_printf(&a, "%s%s%s", data == NULL ? "" : data, data == NULL ? "" : ",",
				    extra);
	if (m->ro_late)
		flags &= ~(unsigned long)MS_RDONLY;
	return mount(m->source, path, m->fstype, flags, data) < 0 ? -errno : 0;
}

/* Flags that a parent user namespace has locked stay, unless the options would clear them. */
static int legacy_change(const struct plan_mount *m, const char *path, int target)
{
	unsigned long flags = mount_legacy_flags(m->attr_set) | m->sb_flags | MS_REMOUNT;

	flags |= m->verb == MOUNT_BIND ? MS_BIND : 0;
	if (mount(m->source, path, m->fstype, flags, m->data) == 0)
		return 0;
	if (errno != EPERM || m->verb != MOUNT_BIND)
		return -errno;
	flags |= legacy_current(target) & ~mount_legacy_flags(m->attr_clr);
	return mount(m->source, path, m->fstype, flags, m->data) < 0 ? -errno : 0;
}

static int legacy_mount(const struct plan_mount *m, int target, struct err *e)
{
	char path[32];

	(void)procfs_fd_path(target, path);
	int r = m->remount ? legacy_change(m, path, target) : legacy_new(m, path, target);
	return r < 0 ? err_sys(e, -r, "mounting '%s' with mount(2)",
			       m->source == NULL ? "none" : m->source)
		     : 0;
}

int mount_legacy(const struct plan_mount *m, int root, int target, struct err *e)
{
	char path[32];

	if (m->uid.n > 0 || m->idmap_own)
		return err_set(e, ENOSYS, ".options: idmapped mounts need Linux 5.12");
	int r = legacy_mount(m, target, e);
	if (r < 0 || m->remount)
		return r;
	/* target is what is covered now; its name leads to the mount's root */
	autoclose int fd = path_open(root, m->target, O_PATH, e);
	if (fd < 0)
		return err_at(e, ".destination");
	r = m->verb == MOUNT_BIND ? legacy_finish_bind(m, fd, e) : mount_fs_label(m, fd, e);
	if (r == 0 && m->propagation != 0 &&
	    mount(NULL, procfs_fd_path(fd, path), NULL, m->propagation, NULL) < 0)
		r = err_sys(e, errno, ".options: propagation");
	return r;
}
