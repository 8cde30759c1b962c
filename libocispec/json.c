/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libocispec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/log.h"
#include "libocispec/json_level.h"
#include "libocispec/json_text.h"

/* Far beyond any honest document; every one of them bounds memory or time. */
#define OJ_MAX_BYTES ((size_t)16 << 20)
#define OJ_MAX_STRING ((size_t)1 << 20)
#define OJ_MAX_ITEMS 100000
#define OJ_MAX_NODES 1000000

/* ---- values ---- */

/* Where the coming value goes: 1: kind and place are set; 0: ignored; -1: refused. */
static int oj_place(struct oj_parser *p, const struct oj_field **f, char **member)
{
	if (++p->nodes > OJ_MAX_NODES) {
		(void)oj_refuse(p, NULL, "more than %d values in the document", OJ_MAX_NODES);
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
		(void)oj_refuse(p, NULL, "too many items, at most %d are allowed", OJ_MAX_ITEMS);
		return -1;
	}
	if (l->n == l->cap || l->items == NULL) {
		l->items = l->items == NULL
				   ? arena_array(p->a, l->cap = 8, l->item_size)
				   : arena_grow(p->a, l->items, l->n, &l->cap, l->item_size);
	}
	*f = l->list;
	*member = l->items + l->n * l->item_size;
	return 1;
}

/* The value is stored: the next one of a list goes behind it. */
static int oj_stored(struct oj_parser *p)
{
	struct oj_level *l = &p->level[p->depth - 1];

	l->key = NULL;
	l->now = NULL;
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
		return oj_refuse(p, NULL, "must be from %lld to %lld, got %s", (long long)f->min,
				 (long long)(int64_t)f->max, text);
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
	/* cut, it stays as long as no integer of 64 bits is */
	(void)snprintf(text, sizeof(text), "%.*s", (int)(len < 60 ? len : 60), s);
	if (p->depth > 0 && oj_takes(p, OJ_KIND_I64, OJ_KIND_I64))
		return oj_signed(p, f, text, member);
	if (p->depth == 0 || !oj_takes(p, OJ_KIND_U64, OJ_KIND_U64S))
		return oj_wrong(p, "a number");
	r = num_u64(text, f->max, &v);
	if (r == -ERANGE || (r < 0 && text[0] == '-' && text[1] != '0' &&
			     num_u64(text + 1, UINT64_MAX, &v) != -EINVAL))
		return oj_refuse(p, NULL, "must be from 0 to %llu, got %s",
				 (unsigned long long)f->max, text);
	if (r < 0)
		return oj_wrong(p, text);
	if (f->kind == OJ_KIND_U64S)
		*(uint64_t *)(void *)member = v;
	else
		*(struct opt_u64 *)(void *)member = (struct opt_u64){true, v};
	return oj_stored(p);
}

/* The names of an enumeration for a message, "" when they are too many for one. */
static void oj_enum_known(const struct oj_enum *names, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 1; i < names->n && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s",
				      i > 1 ? ", " : ", known: ", names->names[i]);
	if (n >= size)
		out[0] = '\0';
}

static int oj_enum_value(struct oj_parser *p, const struct oj_field *f, const char *s, size_t len,
			 int *out)
{
	char shown[72], known[200];

	for (size_t i = 1; i < f->of.names->n; i++) {
		const char *name = f->of.names->names[i];
		if (strncmp(name, s, len) == 0 && name[len] == '\0') {
			*out = (int)i;
			return oj_stored(p);
		}
	}
	oj_text_show(shown, sizeof(shown), s, len);
	oj_enum_known(f->of.names, known, sizeof(known));
	return oj_refuse(p, NULL, "unknown value \"%s\"%s", shown, known);
}

