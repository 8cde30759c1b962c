/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * The dialogue of the runtime (P) and the container's init (I), over one SOCK_SEQPACKET pair. One datagram a
 * word. Words come in this order; the plan decides before the clone which of them are said at all
 * (sync_wants()), so that nothing waits for nothing.
 *
 *   P                                                  I
 *   | ------------------- MAPPED ---------------------> |  id maps written, cgroup entered if P does it
 *   | <------------------ MOUNTED --------------------- |  rootfs assembled, host tree still visible
 *   |   prestart, createRuntime hooks, late seccomp     |
 *   | ------------------- HOOKED ---------------------> |
 *   | <------------------ TTY (+ fd) ------------------ |  master of the console
 *   | <------------------ READY ----------------------- |  all set up; next: the exec fifo, or GO
 *   | ------------------- GO -------------------------> |  run and exec only
 *   | <------- FAIL (struct err), at any point -------- |
 *   | <------------------ end of file ----------------- |  execve has closed the socket, or I is dead
 */
enum sync_word { SYNC_MAPPED = 1, SYNC_MOUNTED, SYNC_HOOKED, SYNC_TTY, SYNC_READY, SYNC_GO, SYNC_FAIL };

struct sync_msg {
	uint32_t word;
	uint32_t stage; /* of the sender, for "killed while ..." */
	struct err err; /* SYNC_FAIL only */
};
_Static_assert(sizeof(struct sync_msg) <= 1100, "one datagram, one read, no partial message");

/* Two connected ends, close-on-exec. */
int sync_pair(int out[static 2], struct err *e);

/* Says word; fd (FD_NONE: none) rides along. -EPIPE: the peer is gone. */
int sync_say(int sock, enum sync_word word, int fd);
/* Says FAIL with *why. Best effort: a peer that is gone can't be told. */
void sync_fail(int sock, const struct err *why);

/* Waits for exactly word. A FAIL becomes its error; end of file -EPIPE ("gone"); another word -EPROTO.
 * out_fd, if not NULL, gets a descriptor that rode along, else FD_NONE. timeout_ms < 0: for ever. */
int sync_wait(int sock, enum sync_word word, int *out_fd, int timeout_ms, struct err *e);

/* After GO: end of file is success (0), FAIL its error. */
int sync_wait_exec(int sock, struct err *e);
