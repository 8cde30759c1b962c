/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/arena.h"
#include "base/err.h"
#include "systemd/wire.h"

/* A connection to a systemd manager, and the one job that is waited for. */
struct bus {
	sd_bus *bus;
	bool user;
	const char *job;    /* its object path; NULL: no call has been made */
	const char *result; /* "done", "failed", ...; NULL: it has not ended */
	struct arena *arena;
};

/*
 * Connects to the system's manager or to the user's own: by the manager's private socket, where no
 * bus daemon stands between and no name has to be asked for, else by the bus. -ENOTCONN with the
 * remedy.
 */
int bus_open(struct bus *b, bool user, struct arena *a, struct err *e);
void bus_done(struct bus *b);

/*
 * StartTransientUnit, and waits for the job's end. A unit of the name that has ended or failed is
 * reset and the call repeated. What systemd refuses of the optional properties is left out; their
 * names go to *out_dropped (comma separated). out_cgroup: the cgroup that a scope's process, which
 * is this one, finds itself in; of a slice what systemd says. -EEXIST: the unit is active.
 */
int bus_start(struct bus *b, const struct wire_message *m, const char **out_cgroup,
	      const char **out_dropped, struct err *e);

/* SetUnitProperties until the unit ends; optional ones as with bus_start(). */
int bus_set(struct bus *b, const struct wire_message *m, const char **out_dropped, struct err *e);

/* AttachProcessesToUnit of one process: a user's manager has the system's do what a user may not.
 */
int bus_attach(struct bus *b, const struct wire_message *m, struct err *e);

/* Kills what is left in it, StopUnit, waits for the job's end, ResetFailedUnit. A unit that is not
 * loaded is success. */
int bus_stop(struct bus *b, const struct wire_message *m, struct err *e);
