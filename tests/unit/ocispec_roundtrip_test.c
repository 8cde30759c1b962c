/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Documents read, written and read again. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "base/io.h"
#include "libocispec/oci.h"

static char *read_text(struct arena *a, const char *dir, const char *name, size_t *len)
{
	char *text = NULL, *path = arena_printf(a, "%s/%s", dir, name);

	cr_assert_eq(io_read_file(AT_FDCWD, path, 1 << 20, a, &text, len), 0, "%s", path);
	return text;
}

static yajl_val tree_get(yajl_val object, const char *key)
{
	for (size_t i = 0; i < object->u.object.len; i++)
		if (strcmp(object->u.object.keys[i], key) == 0)
			return object->u.object.values[i];
	return NULL;
}

/* Whether all of x is in y: arrays in order, objects in any. */
static bool tree_within(yajl_val x, yajl_val y)
{
	if (y == NULL || x->type != y->type)
		return false;
	if (YAJL_IS_STRING(x))
		return strcmp(x->u.string, y->u.string) == 0;
	if (YAJL_IS_NUMBER(x))
		return strcmp(YAJL_GET_NUMBER(x), YAJL_GET_NUMBER(y)) == 0;
	if (YAJL_IS_ARRAY(x)) {
		for (size_t i = 0; i < x->u.array.len && i < y->u.array.len; i++)
			if (!tree_within(x->u.array.values[i], y->u.array.values[i]))
				return false;
		return x->u.array.len == y->u.array.len;
	}
	if (YAJL_IS_OBJECT(x))
		for (size_t i = 0; i < x->u.object.len; i++)
			if (!tree_within(x->u.object.values[i], tree_get(y, x->u.object.keys[i])))
				return false;
	return true;
}

/* write(parse(text)) is within text, and all of it when `whole`; and it is a fixed point. */
static void *check_document(const struct oj_object *type, const char *name, const char *text,
			    size_t len, bool whole, struct arena *a)
{
	static const enum oci_style styles[] = {OCI_COMPACT, OCI_PRETTY};
	char why[256];
	struct err e = {0};
	void *x = NULL;

	cr_assert_eq(oj_parse(type, text, len, a, &x, &e), 0, "%s: %s", name, e.text);
	yajl_val original = yajl_tree_parse(text, why, sizeof(why));
	cr_assert_not_null(original, "%s: %s", name, why);
	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		const char *once, *twice;
		size_t n;
		void *again = NULL;

		cr_assert_eq(oj_write(type, x, styles[i], a, &once, &n), 0, "%s", name);
		cr_assert_eq(strlen(once), n);
		yajl_val written = yajl_tree_parse(once, why, sizeof(why));
		cr_assert_not_null(written, "%s: %s", name, why);
		cr_assert(tree_within(written, original), "%s: changed to %s", name, once);
		cr_assert(!whole || tree_within(original, written), "%s: lost some, left %s", name,
			  once);
		yajl_tree_free(written);
		cr_assert_eq(oj_parse(type, once, n, a, &again, &e), 0, "%s: %s", name, e.text);
		cr_assert_eq(oj_write(type, again, styles[i], a, &twice, NULL), 0);
		cr_assert_str_eq(once, twice, "%s", name);
	}
	yajl_tree_free(original);
	return x;
}

/* Each property is there, looking at the first item of an array and the first entry of a map. */
static void check_full(const struct oj_object *type, const char *self)
{
	size_t n;
	const struct oj_field *f = type->fields(&n);

	for (size_t i = 0; i < n; i++) {
		const char *m = self + f[i].offset;
		bool there, number = f[i].kind == OJ_KIND_I64 || f[i].kind == OJ_KIND_U64;

		if (number || f[i].kind == OJ_KIND_BOOL)
			there = *(const bool *)m; /* `set` comes first in each */
		else if (f[i].kind == OJ_KIND_ENUM)
			there = *(const int *)(const void *)m != 0;
		else
			there = *(const void *const *)(const void *)m != NULL;
		cr_assert(there, "%s.%s is not in the golden document", type->name, f[i].key);
		if (f[i].kind == OJ_KIND_OBJECT || f[i].kind == OJ_KIND_OBJECTS ||
		    f[i].kind == OJ_KIND_OBJMAP)
			check_full(f[i].of.object, *(const char *const *)(const void *)m);
	}
}

static const struct {
	const char *name;
	const struct oj_object *type;
} documents[] = {
	{"config.json", &oci_config_object},
	{"process.json", &oci_process_object},
	{"resources.json", &oci_resources_object},
	{"state.json", &oci_state_object},
	{"features.json", &oci_features_object},
	{"seccomp-state.json", &oci_container_process_state_object},
};

Test(ocispec_roundtrip, keeps_every_property_of_the_golden_documents)
{
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		autoarena struct arena a = {NULL};
		size_t len;
		char *text =
			read_text(&a, TOP_SRCDIR "/tests/golden/spec", documents[i].name, &len);
		void *x = check_document(documents[i].type, documents[i].name, text, len, true, &a);

		check_full(documents[i].type, x);
	}
}

static const char *schema_dir(void)
{
	const char *dir = getenv("OCI_SCHEMA_DIR");

	return dir != NULL ? dir : TOP_SRCDIR "/../shared/oci-schema";
}

/* Reads every example of a folder of the official ones; a negative answer is wanted from the bad.
 */
static size_t check_folder(const struct oj_object *type, const char *kind, bool good)
{
	autoarena struct arena a = {NULL};
	const char *dir =
		arena_printf(&a, "%s/test/%s/%s", schema_dir(), kind, good ? "good" : "bad");
	DIR *d = opendir(dir);
	size_t n = 0;

	if (d == NULL)
		cr_skip_test("no official examples at %s (OCI_SCHEMA_DIR)", dir);
	for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
		if (strstr(entry->d_name, ".json") == NULL)
			continue;
		size_t len;
		char *text = read_text(&a, dir, entry->d_name, &len);
		void *x;
		struct err e = {0};
		n++;
		if (good)
			(void)check_document(type, entry->d_name, text, len, false, &a);
		else if (strcmp(entry->d_name, "linux-hugepage.json") == 0)
			/* bad by a pattern: what a string may say is not the decoder's to judge */
			cr_assert_eq(oj_parse(type, text, len, &a, &x, &e), 0, "%s", e.text);
		else
			cr_assert_lt(oj_parse(type, text, len, &a, &x, &e), 0, "%s: taken",
				     entry->d_name);
	}
	(void)closedir(d);
	return n;
}

Test(ocispec_roundtrip, reads_the_official_examples)
{
	cr_assert_gt(check_folder(&oci_config_object, "config", true), 0);
	cr_assert_gt(check_folder(&oci_state_object, "state", true), 0);
	cr_assert_gt(check_folder(&oci_features_object, "features", true), 0);
}

Test(ocispec_roundtrip, refuses_the_official_bad_examples)
{
	cr_assert_gt(check_folder(&oci_config_object, "config", false), 0);
	cr_assert_gt(check_folder(&oci_state_object, "state", false), 0);
	cr_assert_gt(check_folder(&oci_features_object, "features", false), 0);
}