/* Limits that hold for every string and key, also where it is ignored. 1 or 0, as yajl wants it. */
static int oj_string_limits(struct oj_parser *p, const unsigned char *s, size_t len,
			    const char *what)
{
	if (len > OJ_MAX_STRING)
		return oj_refuse(p, NULL, "%sstring longer than 1 MiB", what);
	if (memchr(s, '\0', len) != NULL)
		return oj_refuse(p, NULL, "%smust not contain a NUL byte", what);
	return 1;
}

static int oj_string(void *ctx, const unsigned char *s, size_t len)
{
	struct oj_parser *p = ctx;
	const struct oj_field *f = NULL;
	char *member, inside[72], shown[80];
	int r = oj_place(p, &f, &member);

	if (r < 0 || oj_string_limits(p, s, len, "") == 0)
		return 0;
	if (r == 0)
		return 1;
	bool text = p->depth > 0 && (oj_takes(p, OJ_KIND_STRING, OJ_KIND_STRINGS) ||
				     p->level[p->depth - 1].kind == OJ_LEVEL_MAP);
	if (text) {
		const struct oj_level *l = &p->level[p->depth - 1];
		const char *copy = arena_strndup(p->a, (const char *)s, len);
		if (l->kind == OJ_LEVEL_MAP)
			*(struct oci_map_entry *)(void *)member =
				(struct oci_map_entry){l->key, copy};
		else
			*(const char **)(void *)member = copy;
		return oj_stored(p);
	}
	if (p->depth > 0 && oj_takes(p, OJ_KIND_ENUM, OJ_KIND_ENUMS))
		return oj_enum_value(p, f, (const char *)s, len, (int *)(void *)member);
	oj_text_show(inside, sizeof(inside), (const char *)s, len);
	(void)snprintf(shown, sizeof(shown), "\"%s\"", inside);
	return oj_wrong(p, shown);
}

/* ---- nesting ---- */

