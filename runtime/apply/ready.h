/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/*
 * Readiness of the container (sd_notify(3)): the runtime's caller has NOTIFY_SOCKET, the container
 * gets a socket of its own (plan/ready.h), and only that it is ready goes from the one to the
 * other, with the container's init as the process to watch. Nothing else that a container says
 * reaches a service manager of the host: not MAINPID, not descriptors to keep.
 */
struct ready {
	int sock;	  /* the container's end is bound to it */
	const char *host; /* the caller's socket */
};

#define READY_EMPTY                                                                                \
	{                                                                                          \
		.sock = FD_NONE                                                                    \
	}

/* The folder in a container's own, which is mounted there. -errno. */
int ready_make_folder(int entry, struct err *e);

/* 1: the container has one. */
int ready_has_folder(int entry);

/* Binds the socket in that folder (open as entry). */
int ready_listen(int entry, const char *host, struct ready *r, struct err *e);

/* Reads what has come. 1: among it was READY=1. 0: not yet. */
int ready_take(const struct ready *r);

/* Waits until the container is ready, or the process of pidfd has ended (0). 1: it is ready. */
int ready_wait(const struct ready *r, int pidfd);

/* Tells the caller's service manager; pid > 0: also that it is the process to watch, and waits
 * until that was taken note of (5 s at most). A warning where it fails: the container runs. */
void ready_tell(const struct ready *r, pid_t pid);

void ready_done(struct ready *r);
