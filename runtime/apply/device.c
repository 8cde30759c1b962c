/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "apply/mount.h"
#include "apply/mount_legacy.h"
#include "apply/mount_open.h"
#include "base/io.h"
#include "base/log.h"
#include "sys/path.h"
#include "sys/sys.h"
#include "sys/tmpfs.h"

/* Where a path is looked up: nearly all are directly in /dev, which is resolved once. */
struct device_place {
	int at;
	const char *rel;
};

static struct device_place device_place(int root, int dev, const char *path)
{
	if (strncmp(path, "/dev/", 5) == 0 && path[5] != '\0' && strchr(path + 5, '/') == NULL)
		return (struct device_place){dev, path + 5};
	return (struct device_place){root, path};
}

static bool device_matches(int fd, const struct plan_node *n)
{
	struct stat st;

	return fstat(fd, &st) == 0 && ((st.st_mode ^ n->mode) & S_IFMT) == 0 &&
	       st.st_rdev == n->dev;
}

/* The host's node at path, as a detached mount, or opened only (*out_legacy). */
static int device_open_path(const struct plan_node *n, const char *path, bool *out_legacy,
			    struct err *e)
{
	autoclose int fd = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int r = fd < 0 ? fd
		       : mount_set(fd, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, MS_PRIVATE);

