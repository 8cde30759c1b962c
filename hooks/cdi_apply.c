/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "hooks/cdi.h"
#include "hooks/cdi_edit.h"
#include "host/host.h"
#include "libocispec/oci.h"

#define CDI_ANNOTATION "cdi.k8s.io/"
#define CDI_MOUNTS "/var/run/nvidia-container-devices/cdi/"
#define CDI_NONE "org.greffon.graft.none"
#define CDI_NAMES_MAX 1024

/* A device that is asked for, and by whom. */
struct apply_name {
	const char *name, *source;
};

struct apply_names {
	struct apply_name *v;
	size_t n, cap;
};

/* ---- what is asked for ---- */

static bool apply_is_mount(const struct oci_mount *m)
{
	return m->source != NULL && m->destination != NULL && strcmp(m->source, "/dev/null") == 0 &&
	       strncmp(m->destination, CDI_MOUNTS, strlen(CDI_MOUNTS)) == 0;
}

bool cdi_is_asked(const struct oci_config *c)
{
	for (size_t i = 0; i < c->n_annotations; i++)
		if (strncmp(c->annotations[i].key, CDI_ANNOTATION, strlen(CDI_ANNOTATION)) == 0)
			return true;
	for (size_t i = 0; i < c->n_mounts; i++)
		if (apply_is_mount(&c->mounts[i]))
			return true;
	return false;
}

static bool apply_is_none(const struct oci_config *c)
{
	const char *v = oci_map_get(c->annotations, c->n_annotations, CDI_NONE);

	return v != NULL && (strcmp(v, "true") == 0 || strcmp(v, "1") == 0);
}

static void apply_name_add(struct apply_names *names, struct arena *a, const char *name,
			   const char *source)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i].name, name) == 0)
			return;
	*ARENA_PUSH(a, names) = (struct apply_name){name, source};
}

static void apply_annotations(const struct oci_config *c, struct arena *a,
			      struct apply_names *names)
{
	for (size_t i = 0; i < c->n_annotations; i++) {
		const char *key = c->annotations[i].key;
		if (strncmp(key, CDI_ANNOTATION, strlen(CDI_ANNOTATION)) != 0)
			continue;
		const char *source = arena_printf(a, "annotation %.100s", key);
		char *rest = arena_strdup(a, c->annotations[i].value);
		for (char *word = strsep(&rest, ","); word != NULL; word = strsep(&rest, ",")) {
			word += strspn(word, " ");
			word[strcspn(word, " ")] = '\0';
			apply_name_add(names, a, word, source);
		}
	}
}

/* VENDOR/CLASS/NAME below the folder, as NVIDIA's device plugin makes them. */
static void apply_mounts_asked(const struct oci_config *c, struct arena *a,
			       struct apply_names *names)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		if (!apply_is_mount(&c->mounts[i]))
			continue;
		char *name = arena_strdup(a, c->mounts[i].destination + strlen(CDI_MOUNTS));
		char *slash = strrchr(name, '/');
		if (slash != NULL)
			*slash = '=';
		apply_name_add(names, a, name, arena_printf(a, "mounts[%zu]", i));
	}
}

/* ---- which edits that means ---- */

