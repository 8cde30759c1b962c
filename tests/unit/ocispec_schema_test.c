/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables against the official JSON schemas of the runtime specification, which are test data
 * found at OCI_SCHEMA_DIR and no part of this tree: every common and Linux property has to be
 * known, with the same type, bounds and requirement, and nothing of ours may be unknown to them.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

#include "base/io.h"
#include "libocispec/oci.h"

/* A schema file, by name; $ref names them. */
struct file {
	const char *name;
	yajl_val tree;
};
static struct file files[8];

/* A place in the schemas. */
struct node {
	const struct file *file;
	yajl_val v;
};

static size_t compared;

/* Other platforms' parts. */
static const char *const elsewhere[] = {"solaris", "windows", "vm",
					"zos",	   "freebsd", "process.commandLine"};

/* Where the tables differ on purpose. `what` is the keyword. */
static const struct {
	const char *path, *what;
} on_purpose[] = {
	{"linux.devices[].fileMode", "maximum"},    /* callers add the file type and set-id bits */
	{"linux.resources.pids.limit", "required"}, /* optional in the Go types of 1.3 */
	{"pid", "maximum"}, /* of a state: the schema gives none, a pid_t has one */
	/* described by features-linux.md or the Go types, not in the schema files yet */
	{"linux.intelRdt.schemata", "properties"},
	{"linux.intelRdt.monitoring", "properties"},
	{"linux.memoryPolicy", "properties"},
};

static bool differs_on_purpose(const char *path, const char *what)
{
	for (size_t i = 0; i < sizeof(on_purpose) / sizeof(on_purpose[0]); i++)
		if (strcmp(on_purpose[i].path, path) == 0 && strcmp(on_purpose[i].what, what) == 0)
			return true;
	return false;
}

static bool is_elsewhere(const char *path)
{
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (strcmp(elsewhere[i], path) == 0)
			return true;
	return false;
}

static const char *schema_dir(void)
{
	const char *dir = getenv("OCI_SCHEMA_DIR");

	return dir != NULL ? dir : TOP_SRCDIR "/../shared/oci-schema";
}

static const struct file *load(const char *name)
{
	static struct arena a;
	char path[512], why[256];
	char *text = NULL;
	size_t i = 0;

	for (; files[i].name != NULL; i++)
		if (strcmp(files[i].name, name) == 0)
			return &files[i];
	cr_assert_lt(i + 1, sizeof(files) / sizeof(files[0]));
	(void)snprintf(path, sizeof(path), "%s/%s", schema_dir(), name);
	cr_assert_eq(io_read_file(AT_FDCWD, path, 1 << 20, &a, &text, NULL), 0, "%s", path);
	files[i].name = arena_strdup(&a, name);
	files[i].tree = yajl_tree_parse(text, why, sizeof(why));
	cr_assert_not_null(files[i].tree, "%s: %s", name, why);
	return &files[i];
}

static yajl_val get(yajl_val object, const char *key)
{
	for (size_t i = 0; YAJL_IS_OBJECT(object) && i < object->u.object.len; i++)
		if (strcmp(object->u.object.keys[i], key) == 0)
			return object->u.object.values[i];
	return NULL;
}

static void check_keywords(yajl_val v, const char *path)
{
	static const char *const known[] = {
		"type",
		"properties",
		"items",
		"$ref",
		"required",
		"enum",
		"minimum",
		"maximum",
		"pattern",
		"minItems",
		"anyOf",
		"allOf",
		"patternProperties",
		"additionalProperties",
		"description",
		"$schema",
		NULL,
	};

	for (size_t i = 0; i < v->u.object.len; i++) {
		size_t k = 0;
		while (known[k] != NULL && strcmp(known[k], v->u.object.keys[i]) != 0)
			k++;
		cr_assert_not_null(known[k], "%s: unknown schema keyword '%s'", path,
				   v->u.object.keys[i]);
	}
}

/* Follows $ref ("FILE#/a/b", "#/a/b") and an anyOf of one until there is neither. */
static struct node resolve(struct node at, const char *path)
{
	for (int hops = 0; hops < 16; hops++) {
		cr_assert(YAJL_IS_OBJECT(at.v), "%s", path);
		check_keywords(at.v, path);
		yajl_val ref = get(at.v, "$ref"), any = get(at.v, "anyOf");
		if (any != NULL) {
			cr_assert_eq(any->u.array.len, 1, "%s: anyOf with a choice", path);
			at.v = any->u.array.values[0];
			continue;
		}
		if (ref == NULL)
			return at;
		char text[256], *rest = NULL;
		(void)snprintf(text, sizeof(text), "%s", YAJL_GET_STRING(ref));
		char *pointer = strchr(text, '#');
		cr_assert_not_null(pointer, "%s: %s", path, text);
		*pointer++ = '\0';
		if (text[0] != '\0')
			at.file = load(text);
		at.v = at.file->tree;
		for (char *key = strtok_r(pointer, "/", &rest); key != NULL;
		     key = strtok_r(NULL, "/", &rest))
			at.v = get(at.v, key);
		cr_assert_not_null(at.v, "%s: %s", path, YAJL_GET_STRING(ref));
	}
	cr_assert_fail("%s: $ref in a circle", path);
	return at;
}

