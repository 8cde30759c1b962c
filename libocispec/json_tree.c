/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libocispec/json_tree.h"

#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/json.h"
#include "libocispec/json_level.h"

#define TREE_DEPTH (OJ_MAX_DEPTH + 1) /* what oj_parse() takes fits */

struct tree_builder {
	struct arena *a;
	struct oj_node *level[TREE_DEPTH];
	size_t depth;
	const char *key;
	struct oj_node *top;
	bool deep;
};

static struct oj_node *tree_member(struct oj_node *at, const char *key, enum oj_node_kind kind,
				   struct arena *a)
{
	struct oj_node *node = arena_new(a, struct oj_node);

	node->kind = kind;
	*ARENA_PUSH(a, at) = (struct oj_member){key, node};
	return node;
}

/* The node of the value that comes now. */
static struct oj_node *tree_value(struct tree_builder *b, enum oj_node_kind kind)
{
	const char *key = b->key;

	b->key = NULL;
	if (b->depth > 0)
		return tree_member(b->level[b->depth - 1], key, kind, b->a);
	b->top = arena_new(b->a, struct oj_node);
	b->top->kind = kind;
	return b->top;
}

static int tree_open(struct tree_builder *b, enum oj_node_kind kind)
{
	b->deep = b->depth == TREE_DEPTH;
	if (b->deep)
		return 0;
	struct oj_node *node = tree_value(b, kind);
	b->level[b->depth++] = node;
	return 1;
}

static int tree_null(void *b)
{
	tree_value(b, OJ_NODE_LITERAL)->text = "null";
	return 1;
}

static int tree_boolean(void *b, int value)
{
	tree_value(b, OJ_NODE_LITERAL)->text = value ? "true" : "false";
	return 1;
}

static int tree_number(void *p, const char *text, size_t len)
{
	struct tree_builder *b = p;

	tree_value(b, OJ_NODE_LITERAL)->text = arena_strndup(b->a, text, len);
	return 1;
}

static int tree_string(void *p, const unsigned char *text, size_t len)
{
	struct tree_builder *b = p;

	tree_value(b, OJ_NODE_STRING)->text = arena_strndup(b->a, (const char *)text, len);
	return 1;
}

static int tree_start_map(void *b)
{
	return tree_open(b, OJ_NODE_OBJECT);
}

static int tree_key(void *p, const unsigned char *text, size_t len)
{
	struct tree_builder *b = p;

	b->key = arena_strndup(b->a, (const char *)text, len);
	return 1;
}

static int tree_start_array(void *b)
{
	return tree_open(b, OJ_NODE_ARRAY);
}

static int tree_end(void *p)
{
	struct tree_builder *b = p;

	b->depth--;
	return 1;
}

static const yajl_callbacks tree_callbacks = {
	.yajl_null = tree_null,
	.yajl_boolean = tree_boolean,
	.yajl_number = tree_number,
	.yajl_string = tree_string,
	.yajl_start_map = tree_start_map,
	.yajl_map_key = tree_key,
	.yajl_end_map = tree_end,
	.yajl_start_array = tree_start_array,
	.yajl_end_array = tree_end,
};

int oj_tree_parse(const char *text, size_t len, struct arena *a, struct oj_node **out,
		  struct err *e)
{
	struct tree_builder b = {.a = a};
	yajl_handle h = yajl_alloc(&tree_callbacks, NULL, &b);

	if (h == NULL)
		return err_set(e, ENOMEM, "out of memory");
	yajl_status s = yajl_parse(h, (const unsigned char *)text, len);
	if (s == yajl_status_ok)
		s = yajl_complete_parse(h);
	yajl_free(h);
	if (b.deep)
		return err_set(e, EINVAL, "more than %d levels deep", TREE_DEPTH);
	if (s != yajl_status_ok || b.top == NULL)
		return err_set(e, EINVAL, "not a JSON document");
	*out = b.top;
	return 0;
}

struct oj_node *oj_tree_get(const struct oj_node *object, const char *key)
{
	for (size_t i = 0; object != NULL && object->kind == OJ_NODE_OBJECT && i < object->n; i++)
		if (strcmp(object->v[i].key, key) == 0)
			return object->v[i].node;
	return NULL;
}

struct oj_node *oj_tree_need(struct oj_node *object, const char *key, enum oj_node_kind kind,
			     struct arena *a)
{
	struct oj_node *have = oj_tree_get(object, key);

	if (have == NULL)
		return tree_member(object, arena_strdup(a, key), kind, a);
	if (have->kind != kind)
		*have = (struct oj_node){.kind = kind};
	return have;
}

struct oj_node *oj_tree_push(struct oj_node *array, enum oj_node_kind kind, struct arena *a)
{
	return tree_member(array, NULL, kind, a);
}

static struct oj_node *tree_leaf(struct oj_node *at, const char *key, enum oj_node_kind kind,
				 struct arena *a)
{
	return key == NULL ? oj_tree_push(at, kind, a) : oj_tree_need(at, key, kind, a);
}

void oj_tree_string(struct oj_node *at, const char *key, const char *value, struct arena *a)
{
	tree_leaf(at, key, OJ_NODE_STRING, a)->text = arena_strdup(a, value);
}

void oj_tree_uint(struct oj_node *at, const char *key, uint64_t value, struct arena *a)
{
	tree_leaf(at, key, OJ_NODE_LITERAL, a)->text =
		arena_printf(a, "%llu", (unsigned long long)value);
}

void oj_tree_bool(struct oj_node *at, const char *key, bool value, struct arena *a)
{
	tree_leaf(at, key, OJ_NODE_LITERAL, a)->text = value ? "true" : "false";
}

void oj_tree_drop(struct oj_node *array, size_t i)
{
	if (i >= array->n)
		return;
	array->n--;
	memmove(&array->v[i], &array->v[i + 1], (array->n - i) * sizeof(*array->v));
}

static void tree_write(struct json *j, const char *key, const struct oj_node *node)
{
	bool array = node->kind == OJ_NODE_ARRAY;

	if (node->kind == OJ_NODE_STRING) {
		json_string(j, key, node->text);
	} else if (node->kind == OJ_NODE_LITERAL) {
		json_literal(j, key, node->text);
	} else {
		json_open(j, key, array ? '[' : '{');
		for (size_t i = 0; i < node->n; i++)
			tree_write(j, node->v[i].key, node->v[i].node);
		json_close(j, array ? ']' : '}');
	}
}

const char *oj_tree_write(const struct oj_node *top, struct arena *a, size_t *out_len)
{
	struct json j = {.a = a, .style = JSON_COMPACT};

	tree_write(&j, NULL, top);
	return json_end(&j, out_len);
}
