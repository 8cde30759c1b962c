/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/record.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/stamp.h"
#include "cgroup/cgroup.h"
#include "cgroup/rdt.h"
#include "hooks/graft.h"
#include "libocispec/json.h"
#include "libocispec/oci.h"
#include "state/status.h"

#define OJ_AS_STRUCTS
#include "libocispec/json_expand.h"
#include "state/record.def"
#define OJ_AS_TABLES
#include "libocispec/json_expand.h"
#include "state/record.def"

#define RECORD_VERSION 1

static enum record_manager record_manager_of(enum plan_cgroup_manager m)
{
	switch (m) {
	case CGROUP_FS:
		return RECORD_MANAGER_FS;
	case CGROUP_SYSTEMD:
		return RECORD_MANAGER_SYSTEMD;
	case CGROUP_DISABLED:
		return RECORD_MANAGER_DISABLED;
	}
	return RECORD_MANAGER_FS;
}

static enum plan_cgroup_manager record_manager_to(enum record_manager m)
{
	switch (m) {
	case RECORD_MANAGER_NONE:
	case RECORD_MANAGER_FS:
		return CGROUP_FS;
	case RECORD_MANAGER_SYSTEMD:
		return CGROUP_SYSTEMD;
	case RECORD_MANAGER_DISABLED:
		return CGROUP_DISABLED;
	}
	return CGROUP_FS;
}

/* The version stands before everything else: what a newer one means can't be told by this table. */
static int record_parse_doc(const char *text, size_t len, struct arena *a, struct record_doc **out,
			    struct err *e)
{
	void *doc;
	int r = oj_parse(&record_doc_object, text, len, a, &doc, e);

	if (r < 0)
		return r;
	*out = doc;
	if ((*out)->version.v != RECORD_VERSION)
		return err_set(e, EINVAL,
			       "version: %llu was written by another greffon; this one knows %d",
			       (unsigned long long)(*out)->version.v, RECORD_VERSION);
	return 0;
}

static const struct graft_edits *record_graft_to(const struct record_doc_graft *d, struct arena *a)
{
	struct graft_edits *ed = arena_new(a, struct graft_edits);

	for (size_t i = 0; i < d->n_device; i++) {
		const struct record_doc_graft_device *dev = &d->device[i];
		int domain = graft_domain_find(dev->graft, strlen(dev->graft));
		if (strcmp(dev->graft, graft_domain_name(GRAFT_DOMAINS)) == 0)
			domain = GRAFT_DOMAINS; /* of a CDI file */
		if (domain < 0)
			continue; /* of a greffon that had another graft */
		*ARENA_PUSH(a, &ed->device) = (struct graft_edit_device){
			.domain = (enum graft_domain)domain,
			.node = {.path = dev->path,
				 .dev = makedev((unsigned int)dev->major.v,
						(unsigned int)dev->minor.v)},
			.owner = dev->owner,
			.why = dev->why,
		};
	}
	for (size_t i = 0; i < d->n_gid; i++)
		*ARENA_PUSH(a, &ed->gid) = (gid_t)d->gid[i];
	for (size_t i = 0; i < d->n_env; i++)
		*ARENA_PUSH(a, &ed->env) =
			(struct graft_edit_env){d->env[i].key, d->env[i].value, NULL, false};
	ed->memlock = d->memlock;
	ed->memlock_why = d->memlock_why;
	return ed;
}

static struct record_doc_graft *record_graft_of(const struct graft_edits *ed, struct arena *a)
{
	struct record_doc_graft *d = arena_new(a, struct record_doc_graft);

	d->device = arena_array(a, ed->device.n, sizeof(*d->device));
	for (size_t i = 0; i < ed->device.n; i++) {
		const struct graft_edit_device *dev = &ed->device.v[i];
		d->device[d->n_device++] = (struct record_doc_graft_device){
			.path = dev->node.path,
			.major = {true, major(dev->node.dev)},
			.minor = {true, minor(dev->node.dev)},
			.graft = graft_domain_name(dev->domain),
			.owner = dev->owner,
			.why = dev->why,
		};
	}
	d->gid = arena_array(a, ed->gid.n, sizeof(*d->gid));
	for (size_t i = 0; i < ed->gid.n; i++)
		d->gid[d->n_gid++] = ed->gid.v[i];
	d->env = arena_array(a, ed->env.n, sizeof(*d->env));
	/* exec starts no task of the job: a second process under its rank would take its place */
	for (size_t i = 0; i < ed->env.n; i++)
		if (!ed->env.v[i].job)
			d->env[d->n_env++] =
				(struct oci_map_entry){ed->env.v[i].name, ed->env.v[i].value};
	d->memlock = ed->memlock;
	d->memlock_why = ed->memlock_why;
	return d;
}

