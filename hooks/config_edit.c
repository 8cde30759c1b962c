/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/config_edit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "hooks/library.h"
#include "host/host.h"
#include "libocispec/oci.h"
#include "sys/path.h"

struct config_editor {
	const struct host *h;
	const struct oci_config *c; /* as it was */
	struct graft_edits *ed;
	struct oj_node *doc;
	struct arena *a;
	struct err *e;
};

static struct oj_node *config_object(struct config_editor *q, struct oj_node *at, const char *key)
{
	return oj_tree_need(at, key, OJ_NODE_OBJECT, q->a);
}

static struct oj_node *config_array(struct config_editor *q, struct oj_node *at, const char *key)
{
	return oj_tree_need(at, key, OJ_NODE_ARRAY, q->a);
}

/* ---- devices ---- */

static const struct oci_device *config_device(const struct config_editor *q, const char *path)
{
	const struct oci_linux *l = q->c->linux;

	for (size_t i = 0; l != NULL && i < l->n_devices; i++)
		if (strcmp(l->devices[i].path, path) == 0)
			return &l->devices[i];
	return NULL;
}

static int config_node(struct config_editor *q, const struct graft_edit_device *d)
{
	const struct graft_node *n = &d->node;
	const struct oci_device *have = config_device(q, n->path);

	if (have != NULL && have->type != NULL && have->type[0] == 'c' &&
	    have->major.v == major(n->dev) && have->minor.v == minor(n->dev))
		return 0;
	if (have != NULL)
		return graft_refuse(q->e, ESTALE, d->domain, "CONFLICT",
				    "'%s' is %" PRId64 ":%" PRId64
				    " in linux.devices, but %u:%u on this node; take it out of "
				    "the config",
				    n->path, have->major.v, have->minor.v, major(n->dev),
				    minor(n->dev));
	if (n->missing && (q->h->in_userns || q->h->euid != 0))
		return graft_refuse(q->e, ENODEV, d->domain, "NONE",
				    "'%s' does not exist on the host, and only the node's root may "
				    "make it; run nvidia-modprobe -u -c 0",
				    n->path);
	struct oj_node *list = config_array(q, config_object(q, q->doc, "linux"), "devices");
	struct oj_node *node = oj_tree_push(list, OJ_NODE_OBJECT, q->a);
	oj_tree_string(node, "path", n->path, q->a);
	oj_tree_string(node, "type", "c", q->a);
	oj_tree_uint(node, "major", major(n->dev), q->a);
	oj_tree_uint(node, "minor", minor(n->dev), q->a);
	oj_tree_uint(node, "fileMode", n->mode & 0777, q->a);
	oj_tree_uint(node, "uid", n->uid, q->a);
	oj_tree_uint(node, "gid", n->gid, q->a);
	return 0;
}

static void config_rule(struct config_editor *q, dev_t dev)
{
	struct oj_node *res = config_object(q, config_object(q, q->doc, "linux"), "resources");
	struct oj_node *rule = oj_tree_push(config_array(q, res, "devices"), OJ_NODE_OBJECT, q->a);

	oj_tree_bool(rule, "allow", true, q->a);
	oj_tree_string(rule, "type", "c", q->a);
	oj_tree_uint(rule, "major", major(dev), q->a);
	oj_tree_uint(rule, "minor", minor(dev), q->a);
	oj_tree_string(rule, "access", "rw", q->a);
}

static int config_devices(struct config_editor *q)
{
	bool own_dev = !graft_config_dev_is_bound(q->c);

	for (size_t i = 0; i < q->ed->device.n; i++) {
		const struct graft_edit_device *d = &q->ed->device.v[i];
		int r = own_dev ? config_node(q, d) : 0;
		if (r < 0)
			return r;
		if (!graft_config_allows(q->c, d->node.dev))
			config_rule(q, d->node.dev);
	}
	return 0;
}

/* ---- mounts ---- */

/* The mounts that were requests; an index is that of the config, so from behind. */
static void config_drop_mounts(struct config_editor *q)
{
	struct oj_node *list = oj_tree_get(q->doc, "mounts");
	const struct graft_request *r = q->ed->request;

	for (size_t i = q->c->n_mounts; list != NULL && i-- > 0;) {
		bool drop = false;
		for (size_t k = 0; k < r->n_mount; k++)
			drop = drop || r->mount[k] == i;
		if (drop)
			oj_tree_drop(list, i);
	}
}

