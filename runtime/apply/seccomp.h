/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/filter.h>

#include "plan/plan.h"

/*
 * The compiled program, in memory that the runtime and init share (MAP_SHARED, made before the
 * clone), so that the runtime may compile while init mounts. BPF_MAXINSNS instructions at most.
 */
struct seccomp_slot {
	unsigned int n; /* instructions; 0: not filled yet */
	bool let_in;	/* set by the runtime, which is a plain user: init opens up to it */
	int listener;	/* descriptor number in init once loaded with a listener, or one of: */
#define SECCOMP_LISTENER_NONE (-1)
#define SECCOMP_LISTENER_TAKEN (-2) /* the runtime has its copy, init may go on */
	struct sock_filter insn[BPF_MAXINSNS];
};

/* Maps a slot. NULL profile: *out is NULL and 0 is returned. */
int seccomp_slot_new(const struct plan *p, struct seccomp_slot **out, struct err *e);

/* Fills the slot from the cache directory (cache: descriptor of it or FD_NONE). 1: filled, 0: not
 * there. */
int seccomp_from_cache(const struct plan *p, int cache, struct seccomp_slot *slot);

/* Compiles with libseccomp into the slot, prepends the ENOSYS answer for system calls newer than
 * the profile knows, and stores the program in the cache. One warning tells how many names
 * libseccomp does not know; with the annotation run.oci.seccomp_fail_unknown_syscall (but "0") the
 * first is an error. World: the runtime. */
int seccomp_compile(const struct plan *p, int cache, struct seccomp_slot *slot, struct err *e);

/* Loads the slot's program into the caller. With a notify action the new listener's number is
 * stored in slot->listener (nothing may be sent after this point, a system call could itself be
 * notified), and the runtime is waited for to take it: -ETIMEDOUT after 30 s. */
int seccomp_install(const struct plan *p, struct seccomp_slot *slot, struct err *e);

/* World: the runtime. Waits until init (pidfd) has loaded a program with a listener, takes the
 * descriptor (pidfd_getfd, 5.6) and hands it with the container process state to
 * plan_seccomp.listener_path. status: "creating" for create and run, "running" for exec. */
int seccomp_notify_send(const struct plan *p, struct seccomp_slot *slot, int pidfd, pid_t pid,
			const char *status, struct err *e);
