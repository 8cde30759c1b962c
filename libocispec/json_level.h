/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "libocispec/json.h"

/* The decoder's state: json.c moves it, json_level.c tells where it is. */
#define OJ_MAX_DEPTH 64

/* What a level of nesting is filling. */
enum oj_level_kind {
	OJ_LEVEL_OBJECT,
	OJ_LEVEL_LIST,
	OJ_LEVEL_MAP,
	OJ_LEVEL_OBJMAP,
	OJ_LEVEL_IGNORED
};

struct oj_level {
	enum oj_level_kind kind;
	const struct oj_field
		*list; /* of LIST, MAP, OBJMAP: the property being filled; NULL: a bare array */
	const struct oj_object *type; /* of OBJECT, and of the elements of LIST and OBJMAP */
	const struct oj_field *fields,
		*now; /* of OBJECT: its table, the property whose value comes next */
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
};

/* Sets the one error of the document, the path of the value that comes next (and `extra`, a further
 * key, unless NULL) before it. Returns 0, which yajl takes for "stop". */
int oj_refuse(struct oj_parser *p, const char *extra, const char *fmt, ...) PRINTF(3, 4);

/* The refusal of a value of the wrong type: "expected an integer, got true". Returns 0. */
int oj_wrong(struct oj_parser *p, const char *got);

/* "linux.namespaces[2].type" for the value that comes next, with `extra` as a further key. */
void oj_path(const struct oj_parser *p, const char *extra, char *out, size_t size);
