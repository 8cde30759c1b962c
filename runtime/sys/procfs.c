/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "sys/sys.h"

static bool procfs_is(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* The root of a procfs has the fixed inode 1 (PROC_ROOT_INO); a directory of it bound elsewhere has
 * not. */
int procfs_open(struct procfs *p, struct err *e)
{
	struct stat st;

	p->fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->fd < 0)
		return err_sys(e, errno, "/proc: can't be opened");
	if (!procfs_is(p->fd) || fstat(p->fd, &st) < 0 || st.st_ino != 1) {
		procfs_done(p);
		return err_set(e, EINVAL, "/proc: is not a proc file system; mount one there");
	}
	return 0;
}

void procfs_done(struct procfs *p)
{
	fd_done(&p->fd);
}

int procfs_openat(const struct procfs *p, const char *rel, int flags, struct err *e)
{
	/* "self" and "thread-self" are plain links inside procfs, so links as such stay allowed. */
	/* openat2 refuses O_NOCTTY beside O_PATH, which opens no terminal anyway */
	flags |= O_CLOEXEC | ((flags & O_PATH) != 0 ? 0 : O_NOCTTY);
	int fd = sys_openat2(p->fd, rel, (uint64_t)flags, 0,
			     RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);

	bool confined = fd != -ENOSYS;
	if (!confined) { /* before 5.6; the handle itself is private, so nothing can be mounted
				in it */
		fd = openat(p->fd, rel, flags);
		fd = fd < 0 ? -errno : fd;
	}
	if (fd == -ENOENT)
		return fd;
	if (fd < 0)
		return err_sys(e, -fd, "/proc/%s", rel);
	/* asked once more where a wrong answer would be written to */
	if ((!confined || (flags & O_ACCMODE) != O_RDONLY) && !procfs_is(fd)) {
		(void)close(fd);
		return err_set(e, EXDEV, "/proc/%s: leads out of the proc file system", rel);
	}
	return fd;
}

int procfs_write(const struct procfs *p, const char *rel, const char *value, struct err *e)
{
	autoclose int fd = procfs_openat(p, rel, O_WRONLY, e);

	if (fd == -ENOENT)
		return err_sys(e, ENOENT, "/proc/%s", rel);
	if (fd < 0)
		return fd;
	int r = io_write_all(fd, value, strlen(value));
	return r < 0 ? err_sys(e, -r, "/proc/%s: write '%.60s'", rel, value) : 0;
}

static int procfs_read_as(const struct procfs *p, const char *rel, bool whole, size_t max,
			  struct arena *a, char **out, struct err *e)
{
	autoclose int fd = procfs_openat(p, rel, O_RDONLY, e);

	if (fd == -ENOENT)
		return err_sys(e, ENOENT, "/proc/%s", rel);
	if (fd < 0)
		return fd;
	int r = whole ? io_read_whole(fd, max, a, out) : io_read_all(fd, max, a, out, NULL);
	return r < 0 ? err_sys(e, -r, "/proc/%s: read", rel) : 0;
}

int procfs_read(const struct procfs *p, const char *rel, size_t max, struct arena *a, char **out,
		struct err *e)
{
	return procfs_read_as(p, rel, false, max, a, out, e);
}

int procfs_read_whole(const struct procfs *p, const char *rel, size_t max, struct arena *a,
		      char **out, struct err *e)
{
	return procfs_read_as(p, rel, true, max, a, out, e);
}

int procfs_reopen(const struct procfs *p, int fd, int flags, struct err *e)
{
	char link[40];

	(void)snprintf(link, sizeof(link), "self/fd/%d", fd);
	int again = openat(p->fd, link, flags | O_CLOEXEC | O_NOCTTY);
	if (again < 0)
		return err_sys(e, errno, "descriptor %d: can't be opened again", fd);
	return again;
}

const char *procfs_fd_path(int fd, char buf[static 32])
{
	(void)snprintf(buf, 32, "/proc/self/fd/%d", fd);
	return buf;
}
