/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>

static void json_put(struct json *j, const char *s, size_t n)
{
	if (j->cap - j->n <= n) {
		size_t cap = j->cap == 0 ? 4096 : j->cap;

		while (cap - j->n <= n)
			cap *= 2;
		char *grown = arena_alloc(j->a, cap);
		if (j->n > 0)
			memcpy(grown, j->v, j->n);
		j->v = grown;
		j->cap = cap;
	}
	memcpy(j->v + j->n, s, n);
	j->n += n;
	j->v[j->n] = '\0';
}

static void json_puts(struct json *j, const char *s)
{
	json_put(j, s, strlen(s));
}

static void json_line(struct json *j)
{
	if (j->style != JSON_PRETTY)
		return;
	json_put(j, "\n", 1);
	for (unsigned int i = 0; i < j->depth; i++)
		json_put(j, "  ", 2);
}

/* RFC 8259, section 7. Bytes above 0x7f are passed on: what came in as UTF-8 goes out as such. */
static void json_quote(struct json *j, const char *s)
{
	json_put(j, "\"", 1);
	for (size_t n; *s != '\0'; s += n) {
		char escape[8];
		unsigned char c = (unsigned char)*s;

		for (n = 0; (unsigned char)s[n] >= 0x20 && s[n] != '"' && s[n] != '\\'; n++)
			;
		if (n > 0) {
			json_put(j, s, n);
			continue;
		}
		n = 1;
		if (c == '"' || c == '\\')
			(void)snprintf(escape, sizeof(escape), "\\%c", c);
		else
			(void)snprintf(escape, sizeof(escape), "\\u%04x", c);
		json_puts(j, escape);
	}
	json_put(j, "\"", 1);
}

static void json_member(struct json *j, const char *key)
{
	if (j->filled)
		json_put(j, ",", 1);
	if (j->depth > 0)
		json_line(j);
	j->filled = true;
	if (key == NULL)
		return;
	json_quote(j, key);
	json_puts(j, j->style == JSON_PRETTY ? ": " : ":");
}

void json_open(struct json *j, const char *key, char bracket)
{
	json_member(j, key);
	json_put(j, &bracket, 1);
	j->depth++;
	j->filled = false;
}

void json_close(struct json *j, char bracket)
{
	j->depth--;
	if (j->filled)
		json_line(j);
	json_put(j, &bracket, 1);
	j->filled = true;
}

void json_string(struct json *j, const char *key, const char *value)
{
	json_member(j, key);
	json_quote(j, value != NULL ? value : "");
}

void json_int(struct json *j, const char *key, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	json_member(j, key);
	json_puts(j, text);
}

void json_uint(struct json *j, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	json_member(j, key);
	json_puts(j, text);
}

void json_literal(struct json *j, const char *key, const char *text)
{
	json_member(j, key);
	json_puts(j, text);
}

void json_bool(struct json *j, const char *key, bool value)
{
	json_member(j, key);
	json_puts(j, value ? "true" : "false");
}

const char *json_end(struct json *j, size_t *out_len)
{
	json_put(j, "\n", 1);
	if (out_len != NULL)
		*out_len = j->n;
	return j->v;
}