static bool apply_matches(const char *name, const char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

static bool apply_allowed(const struct graft_rule *rule, const char *name)
{
	return !apply_matches(name, rule->deny, rule->n_deny) &&
	       (rule->allow == NULL || apply_matches(name, rule->allow, rule->n_allow));
}

/* What belongs to all devices of a file comes once, before the first of them. */
static void apply_add_file(struct cdi_editor *q, const struct cdi_file *f, const char *name)
{
	for (size_t i = 0; i < q->set.n; i++)
		if (q->set.v[i].file == f)
			return;
	if (f->spec->edits != NULL)
		*ARENA_PUSH(q->a, &q->set) = (struct cdi_edit_set){
			f->spec->edits, f, name, arena_printf(q->a, "cdi %s of %s", name, f->path)};
}

static int apply_find(struct cdi_editor *q, const struct apply_name *n)
{
	const struct cdi_device *device = NULL;
	const struct cdi_file *file;

	if (!apply_allowed(&q->policy->cdi.rule, n->name))
		return graft_refuse(q->e, EACCES, GRAFT_DOMAINS, "DENIED",
				    "%s: %s does not allow '%.200s' (cdi)", n->source,
				    q->policy->source, n->name);
	int r = cdi_find(&q->files, n->name, q->a, &file, &device, q->e);
	if (r < 0)
		return err_at(q->e, "%s", n->source);
	apply_add_file(q, file, n->name);
	*ARENA_PUSH(q->a, &q->set) =
		(struct cdi_edit_set){device->edits, file, n->name,
				      arena_printf(q->a, "cdi %s of %s", n->name, file->path)};
	return 0;
}

/* A file that can't be read may hold another word on a device that is found in a lower folder. */
static void apply_unread(struct cdi_editor *q)
{
	for (size_t i = 0; i < q->files.n; i++)
		if (q->files.v[i].spec == NULL)
			graft_note_add(&q->out->note, q->a, GRAFT_DOMAINS, "CDI",
				       "%s was left out: %s", q->files.v[i].path,
				       q->files.v[i].why.text);
}

static int apply_resolve(struct cdi_editor *q, const struct apply_names *names)
{
	const struct graft_policy_cdi *cdi = &q->policy->cdi;
	int r = cdi_read_dirs(q->h, cdi->dirs, cdi->n_dirs, q->a, &q->files, q->e);

	for (size_t i = 0; r == 0 && i < names->n; i++)
		r = apply_find(q, &names->v[i]);
	if (r == 0)
		apply_unread(q);
	return r;
}

/* ---- the copy that is edited: what is changed in it must not be the caller's ---- */

static void apply_copy(struct cdi_editor *q, const struct oci_config *c)
{
	struct oci_config *copy = arena_new(q->a, struct oci_config);

	*copy = *c;
	copy->linux = arena_new(q->a, struct oci_linux);
	if (c->linux != NULL)
		*copy->linux = *c->linux;
	if (c->process != NULL) {
		copy->process = arena_new(q->a, struct oci_process);
		*copy->process = *c->process;
		copy->process->user = arena_new(q->a, struct oci_user);
		if (c->process->user != NULL)
			*copy->process->user = *c->process->user;
	}
	if (copy->linux->resources != NULL) {
		copy->linux->resources = arena_new(q->a, struct oci_resources);
		*copy->linux->resources = *c->linux->resources;
	}
	copy->hooks = arena_new(q->a, struct oci_hooks);
	if (c->hooks != NULL)
		*copy->hooks = *c->hooks;
	q->config = copy;
}

int cdi_apply(const struct host *h, const struct oci_config *c, const struct graft_policy *policy,
	      struct arena *a, struct cdi_result *out, struct err *e)
{
	struct cdi_editor q = {.h = h, .policy = policy, .a = a, .out = out, .e = e};
	struct apply_names names = {0};

	*out = (struct cdi_result){.policy = policy};
	if (!cdi_is_asked(c) || apply_is_none(c))
		return 0;
	if (!policy->cdi.resolve) {
		log_debug("cdi.k8s.io: the names are the engine's to resolve; %s does not ask for "
			  "it here (cdi.resolve)",
			  policy->source);
		return 0;
	}
	apply_annotations(c, a, &names);
	apply_mounts_asked(c, a, &names);
	if (names.n > CDI_NAMES_MAX)
		return graft_refuse(e, EINVAL, GRAFT_DOMAINS, "VALUE",
				    "cdi.k8s.io: more than %d devices are asked for",
				    CDI_NAMES_MAX);
	int r = apply_resolve(&q, &names);
	if (r < 0)
		return r;
	apply_copy(&q, c);
	for (size_t i = 0; i < c->n_mounts; i++)
		if (!apply_is_mount(&c->mounts[i]))
			*ARENA_PUSH(a, &q.mount) = (struct cdi_edit_mount){c->mounts[i], NULL, i};
	r = cdi_edit(&q);
	if (r == 0)
		out->config = q.config;
	return r;
}

/* ---- origins ---- */

static bool apply_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

/* The place that starts at text, or NULL. */
static const struct cdi_origin *apply_place(const struct cdi_result *cdi, const char *text)
{
	for (size_t i = 0; i < cdi->origin.n; i++) {
		const struct cdi_origin *o = &cdi->origin.v[i];
		size_t n = strlen(o->place);
		bool whole = o->place[n - 1] == ']' || !apply_is_word(text[n]) || text[n] == '.';
		if (strncmp(text, o->place, n) == 0 && whole)
			return o;
	}
	return NULL;
}

const char *cdi_origin_of(const struct cdi_result *cdi, const char *text, struct arena *a)
{
	for (const char *p = text; p != NULL && *p != '\0'; p++) {
		const struct cdi_origin *o =
			p == text || !apply_is_word(p[-1]) ? apply_place(cdi, p) : NULL;
		if (o == NULL)
			continue;
		return arena_printf(a, "%.*s%s%s", (int)(p - text), text, o->origin,
				    cdi_origin_of(cdi, p + strlen(o->place), a));
	}
	return text;
}