int record_parse(const char *text, size_t len, struct arena *a, struct record **out, struct err *e)
{
	struct record_doc *d;
	int ret = record_parse_doc(text, len, a, &d, e);

	if (ret < 0)
		return ret;
	struct record *r = arena_new(a, struct record);
	*r = (struct record){
		.version = RECORD_VERSION,
		.id = d->id,
		.oci_version = d->oci_version,
		.bundle = d->bundle,
		.rootfs = d->rootfs,
		.created = d->created,
		.creating = d->creating.v,
		.pid = (pid_t)d->pid.v,
		.start_time = d->start_time.v,
		.pidfs_inode = d->pidfs_inode.v,
		.boot_id = d->boot_id,
		.manager = record_manager_to(d->manager),
		.scope = d->scope,
		.subgroup = d->subgroup,
		.systemd_user = d->systemd_user.v,
		.own_pidns = d->own_pidns.v,
		.no_new_keyring = d->no_new_keyring.v,
		.poststop_run = d->poststop_run.v,
		.console = d->console,
		.n_cgroup = d->n_cgroup,
		.n_annotation = d->n_annotations,
	};
	if (d->rdt != NULL)
		r->rdt = (struct record_rdt){d->rdt->group, d->rdt->monitor, d->rdt->named.v,
					     d->rdt->made.v, d->rdt->monitor_made.v};
	r->cgroup = arena_array(a, r->n_cgroup, sizeof(*r->cgroup));
	for (size_t i = 0; i < r->n_cgroup; i++)
		r->cgroup[i] = (struct record_cgroup){d->cgroup[i].controllers, d->cgroup[i].path,
						      d->cgroup[i].v2.v, d->cgroup[i].created.v};
	r->annotation = arena_array(a, r->n_annotation, sizeof(*r->annotation));
	for (size_t i = 0; i < r->n_annotation; i++)
		r->annotation[i] =
			(struct plan_annotation){d->annotations[i].key, d->annotations[i].value};
	if (d->graft != NULL)
		r->graft = record_graft_to(d->graft, a);
	r->moved = d->moved;
	r->n_moved = d->n_moved;
	r->moved_to = d->moved_to;
	r->n_rule = d->n_rule;
	r->rule = arena_array(a, d->n_rule, sizeof(*r->rule));
	for (size_t i = 0; i < d->n_rule; i++) {
		const struct record_doc_rule *x = &d->rule[i];
		r->rule[i] = (struct oci_device_rule){.allow = x->allow,
						      .type = x->type,
						      .major = x->major,
						      .minor = x->minor,
						      .access = x->access};
	}
	*out = r;
	return 0;
}

static struct opt_bool record_true(bool v)
{
	return (struct opt_bool){v, v};
}

static struct opt_u64 record_number(uint64_t v)
{
	return (struct opt_u64){v != 0, v};
}

