/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/trust.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/host.h"
#include "sys/path.h"

#define TRUST_OVERFLOW_UID 65534 /* root of the node, seen from a user namespace without it */
#define TRUST_LINKS 16

static bool trust_is_root(const struct host *h, const struct stat *st)
{
	return st->st_uid == 0 || (h->in_userns && st->st_uid == TRUST_OVERFLOW_UID);
}

int trust_check_stat(const struct host *h, const struct stat *st, const char *path, struct err *e)
{
	if (h->captured)
		return 0;
	if (!trust_is_root(h, st))
		return graft_refuse(e, EPERM, GRAFT_DOMAINS, "POLICY",
				    "%s belongs to user %u; make it root's", path, st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return graft_refuse(e, EPERM, GRAFT_DOMAINS, "POLICY",
				    "%s may be written by others than its owner (mode %04o); take "
				    "that away",
				    path, (unsigned int)st->st_mode & 07777);
	return 0;
}

int trust_check(const struct host *h, int fd, const char *path, struct err *e)
{
	struct stat st;

	if (h->captured)
		return 0;
	return fstat(fd, &st) < 0 ? err_sys(e, errno, "%s", path)
				  : trust_check_stat(h, &st, path, e);
}

/* How far a path has been followed: path[0..done) is the folder `dir`, free of links. */
struct trust_walk {
	const struct host *h;
	char path[PATH_MAX];
	size_t done;
	int dir;
	int flags; /* that the end is opened with */
	unsigned int links;
	struct err *e;
};

static int trust_bad(const struct trust_walk *w, int code, const char *what)
{
	return graft_refuse(w->e, code, GRAFT_DOMAINS, "POLICY", "%s: %s", w->path, what);
}

/* The next component into name; false at the end. */
static bool trust_next(const struct trust_walk *w, char name[static NAME_MAX + 1], size_t *end)
{
	const char *p = w->path + w->done;

	p += strspn(p, "/");
	size_t n = strcspn(p, "/");
	if (n == 0 || n > NAME_MAX)
		return false;
	memcpy(name, p, n);
	name[n] = '\0';
	*end = (size_t)(p - w->path) + n;
	return true;
}

/* Takes the last component off path[0..n). */
static size_t trust_parent(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 0 && path[n - 1] == '/')
		n--;
	return n;
}

/* Starts again at the root with what the link at path[0..end) says in its place. What stands before
 * it holds no link, so ".." means the parent by name too. */
static int trust_link(struct trust_walk *w, int fd, size_t end)
{
	char target[PATH_MAX], rest[PATH_MAX], whole[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
	size_t base = w->done;

	if (n <= 0 || ++w->links > TRUST_LINKS)
		return trust_bad(w, ELOOP, "too many links");
	target[n] = '\0';
	const char *p = target;
	if (*p == '/')
		base = 0;
	while (strncmp(p, "../", 3) == 0) {
		base = trust_parent(w->path, base);
		p += 3;
	}
	if (strstr(p, "..") != NULL)
		return trust_bad(w, EPERM, "a link on the way leads back up");
	(void)snprintf(rest, sizeof(rest), "%s", w->path + end);
	if (snprintf(whole, sizeof(whole), "%.*s/%s%s", (int)base, w->path, p, rest) >=
	    (int)sizeof(whole))
		return trust_bad(w, ENAMETOOLONG, "a link on the way is too long");
	memcpy(w->path, whole, sizeof(whole));
	w->done = 0;
	fd_done(&w->dir);
	w->dir = openat(w->h->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return w->dir < 0 ? trust_bad(w, errno, "the root can't be opened") : 0;
}

/* What is there for good is opened anew, without O_PATH, and looked at itself. */
static int trust_end(struct trust_walk *w, const char *name, int *fd)
{
	autoclose int end = openat(w->dir, name, w->flags | O_NOFOLLOW | O_CLOEXEC);

	if (end < 0)
		return trust_bad(w, errno, err_name(errno));
	int r = trust_check(w->h, end, w->path, w->e);
	if (r == 0)
		*fd = fd_take(&end);
	return r;
}

/* One step. 1: more may come; 0: *fd is the end of the path. */
static int trust_step(struct trust_walk *w, int *fd)
{
	char name[NAME_MAX + 1];
	struct stat st;
	size_t end = 0;

	if (!trust_next(w, name, &end) || strcmp(name, "..") == 0)
		return trust_bad(w, EINVAL, "is no path of a file");
	autoclose int next = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (next < 0 && errno == ENOENT)
		return -ENOENT;
	if (next < 0 || fstat(next, &st) < 0)
		return trust_bad(w, errno, err_name(errno));
	if (S_ISLNK(st.st_mode)) {
		if (!trust_is_root(w->h, &st))
			return trust_bad(w, EPERM, "a link on the way is not root's");
		int r = trust_link(w, next, end);
		return r < 0 ? r : 1;
	}
	if (w->path[end + strspn(w->path + end, "/")] == '\0')
		return trust_end(w, name, fd);
	int r = trust_check(w->h, next, w->path, w->e);
	if (r < 0)
		return r;
	w->done = end;
	fd_done(&w->dir);
	w->dir = fd_take(&next);
	return 1;
}

int trust_open(const struct host *h, const char *path, int flags, struct err *e)
{
	struct trust_walk w = {.h = h, .dir = FD_NONE, .flags = flags, .e = e};
	int fd = FD_NONE, r = 1;

	if (h->captured)
		return path_open(h->root, path, flags | O_CLOEXEC, e);
	if (path[0] != '/' || snprintf(w.path, sizeof(w.path), "%s", path) >= (int)sizeof(w.path))
		return graft_refuse(e, EINVAL, GRAFT_DOMAINS, "POLICY",
				    "'%.60s' must be an absolute path", path);
	w.dir = openat(h->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (r == 1)
		r = trust_step(&w, &fd);
	fd_done(&w.dir);
	return r < 0 ? r : fd;
}
