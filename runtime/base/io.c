/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/io.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

int io_write_all(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

/* whole: a read that does not fill the buffer has reached the end. */
static int io_read_to_end(int fd, bool whole, size_t max, struct arena *a, char **out,
			  size_t *out_len)
{
	size_t cap = 4096, n = 0;
	char *buf = arena_alloc(a, cap + 1);

	for (;;) {
		if (n == cap) {
			char *grown = arena_alloc(a, cap * 4 + 1);
			memcpy(grown, buf, n);
			buf = grown;
			cap *= 4;
		}
		ssize_t r = read(fd, buf + n, cap - n);
		if (r < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		n += (size_t)r;
		if (n > max)
			return -EFBIG;
		if (r == 0 || (whole && n < cap))
			break;
	}
	buf[n] = '\0';
	*out = buf;
	if (out_len != NULL)
		*out_len = n;
	return 0;
}

int io_read_all(int fd, size_t max, struct arena *a, char **out, size_t *out_len)
{
	return io_read_to_end(fd, false, max, a, out, out_len);
}

int io_read_whole(int fd, size_t max, struct arena *a, char **out)
{
	return io_read_to_end(fd, true, max, a, out, NULL);
}

int io_read_virtual(int at, const char *name, enum io_virtual how, size_t max, struct arena *a,
		    char **out)
{
	autoclose int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : io_read_to_end(fd, how == IO_ONE_RECORD, max, a, out, NULL);
}

int io_read_sized(int fd, off_t told, size_t max, struct arena *a, char **out, size_t *out_len)
{
	/* sysfs tells a page for every file: only reading tells whether such a one is too big */
	if (told <= 0 || (size_t)told > max)
		return io_read_all(fd, max, a, out, out_len);
	size_t size = (size_t)told;
	char *buf = arena_alloc(a, size + 2);
	/* a read for one byte more tells that it has not grown */
	ssize_t n = read(fd, buf, size + 1);
	if (n < 0)
		return -errno;
	if ((size_t)n !=
	    size) /* it changes while we read: once more, to its end wherever that is */
		return lseek(fd, 0, SEEK_SET) < 0 ? -errno : io_read_all(fd, max, a, out, out_len);
	*out = buf;
	if (out_len != NULL)
		*out_len = size;
	return 0;
}

int io_read_given(const char *name, size_t max, struct arena *a, char **out, size_t *out_len)
{
	autoclose int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : io_read_all(fd, max, a, out, out_len);
}

int io_read_file(int at, const char *name, size_t max, struct arena *a, char **out, size_t *out_len)
{
	autoclose int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return io_read_sized(fd, st.st_size, max, a, out, out_len);
}

ssize_t io_read_control(int at, const char *name, char *buf, size_t size)
{
	autoclose int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n == size)
		return -EFBIG;
	buf[n] = '\0';
	return n;
}

int io_write_file(int at, const char *name, const char *s)
{
	autoclose int fd = openat(at, name, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	size_t n = strlen(s);
	for (;;) {
		ssize_t w = write(fd, s, n);
		if (w == (ssize_t)n)
			return 0;
		if (w >= 0)
			return -EIO;
		if (errno != EINTR)
			return -errno;
	}
}

#define IO_TEMP 300

/* A child that executes nothing keeps its parent's number: it replaces no file that the parent
 * still writes. */
static int io_temp(char out[static IO_TEMP], const char *name)
{
	static int self;

	self = self != 0 ? self : (int)getpid();
	int len = snprintf(out, IO_TEMP, ".%s.%d", name, self);

	return len < 0 || len >= IO_TEMP ? -ENAMETOOLONG : 0;
}

int io_stage(int at, const char *name, const void *buf, size_t n, mode_t mode, enum io_sync sync)
{
	char temp[IO_TEMP];
	int r = io_temp(temp, name);

	if (r < 0)
		return r;
	autoclose int fd =
		openat(at, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0 && errno == EEXIST) {
		/* left by a process of the same pid that was killed here */
		(void)unlinkat(at, temp, 0);
		fd = openat(at, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	}
	if (fd < 0)
		return -errno;
	r = io_write_all(fd, buf, n);
	if (r == 0 && sync == IO_SYNC && fsync(fd) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(at, temp, 0);
	return r;
}

int io_commit(int at, const char *name)
{
	char temp[IO_TEMP];
	int r = io_temp(temp, name);

	if (r == 0 && renameat(at, temp, at, name) < 0) {
		r = -errno;
		(void)unlinkat(at, temp, 0);
	}
	return r;
}

int io_replace(int at, const char *name, const void *buf, size_t n, mode_t mode, enum io_sync sync)
{
	int r = io_stage(at, name, buf, n, mode, sync);

	return r < 0 ? r : io_commit(at, name);
}
