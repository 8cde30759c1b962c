/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include "cgroup/cgroup.h"
#include "hooks/graft.h"
#include "state/graft.h"
#include "state/graft_doc.h"

/* What a plan with grafts says, as the record has it. Everything but the files' digests. */

struct doc_builder {
	const struct graft_record_input *in;
	const struct graft_edits *ed;
	struct arena *a;
	struct graft_doc *d;
};

static void doc_node(struct doc_builder *b)
{
	struct graft_doc *d = b->d;
	struct utsname u;

	d->run = arena_new(b->a, struct graft_doc_run);
	d->run->id = b->in->record->id;
	d->run->created = b->in->record->created;
	d->run->bundle = b->in->record->bundle;
	d->run->boot_id = b->in->record->boot_id;
	d->run->cgroups = arena_array(b->a, b->in->record->n_cgroup, sizeof(*d->run->cgroups));
	for (size_t i = 0; i < b->in->record->n_cgroup; i++)
		d->run->cgroups[d->run->n_cgroups++] = b->in->record->cgroup[i].path;
	d->greffon = arena_new(b->a, struct graft_doc_greffon);
	*d->greffon = (struct graft_doc_greffon){b->in->version, b->in->commit};
	if (uname(&u) < 0)
		return;
	d->run->node = arena_strdup(b->a, u.nodename);
	d->kernel = arena_new(b->a, struct graft_doc_kernel);
	*d->kernel = (struct graft_doc_kernel){arena_strdup(b->a, u.release),
					       arena_strdup(b->a, u.version),
					       arena_strdup(b->a, u.machine)};
}

/* The image is the engine's knowledge; it is in annotations where the engine puts it there. */
static bool doc_is_of_image(const char *key)
{
	static const char *const keys[] = {
		"org.opencontainers.image.",
		"io.kubernetes.cri.image-",
		"io.kubernetes.cri-o.ImageName",
		"io.kubernetes.cri-o.ImageRef",
		"io.kubernetes.cri-o.SomeNameOfTheImage",
		"io.podman.annotations.image",
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strncmp(key, keys[i], strlen(keys[i])) == 0)
			return true;
	return false;
}

static void doc_image(struct doc_builder *b)
{
	const struct plan *p = b->in->p;
	struct graft_doc_image *image = arena_new(b->a, struct graft_doc_image);
	char text[DIGEST_TEXT];

	digest_bytes(b->in->config_text, b->in->config_len, text);
	image->config = arena_strdup(b->a, text);
	image->rootfs = p->rootfs;
	image->annotations = arena_array(b->a, p->n_annotation, sizeof(*image->annotations));
	for (size_t i = 0; i < p->n_annotation; i++)
		if (doc_is_of_image(p->annotation[i].key))
			image->annotations[image->n_annotations++] = (struct oci_map_entry){
				p->annotation[i].key, p->annotation[i].value};
	b->d->image = image;
}

static void doc_want(struct doc_builder *b, const char *key, const struct graft_want *w)
{
	if (w->value == NULL)
		return;
	b->d->request[b->d->n_request++] = (struct graft_doc_request){
		.key = key,
		.value = w->value,
		.source = w->source,
		.narrow = w->narrow,
		.narrow_source = w->narrow_source,
	};
}

static void doc_requests(struct doc_builder *b)
{
	const struct graft_request *r = b->ed->request;

	b->d->request = arena_array(b->a, GRAFT_DOMAINS + 4, sizeof(*b->d->request));
	for (int d = 0; d < GRAFT_DOMAINS; d++)
		doc_want(b, graft_domain_name((enum graft_domain)d), &r->want[d]);
	doc_want(b, "gpu.caps", &r->caps);
	doc_want(b, "memlock", &r->memlock);
	doc_want(b, "rdma.limit", &r->limit);
	doc_want(b, "profile", &r->profile);
}

static const struct graft_device *doc_find(const struct graft_inventory *inv,
					   const struct graft_edit_device *d)
{
	for (size_t i = 0; d->owner != NULL && i < inv->device.n; i++)
		if (inv->device.v[i].domain == d->domain &&
		    strcmp(inv->device.v[i].name, d->owner) == 0)
			return &inv->device.v[i];
	return NULL;
}

static void doc_devices(struct doc_builder *b)
{
	const struct graft_edits *ed = b->ed;

	b->d->device = arena_array(b->a, ed->device.n, sizeof(*b->d->device));
	for (size_t i = 0; i < ed->device.n; i++) {
		const struct graft_edit_device *e = &ed->device.v[i];
		const struct graft_device *dev = doc_find(ed->inv, e);
		struct graft_doc_device *d = &b->d->device[b->d->n_device++];

		*d = (struct graft_doc_device){
			.path = e->node.path,
			.major = {true, major(e->node.dev)},
			.minor = {true, minor(e->node.dev)},
			.mode = arena_printf(b->a, "%04o", (unsigned int)e->node.mode),
			.uid = {true, e->node.uid},
			.gid = {true, e->node.gid},
			.graft = graft_domain_name(e->domain),
			.owner = e->owner,
			.why = e->why,
		};
		if (dev == NULL)
			continue;
		d->model = dev->model;
		d->driver = dev->driver;
		d->pci = dev->place.bdf;
		d->names = dev->alias;
		d->n_names = dev->n_alias;
		d->rule = graft_rule_of(ed->inv, ed->policy, dev);
	}
}

