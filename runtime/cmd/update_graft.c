/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/update_graft.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "apply/container.h"
#include "apply/seal.h"
#include "base/log.h"
#include "cgroup/update.h"
#include "cmd/version.h"
#include "hooks/graft.h"
#include "libocispec/oci.h"
#include "plan/graft.h"
#include "plan/graft_hot.h"
#include "plan/graft_merge.h"
#include "state/graft.h"
#include "sys/path.h"

struct hot {
	const struct cmd_global *g;
	struct target *t;
	struct host host;
	struct plan_options options;
	struct oci_config *config;
	const char *config_text;
	size_t config_len;
	struct graft_doc *doc;	/* before; NULL: none */
	const char *doc_text;	/* its text */
	struct graft_edits had; /* before */
	struct graft_record record;
};

static void hot_done(struct hot *h)
{
	graft_record_done(&h->record);
	host_done(&h->host);
}

static struct plan_input hot_input(const struct hot *h)
{
	return (struct plan_input){h->config, &h->host, &h->options};
}

static int hot_open(struct hot *h, struct err *e)
{
	const struct record *rec = h->t->record;
	struct arena *a = h->g->arena;
	int r = host_open(&h->host, "/", a, e);

	h->options = (struct plan_options){
		.id = rec->id, .bundle = rec->bundle, .manager = rec->manager};
	if (r == 0)
		r = store_load_config(&h->t->entry, a, &h->config_text, &h->config_len, e);
	if (r == 0)
		r = oci_config_parse(h->config_text, h->config_len, a, &h->config, e);
	if (r < 0)
		return r;
	r = graft_record_read(&h->t->entry, a, &h->doc, &h->doc_text, e);
	if (rec->graft != NULL)
		h->had = *rec->graft;
	return r == -ENOENT ? 0 : r;
}

