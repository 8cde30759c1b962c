/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hooks/graft.h"
#include "hooks/library.h"
#include "hooks/pmi.h"
#include "host/cgroupfs.h"
#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/device.h"
#include "plan/graft.h"
#include "plan/graft_merge.h"
#include "plan/limits.h"
#include "sys/path.h"

/*
 * After the others: what libgraft says goes into the plan that the others have made, as if the
 * config had said it. Devices are in the node list and in the device rules, so the filter that is
 * made of them, or the unit's DeviceAllow (plan/unit.c, which comes after), holds them from the
 * first moment and whenever it is made again.
 */

static const char *graft_origin(struct plan *p, enum graft_domain d, const char *why)
{
	return arena_printf(p->arena, "graft %s: %s", graft_domain_name(d), why);
}

static void graft_note(struct grafter *g, enum graft_domain d, const char *code, const char *text)
{
	graft_note_add(&g->edits->note, g->p->arena, d, code, "%s", text);
}

/* ---- devices ---- */

static int graft_node(struct grafter *g, const struct graft_edit_device *d, const char *origin)
{
	const struct graft_node *n = &d->node;
	struct plan_node *have = plan_device_find(g->p, n->path);
	bool bind = plan_device_binds(g->p, g->in->host);

	if (have != NULL && have->dev == n->dev && S_ISCHR(have->mode))
		return 0; /* the config, or the engine's CDI, brings the same */
	if (have != NULL)
		return graft_refuse(g->e, ESTALE, d->domain, "CONFLICT",
				    "'%s' is %u:%u in %s, but %u:%u on this node; take it out of "
				    "the config",
				    n->path, major(have->dev), minor(have->dev), have->origin,
				    major(n->dev), minor(n->dev));
	if (bind && n->missing)
		return graft_refuse(g->e, ENODEV, d->domain, "NONE",
				    "'%s' does not exist on the host, and only the node's root may "
				    "make it; run nvidia-modprobe -u -c 0",
				    n->path);
	*ARENA_PUSH(g->p->arena, &g->p->nodes) = (struct plan_node){
		.path = n->path,
		.mode = S_IFCHR | (n->mode & 0777),
		.dev = n->dev,
		.uid = n->uid,
		.gid = n->gid,
		.bind = bind,
		.origin = origin,
	};
	return 0;
}

void plan_graft_rules(struct plan *p, const struct graft_edits *ed)
{
	/* without any rule nothing is restricted */
	for (size_t i = 0; p->cgroup.rules.n > 0 && i < ed->device.n; i++) {
		const struct graft_edit_device *d = &ed->device.v[i];

		*ARENA_PUSH(p->arena, &p->cgroup.rules) = (struct plan_device_rule){
			.allow = true,
			.type = 'c',
			.major = major(d->node.dev),
			.minor = minor(d->node.dev),
			.access = PLAN_ACCESS_READ | PLAN_ACCESS_WRITE,
			.origin = graft_origin(p, d->domain, d->why),
		};
	}
}

int plan_graft_devices(struct grafter *g)
{
	struct plan *p = g->p;
	/* in the host's /dev they are already */
	bool own_dev = !plan_device_dev_is_bound(p);
	int r = 0;

	for (size_t i = 0; own_dev && r == 0 && i < g->edits->device.n; i++) {
		const struct graft_edit_device *d = &g->edits->device.v[i];
		r = graft_node(g, d, graft_origin(p, d->domain, d->why));
	}
	plan_graft_rules(p, g->edits);
	if (r == 0 && p->cgroup.rules.n == 0 && g->edits->device.n > 0)
		graft_note(g, g->edits->device.v[0].domain, "FILTER",
			   "linux.resources.devices is empty: nothing keeps the container from the "
			   "node's other devices");
	return r;
}

/* ---- mounts ---- */

