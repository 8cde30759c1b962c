/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/*
 * The wire format of protocol buffers as far as criu's requests need it: varints and
 * length-delimited fields (https://protobuf.dev/programming-guides/encoding/). Fields are written
 * in the order of the calls.
 */
struct protobuf {
	struct arena *a;
	uint8_t *v;
	size_t n, cap;
};

/* A number; bools and enums are numbers too, negative ones are written as 64 bits. */
void protobuf_number(struct protobuf *w, unsigned int field, int64_t value);

/* Nothing is written for NULL. */
void protobuf_string(struct protobuf *w, unsigned int field, const char *value);
void protobuf_message(struct protobuf *w, unsigned int field, const struct protobuf *value);

/* One field of a message: bytes is NULL for a number. It points into the message. */
struct protobuf_field {
	unsigned int field;
	uint64_t number;
	const uint8_t *bytes;
	size_t n;
};

/* Takes the next field of [*at, end). 1, 0 at the end, -EBADMSG. Fixed-size fields are skipped. */
int protobuf_next(const uint8_t **at, const uint8_t *end, struct protobuf_field *out);
