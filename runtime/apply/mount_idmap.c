/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/mount_idmap.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "sys/sys.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

const char *mount_fs_name(int fd, char buf[static 32])
{
	/* Those without idmapped mounts are met on clusters; their numbers are not all in
	 * linux/magic.h. */
	static const struct {
		unsigned long magic;
		const char *name;
	} names[] = {
		{EXT4_SUPER_MAGIC, "ext4"},   {TMPFS_MAGIC, "tmpfs"},
		{NFS_SUPER_MAGIC, "nfs"},     {OVERLAYFS_SUPER_MAGIC, "overlay"},
		{0x58465342, "xfs"},	      {BTRFS_SUPER_MAGIC, "btrfs"},
		{0x0bd00bd0, "lustre"},	      {0x47504653, "gpfs"},
		{0x65735546, "fuse"},	      {PROC_SUPER_MAGIC, "proc"},
		{SYSFS_MAGIC, "sysfs"},	      {0x19830326, "beegfs"},
		{0xff534d42, "cifs"},	      {0x00c36400, "ceph"},
		{SQUASHFS_MAGIC, "squashfs"},
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return "unknown";
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].magic == (unsigned long)fs.f_type)
			return names[i].name;
	(void)snprintf(buf, 32, "type 0x%lx", (unsigned long)fs.f_type);
	return buf;
}

static int mount_idmap_write(const struct procfs *pf, pid_t pid, const char *file,
			     const struct plan_idmap *map, struct err *e)
{
	__attribute__((cleanup(arena_done))) struct arena a = {0};
	char rel[48];
	const char *text = "";

	for (size_t i = 0; i < map->n; i++)
		text = arena_printf(&a, "%s%u %u %u\n", text, map->v[i].inside, map->v[i].outside,
				    map->v[i].count);
	(void)snprintf(rel, sizeof(rel), "%d/%s", pid, file);
	return procfs_write(pf, rel, text, e);
}

static int mount_idmap_open(const struct plan_mount *m, const struct procfs *pf, pid_t pid,
			    struct err *e)
{
	char rel[48];
	int r = mount_idmap_write(pf, pid, "uid_map", &m->uid, e);

	if (r == 0)
		r = mount_idmap_write(pf, pid, "gid_map", &m->gid, e);
	if (r < 0)
		return r;
	/* A magic link, which the checked lookup of procfs refuses; the pid is a child of ours. */
	(void)snprintf(rel, sizeof(rel), "%d/ns/user", pid);
	int fd = openat(pf->fd, rel, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, errno, "/proc/%s", rel) : fd;
}

/* fd of a user namespace with m's maps. */
static int mount_idmap_namespace(const struct plan_mount *m, const struct procfs *pf, struct err *e)
{
	int pidfd = FD_NONE, status;
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = sys_clone3(&args);

	if (pid < 0)
		return err_sys(e, -pid, "a user namespace for the mapping");
	if (pid == 0)
		for (;;)
			(void)pause();
	autoclose int owned = pidfd;
	int fd = mount_idmap_open(m, pf, pid, e);
	(void)sys_pidfd_send_signal(owned, SIGKILL);
	(void)sys_waitid_pidfd(owned, &status, 0);
	return fd;
}

static int mount_idmap_own(const struct plan *p, struct err *e)
{
	for (size_t i = 0; i < p->ns.n_join; i++) {
		if (p->ns.join[i].type != CLONE_NEWUSER)
			continue;
		int fd = open(p->ns.join[i].path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		return fd < 0 ? err_sys(e, errno, "%s.path: '%s'", p->ns.join[i].origin,
					p->ns.join[i].path)
			      : fd;
	}
	return err_set(e, EINVAL, ".options: 'idmap' needs mappings or a user namespace");
}

int mount_idmap_set(const struct plan *p, const struct plan_mount *m, const struct procfs *pf,
		    int fd, struct err *e)
{
	char buf[32];
	autoclose int ns = m->idmap_own ? mount_idmap_own(p, e) : mount_idmap_namespace(m, pf, e);

	if (ns < 0)
		return err_at(e, ".options: idmap");
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned int)ns};
	int r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | (m->idmap_recursive ? AT_RECURSIVE : 0),
				  &attr);
	if (r == -EINVAL)
		return err_set(
			e, EINVAL,
			".options: idmap: the file system of '%s' (%s) has no idmapped mounts in "
			"this kernel",
			m->source, mount_fs_name(fd, buf));
	if (r == -EPERM)
		return err_set(e, EPERM,
			       ".options: idmap: only the owner of the file system of '%s' may map "
			       "its ids, "
			       "and a mount that is mapped already can't be mapped again",
			       m->source);
	return r < 0 ? err_sys(e, -r, ".options: idmap of '%s'", m->source) : 0;
}
