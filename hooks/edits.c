/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "hooks/curtain.h"
#include "hooks/nvidia_libraries.h"
#include "hooks/values.h"

#define EDITS_CAPS_DEFAULT (GRAFT_CAP_COMPUTE | GRAFT_CAP_UTILITY)

struct editor {
	const struct graft_inventory *inv;
	const struct graft_request *r;
	const struct graft_policy *policy;
	struct arena *a;
	struct graft_edits *out;
	struct err *e;
	struct select_set set;
	struct select_options options;
	unsigned int caps; /* GRAFT_CAP_* of the GPU domain */
};

bool graft_node_wants_group(const struct graft_node *n)
{
	/* others may not, the group may */
	return (n->mode & 0006) != 0006 && (n->mode & 0060) == 0060 && n->gid != 0;
}

static void edits_gid(struct editor *q, const struct graft_node *n)
{
	if (!graft_node_wants_group(n))
		return;
	for (size_t i = 0; i < q->out->gid.n; i++)
		if (q->out->gid.v[i] == n->gid)
			return;
	*ARENA_PUSH(q->a, &q->out->gid) = n->gid;
}

static void edits_device(struct editor *q, enum graft_domain d, const struct graft_node *n,
			 const char *owner, const char *why)
{
	for (size_t i = 0; i < q->out->device.n; i++)
		if (strcmp(q->out->device.v[i].node.path, n->path) == 0)
			return;
	*ARENA_PUSH(q->a, &q->out->device) = (struct graft_edit_device){d, *n, owner, why};
	edits_gid(q, n);
	if (n->missing)
		graft_note_add(&q->out->note, q->a, d, "LAZY",
			       "%s (%u:%u) does not exist on the host yet; it is made in the "
			       "container, and on the host by nvidia-modprobe -u -c 0",
			       n->path, major(n->dev), minor(n->dev));
}

/* Whether the nodes of a role come along. */
static bool edits_has_role(const struct editor *q, enum graft_domain d, enum graft_role role)
{
	const unsigned int drawing =
		GRAFT_CAP_GRAPHICS | GRAFT_CAP_DISPLAY | (d == GRAFT_GPU ? GRAFT_CAP_VIDEO : 0);

	switch (role) {
	case GRAFT_ROLE_DEVICE:
	case GRAFT_ROLE_CAP:
	case GRAFT_ROLE_CONTROL:
		return true;
	case GRAFT_ROLE_DRM:
		return d == GRAFT_GPU && (q->caps & drawing) != 0;
	case GRAFT_ROLE_MAD:
		return q->options.mad;
	case GRAFT_ROLE_SM:
		return false;
	case GRAFT_ROLE_COMPUTE:
		return (q->caps & GRAFT_CAP_COMPUTE) != 0;
	case GRAFT_ROLE_TOOLS:
		return (q->caps & GRAFT_CAP_COMPUTE) != 0 && q->policy->uvm_tools;
	case GRAFT_ROLE_DISPLAY:
		return (q->caps & (GRAFT_CAP_GRAPHICS | GRAFT_CAP_DISPLAY)) != 0;
	}
	return false;
}

static void edits_own_nodes(struct editor *q, const struct graft_device *dev, const char *why)
{
	for (size_t i = 0; i < dev->node.n; i++)
		if (edits_has_role(q, dev->domain, dev->node.v[i].role))
			edits_device(q, dev->domain, &dev->node.v[i], dev->name, why);
}

static void edits_domain_devices(struct editor *q, enum graft_domain d)
{
	const char *source = q->r->want[d].source;
	bool any = false;

	for (size_t i = 0; i < q->set.n; i++) {
		const struct graft_device *dev = &q->inv->device.v[i];
		if (dev->domain != d || !q->set.on[i])
			continue;
		any = true;
		/* an instance is used through its GPU's node */
		if (dev->parent >= 0)
			edits_own_nodes(q, &q->inv->device.v[dev->parent],
					arena_printf(q->a, "holds %s", dev->name));
		edits_own_nodes(q, dev, q->set.why[i]);
	}
	for (size_t i = 0; any && i < q->inv->common.n; i++) {
		const struct graft_common *c = &q->inv->common.v[i];
		if (c->domain == d && edits_has_role(q, d, c->node.role))
			edits_device(q, d, &c->node, NULL,
				     arena_printf(q->a, "%s: shared by all of them", source));
	}
}

