/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "cmd/graft.h"
#include "cmd/target.h"
#include "state/graft.h"

/* Two records as lists of paths and values, by the tables of state/graft.def: a member that is
 * added there is compared without a word here. */

struct diff_item {
	const char *path, *value;
};

struct diff_list {
	struct arena *a;
	struct diff_item *v;
	size_t n, cap;
};

/* Always another one, and no matter of what the run was given. */
static bool diff_is_of_run(const char *path)
{
	static const char *const names[] = {"run", "digestsPending", "graftRecord"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(path, names[i]) == 0)
			return true;
	return false;
}

static void diff_add(struct diff_list *l, const char *path, const char *value)
{
	if (value != NULL)
		*ARENA_PUSH(l->a, l) = (struct diff_item){path, value};
}

static void diff_object(struct diff_list *l, const struct oj_object *type, const void *x,
			const char *path);

/* What tells an object from its neighbours: its first member, which is a string. */
static const char *diff_key(const struct oj_object *type, const void *x)
{
	size_t n;
	const struct oj_field *f = type->fields(&n);

	return *(const char *const *)(const void *)((const char *)x + f->offset);
}

static const char *diff_join(struct arena *a, const char *path, const char *name)
{
	return path[0] == '\0' ? name : arena_printf(a, "%s.%s", path, name);
}

static void diff_many(struct diff_list *l, const struct oj_field *f, const void *v, size_t n,
		      const char *path)
{
	const char *list = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *more;

		if (f->kind == OJ_KIND_OBJECTS) {
			const void *x = (const char *)v + i * f->of.object->size;
			diff_object(l, f->of.object, x,
				    diff_join(l->a, path, diff_key(f->of.object, x)));
			continue;
		}
		if (f->kind == OJ_KIND_MAP) {
			const struct oci_map_entry *x = v;
			diff_add(l, diff_join(l->a, path, x[i].key), x[i].value);
			continue;
		}
		more = f->kind == OJ_KIND_STRINGS
			       ? ((const char *const *)v)[i]
			       : arena_printf(l->a, "%" PRIu64, ((const uint64_t *)v)[i]);
		list = list == NULL ? more : arena_printf(l->a, "%s,%s", list, more);
	}
	diff_add(l, path, list);
}

static void diff_field(struct diff_list *l, const struct oj_field *f, const char *x,
		       const char *path)
{
	const void *m = x + f->offset;
	const struct opt_bool *b = m;
	const struct opt_u64 *u = m;

	switch ((enum oj_kind)f->kind) {
	case OJ_KIND_STRING:
		diff_add(l, path, *(const char *const *)m);
		return;
	case OJ_KIND_BOOL:
		diff_add(l, path, !b->set ? NULL : b->v ? "true" : "false");
		return;
	case OJ_KIND_U64:
	case OJ_KIND_I64: /* none here; of the same size */
		diff_add(l, path, u->set ? arena_printf(l->a, "%" PRIu64, u->v) : NULL);
		return;
	case OJ_KIND_OBJECT:
		if (*(const void *const *)m != NULL)
			diff_object(l, f->of.object, *(const void *const *)m, path);
		return;
	case OJ_KIND_OBJECTS:
	case OJ_KIND_MAP:
	case OJ_KIND_STRINGS:
	case OJ_KIND_U64S:
		diff_many(l, f, *(const void *const *)m,
			  *(const size_t *)(const void *)(x + f->n_offset), path);
		return;
	case OJ_KIND_ENUM:
	case OJ_KIND_ENUMS:
	case OJ_KIND_OBJMAP:
		return; /* the record has none */
	}
}

static void diff_object(struct diff_list *l, const struct oj_object *type, const void *x,
			const char *path)
{
	size_t n;
	const struct oj_field *f = type->fields(&n);

	for (size_t i = 0; i < n; i++) {
		const char *at = diff_join(l->a, path, f[i].key);
		if (!diff_is_of_run(at))
			diff_field(l, &f[i], x, at);
	}
}

/* ---- the comparison ---- */

struct diff {
	const char *path, *a, *b; /* NULL: it is not there */
};

struct diffs {
	struct diff *v;
	size_t n, cap;
};

static const char *diff_find(const struct diff_list *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].path, path) == 0)
			return l->v[i].value;
	return NULL;
}

static bool diff_is_digest(const char *path)
{
	size_t n = strlen(path);

	return n > 6 && strcasecmp(path + n - 6, "sha256") == 0;
}