	*out_legacy = r == -ENOSYS;
	if (*out_legacy) {
		fd_done(&fd);
		fd = open(path, O_PATH | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	if (r < 0)
		return err_sys(e, -r, "'%s' can't be made here and the host's can't be bound",
			       n->path);
	if (!device_matches(fd, n))
		return err_set(e, ENODEV,
			       "'%s' can't be made here, and the host's is another device",
			       n->path);
	return fd_take(&fd);
}

/* The kernel's own name of the numbers, for a node that has another one inside: "/dev/fuse" of
 * 10:229 in buf. NULL: the host has no such device. */
static const char *device_host_name(const struct plan_node *n, char buf[static 256])
{
	char path[64], text[2048];

	(void)snprintf(path, sizeof(path), "/sys/dev/%s/%u:%u/uevent",
		       S_ISBLK(n->mode) ? "block" : "char", major(n->dev), minor(n->dev));
	if (io_read_control(AT_FDCWD, path, text, sizeof(text)) < 0)
		return NULL;
	const char *name = strstr(text, "\nDEVNAME=");
	if (name == NULL)
		return NULL;
	name += strlen("\nDEVNAME=");
	(void)snprintf(buf, 256, "/dev/%.*s", (int)strcspn(name, "\n"), name);
	return buf;
}

static int device_open_host(const struct plan_node *n, bool *out_legacy, struct err *e)
{
	char buf[256];
	int fd = device_open_path(n, n->path, out_legacy, e);

	if (fd != -ENOENT && fd != -ENODEV)
		return fd;
	const char *other = device_host_name(n, buf);
	return other == NULL ? fd : device_open_path(n, other, out_legacy, e);
}

/* The host has no node that could be bound; what is not the config's own it always has. */
static bool device_is_staged(const struct plan *p, const struct plan_node *n)
{
	char buf[256];
	struct stat st;

	if (!n->bind || S_ISFIFO(n->mode) || n->origin == NULL ||
	    strcmp(n->origin, "default") == 0 || (p->ns.create & CLONE_NEWUSER) == 0)
		return false;
	if (stat(n->path, &st) == 0 && ((st.st_mode ^ n->mode) & S_IFMT) == 0 &&
	    st.st_rdev == n->dev)
		return false;
	return device_host_name(n, buf) == NULL;
}

/* A node is named by its number in the plan. */
static void device_stage_name(const struct plan *p, const struct plan_node *n, char name[static 24])
{
	(void)snprintf(name, 24, "%zu", (size_t)(n - p->nodes.v));
}

static int device_stage_one(const struct plan *p, const struct plan_node *n, int tmpfs)
{
	uid_t uid = idmap_outside(&p->ns.uid, n->uid);
	gid_t gid = idmap_outside(&p->ns.gid, n->gid);
	char name[24];

	if (uid == (uid_t)-1 || gid == (gid_t)-1)
		return -EINVAL;
	device_stage_name(p, n, name);
	if (mknodat(tmpfs, name, n->mode, n->dev) < 0 ||
	    fchownat(tmpfs, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(tmpfs, name, n->mode & 07777, 0) < 0)
		return -errno;
	return 0;
}

int device_stage(const struct plan *p)
{
	static const struct tmpfs staging = {.attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
	autoclose int tmpfs = FD_NONE;

	for (size_t i = 0; i < p->nodes.n; i++) {
		const struct plan_node *n = &p->nodes.v[i];
		if (!device_is_staged(p, n))
			continue;
		if (tmpfs < 0)
			tmpfs = tmpfs_make(&staging);
		if (tmpfs < 0 || device_stage_one(p, n, tmpfs) < 0)
			return FD_NONE;
	}
	return fd_take(&tmpfs);
}

/*
 * Detached mounts of the staged nodes, an array as long as the plan's. Only what is attached can be
 * cloned (before 6.15), so the tmpfs that holds them lies over "/" for a moment: lookups from "/"
 * and from root start below it and don't notice.
 */
static int device_unstage(const struct plan *p, int root, int tmpfs, int **out, struct err *e)
{
	int *staged = arena_array(p->arena, p->nodes.n, sizeof(*staged));
	char name[24];
	int r = sys_move_mount(tmpfs, "", root, "",
			       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);

	for (size_t i = 0; i < p->nodes.n; i++) {
		device_stage_name(p, &p->nodes.v[i], name);
		staged[i] = r < 0 ? FD_NONE
				  : sys_open_tree(tmpfs, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	}
	if (r == 0 && (fchdir(tmpfs) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0))
		r = -errno;
	*out = staged;
	return r < 0 ? err_sys(e, -r, "taking the device nodes that the runtime has made") : 0;
}

/* Before 5.12. */
static int device_bind_legacy(int from, int target, struct device_place at)
{
	int r = mount_legacy_bind(from, target, false);
	autoclose int made = r < 0 ? r : path_open(at.at, at.rel, O_PATH, NULL);

	return made < 0 ? made : mount_legacy_add(made, MS_NOSUID | MS_NOEXEC);
}

static int device_put(const struct plan_node *n, int fd, bool legacy, struct device_place at,
		      struct err *e)
{
	autoclose int target = path_mkfile(at.at, at.rel, 0666, e);
	if (target < 0)
		return target;
	int r = legacy ? device_bind_legacy(fd, target, at)
		       : sys_move_mount(fd, "", target, "",
					MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	return r < 0 ? err_sys(e, -r, "binding the host's '%s'", n->path) : 0;
}

static int device_bind(const struct plan_node *n, struct device_place at, bool any_name,
		       struct err *e)
{
	bool legacy;
	autoclose int fd = any_name ? device_open_host(n, &legacy, e)
				    : device_open_path(n, n->path, &legacy, e);

	return fd < 0 ? fd : device_put(n, fd, legacy, at, e);
}

/* The image has something of that name: the very device is welcome, an empty file serves as a place
 * to bind on, anything else, a link above all, is somebody's trick. */
static int device_existing(const struct plan_node *n, struct device_place at, struct err *e)
{
	struct stat st;
	autoclose int fd = path_open_nofollow(at.at, at.rel, O_PATH, e);

	if (fd < 0)
		return fd;
	if (device_matches(fd, n))
		return 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !S_ISFIFO(n->mode))
		return device_bind(n, at, false, e);
	return err_set(e, EEXIST, "'%s' exists in the rootfs and is not this device", n->path);
}

static int device_make_one(const struct plan_node *n, struct device_place at, struct err *e)
{
	struct err why = {0};

	if (n->bind)
		return device_bind(n, at, true, e);
	int r = path_mknod(at.at, at.rel, n->mode, n->dev, n->uid, n->gid, &why);
	if (r == -EEXIST)
		return device_existing(n, at, e);
	if (r == -EPERM && !S_ISFIFO(n->mode)) {
		log_debug("%s; binding the host's", why.text);
		return device_bind(n, at, true, e);
	}
	return r < 0 ? err_take(e, &why) : 0;
}

static int device_make_all(const struct plan *p, int root, int dev, const int *staged,
			   struct err *e)
{
	for (size_t i = 0; i < p->nodes.n; i++) {
		const struct plan_node *n = &p->nodes.v[i];
		struct device_place at = device_place(root, dev, n->path);
		bool is_staged = staged != NULL && staged[i] >= 0;

		if ((is_staged ? device_put(n, staged[i], false, at, e)
			       : device_make_one(n, at, e)) < 0)
			return err_at(e, "%s",
				      strcmp(n->origin, "default") == 0 ? "default devices"
									: n->origin);
	}
	for (size_t i = 0; i < p->nodes.n_link; i++) {
		struct device_place at = device_place(root, dev, p->nodes.link[i].path);
		struct err why = {0};
		int r = path_symlink(at.at, at.rel, p->nodes.link[i].target, &why);

		/* what the image has there stays, it is the image's own /dev */
		if (r < 0 && r != -EEXIST)
			return err_take(e, &why);
	}
	return 0;
}

int device_make(const struct plan *p, int root, int dev, int staged, struct err *e)
{
	int *nodes = NULL;

	if (p->nodes.n == 0 && p->nodes.n_link == 0)
		return 0;
	autoclose int found = dev < 0 ? path_mkdir(root, "/dev", 0755, e) : FD_NONE;
	if (dev < 0)
		dev = found;
	if (dev < 0)
		return dev;
	if (staged >= 0 && device_unstage(p, root, staged, &nodes, e) < 0)
		return -e->code;
	mode_t old = umask(0); /* modes are what the config says */
	int r = device_make_all(p, root, dev, nodes, e);
	(void)umask(old);
	for (size_t i = 0; nodes != NULL && i < p->nodes.n; i++)
		fd_done(&nodes[i]);
	return r;
}
