/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "hooks/cdi.h"
#include "hooks/library.h"
#include "hooks/select.h"
#include "hooks/trust.h"
#include "host/host.h"

struct emitter {
	const struct host *h;
	const struct graft_inventory *inv;
	struct graft_policy policy; /* as far as it is about devices */
	const struct cdi_emit_options *o;
	struct arena *a;
	struct graft_notes *notes;
	struct err *e;
};

/* Of one containerEdits, while it grows. */
struct emit_edits {
	struct emit_nodes {
		struct cdi_device_node *v;
		size_t n, cap;
	} node;
	struct emit_mounts {
		struct cdi_mount *v;
		size_t n, cap;
	} mount;
	struct emit_gids {
		uint64_t *v;
		size_t n, cap;
	} gid;
};

/* One document while it grows: its devices, and what they share. */
struct emit_spec {
	enum graft_domain first, second; /* second: the adapters beside GPUs; GRAFT_DOMAINS: none */
	const size_t *nearest;
	struct emit_devices {
		struct cdi_device *v;
		size_t n, cap;
	} device;
	struct emit_edits shared;
};

/* ---- one device's edits ---- */

/* Numbers that the kernel has given away for good (Documentation/admin-guide/devices.txt). */
static bool emit_is_static(dev_t dev)
{
	return major(dev) == 195 || major(dev) == 226 || major(dev) == 231;
}

static void emit_gid(struct emitter *q, struct emit_edits *to, const struct graft_node *n)
{
	if (!graft_node_wants_group(n))
		return;
	for (size_t i = 0; i < to->gid.n; i++)
		if (to->gid.v[i] == n->gid)
			return;
	*ARENA_PUSH(q->a, &to->gid) = n->gid;
}

/* Without numbers: the engine asks the host's node when a container is made, so that the file can't
 * grow stale by a driver that is loaded anew. Only a node that does not exist yet gets them. */
static void emit_node(struct emitter *q, struct emit_edits *to, enum graft_domain domain,
		      const struct graft_node *n)
{
	struct cdi_device_node d = {.path = n->path, .permissions = "rw"};

	for (size_t i = 0; i < to->node.n; i++)
		if (strcmp(to->node.v[i].path, n->path) == 0)
			return;
	if (n->mode != 0666 || n->uid != 0 || n->gid != 0) {
		d.file_mode = (struct opt_u64){true, n->mode};
		d.uid = (struct opt_u64){true, n->uid};
		d.gid = (struct opt_u64){true, n->gid};
	}
	if (n->missing && emit_is_static(n->dev)) {
		d.type = "c";
		d.major = (struct opt_i64){true, major(n->dev)};
		d.minor = (struct opt_i64){true, minor(n->dev)};
	}
	if (n->missing && d.type == NULL)
		graft_note_add(q->notes, q->a, domain, "LAZY",
			       "%s does not exist on the host yet, and no engine can use it before "
			       "nvidia-modprobe -u -c 0 has made it",
			       n->path);
	*ARENA_PUSH(q->a, &to->node) = d;
	emit_gid(q, to, n);
}

static void emit_mount(struct emitter *q, struct emit_edits *to, const struct graft_edit_mount *m)
{
	static const char *data[] = {"bind", "ro", "nosuid", "nodev", "noexec"};
	struct err why = {0};

	for (size_t i = 0; i < to->mount.n; i++)
		if (strcmp(to->mount.v[i].container_path, m->target) == 0)
			return;
	autoclose int fd = trust_open(q->h, m->source, O_PATH, &why);
	if (fd < 0) {
		graft_note_add(q->notes, q->a, m->domain, "POLICY", "%s is left out: %s", m->source,
			       why.code != 0 ? why.text : "is gone");
		return;
	}
	*ARENA_PUSH(q->a, &to->mount) = (struct cdi_mount){
		.host_path = m->source,
		.container_path = m->target,
		.options = data,
		.n_options = ARRAY_LEN(data) - m->exec,
	};
}

static struct cdi_edits *emit_edits_of(struct emitter *q, const struct emit_edits *from)
{
	struct cdi_edits *ed = arena_new(q->a, struct cdi_edits);

	*ed = (struct cdi_edits){
		.device_nodes = from->node.v,
		.n_device_nodes = from->node.n,
		.mounts = from->mount.v,
		.n_mounts = from->mount.n,
		.additional_gids = from->gid.v,
		.n_additional_gids = from->gid.n,
	};
	return ed;
}

