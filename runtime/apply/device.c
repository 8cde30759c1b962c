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

/* Before 5.12. */
static int device_bind_legacy(int from, int target, struct device_place at)
{
	int r = mount_legacy_bind(from, target, false);
	autoclose int made = r < 0 ? r : path_open(at.at, at.rel, O_PATH, NULL);

	return made < 0 ? made : mount_legacy_add(made, MS_NOSUID | MS_NOEXEC);
}

static int device_bind(const struct plan_node *n, struct device_place at, bool any_name,
		       struct err *e)
{
	bool legacy;
	autoclose int fd = any_name ? device_open_host(n, &legacy, e)
				    : device_open_path(n, n->path, &legacy, e);

	if (fd < 0)
		return fd;
	autoclose int target = path_mkfile(at.at, at.rel, 0666, e);
	if (target < 0)
		return target;
	int r = legacy ? device_bind_legacy(fd, target, at)
		       : sys_move_mount(fd, "", target, "",
					MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	return r < 0 ? err_sys(e, -r, "binding the host's '%s'", n->path) : 0;
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

static int device_make_all(const struct plan *p, int root, int dev, struct err *e)
{
	for (size_t i = 0; i < p->nodes.n; i++) {
		const struct plan_node *n = &p->nodes.v[i];

		if (device_make_one(n, device_place(root, dev, n->path), e) < 0)
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

int device_make(const struct plan *p, int root, const struct procfs *pf, struct err *e)
{
	(void)pf;
	if (p->nodes.n == 0 && p->nodes.n_link == 0)
		return 0;
	autoclose int dev = path_mkdir(root, "/dev", 0755, e);
	if (dev < 0)
		return dev;
	mode_t old = umask(0); /* modes are what the config says */
	int r = device_make_all(p, root, dev, e);
	(void)umask(old);
	return r;
}
