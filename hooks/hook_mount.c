/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "hooks/config_edit.h"
#include "hooks/curtain.h"
#include "hooks/hook.h"
#include "hooks/library.h"
#include "sys/path.h"
#include "sys/sys.h"
#include "sys/tmpfs.h"

/* Read-only does not concern reading and writing a device; it keeps a container's root from
 * changing mode and owner of the host's node. */
#define MOUNT_NODE_ATTR (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)
#define MOUNT_FILE_ATTR (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define MOUNT_MOVE (MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)

/* Something of the host on its way in. */
struct mount_tree {
	const struct graft_edit_mount *m;
	int fd; /* detached, attributes set; FD_NONE: gone, and optional */
	struct stat st;
};

struct mounter {
	struct hook_run *run;
	struct err *e;
	struct hook_node *node; /* as ed->device */
	int *node_tree;
	struct mount_tree *file; /* as ed->mount */
	const char *folder;	 /* "/dev/.greffon": a file system of our own for the libraries */
	int folder_root;	 /* its root */
};

static int mount_clone(int fd, uint64_t attributes)
{
	struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};
	autoclose int tree =
		sys_open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (tree < 0)
		return tree;
	int r = sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr);
	return r < 0 ? r : fd_take(&tree);
}

static int mount_fail(struct mounter *w, int r, const char *path)
{
	if (r == -ENOSYS)
		return err_set(w->e, ENOSYS,
			       "the kernel lacks open_tree or mount_setattr (Linux 5.12), which "
			       "this hook needs; use --runtime greffon");
	return err_sys(w->e, -r, "'%s'", path);
}

/* ---- on the host ---- */

static int mount_open_node(struct mounter *w, const struct graft_edit_device *d,
			   struct hook_node *out)
{
	const struct graft_node *n = &d->node;
	struct stat st;
	autoclose int fd = path_open_nofollow(w->run->host.root, n->path, O_PATH, NULL);

	*out = (struct hook_node){d, FD_NONE};
	if (fd < 0 && n->missing)
		return 0;
	if (fd < 0)
		return graft_refuse(w->e, ENODEV, d->domain, "NONE",
				    "'%s' is not on this node any more", n->path);
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != n->dev)
		return graft_refuse(w->e, ESTALE, d->domain, "STALE",
				    "'%s' is not the character device %u:%u any more", n->path,
				    major(n->dev), minor(n->dev));
	out->fd = fd_take(&fd);
	return 0;
}

static int mount_open_nodes(struct mounter *w)
{
	const struct graft_edits *ed = w->run->ed;
	size_t n = ed->device.n;

	w->node = arena_array(w->run->a, n, sizeof(*w->node));
	w->node_tree = arena_array(w->run->a, n, sizeof(*w->node_tree));
	for (size_t i = 0; i < n; i++) {
		int r = mount_open_node(w, &ed->device.v[i], &w->node[i]);
		if (r < 0)
			return r;
	}
	int r = hook_filter_check(w->run, w->node, n, w->e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		w->node_tree[i] = FD_NONE;
		if (w->node[i].fd < 0)
			continue;
		w->node_tree[i] = mount_clone(w->node[i].fd, MOUNT_NODE_ATTR);
		if (w->node_tree[i] < 0)
			r = mount_fail(w, w->node_tree[i], ed->device.v[i].node.path);
	}
	return r;
}

static int mount_open_files(struct mounter *w)
{
	const struct graft_edits *ed = w->run->ed;

	w->file = arena_array(w->run->a, ed->mount.n, sizeof(*w->file));
	for (size_t i = 0; i < ed->mount.n; i++) {
		const struct graft_edit_mount *m = &ed->mount.v[i];
		struct mount_tree *t = &w->file[i];
		autoclose int fd = graft_source_open(&w->run->host, m, w->e);

		*t = (struct mount_tree){.m = m, .fd = FD_NONE};
		if (fd == -ENOENT && m->optional)
			continue;
		if (fd < 0)
			return fd;
		t->fd = mount_clone(fd, MOUNT_FILE_ATTR | (m->exec ? 0 : MOUNT_ATTR_NOEXEC));
		if (t->fd < 0 || fstat(t->fd, &t->st) < 0)
			return mount_fail(w, t->fd < 0 ? t->fd : -errno, m->source);
	}
	return 0;
}

/* ---- in the container ---- */