static bool in_list(yajl_val list, const char *s)
{
	for (size_t i = 0; list != NULL && i < list->u.array.len; i++)
		if (strcmp(list->u.array.values[i]->u.string, s) == 0)
			return true;
	return false;
}

static void check_enum(yajl_val list, const struct oj_enum *names, const char *path)
{
	cr_assert_not_null(list, "%s: an enumeration of ours, not of the schema", path);
	for (size_t i = 1; i < names->n; i++)
		cr_assert(in_list(list, names->names[i]), "%s: our '%s' is not in the schema", path,
			  names->names[i]);
	cr_assert_eq(list->u.array.len, names->n - 1, "%s: values are missing", path);
}

/* The text of a number, or what it is without one. */
static const char *number_or(yajl_val v, const char *otherwise)
{
	return v != NULL && YAJL_IS_NUMBER(v) ? v->u.number.r : otherwise;
}

static void check_integer(yajl_val v, const struct oj_field *f, bool is_signed, const char *path)
{
	char low[32] = "0", high[32];
	const char *min = number_or(get(v, "minimum"), "-9223372036854775808");
	const char *max = number_or(get(v, "maximum"), "9223372036854775807");

	if (is_signed)
		(void)snprintf(low, sizeof(low), "%lld", (long long)f->min);
	(void)snprintf(high, sizeof(high), "%llu", (unsigned long long)f->max);
	cr_assert(strcmp(low, min) == 0 || differs_on_purpose(path, "minimum"),
		  "%s: minimum %s, ours %s", path, min, low);
	cr_assert(strcmp(high, max) == 0 || differs_on_purpose(path, "maximum"),
		  "%s: maximum %s, ours %s", path, max, high);
}

static void check_object(struct node at, const struct oj_object *o, const char *path);

static void check_items(struct node at, const struct oj_field *f, const char *path)
{
	char item[300];
	yajl_val few = get(at.v, "minItems");

	(void)snprintf(item, sizeof(item), "%s[]", path);
	cr_assert_eq(f->min_items, atoi(number_or(few, "0")), "%s: minItems", path);
	cr_assert_not_null(get(at.v, "items"), "%s", path);
	struct node items = resolve((struct node){at.file, get(at.v, "items")}, item);
	yajl_val type = get(items.v, "type");
	const char *name = type != NULL ? YAJL_GET_STRING(type) : "object";
	if (strcmp(name, "string") == 0 && f->kind == OJ_KIND_ENUMS)
		check_enum(get(items.v, "enum"), f->of.names, item);
	else if (strcmp(name, "string") == 0)
		cr_assert_eq(f->kind, OJ_KIND_STRINGS, "%s: strings", path);
	else if (strcmp(name, "integer") == 0 && f->kind == OJ_KIND_U64S)
		check_integer(items.v, f, false, item);
	else if (strcmp(name, "object") == 0 && f->kind == OJ_KIND_OBJECTS)
		check_object(items, f->of.object, item);
	else
		cr_assert_fail("%s: items of type %s", path, name);
}

/* An object with fixed properties, a map of strings, or a map of objects (also one whose keys are
 * fixed). */
static void check_map(struct node at, const struct oj_field *f, const char *path)
{
	yajl_val more = get(at.v, "additionalProperties"),
		 by_pattern = get(at.v, "patternProperties");
	yajl_val fixed = get(at.v, "properties");
	char inside[300];

	(void)snprintf(inside, sizeof(inside), "%s.*", path);
	if (by_pattern != NULL) {
		cr_assert_eq(by_pattern->u.object.len, 1, "%s", path);
		struct node value =
			resolve((struct node){at.file, by_pattern->u.object.values[0]}, inside);
		cr_assert_str_eq(YAJL_GET_STRING(get(value.v, "type")), "string", "%s", path);
		cr_assert_eq(f->kind, OJ_KIND_MAP, "%s: a map of strings", path);
	} else if (more != NULL) {
		cr_assert_eq(f->kind, OJ_KIND_OBJMAP, "%s: a map of objects", path);
		check_object(resolve((struct node){at.file, more}, inside), f->of.object, inside);
	} else if (f->kind == OJ_KIND_OBJMAP) {
		cr_assert_not_null(fixed, "%s", path);
		for (size_t i = 0; i < fixed->u.object.len; i++)
			check_object(
				resolve((struct node){at.file, fixed->u.object.values[i]}, inside),
				f->of.object, inside);
	} else {
		cr_assert_eq(f->kind, OJ_KIND_OBJECT, "%s: an object", path);
		check_object(at, f->of.object, path);
	}
}

