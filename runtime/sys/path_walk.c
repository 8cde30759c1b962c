/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/path_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define WALK_DEPTH 256 /* directories below root; deeper trees are refused */
#define WALK_LINKS 40

struct walk {
	int root;
	int stack[WALK_DEPTH];
	size_t depth;
	int links;
	char rest[2 * PATH_MAX]; /* what is still to be walked */
	char *at;		 /* PATH_MAX: the way from root, without links; NULL: not asked */
};

static void walk_done(struct walk *w)
{
	while (w->depth > 0)
		fd_done(&w->stack[--w->depth]);
}

static int walk_top(const struct walk *w)
{
	return w->depth == 0 ? w->root : w->stack[w->depth - 1];
}

static int walk_down(const struct walk *w, const char *name)
{
	size_t n = w->at == NULL ? 0 : strlen(w->at);

	return w->at != NULL &&
			       snprintf(w->at + n, PATH_MAX - n, "/%s", name) >= (int)(PATH_MAX - n)
		       ? -ENAMETOOLONG
		       : 0;
}

static void walk_up(struct walk *w)
{
	char *slash = w->at == NULL ? NULL : strrchr(w->at, '/');

	if (w->depth > 0)
		fd_done(&w->stack[--w->depth]);
	if (slash != NULL)
		*slash = '\0';
}

/* Takes the next component off rest into name. False: none is left. */
static bool walk_next(struct walk *w, char name[static NAME_MAX + 1], int *out_error)
{
	size_t skip = strspn(w->rest, "/");
	size_t n = strcspn(w->rest + skip, "/");

	*out_error = n > NAME_MAX ? -ENAMETOOLONG : 0;
	if (n == 0 || n > NAME_MAX)
		return false;
	memcpy(name, w->rest + skip, n);
	name[n] = '\0';
	memmove(w->rest, w->rest + skip + n, strlen(w->rest + skip + n) + 1);
	return true;
}

static bool walk_is_last(const struct walk *w)
{
	return w->rest[strspn(w->rest, "/")] == '\0';
}

static int walk_link(struct walk *w, int link)
{
	char text[PATH_MAX], joined[sizeof(w->rest)];
	ssize_t n = readlinkat(link, "", text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	if (++w->links > WALK_LINKS)
		return -ELOOP;
	text[n] = '\0';
	if (text[0] == '/')
		walk_done(w);
	if (text[0] == '/' && w->at != NULL)
		w->at[0] = '\0';
	int len = snprintf(joined, sizeof(joined), "%s/%s", text, w->rest);
	if (len < 0 || (size_t)len >= sizeof(joined))
		return -ENAMETOOLONG;
	/* no slash behind the link's own last component: it decides whether a directory is needed
	 */
	if (w->rest[0] == '\0')
		joined[len - 1] = '\0';
	memcpy(w->rest, joined, strlen(joined) + 1);
	return 0;
}

/* 1: fd is the answer, 0: go on, -errno. */
static int walk_step(struct walk *w, const char *name, int flags, int *out_fd)
{
	struct stat st;
	bool last = walk_is_last(w), slash = w->rest[0] == '/';
	autoclose int fd = openat(walk_top(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && !(last && !slash && (flags & O_NOFOLLOW) != 0))
		return walk_link(w, fd);
	if (!S_ISDIR(st.st_mode) && (!last || slash))
		return -ENOTDIR;
	if (walk_down(w, name) < 0)
		return -ENAMETOOLONG;
	if (!last || S_ISDIR(st.st_mode)) {
		if (w->depth == WALK_DEPTH)
			return -ENAMETOOLONG;
		w->stack[w->depth++] = fd_take(&fd);
		return 0;
	}
	*out_fd = openat(walk_top(w), name, flags | O_NOFOLLOW | O_CLOEXEC);
	return *out_fd < 0 ? -errno : 1;
}

static int walk_all(int root, const char *path, int flags, char *at)
{
	__attribute__((cleanup(walk_done))) struct walk w = {.root = root, .at = at};
	char name[NAME_MAX + 1];
	int r = 0, fd = -ENOENT;

	if (path[0] == '\0')
		return -ENOENT;
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(w.rest, path, strlen(path) + 1);
	while (walk_next(&w, name, &r)) {
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			walk_up(&w);
			continue;
		}
		r = walk_step(&w, name, flags, &fd);
		if (r != 0)
			return r < 0 ? r : fd;
	}
	if (r < 0)
		return r;
	fd = openat(walk_top(&w), ".", (flags & ~O_NOFOLLOW) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int path_walk(int root, const char *path, int flags)
{
	return walk_all(root, path, flags, NULL);
}

int path_walk_real(int root, const char *path, char out[static PATH_MAX])
{
	out[0] = '\0';
	int fd = walk_all(root, path, O_PATH, out);

	if (fd >= 0 && out[0] == '\0')
		memcpy(out, "/", 2);
	return fd;
}
