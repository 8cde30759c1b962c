/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/dump_out.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void dump_bytes(struct dump *d, const char *s, size_t n)
{
	if (d->n + n + 1 > d->cap) {
		size_t cap = (d->n + n + 1) * 2;
		char *grown = arena_alloc(d->a, cap);
		if (d->n > 0)
			memcpy(grown, d->v, d->n);
		d->v = grown;
		d->cap = cap;
	}
	memcpy(d->v + d->n, s, n);
	d->n += n;
}

void dump_text(struct dump *d, const char *s)
{
	dump_bytes(d, s, strlen(s));
}

/* A value may hold any byte. Quotation marks are the words' own in text. */
static void dump_escaped(struct dump *d, const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		char code[8];

		if (d->style == DUMP_JSON && (c == '"' || c == '\\')) {
			dump_bytes(d, (char[]){'\\', (char)c}, 2);
		} else if (c < 0x20 || c == 0x7f) {
			(void)snprintf(code, sizeof(code), "\\u%04x", c);
			dump_text(d, code);
		} else {
			dump_bytes(d, s, 1);
		}
	}
}

void dump_close(struct dump *d)
{
	if (d->item_open)
		dump_text(d, d->style == DUMP_JSON ? "}" : "\n");
	d->item_open = false;
}

void dump_item(struct dump *d, const char *area)
{
	dump_close(d);
	if (d->style == DUMP_JSON) {
		dump_text(d, d->any ? ",\n {\"area\":\"" : "\n {\"area\":\"");
		dump_text(d, area);
		dump_text(d, "\"");
	} else {
		char head[24];

		(void)snprintf(head, sizeof(head), "%-10s", area);
		dump_text(d, head);
	}
	d->item_open = d->any = true;
}

void dump_set(struct dump *d, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	if (d->style == DUMP_JSON) {
		dump_text(d, ",\"");
		dump_text(d, name);
		dump_text(d, "\":\"");
		dump_escaped(d, value);
		dump_text(d, "\"");
	} else if (strcmp(name, "origin") == 0) {
		dump_text(d, "  (");
		dump_escaped(d, value);
		dump_text(d, ")");
	} else {
		dump_text(d, " ");
		dump_text(d, name);
		dump_text(d, "=");
		dump_escaped(d, value);
	}
}

void dump_setf(struct dump *d, const char *name, const char *fmt, ...)
{
	char value[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	dump_set(d, name, value);
}

const char *dump_bits(struct arena *a, uint64_t bits, const struct dump_bit *names, size_t n)
{
	const char *text = "";

	for (size_t i = 0; i < n; i++)
		if ((bits & names[i].bit) == names[i].bit)
			text = arena_printf(a, "%s%s%s", text, text[0] != '\0' ? "," : "",
					    names[i].name);
	return text;
}

static bool dump_is_plain(const char *s)
{
	return s[0] != '\0' && s[strcspn(s, " \t\n'\"\\$`*?[]{}()<>|&;#~!")] == '\0';
}

/* 'it'\\''s': to where what was written ends. */
static char *dump_quote(char *to, const char *s)
{
	*to++ = '\'';
	for (; *s != '\0'; s++) {
		if (*s == '\'') {
			memcpy(to, "'\\'", 3);
			to += 3;
		}
		*to++ = *s;
	}
	*to++ = '\'';
	return to;
}

const char *dump_words(struct arena *a, const char **v)
{
	size_t size = 1;

	for (const char **w = v; w != NULL && *w != NULL; w++)
		size += strlen(*w) * 4 + 3; /* at worst each byte is a quotation mark */
	char *text = arena_alloc(a, size), *to = text;
	for (const char **w = v; w != NULL && *w != NULL; w++) {
		if (w != v)
			*to++ = ' ';
		if (dump_is_plain(*w))
			to = stpcpy(to, *w);
		else
			to = dump_quote(to, *w);
	}
	return text;
}