static uint64_t hot_serial(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int hot_plan(const struct hot *h, struct plan_hot *hot, struct plan *p, int *types,
		    struct err *e)
{
	struct plan_input in = hot_input(h);

	hot->rootfs = h->t->record->rootfs;
	hot->rule = h->t->record->rule;
	hot->n_rule = h->t->record->n_rule;
	hot->serial = hot_serial();
	return plan_hot_build(p, h->g->arena, &in, hot, types, e);
}

/* ---- the state before ---- */

static void hot_tell(int r, const struct err *why)
{
	if (r < 0)
		log_warn("putting back what was changed: %s", why->text);
}

static void hot_put_back_record(struct hot *h)
{
	struct err why = {0};
	struct record *rec = h->t->record;

	if (h->doc_text != NULL)
		hot_tell(graft_record_put(&h->t->entry, h->doc_text, strlen(h->doc_text), &why),
			 &why);
	else
		(void)unlinkat(h->t->entry.dir, STORE_GRAFT, 0);
	rec->graft = h->had.device.n + h->had.gid.n + h->had.env.n > 0 || h->had.memlock.set
			     ? &h->had
			     : NULL;
	hot_tell(store_write(&h->t->entry, rec, &why), &why);
}

static void hot_put_back_rules(struct hot *h, const struct graft_edits *more)
{
	struct plan_hot hot = {.holds = &h->had};
	struct err why = {0};
	struct plan p;
	int types;

	hot.unlimited = arena_array(h->g->arena, more->limit.n, sizeof(*hot.unlimited));
	for (size_t i = 0; i < more->limit.n; i++)
		hot.unlimited[hot.n_unlimited++] = more->limit.v[i].device;
	int r = hot_plan(h, &hot, &p, &types, &why);
	if (r == 0)
		r = cgroup_update(&h->t->cgroup, &p.cgroup, &why);
	hot_tell(r, &why);
}

/* ---- --graft ---- */

/* Of the run as a whole, or of the program that a container starts with. */
static bool graft_is_of_birth(const char *key)
{
	static const char *const keys[] = {"record", "none", "mpi", "pmi"};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static int graft_wants(const struct cmd_list *list, struct arena *a, struct oci_map_entry **out,
		       struct err *e)
{
	struct oci_map_entry *v = arena_array(a, list->n, sizeof(*v));

	for (size_t i = 0; i < list->n; i++) {
		const char *eq = strchr(list->v[i], '=');

		if (eq == NULL || eq == list->v[i] || eq[1] == '\0')
			return err_set(e, EINVAL,
				       "--graft: must be KEY=VALUE such as gpu=0, got '%.100s'",
				       list->v[i]);
		v[i] = (struct oci_map_entry){
			arena_strndup(a, list->v[i], (size_t)(eq - list->v[i])), eq + 1};
		if (graft_is_of_birth(v[i].key))
			return err_set(e, EINVAL,
				       "--graft: '%s' can only be asked for when a container is "
				       "made",
				       v[i].key);
		for (size_t k = 0; k < i; k++)
			if (strcmp(v[k].key, v[i].key) == 0)
				return err_set(e, EINVAL,
					       "--graft: '%s' is given twice; put both values in "
					       "one list",
					       v[i].key);
	}
	*out = v;
	return 0;
}

/* Whether a device that is on record came: the record is written first, and whoever did it may have
 * been killed after that. */
static bool graft_came(int root, const char *path, dev_t dev)
{
	autoclose int fd = path_open(root, path, O_PATH, NULL);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == dev;
}

/* The same of a file or folder, which is the host's itself then. */
static bool graft_file_came(const struct hot *h, int root, const struct graft_doc_file *f)
{
	autoclose int there = path_open(root, f->target, O_PATH, NULL);
	autoclose int here =
		f->source == NULL ? FD_NONE : path_open(h->host.root, f->source, O_PATH, NULL);
	struct stat st, host;

	return there >= 0 && here >= 0 && fstat(there, &st) == 0 && fstat(here, &host) == 0 &&
	       st.st_dev == host.st_dev && st.st_ino == host.st_ino;
}

/* What the container has got is not brought twice. */
static int graft_only_new(struct graft_edits *more, const struct graft_edits *had, int root,
			  struct err *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < more->device.n; i++) {
		const struct graft_edit_device *d = &more->device.v[i];
		bool there = false;

		for (size_t k = 0; k < had->device.n; k++) {
			const struct graft_node *n = &had->device.v[k].node;
			if (strcmp(n->path, d->node.path) != 0)
				continue;
			if (n->dev != d->node.dev)
				return graft_refuse(e, ESTALE, d->domain, "CONFLICT",
						    "'%s' was grafted with another number; "
						    "--ungraft %s first",
						    n->path, graft_domain_name(d->domain));
			there = there || graft_came(root, n->path, n->dev);
		}
		if (!there)
			more->device.v[kept++] = *d;
	}
	more->device.n = kept;
	return 0;
}

static void graft_had_files(struct graft_edits *more, const struct hot *h, int root)
{
	const struct graft_doc *doc = h->doc;

	for (size_t i = 0; doc != NULL && i < doc->n_file; i++)
		if (graft_file_came(h, root, &doc->file[i]))
			*ARENA_PUSH(h->g->arena, &more->had) =
				(struct graft_edit_mount){.target = doc->file[i].target,
							  .soname = doc->file[i].soname,
							  .alias = doc->file[i].alias,
							  .n_alias = doc->file[i].n_alias};
}

/* One that is brought again is on record already. */
static void graft_add_device(struct graft_edits *all, const struct graft_edit_device *d,
			     struct arena *a)
{
	for (size_t i = 0; i < all->device.n; i++)
		if (strcmp(all->device.v[i].node.path, d->node.path) == 0)
			return;
	*ARENA_PUSH(a, &all->device) = *d;
}

/* What both bring, for later commands and the device rules. */
static struct graft_edits *graft_together(const struct graft_edits *had,
					  const struct graft_edits *more, struct arena *a)
{
	struct graft_edits *all = arena_new(a, struct graft_edits);

	for (int from = 0; from < 2; from++) {
		const struct graft_edits *ed = from == 0 ? had : more;
		for (size_t i = 0; i < ed->device.n; i++)
			graft_add_device(all, &ed->device.v[i], a);
		for (size_t i = 0; i < ed->gid.n; i++)
			*ARENA_PUSH(a, &all->gid) = ed->gid.v[i];
		for (size_t i = 0; i < ed->env.n; i++)
			*ARENA_PUSH(a, &all->env) = ed->env.v[i];
		if (ed->memlock.set) {
			all->memlock = ed->memlock;
			all->memlock_why = ed->memlock_why;
		}
	}
	return all;
}

/* What a process is born with stays as it is. */
static void graft_tell_limits(const struct graft_edits *more, const struct graft_doc *doc)
{
	for (size_t i = 0; doc != NULL && more->device.n > 0 && i < doc->n_curtain; i++)
		log_warn(
			"what the curtain hides in '%s' stays hidden: it is drawn when a container "
			"is made [GRAFT-HOT]",
			doc->curtain[i]);
	if (more->gid.n + more->env.n > 0)
		log_warn("groups and variables of the graft go to processes of greffon exec; those "
			 "that run keep theirs [GRAFT-HOT]");
	if (more->memlock.set)
		log_warn("memlock goes to processes of greffon exec; for those that run use "
			 "prlimit --memlock --pid PID [GRAFT-HOT]");
}

/* Version 1 passes what it refuses on to cgroups below, what it allows it does not
 * (Documentation/admin-guide/cgroup-v1/devices.rst). A folder of cgroupfs counts its own as links.
 */
static void graft_tell_nested(const struct record *rec)
{
	for (size_t i = 0; i < rec->n_cgroup; i++) {
		const struct record_cgroup *c = &rec->cgroup[i];
		struct stat st;

		if (!c->v2 && strstr(c->controllers, "devices") != NULL &&
		    stat(c->path, &st) == 0 && st.st_nlink > 2)
			log_warn("processes in cgroups of the container's own, below '%s', can't "
				 "use the devices: those keep their rules [GRAFT-HOT]",
				 c->path);
	}
}

static int graft_record(struct hot *h, const struct plan *p, const struct graft_edits *all,
			struct err *e)
{
	const struct graft_record_input in = {
		.p = p,
		.h = &h->host,
		.record = h->t->record,
		.config_text = h->config_text,
		.config_len = h->config_len,
		.version = PACKAGE_VERSION,
		.commit = version_commit(),
	};
	struct arena *a = h->g->arena;

	h->t->record->graft = all;
	int r = store_write(&h->t->entry, h->t->record, e);
	return r < 0 ? r
		     : graft_record_change(&h->record, &h->t->entry, graft_doc_join(h->doc, &in, a),
					   &h->host, a, e);
}

/* What a failed addition may have left: places that were made to mount on. */
static void graft_take_back(struct hot *h, const struct plan *p, int types)
{
	struct plan gone = *p;
	struct plan_input in = hot_input(h);
	struct graft_edit_mounts none = {0};
	struct err why = {0};

	plan_hot_gone(&gone, &in, &p->graft->device, &none, false);
	hot_tell(container_mounts(h->t->record, &gone, &h->host, types, CONTAINER_MOUNTS_UNGRAFT,
				  &why),
		 &why);
}

/* The record never says less than the container has. */
static int graft_apply(struct hot *h, struct plan *p, int types, const struct graft_edits *all,
		       struct err *e)
{
	bool rules = false;
	int r = graft_record(h, p, all, e);

	if (r == 0) {
		r = cgroup_update(&h->t->cgroup, &p->cgroup, e);
		rules = r == 0;
	}
	if (r == 0 && p->mounts.n > 0) {
		r = container_mounts(h->t->record, p, &h->host, types, CONTAINER_MOUNTS_ADD, e);
		if (r < 0)
			graft_take_back(h, p, types);
	}
	if (r == 0) {
		graft_record_complete(&h->record, &h->t->entry, h->g->arena);
		return 0;
	}
	if (rules)
		hot_put_back_rules(h, p->graft);
	hot_put_back_record(h);
	return r;
}

/* Whether target is not there and can't be made, as its file system is read-only. */
static bool graft_lacks_place(int root, const char *target, struct arena *a)
{
	char *path = arena_strdup(a, target), *slash;
	struct statvfs st;
	autoclose int fd = path_open(root, path, O_PATH, NULL);

	if (fd >= 0)
		return false;
	while (fd == -ENOENT && (slash = strrchr(path, '/')) != NULL) {
		*slash = '\0';
		fd = path_open(root, path, O_PATH | O_DIRECTORY, NULL);
	}
	return fd >= 0 && fstatvfs(fd, &st) == 0 && (st.f_flag & ST_RDONLY) != 0;
}

static void graft_unplan(struct plan *p, const char *target)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->mounts.n; i++)
		if (strcmp(p->mounts.v[i].target, target) != 0)
			p->mounts.v[kept++] = p->mounts.v[i];
	p->mounts.n = kept;
	for (size_t i = 0; i < kept; i++)
		p->mounts.v[i].slot = (int16_t)(i + 1);
}

