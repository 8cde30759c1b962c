/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "apply/mount.h"
#include "apply/mount_legacy.h"
#include "apply/mount_open.h"
#include "sys/path.h"
#include "sys/sys.h"
#include "sys/tmpfs.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

#define MASK_ATTR (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)
#define MASK_ATTACH (MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
#define MASK_ATTACH_NAME (MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS)
#define MASK_TMPFS_DATA "nr_blocks=1,nr_inodes=2,mode=755"

/*
 * What is put over files and over directories. Both are pinned descriptors, whose object was
 * verified or made here, and nothing is looked up again (CVE-2025-31133). The first use attaches a
 * mount with its attributes; from then on that mount is the source, and its clones have the
 * attributes already.
 */
struct mask {
	int root;
	const struct procfs *pf;
	int file, dir;
	bool legacy;	      /* file is the bare device */
	int proc;	      /* see mask_open_proc() */
	const char *dir_name; /* a name in proc that the source of dir lies on */
	bool there;	      /* pf is the working directory */
};

static bool mask_is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/*
 * A detached null device of our own, where the container's is something else; not possible in a
 * user namespace. Only what is attached can be cloned (before 6.15), so the tmpfs that holds it
 * lies over "/" for a moment: lookups from "/" and from root start below it and don't notice.
 */
