/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libocispec/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/log.h"

/* Far beyond any honest document; every one of them bounds memory or time. */
#define OJ_MAX_BYTES ((size_t)16 << 20)
#define OJ_MAX_STRING ((size_t)1 << 20)
#define OJ_MAX_ITEMS 100000
#define OJ_MAX_NODES 1000000
#define OJ_MAX_DEPTH 64

/* What a level of nesting is filling. */
enum oj_level_kind { OJ_LEVEL_OBJECT, OJ_LEVEL_LIST, OJ_LEVEL_MAP, OJ_LEVEL_OBJMAP, OJ_LEVEL_IGNORED };

struct oj_level {
	enum oj_level_kind kind;
	const struct oj_field *list;  /* of LIST, MAP, OBJMAP: the property being filled; NULL: a bare array */
	const struct oj_object *type; /* of OBJECT, and of the elements of LIST and OBJMAP */
	const struct oj_field *fields, *now; /* of OBJECT: its table, the property whose value comes next */
	size_t n_fields;
	char *self;	 /* of OBJECT: the struct; of the others: the struct that holds the list */
	uint64_t seen;	 /* of OBJECT: a bit a property */
	const char *key; /* of maps, and unknown properties: the key whose value comes next */
	char *items;
	size_t n, cap, item_size;
};

struct oj_parser {
	struct arena *a;
	struct err *e;
	const struct oj_object *top;
	bool top_is_array;
	struct oj_level level[OJ_MAX_DEPTH + 1];
	size_t depth;
	size_t nodes;
	char *result;
	size_t result_n;
	bool started;
};

/* ---- errors ---- */

/* "linux.namespaces[2].type" for the value that comes next, with `extra` as a further key. */
static void oj_path(const struct oj_parser *p, const char *extra, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->depth; i++) {
		const struct oj_level *l = &p->level[i];
		const char *key = l->kind == OJ_LEVEL_OBJECT && l->now != NULL ? l->now->key : l->key;

		if (l->kind == OJ_LEVEL_LIST)
			n += (size_t)snprintf(out + n, size - n, "[%zu]", l->n);
		else if (key != NULL)
			n += (size_t)snprintf(out + n, size - n, "%s%.80s", n > 0 ? "." : "", key);
		if (n >= size)
			return;
	}
	if (extra != NULL)
		(void)snprintf(out + n, size - n, "%s%.80s", n > 0 ? "." : "", extra);
}

PRINTF(3, 4) static int oj_refuse(struct oj_parser *p, const char *extra, const char *fmt, ...)
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

static const char *oj_expected(const struct oj_field *f)
{
	switch ((enum oj_kind)f->kind) {
	case OJ_KIND_STRING:
	case OJ_KIND_ENUM:
		return "a string";
	case OJ_KIND_BOOL:
		return "true or false";
	case OJ_KIND_I64:
	case OJ_KIND_U64:
		return "an integer";
	case OJ_KIND_OBJECT:
	case OJ_KIND_MAP:
	case OJ_KIND_OBJMAP:
		return "an object";
	case OJ_KIND_STRINGS:
	case OJ_KIND_U64S:
	case OJ_KIND_ENUMS:
	case OJ_KIND_OBJECTS:
		return "an array";
	}
	return "another type";
}

static const char *oj_expected_item(const struct oj_level *l)
{
	if (l->list == NULL || l->list->kind == OJ_KIND_OBJECTS || l->list->kind == OJ_KIND_OBJMAP)
		return "an object";
	return l->list->kind == OJ_KIND_U64S ? "an integer" : "a string";
}

static int oj_wrong(struct oj_parser *p, const char *got)
{
	if (p->depth == 0)
		return oj_refuse(p, NULL, "top level must be an %s, got %s",
				 p->top_is_array ? "array" : "object", got);
	const struct oj_level *l = &p->level[p->depth - 1];
	return oj_refuse(p, NULL, "expected %s, got %s",
			 l->kind == OJ_LEVEL_OBJECT ? oj_expected(l->now) : oj_expected_item(l), got);
}

/* ---- values ---- */

