/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "systemd/property.h"

/*
 * The runtime's side of the helper greffon-systemd (systemd/wire.h). The helper is started early
 * and connects to the bus while the runtime does other things; requests are sent when they are
 * known, and only an answer is waited for.
 *
 * A unit is started with the helper as its first process: systemd makes no scope without one, and
 * the container's init is then born into the finished cgroup (CLONE_INTO_CGROUP) instead of being
 * moved there. When init is there the helper leaves. If the runtime is killed before, the helper
 * ends with it, and systemd removes the empty scope.
 */
struct systemd {
	pid_t pid;	 /* 0: no helper, and nothing else counts */
	int sock, pidfd; /* owned */
};

/* Starts the helper for the manager of the system or of the user. The program is the installed one,
 * or the one of $GREFFON_SYSTEMD_HELPER (for tests), which has to belong to root or the caller and
 * be writable by nobody else. It gets no environment but the addresses of the bus. */
int systemd_open(struct systemd *s, bool user, struct err *e);

/* Sends the request to start the unit, and later waits for its end. *out_cgroup: the unit's cgroup
 * as the runtime's cgroup namespace has it, "/system.slice/x.scope". */
struct plan_unit;
int systemd_start(struct systemd *s, const struct plan_unit *u, struct arena *a, struct err *e);
int systemd_started(struct systemd *s, struct arena *a, const char **out_cgroup, struct err *e);

/* Sets the unit's properties until it ends. */
int systemd_set(struct systemd *s, const char *unit, const struct properties *all, struct err *e);

/* Has systemd move pid into the unit's sub-cgroup (NULL: its own): across trees that a user may not
 * move processes between. */
int systemd_attach(struct systemd *s, const char *unit, const char *subgroup, pid_t pid,
		   struct err *e);

/* Stops the unit and waits for it. A unit that is gone is success. */
int systemd_stop(struct systemd *s, const char *unit, struct err *e);

/* The helper leaves the unit and ends; systemd_done() also waits for that. Nothing without one. */
void systemd_release(struct systemd *s);
void systemd_done(struct systemd *s);
