/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/ring.h"

#include <errno.h>
#include <sys/uio.h>

/* The n bytes from offset on, in one or two parts. */
static int ring_parts(struct ring *r, size_t offset, size_t n, struct iovec out[static 2])
{
	size_t at = (r->head + offset) % sizeof(r->v);
	size_t first = n < sizeof(r->v) - at ? n : sizeof(r->v) - at;

	out[0] = (struct iovec){r->v + at, first};
	out[1] = (struct iovec){r->v, n - first};
	return n > first ? 2 : 1;
}

ssize_t ring_fill(struct ring *r, int fd)
{
	struct iovec part[2];
	int parts = ring_parts(r, r->n, sizeof(r->v) - r->n, part);
	ssize_t n;

	do
		n = readv(fd, part, parts);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r->n += (size_t)n;
	return n;
}

ssize_t ring_drain(struct ring *r, int fd)
{
	struct iovec part[2];
	ssize_t n;

	if (r->n == 0)
		return 0;
	int parts = ring_parts(r, 0, r->n, part);
	do
		n = writev(fd, part, parts);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r->head = (r->head + (size_t)n) % sizeof(r->v);
	r->n -= (size_t)n;
	return n;
}
