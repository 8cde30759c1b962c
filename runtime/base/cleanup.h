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

/*
 * Descriptors below this number are only forgotten by fd_done(), not closed: 0 but in a container's
 * init, which opens three for each mount and closes everything at once before it executes the
 * program (apply/tail.c), and in parts of `create` (apply/create.c). A close each was every sixth
 * system call of a start.
 */
extern int fd_forget_below;

/* Closes *fd if it is one and leaves FD_NONE. Safe on an empty one, so destructors may run twice.
 */
static inline void fd_done(int *fd)
{
	int taken = fd_take(fd);

	if (taken >= fd_forget_below)
		(void)close(taken);
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
