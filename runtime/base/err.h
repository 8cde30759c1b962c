/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <errno.h>
#include <stdint.h>

#include "base/cleanup.h"

/*
 * One error value, owned by the caller. Fixed size and without allocation, so that it is usable
 * after a clone and travels between processes as part of one datagram (apply/sync.h).
 */
struct err {
	int code;	 /* positive errno; 0: no error. EINVAL for a bad config */
	uint32_t len;	 /* bytes used in text, without the NUL */
	char text[1000]; /* one line: "mounts[3].options: unknown option 'rro2'" */
};

/* Sets e (which may be NULL) to code and the formatted text; control characters of the text become
 * '?', since it may hold bytes of a hostile config and ends on a terminal. Returns -code. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/* As err_set(), and appends ": " and the errno's own text. Returns -code. */
int err_sys(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/* Prepends a place to a set error: "PLACE: text", or "PLACEtext" when the text itself starts with
 * '.' or '[' (so ".destination: ..." at "mounts[3]" reads "mounts[3].destination: ..."). Returns
 * -e->code. */
int err_at(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Copies a set error. Returns -from->code. */
int err_take(struct err *e, const struct err *from);

/* The errno's text in lower case where callers match on it ("no such process", "no such file or
 * directory", "permission denied", "operation not permitted"); static storage or `unknown error N`.
 */
const char *err_name(int code);
