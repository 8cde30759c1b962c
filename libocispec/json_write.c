/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "libocispec/json.h"
#include "libocispec/json_text.h"

struct oj_writer {
	struct arena *a;
	enum oci_style style;
	char *v;
	size_t n, cap;
	int depth;
};

static void oj_put(struct oj_writer *w, const char *s, size_t n)
{
	if (w->n + n + 1 > w->cap) {
		w->cap = (w->n + n + 1) * 2;
		char *grown = arena_alloc(w->a, w->cap);
		if (w->n > 0)
			memcpy(grown, w->v, w->n);
		w->v = grown;
	}
	memcpy(w->v + w->n, s, n);
	w->n += n;
}

static void oj_text(struct oj_writer *w, const char *s)
{
	oj_put(w, s, strlen(s));
}

static void oj_newline(struct oj_writer *w)
{
	if (w->style != OCI_PRETTY)
		return;
	oj_text(w, "\n");
	for (int i = 0; i < w->depth; i++)
		oj_text(w, "  ");
}

/* '/' stays as it is: crun escaped it for a while, and hooks broke. */
static void oj_quote(struct oj_writer *w, const char *s)
{
	oj_text(w, "\"");
	while (*s != '\0') {
		size_t plain = 0;
		char code[8];

		while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
			plain++;
		oj_put(w, s, plain);
		s += plain;
		if (*s == '\0')
			break;
		if (*s == '"' || *s == '\\')
			(void)snprintf(code, sizeof(code), "\\%c", *s);
		else if (*s == '\n')
			(void)snprintf(code, sizeof(code), "\\n");
		else if (*s == '\t')
			(void)snprintf(code, sizeof(code), "\\t");
		else
			(void)snprintf(code, sizeof(code), "\\u%04x", (unsigned char)*s);
		oj_text(w, code);
		s++;
	}
	oj_text(w, "\"");
}

static void oj_key(struct oj_writer *w, const char *key, bool first)
{
	if (!first)
		oj_text(w, ",");
	oj_newline(w);
	oj_quote(w, key);
	oj_text(w, w->style == OCI_PRETTY ? ": " : ":");
}

static void oj_object(struct oj_writer *w, const struct oj_object *type, const char *self);

static bool oj_present(const struct oj_field *f, const char *m)
{
	switch ((enum oj_kind)f->kind) {
	case OJ_KIND_BOOL:
		return ((const struct opt_bool *)(const void *)m)->set;
	case OJ_KIND_I64:
		return ((const struct opt_i64 *)(const void *)m)->set;
	case OJ_KIND_U64:
		return ((const struct opt_u64 *)(const void *)m)->set;
	case OJ_KIND_ENUM:
		return *(const int *)(const void *)m != 0;
	case OJ_KIND_STRING:
	case OJ_KIND_OBJECT:
	case OJ_KIND_STRINGS:
	case OJ_KIND_U64S:
	case OJ_KIND_ENUMS:
	case OJ_KIND_OBJECTS:
	case OJ_KIND_MAP:
	case OJ_KIND_OBJMAP:
		return *(const void *const *)(const void *)m != NULL;
	}
	return false;
}

static void oj_number_text(struct oj_writer *w, const struct oj_field *f, const char *m)
{
	char text[32];

	if (f->kind == OJ_KIND_I64)
		(void)snprintf(text, sizeof(text), "%lld",
			       (long long)((const struct opt_i64 *)(const void *)m)->v);
	else
		(void)snprintf(text, sizeof(text), "%llu",
			       (unsigned long long)((const struct opt_u64 *)(const void *)m)->v);
	oj_text(w, text);
}

