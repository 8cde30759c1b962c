/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/num.h"

/*
 * JSON documents to C structs and back, driven by constant tables. A document's shape is described
 * once, in a .def file (see libocispec/oci.def); libocispec/json_expand.h turns it into structs and
 * tables.
 */

/* What a table row describes, and the member it fills. */
enum oj_kind {
	OJ_KIND_STRING,	 /* const char *m; NULL: absent */
	OJ_KIND_BOOL,	 /* struct opt_bool m */
	OJ_KIND_I64,	 /* struct opt_i64 m */
	OJ_KIND_U64,	 /* struct opt_u64 m */
	OJ_KIND_ENUM,	 /* an enum m; 0: absent */
	OJ_KIND_OBJECT,	 /* struct x *m; NULL: absent */
	OJ_KIND_STRINGS, /* const char **m; size_t n_m; m is NULL only when absent, as in all below
			  */
	OJ_KIND_U64S,	 /* uint64_t *m; size_t n_m */
	OJ_KIND_ENUMS,	 /* an enum *m; size_t n_m */
	OJ_KIND_OBJECTS, /* struct x *m; size_t n_m */
	OJ_KIND_MAP,	 /* struct oci_map_entry *m; size_t n_m; in the document's order */
	OJ_KIND_OBJMAP,	 /* struct x *m; size_t n_m; x starts with `const char *key` */
};

/* One entry of a string to string map (annotations, sysctl, unified). */
struct oci_map_entry {
	const char *key, *value;
};

/* Names of an enumeration; names[0] is NULL, 0 means absent. */
struct oj_enum {
	const char *const *names;
	size_t n;
};

struct oj_object;

/* One property. */
struct oj_field {
	const char *key;
	uint8_t key_len;
	uint8_t kind; /* enum oj_kind */
	bool required;
	uint8_t min_items; /* of an array */
	uint16_t offset;   /* of the member, in its struct */
	uint16_t n_offset; /* of its count, for arrays and maps */
	union {
		const struct oj_object *object;
		const struct oj_enum *names;
	} of;
	int64_t min;
	uint64_t max;
};

/* One object: its properties, at most 64 of them. */
struct oj_object {
	const char *name;			     /* of the struct */
	size_t size;				     /* of the struct */
	const struct oj_field *(*fields)(size_t *n); /* its table */
	bool allow_unknown; /* unknown properties: ignored and logged at debug level, or an error */
};

enum oci_style { OCI_COMPACT, OCI_PRETTY };

/*
 * Reads the one object that text must hold into a struct in the arena. -EINVAL with one line that
 * starts with the JSON path for anything else: wrong types, missing or repeated properties, numbers
 * out of their bounds, bad UTF-8, syntax errors (with line and column), and documents beyond the
 * limits of json.c. null is the same as absence for an optional property. *out is set only on
 * success.
 */
int oj_parse(const struct oj_object *type, const char *text, size_t len, struct arena *a,
	     void **out, struct err *e);

/* As oj_parse(), for a bare array of objects; *n_out elements of type->size bytes each. */
int oj_parse_array(const struct oj_object *type, const char *text, size_t len, struct arena *a,
		   void **out, size_t *n_out, struct err *e);

/* Writes x as JSON into the arena, NUL-terminated; absent members are left out. OCI_PRETTY indents
 * by two spaces and ends with a newline. -EILSEQ when a string is not UTF-8; out_len may be NULL.
 */
int oj_write(const struct oj_object *type, const void *x, enum oci_style style, struct arena *a,
	     const char **out, size_t *out_len);

/* The value of a map's key, or NULL. */
const char *oci_map_get(const struct oci_map_entry *entries, size_t n, const char *key);