static void check_field(struct node at, const struct oj_field *f, const char *path)
{
	at = resolve(at, path);
	compared++;
	yajl_val type = get(at.v, "type");
	const char *name = type != NULL ? YAJL_GET_STRING(type) : "object";
	if (strcmp(name, "string") == 0 && f->kind == OJ_KIND_ENUM)
		check_enum(get(at.v, "enum"), f->of.names, path);
	else if (strcmp(name, "string") == 0)
		cr_assert_eq(f->kind, OJ_KIND_STRING, "%s: a string", path);
	else if (strcmp(name, "boolean") == 0)
		cr_assert_eq(f->kind, OJ_KIND_BOOL, "%s: a boolean", path);
	else if (strcmp(name, "integer") == 0 && (f->kind == OJ_KIND_I64 || f->kind == OJ_KIND_U64))
		check_integer(at.v, f, f->kind == OJ_KIND_I64, path);
	else if (strcmp(name, "array") == 0)
		check_items(at, f, path);
	else if (strcmp(name, "object") == 0)
		check_map(at, f, path);
	else
		cr_assert_fail("%s: of type %s", path, name);
}

static const struct oj_field *find(const struct oj_object *o, const char *key, size_t *index)
{
	size_t n;
	const struct oj_field *f = o->fields(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(f[i].key, key) == 0) {
			*index = i;
			return &f[i];
		}
	return NULL;
}

static void child_path(char out[300], const char *path, const char *key)
{
	(void)snprintf(out, 300, "%s%s%s", path, path[0] != '\0' ? "." : "", key);
}

/* The properties that one schema object gives, itself and by allOf; a bit of *seen and *required
 * each. */
static void check_properties(struct node at, const struct oj_object *o, const char *path,
			     uint64_t *seen, uint64_t *required)
{
	yajl_val own = get(at.v, "properties"), all = get(at.v, "allOf"),
		 need = get(at.v, "required");
	char inside[300];
	size_t index = 0;

	for (size_t i = 0; all != NULL && i < all->u.array.len; i++)
		check_properties(resolve((struct node){at.file, all->u.array.values[i]}, path), o,
				 path, seen, required);
	for (size_t i = 0; need != NULL && i < need->u.array.len; i++) {
		const char *key = YAJL_GET_STRING(need->u.array.values[i]);
		cr_assert_not_null(find(o, key, &index), "%s: required '%s' is unknown", path, key);
		*required |= UINT64_C(1) << index;
	}
	for (size_t i = 0; own != NULL && i < own->u.object.len; i++) {
		const char *key = own->u.object.keys[i];
		child_path(inside, path, key);
		if (is_elsewhere(inside))
			continue;
		const struct oj_field *f = find(o, key, &index);
		cr_assert_not_null(f, "%s: unknown to us", inside);
		*seen |= UINT64_C(1) << index;
		check_field((struct node){at.file, own->u.object.values[i]}, f, inside);
	}
}

static void check_object(struct node at, const struct oj_object *o, const char *path)
{
	uint64_t seen = 0, required = 0;
	char inside[300];
	size_t n;
	const struct oj_field *f = o->fields(&n);

	check_properties(at, o, path, &seen, &required);
	for (size_t i = 0; i < n; i++) {
		child_path(inside, path, f[i].key);
		cr_assert((seen >> i & 1) != 0 || differs_on_purpose(inside, "properties"),
			  "%s: unknown to the schema", inside);
		cr_assert((required >> i & 1) == f[i].required ||
				  differs_on_purpose(inside, "required"),
			  "%s: required or not", inside);
	}
}

static void check_schema(const char *name, const struct oj_object *o, size_t at_least)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", schema_dir(), name);
	if (access(path, R_OK) != 0)
		cr_skip_test("no official schema at %s (OCI_SCHEMA_DIR)", path);
	const struct file *f = load(name);
	compared = 0;
	check_object(resolve((struct node){f, f->tree}, name), o, "");
	cr_assert_geq(compared, at_least, "only %zu properties compared", compared);
}

Test(ocispec_schema, config_is_the_official_one)
{
	check_schema("config-schema.json", &oci_config_object, 170);
}

Test(ocispec_schema, state_is_the_official_one)
{
	check_schema("state-schema.json", &oci_state_object, 6);
}

Test(ocispec_schema, features_are_the_official_ones)
{
	check_schema("features-schema.json", &oci_features_object, 30);
}
