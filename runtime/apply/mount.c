/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/mount.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "apply/mount_cgroup.h"
#include "apply/mount_copyup.h"
#include "apply/mount_direct.h"
#include "apply/mount_file.h"
#include "apply/mount_fresh.h"
#include "apply/mount_fs.h"
#include "apply/mount_legacy.h"
#include "apply/mount_open.h"
#include "base/log.h"
#include "hooks/curtain.h"
#include "sys/path.h"
#include "sys/sys.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

#define MOUNT_ATTACH (MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)

void mount_slots_done(struct mount_slots *slots)
{
	for (size_t i = 0; i < slots->n; i++)
		fd_done(&slots->fd[i]);
	slots->n = 0;
}

/* 1: later, in init; 0; -errno. */
static int mount_open_root_slot(const struct plan *p, int *slot, struct err *e)
{
	int fd = FD_NONE;

	if (!plan_has_ns(p, CLONE_NEWNS)) {
		fd = open(p->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
	} else {
		fd = mount_open_rootfs(p, p->rootfs);
		if (fd == -EPERM || fd == -ENOSYS)
			return 1;
	}
	if (fd < 0)
		return err_sys(e, -fd, "root.path: '%s'", p->rootfs);
	*slot = fd;
	return 0;
}

/* copy-symlink: *is_link when the source is one, whose text is in text then. */
static bool mount_is_link(const struct plan_mount *m, char text[static PATH_MAX])
{
	ssize_t n = m->copy_symlink ? readlinkat(AT_FDCWD, m->source, text, PATH_MAX - 1) : -1;

	if (n < 0)
		return false;
	text[n] = '\0';
	return true;
}

int mount_open_sources(const struct plan *p, struct mount_slots *slots, struct err *e)
{
	autoclose int proc = FD_NONE;
	char link[PATH_MAX];

	slots->n = p->mounts.n + 1;
	slots->fd = arena_array(p->arena, slots->n, sizeof(*slots->fd));
	for (size_t i = 0; i < slots->n; i++)
		slots->fd[i] = FD_NONE;
	int r = mount_open_root_slot(p, &slots->fd[0], e);
	if (r != 0)
		return r < 0 ? r : 0;
	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct plan_mount *m = &p->mounts.v[i];
		struct procfs pf = {.fd = proc};
		struct err why = {0};
		bool later = false;

		if (m->open_at != AT_HOST || m->remount || mount_is_link(m, link))
			continue;
		if (m->uid.n > 0 && proc < 0) {
			r = procfs_open(&pf, e);
			if (r < 0)
				return r;
			proc = pf.fd;
		}
		int fd = mount_open_bind(p, m, &pf, &later, &why);
		/* Without the right, or the calls, to clone a mount in this namespace: init has
		 * them. */
		if (later || fd == -ENOSYS)
			return 0;
		if (fd < 0) {
			(void)err_take(e, &why);
			return err_at(e, "%s", m->origin);
		}
		slots->fd[m->slot] = fd;
	}
	return 0;
}

/*
 * The mount that holds the rootfs must not be shared, or attaching the rootfs to it would show on
 * the host, and pivot_root(2) would refuse it. Only needed where the old root was not made a slave
 * or private. The mount's own root is found by going up: everything else of it answers EINVAL.
 */
static int mount_unshare_parent(const char *path, struct err *e)
{
	autoclose int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char self[32];

	for (int depth = 0; fd >= 0 && depth < PATH_MAX / 2; depth++) {
		int r = mount_set(fd, 0, 0, 0, MS_PRIVATE);
		if (r == -ENOSYS)
			r = mount(NULL, procfs_fd_path(fd, self), NULL, MS_PRIVATE, NULL) < 0
				    ? -errno
				    : 0;
		if (r != -EINVAL)
			return r < 0 ? err_sys(e, -r,
					       "root.path: making the mount that holds '%s' "
					       "private",
					       path)
				     : 0;
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		fd_done(&fd);
		fd = up;
	}
	return err_sys(e, errno, "root.path: '%s'", path);
}