/* When a container is made its root becomes read-only last. Now programs and data of the host are
 * left out that the image has no place for; nodes and libraries have folders of their own. */
static void graft_leave_out(struct plan *p, struct graft_edits *more, int root, struct arena *a)
{
	size_t kept = 0;

	for (size_t i = 0; i < more->mount.n; i++) {
		const struct graft_edit_mount m = more->mount.v[i];

		if (m.soname != NULL || !graft_lacks_place(root, m.target, a)) {
			more->mount.v[kept++] = m;
			continue;
		}
		graft_unplan(p, m.target);
		graft_note_add(&more->note, a, m.domain, "HOT",
			       "'%s' is left out: the container's root is read-only and has no "
			       "such file to mount it on",
			       m.target);
	}
	more->mount.n = kept;
}

static int hot_graft(struct hot *h, const struct cmd_list *list, struct err *e)
{
	struct arena *a = h->g->arena;
	struct oci_map_entry *want = NULL;
	struct graft_edits *more;
	struct plan p;
	int types;
	int r = graft_wants(list, a, &want, e);

	if (r == 0)
		r = graft_resolve_options(&h->host, want, list->n, a, &more, e);
	if (r == 0 && (more->request->want[GRAFT_MPI].value != NULL ||
		       more->request->want[GRAFT_PMI].value != NULL))
		r = err_set(e, EINVAL,
			    "--graft: the profile asks for mpi or pmi, which can only be asked for "
			    "when a container is made");
	if (r == 0)
		r = plan_graft_memlock_right(&h->host, more, e);
	autoclose int root = r < 0 ? r : container_root(h->t->record, e);
	if (root < 0)
		return root;
	r = graft_only_new(more, &h->had, root, e);
	if (r < 0)
		return r;
	graft_had_files(more, h, root);
	const struct graft_edits *all = graft_together(&h->had, more, a);
	struct plan_hot hot = {.holds = all, .more = more};
	r = hot_plan(h, &hot, &p, &types, e);
	if (r == 0) {
		graft_leave_out(&p, more, root, a);
		r = graft_notes_tell(more, e);
	}
	if (r == 0)
		r = graft_apply(h, &p, types, all, e);
	if (r == 0 && more->device.n > 0)
		graft_tell_nested(h->t->record);
	if (r == 0)
		graft_tell_limits(more, h->doc);
	return r;
}

