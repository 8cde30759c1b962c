/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "state/graft.h"
#include "state/graft_doc.h"

/* Two lists of a record as one. Their items begin with the word that tells them apart; of two with
 * the same word the later one counts. */
static void *join_lists(struct arena *a, const void *x, size_t nx, const void *y, size_t ny,
			size_t size, size_t *out_n)
{
	char *v = arena_array(a, nx + ny, size);
	size_t n = nx;

	if (nx > 0)
		memcpy(v, x, nx * size);
	for (size_t i = 0; i < ny; i++) {
		const char *item = (const char *)y + i * size;
		size_t at = 0;

		while (at < n && strcmp(*(const char *const *)(v + at * size),
					*(const char *const *)item) != 0)
			at++;
		memcpy(v + at * size, item, size);
		n += at == n;
	}
	*out_n = n;
	return v;
}

#define JOIN(d, old, member)                                                                       \
	((d)->member = join_lists(a, (old)->member, (old)->n_##member, (d)->member,                \
				  (d)->n_##member, sizeof(*(d)->member), &(d)->n_##member))

/* "gpu" was 0, now comes 1: both were asked for. */
static void join_requests(struct graft_doc *d, const struct graft_doc *old, struct arena *a)
{
	for (size_t i = 0; i < d->n_request; i++)
		for (size_t k = 0; k < old->n_request; k++) {
			struct graft_doc_request *r = &d->request[i];
			const struct graft_doc_request *o = &old->request[k];

			if (strcmp(r->key, o->key) != 0)
				continue;
			r->value = arena_printf(a, "%s,%s", o->value, r->value);
			r->source = arena_printf(a, "%s, then %s", o->source, r->source);
		}
}

static void join_groups(struct graft_doc *d, const struct graft_doc *old, struct arena *a)
{
	uint64_t *v = arena_array(a, old->n_gid + d->n_gid, sizeof(*v));
	size_t n = old->n_gid;

	if (n > 0)
		memcpy(v, old->gid, n * sizeof(*v));
	for (size_t i = 0; i < d->n_gid; i++) {
		size_t at = 0;
		while (at < n && v[at] != d->gid[i])
			at++;
		v[at] = d->gid[i];
		n += at == n;
	}
	d->gid = v;
	d->n_gid = n;
}

/* One file may have several, a device each. */
static void join_settings(struct graft_doc *d, const struct graft_doc *old, struct arena *a)
{
	struct oci_map_entry *v = arena_array(a, old->n_cgroup + d->n_cgroup, sizeof(*v));

	for (size_t i = 0; i < old->n_cgroup; i++)
		v[i] = old->cgroup[i];
	for (size_t i = 0; i < d->n_cgroup; i++)
		v[old->n_cgroup + i] = d->cgroup[i];
	d->cgroup = v;
	d->n_cgroup += old->n_cgroup;
}

struct graft_doc *graft_doc_join(const struct graft_doc *old, const struct graft_record_input *in,
				 struct arena *a)
{
	struct graft_doc *d = graft_doc_build(in, a);

	if (old == NULL)
		return d;
	join_requests(d, old, a);
	JOIN(d, old, request);
	JOIN(d, old, fact);
	JOIN(d, old, device);
	JOIN(d, old, file);
	JOIN(d, old, env);
	JOIN(d, old, limit);
	JOIN(d, old, note);
	join_groups(d, old, a);
	join_settings(d, old, a);
	if (!d->memlock.set) {
		d->memlock = old->memlock;
		d->memlock_why = old->memlock_why;
	}
	d->curtain = old->curtain; /* nothing of it changes while a container runs */
	d->n_curtain = old->n_curtain;
	d->run = old->run;
	d->image = old->image;
	return d;
}
