/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/hotmount.h"
#include "sys/path.h"

/* The node itself, or the empty file that was made to mount it on. */
static bool hotgraft_is_ours(const struct stat *st, const void *node)
{
	const struct plan_node *n = node;

	return S_ISCHR(st->st_mode) ? st->st_rdev == n->dev
				    : S_ISREG(st->st_mode) && st->st_size == 0;
}

static int hotgraft_node(const struct init *in, const struct plan_node *n, int root)
{
	struct stat st;
	autoclose int fd = path_open_nofollow(root, n->path, O_PATH, NULL);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!hotgraft_is_ours(&st, n))
		return 0;
	int r = S_ISCHR(st.st_mode) ? hotmount_detach(&in->pf, fd) : 0;
	return r < 0 && r != -EINVAL ? r : path_unlink(root, n->path, hotgraft_is_ours, n);
}

static bool hotgraft_is_mount(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH, 0, &st) < 0 ||
	       (st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0 ||
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* The container may have put a link on the way, to a mount that it could not remove itself: a mask,
 * a curtain. Only what is the host's file goes. */
static int hotgraft_file(const struct init *in, const struct plan_mount *m, int root)
{
	int host = in->slots->fd[m->slot];
	autoclose int fd = path_open(root, m->target, O_PATH, NULL);
	struct stat theirs, ours;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (host < 0 || fstat(host, &ours) < 0 || fstat(fd, &theirs) < 0 ||
	    ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino)
		return hotgraft_is_mount(fd) ? -ESTALE : 0;
	int r = hotmount_detach(&in->pf, fd);
	return r == -EINVAL ? 0 : r;
}

/* Whether fd is the root of the tmpfs that was made for libraries: nobody else's has that name as
 * its source, and a link could lead to any other. */
static bool hotgraft_is_folder(const struct init *in, int fd, struct arena *a)
{
	char *info, *mounts;
	unsigned int id, of;

	if (procfs_read(&in->pf, arena_printf(a, "self/fdinfo/%d", fd), 4096, a, &info, NULL) < 0 ||
	    procfs_read(&in->pf, "self/mountinfo", (size_t)16 << 20, a, &mounts, NULL) < 0)
		return false;
	const char *at = strstr(info, "mnt_id:");
	if (at == NULL || sscanf(at, "mnt_id: %u", &id) != 1)
		return false;
	for (char *line = strsep(&mounts, "\n"); line != NULL; line = strsep(&mounts, "\n"))
		if (sscanf(line, "%u", &of) == 1 && of == id)
			return strstr(line, " - tmpfs greffon ") != NULL && hotgraft_is_mount(fd);
	return false;
}

/* Each change has laid a cache of its own over the one before; they are in the folder's file
 * system, which tells them from what the config has mounted there. */
static int hotgraft_folder(const struct init *in, const struct plan_mount *m, int root)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	struct stat folder, st;
	autoclose int fd = path_open(root, m->source, O_PATH, NULL);
	int r = 0;

	if (fd < 0 || fstat(fd, &folder) < 0)
		return 0;
	if (!hotgraft_is_folder(in, fd, &a))
		return hotgraft_is_mount(fd) ? -ESTALE : 0;
	while (r == 0) {
		autoclose int cache = path_open(root, m->target, O_PATH, NULL);
		if (cache < 0 || fstat(cache, &st) < 0 || st.st_dev != folder.st_dev)
			break;
		r = hotmount_detach(&in->pf, cache);
	}
	if (r == 0 || r == -EINVAL)
		r = hotmount_detach(&in->pf, fd);
	return r == -EINVAL ? 0 : r;
}

static int hotgraft_failed(int r, const char *path, struct err *e)
{
	return r == -ESTALE ? err_set(e, ESTALE,
				      "'%s' leads to something else than was grafted; it is left "
				      "as it is",
				      path)
			    : err_sys(e, -r, "'%s'", path);
}

int hotgraft_remove(struct init *in, int root, struct err *e)
{
	const struct plan_mounts *files = &in->p->mounts;
	const struct plan_nodes *nodes = &in->p->nodes;
	int first = 0;

	/* whatever fails, the rest goes */
	for (size_t i = 0; i < nodes->n; i++) {
		int r = hotgraft_node(in, &nodes->v[i], root);
		if (r < 0 && first == 0)
			first = err_sys(e, -r, "'%s'", nodes->v[i].path);
	}
	for (size_t i = 0; i < files->n; i++) {
		const struct plan_mount *m = &files->v[i];
		int r = m->verb == MOUNT_FILE ? hotgraft_folder(in, m, root)
					      : hotgraft_file(in, m, root);
		if (r < 0 && first == 0)
			first = hotgraft_failed(r, m->verb == MOUNT_FILE ? m->source : m->target,
						e);
	}
	return first;
}
