/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/json.h"
#include "hooks/values.h"

/* ---- JSON ---- */

static void dump_optional(struct json *j, const char *key, const char *value)
{
	if (value != NULL && value[0] != '\0')
		json_string(j, key, value);
}

static void dump_want(struct json *j, const char *key, const struct graft_want *w)
{
	if (w->value == NULL)
		return;
	json_open(j, NULL, '{');
	json_string(j, "key", key);
	json_string(j, "value", w->value);
	json_string(j, "source", w->source);
	dump_optional(j, "narrowedTo", w->narrow);
	dump_optional(j, "narrowedBy", w->narrow_source);
	json_close(j, '}');
}

static void dump_requests(struct json *j, const struct graft_request *r)
{
	json_open(j, "requests", '[');
	for (int d = 0; d < GRAFT_DOMAINS; d++)
		dump_want(j, graft_domain_name((enum graft_domain)d), &r->want[d]);
	dump_want(j, "gpu.caps", &r->caps);
	dump_want(j, "memlock", &r->memlock);
	dump_want(j, "rdma.limit", &r->limit);
	dump_want(j, "profile", &r->profile);
	dump_want(j, "record", &r->record);
	json_close(j, ']');
}

static void dump_device(struct json *j, const struct graft_edit_device *d)
{
	json_open(j, NULL, '{');
	json_string(j, "path", d->node.path);
	json_string(j, "type", "c");
	json_uint(j, "major", major(d->node.dev));
	json_uint(j, "minor", minor(d->node.dev));
	json_string(j, "access", "rw");
	json_string(j, "mode", arena_printf(j->a, "%04o", (unsigned int)d->node.mode));
	json_uint(j, "uid", d->node.uid);
	json_uint(j, "gid", d->node.gid);
	json_string(j, "graft", graft_domain_name(d->domain));
	dump_optional(j, "for", d->owner);
	json_string(j, "why", d->why);
	json_close(j, '}');
}

static void dump_mount(struct json *j, const struct graft_edit_mount *m)
{
	json_open(j, NULL, '{');
	json_string(j, "source", m->source);
	json_string(j, "target", m->target);
	dump_optional(j, "soname", m->soname);
	if (m->elf_class != 0)
		json_int(j, "class", m->elf_class);
	json_open(j, "options", '[');
	json_string(j, NULL, m->job ? "rw" : "ro");
	json_string(j, NULL, "nosuid");
	json_string(j, NULL, "nodev");
	if (!m->exec)
		json_string(j, NULL, "noexec");
	json_close(j, ']');
	if (m->optional)
		json_bool(j, "optional", true);
	json_string(j, "graft", graft_domain_name(m->domain));
	json_string(j, "why", m->why);
	json_close(j, '}');
}

static void dump_library(struct json *j, const struct graft_library *l)
{
	json_open(j, NULL, '{');
	json_string(j, "name", l->name);
	dump_optional(j, "version", l->version);
	json_string(j, "kind", l->program ? "program" : l->name[0] == '/' ? "file" : "library");
	if (l->optional)
		json_bool(j, "optional", true);
	json_string(j, "graft", graft_domain_name(l->domain));
	json_string(j, "why", l->why);
	json_close(j, '}');
}

static void dump_limit(struct json *j, const struct graft_limit *l)
{
	json_open(j, NULL, '{');
	json_string(j, "hca", l->device);
	if (l->handles.set)
		json_uint(j, "hcaHandles", l->handles.v);
	if (l->objects.set)
		json_uint(j, "hcaObjects", l->objects.v);
	json_close(j, '}');
}