/* A note of each device is one of the file. LAZY speaks of what greffon itself would do. */
static void emit_notes(struct emitter *q, const struct graft_notes *notes)
{
	for (size_t i = 0; i < notes->n; i++) {
		bool have = strcmp(notes->v[i].code, "LAZY") == 0;
		for (size_t k = 0; k < q->notes->n; k++)
			have = have || strcmp(q->notes->v[k].text, notes->v[i].text) == 0;
		if (!have)
			*ARENA_PUSH(q->a, q->notes) = notes->v[i];
	}
}

/* What is of no single device is the document's. */
static void emit_split(struct emitter *q, const struct graft_edits *ed, struct emit_edits *own,
		       struct emit_edits *shared)
{
	for (size_t i = 0; i < ed->device.n; i++)
		emit_node(q, ed->device.v[i].owner != NULL ? own : shared, ed->device.v[i].domain,
			  &ed->device.v[i].node);
	for (size_t i = 0; i < ed->mount.n; i++)
		emit_mount(q, shared, &ed->mount.v[i]);
	emit_notes(q, &ed->note);
}

static int emit_ask(struct emitter *q, const struct emit_spec *s, const char *name,
		    const char *adapters, struct graft_edits *ed)
{
	struct graft_request *r = arena_new(q->a, struct graft_request);

	r->want[s->first] = (struct graft_want){
		.value = name, .source = "graft cdi", .trust = GRAFT_FROM_POLICY};
	if (s->second != GRAFT_DOMAINS)
		r->want[s->second] = (struct graft_want){
			.value = adapters, .source = "graft cdi", .trust = GRAFT_FROM_POLICY};
	return graft_edit(q->inv, r, &q->policy, q->a, ed, q->e);
}

/* 0: there is an entry; 1: it can't be had, which is no error of the others. */
static int emit_device(struct emitter *q, struct emit_spec *s, const char *name,
		       const char *adapters, struct graft_edits *ed)
{
	struct emit_edits own = {0};
	int r = emit_ask(q, s, name, adapters, ed);

	if (r == -EACCES || r == -ESTALE) {
		*q->e = (struct err){0};
		return 1;
	}
	if (r < 0)
		return r;
	emit_split(q, ed, &own, &s->shared);
	if (own.node.n == 0)
		return 1;
	*ARENA_PUSH(q->a, &s->device) =
		(struct cdi_device){.name = name, .edits = emit_edits_of(q, &own)};
	return 0;
}

/* ---- one document ---- */

static bool emit_has(const struct emit_spec *s, const char *name)
{
	for (size_t i = 0; i < s->device.n; i++)
		if (strcmp(s->device.v[i].name, name) == 0)
			return true;
	return false;
}

/* The name of the adapter beside a device; "" where none is needed, NULL where there is none. */
static const char *emit_adapter(const struct emitter *q, const struct emit_spec *s, size_t i)
{
	if (s->second == GRAFT_DOMAINS)
		return "";
	return s->nearest[i] < q->inv->device.n ? q->inv->device.v[s->nearest[i]].name : NULL;
}

static int emit_names(struct emitter *q, struct emit_spec *s, size_t i, struct graft_edits *ed)
{
	const struct graft_device *dev = &q->inv->device.v[i];
	const char *adapter = emit_adapter(q, s, i);
	int r = 0;

	if (adapter == NULL)
		return 0;
	for (size_t k = 0; r >= 0 && k <= dev->n_alias; k++) {
		/* the index, or what else is usual, before the kernel's name */
		const char *name = k < dev->n_alias ? dev->alias[k] : dev->name;
		if (cdi_is_device_name(name, strlen(name)) && strcmp(name, "true") != 0 &&
		    strcmp(name, "all") != 0 && !emit_has(s, name))
			r = emit_device(q, s, name, adapter, ed);
	}
	return r < 0 ? r : 0;
}

/* Each adapter once. */
static const char *emit_adapters(struct emitter *q, const struct emit_spec *s)
{
	const char *list = "";
	bool *have = arena_array(q->a, q->inv->device.n, sizeof(*have));

	if (s->second == GRAFT_DOMAINS)
		return list;
	for (size_t i = 0; i < q->inv->device.n; i++) {
		size_t at = s->nearest[i];
		if (at >= q->inv->device.n || have[at])
			continue;
		have[at] = true;
		list = arena_printf(q->a, "%s%s%s", list, list[0] != '\0' ? "," : "",
				    q->inv->device.v[at].name);
	}
	return list;
}

