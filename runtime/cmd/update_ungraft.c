/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fnmatch.h>
#include <string.h>

#include "cmd/update_graft.h"
#include "hooks/graft.h"
#include "host/host.h"
#include "state/graft.h"

struct sorter {
	const struct graft_edits *had;
	const struct graft_doc *doc;
	const struct host *h;
	struct arena *a;
	struct ungraft *out;
	bool *gone;		    /* of had->device */
	bool domain[GRAFT_DOMAINS]; /* nothing of it is left */
	bool memlock, limit, found;
	const char *done; /* keys, for the record: "gpu=1" */
	struct err *e;
};

static bool sort_named(const char *owner, const char *word, size_t n)
{
	return owner != NULL && strncmp(owner, word, n) == 0 && owner[n] == '\0';
}

/* The instance that a device came for; NULL: it was meant itself. */
static const char *sort_held_by(const struct graft_edit_device *d)
{
	return d->why != NULL && strncmp(d->why, "holds ", 6) == 0 ? d->why + 6 : NULL;
}

/* Whether all words are kernel names of what is grafted; then nobody has to be asked about them. */
static bool sort_words(struct sorter *s, enum graft_domain d, const char *value)
{
	bool all = true;

	for (const char *p = value; *p != '\0';) {
		size_t n = strcspn(p, ",");
		bool found = false;

		for (size_t i = 0; i < s->had->device.n; i++)
			if (s->had->device.v[i].domain == d &&
			    sort_named(s->had->device.v[i].owner, p, n))
				found = s->gone[i] = true;
		all = all && found;
		p += n + (p[n] == ',');
	}
	return all;
}

/* A value as --graft takes it ("0", a UUID, "near-gpu"): what it means on this node now. */
static int sort_resolved(struct sorter *s, const struct oci_map_entry *want, enum graft_domain d)
{
	struct graft_edits *ed;
	int r = graft_resolve_options(s->h, want, 1, s->a, &ed, s->e);

	if (r < 0)
		return err_at(s->e, "--ungraft %s=%s (--ungraft %s takes all of it)", want->key,
			      want->value, want->key);
	for (size_t i = 0; i < s->had->device.n; i++) {
		const struct graft_edit_device *x = &s->had->device.v[i];
		for (size_t k = 0; k < ed->device.n; k++)
			if (x->domain == d && x->owner != NULL && ed->device.v[k].owner != NULL &&
			    sort_held_by(&ed->device.v[k]) == NULL &&
			    strcmp(x->owner, ed->device.v[k].owner) == 0)
				s->gone[i] = s->found = true;
	}
	return 0;
}

/* The node of a GPU that came for its instances ("holds gpu0/gi7/ci0") stays for as long as any of
 * them does. */
static void sort_holders(struct sorter *s)
{
	for (size_t i = 0; i < s->had->device.n; i++) {
		const char *of = sort_held_by(&s->had->device.v[i]);
		bool used = of == NULL;

		for (size_t k = 0; !used && k < s->had->device.n; k++) {
			const char *owner = s->had->device.v[k].owner;
			used = !s->gone[k] && owner != NULL &&
			       strncmp(owner, of, strcspn(of, "/") + 1) == 0;
		}
		s->gone[i] = s->gone[i] || !used;
	}
}

/* What all devices of a domain share goes with the last of them. */
static void sort_shared(struct sorter *s, enum graft_domain d)
{
	for (size_t i = 0; i < s->had->device.n; i++)
		if (s->had->device.v[i].domain == d && s->had->device.v[i].owner != NULL &&
		    !s->gone[i])
			return;
	s->domain[d] = true;
}

static void sort_domain(struct sorter *s, enum graft_domain d)
{
	for (size_t i = 0; s->doc != NULL && i < s->doc->n_request; i++)
		s->found = s->found || strcmp(s->doc->request[i].key, graft_domain_name(d)) == 0;
	for (size_t i = 0; i < s->had->device.n; i++)
		s->found = s->found || s->had->device.v[i].domain == d;
	s->domain[d] = true;
}