/* Where the coming value goes: 1: kind and place are set; 0: ignored; -1: refused. */
static int oj_place(struct oj_parser *p, const struct oj_field **f, char **member)
{
	if (++p->nodes > OJ_MAX_NODES) {
		(void)oj_refuse(p, NULL, "the document has more than %d values", OJ_MAX_NODES);
		return -1;
	}
	if (p->depth == 0)
		return 1;
	struct oj_level *l = &p->level[p->depth - 1];
	if (l->kind == OJ_LEVEL_IGNORED || (l->kind == OJ_LEVEL_OBJECT && l->now == NULL))
		return 0;
	if (l->kind == OJ_LEVEL_OBJECT) {
		*f = l->now;
		*member = l->self + l->now->offset;
		return 1;
	}
	if (l->n >= OJ_MAX_ITEMS) {
		(void)oj_refuse(p, NULL, "too many items, the limit is %d", OJ_MAX_ITEMS);
		return -1;
	}
	if (l->n == l->cap || l->items == NULL) {
		l->items = l->items == NULL ? arena_array(p->a, l->cap = 8, l->item_size) :
					      arena_grow(p->a, l->items, l->n, &l->cap, l->item_size);
	}
	*f = l->list;
	*member = l->items + l->n * l->item_size;
	return 1;
}

/* The value is stored: the next one of a list goes behind it. */
static int oj_stored(struct oj_parser *p)
{
	struct oj_level *l = &p->level[p->depth - 1];

	if (l->kind == OJ_LEVEL_OBJECT)
		l->now = NULL;
	else
		l->n++;
	return 1;
}

static bool oj_takes(const struct oj_parser *p, enum oj_kind one, enum oj_kind many)
{
	const struct oj_level *l = &p->level[p->depth - 1];

	if (l->kind == OJ_LEVEL_OBJECT)
		return l->now->kind == one;
	return l->list != NULL && l->list->kind == many;
}

static int oj_null(void *ctx)
{
	struct oj_parser *p = ctx;
	const struct oj_field *f = NULL;
	char *member;
	int r = oj_place(p, &f, &member);

	if (r <= 0)
		return r == 0;
	/* Go callers write null for an empty slice or pointer */
	if (p->depth > 0 && p->level[p->depth - 1].kind == OJ_LEVEL_OBJECT && !f->required) {
		p->level[p->depth - 1].now = NULL;
		return 1;
	}
	return oj_wrong(p, "null");
}

static int oj_boolean(void *ctx, int value)
{
	struct oj_parser *p = ctx;
	const struct oj_field *f = NULL;
	char *member;
	int r = oj_place(p, &f, &member);

	if (r <= 0)
		return r == 0;
	if (p->depth == 0 || !oj_takes(p, OJ_KIND_BOOL, OJ_KIND_BOOL))
		return oj_wrong(p, value != 0 ? "true" : "false");
	*(struct opt_bool *)(void *)member = (struct opt_bool){true, value != 0};
	return oj_stored(p);
}

static int oj_signed(struct oj_parser *p, const struct oj_field *f, const char *text, char *member)
{
	int64_t v;
	int r = num_i64(text, f->min, (int64_t)f->max, &v);

	if (r == -ERANGE)
		return oj_refuse(p, NULL, "%s is out of range, %lld to %lld is allowed", text, (long long)f->min,
				 (long long)(int64_t)f->max);
	if (r < 0)
		return oj_wrong(p, text);
	*(struct opt_i64 *)(void *)member = (struct opt_i64){true, v};
	return oj_stored(p);
}

static int oj_number(void *ctx, const char *s, size_t len)
{
	struct oj_parser *p = ctx;
	const struct oj_field *f = NULL;
	char *member, text[64];
	uint64_t v = 0;
	int r = oj_place(p, &f, &member);

	if (r <= 0)
		return r == 0;
	(void)snprintf(text, sizeof(text), "%.*s", (int)(len < 60 ? len : 60), s);
	if (p->depth > 0 && oj_takes(p, OJ_KIND_I64, OJ_KIND_I64))
		return oj_signed(p, f, text, member);
	if (p->depth == 0 || !oj_takes(p, OJ_KIND_U64, OJ_KIND_U64S))
		return oj_wrong(p, text);
	r = num_u64(text, f->max, &v);
	if (r == -ERANGE || (r < 0 && text[0] == '-' && num_u64(text + 1, UINT64_MAX, &v) != -EINVAL))
		return oj_refuse(p, NULL, "%s is out of range, 0 to %llu is allowed", text,
				 (unsigned long long)f->max);
	if (r < 0)
		return oj_wrong(p, text);
	if (f->kind == OJ_KIND_U64S)
		*(uint64_t *)(void *)member = v;
	else
		*(struct opt_u64 *)(void *)member = (struct opt_u64){true, v};
	return oj_stored(p);
}