int record_write(const struct record *r, struct arena *a, const char **out, size_t *out_len)
{
	struct record_doc d = {
		.version = {true, RECORD_VERSION},
		.id = r->id,
		.oci_version = r->oci_version,
		.bundle = r->bundle,
		.rootfs = r->rootfs,
		.created = r->created,
		.creating = record_true(r->creating),
		.pid = record_number((uint64_t)r->pid),
		.start_time = record_number(r->start_time),
		.pidfs_inode = record_number(r->pidfs_inode),
		.boot_id = r->boot_id,
		.manager = record_manager_of(r->manager),
		.scope = r->scope,
		.subgroup = r->subgroup,
		.systemd_user = record_true(r->systemd_user),
		.own_pidns = record_true(r->own_pidns),
		.no_new_keyring = record_true(r->no_new_keyring),
		.poststop_run = record_true(r->poststop_run),
		.console = r->console,
		.n_cgroup = r->n_cgroup,
		.n_annotations = r->n_annotation,
	};
	struct record_doc_rdt rdt = {r->rdt.group, record_true(r->rdt.named),
				     record_true(r->rdt.made), r->rdt.monitor,
				     record_true(r->rdt.monitor_made)};
	if (r->rdt.group != NULL)
		d.rdt = &rdt;
	if (r->graft != NULL)
		d.graft = record_graft_of(r->graft, a);
	d.moved = r->moved;
	d.n_moved = r->n_moved;
	d.moved_to = r->moved_to;
	d.n_rule = r->n_rule;
	d.rule = arena_array(a, r->n_rule, sizeof(*d.rule));
	for (size_t i = 0; i < r->n_rule; i++) {
		const struct oci_device_rule *x = &r->rule[i];
		d.rule[i] = (struct record_doc_rule){.allow = x->allow,
						     .type = x->type,
						     .major = x->major,
						     .minor = x->minor,
						     .access = x->access};
	}
	if (r->n_cgroup > 0)
		d.cgroup = arena_array(a, r->n_cgroup, sizeof(*d.cgroup));
	for (size_t i = 0; i < r->n_cgroup; i++)
		d.cgroup[i] = (struct record_doc_cgroup){
			r->cgroup[i].controllers, r->cgroup[i].path, record_true(r->cgroup[i].v2),
			record_true(r->cgroup[i].created)};
	if (r->n_annotation > 0)
		d.annotations = arena_array(a, r->n_annotation, sizeof(*d.annotations));
	for (size_t i = 0; i < r->n_annotation; i++)
		d.annotations[i] =
			(struct oci_map_entry){r->annotation[i].key, r->annotation[i].value};
	return oj_write(&record_doc_object, &d, OCI_COMPACT, a, out, out_len);
}

static const char *record_now(struct arena *a)
{
	char text[STAMP_SIZE];

	return arena_strdup(a, stamp_now(text));
}

static void record_moves(struct record *r, const struct plan *p, struct arena *a)
{
	for (size_t i = 0; p->n_rdma > 0 && i < p->ns.n_join; i++)
		if (p->ns.join[i].type == CLONE_NEWNET)
			r->moved_to = p->ns.join[i].path;
	if (r->moved_to == NULL)
		return;
	r->moved = arena_array(a, p->n_rdma, sizeof(*r->moved));
	for (size_t i = 0; i < p->n_rdma; i++)
		r->moved[r->n_moved++] = p->rdma[i].device;
}

void record_from_plan(struct record *r, const struct plan *p, const struct cgroup *c,
		      struct arena *a)
{
	*r = (struct record){
		.version = RECORD_VERSION,
		.id = p->id,
		.oci_version = p->oci_version,
		.bundle = p->bundle,
		.rootfs = p->rootfs,
		.created = record_now(a),
		.boot_id = status_boot_id(),
		.manager = p->cgroup.manager,
		.scope = p->cgroup.unit.name,
		.subgroup = p->cgroup.unit.subgroup,
		.systemd_user = p->cgroup.unit.user,
		.own_pidns = (p->ns.create & CLONE_NEWPID) != 0,
		.no_new_keyring = !p->creds.new_keyring,
		.graft = p->graft,
		.annotation = p->annotation,
		.n_annotation = p->n_annotation,
	};
	/* a folder with the container's id is its own, whatever happens before the next record */
	if (p->rdt.group != NULL)
		r->rdt = (struct record_rdt){
			.group = p->rdt.group, .named = p->rdt.named, .made = !p->rdt.named};
	record_cgroups(r, c, a);
	record_moves(r, p, a);
}

void record_rdt(struct record *r, const struct rdt_group *g)
{
	r->rdt = (struct record_rdt){g->name, g->monitor, g->named, g->made, g->monitor_made};
}

void record_cgroups(struct record *r, const struct cgroup *c, struct arena *a)
{
	r->n_cgroup = c->n;
	r->cgroup = arena_array(a, c->n, sizeof(*r->cgroup));
	for (size_t i = 0; i < c->n; i++)
		r->cgroup[i] = (struct record_cgroup){c->v[i].controllers, c->v[i].path, c->v[i].v2,
						      c->v[i].created};
}