/* The policy's own limits are not the container's to lift. */
static int sort_limit(struct sorter *s)
{
	struct graft_policy policy;
	int r = graft_policy_load(s->h, s->a, &policy, s->e);

	s->limit = s->found = s->doc != NULL && s->doc->n_limit > 0;
	for (size_t i = 0; r == 0 && s->found && i < s->doc->n_limit; i++)
		for (size_t k = 0; k < policy.n_limit; k++)
			if (fnmatch(policy.limit[k].device, s->doc->limit[i].hca, 0) == 0)
				return graft_refuse(s->e, EACCES, GRAFT_RDMA, "DENIED",
						    "--ungraft rdma.limit: %s limits '%s' "
						    "(rdmaDefault)",
						    policy.source, s->doc->limit[i].hca);
	return r;
}

static int sort_one(struct sorter *s, const char *word)
{
	const char *eq = strchr(word, '=');
	size_t n = eq == NULL ? strlen(word) : (size_t)(eq - word);
	const struct oci_map_entry want = {arena_strndup(s->a, word, n), eq == NULL ? "" : eq + 1};
	int d = graft_domain_find(want.key, n);
	int r = 0;

	s->found = false;
	if (strcmp(word, "memlock") == 0) {
		s->memlock = s->found = s->had->memlock.set;
	} else if (strcmp(word, "rdma.limit") == 0) {
		r = sort_limit(s);
	} else if (d < 0 || (eq != NULL && want.value[0] == '\0')) {
		return err_set(s->e, EINVAL,
			       "--ungraft: must be a graft such as gpu or gpu=0, memlock or "
			       "rdma.limit, got '%.100s'",
			       word);
	} else if (eq == NULL) {
		sort_domain(s, (enum graft_domain)d);
	} else {
		s->found = sort_words(s, (enum graft_domain)d, want.value);
		if (!s->found)
			r = sort_resolved(s, &want, (enum graft_domain)d);
		sort_holders(s);
		sort_shared(s, (enum graft_domain)d);
	}
	if (r == 0 && !s->found)
		return err_set(s->e, ENOENT, "--ungraft: nothing of '%.100s' is grafted", word);
	s->done = s->done == NULL ? word : arena_printf(s->a, "%s, %s", s->done, word);
	return r;
}

static void sort_devices(struct sorter *s)
{
	struct ungraft *u = s->out;

	for (size_t i = 0; i < s->had->device.n; i++) {
		const struct graft_edit_device *d = &s->had->device.v[i];
		struct graft_edits *to = s->gone[i] || s->domain[d->domain] ? &u->gone : &u->rest;
		*ARENA_PUSH(s->a, &to->device) = *d;
	}
}

static bool sort_is_gone(const struct sorter *s, const char *graft)
{
	int d = graft == NULL ? -1 : graft_domain_find(graft, strlen(graft));

	return d >= 0 && s->domain[d];
}

/* A library that another one needs stays for as long as any library does. */
static void sort_files(struct sorter *s)
{
	struct ungraft *u = s->out;
	bool others = false;

	if (s->doc == NULL)
		return;
	for (size_t i = 0; i < s->doc->n_file; i++)
		others = others || (s->doc->file[i].soname != NULL &&
				    !sort_is_gone(s, s->doc->file[i].graft));
	for (size_t i = 0; i < s->doc->n_file; i++) {
		const struct graft_doc_file *f = &s->doc->file[i];
		bool needed = others && f->why != NULL && strncmp(f->why, "needed by ", 10) == 0;
		bool gone = sort_is_gone(s, f->graft) && !needed;
		struct graft_edit_mount m = {.source = f->source,
					     .target = f->target,
					     .soname = f->soname,
					     .alias = f->alias,
					     .n_alias = f->n_alias,
					     .why = f->why};

		if (gone)
			*ARENA_PUSH(s->a, &u->gone.mount) = m;
		else
			*ARENA_PUSH(s->a, &u->rest_file) = m;
	}
}

/* Groups that only devices had that go, variables with the last device. */
static void sort_rest(struct sorter *s)
{
	struct ungraft *u = s->out;

	for (size_t i = 0; u->rest.device.n > 0 && i < s->had->env.n; i++)
		*ARENA_PUSH(s->a, &u->rest.env) = s->had->env.v[i];
	for (size_t i = 0; u->rest.device.n > 0 && i < s->had->gid.n; i++)
		*ARENA_PUSH(s->a, &u->rest.gid) = s->had->gid.v[i];
	if (!s->memlock) {
		u->rest.memlock = s->had->memlock;
		u->rest.memlock_why = s->had->memlock_why;
	}
}

static bool sort_has(const struct graft_edit_devices *v, const char *path)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->v[i].node.path, path) == 0)
			return true;
	return false;
}

