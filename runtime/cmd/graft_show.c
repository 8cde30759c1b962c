/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "cmd/graft.h"
#include "cmd/target.h"
#include "state/graft.h"

struct show {
	struct arena *a;
	const char **v; /* lines */
	size_t n, cap;
	size_t len;
};

static void show_line(struct show *s, const char *line)
{
	*ARENA_PUSH(s->a, s) = line;
	s->len += strlen(line) + 1;
}

static const char *show_text(struct show *s)
{
	char *text = arena_alloc(s->a, s->len + 1), *p = text;

	for (size_t i = 0; i < s->n; i++) {
		p = stpcpy(p, s->v[i]);
		*p++ = '\n';
	}
	return text;
}

/* What a later command needs of it: that is in the state, and of a record without files it is all.
 */
static void show_edits(struct show *s, const struct graft_edits *ed, const struct host *h,
		       const char *id, struct err *stale)
{
	for (size_t i = 0; i < ed->device.n; i++) {
		const struct graft_edit_device *d = &ed->device.v[i];
		show_line(s, arena_printf(s->a, "device   %-32s c %u:%u  %s (%s)", d->node.path,
					  major(d->node.dev), minor(d->node.dev),
					  d->owner != NULL ? d->owner : "shared", d->why));
		if (graft_stale_check(h, d->node.path, d->node.dev, id, s->a, stale) < 0)
			show_line(s, arena_printf(s->a, "stale    %s", stale->text));
	}
	for (size_t i = 0; i < ed->gid.n; i++)
		show_line(s, arena_printf(s->a, "group    %u", ed->gid.v[i]));
	for (size_t i = 0; i < ed->env.n; i++)
		show_line(s, arena_printf(s->a, "env      %s=%s", ed->env.v[i].name,
					  ed->env.v[i].value));
}

static void show_file(struct show *s, const struct graft_doc *d, const struct graft_doc_file *f)
{
	const char *digest = f->sha256 != NULL ? arena_printf(s->a, "sha256:%s", f->sha256)
			     : !f->size.set    ? "no regular file"
			     : d->pending.v    ? "digest pending"
					       : "no digest: it changed meanwhile";

	show_line(s, arena_printf(s->a, "file     %s from %s, %s (%s)", f->target, f->source,
				  digest, f->why));
}

static void show_limits(struct show *s, const struct graft_doc *d)
{
	if (d->memlock.set)
		show_line(s, d->memlock.v == UINT64_MAX
				     ? "limit    RLIMIT_MEMLOCK unlimited"
				     : arena_printf(s->a, "limit    RLIMIT_MEMLOCK %" PRIu64,
						    d->memlock.v));
	for (size_t i = 0; i < d->n_cgroup; i++)
		show_line(s, arena_printf(s->a, "limit    %s %s", d->cgroup[i].key,
					  d->cgroup[i].value));
}

static void show_doc(struct show *s, const struct graft_doc *d)
{
	for (size_t i = 0; i < d->n_file; i++)
		show_file(s, d, &d->file[i]);
	show_limits(s, d);
	for (size_t i = 0; i < d->n_fact; i++)
		show_line(s,
			  arena_printf(s->a, "driver   %s %s", d->fact[i].key, d->fact[i].value));
	for (size_t i = 0; i < d->n_request; i++)
		show_line(s, arena_printf(s->a, "request  %s=%s (%s)", d->request[i].key,
					  d->request[i].value, d->request[i].source));
	if (d->policy != NULL)
		show_line(s, arena_printf(s->a, "policy   %s", d->policy));
	if (d->kernel != NULL && d->kernel->release != NULL)
		show_line(s, arena_printf(s->a, "kernel   %s", d->kernel->release));
	if (d->greffon != NULL && d->greffon->version != NULL)
		show_line(s, arena_printf(s->a, "greffon  %s", d->greffon->version));
}

int graft_show(const struct cmd_global *g, const char *id, bool json, const struct host *h,
	       struct err *e)
{
	autotarget struct target t = TARGET_EMPTY;
	struct show s = {.a = g->arena};
	struct graft_doc *doc = NULL;
	const char *text = NULL;
	struct err stale = {0};
	int r = target_open(&t, g, id, STORE_NO_LOCK, e);

	if (r == 0)
		r = graft_record_read(&t.entry, g->arena, &doc, &text, e);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r < 0 && e->code != 0) /* no container, rather than no record */
		return r;
	if (t.record->graft == NULL)
		show_line(&s, "nothing is grafted");
	else
		show_edits(&s, t.record->graft, h, id, &stale);
	if (doc != NULL)
		show_doc(&s, doc);
	if (json)
		text = text != NULL ? text : "{}\n";
	else
		text = show_text(&s);
	r = io_write_all(STDOUT_FILENO, text, strlen(text));
	if (r < 0)
		return err_sys(e, -r, "standard output");
	return stale.code != 0 ? 5 : 0;
}