static void diff_compare(const struct diff_list *x, const struct diff_list *y, bool pending,
			 struct diffs *out)
{
	for (size_t i = 0; i < x->n; i++) {
		const char *path = x->v[i].path, *other = diff_find(y, path);

		if (other != NULL && strcmp(other, x->v[i].value) == 0)
			continue;
		if (other == NULL && pending && diff_is_digest(path))
			continue;
		*ARENA_PUSH(x->a, out) = (struct diff){path, x->v[i].value, other};
	}
	for (size_t i = 0; i < y->n; i++) {
		const char *path = y->v[i].path;

		if (diff_find(x, path) != NULL || (pending && diff_is_digest(path)))
			continue;
		*ARENA_PUSH(x->a, out) = (struct diff){path, NULL, y->v[i].value};
	}
}

/* ---- what it prints ---- */

/* A word with a '/' or an ending is a file, any other the id of a container. */
static int diff_load(const struct cmd_global *g, const char *name, struct graft_doc **out,
		     struct err *e)
{
	autotarget struct target t = TARGET_EMPTY;
	size_t len, n = strlen(name);
	char *text;
	int r;

	if (strchr(name, '/') != NULL || (n > 5 && strcmp(name + n - 5, ".json") == 0)) {
		r = io_read_file(AT_FDCWD, name, GRAFT_RECORD_MAX, g->arena, &text, &len);
		if (r < 0)
			return err_sys(e, -r, "'%s'", name);
		return graft_doc_parse(text, len, g->arena, out, e) < 0 ? err_at(e, "'%s'", name)
									: 0;
	}
	r = target_open(&t, g, name, STORE_NO_LOCK, e);
	if (r == 0)
		r = graft_record_read(&t.entry, g->arena, out, NULL, e);
	return r == -ENOENT && e->code == 0
		       ? err_set(e, ENOENT, "nothing was grafted into container '%s'", name)
		       : r;
}

/* Digests are for programs; people see that they differ. */
static const char *diff_short(struct arena *a, const char *path, const char *value)
{
	if (value == NULL)
		return "-";
	return diff_is_digest(path) ? arena_printf(a, "%.12s...", value) : value;
}

static const char *diff_text(const struct diffs *d, char *const names[2], struct arena *a)
{
	size_t width[2] = {strlen("WHAT"), strlen(names[0])};
	const char *text;

	for (size_t i = 0; i < d->n; i++) {
		const char *x = diff_short(a, d->v[i].path, d->v[i].a);
		width[0] = strlen(d->v[i].path) > width[0] ? strlen(d->v[i].path) : width[0];
		width[1] = strlen(x) > width[1] ? strlen(x) : width[1];
	}
	if (d->n == 0)
		return "the same\n";
	text = arena_printf(a, "%-*s  %-*s  %s\n", (int)width[0], "WHAT", (int)width[1], names[0],
			    names[1]);
	for (size_t i = 0; i < d->n; i++)
		text = arena_printf(a, "%s%-*s  %-*s  %s\n", text, (int)width[0], d->v[i].path,
				    (int)width[1], diff_short(a, d->v[i].path, d->v[i].a),
				    diff_short(a, d->v[i].path, d->v[i].b));
	return text;
}

static void diff_value(struct json *j, const char *key, const char *value)
{
	if (value == NULL)
		json_literal(j, key, "null");
	else
		json_string(j, key, value);
}

static const char *diff_json(const struct diffs *d, char *const names[2], struct arena *a)
{
	struct json j = {.a = a, .style = JSON_PRETTY};
	size_t len;

	json_open(&j, NULL, '{');
	json_bool(&j, "same", d->n == 0);
	json_string(&j, "a", names[0]);
	json_string(&j, "b", names[1]);
	json_open(&j, "differences", '[');
	for (size_t i = 0; i < d->n; i++) {
		json_open(&j, NULL, '{');
		json_string(&j, "what", d->v[i].path);
		diff_value(&j, "a", d->v[i].a);
		diff_value(&j, "b", d->v[i].b);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	return json_end(&j, &len);
}

int graft_diff(const struct cmd_global *g, char *const names[2], bool json, struct err *e)
{
	struct diff_list list[2] = {{.a = g->arena}, {.a = g->arena}};
	struct diffs d = {0};
	bool pending = false;

	for (size_t i = 0; i < 2; i++) {
		struct graft_doc *doc;
		if (diff_load(g, names[i], &doc, e) < 0)
			return -e->code;
		if (doc->pending.v)
			log_warn("'%s': not all digests are known yet; without them files are "
				 "compared by name, version and size",
				 names[i]);
		pending = pending || doc->pending.v;
		diff_object(&list[i], &graft_doc_object, doc, "");
	}
	diff_compare(&list[0], &list[1], pending, &d);
	const char *text = json ? diff_json(&d, names, g->arena) : diff_text(&d, names, g->arena);
	int r = io_write_all(STDOUT_FILENO, text, strlen(text));
	return r < 0 ? err_sys(e, -r, "standard output") : d.n > 0;
}