static void edits_files(struct editor *q, enum graft_domain d)
{
	for (size_t i = 0; i < q->inv->file.n; i++) {
		const struct graft_file *f = &q->inv->file.v[i];
		if (f->domain != d || (f->kind == GRAFT_FILE_SOCKET && !q->policy->sockets))
			continue;
		*ARENA_PUSH(q->a, &q->out->mount) = (struct graft_edit_mount){
			.domain = d,
			.source = f->path,
			.target = f->path,
			.exec = f->kind == GRAFT_FILE_LIBRARY,
			.optional = f->kind == GRAFT_FILE_SOCKET,
			.why = q->r->want[d].source,
		};
	}
}

/* ---- GPU capabilities ---- */

static int edits_caps(struct editor *q)
{
	const struct graft_want *w = &q->r->caps;
	unsigned int named = 0;
	const char *bad;

	q->caps = EDITS_CAPS_DEFAULT & q->policy->caps;
	if (w->value == NULL || w->value[0] == '\0')
		return 0;
	if (values_caps(w->value, q->policy->caps, &q->caps, &bad, q->a) < 0)
		return graft_refuse(q->e, EINVAL, GRAFT_GPU, "VALUE",
				    "%s: '%.60s' is none of %s, all", w->source, bad,
				    values_cap_names(~0U, q->a));
	/* who says "all" does not miss it */
	(void)values_caps(w->value, GRAFT_CAP_COMPUTE, &named, &bad, q->a);
	if ((named & q->policy->caps & GRAFT_CAP_COMPAT32) != 0 &&
	    q->r->want[GRAFT_GPU].value != NULL)
		graft_note_add(&q->out->note, q->a, GRAFT_GPU, "COMPAT32",
			       "%s: the driver's 32-bit libraries are not brought; 32-bit programs "
			       "need an image that has them, in the driver's version",
			       w->source);
	unsigned int refused = q->caps & ~q->policy->caps;
	if (refused == 0)
		return 0;
	if (w->trust != GRAFT_FROM_ENV)
		return graft_refuse(q->e, EACCES, GRAFT_GPU, "DENIED",
				    "%s: %s does not allow %s (capabilities)", w->source,
				    q->policy->source, values_cap_names(refused, q->a));
	q->caps &= q->policy->caps;
	graft_note_add(&q->out->note, q->a, GRAFT_GPU, "DENIED",
		       "%s: %s is left out: %s does not allow it (capabilities)", w->source,
		       values_cap_names(refused, q->a), q->policy->source);
	return 0;
}

static int edits_gpu(struct editor *q)
{
	bool uvm = false;

	if (q->r->want[GRAFT_GPU].value == NULL)
		return 0;
	const char *driver = graft_fact_find(q->inv, GRAFT_GPU, "driver");
	for (size_t i = 0; i < q->inv->common.n; i++)
		uvm = uvm || q->inv->common.v[i].node.role == GRAFT_ROLE_COMPUTE;
	bool any = false;
	for (size_t i = 0; i < q->out->device.n; i++)
		any = any || q->out->device.v[i].domain == GRAFT_GPU;
	/* only NVIDIA's own driver has it: not WSL, not Tegra */
	if (any && driver != NULL && !uvm && (q->caps & GRAFT_CAP_COMPUTE) != 0)
		return graft_refuse(q->e, ENODEV, GRAFT_GPU, "NONE",
				    "%s: CUDA needs the module nvidia-uvm, which is not loaded; "
				    "load it (nvidia-modprobe -u -c 0), or ask for the capability "
				    "utility only",
				    q->r->want[GRAFT_GPU].source);
	if (driver != NULL)
		nvidia_libraries(q->out, q->a, q->caps, driver);
	return 0;
}

/* ---- limits ---- */

static int edits_memlock(struct editor *q)
{
	const struct graft_want *w = &q->r->memlock;
	uint64_t bytes;

	if (w->value == NULL)
		return 0;
	if (values_bytes(w->value, &bytes) < 0)
		return graft_refuse(q->e, EINVAL, GRAFT_DOMAINS, "VALUE",
				    "%s: must be a number of bytes or 'unlimited', got '%.60s'",
				    w->source, w->value);
	if (bytes > q->policy->memlock_max && w->trust != GRAFT_FROM_POLICY)
		return graft_refuse(q->e, EACCES, GRAFT_DOMAINS, "DENIED",
				    "%s: %s allows less (memlockMax)", w->source,
				    q->policy->source);
	q->out->memlock = (struct opt_u64){true, bytes};
	q->out->memlock_why = w->source;
	return 0;
}