static void oj_items(struct oj_writer *w, const struct oj_field *f, const char *items, size_t n)
{
	char text[32];

	oj_text(w, "[");
	w->depth++;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			oj_text(w, ",");
		oj_newline(w);
		if (f->kind == OJ_KIND_STRINGS) {
			oj_quote(w, ((const char *const *)(const void *)items)[i]);
		} else if (f->kind == OJ_KIND_U64S) {
			(void)snprintf(
				text, sizeof(text), "%llu",
				(unsigned long long)((const uint64_t *)(const void *)items)[i]);
			oj_text(w, text);
		} else if (f->kind == OJ_KIND_ENUMS) {
			oj_quote(w, f->of.names->names[((const int *)(const void *)items)[i]]);
		} else {
			oj_object(w, f->of.object, items + i * f->of.object->size);
		}
	}
	w->depth--;
	if (n > 0)
		oj_newline(w);
	oj_text(w, "]");
}

static void oj_entries(struct oj_writer *w, const struct oj_field *f, const char *items, size_t n)
{
	oj_text(w, "{");
	w->depth++;
	for (size_t i = 0; i < n; i++) {
		if (f->kind == OJ_KIND_MAP) {
			const struct oci_map_entry *entry =
				&((const struct oci_map_entry *)(const void *)items)[i];
			oj_key(w, entry->key, i == 0);
			oj_quote(w, entry->value);
		} else {
			const char *self = items + i * f->of.object->size;
			oj_key(w, *(const char *const *)(const void *)self, i == 0);
			oj_object(w, f->of.object, self);
		}
	}
	w->depth--;
	if (n > 0)
		oj_newline(w);
	oj_text(w, "}");
}

static void oj_value(struct oj_writer *w, const struct oj_field *f, const char *self)
{
	const char *m = self + f->offset;
	const void *pointer = NULL;

	switch ((enum oj_kind)f->kind) {
	case OJ_KIND_BOOL:
		oj_text(w, ((const struct opt_bool *)(const void *)m)->v ? "true" : "false");
		return;
	case OJ_KIND_I64:
	case OJ_KIND_U64:
		oj_number_text(w, f, m);
		return;
	case OJ_KIND_ENUM:
		oj_quote(w, f->of.names->names[*(const int *)(const void *)m]);
		return;
	case OJ_KIND_STRING:
		oj_quote(w, *(const char *const *)(const void *)m);
		return;
	case OJ_KIND_OBJECT:
		oj_object(w, f->of.object, *(const char *const *)(const void *)m);
		return;
	case OJ_KIND_STRINGS:
	case OJ_KIND_U64S:
	case OJ_KIND_ENUMS:
	case OJ_KIND_OBJECTS:
	case OJ_KIND_MAP:
	case OJ_KIND_OBJMAP:
		break;
	}
	size_t n = *(const size_t *)(const void *)(self + f->n_offset);
	pointer = *(const void *const *)(const void *)m;
	if (f->kind == OJ_KIND_MAP || f->kind == OJ_KIND_OBJMAP)
		oj_entries(w, f, pointer, n);
	else
		oj_items(w, f, pointer, n);
}

static void oj_object(struct oj_writer *w, const struct oj_object *type, const char *self)
{
	size_t n;
	const struct oj_field *fields = type->fields(&n);
	bool first = true;

	oj_text(w, "{");
	w->depth++;
	for (size_t i = 0; i < n; i++) {
		if (!oj_present(&fields[i], self + fields[i].offset))
			continue;
		oj_key(w, fields[i].key, first);
		first = false;
		oj_value(w, &fields[i], self);
	}
	w->depth--;
	if (!first)
		oj_newline(w);
	oj_text(w, "}");
}

int oj_write(const struct oj_object *type, const void *x, enum oci_style style, struct arena *a,
	     const char **out, size_t *out_len)
{
	struct oj_writer w = {.a = a, .style = style};

	oj_object(&w, type, x);
	if (style == OCI_PRETTY)
		oj_text(&w, "\n");
	w.v[w.n] = '\0';
	size_t at;
	if (oj_text_check(w.v, w.n, &at) != NULL)
		return -EILSEQ;
	*out = w.v;
	if (out_len != NULL)
		*out_len = w.n;
	return 0;
}