static bool mount_same(const struct stat *x, const struct stat *y)
{
	return x->st_dev == y->st_dev && x->st_ino == y->st_ino;
}

/* The host's own /dev: what is made there is made on the host. */
static bool mount_dev_is_host(const struct mounter *w)
{
	struct stat own, host;
	autoclose int in = path_open(w->run->rootfs, "/dev", O_PATH, NULL);
	autoclose int out = path_open(w->run->host.root, "/dev", O_PATH, NULL);

	return graft_config_dev_is_bound(w->run->config) ||
	       (in >= 0 && out >= 0 && fstat(in, &own) == 0 && fstat(out, &host) == 0 &&
		own.st_dev == host.st_dev);
}

/* 1: the node is there already. */
static int mount_look_at_node(struct mounter *w, const struct graft_edit_device *d)
{
	struct stat st;
	autoclose int have = path_open(w->run->rootfs, d->node.path, O_PATH, NULL);

	if (have < 0 || fstat(have, &st) < 0 || S_ISREG(st.st_mode))
		return 0;
	if (S_ISCHR(st.st_mode) && st.st_rdev == d->node.dev)
		return 1;
	return graft_refuse(w->e, ESTALE, d->domain, "CONFLICT",
			    "'%s' is something else in the container already", d->node.path);
}

static int mount_node(struct mounter *w, size_t i)
{
	const struct graft_edit_device *d = &w->run->ed->device.v[i];
	const struct graft_node *n = &d->node;
	int root = w->run->rootfs;
	int r = mount_look_at_node(w, d);

	if (r != 0)
		return r < 0 ? r : 0;
	if (w->node_tree[i] < 0) {
		r = path_mknod(root, n->path, S_IFCHR | (n->mode & 0777), n->dev, n->uid, n->gid,
			       w->e);
		return r < 0 ? err_at(w->e, "making a node that the host lacks") : 0;
	}
	autoclose int target = path_mkfile(root, n->path, 0600, w->e);
	if (target < 0)
		return err_at(w->e, "in the container");
	r = sys_move_mount(w->node_tree[i], "", target, "", MOUNT_MOVE);
	return r < 0 ? mount_fail(w, r, n->path) : 0;
}

static int mount_nodes(struct mounter *w)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->run->ed->device.n; i++)
		r = mount_node(w, i);
	return r;
}

/* Onto path below root, a place that is made where there is none. */
static int mount_file(struct mounter *w, const struct mount_tree *t, int root, const char *path)
{
	bool folder = S_ISDIR(t->st.st_mode);
	struct stat st;
	autoclose int target =
		folder ? path_mkdir(root, path, 0755, w->e) : path_mkfile(root, path, 0644, w->e);

	if (target < 0 || fstat(target, &st) < 0)
		return target < 0 ? err_at(w->e, "in the container")
				  : err_sys(w->e, errno, "'%s' in the container", path);
	if (mount_same(&st, &t->st))
		return 0;
	if (S_ISDIR(st.st_mode) != folder)
		return graft_refuse(w->e, EEXIST, t->m->domain, "CONFLICT",
				    "'%s' is %sa folder in the image", t->m->target,
				    folder ? "not " : "");
	int r = sys_move_mount(t->fd, "", target, "", MOUNT_MOVE);
	return r < 0 ? mount_fail(w, r, t->m->target) : 0;
}

static int mount_files(struct mounter *w)
{
	size_t n = strlen(w->folder);
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->run->ed->mount.n; i++) {
		const struct mount_tree *t = &w->file[i];
		const char *target = t->m->target;
		/* below the folder nothing is looked up through the image */
		bool ours = strncmp(target, w->folder, n) == 0 && target[n] == '/';

		if (t->fd < 0 || graft_config_has_mount(w->run->config, target))
			continue;
		r = mount_file(w, t, ours ? w->folder_root : w->run->rootfs,
			       ours ? target + n : target);
	}
	return r;
}

/* ---- libraries ---- */

/* The folder is a file system of its own: libraries are there already. */
static bool mount_folder_is_there(const struct mounter *w)
{
	struct stat own, parent;
	autoclose int in = path_open_nofollow(w->run->rootfs, w->folder, O_PATH, NULL);
	autoclose int above =
		path_open(w->run->rootfs, w->folder[1] == 'd' ? "/dev" : "/run", O_PATH, NULL);

	return in >= 0 && above >= 0 && fstat(in, &own) == 0 && fstat(above, &parent) == 0 &&
	       own.st_dev != parent.st_dev;
}

