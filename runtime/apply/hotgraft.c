/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
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
	int r = hotmount_detach(&in->pf, fd);
	return r < 0 && r != -EINVAL ? r : path_unlink(root, n->path, hotgraft_is_ours, n);
}

static int hotgraft_file(const struct init *in, const char *target, int root)
{
	autoclose int fd = path_open(root, target, O_PATH, NULL);
	int r = fd < 0 ? fd : hotmount_detach(&in->pf, fd);

	return r == -ENOENT || r == -EINVAL ? 0 : r;
}

/* Each change has laid a cache of its own over the one before; they are in the folder's file
 * system, which tells them from what the config has mounted there. */
static int hotgraft_folder(const struct init *in, const struct plan_mount *m, int root)
{
	struct stat folder, st;
	autoclose int fd = path_open(root, m->source, O_PATH, NULL);
	int r = 0;

	if (fd < 0 || fstat(fd, &folder) < 0)
		return 0;
	while (r == 0) {
		autoclose int cache = path_open(root, m->target, O_PATH, NULL);
		if (cache < 0 || fstat(cache, &st) < 0 || st.st_dev != folder.st_dev)
			break;
		r = hotmount_detach(&in->pf, cache);
	}
	if (r == 0)
		r = hotmount_detach(&in->pf, fd);
	return r == -EINVAL ? 0 : r;
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
					      : hotgraft_file(in, m->target, root);
		if (r < 0 && first == 0)
			first = err_sys(e, -r, "'%s'", m->target);
	}
	return first;
}
