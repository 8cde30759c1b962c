/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/graft_hot.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/device.h"
#include "plan/exec.h"
#include "plan/graft.h"
#include "plan/graft_merge.h"
#include "plan/limits.h"

/* The device rules as creation made them, or the last update. */
static int hot_rules(struct plan *p, const struct plan_input *in, const struct plan_hot *hot,
		     struct err *e)
{
	const struct oci_linux *l = in->config->linux;
	struct oci_resources res = {0};
	/* the directories are those of the record, and a unit's files are the same */
	struct oci_linux rules = {.resources = &res, .cgroups_path = "/update"};
	struct oci_config config = {.linux = &rules};
	struct plan_options options = {.id = in->options->id, .manager = CGROUP_FS};
	struct plan_input only = {&config, in->host, &options};

	if (hot->n_rule > 0) {
		res.devices = hot->rule;
		res.n_devices = hot->n_rule;
	} else if (l != NULL && l->resources != NULL) {
		res.devices = l->resources->devices;
		res.n_devices = l->resources->n_devices;
	}
	int r = plan_cgroup_build(p, &only, e);
	if (r == 0 && hot->holds != NULL)
		plan_graft_rules(p, hot->holds);
	return r;
}

static bool hot_is_bind(const struct oci_mount *m)
{
	for (size_t i = 0; i < m->n_options; i++)
		if (strcmp(m->options[i], "bind") == 0 || strcmp(m->options[i], "rbind") == 0)
			return true;
	return m->type != NULL && strcmp(m->type, "bind") == 0;
}

/* What the config has mounted. A source that is not absolute is the bundle's. */
static void hot_config_mounts(struct plan *p, const struct oci_config *c)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct oci_mount *m = &c->mounts[i];
		bool bind = hot_is_bind(m) && m->source != NULL;

		if (m->destination == NULL)
			continue;
		*ARENA_PUSH(p->arena, &p->mounts) = (struct plan_mount){
			.verb = bind ? MOUNT_BIND : MOUNT_FS,
			.source = !bind || m->source[0] == '/'
					  ? m->source
					  : arena_printf(p->arena, "%s/%s", p->bundle, m->source),
			.target = m->destination,
		};
	}
}

static int hot_base(struct plan *p, const struct plan_input *in, const struct plan_hot *hot,
		    struct err *e)
{
	int r = plan_ns_build(p, in, e);

	if (r == 0 && !plan_has_ns(p, CLONE_NEWNS))
		r = err_set(e, EINVAL,
			    "the container has no mount namespace of its own: nothing can be "
			    "grafted into it while it runs");
	if (r < 0)
		return r;
	p->rootfs = hot->rootfs;
	hot_config_mounts(p, in->config);
	r = plan_device_build(p, in, e);
	return r == 0 ? hot_rules(p, in, hot, e) : r;
}

/* A bind of the host's node: it can be undone, and needs no right inside. Read-only, which no
 * device minds: the container's root must not change mode and owner of the host's node. */
static int hot_node(struct plan *p, const struct plan_node *n, const struct graft_edits *more,
		    struct err *e)
{
	for (size_t i = 0; i < more->device.n; i++) {
		const struct graft_edit_device *d = &more->device.v[i];
		if (strcmp(d->node.path, n->path) == 0 && d->node.missing)
			return graft_refuse(e, ENODEV, d->domain, "LAZY",
					    "'%s' does not exist on the host yet, and only an "
					    "existing node can be brought to a running container; "
					    "run nvidia-modprobe -u -c 0",
					    n->path);
	}
	*ARENA_PUSH(p->arena, &p->mounts) = (struct plan_mount){
		.verb = MOUNT_BIND,
		.open_at = AT_HOST,
		.source = n->path,
		.target = n->path,
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
		.propagation = MS_PRIVATE,
		.origin = n->origin,
	};
	return 0;
}

/* It would have to be taken down for a moment, and processes have files of it open. */
static int hot_curtain(struct graft_edits *more, struct arena *a, struct err *e)
{
	for (size_t i = 0; i < more->veil.n; i++) {
		const struct graft_veil *v = &more->veil.v[i];
		if (v->asked)
			return graft_refuse(e, EINVAL, v->domain, "HOT",
					    "%s: a curtain is drawn when a container is made; "
					    "leave 'curtain' out",
					    v->why);
		graft_note_add(&more->note, a, v->domain, "HOT",
			       "%s: what '%s' shows stays as it was when the container was made",
			       v->why, v->path);
	}
	more->veil.n = 0;
	return 0;
}

static int hot_more(struct plan *p, const struct plan_input *in, const struct plan_hot *hot,
		    struct err *e)
{
	struct grafter g = {.p = p, .in = in, .edits = hot->more, .e = e};
	size_t n_nodes = p->nodes.n, n_mounts = p->mounts.n, n_rules = p->cgroup.rules.n;