/* "libcuda.so.580.95.05" has the version 580.95.05. */
static const char *doc_version(const char *source)
{
	const char *so = strstr(source, ".so.");

	return so == NULL || strchr(so, '/') != NULL ? NULL : so + 4;
}

static void doc_files(struct doc_builder *b)
{
	const struct graft_edits *ed = b->ed;

	b->d->file = arena_array(b->a, ed->mount.n, sizeof(*b->d->file));
	for (size_t i = 0; i < ed->mount.n; i++) {
		const struct graft_edit_mount *m = &ed->mount.v[i];

		b->d->file[b->d->n_file++] = (struct graft_doc_file){
			.target = m->target,
			.source = m->source,
			.soname = m->soname,
			.alias = m->alias,
			.n_alias = m->n_alias,
			.version = doc_version(m->source),
			.graft = graft_domain_name(m->domain),
			.why = m->why,
		};
	}
}

static void doc_curtain(struct doc_builder *b)
{
	const struct graft_edits *ed = b->ed;

	b->d->curtain = arena_array(b->a, ed->veil.n, sizeof(*b->d->curtain));
	for (size_t i = 0; i < ed->veil.n; i++)
		b->d->curtain[b->d->n_curtain++] = ed->veil.v[i].path;
}

static void doc_limits(struct doc_builder *b)
{
	const struct graft_edits *ed = b->ed;
	const struct plan_cgroup *cg = &b->in->p->cgroup;
	struct graft_doc *d = b->d;

	d->env = arena_array(b->a, ed->env.n, sizeof(*d->env));
	for (size_t i = 0; i < ed->env.n; i++)
		d->env[d->n_env++] = (struct oci_map_entry){ed->env.v[i].name, ed->env.v[i].value};
	d->gid = arena_array(b->a, ed->gid.n, sizeof(*d->gid));
	for (size_t i = 0; i < ed->gid.n; i++)
		d->gid[d->n_gid++] = ed->gid.v[i];
	d->memlock = ed->memlock;
	d->memlock_why = ed->memlock_why;
	d->limit = arena_array(b->a, ed->limit.n, sizeof(*d->limit));
	for (size_t i = 0; i < ed->limit.n; i++)
		d->limit[d->n_limit++] = (struct graft_doc_limit){
			ed->limit.v[i].device, ed->limit.v[i].handles, ed->limit.v[i].objects};
	d->cgroup = arena_array(b->a, cg->settings.n, sizeof(*d->cgroup));
	for (size_t i = 0; i < cg->settings.n; i++)
		d->cgroup[d->n_cgroup++] =
			(struct oci_map_entry){cg->settings.v[i].file, cg->settings.v[i].value};
}

static void doc_facts(struct doc_builder *b)
{
	const struct graft_inventory *inv = b->ed->inv;
	struct graft_doc *d = b->d;

	d->policy = b->ed->policy->source;
	d->fact = arena_array(b->a, inv->fact.n, sizeof(*d->fact));
	for (size_t i = 0; i < inv->fact.n; i++)
		d->fact[d->n_fact++] = (struct oci_map_entry){
			arena_printf(b->a, "%s.%s", graft_domain_name(inv->fact.v[i].domain),
				     inv->fact.v[i].key),
			inv->fact.v[i].value};
}

static void doc_notes(struct doc_builder *b)
{
	const struct graft_notes *notes = &b->ed->note;

	b->d->note = arena_array(b->a, notes->n, sizeof(*b->d->note));
	for (size_t i = 0; i < notes->n; i++)
		b->d->note[b->d->n_note++] =
			(struct graft_doc_note){notes->v[i].text, notes->v[i].code,
						notes->v[i].domain == GRAFT_DOMAINS
							? NULL
							: graft_domain_name(notes->v[i].domain)};
}

struct graft_doc *graft_doc_build(const struct graft_record_input *in, struct arena *a)
{
	struct doc_builder b = {in, in->p->graft, a, arena_new(a, struct graft_doc)};

	b.d->version = (struct opt_u64){true, GRAFT_RECORD_VERSION};
	doc_node(&b);
	doc_image(&b);
	doc_requests(&b);
	doc_facts(&b);
	doc_devices(&b);
	doc_files(&b);
	doc_curtain(&b);
	doc_limits(&b);
	doc_notes(&b);
	return b.d;
}
