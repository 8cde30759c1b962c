/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every property of every document takes and refuses, generated from the tables: a document
 * that holds nothing but the required properties and one value on the way to the property in
 * question.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "libocispec/oci.h"

#define DEPTH 12

/* The way from a document's root to a property. */
struct way {
	const struct oj_object *object[DEPTH];
	const struct oj_field *field[DEPTH];
	size_t n;
	size_t checked;
};

struct text {
	char v[8192];
	size_t n;
};

PRINTF(2, 3) static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->n += (size_t)vsnprintf(t->v + t->n, sizeof(t->v) - t->n, fmt, ap);
	va_end(ap);
	cr_assert_lt(t->n, sizeof(t->v));
}

static void add_least(struct text *t, const struct oj_object *o, const struct oj_field *but);

/* The smallest value that the property takes. */
static void add_value(struct text *t, const struct oj_field *f)
{
	switch ((enum oj_kind)f->kind) {
	case OJ_KIND_STRING:
		add(t, "\"x\"");
		break;
	case OJ_KIND_BOOL:
		add(t, "true");
		break;
	case OJ_KIND_I64:
	case OJ_KIND_U64:
		add(t, "17");
		break;
	case OJ_KIND_ENUM:
		add(t, "\"%s\"", f->of.names->names[1]);
		break;
	case OJ_KIND_OBJECT:
		add(t, "{");
		add_least(t, f->of.object, NULL);
		add(t, "}");
		break;
	case OJ_KIND_STRINGS:
		add(t, "[\"x\"]");
		break;
	case OJ_KIND_U64S:
		add(t, "[17]");
		break;
	case OJ_KIND_ENUMS:
		add(t, "[\"%s\"]", f->of.names->names[1]);
		break;
	case OJ_KIND_OBJECTS:
		add(t, "[{");
		add_least(t, f->of.object, NULL);
		add(t, "}]");
		break;
	case OJ_KIND_MAP:
		add(t, "{\"k\":\"x\"}");
		break;
	case OJ_KIND_OBJMAP:
		add(t, "{\"k\":{");
		add_least(t, f->of.object, NULL);
		add(t, "}}");
		break;
	}
}

/* The required properties of o but one, each with a comma behind it unless it is the last. */
static void add_least(struct text *t, const struct oj_object *o, const struct oj_field *but)
{
	size_t n;
	const struct oj_field *f = o->fields(&n);
	bool first = true;

	for (size_t i = 0; i < n; i++) {
		if (!f[i].required || &f[i] == but)
			continue;
		add(t, "%s\"%s\":", first ? "" : ",", f[i].key);
		add_value(t, &f[i]);
		first = false;
	}
	if (but != NULL && !first)
		add(t, ",");
}

/* Writes the document with `value` at the end of the way (as often as `times`), and the value's
 * path. */
static void add_document(struct text *t, struct text *path, const struct way *w, const char *value,
			 int times)
{
	char close[4 * DEPTH + 1];
	size_t c = sizeof(close) - 1;

	close[c] = '\0';
	for (size_t i = 0; i < w->n; i++) {
		const struct oj_field *f = w->field[i];

		add(t, "{");
		close[--c] = '}';
		add_least(t, w->object[i], f);
		add(path, "%s%s", i > 0 ? "." : "", f->key);
		if (i + 1 == w->n) {
			while (times-- > 0)
				add(t, "\"%s\":%s%s", f->key, value, times > 0 ? "," : "");
			break;
		}
		add(t, "\"%s\":", f->key);
		if (f->kind == OJ_KIND_OBJECTS) {
			add(t, "[");
			add(path, "[0]");
			close[--c] = ']';
		} else if (f->kind == OJ_KIND_OBJMAP) {
			add(t, "{\"k\":");
			add(path, ".k");
			close[--c] = '}';
		}
	}
	add(t, "%s", close + c);
}

/* why: NULL: taken; else what follows "PATH" in the error. */
static void check(struct way *w, const char *value, int times, const char *below, const char *why)
{
	struct text t = {.n = 0}, path = {.n = 0};
	autoarena struct arena a = {NULL};
	struct err e = {0};
	void *out = NULL;

	add_document(&t, &path, w, value, times);
	int r = oj_parse(w->object[0], t.v, t.n, &a, &out, &e);
	w->checked++;
	if (why == NULL) {
		cr_assert_eq(r, 0, "%s: %s", t.v, e.text);
		cr_assert_not_null(out);
		return;
	}
	add(&path, "%s: %s", below, why);
	cr_assert_eq(r, -EINVAL, "%s: taken", t.v);
	cr_assert_null(out);
	cr_assert_eq(strncmp(e.text, path.v, path.n), 0, "%s: '%s' instead of '%s'", t.v, e.text,
		     path.v);
}

/* JSON types, and the letter each has in the tables below: null, boolean, integer, string, array,
 * object */
static const char *const values[] = {"null", "true", "17", "\"x y\"", "[]", "{}", "1.5"};
static const char letters[] = "nbisaof";

static char takes(const struct oj_field *f)
{
	static const char by_kind[] = {
		[OJ_KIND_STRING] = 's',	 [OJ_KIND_BOOL] = 'b', [OJ_KIND_I64] = 'i',
		[OJ_KIND_U64] = 'i',	 [OJ_KIND_ENUM] = 's', [OJ_KIND_OBJECT] = 'o',
		[OJ_KIND_STRINGS] = 'a', [OJ_KIND_U64S] = 'a', [OJ_KIND_ENUMS] = 'a',
		[OJ_KIND_OBJECTS] = 'a', [OJ_KIND_MAP] = 'o',  [OJ_KIND_OBJMAP] = 'o',
	};
	return by_kind[f->kind];
}