/* A device's own entry, or else the first that fits it. */
static const struct graft_limit *edits_limit_of(const struct graft_limit *v, size_t n,
						const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].device, name) == 0)
			return &v[i];
	for (size_t i = 0; i < n; i++)
		if (fnmatch(v[i].device, name, 0) == 0)
			return &v[i];
	return NULL;
}

/* What is not asked for, or asked for as "max", is what the policy gives. */
static bool edits_limit_bound(struct opt_u64 *want, struct opt_u64 bound)
{
	if (want->set && bound.set && want->v > bound.v)
		return false;
	if (!want->set)
		*want = bound;
	return true;
}

static int edits_limit_one(struct editor *q, const struct graft_limits *asked, const char *name)
{
	const struct graft_limit none = {0};
	const struct graft_limit *bound =
		edits_limit_of(q->policy->limit, q->policy->n_limit, name);
	const struct graft_limit *want = edits_limit_of(asked->v, asked->n, name);
	struct graft_limit use = want != NULL ? *want : none;

	if (bound == NULL)
		bound = &none;
	use.device = name;
	if (!edits_limit_bound(&use.handles, bound->handles) ||
	    !edits_limit_bound(&use.objects, bound->objects))
		return graft_refuse(q->e, EACCES, GRAFT_RDMA, "DENIED",
				    "%s: %s allows less for '%s' (rdmaDefault)", q->r->limit.source,
				    q->policy->source, name);
	if (use.handles.set || use.objects.set)
		*ARENA_PUSH(q->a, &q->out->limit) = use;
	return 0;
}

/* A limit for what is not granted is a mistake in a name. */
static int edits_limit_names(struct editor *q, const struct graft_limits *asked)
{
	for (size_t i = 0; i < asked->n; i++) {
		bool used = false;
		for (size_t k = 0; k < q->set.n; k++)
			used = used ||
			       (q->set.on[k] && q->inv->device.v[k].domain == GRAFT_RDMA &&
				fnmatch(asked->v[i].device, q->inv->device.v[k].name, 0) == 0);
		if (!used)
			return graft_refuse(q->e, EINVAL, GRAFT_RDMA, "VALUE",
					    "%s: '%.60s' is none of the granted devices",
					    q->r->limit.source, asked->v[i].device);
	}
	return 0;
}

static int edits_limits(struct editor *q)
{
	const struct graft_want *w = &q->r->limit;
	struct graft_limits asked = {0};
	const char *bad;

	if (w->value != NULL && values_limits(w->value, &asked, &bad, q->a) < 0)
		return graft_refuse(q->e, EINVAL, GRAFT_RDMA, "VALUE",
				    "%s: '%.60s' is not of the form "
				    "DEVICE:hca_handle=N,hca_object=N",
				    w->source, bad);
	q->out->limit_required = w->value != NULL;
	int r = edits_limit_names(q, &asked);
	for (size_t i = 0; r == 0 && i < q->set.n; i++)
		if (q->set.on[i] && q->inv->device.v[i].domain == GRAFT_RDMA)
			r = edits_limit_one(q, &asked, q->inv->device.v[i].name);
	return r;
}

/* ---- the record ---- */

static bool edits_is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* An annotation may be anybody's who may start a container, and the file is written with the
 * runtime's rights. */
static int edits_record(struct editor *q)
{
	const struct graft_want *w = &q->r->record;
	const struct graft_policy *p = q->policy;
	bool below = p->record_any;

	if (w->value == NULL || w->value[0] == '\0')
		return 0;
	if (w->value[0] != '/' || !values_path_is_plain(w->value))
		return graft_refuse(q->e, EINVAL, GRAFT_DOMAINS, "VALUE",
				    "%s: must be an absolute path of a file, without '.' and "
				    "'..', got '%.200s'",
				    w->source, w->value);
	/* whatever the name makes somebody else take it for, it is not configuration of theirs */
	if (strlen(w->value) < 6 || strcmp(w->value + strlen(w->value) - 5, ".json") != 0)
		return graft_refuse(q->e, EINVAL, GRAFT_DOMAINS, "VALUE",
				    "%s: '%.200s' does not end with .json", w->source, w->value);
	for (size_t i = 0; i < p->n_record; i++)
		below = below || edits_is_below(w->value, p->record[i]);
	if (!below)
		return graft_refuse(q->e, EACCES, GRAFT_DOMAINS, "DENIED",
				    "%s: '%.200s' is below no folder that %s names for records; "
				    "name one in \"recordFolders\" of /etc/greffon/graft.json",
				    w->source, w->value, p->source);
	q->out->record = w->value;
	return 0;
}

