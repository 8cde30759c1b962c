/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libocispec/json_level.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libocispec/json_text.h"

/* A key of the document: `.key`, or `['a.key']` where dots or odd bytes would mislead. */
static size_t oj_path_key(char *out, size_t size, const char *key, bool first)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	char shown[96];

	oj_text_show(shown, sizeof(shown), key, strlen(key));
	if (key[0] == '\0' || key[strspn(key, plain)] != '\0')
		return (size_t)snprintf(out, size, "['%s']", shown);
	return (size_t)snprintf(out, size, "%s%s", first ? "" : ".", shown);
}

void oj_path(const struct oj_parser *p, const char *extra, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->depth; i++) {
		const struct oj_level *l = &p->level[i];
		const char *key =
			l->kind == OJ_LEVEL_OBJECT && l->now != NULL ? l->now->key : l->key;

		if (l->kind == OJ_LEVEL_LIST)
			n += (size_t)snprintf(out + n, size - n, "[%zu]", l->n);
		else if (key != NULL)
			n += oj_path_key(out + n, size - n, key, n == 0);
		if (n >= size)
			return;
	}
	if (extra != NULL)
		(void)oj_path_key(out + n, size - n, extra, n == 0);
}

int oj_refuse(struct oj_parser *p, const char *extra, const char *fmt, ...)
{
	char path[600], text[360];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	oj_path(p, extra, path, sizeof(path));
	(void)err_set(p->e, EINVAL, "%s%s%s", path, path[0] != '\0' ? ": " : "", text);
	return 0; /* what yajl takes for "stop" */
}

int oj_wrong(struct oj_parser *p, const char *got)
{
	static const char *const expected[] = {
		[OJ_KIND_STRING] = "a string",	[OJ_KIND_BOOL] = "true or false",
		[OJ_KIND_I64] = "an integer",	[OJ_KIND_U64] = "an integer",
		[OJ_KIND_ENUM] = "a string",	[OJ_KIND_OBJECT] = "an object",
		[OJ_KIND_STRINGS] = "an array", [OJ_KIND_U64S] = "an array",
		[OJ_KIND_ENUMS] = "an array",	[OJ_KIND_OBJECTS] = "an array",
		[OJ_KIND_MAP] = "an object",	[OJ_KIND_OBJMAP] = "an object",
	};
	static const char *const expected_item[] = {
		[OJ_KIND_STRINGS] = "a string", [OJ_KIND_U64S] = "an integer",
		[OJ_KIND_ENUMS] = "a string",	[OJ_KIND_OBJECTS] = "an object",
		[OJ_KIND_MAP] = "a string",	[OJ_KIND_OBJMAP] = "an object",
	};

	if (p->depth == 0)
		return oj_refuse(p, NULL, "top level must be an %s, got %s",
				 p->top_is_array ? "array" : "object", got);
	const struct oj_level *l = &p->level[p->depth - 1];
	const char *want = l->kind == OJ_LEVEL_OBJECT ? expected[l->now->kind]
			   : l->list == NULL	      ? "an object"
						      : expected_item[l->list->kind];
	return oj_refuse(p, NULL, "expected %s, got %s", want, got);
}
