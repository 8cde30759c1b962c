/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sys/path_walk.h"
#include "sys/sys.h"

/* RESOLVE_IN_ROOT blocks magic links today, but openat2(2) says not to rely on it. */
#define PATH_RESOLVE (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define PATH_LINKS 40 /* as the kernel's own limit */

static bool path_too_slow(const struct timespec *from)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000 > 100;
}

/* fd or -errno. EAGAIN means that something was renamed while ".." was walked: somebody may do so
 * on purpose and for ever, hence the two bounds. */
static int path_resolve(int root, const char *path, int flags)
{
	static bool no_openat2; /* a fact of the kernel, found once */
	struct timespec from = {0};

	/* openat2 refuses O_NOCTTY beside O_PATH, which opens no terminal anyway */
	flags |= O_CLOEXEC | ((flags & O_PATH) != 0 ? 0 : O_NOCTTY);
	if (path[0] == '\0')
		path = "/";
	for (int tries = 0; !no_openat2; tries++) {
		int fd = sys_openat2(root, path, (uint64_t)(unsigned int)flags, 0, PATH_RESOLVE);

		if (fd == -ENOSYS) {
			no_openat2 = true;
			break;
		}
		if (fd != -EAGAIN)
			return fd;
		if (tries == 0)
			(void)clock_gettime(CLOCK_MONOTONIC, &from);
		else if (tries >= 128 || path_too_slow(&from))
			return -EBUSY;
	}
	return path_walk(root, path, flags);
}

static int path_fail(struct err *e, int code, const char *path)
{
	if (code == EXDEV)
		return err_set(e, code, "'%s': leads out of the root", path);
	return err_sys(e, code, "'%s'", path);
}

int path_open(int root, const char *path, int flags, struct err *e)
{
	int fd = path_resolve(root, path, flags);

	return fd < 0 ? path_fail(e, -fd, path) : fd;
}

int path_open_nofollow(int root, const char *path, int flags, struct err *e)
{
	return path_open(root, path, flags | O_NOFOLLOW, e);
}

