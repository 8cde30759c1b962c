/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * The dialogue of the runtime (P) and the container's init (I), over one SOCK_SEQPACKET pair. One
 * datagram a word. Words come in this order; the plan decides before the clone which of them are
 * said at all, so that nobody waits for nothing.
 *
 *   P                                             I
 *   | ---------------- MAPPED ------------------> |  new user namespace: its maps are written
 *   | ---------------- CGROUP (+ fds) ----------> |  v1 cgroups are made: their "tasks" files
 *   | <--------------- MOUNTED ------------------ |  rootfs assembled, host tree still visible
 *   |   prestart, createRuntime hooks             |
 *   | ---------------- HOOKED ------------------> |
 *   | <--------------- TTY (+ fd) --------------- |  master of the console
 *   | <--------------- end of file -------------- |  create: ready, waits at the fifo; run, exec:
 *   |                                             |  execve has closed the socket
 *
 * Nothing is said after a seccomp filter is loaded, since a filter may refuse any call: success and
 * death are both the end of file, and apply/report.h, memory that both share, tells which it was
 * and why.
 */
enum sync_word { SYNC_MAPPED = 1, SYNC_CGROUP, SYNC_MOUNTED, SYNC_HOOKED, SYNC_TTY };

/* Descriptors that may ride along with one word; more than a kernel has v1 hierarchies. */
#define SYNC_FDS_MAX 64

/* Two connected ends, close-on-exec. */
int sync_pair(int out[static 2], struct err *e);

/* Says word; fd (FD_NONE: none) rides along. -EPIPE: the peer is gone. */
int sync_say(int sock, enum sync_word word, int fd, struct err *e);

/* Waits for exactly word. End of file is -EPIPE, another word -EPROTO. out_fd (may be NULL) gets a
 * descriptor that rode along, else FD_NONE. timeout_ms < 0: for ever; 0 left: -ETIMEDOUT. */
int sync_wait(int sock, enum sync_word word, int *out_fd, int timeout_ms, struct err *e);

/* The same for n descriptors, at most SYNC_FDS_MAX. The receiver owns what it gets. */
int sync_say_fds(int sock, enum sync_word word, const int *fds, size_t n, struct err *e);
int sync_wait_fds(int sock, enum sync_word word, int out[static SYNC_FDS_MAX], size_t *out_n,
		  struct err *e);

/* Whether the peer still has its end, without waiting and whatever it has said. */
bool sync_has_peer(int sock);

/* Waits for the end of file. A word is -EPROTO. */
int sync_wait_end(int sock, struct err *e);
