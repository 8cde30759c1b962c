/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Bytes on their way from one descriptor to another, in the order they came. */
struct ring {
	size_t head, n; /* the first byte, how many */
	char v[32 * 1024];
};

static inline bool ring_is_full(const struct ring *r)
{
	return r->n == sizeof(r->v);
}

/* One read(2) or write(2) as far as it goes without waiting (the descriptor decides): bytes moved,
 * 0 at the end of file (fill) or when there is nothing to write (drain), or -errno. */
ssize_t ring_fill(struct ring *r, int fd);
ssize_t ring_drain(struct ring *r, int fd);
