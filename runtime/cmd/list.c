/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>
#include <stdio.h>

#include "base/io.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/document.h"

struct list_options {
	bool quiet;
	const char *format;
};

static const struct cmd_option list_options[] = {
	{"quiet", 'q', CMD_FLAG, offsetof(struct list_options, quiet), NULL, "show the ids only"},
	{"format", 'f', CMD_STRING, offsetof(struct list_options, format), "FORMAT",
	 "table (default) or json"},
	{0},
};

struct list_documents {
	struct document *v;
	size_t n, cap;
};

/* What is deleted while we look is no error; what can't be read is worth a line, but hides nothing
 * else. */
static int list_load(const struct store *s, struct arena *a, struct list_documents *out,
		     struct err *e)
{
	const char **names;
	size_t n;
	int r = store_list(s, a, &names, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		__attribute__((cleanup(store_entry_done))) struct store_entry en = {.dir = FD_NONE};
		struct document d;
		struct err why = {0};

		int got = store_get(s, names[i], STORE_NO_LOCK, &en, &why);
		if (got == 0)
			got = document_load(&en, a, &d, &why);
		if (got == 0)
			*ARENA_PUSH(a, out) = d;
		else if (why.code != ENOENT)
			log_warn("%s", why.text);
	}
	return r;
}

static int list_print(const char *text, struct err *e)
{
	int r = io_write_all(STDOUT_FILENO, text, strlen(text));

	return r < 0 ? err_sys(e, -r, "write error on standard output") : 0;
}

static int list_quiet(const struct list_documents *l, struct arena *a, struct err *e)
{
	const char *text = "";

	for (size_t i = 0; i < l->n; i++)
		text = arena_printf(a, "%s%s\n", text, l->v[i].record->id);
	return list_print(text, e);
}

static int list_json(const struct list_documents *l, struct arena *a, struct err *e)
{
	struct json j = {.a = a, .style = JSON_COMPACT};

	json_open(&j, NULL, '[');
	for (size_t i = 0; i < l->n; i++)
		document_write(&j, &l->v[i]);
	json_close(&j, ']');
	return document_print(&j, e);
}

enum { LIST_COLUMNS = 6, LIST_GAP = 3 };

static void list_cells(const struct document *d, struct arena *a,
		       const char *out[static LIST_COLUMNS])
{
	out[0] = d->record->id;
	out[1] = arena_printf(a, "%d", (int)d->pid);
	out[2] = status_name(d->status);
	out[3] = d->record->bundle;
	out[4] = d->record->created;
	out[5] = d->owner;
}

static int list_table(const struct list_documents *l, struct arena *a, struct err *e)
{
	static const char *const head[LIST_COLUMNS] = {"ID",	 "PID",	    "STATUS",
						       "BUNDLE", "CREATED", "OWNER"};
	const char **cells = arena_array(a, (l->n + 1) * LIST_COLUMNS, sizeof(*cells));
	int width[LIST_COLUMNS] = {0};
	const char *text = "";

	memcpy(cells, head, sizeof(head));
	for (size_t i = 0; i < l->n; i++)
		list_cells(&l->v[i], a, cells + (i + 1) * LIST_COLUMNS);
	for (size_t i = 0; i < (l->n + 1) * LIST_COLUMNS; i++) {
		int len = (int)strlen(cells[i]);
		if (width[i % LIST_COLUMNS] < len)
			width[i % LIST_COLUMNS] = len;
	}
	for (size_t i = 0; i < (l->n + 1) * LIST_COLUMNS; i++) {
		bool last = i % LIST_COLUMNS == LIST_COLUMNS - 1;
		text = last ? arena_printf(a, "%s%s\n", text, cells[i])
			    : arena_printf(a, "%s%-*s", text, width[i % LIST_COLUMNS] + LIST_GAP,
					   cells[i]);
	}
	return list_print(text, e);
}

static int list_run(const struct cmd_global *g, const void *options, int n, char **operands,
		    struct err *e)
{
	const struct list_options *o = options;
	__attribute__((cleanup(store_done))) struct store s = {.root = FD_NONE};
	struct list_documents l = {0};
	bool json = o->format != NULL && strcmp(o->format, "json") == 0;

	(void)n;
	(void)operands;
	if (o->format != NULL && !json && strcmp(o->format, "table") != 0)
		return err_set(e, EINVAL, "--format: must be table or json, got '%.100s'",
			       o->format);
	int r = store_open(&s, g->root, STORE_EXISTING, g->arena, e);
	/* no default root: nothing was ever created; a root that was named is expected to be there
	 */
	if (r == 0 && s.root < 0 && g->root != NULL)
		return err_sys(e, ENOENT, "--root '%s'", g->root);
	if (r == 0)
		r = list_load(&s, g->arena, &l, e);
	if (r < 0)
		return r;
	if (o->quiet)
		return list_quiet(&l, g->arena, e);
	return json ? list_json(&l, g->arena, e) : list_table(&l, g->arena, e);
}

const struct cmd cmd_list = {
	.name = "list",
	.args = "",
	.summary = "list the containers",
	.options = list_options,
	.options_size = sizeof(struct list_options),
	.order = CMD_PERMUTE,
	.min_operands = 0,
	.max_operands = 0,
	.failure_status = 1,
	.run = list_run,
};