static bool has_required(const struct oj_object *o)
{
	size_t n;
	const struct oj_field *f = o->fields(&n);

	for (size_t i = 0; i < n; i++)
		if (f[i].required)
			return true;
	return false;
}

static void check_types(struct way *w, const struct oj_field *f)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const char *why = letters[i] == takes(f) ? NULL : "expected ";

		if (letters[i] == 'n' && !f->required)
			why = NULL;
		else if (letters[i] == 's' && f->kind == OJ_KIND_ENUM)
			why = "unknown value \"x y\"";
		else if (letters[i] == 'a' && why == NULL && f->min_items > 0)
			why = "at least 1 item is needed";
		else if (letters[i] == 'o' && f->kind == OJ_KIND_OBJECT &&
			 has_required(f->of.object))
			why = "required property ";
		check(w, values[i], 1, "", why);
	}
}

static void check_items(struct way *w, const struct oj_field *f)
{
	bool map = f->kind == OJ_KIND_MAP || f->kind == OJ_KIND_OBJMAP;
	bool objects = f->kind == OJ_KIND_OBJECTS || f->kind == OJ_KIND_OBJMAP;
	char good = f->kind == OJ_KIND_U64S ? 'i' : objects ? 'o' : 's';

	if (f->kind < OJ_KIND_STRINGS)
		return;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const char *why = letters[i] == good ? NULL : "expected ";
		char value[64];

		if (why == NULL && f->kind == OJ_KIND_ENUMS)
			why = "unknown value ";
		else if (why == NULL && objects && has_required(f->of.object))
			why = "required property ";
		(void)snprintf(value, sizeof(value), map ? "{\"k\":%s}" : "[%s]", values[i]);
		check(w, value, 1, map ? ".k" : "[0]", why);
	}
}

static void decimal(char out[48], __int128 v)
{
	char digits[48];
	size_t n = sizeof(digits) - 1;
	bool negative = v < 0;

	digits[n] = '\0';
	if (negative)
		v = -v;
	do {
		digits[--n] = (char)('0' + (int)(v % 10));
		v /= 10;
	} while (v > 0);
	if (negative)
		digits[--n] = '-';
	memcpy(out, digits + n, sizeof(digits) - n);
}

static void check_bounds(struct way *w, const struct oj_field *f)
{
	bool number_list = f->kind == OJ_KIND_U64S;
	__int128 bound[2] = {f->kind == OJ_KIND_I64 ? f->min : 0, f->max};

	if (f->kind != OJ_KIND_I64 && f->kind != OJ_KIND_U64 && !number_list)
		return;
	for (int i = 0; i < 2; i++) {
		for (int beyond = 0; beyond < 2; beyond++) {
			char number[48], value[64];

			decimal(number, bound[i] + (i == 0 ? -beyond : beyond));
			(void)snprintf(value, sizeof(value), number_list ? "[%s]" : "%s", number);
			check(w, value, 1, number_list ? "[0]" : "",
			      beyond ? "must be from " : NULL);
		}
	}
}

static void walk(struct way *w, const struct oj_object *o)
{
	size_t n;
	const struct oj_field *fields = o->fields(&n);

	cr_assert_lt(w->n, DEPTH);
	w->object[w->n++] = o;
	for (size_t i = 0; i < n; i++) {
		const struct oj_field *f = &fields[i];
		struct text good = {.n = 0};

		w->field[w->n - 1] = f;
		add_value(&good, f);
		check_types(w, f);
		check_items(w, f);
		check_bounds(w, f);
		check(w, good.v, 1, "", NULL);
		check(w, good.v, 2, "", "given twice");
		check(w, "null", 2, "", f->required ? "expected " : "given twice");
		if (f->kind == OJ_KIND_OBJECT || f->kind == OJ_KIND_OBJECTS ||
		    f->kind == OJ_KIND_OBJMAP)
			walk(w, f->of.object);
		w->field[w->n - 1] = f;
	}
	w->n--;
}

Test(ocispec_types, each_property_takes_its_type_and_names_itself_otherwise)
{
	static const struct oj_object *const roots[] = {
		&oci_config_object, &oci_process_object,  &oci_resources_object,
		&oci_state_object,  &oci_features_object, &oci_container_process_state_object,
	};
	struct way w = {.n = 0};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		walk(&w, roots[i]);
	/* 170 properties under config alone, ten documents each: a walk that stops early is noticed
	 */
	cr_assert_gt(w.checked, 3000, "only %zu documents", w.checked);
}

static void check_missing(const struct oj_object *o)
{
	size_t n;
	const struct oj_field *fields = o->fields(&n);

	for (size_t i = 0; i < n; i++) {
		const struct oj_field *f = &fields[i];

		if (f->kind == OJ_KIND_OBJECT || f->kind == OJ_KIND_OBJECTS ||
		    f->kind == OJ_KIND_OBJMAP)
			check_missing(f->of.object);
		if (!f->required)
			continue;
		struct text t = {.n = 0};
		autoarena struct arena a = {NULL};
		struct err e = {0};
		void *out = NULL;
		char want[128];

		add(&t, "{");
		add_least(&t, o, f);
		if (t.v[t.n - 1] == ',')
			t.n--;
		add(&t, "}");
		(void)snprintf(want, sizeof(want), "required property '%s' is missing", f->key);
		cr_assert_eq(oj_parse(o, t.v, t.n, &a, &out, &e), -EINVAL, "%s", t.v);
		cr_assert_str_eq(e.text, want);
	}
}

Test(ocispec_types, each_required_property_is_missed)
{
	check_missing(&oci_config_object);
	check_missing(&oci_state_object);
	check_missing(&oci_features_object);
	check_missing(&oci_container_process_state_object);
}