static void emit_libraries(struct emitter *q, struct emit_spec *s, const struct graft_edits *ed)
{
	struct graft_edit_mounts files = {0};
	struct graft_notes missing = {0};

	if (ed->library.n == 0 || q->h->captured)
		return;
	graft_library_files(q->h, q->a, ed, &files, &missing);
	emit_notes(q, &missing);
	for (size_t i = 0; i < files.n; i++)
		emit_mount(q, &s->shared, &files.v[i]);
}

static const char *emit_class(const struct emitter *q, const struct emit_spec *s)
{
	/* what AMD's own tools call them */
	const char *first = s->first == GRAFT_AMD && strcmp(q->o->vendor, "amd.com") == 0
				    ? "gpu"
				    : graft_domain_name(s->first);

	return s->second == GRAFT_DOMAINS
		       ? first
		       : arena_printf(q->a, "%s-%s", first, graft_domain_name(s->second));
}

static int emit_version(struct emitter *q, struct cdi_spec *spec)
{
	const char *why, *need = cdi_required_version(spec, q->a, &why);

	spec->version = q->o->version == NULL ? need : q->o->version;
	if (cdi_version_is_lower(spec->version, need))
		return err_set(q->e, EINVAL,
			       "--cdi-version: '%s' is too low for %s: %s needs %s at least",
			       q->o->version, spec->kind, why, need);
	return cdi_validate(spec, q->a, q->e);
}

static int emit_spec(struct emitter *q, struct emit_spec *s, struct cdi_specs *out)
{
	struct graft_edits ed;
	int r = 0;

	for (size_t i = 0; r == 0 && i < q->inv->device.n; i++)
		if (q->inv->device.v[i].domain == s->first &&
		    q->inv->device.v[i].unavailable == NULL)
			r = emit_names(q, s, i, &ed);
	if (r < 0 || s->device.n == 0)
		return r;
	r = emit_device(q, s, "all", emit_adapters(q, s), &ed);
	if (r < 0)
		return r;
	emit_libraries(q, s, &ed);
	struct cdi_spec spec = {
		.kind = arena_printf(q->a, "%s/%s", q->o->vendor, emit_class(q, s)),
		.devices = s->device.v,
		.n_devices = s->device.n,
	};
	if (s->shared.node.n > 0 || s->shared.mount.n > 0)
		spec.edits = emit_edits_of(q, &s->shared);
	r = emit_version(q, &spec);
	if (r == 0)
		*ARENA_PUSH(q->a, out) = spec;
	return r;
}

int cdi_emit(const struct host *h, const struct graft_inventory *inv,
	     const struct graft_policy *policy, const struct cdi_emit_options *o, struct arena *a,
	     struct cdi_specs *out, struct graft_notes *notes, struct err *e)
{
	static const enum graft_domain gpus[] = {GRAFT_GPU, GRAFT_AMD};
	struct emitter q = {h, inv, *policy, o, a, notes, e};
	size_t *nearest = arena_array(a, inv->device.n, sizeof(*nearest));
	int r = 0;

	*out = (struct cdi_specs){0};
	q.policy.enable = (1U << GRAFT_DOMAINS) - 1;
	for (int d = 0; r == 0 && d < GRAFT_DOMAINS; d++) {
		struct emit_spec s = {.first = (enum graft_domain)d, .second = GRAFT_DOMAINS};
		if ((o->domains & GRAFT_BIT(d)) != 0)
			r = emit_spec(&q, &s, out);
	}
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(gpus); i++) {
		struct emit_spec s = {.first = gpus[i], .second = GRAFT_RDMA, .nearest = nearest};
		if ((o->domains & GRAFT_BIT(gpus[i])) == 0 ||
		    (o->domains & GRAFT_BIT(GRAFT_RDMA)) == 0)
			continue;
		select_near_map(inv, gpus[i], &q.policy, a, nearest);
		r = emit_spec(&q, &s, out);
	}
	return r;
}

const char *cdi_file_name(const struct cdi_spec *s, struct arena *a)
{
	char *name = arena_printf(a, "%s.json", s->kind);

	*strchr(name, '/') = '-';
	return name;
}
