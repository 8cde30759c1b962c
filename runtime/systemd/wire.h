/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "systemd/property.h"

/*
 * What the runtime and its helper greffon-systemd say to each other over a stream socket: one
 * request, one answer, repeated. The helper connects to the bus before it reads the first request,
 * so that both sides get ready at the same time.
 *
 * A frame is a header (magic, version, length) and the members of struct wire_message one after the
 * other. Both ends are of one build, so the version only catches a helper of another one that was
 * left behind by an installation. End of file before a request: the helper goes.
 */
enum wire_verb {
	/* runtime -> helper */
	WIRE_START = 1, /* start unit with properties; the helper itself becomes a process of a
			   scope */
	WIRE_SET,	/* set properties of unit until it ends */
	WIRE_ATTACH,	/* move process number into the unit's sub-cgroup text ("" for its own) */
	WIRE_STOP, /* kill and stop unit and forget its failure; one that is not there is no error
		    */
	/* helper -> runtime */
	WIRE_DONE,   /* text: after WIRE_START the unit's cgroup, "/system.slice/x.scope"; unit:
			names of the optional properties that this systemd does not have, or "" */
	WIRE_FAILED, /* number: errno, text: why */
};
#define WIRE_VERBS (WIRE_FAILED + 1)

/* A frame's limit: three times what a config with 10,000 device rules needs. */
#define WIRE_MAX (1024 * 1024)

struct wire_message {
	enum wire_verb verb;
	const char *unit, *text; /* never NULL once received */
	uint64_t number;
	struct properties properties;
};

/* Sends m. -EMSGSIZE: larger than WIRE_MAX; -EPIPE: the peer is gone. */
int wire_send(int sock, const struct wire_message *m, struct arena *a);

/* Waits at most timeout_ms (< 0: for ever) and receives one message, with memory of the arena. 0,
 * -ENODATA: end of file before a frame; -EPROTO: not a frame of this version; -ETIMEDOUT or another
 * -errno. */
int wire_receive(int sock, int timeout_ms, struct wire_message *out, struct arena *a);
