/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/mount_copyup.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/io.h"

#define COPYUP_DEPTH 64
#define COPYUP_ENTRIES 200000

struct copyup {
	unsigned int depth, entries;
	struct err *e;
};

static int copyup_dir(struct copyup *c, int from, int to);

static void copyup_close_dir(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

static int copyup_bytes(int in, int out)
{
	char buf[65536];

	for (;;) {
		ssize_t n = sendfile(out, in, NULL, 1 << 30);
		if (n == 0)
			return 0;
		if (n < 0)
			break;
	}
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	for (;;) {
		ssize_t n = read(in, buf, sizeof(buf));
		if (n <= 0)
			return n < 0 ? -errno : 0;
		int r = io_write_all(out, buf, (size_t)n);
		if (r < 0)
			return r;
	}
}

static int copyup_file(int from, int to, const char *name, mode_t mode)
{
	/* what was a file a moment ago may be a fifo now */
	autoclose int in =
		openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (in < 0)
		return -errno;
	if (fstat(in, &st) < 0 || !S_ISREG(st.st_mode))
		return -EAGAIN;
	autoclose int out =
		openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0777);
	if (out < 0)
		return -errno;
	return copyup_bytes(in, out);
}

static int copyup_link(int from, int to, const char *name)
{
	char target[4096];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? -errno : 0;
}

static int copyup_subdir(struct copyup *c, int from, int to, const char *name)
{
	if (mkdirat(to, name, 0700) < 0)
		return -errno;
	autoclose int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || out < 0)
		return -errno;
	return copyup_dir(c, in, out);
}

/* Owner before mode, since a change of owner takes set-id bits away; times last. */
static int copyup_metadata(int to, const char *name, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EINVAL)
		return -errno; /* EINVAL: an id that is not mapped here; the copy stays ours */
	if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	(void)utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static int copyup_entry(struct copyup *c, int from, int to, const char *name)
{
	struct stat st;
	int r = 0;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		r = copyup_file(from, to, name, st.st_mode);
		break;
	case S_IFDIR:
		r = copyup_subdir(c, from, to, name);
		break;
	case S_IFLNK:
		r = copyup_link(from, to, name);
		break;
	case S_IFIFO:
	case S_IFCHR:
	case S_IFBLK:
		r = mknodat(to, name, st.st_mode, st.st_rdev) < 0 ? -errno : 0;
		if (r == -EPERM)
			return 0; /* devices can't be made in a user namespace */
		break;
	default: /* a socket is nothing without its server */
		return 0;
	}
	return r < 0 ? r : copyup_metadata(to, name, &st);
}

static int copyup_dir(struct copyup *c, int from, int to)
{
	int copy = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__attribute__((cleanup(copyup_close_dir))) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *d;

	if (dir == NULL)
		return -errno;
	if (++c->depth > COPYUP_DEPTH)
		return err_set(c->e, ELOOP, "more than %d directories deep", COPYUP_DEPTH);
	while ((errno = 0, d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (++c->entries > COPYUP_ENTRIES)
			return err_set(c->e, E2BIG, "more than %d files", COPYUP_ENTRIES);
		int r = copyup_entry(c, from, to, d->d_name);
		if (r < 0)
			return c->e->code != 0 ? r : err_sys(c->e, -r, "'%s'", d->d_name);
	}
	c->depth--;
	return -errno;
}

int mount_copyup(int from, int to, struct err *e)
{
	struct err why = {0};
	struct copyup c = {.e = &why};
	int r = copyup_dir(&c, from, to);

	if (r == 0)
		return 0;
	if (why.code == 0)
		(void)err_sys(&why, -r, "reading the directory");
	(void)err_take(e, &why);
	return err_at(e, ".options: tmpcopyup");
}