static bool sort_has_owner(const struct graft_edit_devices *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->v[i].domain == GRAFT_RDMA && v->v[i].owner != NULL &&
		    strcmp(v->v[i].owner, name) == 0)
			return true;
	return false;
}

static void sort_limits(struct sorter *s, struct graft_doc *d)
{
	struct ungraft *u = s->out;

	u->unlimited = arena_array(s->a, s->doc->n_limit, sizeof(*u->unlimited));
	d->limit = arena_array(s->a, s->doc->n_limit, sizeof(*d->limit));
	d->n_limit = 0;
	for (size_t i = 0; i < s->doc->n_limit; i++) {
		const struct graft_doc_limit *l = &s->doc->limit[i];
		if (s->limit || sort_has_owner(&u->gone.device, l->hca))
			u->unlimited[u->n_unlimited++] = l->hca;
		else
			d->limit[d->n_limit++] = *l;
	}
	/* "mlx5_0 hca_handle=4" */
	d->cgroup = arena_array(s->a, s->doc->n_cgroup, sizeof(*d->cgroup));
	d->n_cgroup = 0;
	for (size_t i = 0; i < s->doc->n_cgroup; i++) {
		const struct oci_map_entry *x = &s->doc->cgroup[i];
		bool gone = false;
		for (size_t k = 0; k < u->n_unlimited; k++)
			gone = gone ||
			       (strcmp(x->key, "rdma.max") == 0 &&
				sort_named(arena_strndup(s->a, x->value, strcspn(x->value, " ")),
					   u->unlimited[k], strlen(u->unlimited[k])));
		if (!gone)
			d->cgroup[d->n_cgroup++] = *x;
	}
}

static void sort_requests(struct sorter *s, struct graft_doc *d)
{
	d->request = arena_array(s->a, s->doc->n_request, sizeof(*d->request));
	d->n_request = 0;
	for (size_t i = 0; i < s->doc->n_request; i++) {
		struct graft_doc_request r = s->doc->request[i];
		bool gone = sort_is_gone(s, r.key) ||
			    (s->memlock && strcmp(r.key, "memlock") == 0) ||
			    (s->limit && strcmp(r.key, "rdma.limit") == 0);

		if (gone)
			continue;
		if (strstr(s->done, arena_printf(s->a, "%s=", r.key)) != NULL)
			r.source = arena_printf(s->a, "%s, then --ungraft %s", r.source, s->done);
		d->request[d->n_request++] = r;
	}
}

static void sort_doc(struct sorter *s)
{
	struct ungraft *u = s->out;
	struct graft_doc *d = arena_new(s->a, struct graft_doc);

	if (s->doc == NULL)
		return;
	*d = *s->doc;
	d->device = arena_array(s->a, s->doc->n_device, sizeof(*d->device));
	d->n_device = 0;
	for (size_t i = 0; i < s->doc->n_device; i++)
		if (!sort_has(&u->gone.device, s->doc->device[i].path))
			d->device[d->n_device++] = s->doc->device[i];
	d->file = arena_array(s->a, s->doc->n_file, sizeof(*d->file));
	d->n_file = 0;
	for (size_t i = 0; i < s->doc->n_file; i++) {
		bool gone = false;
		for (size_t k = 0; k < u->gone.mount.n; k++)
			gone = gone ||
			       strcmp(u->gone.mount.v[k].target, s->doc->file[i].target) == 0;
		if (!gone)
			d->file[d->n_file++] = s->doc->file[i];
	}
	if (s->memlock)
		d->memlock = (struct opt_u64){0};
	if (u->rest.device.n == 0)
		d->n_gid = d->n_env = 0;
	sort_limits(s, d);
	sort_requests(s, d);
	u->doc = d;
}

int ungraft_sort(const struct cmd_list *list, const struct graft_edits *had,
		 const struct graft_doc *doc, const struct host *h, struct arena *a,
		 struct ungraft *out, struct err *e)
{
	struct sorter s = {.had = had, .doc = doc, .h = h, .a = a, .out = out, .e = e};

	*out = (struct ungraft){0};
	s.gone = arena_array(a, had->device.n, sizeof(*s.gone));
	for (size_t i = 0; i < list->n; i++) {
		int r = sort_one(&s, list->v[i]);
		if (r < 0)
			return r;
	}
	sort_devices(&s);
	sort_files(&s);
	sort_rest(&s);
	sort_doc(&s);
	return 0;
}
