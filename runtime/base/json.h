/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/*
 * Writer of small JSON documents into an arena. The caller opens and closes in pairs; the key comes
 * with the member (NULL in an array and for the outermost value).
 */
enum json_style { JSON_COMPACT, JSON_PRETTY };

struct json {
	struct arena *a;
	enum json_style style;
	char *v;
	size_t n, cap;
	unsigned int depth;
	bool filled; /* the current object or array has a member already */
};

void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_string(struct json *j, const char *key, const char *value);
void json_int(struct json *j, const char *key, int64_t value);
void json_uint(struct json *j, const char *key, uint64_t value);
/* text as it is: a number with a point, null. */
void json_literal(struct json *j, const char *key, const char *text);
void json_bool(struct json *j, const char *key, bool value);

/* Ends the text with a line break. The text is NUL-terminated; *out_len is without the NUL. */
const char *json_end(struct json *j, size_t *out_len);