int path_open_entry(int root, const char *name, int flags)
{
	return sys_openat2(root, name, (uint64_t)(unsigned int)(flags | O_CLOEXEC), 0,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

static bool path_is_dots(const char *name, size_t n)
{
	return (n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.');
}

/* Where the last component of path[0..n) starts; *out_end is its end, without trailing slashes. */
static size_t path_last(const char *path, size_t n, size_t *out_end)
{
	while (n > 0 && path[n - 1] == '/')
		n--;
	*out_end = n;
	while (n > 0 && path[n - 1] != '/')
		n--;
	return n;
}

/* Opens the longest prefix of path that is a directory; *out_rest is where the missing part starts.
 */
static int path_open_prefix(int root, char *path, int code, size_t *out_rest)
{
	size_t end, start = strlen(path);

	while (code == -ENOENT) {
		start = path_last(path, start, &end);
		if (end == 0 || path_is_dots(path + start, end - start))
			return -ENOENT; /* ".." of something that is not there */
		char cut = path[start];

		path[start] = '\0';
		code = path_resolve(root, path, O_PATH | O_DIRECTORY);
		path[start] = cut;
	}
	*out_rest = start;
	return code;
}

/* A link that leads nowhere: path becomes what it stands for, so that its target is made in the
 * root. 0, or -errno, -EEXIST when name is no link. */
static int path_expand(int dir, const char *name, char path[static PATH_MAX], size_t start,
		       size_t end)
{
	char link[PATH_MAX], whole[PATH_MAX];
	ssize_t n = readlinkat(dir, name, link, sizeof(link) - 1);

	if (n < 0)
		return errno == EINVAL ? -EEXIST : -errno;
	link[n] = '\0';
	int len = snprintf(whole, sizeof(whole), "%.*s%s%s", link[0] == '/' ? 0 : (int)start, path,
			   link, path + end);
	if (len < 0 || (size_t)len >= sizeof(whole))
		return -ENAMETOOLONG;
	memcpy(path, whole, (size_t)len + 1);
	return 0;
}

/* Makes the components of path from start on below dir (consumed), each opened without following
 * anything. fd or -errno. *out_link: a link to nowhere was met; path was rewritten (0) and has to
 * be resolved anew. */
static int path_make(int *dir, char path[static PATH_MAX], size_t start, mode_t mode,
		     bool *out_link)
{
	autoclose int cur = fd_take(dir);

	*out_link = false;
	while (path[start] != '\0') {
		char name[NAME_MAX + 1];
		size_t n = strcspn(path + start, "/");

		if (n == 0 || (n == 1 && path[start] == '.')) {
			start += n + (path[start + n] == '/');
			continue;
		}
		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		if (path_is_dots(path + start, n))
			return -ENOENT;
		memcpy(name, path + start, n);
		name[n] = '\0';
		if (mkdirat(cur, name, mode) < 0 && errno != EEXIST)
			return -errno;
		int next = openat(cur, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 && (errno == ELOOP || errno == ENOTDIR)) {
			*out_link = true;
			return path_expand(cur, name, path, start, start + n);
		}
		if (next < 0)
			return -errno;
		fd_done(&cur);
		cur = next;
		start += n;
	}
	return fd_take(&cur);
}

static int path_mkdir_all(int root, const char *given, mode_t mode)
{
	char path[PATH_MAX];
	size_t len = strlen(given);
	int fd = path_resolve(root, given, O_PATH | O_DIRECTORY);

	if (fd != -ENOENT)
		return fd;
	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, given, len + 1);
	for (int links = 0; links < PATH_LINKS; links++) {
		size_t rest;
		bool link;
		autoclose int dir = path_open_prefix(root, path, -ENOENT, &rest);

		if (dir < 0)
			return dir;
		fd = path_make(&dir, path, rest, mode, &link);
		if (fd < 0 || !link)
			return fd;
		fd = path_resolve(root, path, O_PATH | O_DIRECTORY);
		if (fd != -ENOENT)
			return fd;
	}
	return -ELOOP;
}

int path_mkdir(int root, const char *path, mode_t mode, struct err *e)
{
	int fd = path_mkdir_all(root, path, mode);

	return fd < 0 ? path_fail(e, -fd, path) : fd;
}

/* Splits off the last component and opens its directory, except that a single component's directory
 * is root itself: *out_dir is root then and nothing is opened (*out_owned FD_NONE). */
static int path_split(int root, const char *path, char name[static 256], int *out_owned,
		      int *out_dir)
{
	char parent[PATH_MAX];
	size_t end, start = path_last(path, strlen(path), &end);

	if (end == 0 || path_is_dots(path + start, end - start))
		return -EINVAL;
	if (end - start > NAME_MAX || start >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(name, path + start, end - start);
	name[end - start] = '\0';
	memcpy(parent, path, start);
	parent[start] = '\0';
	if (strspn(parent, "/") == start) {
		*out_dir = root;
		return 0;
	}
	*out_owned = path_mkdir_all(root, parent, 0755);
	*out_dir = *out_owned;
	return *out_owned < 0 ? *out_owned : 0;
}

int path_parent(int root, const char *path, char name[static 256], struct err *e)
{
	autoclose int owned = FD_NONE;
	int dir = FD_NONE;
	int r = path_split(root, path, name, &owned, &dir);

	if (r == 0 && owned < 0)
		owned = path_resolve(root, "/", O_PATH | O_DIRECTORY);
	if (r == 0 && owned < 0)
		r = owned;
	return r < 0 ? path_fail(e, -r, path) : fd_take(&owned);
}

static int path_mkfile_all(int root, const char *given, mode_t mode)
{
	char path[PATH_MAX], name[256];
	size_t len = strlen(given);
	int fd = path_resolve(root, given, O_PATH);

	if (fd != -ENOENT)
		return fd;
	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, given, len + 1);
	for (int links = 0; links < PATH_LINKS; links++) {
		autoclose int owned = FD_NONE;
		int dir = FD_NONE;
		int r = path_split(root, path, name, &owned, &dir);

		if (r < 0)
			return r;
		int flags = O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
		autoclose int made = openat(dir, name, flags, mode);
		if (made < 0 && errno != EEXIST)
			return -errno;
		fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		if (made >= 0)
			return fd;
		/* EEXIST: a link that leads nowhere, or somebody else was faster */
		size_t end, start = path_last(path, strlen(path), &end);
		r = path_expand(dir, name, path, start, end);
		if (r == -EEXIST)
			return fd;
		fd_done(&fd);
		if (r < 0)
			return r;
		fd = path_resolve(root, path, O_PATH);
		if (fd != -ENOENT)
			return fd;
	}
	return -ELOOP;
}

int path_mkfile(int root, const char *path, mode_t mode, struct err *e)
{
	int fd = path_mkfile_all(root, path, mode);

	return fd < 0 ? path_fail(e, -fd, path) : fd;
}

/* By descriptor, and only on what was just made: a name could have been exchanged for another
 * object. */
static int path_chown_node(int dir, const char *name, mode_t mode, dev_t dev, uid_t uid, gid_t gid)
{
	struct stat st;
	autoclose int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (((st.st_mode ^ mode) & S_IFMT) != 0 || (!S_ISFIFO(mode) && st.st_rdev != dev))
		return -EBUSY;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int path_mknod(int root, const char *path, mode_t mode, dev_t dev, uid_t uid, gid_t gid,
	       struct err *e)
{
	char name[256];
	autoclose int owned = FD_NONE;
	int dir = FD_NONE;
	int r = path_split(root, path, name, &owned, &dir);

	if (r == 0 && mknodat(dir, name, mode, dev) < 0)
		r = -errno;
	/* A new node has the caller's ids, which are 0. */
	if (r == 0 && (uid != 0 || gid != 0))
		r = path_chown_node(dir, name, mode, dev, uid, gid);
	return r < 0 ? path_fail(e, -r, path) : 0;
}

int path_unlink(int root, const char *path, bool (*is)(const struct stat *, const void *),
		const void *arg)
{
	struct stat st;
	char name[256];
	autoclose int owned = FD_NONE;
	int dir = FD_NONE;
	int r = path_split(root, path, name, &owned, &dir);

	if (r < 0)
		return r;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!is(&st, arg))
		return 0;
	return unlinkat(dir, name, 0) < 0 ? -errno : 0;
}

int path_symlink(int root, const char *path, const char *target, struct err *e)
{
	char name[256], have[PATH_MAX];
	autoclose int owned = FD_NONE;
	int dir = FD_NONE;
	int r = path_split(root, path, name, &owned, &dir);

	if (r < 0)
		return path_fail(e, -r, path);
	if (symlinkat(target, dir, name) == 0)
		return 0;
	if (errno != EEXIST)
		return path_fail(e, errno, path);
	ssize_t n = readlinkat(dir, name, have, sizeof(have));
	if (n >= 0 && (size_t)n == strlen(target) && memcmp(have, target, (size_t)n) == 0)
		return 0;
	return path_fail(e, EEXIST, path);
}