/* ---- --ungraft ---- */

/* The rules refuse by now; an open descriptor stays. */
static int ungraft_mounts(struct hot *h, struct plan *p, int types, const struct ungraft *u,
			  struct err *e)
{
	struct plan_input in = hot_input(h);
	struct plan gone = *p;
	bool last =
		!plan_graft_has_library(&u->rest_file) && plan_graft_has_library(&u->gone.mount);
	/* the cache no longer names what goes next */
	int r = p->mounts.n > 0 && plan_graft_has_library(&u->gone.mount)
			? container_mounts(h->t->record, p, &h->host, types, CONTAINER_MOUNTS_ADD,
					   e)
			: 0;

	plan_hot_gone(&gone, &in, &u->gone.device, &u->gone.mount, last);
	if (r == 0 && gone.nodes.n + gone.mounts.n > 0)
		r = container_mounts(h->t->record, &gone, &h->host, types, CONTAINER_MOUNTS_UNGRAFT,
				     e);
	return r < 0 ? err_at(e, "refused from now on, but still visible in the container") : 0;
}

static int ungraft_record(struct hot *h, const struct ungraft *u, struct err *e)
{
	struct record *rec = h->t->record;
	bool any = u->rest.device.n + u->rest.gid.n + u->rest.env.n > 0 || u->rest.memlock.set;

	rec->graft = any ? &u->rest : NULL;
	int r = store_write(&h->t->entry, rec, e);
	return r < 0 || u->doc == NULL ? r
				       : graft_record_change(&h->record, &h->t->entry, u->doc,
							     &h->host, h->g->arena, e);
}

static int hot_ungraft(struct hot *h, const struct cmd_list *list, struct err *e)
{
	const struct graft_edits nothing = {0};
	struct graft_edits more = {0};
	struct ungraft u;
	struct plan p;
	int types;
	int r = ungraft_sort(list, &h->had, h->doc, &h->host, h->g->arena, &u, e);

	if (r < 0)
		return r;
	more.had = u.rest_file;
	struct plan_hot hot = {.holds = &u.rest,
			       .more = &more,
			       .unlimited = u.unlimited,
			       .n_unlimited = u.n_unlimited};
	r = hot_plan(h, &hot, &p, &types, e);
	if (r == 0)
		r = cgroup_update(&h->t->cgroup, &p.cgroup, e);
	if (r < 0)
		return r;
	r = ungraft_record(h, &u, e);
	if (r < 0) {
		hot_put_back_rules(h, &nothing);
		hot_put_back_record(h);
		return r;
	}
	r = ungraft_mounts(h, &p, types, &u, e);
	graft_record_complete(&h->record, &h->t->entry, h->g->arena);
	return r;
}

int update_graft(const struct cmd_global *g, struct target *t, const struct cmd_list *graft,
		 const struct cmd_list *ungraft, struct err *e)
{
	__attribute__((cleanup(hot_done))) struct hot h = {
		.g = g, .t = t, .host = {.root = FD_NONE}, .record = GRAFT_RECORD_EMPTY};
	int r = hot_open(&h, e);

	if (r < 0)
		return r;
	return graft->n > 0 ? hot_graft(&h, graft, e) : hot_ungraft(&h, ungraft, e);
}