static void graft_drop_mounts(struct plan *p, const struct graft_request *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->mounts.n; i++) {
		bool dropped = false;
		/* the builder made one of each entry of the config, in that order */
		for (size_t k = 0; k < r->n_mount; k++)
			dropped = dropped || r->mount[k] == i;
		if (!dropped)
			p->mounts.v[kept++] = p->mounts.v[i];
	}
	p->mounts.n = kept;
}

bool plan_graft_has_mount(const struct plan *p, const char *target)
{
	for (size_t i = 0; i < p->mounts.n; i++)
		if (strcmp(p->mounts.v[i].target, target) == 0)
			return true;
	return false;
}

static bool graft_has_had(const struct graft_edit_mounts *had, const char *target)
{
	for (size_t i = 0; i < had->n; i++)
		if (strcmp(had->v[i].target, target) == 0)
			return true;
	return false;
}

/* Libraries go to a folder of our own on the container's own /dev, which is there whatever the
 * image is like; in the host's /dev nothing is made. */
#define GRAFT_FOLDER ".greffon"

const char *plan_graft_folder(const struct plan *p)
{
	return plan_device_dev_is_bound(p) ? "/run/" GRAFT_FOLDER : "/dev/" GRAFT_FOLDER;
}

bool plan_graft_has_library(const struct graft_edit_mounts *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (strstr(m->v[i].target, "/" GRAFT_FOLDER "/lib/") != NULL)
			return true;
	return false;
}

static enum graft_domain graft_library_domain(const struct graft_edits *ed)
{
	if (ed->library.n > 0)
		return ed->library.v[0].domain;
	if (ed->mpi.mode != GRAFT_MPI_OFF)
		return GRAFT_MPI;
	return ed->had.n > 0 ? ed->had.v[0].domain : GRAFT_RDMA;
}

static const char *graft_library_origin(const struct grafter *g)
{
	return graft_origin(g->p, graft_library_domain(g->edits), "libraries of the host");
}

/* The container as the loader will find it: what the config mounts lies over the rootfs. */
static void graft_image_of(const struct grafter *g, int root, struct graft_image *out)
{
	struct plan *p = g->p;

	*out = (struct graft_image){.root = root,
				    .folder =
					    arena_printf(p->arena, "%s/lib", plan_graft_folder(p)),
				    .process = g->in->config->process};
	out->bind = arena_array(p->arena, p->mounts.n, sizeof(*out->bind));
	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct plan_mount *m = &p->mounts.v[i];
		if (m->verb == MOUNT_BIND && m->open_at == AT_HOST)
			out->bind[out->n_bind++] = (struct library_bind){m->target, m->source};
	}
}

/* Finds the libraries, and makes the folder where there are any. A captured tree has their names
 * only. */