static int oj_enum_value(struct oj_parser *p, const struct oj_field *f, const char *s, int *out)
{
	for (size_t i = 1; i < f->of.names->n; i++)
		if (f->of.names->names[i] != NULL && strcmp(f->of.names->names[i], s) == 0) {
			*out = (int)i;
			return 1;
		}
	return oj_refuse(p, NULL, "'%.60s' is not one of the known values (%s, ...)", s, f->of.names->names[1]);
}

static int oj_string(void *ctx, const unsigned char *s, size_t len)
{
	struct oj_parser *p = ctx;
	const struct oj_field *f = NULL;
	char *member, shown[72];
	int r = oj_place(p, &f, &member);

	if (r == 0 || r < 0)
		return r == 0;
	(void)snprintf(shown, sizeof(shown), "\"%.*s\"", (int)(len < 60 ? len : 60), (const char *)s);
	if (p->depth == 0)
		return oj_wrong(p, shown);
	struct oj_level *l = &p->level[p->depth - 1];
	bool text = oj_takes(p, OJ_KIND_STRING, OJ_KIND_STRINGS) || l->kind == OJ_LEVEL_MAP;
	bool named = oj_takes(p, OJ_KIND_ENUM, OJ_KIND_ENUMS);
	if (!text && !named)
		return oj_wrong(p, shown);
	if (memchr(s, '\0', len) != NULL)
		return oj_refuse(p, NULL, "must not contain a NUL byte");
	if (len > OJ_MAX_STRING)
		return oj_refuse(p, NULL, "is longer than 1 MiB");
	const char *copy = arena_strndup(p->a, (const char *)s, len);
	if (named)
		return oj_enum_value(p, f, copy, (int *)(void *)member) == 1 ? oj_stored(p) : 0;
	if (l->kind == OJ_LEVEL_MAP)
		*(struct oci_map_entry *)(void *)member = (struct oci_map_entry){l->key, copy};
	else
		*(const char **)(void *)member = copy;
	return oj_stored(p);
}

/* ---- nesting ---- */

static struct oj_level *oj_push(struct oj_parser *p, enum oj_level_kind kind)
{
	if (p->depth >= OJ_MAX_DEPTH) {
		(void)err_set(p->e, EINVAL, "the document is nested deeper than %d levels", OJ_MAX_DEPTH);
		return NULL;
	}
	struct oj_level *l = &p->level[p->depth++];
	*l = (struct oj_level){.kind = kind};
	return l;
}

static int oj_push_object(struct oj_parser *p, const struct oj_object *type, char *self)
{
	struct oj_level *l = oj_push(p, OJ_LEVEL_OBJECT);

	if (l == NULL)
		return 0;
	l->type = type;
	l->self = self;
	l->fields = type->fields(&l->n_fields);
	return 1;
}

static size_t oj_item_size(const struct oj_field *f)
{
	switch ((enum oj_kind)f->kind) {
	case OJ_KIND_STRINGS:
		return sizeof(const char *);
	case OJ_KIND_U64S:
		return sizeof(uint64_t);
	case OJ_KIND_ENUMS:
		return sizeof(int);
	case OJ_KIND_MAP:
		return sizeof(struct oci_map_entry);
	case OJ_KIND_OBJECTS:
	case OJ_KIND_OBJMAP:
		return f->of.object->size;
	case OJ_KIND_STRING:
	case OJ_KIND_BOOL:
	case OJ_KIND_I64:
	case OJ_KIND_U64:
	case OJ_KIND_ENUM:
	case OJ_KIND_OBJECT:
		break;
	}
	return 0;
}

static int oj_push_list(struct oj_parser *p, enum oj_level_kind kind, const struct oj_field *f, char *owner)
{
	struct oj_level *l = oj_push(p, kind);

	if (l == NULL)
		return 0;
	l->list = f;
	l->self = owner;
	l->type = f == NULL ? p->top : (kind == OJ_LEVEL_MAP ? NULL : f->of.object);
	l->item_size = f == NULL ? p->top->size : oj_item_size(f);
	return 1;
}