/* Kernels without open_tree(2). */
static int mount_root_legacy(const struct plan *p, int *out_root, struct err *e)
{
	if (mount(p->rootfs, p->rootfs, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_sys(e, errno, "root.path: binding '%s'", p->rootfs);
	autoclose int fd = open(p->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "root.path: '%s'", p->rootfs);
	*out_root = fd_take(&fd);
	return 0;
}

/*
 * Hooks expect the rootfs at its own place, wherever the links of the caller's path lead. Where the
 * container's root may not go (a home with mode 0700 and a map in which the caller is not root), it
 * covers "/", which needs no way there and nobody sees: paths start below it.
 */
static int mount_attach_root(const struct plan *p, int root)
{
	int r = sys_move_mount(root, "", AT_FDCWD, p->rootfs,
			       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);

	if (r != -EACCES)
		return r;
	return sys_move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
}

static int mount_no_propagation(int code, struct err *e)
{
	if (code == EINVAL)
		return err_set(e, code,
			       "linux.rootfsPropagation: the root of the runtime itself is not a "
			       "mount (a chroot): "
			       "bind it on itself first, or change the root by pivot_root");
	return err_sys(e, code, "linux.rootfsPropagation: setting it on the root");
}

int mount_root(const struct plan *p, struct mount_slots *slots, int *out_root, struct err *e)
{
	int *slot = &slots->fd[0], r = 0;

	if (!plan_has_ns(p, CLONE_NEWNS)) {
		*out_root = fd_take(slot);
		return 0;
	}
	if (mount(NULL, "/", NULL, p->mounts.root_propagation, NULL) < 0)
		return mount_no_propagation(errno, e);
	if ((p->mounts.root_propagation & MS_SHARED) != 0)
		r = mount_unshare_parent(p->rootfs, e);
	if (r < 0)
		return r;
	if (*slot < 0) {
		int fd = mount_open_rootfs(p, p->rootfs);
		if (fd == -ENOSYS)
			return mount_root_legacy(p, out_root, e);
		if (fd < 0)
			return err_sys(e, -fd, "root.path: '%s'", p->rootfs);
		*slot = fd;
	}
	r = mount_attach_root(p, *slot);
	if (r < 0)
		return err_sys(e, -r, "root.path: attaching '%s'", p->rootfs);
	*out_root = fd_take(slot);
	return 0;
}

/* A missing destination: of the kind of its source. source FD_NONE: a directory. */
static int mount_make_target(const struct plan_mount *m, int root, int source, struct err *e)
{
	struct stat st;

	if (source >= 0 && fstat(source, &st) == 0 && !S_ISDIR(st.st_mode))
		return path_mkfile(root, m->target, 0755, e);
	return path_mkdir(root, m->target, 0755, e);
}

/* A volume put over files of the container's /proc by way of a link in the image (CVE-2019-19921).
 * The plan has refused such names already; those it allows start with "/proc". */
static int mount_check_not_proc(const struct plan_mount *m, int target, struct err *e)
{
	struct statfs fs;

	if (strcmp(m->target, "/proc") == 0 || strncmp(m->target, "/proc/", 6) == 0 ||
	    fstatfs(target, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	return err_set(e, EINVAL, ".destination: '%s' leads into a proc file system", m->target);
}

/* What lies at the top of the rootfs itself is on no other file system; negative: m goes elsewhere,
 * or it is not known. */
static int mount_target_top(const struct plan_mount *m, int root)
{
	const char *name = m->target + strspn(m->target, "/");

	return m->remount || *name == '\0' || strchr(name, '/') != NULL
		       ? FD_NONE
		       : path_open_entry(root, name,
					 O_PATH | (m->verb == MOUNT_BIND ? 0 : O_DIRECTORY));
}

/* O_PATH descriptor of where m goes. */
static int mount_target(const struct plan_mount *m, int root, int source, struct err *e)
{
	struct err why = {0};
	int kind = mount_wants_real_directory(m) ? O_DIRECTORY : 0;
	bool nofollow = kind != 0 || m->target_nofollow;
	int fd = mount_target_top(m, root);

	if (fd >= 0)
		return fd;
	fd = -ENOENT;
	/* path_mkdir() opens what exists with the same single call */
	if (m->verb == MOUNT_BIND || nofollow || m->remount)
		fd = nofollow ? path_open_nofollow(root, m->target, O_PATH | kind, &why)
			      : path_open(root, m->target, O_PATH, &why);
	if (fd == -ENOENT && !m->remount)
		fd = mount_make_target(m, root, source, &why);
	if (fd == -ENOTDIR && kind != 0)
		return err_set(e, ENOTDIR,
			       ".destination: '%s' has to be a directory for a %s file system, and "
			       "no link",
			       m->target, m->fstype);
	if (fd < 0) {
		(void)err_take(e, &why);
		return err_at(e, ".destination");
	}
	autoclose int owned = fd;
	int r = mount_check_not_proc(m, owned, e);
	return r < 0 ? r : fd_take(&owned);
}

static bool mount_kinds_differ(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && S_ISDIR(x.st_mode) != S_ISDIR(y.st_mode);
}

static int mount_move(const struct plan_mount *m, int fd, int target, struct err *e)
{
	int r = sys_move_mount(fd, "", target, "", MOUNT_ATTACH);

	if ((r == -ENOTDIR || r == -EINVAL) && mount_kinds_differ(fd, target))
		return err_set(
			e, ENOTDIR,
			".destination: '%s' and the source must be both directories or both files",
			m->target);
	return r < 0 ? err_sys(e, -r, ".destination: mounting on '%s'", m->target) : 0;
}

/* /proc of the container is what labels and limits are read from later: only a whole procfs may be
 * bound. */
static int mount_check_bound_proc(const struct plan_mount *m, int source, struct err *e)
{
	struct statfs fs;
	struct stat st;

	if (strcmp(m->target, "/proc") != 0)
		return 0;
	if (fstatfs(source, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC && fstat(source, &st) == 0 &&
	    st.st_ino == 1)
		return 0;
	return err_set(
		e, EINVAL,
		".source: '%s' is not the root of a proc file system, nothing else may be mounted "
		"on '/proc'",
		m->source);
}

static int mount_attach_bind(const struct plan *p, const struct plan_mount *m, int *slot, int root,
			     const struct procfs *pf, struct err *e)
{
	char link[PATH_MAX];
	bool later;

	if (mount_is_link(m, link)) {
		int r = path_symlink(root, m->target, link, e);
		return r < 0 ? err_at(e, ".destination") : 0;
	}
	if (*slot < 0)
		*slot = mount_open_bind(p, m, pf, &later, e);
	autoclose int source = fd_take(slot);
	bool legacy = source == -ENOSYS;
	if (legacy) {
		source =
			open(m->source, O_PATH | O_CLOEXEC | (m->source_nofollow ? O_NOFOLLOW : 0));
		if (source < 0)
			return err_sys(e, errno, ".source: '%s'", m->source);
	}
	if (source < 0)
		return source;
	int r = mount_check_bound_proc(m, source, e);
	if (r < 0)
		return r;
	autoclose int target = mount_target(m, root, source, e);
	if (target < 0)
		return target;
	return legacy ? mount_legacy(m, root, target, e) : mount_move(m, source, target, e);
}

/* A file system of a namespace that is not the container's own: the caller's mount is the same. */
static const struct mount_shared {
	const char *type, *path;
	int ns;
	uint64_t attr;
} mount_shared[] = {
	/*
	 * sysfs shows the network namespace's devices and can't be mounted by a user namespace that
	 * does not own that, nor where the caller's is covered. Always read-only and without the
	 * right to be more: below it lies the host's whole cgroup hierarchy (CVE-2023-25809).
	 */
	{"sysfs", "/sys", 0, MOUNT_ATTR_RDONLY},
	{"proc", "/proc", CLONE_NEWPID, 0},
	{"mqueue", "/dev/mqueue", CLONE_NEWIPC, 0},
};

static const struct mount_shared *mount_find_shared(const struct plan *p,
						    const struct plan_mount *m)
{
	for (size_t i = 0; i < ARRAY_LEN(mount_shared); i++)
		if (mount_is_type(m, mount_shared[i].type) && !plan_has_ns(p, mount_shared[i].ns) &&
		    m->data == NULL)
			return &mount_shared[i];
	return NULL;
}

static int mount_bind_shared(const struct plan_mount *m, const struct mount_shared *s, int target,
			     struct err *e)
{
	autoclose int fd = sys_open_tree(AT_FDCWD, s->path,
					 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (fd < 0)
		return err_sys(e, -fd, "binding the caller's %s", s->path);
	int r = mount_set(fd, AT_RECURSIVE, m->attr_set | m->rec_attr_set | s->attr, 0, MS_PRIVATE);
	if (r < 0)
		return err_sys(e, -r, "setting the options of the caller's %s", s->path);
	return mount_move(m, fd, target, e);
}

/* Makes and attaches m's file system; *out is its root, unless mount(2) made it and nothing is left
 * to do. */
static int mount_make_fs(const struct plan *p, const struct plan_mount *m, int root, int target,
			 int *out, struct err *e)
{
	struct err why = {0};
	autoclose int fd = mount_fs_new(p, m, target, &why);
	const struct mount_shared *shared = fd == -EPERM ? mount_find_shared(p, m) : NULL;

	if (shared != NULL)
		return mount_bind_shared(m, shared, target, e);
	if (fd == -ENOSYS) {
		int r = mount_legacy(m, root, target, e);
		if (r < 0 || (!m->copy_up && !m->ro_late))
			return r;
		*out = path_open(root, m->target, O_PATH | O_DIRECTORY, e);
		return *out < 0 ? *out : 0;
	}
	if (fd < 0)
		return err_take(e, &why);
	int r = mount_move(m, fd, target, e);
	if (r == 0)
		*out = fd_take(&fd);
	return r;
}

static int mount_attach_fs(const struct plan *p, const struct plan_mount *m, int *slot, int root,
			   struct mount_fresh *fresh, struct mount_direct *direct, struct err *e)
{
	bool done;
	autoclose int fd = FD_NONE;
	autoclose int target = mount_fresh_target(m, fresh, direct, &done);

	if (done)
		return 0;
	if (target < 0)
		target = mount_target(m, root, FD_NONE, e);
	if (target < 0)
		return target;
	if (m->remount)
		return mount_legacy(m, root, target, e);
	/* a tmpfs is left to the other calls, which give the descriptor of what was made */
	if (!mount_is_type(m, "tmpfs") && mount_direct_fs(direct, m, target, NULL))
		return 0;
	int r = mount_make_fs(p, m, root, target, &fd, e);
	/* target's descriptor leads to what the tmpfs covers, also after it is attached */
	if (r == 0 && fd >= 0 && m->copy_up)
		r = mount_copyup(target, fd, e);
	else if (r == 0)
		mount_fresh_keep(fresh, m, &fd);
	if (r == 0 && m->ro_late)
		*slot = fd_take(&fd);
	return r;
}

static int mount_attach_file(const struct plan_mount *m, int root, struct err *e)
{
	autoclose int fd = mount_file_new(m, root, e);

	if (fd < 0)
		return fd;
	autoclose int target = mount_target(m, root, fd, e);
	return target < 0 ? target : mount_move(m, fd, target, e);
}

static int mount_attach_cgroup(const struct plan *p, const struct plan_mount *m, int root,
			       struct mount_fresh *fresh, struct mount_direct *direct,
			       struct err *e)
{
	int r;

	fresh->aside = fresh->sys >= 0 && strcmp(m->target, "/sys/" MOUNT_CGROUP_NAME) == 0 &&
		       mount_cgroup_direct(p, m, fresh->sys, direct, &r, e);
	if (fresh->aside)
		return r;
	autoclose int target = mount_target(m, root, FD_NONE, e);
	return target < 0 ? target : mount_cgroup(p, m, root, target, direct, e);
}

static int mount_attach_one(const struct plan *p, const struct plan_mount *m, int *slot, int root,
			    const struct procfs *pf, struct mount_fresh *fresh,
			    struct mount_direct *direct, struct err *e)
{
	switch (m->verb) {
	case MOUNT_BIND:
		if (m->remount)
			return mount_attach_fs(p, m, slot, root, fresh, direct, e);
		return mount_attach_bind(p, m, slot, root, pf, e);
	case MOUNT_FS:
		return mount_attach_fs(p, m, slot, root, fresh, direct, e);
	case MOUNT_FILE:
		return mount_attach_file(m, root, e);
	case MOUNT_VEIL:
		return curtain_draw(m->veil, root, e);
	case MOUNT_CGROUP:
		return mount_attach_cgroup(p, m, root, fresh, direct, e);
	}
	return 0;
}

int mount_attach(const struct plan *p, struct mount_slots *slots, int root, const struct procfs *pf,
		 int *out_dev, struct err *e)
{
	__attribute__((cleanup(mount_fresh_done))) struct mount_fresh fresh = MOUNT_FRESH_EMPTY;
	struct mount_direct direct = mount_direct_new(p, pf);

	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct plan_mount *m = &p->mounts.v[i];

		if (mount_attach_one(p, m, &slots->fd[m->slot], root, pf, &fresh, &direct, e) < 0)
			return err_at(e, "%s", m->origin);
		mount_fresh_next(&fresh, m);
	}
	if (fresh.target != NULL && strcmp(fresh.target, "/dev") == 0)
		*out_dev = fd_take(&fresh.fd);
	return 0;
}

int mount_finish(const struct plan *p, struct mount_slots *slots, struct err *e)
{
	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct plan_mount *m = &p->mounts.v[i];
		if (!m->ro_late)
			continue;
		autoclose int fd = fd_take(&slots->fd[m->slot]);
		int r = mount_set(fd, 0, MOUNT_ATTR_RDONLY, 0, 0);
		if (r == -ENOSYS)
			r = mount_legacy_add(fd, mount_legacy_flags(m->attr_set | m->rec_attr_set));
		if (r < 0)
			return err_sys(e, -r, "%s.options: ro", m->origin);
	}
	return 0;
}