static void dump_memlock(struct json *j, const struct graft_edits *ed)
{
	json_open(j, "rlimits", '[');
	if (ed->memlock.set) {
		json_open(j, NULL, '{');
		json_string(j, "type", "RLIMIT_MEMLOCK");
		json_uint(j, "soft", ed->memlock.v);
		json_uint(j, "hard", ed->memlock.v);
		json_string(j, "why", ed->memlock_why);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void dump_env_and_gids(struct json *j, const struct graft_edits *ed)
{
	json_open(j, "env", '[');
	for (size_t i = 0; i < ed->env.n; i++) {
		json_open(j, NULL, '{');
		json_string(j, "name", ed->env.v[i].name);
		json_string(j, "value", ed->env.v[i].value);
		json_string(j, "why", ed->env.v[i].why);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "gids", '[');
	for (size_t i = 0; i < ed->gid.n; i++)
		json_uint(j, NULL, ed->gid.v[i]);
	json_close(j, ']');
}

static void dump_notes(struct json *j, const struct graft_notes *notes)
{
	json_open(j, "notes", '[');
	for (size_t i = 0; i < notes->n; i++) {
		json_open(j, NULL, '{');
		json_string(j, "code", notes->v[i].code);
		if (notes->v[i].domain != GRAFT_DOMAINS)
			json_string(j, "graft", graft_domain_name(notes->v[i].domain));
		json_string(j, "text", notes->v[i].text);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void dump_strings(struct json *j, const char *key, const char *const *v, size_t n)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < n; i++)
		json_string(j, NULL, v[i]);
	json_close(j, ']');
}

/* Only where it was asked for, or the policy has it. */
static void dump_curtain(struct json *j, const struct graft_edits *ed)
{
	if (ed->veil.n == 0)
		return;
	json_open(j, "curtain", '[');
	for (size_t i = 0; i < ed->veil.n; i++) {
		const struct graft_veil *v = &ed->veil.v[i];

		json_open(j, NULL, '{');
		json_string(j, "target", v->path);
		dump_strings(j, "shows", v->show, v->n_show);
		dump_strings(j, "hides", v->hide, v->n_hide);
		dump_optional(j, "changes", v->file);
		dump_optional(j, "content", v->file != NULL ? v->content : NULL);
		json_string(j, "graft", graft_domain_name(v->domain));
		json_string(j, "why", v->why);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void dump_moves(struct json *j, const struct graft_edits *ed)
{
	if (ed->move.n == 0)
		return;
	json_open(j, "rdmaMoves", '[');
	for (size_t i = 0; i < ed->move.n; i++) {
		json_open(j, NULL, '{');
		json_string(j, "device", ed->move.v[i].device);
		json_string(j, "why", ed->move.v[i].why);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* Only where something was left: who looks at devices alone need not know of libraries. */
static void dump_left(struct json *j, const struct graft_edits *ed)
{
	if (ed->left.n == 0)
		return;
	json_open(j, "left", '[');
	for (size_t i = 0; i < ed->left.n; i++) {
		json_open(j, NULL, '{');
		json_string(j, "what", ed->left.v[i].what);
		json_string(j, "graft", graft_domain_name(ed->left.v[i].domain));
		json_string(j, "why", ed->left.v[i].why);
		json_close(j, '}');
	}
	json_close(j, ']');
}

const char *graft_edits_json(const struct graft_edits *ed, struct arena *a, size_t *out_len)
{
	struct json j = {.a = a, .style = JSON_PRETTY};

	json_open(&j, NULL, '{');
	json_int(&j, "plan", 1);
	dump_requests(&j, ed->request);
	json_open(&j, "devices", '[');
	for (size_t i = 0; i < ed->device.n; i++)
		dump_device(&j, &ed->device.v[i]);
	json_close(&j, ']');
	json_open(&j, "mounts", '[');
	for (size_t i = 0; i < ed->mount.n; i++)
		dump_mount(&j, &ed->mount.v[i]);
	json_close(&j, ']');
	dump_env_and_gids(&j, ed);
	dump_memlock(&j, ed);
	json_open(&j, "rdma", '[');
	for (size_t i = 0; i < ed->limit.n; i++)
		dump_limit(&j, &ed->limit.v[i]);
	json_close(&j, ']');
	json_open(&j, "wants", '[');
	for (size_t i = 0; i < ed->library.n; i++)
		dump_library(&j, &ed->library.v[i]);
	json_close(&j, ']');
	dump_curtain(&j, ed);
	dump_moves(&j, ed);
	dump_left(&j, ed);
	dump_notes(&j, &ed->note);
	json_close(&j, '}');
	return json_end(&j, out_len);
}

/* ---- text ---- */

/* Lines without an end, joined at the end: arena_printf() over the whole text would be quadratic.
 */
struct dump_lines {
	struct arena *a;
	const char **v;
	size_t n, cap;
};

static void dump_devices_text(struct dump_lines *t, const struct graft_edits *ed)
{
	for (size_t i = 0; i < ed->device.n; i++) {
		const struct graft_edit_device *d = &ed->device.v[i];
		*ARENA_PUSH(t->a, t) = arena_printf(
			t->a, "device   %-32s c %u:%u %04o %u:%u  %s (%s)", d->node.path,
			major(d->node.dev), minor(d->node.dev), (unsigned int)d->node.mode,
			d->node.uid, d->node.gid, d->owner != NULL ? d->owner : "shared", d->why);
	}
	for (size_t i = 0; i < ed->mount.n; i++) {
		const struct graft_edit_mount *m = &ed->mount.v[i];
		const char *from = strcmp(m->source, m->target) == 0
					   ? ""
					   : arena_printf(t->a, " from %s", m->source);
		*ARENA_PUSH(t->a, t) =
			arena_printf(t->a, "mount    %s%s %s,nosuid,nodev%s (%s)", m->target, from,
				     m->job ? "rw" : "ro", m->exec ? "" : ",noexec", m->why);
	}
}

static void dump_curtain_text(struct dump_lines *t, const struct graft_edits *ed)
{
	for (size_t i = 0; i < ed->veil.n; i++) {
		const struct graft_veil *v = &ed->veil.v[i];
		const char *names = "";

		for (size_t k = 0; k < v->n_hide; k++)
			names = arena_printf(t->a, "%s%s%s", names, k > 0 ? ", " : "", v->hide[k]);
		if (v->n_hide > 0)
			*ARENA_PUSH(t->a, t) =
				arena_printf(t->a, "hides    %s: %s (%s)", v->path, names, v->why);
		if (v->file != NULL)
			*ARENA_PUSH(t->a, t) = arena_printf(
				t->a, "changes  %s/%s: libraries make no device nodes (%s)",
				v->path, v->file, v->why);
	}
}

static void dump_moves_text(struct dump_lines *t, const struct graft_edits *ed)
{
	for (size_t i = 0; i < ed->move.n; i++)
		*ARENA_PUSH(t->a, t) = arena_printf(
			t->a, "moves    %s into the container's network namespace (%s)",
			ed->move.v[i].device, ed->move.v[i].why);
}

static const char *dump_number(struct arena *a, uint64_t v)
{
	return v == UINT64_MAX ? "unlimited" : arena_printf(a, "%" PRIu64, v);
}

static void dump_limits_text(struct dump_lines *t, const struct graft_edits *ed)
{
	for (size_t i = 0; i < ed->gid.n; i++)
		*ARENA_PUSH(t->a, t) = arena_printf(t->a, "group    %u", ed->gid.v[i]);
	for (size_t i = 0; i < ed->env.n; i++)
		*ARENA_PUSH(t->a, t) = arena_printf(t->a, "env      %s=%s (%s)", ed->env.v[i].name,
						    ed->env.v[i].value, ed->env.v[i].why);
	if (ed->memlock.set)
		*ARENA_PUSH(t->a, t) =
			arena_printf(t->a, "limit    RLIMIT_MEMLOCK %s (%s)",
				     dump_number(t->a, ed->memlock.v), ed->memlock_why);
	for (size_t i = 0; i < ed->limit.n; i++) {
		const struct graft_limit *l = &ed->limit.v[i];
		*ARENA_PUSH(t->a, t) = arena_printf(
			t->a, "limit    rdma.max %s hca_handle=%s hca_object=%s", l->device,
			l->handles.set ? dump_number(t->a, l->handles.v) : "max",
			l->objects.set ? dump_number(t->a, l->objects.v) : "max");
	}
}

static const char *dump_join(struct dump_lines *t, size_t *out_len)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += strlen(t->v[i]) + 1;
	char *text = arena_alloc(t->a, n + 1), *p = text;
	for (size_t i = 0; i < t->n; i++) {
		size_t len = strlen(t->v[i]);
		/* values of a request may hold what a terminal would obey */
		for (size_t k = 0; k < len; k++) {
			unsigned char c = (unsigned char)t->v[i][k];
			*p++ = (char)(c < 0x20 || c == 0x7f ? '?' : c);
		}
		*p++ = '\n';
	}
	*out_len = n;
	return text;
}

const char *graft_edits_text(const struct graft_edits *ed, struct arena *a, size_t *out_len)
{
	struct dump_lines t = {.a = a};

	dump_devices_text(&t, ed);
	dump_curtain_text(&t, ed);
	dump_moves_text(&t, ed);
	dump_limits_text(&t, ed);
	if (ed->record != NULL)
		*ARENA_PUSH(a, &t) =
			arena_printf(a, "record   %s (%s)", ed->record, ed->request->record.source);
	for (size_t i = 0; i < ed->library.n; i++) {
		const struct graft_library *l = &ed->library.v[i];
		*ARENA_PUSH(a, &t) = arena_printf(a, "wants    %s%s%s (%s%s)", l->name,
						  l->version != NULL ? "." : "",
						  l->version != NULL ? l->version : "", l->why,
						  l->optional ? ", where the host has it" : "");
	}
	for (size_t i = 0; i < ed->left.n; i++)
		*ARENA_PUSH(a, &t) =
			arena_printf(a, "left     %s (%s)", ed->left.v[i].what, ed->left.v[i].why);
	for (size_t i = 0; i < ed->note.n; i++) {
		const struct graft_note *n = &ed->note.v[i];
		*ARENA_PUSH(a, &t) = arena_printf(
			a, "note     %s: %s [GRAFT-%s]",
			n->domain == GRAFT_DOMAINS ? "graft" : graft_domain_name(n->domain),
			n->text, n->code);
	}
	if (t.n == 0)
		*ARENA_PUSH(a, &t) = "nothing is grafted";
	return dump_join(&t, out_len);
}