static int oj_start_map(void *ctx)
{
	struct oj_parser *p = ctx;
	const struct oj_field *f = NULL;
	char *member;
	int r = oj_place(p, &f, &member);

	if (r < 0)
		return 0;
	if (r == 0)
		return oj_push(p, OJ_LEVEL_IGNORED) != NULL;
	if (p->depth == 0) {
		if (p->top_is_array)
			return oj_wrong(p, "an object");
		p->result = arena_alloc(p->a, p->top->size);
		return oj_push_object(p, p->top, p->result);
	}
	struct oj_level *l = &p->level[p->depth - 1];
	if (l->kind == OJ_LEVEL_OBJECT) {
		if (f->kind == OJ_KIND_MAP || f->kind == OJ_KIND_OBJMAP)
			return oj_push_list(p, f->kind == OJ_KIND_MAP ? OJ_LEVEL_MAP : OJ_LEVEL_OBJMAP, f, l->self);
		if (f->kind != OJ_KIND_OBJECT)
			return oj_wrong(p, "an object");
		char *self = arena_alloc(p->a, f->of.object->size);
		*(void **)(void *)member = self;
		return oj_push_object(p, f->of.object, self);
	}
	if (l->kind == OJ_LEVEL_MAP || l->type == NULL ||
	    (f != NULL && f->kind != OJ_KIND_OBJECTS && f->kind != OJ_KIND_OBJMAP))
		return oj_wrong(p, "an object");
	if (l->kind == OJ_LEVEL_OBJMAP)
		*(const char **)(void *)member = l->key;
	return oj_push_object(p, l->type, member);
}

static int oj_start_array(void *ctx)
{
	struct oj_parser *p = ctx;
	const struct oj_field *f = NULL;
	char *member;
	int r = oj_place(p, &f, &member);

	if (r < 0)
		return 0;
	if (r == 0)
		return oj_push(p, OJ_LEVEL_IGNORED) != NULL;
	if (p->depth == 0)
		return p->top_is_array ? oj_push_list(p, OJ_LEVEL_LIST, NULL, NULL) : oj_wrong(p, "an array");
	struct oj_level *l = &p->level[p->depth - 1];
	if (l->kind != OJ_LEVEL_OBJECT || oj_item_size(f) == 0 || f->kind == OJ_KIND_MAP || f->kind == OJ_KIND_OBJMAP)
		return oj_wrong(p, "an array");
	return oj_push_list(p, OJ_LEVEL_LIST, f, l->self);
}

static int oj_map_key(void *ctx, const unsigned char *s, size_t len)
{
	struct oj_parser *p = ctx;
	struct oj_level *l = &p->level[p->depth - 1];

	if (l->kind == OJ_LEVEL_IGNORED)
		return 1;
	l->key = NULL;
	l->now = NULL;
	if (len > OJ_MAX_STRING || memchr(s, '\0', len) != NULL)
		return oj_refuse(p, NULL, "a key is longer than 1 MiB or contains a NUL byte");
	for (size_t i = 0; i < l->n_fields; i++) {
		const struct oj_field *f = &l->fields[i];
		if (f->key_len != len || memcmp(f->key, s, len) != 0)
			continue;
		if ((l->seen & (UINT64_C(1) << i)) != 0)
			return oj_refuse(p, f->key, "given twice");
		l->seen |= UINT64_C(1) << i;
		l->now = f;
		return 1;
	}
	l->key = arena_strndup(p->a, (const char *)s, len);
	if (l->kind != OJ_LEVEL_OBJECT)
		return 1;
	char path[600];
	oj_path(p, NULL, path, sizeof(path));
	if (!l->type->allow_unknown)
		return oj_refuse(p, NULL, "unknown property");
	log_debug("config: %s: unknown property, ignored", path);
	return 1;
}

/* config.md "Extensibility" lets unknown properties be, but a required one has to be there. */
static int oj_end_object(struct oj_parser *p, struct oj_level *l)
{
	for (size_t i = 0; i < l->n_fields; i++) {
		if (!l->fields[i].required || (l->seen & (UINT64_C(1) << i)) != 0)
			continue;
		l->now = NULL;
		l->key = NULL;
		return oj_refuse(p, l->fields[i].key, "is required, and missing");
	}
	return 1;
}

