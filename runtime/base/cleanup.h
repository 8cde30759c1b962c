/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdlib.h>
#include <unistd.h>

/*
 * Ownership by scope. A variable marked autoclose/autofree is released when its scope ends; it
 * moves to another owner only through fd_take()/ptr_take(), so that a search for "take" shows every
 * transfer. An empty descriptor is -EBADF (never 0, which is a valid one).
 */

#define FD_NONE (-9) /* -EBADF, spelled out so that this header needs no <errno.h> */

static inline int fd_take(int *fd)
{
	int taken = *fd;
	*fd = FD_NONE;
	return taken;
}

/* Closes *fd if it is one and leaves FD_NONE. Safe on an empty one, so destructors may run twice.
 */
static inline void fd_done(int *fd)
{
	if (*fd >= 0)
		(void)close(fd_take(fd));
}

static inline void free_done(void *p)
{
	free(*(void **)p);
	*(void **)p = NULL;
}

#define autoclose __attribute__((cleanup(fd_done)))
#define autofree __attribute__((cleanup(free_done)))

#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