static struct oj_level *oj_push(struct oj_parser *p, enum oj_level_kind kind)
{
	if (p->depth >= OJ_MAX_DEPTH) {
		(void)oj_refuse(p, NULL, "nesting deeper than %d levels", OJ_MAX_DEPTH);
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

/* Bytes of one item of a list or map, 0 for what is neither. */
static size_t oj_item_size(const struct oj_field *f)
{
	static const size_t sizes[] = {
		[OJ_KIND_STRINGS] = sizeof(const char *),
		[OJ_KIND_U64S] = sizeof(uint64_t),
		[OJ_KIND_ENUMS] = sizeof(int),
		[OJ_KIND_MAP] = sizeof(struct oci_map_entry),
		[OJ_KIND_OBJMAP] = 0,
	};

	if (f->kind == OJ_KIND_OBJECTS || f->kind == OJ_KIND_OBJMAP)
		return f->of.object->size;
	return sizes[f->kind];
}

static int oj_push_list(struct oj_parser *p, enum oj_level_kind kind, const struct oj_field *f,
			char *owner)
{
	struct oj_level *l = oj_push(p, kind);

	if (l == NULL)
		return 0;
	l->list = f;
	l->self = owner;
	if (f == NULL)
		l->type = p->top;
	else if (f->kind == OJ_KIND_OBJECTS || f->kind == OJ_KIND_OBJMAP)
		l->type = f->of.object;
	l->item_size = l->type != NULL ? l->type->size : oj_item_size(f);
	return 1;
}

/* An object as the value of a property. */
static int oj_start_member(struct oj_parser *p, const struct oj_field *f, char *member)
{
	char *owner = p->level[p->depth - 1].self;

	if (f->kind == OJ_KIND_MAP)
		return oj_push_list(p, OJ_LEVEL_MAP, f, owner);
	if (f->kind == OJ_KIND_OBJMAP)
		return oj_push_list(p, OJ_LEVEL_OBJMAP, f, owner);
	if (f->kind != OJ_KIND_OBJECT)
		return oj_wrong(p, "an object");
	char *self = arena_alloc(p->a, f->of.object->size);
	*(void **)(void *)member = self;
	return oj_push_object(p, f->of.object, self);
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
	if (l->kind == OJ_LEVEL_OBJECT)
		return oj_start_member(p, f, member);
	if (l->type == NULL)
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
		return p->top_is_array ? oj_push_list(p, OJ_LEVEL_LIST, NULL, NULL)
				       : oj_wrong(p, "an array");
	struct oj_level *l = &p->level[p->depth - 1];
	if (l->kind != OJ_LEVEL_OBJECT || oj_item_size(f) == 0 || f->kind == OJ_KIND_MAP ||
	    f->kind == OJ_KIND_OBJMAP)
		return oj_wrong(p, "an array");
	return oj_push_list(p, OJ_LEVEL_LIST, f, l->self);
}

static int oj_map_key(void *ctx, const unsigned char *s, size_t len)
{
	struct oj_parser *p = ctx;
	struct oj_level *l = &p->level[p->depth - 1];

	if (oj_string_limits(p, s, len, "key: ") == 0)
		return 0;
	if (l->kind == OJ_LEVEL_IGNORED)
		return 1;
	l->key = NULL;
	l->now = NULL;
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
	log_debug("%s: unknown property, ignored", path);
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
		return oj_refuse(p, NULL, "required property '%s' is missing", l->fields[i].key);
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
		return oj_refuse(p, NULL, "at least %u item is needed", l->list->min_items);
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

static int oj_syntax(struct oj_parser *p, const char *text, size_t len, size_t at, const char *why,
		     size_t why_len)
{
	size_t line, column;

	oj_text_place(text, len, at, &line, &column);
	(void)oj_refuse(p, NULL, "line %zu, column %zu (byte %zu): %.*s", line, column, at,
			(int)why_len, why);
	return -EINVAL;
}

/* Feeds the text to yajl; its own words ("lexical error: ...") are one line with a final newline.
 */
static int oj_tokens(struct oj_parser *p, const char *text, size_t len)
{
	yajl_handle h = yajl_alloc(&oj_callbacks, NULL, p);

	if (h == NULL)
		return err_set(p->e, ENOMEM, "out of memory");
	(void)yajl_config(h, yajl_dont_validate_strings, 1); /* oj_text_check() is stricter */
	size_t at = len;
	yajl_status s = yajl_parse(h, (const unsigned char *)text, len);
	if (s != yajl_status_ok)
		at = yajl_get_bytes_consumed(h);
	else
		s = yajl_complete_parse(h);
	int r = 0;
	if (s != yajl_status_ok && p->e->code != 0) {
		r = -p->e->code;
	} else if (s != yajl_status_ok) {
		unsigned char *why = yajl_get_error(h, 0, (const unsigned char *)text, len);
		r = oj_syntax(p, text, len, at, (const char *)why,
			      strcspn((const char *)why, "\n"));
		yajl_free_error(h, why);
	}
	yajl_free(h);
	return r;
}

static int oj_run(struct oj_parser *p, const char *text, size_t len)
{
	size_t at = 0;

	if (len > OJ_MAX_BYTES)
		return err_set(p->e, EFBIG, "larger than 16 MiB");
	while (at < len && memchr(" \t\r\n", text[at], 4) != NULL)
		at++;
	if (at == len)
		return err_set(p->e, EINVAL, "top level must be an %s, the document is empty",
			       p->top_is_array ? "array" : "object");
	const char *why = oj_text_check(text, len, &at);
	if (why != NULL)
		return oj_syntax(p, text, len, at, why, strlen(why));
	p->e->code = 0;
	return oj_tokens(p, text, len);
}

int oj_parse(const struct oj_object *type, const char *text, size_t len, struct arena *a,
	     void **out, struct err *e)
{
	struct err own;
	struct oj_parser p = {.a = a, .e = e != NULL ? e : &own, .top = type};
	int r = oj_run(&p, text, len);

	if (r == 0)
		*out = p.result;
	return r;
}

int oj_parse_array(const struct oj_object *type, const char *text, size_t len, struct arena *a,
		   void **out, size_t *n_out, struct err *e)
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
