/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"
#include "sys/procfs.h"

/*
 * World: init, rootfs's mounts attached, rootfs entered. Opens ptmx of the container's own devpts
 * below root, takes the other end by TIOCGPTPEER (never by name: CVE-2025-52565), verifies it is
 * devpts, sets the size and owner, binds it on /dev/console (bind_console: create/run, not exec),
 * makes it stdio and the controlling tty of a new session. *out_master: for SYNC_TTY.
 */
enum tty_console { TTY_BIND_CONSOLE, TTY_NO_CONSOLE };
int tty_open(const struct plan *p, int root, enum tty_console console, int *out_master,
	     struct err *e);

/* World: the runtime. Sends a pidfd to the listening unix socket at path (any length: through a
 * directory descriptor): payload "pidfd", one descriptor. Gives up after 10 s. */
int tty_send_pidfd(const char *path, int pidfd, struct err *e);

/* Checks before anything is made that path is a unix socket one can connect to; connects. fd or
 * -errno. */
int tty_connect(const char *path, struct err *e);
/* Payload "/dev/ptmx", one descriptor. */
int tty_send_connected(int sock, int master, struct err *e);

/*
 * World: the runtime in the foreground (run, exec). Relays between the caller's terminal (raw mode
 * while it lasts) and master, forwards signals to pidfd, follows window sizes, until the process
 * ends. master FD_NONE: only signals. Returns the exit status as a shell would (128 + signal), or
 * -errno.
 */
int tty_supervise(int pidfd, pid_t pid, int master, struct err *e);

/* The same, and calls ready(arg) whenever fd can be read, until it returns true. */
struct tty_watch {
	int fd;
	bool (*ready)(void *arg);
	void *arg;
};
int tty_supervise_watching(int pidfd, pid_t pid, int master, const struct tty_watch *w,
			   struct err *e);