static int mask_make_null(struct mask *k, struct mount_attr attr)
{
	static const struct tmpfs holder = {
		.size = "4k", .inodes = "4", .attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
	autoclose int tmpfs = tmpfs_make(&holder);

	if (tmpfs < 0)
		return tmpfs;
	if (mknodat(tmpfs, "null", S_IFCHR | 0666, makedev(1, 3)) < 0 ||
	    fchmodat(tmpfs, "null", 0666, 0) < 0)
		return -errno;
	int r = sys_move_mount(tmpfs, "", k->root, "", MASK_ATTACH);
	if (r < 0)
		return r;
	autoclose int fd = mount_clone(tmpfs, "null", AT_SYMLINK_NOFOLLOW, attr);
	k->there = false;
	if (fchdir(tmpfs) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return fd_take(&fd);
}

/* The source of all masks of files: a detached mount the first time, -ENOSYS with the bare device
 * in k->file where mount(2) has to do. */
static int mask_first_null(struct mask *k, struct err *e)
{
	const struct mount_attr attr = {.attr_set = MASK_ATTR, .propagation = MS_PRIVATE};
	struct err why = {0};
	autoclose int node = path_open(k->root, "/dev/null", O_PATH, &why);
	autoclose int fd = node >= 0 && mask_is_null(node)
				   ? mount_clone(node, "", AT_EMPTY_PATH, attr)
				   : mask_make_null(k, attr);
	int r = fd < 0 ? fd : 0;

	if (r == -ENOSYS && node >= 0 && mask_is_null(node)) {
		k->file = fd_take(&node);
		k->legacy = true;
		return -ENOSYS;
	}
	if (r < 0)
		return err_sys(
			e, -r,
			"the container's /dev/null is not the null device, and none can be made");
	return fd_take(&fd);
}

/* mount(2) on descriptors, where "/proc" is the container's and so not to be trusted: a name below
 * the trusted procfs, which is made the working directory for the moment. */
static int mask_bind_legacy(struct mask *k, int from, int target, uint64_t attr, const char *path,
			    struct err *e)
{
	char a[32], b[32];

	(void)snprintf(a, sizeof(a), "self/fd/%d", from);
	(void)snprintf(b, sizeof(b), "self/fd/%d", target);
	k->there = false;
	if (fchdir(k->pf->fd) < 0)
		return err_sys(e, errno, "'%s'", path);
	int r = mount(from >= 0 ? a : "tmpfs", b, from >= 0 ? NULL : "tmpfs",
		      from >= 0 ? MS_BIND | MS_REC : MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		      from >= 0 ? NULL : MASK_TMPFS_DATA) < 0
			? -errno
			: 0;
	autoclose int made = r < 0 ? r : path_open(k->root, path, O_PATH, e);
	if (r == 0 && from >= 0 && made >= 0) {
		(void)snprintf(b, sizeof(b), "self/fd/%d", made);
		r = mount_legacy_add_at(b, made, mount_legacy_flags(attr));
	}
	if (chdir("/") < 0)
		return err_sys(e, errno, "chdir");
	return r < 0 ? err_sys(e, -r, "mounting over '%s'", path) : 0;
}

/* A clone of the mount from, which is attached already, on name in at, or on at itself where name
 * is
 * ""; from FD_NONE: a new tmpfs. By one mount(2) on descriptors, through the trusted procfs. 0 or
 * -errno. */
static int mask_direct(struct mask *k, int from, int at, const char *name)
{
	char a[32], b[32 + NAME_MAX];
	int n = snprintf(b, sizeof(b), "self/fd/%d%s%s", at, name[0] != '\0' ? "/" : "", name);

	(void)snprintf(a, sizeof(a), "self/fd/%d", from);
	k->there = k->there || fchdir(k->pf->fd) == 0;
	if (!k->there || n < 0 || (size_t)n >= sizeof(b))
		return -ENOSYS;
	if (mount(from >= 0 ? a : "tmpfs", b, from >= 0 ? NULL : "tmpfs",
		  from >= 0 ? MS_BIND : MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  from >= 0 ? NULL : MASK_TMPFS_DATA) < 0)
		return -errno;
	return 0;
}

static int mask_file(struct mask *k, int target, const char *path, struct err *e)
{
	bool first = k->file < 0;

	if (!first && !k->legacy && mask_direct(k, k->file, target, "") == 0)
		return 0;
	autoclose int fd =
		first ? mask_first_null(k, e)
		      : sys_open_tree(k->file, "",
				      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (k->legacy || (fd == -ENOSYS && k->file >= 0)) {
		k->legacy = true;
		return mask_bind_legacy(k, k->file, target, MASK_ATTR, path, e);
	}
	if (fd < 0)
		return first ? fd : err_sys(e, -fd, "mounting over '%s'", path);
	int r = sys_move_mount(fd, "", target, "", MASK_ATTACH);
	if (r < 0)
		return err_sys(e, -r, "mounting over '%s'", path);
	if (first)
		k->file = fd_take(&fd);
	return 0;
}

/* The mount that masks directories, if there is one. */
static int mask_dir(struct mask *k)
{
	if (k->dir < 0 && k->dir_name != NULL)
		k->dir = openat(k->proc, k->dir_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	k->dir_name = NULL;
	return k->dir;
}

/* One tmpfs for all: kubelet lists a directory for each CPU. Inodes: the root, and one that some
 * kernels count besides. */
static int mask_directory(struct mask *k, int target, const char *path, struct err *e)
{
	static const struct tmpfs empty = {
		.size = "4k", .inodes = "2", .attr = MASK_ATTR | MOUNT_ATTR_NODEV};
	bool first = mask_dir(k) < 0;

	if (!first && mask_direct(k, k->dir, target, "") == 0)
		return 0;
	autoclose int fd =
		first ? tmpfs_make(&empty)
		      : sys_open_tree(k->dir, "",
				      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (fd == -ENOSYS)
		return mask_bind_legacy(k, FD_NONE, target, MASK_ATTR, path, e);
	int r = fd < 0 ? fd : sys_move_mount(fd, "", target, "", MASK_ATTACH);
	if (r < 0)
		return err_sys(e, -r, "mounting over '%s'", path);
	if (first)
		k->dir = fd_take(&fd);
	return 0;
}

/* O_PATH of path below root; FD_NONE with 0 in *out_r when there is no such thing and so nothing to
 * do. */
static int mask_target(const struct mask *k, const char *path, int *out_r, struct err *e)
{
	struct err why = {0};
	int fd = path_open(k->root, path, O_PATH, &why);

	*out_r = 0;
	if (fd >= 0)
		return fd;
	/* Not to be allowed to look is no reason to leave it open. */
	if (fd != -ENOENT && fd != -ENOTDIR)
		*out_r = err_take(e, &why);
	return FD_NONE;
}

/* The X of "/proc/X". */
static const char *mask_proc_name(const char *path)
{
	const char *name = strncmp(path, "/proc/", 6) == 0 ? path + 6 : "";

	return name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL ? NULL : name;
}

/*
 * The container's procfs, if there is one at /proc and some paths lie at its top: only the kernel
 * makes names there, so that nobody can exchange one between two looks at it, and they need no
 * descriptor of their own.
 */
static void mask_open_proc(struct mask *k, const struct plan_masks *m)
{
	struct err none = {0};
	struct statfs fs;
	size_t n = 0;

	for (size_t i = 0; i < m->n_readonly; i++)
		n += mask_proc_name(m->readonly[i]) != NULL;
	for (size_t i = 0; i < m->n_masked; i++)
		n += mask_proc_name(m->masked[i]) != NULL;
	if (n <= 2) /* as many calls as this takes */
		return;
	k->proc = path_open_nofollow(k->root, "/proc", O_PATH | O_DIRECTORY, &none);
	if (k->proc >= 0 && (fstatfs(k->proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC))
		fd_done(&k->proc);
}

static int mask_proc_file(struct mask *k, const char *name)
{
	struct err none = {0};

	if (k->file >= 0)
		return k->legacy ? -ENOSYS : mask_direct(k, k->file, k->proc, name);
	autoclose int fd = mask_first_null(k, &none);
	int r = fd < 0 ? fd : sys_move_mount(fd, "", k->proc, name, MASK_ATTACH_NAME);
	if (r == 0)
		k->file = fd_take(&fd);
	return r;
}

static int mask_proc_dir(struct mask *k, const char *name)
{
	int from = mask_dir(k);
	int r = mask_direct(k, from, k->proc, name);

	if (r == 0 && from < 0)
		k->dir_name = name;
	return r;
}

/* Whether path is masked, or not there, which a failed mount alone does not tell: an unlinked
 * /dev/null fails as well (ENOENT). Anything else is left to the caller. */
static bool mask_in_proc(struct mask *k, const char *path)
{
	const char *name = k->proc < 0 ? NULL : mask_proc_name(path);
	struct stat st;

	if (name == NULL)
		return false;
	if (fstatat(k->proc, name, &st, 0) < 0)
		return errno == ENOENT;
	return (S_ISDIR(st.st_mode) ? mask_proc_dir(k, name) : mask_proc_file(k, name)) == 0;
}

static int mask_one(struct mask *k, const char *path, struct err *e)
{
	struct stat st;
	int r;

	if (mask_in_proc(k, path))
		return 0;
	autoclose int target = mask_target(k, path, &r, e);
	if (target < 0)
		return r;
	if (fstat(target, &st) < 0)
		return err_sys(e, errno, "'%s'", path);
	return S_ISDIR(st.st_mode) ? mask_directory(k, target, path, e)
				   : mask_file(k, target, path, e);
}

/* As mask_in_proc(). */
static bool mask_readonly_in_proc(const struct mask *k, const char *path)
{
	const char *name = k->proc < 0 ? NULL : mask_proc_name(path);

	if (name == NULL)
		return false;
	autoclose int fd = mount_clone(k->proc, name, AT_RECURSIVE,
				       (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY});
	return fd == -ENOENT ||
	       (fd >= 0 && sys_move_mount(fd, "", k->proc, name, MASK_ATTACH_NAME) == 0);
}

/* The pinned object itself is cloned, made read-only and put over itself: a name would be looked up
 * again for the flags, and by then be something else (GHSA-3q8j-pf29-vwv8). */
static int mask_readonly(struct mask *k, const char *path, struct err *e)
{
	int r;

	if (mask_readonly_in_proc(k, path))
		return 0;
	autoclose int target = mask_target(k, path, &r, e);
	if (target < 0)
		return r;
	autoclose int fd = mount_clone(target, "", AT_EMPTY_PATH | AT_RECURSIVE,
				       (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY});
	r = fd < 0 ? fd : 0;
	if (r == -ENOSYS)
		return mask_bind_legacy(k, target, target, MOUNT_ATTR_RDONLY, path, e);
	if (r == 0)
		r = sys_move_mount(fd, "", target, "", MASK_ATTACH);
	return r < 0 ? err_sys(e, -r, "making '%s' read-only", path) : 0;
}

static void mask_done(struct mask *k)
{
	fd_done(&k->file);
	fd_done(&k->dir);
	fd_done(&k->proc);
}

/* The mount of "/" only: what is mounted below has its own options. */
static int mask_root(struct mask *k, struct err *e)
{
	int r = mount_set(k->root, 0, MOUNT_ATTR_RDONLY, 0, 0);

	if (r == -ENOSYS)
		r = mount_legacy_add_at("/", k->root, MS_RDONLY);
	return r < 0 ? err_sys(e, -r, "root.readonly: making '/' read-only") : 0;
}

int mask_apply(const struct plan *p, int root, const struct procfs *pf, struct err *e)
{
	__attribute__((cleanup(mask_done))) struct mask k = {
		.root = root, .pf = pf, .file = FD_NONE, .dir = FD_NONE, .proc = FD_NONE};

	mask_open_proc(&k, &p->masks);
	/* As runc does it: what is both is masked last, and so hidden. */
	for (size_t i = 0; i < p->masks.n_readonly; i++)
		if (mask_readonly(&k, p->masks.readonly[i], e) < 0)
			return err_at(e, "linux.readonlyPaths[%zu]", i);
	for (size_t i = 0; i < p->masks.n_masked; i++)
		if (mask_one(&k, p->masks.masked[i], e) < 0)
			return err_at(e, "linux.maskedPaths[%zu]", i);
	if (k.there && chdir("/") < 0)
		return err_sys(e, errno, "chdir");
	return p->mounts.root_readonly && plan_has_ns(p, CLONE_NEWNS) ? mask_root(&k, e) : 0;
}