static int graft_libraries_find(struct grafter *g)
{
	struct plan *p = g->p;
	const char *folder = plan_graft_folder(g->p);
	struct graft_image to;

	if ((!graft_libraries_asked(g->edits) && !plan_graft_has_library(&g->edits->had)) ||
	    g->in->host->captured || p->rootfs == NULL)
		return 0;
	autoclose int image = open(p->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (image < 0)
		return err_sys(g->e, errno, "root.path: '%s'", p->rootfs);
	graft_image_of(g, image, &to);
	int r = graft_libraries(g->in->host, &to, p->arena, g->edits, g->e);
	if (r < 0 || g->edits->cache.text == NULL || plan_graft_has_library(&g->edits->had))
		return r;
	*ARENA_PUSH(p->arena, &p->mounts) = (struct plan_mount){
		.verb = MOUNT_FS,
		.open_at = AT_ROOT,
		.source = "greffon",
		.target = folder,
		.fstype = "tmpfs",
		.data = "mode=755,size=16m",
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
		.origin = graft_library_origin(g),
	};
	return 0;
}

/* Last, when its folder is there. */
static void graft_cache(struct grafter *g)
{
	struct plan *p = g->p;
	const char *folder = plan_graft_folder(g->p);

	if (g->edits->cache.text == NULL)
		return;
	*ARENA_PUSH(p->arena, &p->mounts) = (struct plan_mount){
		.verb = MOUNT_FILE,
		.open_at = AT_ROOT,
		.source = arena_printf(p->arena, "%s/%s", folder, g->cache),
		.content = g->edits->cache.text,
		.content_len = g->edits->cache.len,
		.target = "/etc/ld.so.cache",
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			    MOUNT_ATTR_NOEXEC,
		.origin = graft_library_origin(g),
	};
}

/* Behind all others: what it lies over is mounted then. */
static int graft_curtain(struct grafter *g)
{
	struct plan *p = g->p;

	for (size_t i = 0; i < g->edits->veil.n; i++) {
		const struct graft_veil *v = &g->edits->veil.v[i];

		if (!plan_has_ns(p, CLONE_NEWNS))
			return graft_refuse(g->e, EINVAL, v->domain, "CONFLICT",
					    "%s: the config has no mount namespace: '%s' can't be "
					    "hidden for the container alone",
					    v->why, v->path);
		*ARENA_PUSH(p->arena, &p->mounts) = (struct plan_mount){
			.verb = MOUNT_VEIL,
			.open_at = AT_ROOT,
			.target = v->path,
			.veil = v,
			.origin = graft_origin(p, v->domain, v->why),
		};
	}
	return 0;
}

/* 1: it is mounted; 0: it is not, as the config's own word for that place holds, or an earlier
 * graft's. */
static int graft_mount(struct grafter *g, const struct graft_edit_mount *m)
{
	struct plan *p = g->p;

	if (plan_graft_has_mount(p, m->target) || graft_has_had(&g->edits->had, m->target))
		return 0;
	autoclose int source = graft_source_open(g->in->host, m, g->e);
	if (source == -ENOENT && m->optional)
		return 0;
	if (source < 0)
		return source;
	if (p->mounts.n >= INT16_MAX - 1 || !plan_has_ns(p, CLONE_NEWNS))
		return graft_refuse(g->e, EINVAL, m->domain, "CONFLICT",
				    "'%s' can't be mounted: the config has no mount "
				    "namespace, or too many mounts",
				    m->target);
	*ARENA_PUSH(p->arena, &p->mounts) = (struct plan_mount){
		.verb = MOUNT_BIND,
		.open_at = AT_HOST,
		.source = m->source,
		.target = m->target,
		.attr_set = (m->job ? 0 : MOUNT_ATTR_RDONLY) | MOUNT_ATTR_NOSUID |
			    MOUNT_ATTR_NODEV | (m->exec ? 0 : MOUNT_ATTR_NOEXEC),
		/* what is mounted on it in the container is not the host's affair */
		.propagation = MS_PRIVATE,
		.origin = graft_origin(p, m->domain, m->why),
	};
	return 1;
}

int plan_graft_mounts(struct grafter *g)
{
	struct plan *p = g->p;
	struct graft_edit_mounts *all = &g->edits->mount;
	size_t kept = 0;
	int r = graft_libraries_find(g);

	if (r < 0)
		return r;
	/* the record tells what was grafted, and no more is taken back */
	for (size_t i = 0; i < all->n; i++) {
		const struct graft_edit_mount m = all->v[i];
		r = graft_mount(g, &m);
		if (r < 0)
			return r;
		if (r > 0)
			all->v[kept++] = m;
	}
	all->n = kept;
	graft_cache(g);
	r = graft_curtain(g);
	if (r < 0)
		return r;
	/* there are as many slots as mounts, and one for the rootfs */
	for (size_t i = 0; i < p->mounts.n; i++)
		p->mounts.v[i].slot = (int16_t)(i + 1);
	return 0;
}

/* ---- limits of the cgroup ---- */

static bool graft_config_limits(const struct oci_config *c, const char *device)
{
	const struct oci_resources *res = c->linux != NULL ? c->linux->resources : NULL;

	for (size_t i = 0; res != NULL && i < res->n_rdma; i++)
		if (strcmp(res->rdma[i].key, device) == 0)
			return true;
	return false;
}

int plan_graft_limits(struct grafter *g)
{
	struct graft_edits *ed = g->edits;
	size_t kept = 0;

	if (ed->limit.n > 0 && g->p->cgroup.stay) {
		if (ed->limit_required)
			return graft_refuse(g->e, ENOTSUP, GRAFT_RDMA, "NONE",
					    "%s: the container has no cgroup of its own to limit",
					    ed->request->limit.source);
		return 0;
	}
	for (size_t i = 0; i < ed->limit.n; i++) {
		const struct graft_limit l = ed->limit.v[i];

		if (graft_config_limits(g->in->config, l.device))
			continue;
		int r = limits_rdma_device(
			g->p, g->in->host, l.device, l.handles, l.objects,
			arena_printf(g->p->arena, "graft rdma: limit of %s", l.device),
			!ed->limit_required, g->e);
		if (r < 0)
			return r;
		ed->limit.v[kept++] = l;
	}
	ed->limit.n = kept;
	return 0;
}

/* ---- the network namespace ---- */

/* In mode "exclusive" an RDMA device can be used in one network namespace only. */
static void graft_tell_exclusive(struct grafter *g)
{
	const char *mode = graft_fact_find(g->edits->inv, GRAFT_RDMA, "netns");

	if (mode == NULL || strcmp(mode, "exclusive") != 0 || g->edits->verbs.source == NULL)
		return;
	graft_note(
		g, GRAFT_RDMA, "NETNS",
		"the node's RDMA devices belong to one network namespace each, and the container "
		"has another one than they: ask for ';move', or use the host's network");
}

static int graft_moves(struct grafter *g)
{
	struct plan *p = g->p;
	const struct graft_moves *moves = &g->edits->move;
	bool own = plan_has_ns(p, CLONE_NEWNET) &&
		   !plan_joins_own(p, g->in->host, CLONE_NEWNET, "net");

	if (own && moves->n == 0)
		graft_tell_exclusive(g);
	if (moves->n == 0)
		return 0;
	if (!own)
		return graft_refuse(g->e, EINVAL, GRAFT_RDMA, "NETNS",
				    "%s: the container is in the runtime's own network namespace, "
				    "where the device is; leave 'move' out",
				    moves->v[0].why);
	if (g->in->host->euid != 0 || g->in->host->in_userns)
		return graft_refuse(
			g->e, EPERM, GRAFT_RDMA, "PERM",
			"%s: only the node's root may move an RDMA device; leave 'move' "
			"out",
			moves->v[0].why);
	p->rdma = arena_array(p->arena, moves->n, sizeof(*p->rdma));
	for (size_t i = 0; i < moves->n; i++)
		p->rdma[p->n_rdma++] =
			(struct plan_rdma){moves->v[i].device, moves->v[i].verbs,
					   graft_origin(p, GRAFT_RDMA, moves->v[i].why)};
	return 0;
}

/* ---- all of it ---- */

static int graft_merge(struct grafter *g)
{
	int r;

	graft_drop_mounts(g->p, g->edits->request);
	r = graft_pmi(g->in->host, environ, idmap_outside(&g->p->ns.uid, g->p->creds.uid),
		      g->p->arena, g->edits, g->e);
	g->p->process.launcher_fd = g->edits->pmi_fd;
	if (r == 0)
		r = plan_graft_devices(g);
	if (r == 0)
		r = plan_graft_mounts(g);
	if (r == 0)
		r = plan_graft_process(g->p, g->in->host, g->edits, g->e);
	if (r == 0)
		r = plan_graft_limits(g);
	if (r == 0)
		r = graft_moves(g);
	if (r < 0)
		return r;
	plan_graft_predict(g->p, g->in->host, g->edits);
	return graft_notes_tell(g->edits, g->e);
}

int plan_graft_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	struct grafter g = {.p = p, .in = in, .cache = "ld.so.cache", .e = e};
	int r = graft_resolve(in->host, in->config, p->arena, &g.edits, e);

	if (r < 0 || g.edits == NULL)
		return r;
	p->graft = g.edits;
	return graft_merge(&g);
}