/* ---- the rest ---- */

static void edits_profile(struct editor *q)
{
	const struct graft_want *w = &q->r->profile;

	for (size_t i = 0; w->value != NULL && i < q->policy->n_profile; i++) {
		const struct graft_profile *p = &q->policy->profile[i];

		if (strcmp(p->name, w->value) != 0)
			continue;
		for (size_t k = 0; k < p->n_env; k++)
			*ARENA_PUSH(q->a, &q->out->env) =
				(struct graft_edit_env){p->env[k].key, p->env[k].value,
							arena_printf(q->a, "profile %s", p->name)};
		return;
	}
}

static void edits_moves(struct editor *q)
{
	for (size_t i = 0; q->options.move && i < q->set.n; i++) {
		const struct graft_device *dev = &q->inv->device.v[i];
		if (dev->domain != GRAFT_RDMA || !q->set.on[i])
			continue;
		struct graft_move *m = ARENA_PUSH(q->a, &q->out->move);
		*m = (struct graft_move){.device = dev->name, .why = q->set.why[i]};
		for (size_t k = 0; k < dev->node.n; k++)
			if (dev->node.v[k].role == GRAFT_ROLE_DEVICE)
				m->verbs = dev->node.v[k].dev;
	}
}

/* The libraries that drive the granted adapters. */
static void edits_verbs(struct editor *q)
{
	struct graft_verbs *v = &q->out->verbs;

	v->driver = arena_array(q->a, q->set.n, sizeof(*v->driver));
	for (size_t i = 0; i < q->set.n; i++) {
		const struct graft_device *dev = &q->inv->device.v[i];
		if (dev->domain != GRAFT_RDMA || !q->set.on[i])
			continue;
		v->libs = q->options.libs;
		if (dev->driver != NULL)
			v->driver[v->n_driver++] = dev->driver;
	}
	v->source = q->r->want[GRAFT_RDMA].source;
}

static int edits_mpi(struct editor *q, const struct graft_want *w)
{
	struct graft_mpi *m = &q->out->mpi;
	const char *name = strncmp(w->value, "host:", 5) == 0 ? w->value + 5 : NULL;

	*m = (struct graft_mpi){.mode = GRAFT_MPI_HOST,
				.source = w->source,
				.profile = q->policy->mpi,
				.n_profile = q->policy->n_mpi};
	if (strcmp(w->value, "auto") == 0)
		m->mode = GRAFT_MPI_AUTO;
	else if (name == NULL && strcmp(w->value, "host") != 0)
		return graft_refuse(q->e, EINVAL, GRAFT_MPI, "VALUE",
				    "%s: '%.60s' is none of off, auto, host, host:PROFILE",
				    w->source, w->value);
	for (size_t i = 0; name != NULL && i < q->policy->n_mpi; i++)
		if (!m->named && strcmp(q->policy->mpi[i].name, name) == 0) {
			m->named = true;
			m->profile = &q->policy->mpi[i];
			m->n_profile = 1;
		}
	if (name != NULL && !m->named)
		return graft_refuse(q->e, ENODEV, GRAFT_MPI, "NOTFOUND",
				    "%s: there is no profile '%.60s' in mpi.profiles of the policy "
				    "(%s)",
				    w->source, name, q->policy->source);
	return 0;
}

static int edits_pmi(struct editor *q, const struct graft_want *w)
{
	if (strcmp(w->value, "slurm") == 0)
		q->out->pmi = GRAFT_PMI_SLURM;
	else if (strcmp(w->value, "pmix") == 0)
		q->out->pmi = GRAFT_PMI_PMIX;
	else
		return graft_refuse(q->e, EINVAL, GRAFT_PMI, "VALUE",
				    "%s: '%.60s' is none of off, slurm, pmix", w->source, w->value);
	return 0;
}