	g.cache = arena_printf(p->arena, "ld.so.cache.%" PRIu64, hot->serial);
	int r = hot_curtain(hot->more, p->arena, e);
	if (r == 0 && hot->more->move.n > 0)
		r = graft_refuse(e, EINVAL, GRAFT_RDMA, "HOT",
				 "%s: a device moves when a container is made; leave 'move' out",
				 hot->more->move.v[0].why);
	if (r == 0)
		r = plan_graft_devices(&g);
	/* hot->holds has brought them */
	p->cgroup.rules.n = n_rules;
	if (r == 0)
		r = plan_graft_mounts(&g);
	for (size_t i = n_nodes; r == 0 && i < p->nodes.n; i++)
		r = hot_node(p, &p->nodes.v[i], hot->more, e);
	if (r == 0)
		r = plan_graft_limits(&g);
	/* those of the config are there */
	p->mounts.v += n_mounts;
	p->mounts.n -= n_mounts;
	return r;
}

static int hot_unlimit(struct plan *p, const struct host *h, const struct plan_hot *hot,
		       struct err *e)
{
	const struct opt_u64 some = {true, 0};

	for (size_t i = 0; i < hot->n_unlimited; i++) {
		const char *hca = hot->unlimited[i];
		size_t n = p->cgroup.settings.n;
		int r = limits_rdma_device(p, h, hca, some, some, "graft rdma", true, e);

		if (r < 0)
			return r;
		if (p->cgroup.settings.n > n)
			p->cgroup.settings.v[n].value =
				arena_printf(p->arena, "%s hca_handle=max hca_object=max", hca);
	}
	return 0;
}

int plan_hot_build(struct plan *p, struct arena *a, const struct plan_input *in,
		   const struct plan_hot *hot, int *out_types, struct err *e)
{
	*p = (struct plan){.arena = a, .id = in->options->id, .bundle = in->options->bundle};
	int r = hot_base(p, in, hot, e);

	if (r == 0 && hot->more != NULL)
		r = hot_more(p, in, hot, e);
	else
		p->mounts.n = 0;
	if (r == 0)
		r = hot_unlimit(p, in->host, hot, e);
	if (r < 0)
		return r;
	p->nodes = (struct plan_nodes){0};
	for (size_t i = 0; i < p->mounts.n; i++)
		p->mounts.v[i].slot = (int16_t)(i + 1);
	p->graft = hot->more;
	if (in->options->manager == CGROUP_SYSTEMD)
		plan_unit_update(p);
	*out_types = plan_exec_join(p, in->host);
	return 0;
}

static bool hot_config_has(const struct oci_config *c, const struct graft_node *n)
{
	const struct oci_linux *l = c->linux;

	for (size_t i = 0; l != NULL && i < l->n_devices; i++)
		if (l->devices[i].path != NULL && strcmp(l->devices[i].path, n->path) == 0)
			return true;
	return false;
}

void plan_hot_gone(struct plan *p, const struct plan_input *in,
		   const struct graft_edit_devices *devices, const struct graft_edit_mounts *files,
		   bool folder)
{
	struct plan config = {.arena = p->arena, .bundle = in->options->bundle};

	hot_config_mounts(&config, in->config);
	p->nodes = (struct plan_nodes){0};
	p->mounts = (struct plan_mounts){0};
	for (size_t i = 0; i < devices->n; i++)
		if (!hot_config_has(in->config, &devices->v[i].node))
			*ARENA_PUSH(p->arena, &p->nodes) = (struct plan_node){
				.path = devices->v[i].node.path,
				.mode = S_IFCHR,
				.dev = devices->v[i].node.dev,
				.origin = devices->v[i].why,
			};
	for (size_t i = 0; i < files->n; i++)
		/* a volume at that place is the config's */
		if (!plan_graft_has_mount(&config, files->v[i].target))
			*ARENA_PUSH(p->arena, &p->mounts) = (struct plan_mount){
				.verb = MOUNT_BIND,
				.open_at = AT_HOST,
				.source = files->v[i].source,
				.target = files->v[i].target,
				.origin = files->v[i].why,
			};
	if (folder)
		*ARENA_PUSH(p->arena, &p->mounts) = (struct plan_mount){
			.verb = MOUNT_FILE,
			.open_at = AT_ROOT,
			.source = plan_graft_folder(&config),
			.target = "/etc/ld.so.cache",
			.origin = "graft: libraries of the host",
		};
	for (size_t i = 0; i < p->mounts.n; i++)
		p->mounts.v[i].slot = (int16_t)(i + 1);
}