static int mount_folder(struct mounter *w)
{
	static const struct tmpfs libraries = {
		.source = "greffon", .size = "16m", .attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};

	if (w->run->ed->cache.text == NULL)
		return 0;
	w->folder_root = tmpfs_make(&libraries);
	if (w->folder_root < 0)
		return mount_fail(w, w->folder_root, w->folder);
	autoclose int target = path_mkdir(w->run->rootfs, w->folder, 0755, w->e);
	if (target < 0)
		return err_at(w->e, "in the container");
	int r = sys_move_mount(w->folder_root, "", target, "", MOUNT_MOVE);
	return r < 0 ? mount_fail(w, r, w->folder) : 0;
}

/* Behind the others, when what it names is there. */
static int mount_cache(struct mounter *w)
{
	static const char path[] = "/etc/ld.so.cache";
	const struct graft_edits *ed = w->run->ed;
	const struct graft_edit_mount m = {.domain = GRAFT_GPU, .target = path};
	struct mount_tree t = {.m = &m, .fd = FD_NONE};

	if (ed->cache.text == NULL)
		return 0;
	autoclose int made = path_mkfile(w->folder_root, "ld.so.cache", 0644, w->e);
	autoclose int file = FD_NONE;
	if (made >= 0)
		file = path_open_nofollow(w->folder_root, "ld.so.cache", O_WRONLY, w->e);
	if (file < 0)
		return err_at(w->e, "the loader's cache");
	int r = io_write_all(file, ed->cache.text, ed->cache.len);
	if (r < 0)
		return err_sys(w->e, -r, "the loader's cache");
	autoclose int tree = mount_clone(made, MOUNT_FILE_ATTR | MOUNT_ATTR_NOEXEC);
	if (tree < 0 || fstat(tree, &t.st) < 0)
		return mount_fail(w, tree < 0 ? tree : -errno, path);
	t.fd = tree;
	return mount_file(w, &t, w->run->rootfs, path);
}

/* Variables that come with the MPI which is found only now are too late. */
static int mount_libraries(struct mounter *w)
{
	struct hook_run *run = w->run;
	struct graft_edits *ed = run->ed;
	const struct graft_image to = {.root = run->rootfs,
				       .folder = arena_printf(run->a, "%s/lib", w->folder),
				       .process = run->config->process};
	size_t known = ed->env.n;
	int r = graft_libraries(&run->host, &to, run->a, ed, w->e);

	for (size_t i = known; r == 0 && i < ed->env.n; i++)
		if (!graft_config_has_env(run->config, &ed->env.v[i]))
			r = graft_refuse(w->e, ENOTSUP, GRAFT_MPI, "STAGE",
					 "%s: %s can't be set by a hook at this stage; give the "
					 "engine --env %s=%s, or use --runtime greffon",
					 ed->env.v[i].why, ed->env.v[i].name, ed->env.v[i].name,
					 ed->env.v[i].value);
	return r;
}

int hook_mount_all(struct hook_run *run, struct err *e)
{
	struct mounter w = {.run = run, .e = e, .folder_root = FD_NONE};
	bool host_dev = mount_dev_is_host(&w);

	w.folder = host_dev ? "/run/.greffon" : "/dev/.greffon";
	if (mount_folder_is_there(&w)) {
		run->ed->library.n = 0;
		run->ed->mpi.mode = GRAFT_MPI_OFF;
		run->ed->verbs.libs = GRAFT_VERBS_NONE;
	}
	int r = mount_libraries(&w);
	if (r == 0)
		r = graft_notes_tell(run->ed, e);
	if (r == 0)
		r = mount_open_nodes(&w);
	if (r == 0)
		r = mount_open_files(&w);
	if (r == 0)
		r = hook_enter(run, e);
	hook_enter_owner(run, true);
	if (r == 0 && !host_dev)
		r = mount_nodes(&w);
	if (r == 0)
		r = mount_folder(&w);
	if (r == 0)
		r = mount_files(&w);
	if (r == 0)
		r = mount_cache(&w);
	for (size_t i = 0; r == 0 && i < run->ed->veil.n; i++)
		r = curtain_draw(&run->ed->veil.v[i], run->rootfs, e);
	hook_enter_owner(run, false);
	return r;
}