static int oj_compare_keys(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Map keys by sorting a copy: n is the document's, a search for each key would be quadratic. */
static int oj_unique_keys(struct oj_parser *p, struct oj_level *l)
{
	const char **keys = arena_array(p->a, l->n, sizeof(*keys));

	for (size_t i = 0; i < l->n; i++)
		keys[i] = *(const char *const *)(const void *)(l->items + i * l->item_size);
	qsort(keys, l->n, sizeof(*keys), oj_compare_keys);
	for (size_t i = 1; i < l->n; i++)
		if (strcmp(keys[i - 1], keys[i]) == 0) {
			l->key = NULL;
			return oj_refuse(p, keys[i], "given twice");
		}
	return 1;
}

/* Ends the innermost level and stores a list in the struct that holds it. */
static int oj_pop(struct oj_parser *p)
{
	struct oj_level *l = &p->level[p->depth - 1];
	bool is_map = l->kind == OJ_LEVEL_MAP || l->kind == OJ_LEVEL_OBJMAP;

	if (l->kind == OJ_LEVEL_OBJECT && oj_end_object(p, l) == 0)
		return 0;
	if (is_map && oj_unique_keys(p, l) == 0)
		return 0;
	if (l->kind == OJ_LEVEL_LIST && l->list != NULL && l->n < l->list->min_items) {
		p->depth--;
		return oj_refuse(p, NULL, "needs at least %u item(s)", l->list->min_items);
	}
	if (l->kind == OJ_LEVEL_LIST || is_map) {
		char *items = l->items != NULL ? l->items : arena_alloc(p->a, 1);
		if (l->list == NULL) {
			p->result = items;
			p->result_n = l->n;
		} else {
			*(void **)(void *)(l->self + l->list->offset) = items;
			*(size_t *)(void *)(l->self + l->list->n_offset) = l->n;
		}
	}
	bool ignored = l->kind == OJ_LEVEL_IGNORED;
	p->depth--;
	return p->depth == 0 || ignored ? 1 : oj_stored(p);
}

static int oj_end(void *ctx)
{
	return oj_pop(ctx);
}

/* ---- entry ---- */

static const yajl_callbacks oj_callbacks = {
	.yajl_null = oj_null,
	.yajl_boolean = oj_boolean,
	.yajl_number = oj_number,
	.yajl_string = oj_string,
	.yajl_start_map = oj_start_map,
	.yajl_map_key = oj_map_key,
	.yajl_end_map = oj_end,
	.yajl_start_array = oj_start_array,
	.yajl_end_array = oj_end,
};

/* yajl's own words ("lexical error: invalid char in json text."), its first line, at line:column. */
static int oj_syntax(yajl_handle h, const char *text, size_t len, struct err *e)
{
	size_t at = yajl_get_bytes_consumed(h), line = 1, column = 1;
	unsigned char *why = yajl_get_error(h, 0, (const unsigned char *)text, len);

	for (size_t i = 0; i < at && i < len; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	(void)err_set(e, EINVAL, "line %zu, column %zu: not JSON: %.*s", line, column,
		      (int)strcspn((const char *)why, "\n"), (const char *)why);
	yajl_free_error(h, why);
	return -EINVAL;
}

static int oj_run(struct oj_parser *p, const char *text, size_t len)
{
	if (len > OJ_MAX_BYTES)
		return err_set(p->e, EFBIG, "larger than 16 MiB");
	size_t blank = 0;
	while (blank < len && strchr(" \t\r\n", text[blank]) != NULL && text[blank] != '\0')
		blank++;
	if (blank == len)
		return err_set(p->e, EINVAL, "top level must be an %s, the document is empty",
			       p->top_is_array ? "array" : "object");
	p->e->code = 0;
	yajl_handle h = yajl_alloc(&oj_callbacks, NULL, p);
	if (h == NULL)
		return err_set(p->e, ENOMEM, "out of memory");
	yajl_status s = yajl_parse(h, (const unsigned char *)text, len);
	if (s == yajl_status_ok)
		s = yajl_complete_parse(h);
	int r = 0;
	if (s != yajl_status_ok)
		r = p->e->code != 0 ? -p->e->code : oj_syntax(h, text, len, p->e);
	yajl_free(h);
	return r;
}

int oj_parse(const struct oj_object *type, const char *text, size_t len, struct arena *a, void **out,
	     struct err *e)
{
	struct err own;
	struct oj_parser p = {.a = a, .e = e != NULL ? e : &own, .top = type};
	int r = oj_run(&p, text, len);

	if (r == 0)
		*out = p.result;
	return r;
}

int oj_parse_array(const struct oj_object *type, const char *text, size_t len, struct arena *a, void **out,
		   size_t *n_out, struct err *e)
{
	struct err own;
	struct oj_parser p = {.a = a, .e = e != NULL ? e : &own, .top = type, .top_is_array = true};
	int r = oj_run(&p, text, len);

	if (r == 0) {
		*out = p.result;
		*n_out = p.result_n;
	}
	return r;
}

const char *oci_map_get(const struct oci_map_entry *entries, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(entries[i].key, key) == 0)
			return entries[i].value;
	return NULL;
}