/* Folders of a device that moves come and go while a curtain is drawn. */
static int edits_curtain(struct editor *q, enum graft_domain d)
{
	const char *source = q->r->want[d].source;
	bool moves = d == GRAFT_RDMA && q->options.move;

	if (!q->options.curtain && (q->policy->curtain & GRAFT_BIT(d)) == 0)
		return 0;
	if (moves && q->options.curtain)
		return graft_refuse(q->e, EINVAL, d, "CURTAIN",
				    "%s: 'curtain' can't be had with 'move', which hides the other "
				    "devices of /sys/class/infiniband anyway; leave 'curtain' out",
				    source);
	if (moves)
		graft_note_add(&q->out->note, q->a, d, "CURTAIN",
			       "%s: no curtain is drawn, as there is none beside 'move'", source);
	else
		curtain_edit(q->inv, d, &q->set, source, q->options.curtain, q->a, q->out);
	return 0;
}

static int edits_domain(struct editor *q, enum graft_domain d)
{
	const struct graft_want *w = &q->r->want[d];

	if (w->value == NULL || strcmp(w->value, "off") == 0 || strcmp(w->value, "false") == 0)
		return 0;
	if ((q->policy->enable & GRAFT_BIT(d)) == 0)
		return graft_refuse(
			q->e, EACCES, d, "POLICY",
			"%s asks for it, but %s; name '%s' in \"enable\" of "
			"/etc/greffon/graft.json, see greffon.conf(5)",
			w->source,
			strcmp(q->policy->source, "no policy file") == 0
				? "there is no policy file"
				: arena_printf(q->a, "%s does not enable it", q->policy->source),
			graft_domain_name(d));
	if (d == GRAFT_MPI || d == GRAFT_PMI)
		return d == GRAFT_MPI ? edits_mpi(q, w) : edits_pmi(q, w);
	int r = select_domain(&q->set, q->inv, d, w, q->policy, &q->options, &q->out->note, q->a,
			      q->e);
	if (r < 0)
		return r;
	edits_domain_devices(q, d);
	edits_files(q, d);
	r = edits_curtain(q, d);
	if (r < 0)
		return r;
	if (d == GRAFT_RDMA) {
		edits_verbs(q);
		edits_moves(q);
	}
	return 0;
}

/* A domain that shares its fate with another's nodes: notes of the inventory that concern what is
 * granted. */
static void edits_notes(struct editor *q)
{
	for (size_t i = 0; i < q->r->note.n; i++)
		*ARENA_PUSH(q->a, &q->out->note) = q->r->note.v[i];
	for (size_t i = 0; i < q->inv->note.n; i++)
		if (q->r->want[q->inv->note.v[i].domain].value != NULL)
			*ARENA_PUSH(q->a, &q->out->note) = q->inv->note.v[i];
}

/* NARROW says that something worked as it was meant to. */
static int edits_strict(struct editor *q)
{
	for (size_t i = 0; q->r->strict && i < q->out->note.n; i++) {
		const struct graft_note *n = &q->out->note.v[i];
		if (strcmp(n->code, "NARROW") != 0)
			return graft_refuse(q->e, EINVAL, n->domain, n->code,
					    "annotation org.greffon.graft.strict: %s", n->text);
	}
	return 0;
}

int graft_edit(const struct graft_inventory *inv, const struct graft_request *r,
	       const struct graft_policy *policy, struct arena *a, struct graft_edits *out,
	       struct err *e)
{
	struct editor q = {.inv = inv, .r = r, .policy = policy, .a = a, .out = out, .e = e};
	q.options.libs = GRAFT_VERBS_AUTO;

	*out = (struct graft_edits){.request = r, .inv = inv, .policy = policy};
	if (r->none)
		return 0;
	select_init(&q.set, inv, a);
	edits_notes(&q);
	int ret = edits_caps(&q);
	for (int d = 0; ret == 0 && d < GRAFT_DOMAINS; d++)
		ret = edits_domain(&q, (enum graft_domain)d);
	if (ret == 0)
		ret = edits_gpu(&q);
	if (ret == 0)
		ret = edits_memlock(&q);
	if (ret == 0)
		ret = edits_limits(&q);
	if (ret == 0)
		ret = edits_record(&q);
	if (ret < 0)
		return ret;
	edits_profile(&q);
	return edits_strict(&q);
}
