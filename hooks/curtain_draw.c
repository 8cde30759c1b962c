/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "hooks/curtain.h"
#include "sys/path.h"
#include "sys/sys.h"
#include "sys/tmpfs.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

#define CURTAIN_ATTR (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define CURTAIN_ATTACH (MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
#define CURTAIN_FILE_MAX 65536 /* bytes of a file that is shown with another content */

struct curtain {
	const struct graft_veil *v;
	int covered; /* O_PATH: the folder */
	int top;     /* the veil's root */
	int *tree;   /* as v->show: a detached clone of it, FD_NONE where a link does */
	struct err *e;
};

static int curtain_fail(const struct curtain *c, int r, const char *path)
{
	if (r == -ENOSYS)
		return err_set(c->e, ENOSYS,
			       "the kernel lacks fsopen, open_tree or mount_setattr (Linux 5.12), "
			       "which a curtain over '%s' needs; leave 'curtain' out",
			       c->v->path);
	return err_sys(c->e, -r, "the curtain over '%s': '%s'", c->v->path, path);
}

/* Whether the container would see the file as it is on the node. */
static bool curtain_file_differs(const struct curtain *c)
{
	char text[CURTAIN_FILE_MAX];
	size_t want = strlen(c->v->content);
	autoclose int fd =
		path_open_nofollow(c->covered, c->v->file, O_RDONLY | O_NONBLOCK | O_NOCTTY, NULL);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	ssize_t n = read(fd, text, sizeof(text));
	return n < 0 || (size_t)n != want || memcmp(text, c->v->content, want) != 0;
}

/* Whether nothing is mounted there: the folder is the image's own, and what an image shows is its
 * matter. Before Linux 5.8 nobody tells, and it is covered like any other. */
static bool curtain_is_image(const struct curtain *c, int root)
{
	struct statx folder, top;

	return statx(c->covered, "", AT_EMPTY_PATH, STATX_MNT_ID, &folder) == 0 &&
	       statx(root, "", AT_EMPTY_PATH, STATX_MNT_ID, &top) == 0 &&
	       (folder.stx_mask & top.stx_mask & STATX_MNT_ID) != 0 &&
	       folder.stx_mnt_id == top.stx_mnt_id;
}

/* After the first time nothing of it is there any more. */
static bool curtain_is_needed(const struct curtain *c)
{
	for (size_t i = 0; i < c->v->n_hide; i++) {
		autoclose int fd = path_open_nofollow(c->covered, c->v->hide[i], O_PATH, NULL);
		if (fd >= 0)
			return true;
	}
	return c->v->file != NULL && curtain_file_differs(c);
}

static int curtain_attributes(int fd, unsigned int flags)
{
	struct mount_attr attr = {.attr_set = CURTAIN_ATTR, .propagation = MS_PRIVATE};

	return sys_mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr);
}

static int curtain_link(const struct curtain *c, int entry, const char *path)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(entry, "", text, sizeof(text) - 1);

	if (n < 0)
		return curtain_fail(c, -errno, path);
	text[n] = '\0';
	return path_symlink(c->top, path, text, c->e);
}

/* One entry that is shown: its place in the veil, and a clone of it to go there. */
static int curtain_entry(struct curtain *c, size_t i)
{
	const char *path = c->v->show[i];
	autoclose int entry = path_open_nofollow(c->covered, path, O_PATH, NULL);
	struct stat st;

	if (entry < 0) /* another driver than the node's own has it */
		return 0;
	if (fstat(entry, &st) < 0)
		return curtain_fail(c, -errno, path);
	if (S_ISLNK(st.st_mode))
		return curtain_link(c, entry, path);
	autoclose int place = S_ISDIR(st.st_mode) ? path_mkdir(c->top, path, 0755, c->e)
						  : path_mkfile(c->top, path, 0644, c->e);
	if (place < 0)
		return place;
	c->tree[i] = sys_open_tree(
		entry, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	int r = c->tree[i] < 0 ? c->tree[i] : curtain_attributes(c->tree[i], AT_RECURSIVE);
	return r < 0 ? curtain_fail(c, r, path) : 0;
}

static int curtain_file(const struct curtain *c)
{
	const struct graft_veil *v = c->v;

	if (v->file == NULL)
		return 0;
	autoclose int there = path_open_nofollow(c->covered, v->file, O_PATH, NULL);
	if (there < 0)
		return 0;
	autoclose int made = path_mkfile(c->top, v->file, 0644, c->e);
	autoclose int fd = FD_NONE;
	if (made >= 0)
		fd = path_open_nofollow(c->top, v->file, O_WRONLY, c->e);
	if (fd < 0)
		return -c->e->code;
	int r = io_write_all(fd, v->content, strlen(v->content));
	/* no mount becomes read-only while a file of it is open for writing, and init leaves
	 * descriptors open (base/cleanup.h) */
	(void)close(fd_take(&fd));
	return r < 0 ? curtain_fail(c, r, v->file) : 0;
}

/* Clones go to their places once the veil hangs: only then can anything be mounted on it. */
static int curtain_hang(const struct curtain *c)
{
	int r = curtain_attributes(c->top, 0);

	if (r == 0)
		r = sys_move_mount(c->top, "", c->covered, "", CURTAIN_ATTACH);
	if (r < 0)
		return curtain_fail(c, r, "");
	for (size_t i = 0; i < c->v->n_show; i++) {
		if (c->tree[i] < 0)
			continue;
		autoclose int place = path_open_nofollow(c->top, c->v->show[i], O_PATH, c->e);
		if (place < 0)
			return place;
		r = sys_move_mount(c->tree[i], "", place, "", CURTAIN_ATTACH);
		if (r < 0)
			return curtain_fail(c, r, c->v->show[i]);
	}
	return 0;
}

static int curtain_make(struct curtain *c)
{
	static const struct tmpfs veil = {
		.source = "greffon", .size = "1m", .attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
	int r = 0;

	c->top = tmpfs_make(&veil);
	if (c->top < 0)
		return curtain_fail(c, c->top, "");
	for (size_t i = 0; r == 0 && i < c->v->n_show; i++)
		r = curtain_entry(c, i);
	if (r == 0)
		r = curtain_file(c);
	return r == 0 ? curtain_hang(c) : r;
}

int curtain_draw(const struct graft_veil *v, int root, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	struct err why = {0};
	autoclose int covered = path_open(root, v->path, O_PATH | O_DIRECTORY, &why);
	struct curtain c = {.v = v, .covered = covered, .top = FD_NONE, .e = e};

	if (covered == -ENOENT || covered == -ENOTDIR) {
		log_debug("graft %s: the container has no '%s': nothing to hide",
			  graft_domain_name(v->domain), v->path);
		return 0;
	}
	if (covered < 0)
		return err_take(e, &why);
	if (curtain_is_image(&c, root) || !curtain_is_needed(&c)) {
		log_debug("graft %s: '%s' shows nothing else: nothing to hide",
			  graft_domain_name(v->domain), v->path);
		return 0;
	}
	c.tree = arena_array(&a, v->n_show, sizeof(*c.tree));
	for (size_t i = 0; i < v->n_show; i++)
		c.tree[i] = FD_NONE;
	int r = curtain_make(&c);
	for (size_t i = 0; i < v->n_show; i++)
		fd_done(&c.tree[i]);
	fd_done(&c.top);
	return r;
}
