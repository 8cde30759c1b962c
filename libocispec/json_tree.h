/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/*
 * A JSON document as it stands, for whoever changes a part of one and has to leave the rest alone:
 * what the specification does not know, the order of members, numbers of any size. All memory is
 * the arena's.
 */
enum oj_node_kind { OJ_NODE_LITERAL, OJ_NODE_STRING, OJ_NODE_ARRAY, OJ_NODE_OBJECT };

struct oj_node {
	enum oj_node_kind kind;
	const char *text; /* of a string; of a number, true, false, null as it is written */
	struct oj_member {
		const char *key; /* NULL in an array */
		struct oj_node *node;
	} * v;
	size_t n, cap;
};

/* -EINVAL: no JSON, or deeper than 64 levels. For text that oj_parse() has accepted: the other
 * limits are checked there. */
int oj_tree_parse(const char *text, size_t len, struct arena *a, struct oj_node **out,
		  struct err *e);

/* The member of an object, or NULL. */
struct oj_node *oj_tree_get(const struct oj_node *object, const char *key);

/* ... which is made, or made anew where it is of another kind (null counts as absent). */
struct oj_node *oj_tree_need(struct oj_node *object, const char *key, enum oj_node_kind kind,
			     struct arena *a);

/* A new last element of an array. */
struct oj_node *oj_tree_push(struct oj_node *array, enum oj_node_kind kind, struct arena *a);

/* Members of an object, or elements (key NULL) at an array's end. */
void oj_tree_string(struct oj_node *at, const char *key, const char *value, struct arena *a);
void oj_tree_uint(struct oj_node *at, const char *key, uint64_t value, struct arena *a);
void oj_tree_bool(struct oj_node *at, const char *key, bool value, struct arena *a);

/* Takes element i out of an array. */
void oj_tree_drop(struct oj_node *array, size_t i);

/* Compact, with a line break at the end. */
const char *oj_tree_write(const struct oj_node *top, struct arena *a, size_t *out_len);