static void config_mount(struct config_editor *q, const struct graft_edit_mount *m)
{
	static const char *const options[] = {"bind", "ro", "nosuid", "nodev", "private"};
	struct oj_node *mount =
		oj_tree_push(config_array(q, q->doc, "mounts"), OJ_NODE_OBJECT, q->a);

	oj_tree_string(mount, "destination", m->target, q->a);
	oj_tree_string(mount, "type", "bind", q->a);
	oj_tree_string(mount, "source", m->source, q->a);
	struct oj_node *list = config_array(q, mount, "options");
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		oj_tree_string(list, NULL, options[i], q->a);
	if (!m->exec)
		oj_tree_string(list, NULL, "noexec", q->a);
}

static int config_mounts(struct config_editor *q)
{
	for (size_t i = 0; i < q->ed->mount.n; i++) {
		const struct graft_edit_mount *m = &q->ed->mount.v[i];

		if (graft_config_has_mount(q->c, m->target))
			continue; /* the config's own word for that place holds */
		autoclose int source = graft_source_open(q->h, m, q->e);
		if (source == -ENOENT && m->optional)
			continue;
		if (source < 0)
			return source;
		config_mount(q, m);
	}
	return 0;
}

/* Which libraries an image can carry is seen where it is mounted, and a curtain is drawn there. */
static void config_libraries(struct config_editor *q, const char *self)
{
	static const char stage[] = "createContainer";
	const struct oci_hooks *hooks = q->c->hooks;

	for (size_t i = 0; hooks != NULL && i < hooks->n_create_container; i++)
		if (strcmp(hooks->create_container[i].path, self) == 0)
			return;
	if (!graft_libraries_asked(q->ed) && q->ed->veil.n == 0)
		return;
	struct oj_node *list = config_array(q, config_object(q, q->doc, "hooks"), stage);
	struct oj_node *hook = oj_tree_push(list, OJ_NODE_OBJECT, q->a);
	oj_tree_string(hook, "path", self, q->a);
	struct oj_node *args = config_array(q, hook, "args");
	oj_tree_string(args, NULL, "greffon-hook", q->a);
	oj_tree_string(args, NULL, stage, q->a);
	/* said, or a runtime may pass on an environment of its own */
	oj_tree_string(config_array(q, hook, "env"), NULL, "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		       q->a);
	oj_tree_uint(hook, "timeout", 10, q->a);
}

/* ---- the process ---- */

static void config_env(struct config_editor *q)
{
	for (size_t i = 0; i < q->ed->env.n; i++) {
		const struct graft_edit_env *x = &q->ed->env.v[i];
		struct oj_node *list = config_array(q, config_object(q, q->doc, "process"), "env");
		const char *word = arena_printf(q->a, "%s=%s", x->name, x->value);
		size_t n = strlen(x->name), at = 0;

		while (at < list->n && !(list->v[at].node->kind == OJ_NODE_STRING &&
					 strncmp(list->v[at].node->text, word, n + 1) == 0))
			at++;
		if (at < list->n)
			list->v[at].node->text = word;
		else
			oj_tree_string(list, NULL, word, q->a);
	}
}

static void config_groups(struct config_editor *q)
{
	for (size_t i = 0; q->c->process != NULL && i < q->ed->gid.n; i++) {
		uint32_t inside = graft_config_gid(q->c, q->ed->gid.v[i]);
		bool nobody = q->h->in_userns && q->ed->gid.v[i] == GRAFT_OVERFLOW_GID;

		if (nobody && q->ed->device.n > 0)
			graft_note_add(&q->ed->note, q->a, q->ed->device.v[0].domain, "PERM",
				       "a node wants a group that this user namespace does not "
				       "have; keep the caller's (--group-add keep-groups)");
		if (nobody || inside == UINT32_MAX || graft_config_has_group(q->c, inside))
			continue;
		struct oj_node *user =
			config_object(q, config_object(q, q->doc, "process"), "user");
		oj_tree_uint(config_array(q, user, "additionalGids"), NULL, inside, q->a);
	}
}

static int config_memlock(struct config_editor *q)
{
	uint64_t bytes = q->ed->memlock.v;
	struct rlimit64 own;

	if (!q->ed->memlock.set || q->c->process == NULL || graft_config_has_memlock(q->c, bytes))
		return 0;
	/* the runtime that comes next has what the engine has */
	if ((q->h->euid != 0 || q->h->in_userns) && getrlimit64(RLIMIT_MEMLOCK, &own) == 0 &&
	    bytes > own.rlim_max)
		return graft_refuse(q->e, EPERM, GRAFT_DOMAINS, "PERM",
				    "%s: the engine may lock %" PRIu64
				    " bytes itself and may not give more; set LimitMEMLOCK in the "
				    "unit of what starts it",
				    q->ed->memlock_why, (uint64_t)own.rlim_max);
	struct oj_node *list = config_array(q, config_object(q, q->doc, "process"), "rlimits");
	struct oj_node *limit = NULL;
	for (size_t i = 0; i < list->n; i++) {
		const struct oj_node *type = oj_tree_get(list->v[i].node, "type");
		if (type != NULL && type->kind == OJ_NODE_STRING &&
		    strcmp(type->text, "RLIMIT_MEMLOCK") == 0)
			limit = list->v[i].node;
	}
	if (limit == NULL)
		limit = oj_tree_push(list, OJ_NODE_OBJECT, q->a);
	oj_tree_string(limit, "type", "RLIMIT_MEMLOCK", q->a);
	oj_tree_uint(limit, "hard", bytes, q->a);
	oj_tree_uint(limit, "soft", bytes, q->a);
	return 0;
}

/* ---- limits of the cgroup ---- */

/* What nobody asked for is left out where a runtime would fail with it. */
static bool config_has_rdma_controller(const struct config_editor *q)
{
	char text[4096];
	autoclose int v1 = path_open(q->h->root, "/sys/fs/cgroup/rdma", O_PATH | O_CLOEXEC, NULL);

	return v1 >= 0 || (io_read_control(q->h->root, "sys/fs/cgroup/cgroup.controllers", text,
					   sizeof(text)) > 0 &&
			   strstr(text, "rdma") != NULL);
}

static void config_limits(struct config_editor *q)
{
	bool any = q->ed->limit_required || config_has_rdma_controller(q);

	for (size_t i = 0; any && i < q->ed->limit.n; i++) {
		const struct graft_limit *l = &q->ed->limit.v[i];

		if (graft_config_has_limit(q->c, l->device))
			continue;
		struct oj_node *res =
			config_object(q, config_object(q, q->doc, "linux"), "resources");
		struct oj_node *limit = config_object(q, config_object(q, res, "rdma"), l->device);
		if (l->handles.set)
			oj_tree_uint(limit, "hcaHandles", l->handles.v, q->a);
		if (l->objects.set)
			oj_tree_uint(limit, "hcaObjects", l->objects.v, q->a);
	}
}

int graft_config_no_move(const struct graft_edits *ed, struct err *e)
{
	if (ed->move.n == 0)
		return 0;
	return graft_refuse(
		e, ENOTSUP, GRAFT_RDMA, "STAGE",
		"%s: no hook moves a device; leave 'move' out, or use --runtime greffon",
		ed->request->want[GRAFT_RDMA].source);
}

int graft_config_edit(const struct host *h, const struct oci_config *c, const char *self,
		      struct graft_edits *ed, struct oj_node *doc, struct arena *a, struct err *e)
{
	struct config_editor q = {.h = h, .c = c, .ed = ed, .doc = doc, .a = a, .e = e};
	int r = 0;

	if (ed->pmi != GRAFT_PMI_OFF)
		r = graft_refuse(e, ENOTSUP, GRAFT_PMI, "STAGE",
				 "%s: no hook is told of the job; use --runtime greffon",
				 ed->request->want[GRAFT_PMI].source);
	if (r == 0)
		r = graft_config_no_move(ed, e);
	if (r == 0)
		r = config_devices(&q);

	config_drop_mounts(&q);
	if (r == 0)
		r = config_mounts(&q);
	if (r == 0)
		r = config_memlock(&q);
	if (r < 0)
		return r;
	config_libraries(&q, self);
	config_env(&q);
	config_groups(&q);
	config_limits(&q);
	if (c->linux == NULL || c->linux->resources == NULL || c->linux->resources->n_devices == 0)
		if (ed->device.n > 0)
			graft_note_add(&ed->note, a, ed->device.v[0].domain, "FILTER",
				       "linux.resources.devices is empty: nothing keeps the "
				       "container from the node's other devices");
	return graft_notes_tell(ed, e);
}
