/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/protobuf.h"

#include <errno.h>
#include <string.h>

enum { PROTOBUF_VARINT, PROTOBUF_FIXED64, PROTOBUF_BYTES, PROTOBUF_FIXED32 = 5 };

static void protobuf_varint(struct protobuf *w, uint64_t v)
{
	while (v > 0x7f) {
		*ARENA_PUSH(w->a, w) = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*ARENA_PUSH(w->a, w) = (uint8_t)v;
}

static void protobuf_bytes(struct protobuf *w, unsigned int field, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;

	protobuf_varint(w, (uint64_t)field << 3 | PROTOBUF_BYTES);
	protobuf_varint(w, n);
	for (size_t i = 0; i < n; i++)
		*ARENA_PUSH(w->a, w) = from[i];
}

void protobuf_number(struct protobuf *w, unsigned int field, int64_t value)
{
	protobuf_varint(w, (uint64_t)field << 3 | PROTOBUF_VARINT);
	protobuf_varint(w, (uint64_t)value);
}

void protobuf_string(struct protobuf *w, unsigned int field, const char *value)
{
	if (value != NULL)
		protobuf_bytes(w, field, value, strlen(value));
}

void protobuf_message(struct protobuf *w, unsigned int field, const struct protobuf *value)
{
	protobuf_bytes(w, field, value->v, value->n);
}

static int protobuf_take(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 64 && *at < end; shift += 7) {
		uint8_t byte = *(*at)++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			*out = v;
			return 0;
		}
	}
	return -EBADMSG;
}

static int protobuf_skip(const uint8_t **at, const uint8_t *end, size_t n)
{
	if (n > (size_t)(end - *at))
		return -EBADMSG;
	*at += n;
	return 0;
}

int protobuf_next(const uint8_t **at, const uint8_t *end, struct protobuf_field *out)
{
	uint64_t key, n;

	*out = (struct protobuf_field){0};
	if (*at == end)
		return 0;
	if (protobuf_take(at, end, &key) < 0 || key >> 3 == 0 || key >> 3 > UINT32_MAX)
		return -EBADMSG;
	out->field = (unsigned int)(key >> 3);
	switch (key & 7) {
	case PROTOBUF_VARINT:
		return protobuf_take(at, end, &out->number) < 0 ? -EBADMSG : 1;
	case PROTOBUF_BYTES:
		if (protobuf_take(at, end, &n) < 0)
			return -EBADMSG;
		out->bytes = *at;
		out->n = n;
		return protobuf_skip(at, end, n) < 0 ? -EBADMSG : 1;
	case PROTOBUF_FIXED64:
		return protobuf_skip(at, end, 8) < 0 ? -EBADMSG : 1;
	case PROTOBUF_FIXED32:
		return protobuf_skip(at, end, 4) < 0 ? -EBADMSG : 1;
	default:
		return -EBADMSG;
	}
}
