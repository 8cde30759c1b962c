/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/cdi_edit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "hooks/tree.h"
#include "hooks/trust.h"
#include "host/host.h"
#include "sys/path.h"

/* The edits of the CDI specification, one kind a section, in its order. */

static void edit_origin(struct cdi_editor *q, const char *place, const char *origin)
{
	for (size_t i = 0; i < q->out->origin.n; i++)
		if (strcmp(q->out->origin.v[i].place, place) == 0) {
			q->out->origin.v[i].origin = origin;
			return;
		}
	*ARENA_PUSH(q->a, &q->out->origin) = (struct cdi_origin){place, origin};
}

/* Room for one more behind n items; the config's own array stays as it is. */
static void *edit_more(struct arena *a, const void *v, size_t n, size_t size)
{
	char *copy = arena_array(a, n + 1, size);

	if (n > 0)
		memcpy(copy, v, n * size);
	return copy;
}

/* ---- variables ---- */

static void edit_env_one(struct cdi_editor *q, const char *word, const char *origin)
{
	struct oci_process *p = q->config->process;
	size_t n = strcspn(word, "="), at = 0;

	*ARENA_PUSH(q->a, &q->out->env) =
		(struct graft_edit_env){arena_strndup(q->a, word, n), word + n + 1, origin};
	if (p == NULL)
		return;
	const char **env = edit_more(q->a, p->env, p->n_env, sizeof(*env));
	while (at < p->n_env && strncmp(env[at], word, n + 1) != 0)
		at++;
	env[at] = word;
	p->n_env += at == p->n_env;
	p->env = env;
}

static int edit_env(struct cdi_editor *q, const struct cdi_edit_set *s)
{
	for (size_t i = 0; i < s->edits->n_env; i++)
		edit_env_one(q, s->edits->env[i], s->origin);
	return 0;
}

/* ---- devices ---- */

struct edit_number {
	const char *type; /* "c", "b" or "p" */
	dev_t dev;
};

/* What the host's node is. A captured tree knows of character devices only. */
static bool edit_host_node(const struct cdi_editor *q, const char *path, struct edit_number *out)
{
	struct graft_node node;
	struct tree t;
	struct stat st;

	if (q->h->captured) {
		tree_open(&t, q->h, q->a);
		*out = (struct edit_number){"c", 0};
		if (!tree_node(&t, path, &node))
			return false;
		out->dev = node.dev;
		return true;
	}
	autoclose int fd = path_open_nofollow(q->h->root, path, O_PATH | O_CLOEXEC, NULL);
	if (fd < 0 || fstat(fd, &st) < 0 ||
	    !(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) || S_ISFIFO(st.st_mode)))
		return false;
	*out = (struct edit_number){S_ISCHR(st.st_mode)	  ? "c"
				    : S_ISBLK(st.st_mode) ? "b"
							  : "p",
				    st.st_rdev};
	return true;
}

static int edit_stale(struct cdi_editor *q, const struct cdi_edit_set *s, const char *path,
		      const struct edit_number *given, const struct edit_number *node)
{
	return graft_refuse(q->e, ESTALE, GRAFT_DOMAINS, "STALE",
			    "%s: '%s' is %s %u:%u there, but %s %u:%u on this node; %s", s->origin,
			    path, given->type, major(given->dev), minor(given->dev), node->type,
			    major(node->dev), minor(node->dev), cdi_remedy(s->file, q->a));
}

/* NULL: not given. */
static const char *edit_type(const char *type)
{
	if (type == NULL || type[0] == '\0')
		return NULL;
	return type[0] == 'u' ? "c" : type;
}

/* Numbers that are given hold unless the host's node has others: then the file is of another boot,
 * and the container would get somebody else's device. */
static int edit_number(struct cdi_editor *q, const struct cdi_edit_set *s,
		       const struct cdi_device_node *n, struct edit_number *out)
{
	const char *path = n->host_path != NULL ? n->host_path : n->path;
	struct edit_number node;
	bool known = edit_host_node(q, path, &node);
	const char *type = edit_type(n->type);
	bool whole = type != NULL && (n->major.v != 0 || type[0] == 'p');

	if (!known && !whole)
		return graft_refuse(q->e, ENODEV, GRAFT_DOMAINS, "NONE",
				    "%s: '%s' does not exist on this node; %s", s->origin, path,
				    cdi_remedy(s->file, q->a));
	*out = known ? node : (struct edit_number){type, 0};
	if (!whole)
		return type != NULL && type[0] != node.type[0] ? edit_stale(q, s, path, out, &node)
							       : 0;
	*out = (struct edit_number){type,
				    makedev((unsigned int)n->major.v, (unsigned int)n->minor.v)};
	if (known && (type[0] != node.type[0] || (type[0] != 'p' && out->dev != node.dev)))
		return edit_stale(q, s, path, out, &node);
	return 0;
}

static void edit_rule(struct cdi_editor *q, const struct cdi_device_node *n,
		      const struct edit_number *number, const char *origin)
{
	struct oci_resources *res = q->config->linux->resources;
	const char *access =
		n->permissions == NULL || n->permissions[0] == '\0' ? "rwm" : n->permissions;

	/* without any rule nothing is restricted */
	if (res == NULL || res->n_devices == 0 || strcmp(access, "none") == 0)
		return;
	res->devices = edit_more(q->a, res->devices, res->n_devices, sizeof(*res->devices));
	edit_origin(q, arena_printf(q->a, "linux.resources.devices[%zu]", res->n_devices), origin);
	res->devices[res->n_devices++] = (struct oci_device_rule){
		.allow = {true, true},
		.type = number->type,
		.major = {true, major(number->dev)},
		.minor = {true, minor(number->dev)},
		.access = access,
	};
}

/* The id of the container's user unless the file has one, as the specification wants it. */
static struct opt_u64 edit_owner(struct opt_u64 given, const struct oci_user *user, bool uid)
{
	if (!given.set && user != NULL)
		given = uid ? user->uid : user->gid;
	return given;
}

static void edit_device(struct cdi_editor *q, const struct cdi_edit_set *s,
			const struct cdi_device_node *n, const struct edit_number *number)
{
	struct oci_linux *l = q->config->linux;
	const struct oci_user *user = q->config->process != NULL ? q->config->process->user : NULL;
	bool fifo = number->type[0] == 'p';
	struct oci_device d = {
		.path = n->path,
		.type = number->type,
		.major = {!fifo, fifo ? 0 : major(number->dev)},
		.minor = {!fifo, fifo ? 0 : minor(number->dev)},
		.file_mode = n->file_mode,
		.uid = edit_owner(n->uid, user, true),
		.gid = edit_owner(n->gid, user, false),
	};
	size_t at = 0;

	l->devices = edit_more(q->a, l->devices, l->n_devices, sizeof(*l->devices));
	while (at < l->n_devices &&
	       (l->devices[at].path == NULL || strcmp(l->devices[at].path, n->path) != 0))
		at++;
	l->devices[at] = d;
	l->n_devices += at == l->n_devices;
	edit_origin(q, arena_printf(q->a, "linux.devices[%zu]", at), s->origin);
	if (!fifo)
		edit_rule(q, n, number, s->origin);
	if (number->type[0] == 'c')
		*ARENA_PUSH(q->a, &q->out->device) = (struct graft_edit_device){
			.domain = GRAFT_DOMAINS,
			.node = {.path = n->path, .dev = number->dev},
			.owner = s->name,
			.why = s->origin,
		};
}

static int edit_devices(struct cdi_editor *q, const struct cdi_edit_set *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->edits->n_device_nodes; i++) {
		struct edit_number number;
		r = edit_number(q, s, &s->edits->device_nodes[i], &number);
		if (r == 0)
			edit_device(q, s, &s->edits->device_nodes[i], &number);
	}
	return r;
}

/* ---- network interfaces ---- */

static int edit_net(struct cdi_editor *q, const struct cdi_edit_set *s)
{
	struct oci_linux *l = q->config->linux;

	for (size_t i = 0; i < s->edits->n_net_devices; i++) {
		const struct cdi_net_device *d = &s->edits->net_devices[i];
		size_t at = 0;

		l->net_devices =
			edit_more(q->a, l->net_devices, l->n_net_devices, sizeof(*l->net_devices));
		while (at < l->n_net_devices && strcmp(l->net_devices[at].key, d->host_name) != 0)
			at++;
		l->net_devices[at] = (struct oci_net_device){.key = d->host_name, .name = d->name};
		l->n_net_devices += at == l->n_net_devices;
		edit_origin(q, arena_printf(q->a, "linux.netDevices.%.64s", d->host_name),
			    s->origin);
	}
	return 0;
}

/* ---- mounts ---- */

static bool edit_has_option(const struct oci_mount *m, const char *option)
{
	for (size_t i = 0; i < m->n_options; i++)
		if (strcmp(m->options[i], option) == 0)
			return true;
	return false;
}

/* In a user namespace the files of a bind mount are nobody's unless it is mapped. Only the node's
 * root may map one. */
static void edit_idmap(struct cdi_editor *q, struct oci_mount *m)
{
	const struct oci_linux *l = q->config->linux;
	bool user = false, whole = edit_has_option(m, "rbind");

	for (size_t i = 0; i < l->n_namespaces; i++)
		user = user || l->namespaces[i].type == OCI_NS_USER;
	if (!user || !host_is_privileged(q->h) || edit_has_option(m, "idmap") ||
	    edit_has_option(m, "ridmap") ||
	    !(whole || edit_has_option(m, "bind") ||
	      (m->type != NULL && strcmp(m->type, "bind") == 0)))
		return;
	const char **options = edit_more(q->a, m->options, m->n_options, sizeof(*options));
	options[m->n_options++] = whole ? "ridmap" : "idmap";
	m->options = options;
}

static int edit_mounts(struct cdi_editor *q, const struct cdi_edit_set *s)
{
	for (size_t i = 0; i < s->edits->n_mounts; i++) {
		const struct cdi_mount *from = &s->edits->mounts[i];
		struct oci_mount m = {.destination = from->container_path,
				      .source = from->host_path,
				      .type = from->type,
				      .options = from->options,
				      .n_options = from->n_options};
		size_t kept = 0;

		for (size_t k = 0; k < q->mount.n; k++)
			if (strcmp(q->mount.v[k].mount.destination, m.destination) != 0)
				q->mount.v[kept++] = q->mount.v[k];
		q->mount.n = kept;
		edit_idmap(q, &m);
		if (m.source[0] == '/')
			*ARENA_PUSH(q->a, &q->out->mount) = (struct graft_edit_mount){
				.domain = GRAFT_DOMAINS,
				.source = m.source,
				.target = m.destination,
				.why = s->origin,
			};
		*ARENA_PUSH(q->a, &q->mount) = (struct cdi_edit_mount){m, s->origin, 0};
	}
	return 0;
}

static size_t edit_depth(const char *path)
{
	size_t n = 0;

	for (const char *p = path; *p != '\0'; p++)
		n += *p == '/' && p[1] != '/' && p[1] != '\0';
	return n;
}

/* By depth, so that none hides another; those of the same depth keep their order. */
static void edit_mounts_sort(struct cdi_editor *q)
{
	struct cdi_edit_mount *v = q->mount.v;

	for (size_t i = 1; i < q->mount.n; i++) {
		struct cdi_edit_mount m = v[i];
		size_t depth = edit_depth(m.mount.destination), k = i;

		for (; k > 0 && edit_depth(v[k - 1].mount.destination) > depth; k--)
			v[k] = v[k - 1];
		v[k] = m;
	}
}

static void edit_mounts_end(struct cdi_editor *q)
{
	struct oci_mount *v = arena_array(q->a, q->mount.n, sizeof(*v));
	bool any = false;

	for (size_t i = 0; i < q->mount.n; i++)
		any = any || q->mount.v[i].origin != NULL;
	if (any)
		edit_mounts_sort(q);
	for (size_t i = 0; i < q->mount.n; i++) {
		const struct cdi_edit_mount *m = &q->mount.v[i];

		v[i] = m->mount;
		if (m->origin != NULL || m->was != i)
			edit_origin(q, arena_printf(q->a, "mounts[%zu]", i),
				    m->origin != NULL ? m->origin
						      : arena_printf(q->a, "mounts[%zu]", m->was));
	}
	q->config->mounts = v;
	q->config->n_mounts = q->mount.n;
}

/* ---- hooks ---- */

struct edit_hooks {
	const char *name;
	struct oci_hook **v;
	size_t *n;
};

static bool edit_words_are(const char *const *x, size_t n_x, const char *const *y, size_t n_y)
{
	bool same = n_x == n_y;

	for (size_t i = 0; same && i < n_x; i++)
		same = strcmp(x[i], y[i]) == 0;
	return same;
}

/* Two devices of one file may bring the same hook, which then runs once. */
static bool edit_hook_is_there(const struct edit_hooks *list, const struct cdi_hook *hook)
{
	for (size_t i = 0; i < *list->n; i++) {
		const struct oci_hook *have = &(*list->v)[i];

		if (strcmp(have->path, hook->path) == 0 &&
		    edit_words_are(have->args, have->n_args, hook->args, hook->n_args) &&
		    edit_words_are(have->env, have->n_env, hook->env, hook->n_env) &&
		    have->timeout.set == hook->timeout.set && have->timeout.v == hook->timeout.v)
			return true;
	}
	return false;
}

/* What root runs only root may have written. */
static int edit_hook_file(struct cdi_editor *q, const struct cdi_edit_set *s, const char *path)
{
	struct err why = {0};

	if (q->h->captured || !host_is_privileged(q->h))
		return 0;
	autoclose int fd = trust_open(q->h, path, O_PATH, &why);
	if (fd == -ENOENT)
		return graft_refuse(q->e, ENODEV, GRAFT_DOMAINS, "NONE",
				    "%s: the hook '%s' does not exist on this node; %s", s->origin,
				    path, cdi_remedy(s->file, q->a));
	return fd < 0 ? err_take(q->e, &why) : 0;
}

static int edit_hook(struct cdi_editor *q, const struct cdi_edit_set *s,
		     const struct cdi_hook *hook)
{
	struct oci_hooks *to = q->config->hooks;
	const struct edit_hooks lists[] = {
		{"prestart", &to->prestart, &to->n_prestart},
		{"createRuntime", &to->create_runtime, &to->n_create_runtime},
		{"createContainer", &to->create_container, &to->n_create_container},
		{"startContainer", &to->start_container, &to->n_start_container},
		{"poststart", &to->poststart, &to->n_poststart},
		{"poststop", &to->poststop, &to->n_poststop},
	};
	const struct edit_hooks *list = &lists[0];

	while (strcmp(list->name, hook->hook_name) != 0)
		list++; /* cdi_validate() knows no other names */
	if (edit_hook_is_there(list, hook))
		return 0;
	int r = edit_hook_file(q, s, hook->path);
	if (r < 0)
		return r;
	*list->v = edit_more(q->a, *list->v, *list->n, sizeof(**list->v));
	edit_origin(q, arena_printf(q->a, "hooks.%s[%zu]", list->name, *list->n), s->origin);
	(*list->v)[(*list->n)++] = (struct oci_hook){
		.path = hook->path,
		.args = hook->args,
		.n_args = hook->n_args,
		/* no variable of the image or of the caller reaches it (CVE-2025-23266) */
		.env = hook->env != NULL ? hook->env : arena_array(q->a, 1, sizeof(*hook->env)),
		.n_env = hook->n_env,
		.timeout = hook->timeout,
	};
	return 0;
}

static int edit_hooks(struct cdi_editor *q, const struct cdi_edit_set *s)
{
	int r = 0;

	if (s->edits->n_hooks > 0 && !q->policy->cdi.hooks)
		return graft_refuse(q->e, EACCES, GRAFT_DOMAINS, "DENIED",
				    "%s: it brings the hook '%s', and %s does not allow hooks of "
				    "CDI files (cdi.hooks)",
				    s->origin, s->edits->hooks[0].path, q->policy->source);
	for (size_t i = 0; r == 0 && i < s->edits->n_hooks; i++)
		r = edit_hook(q, s, &s->edits->hooks[i]);
	return r;
}

/* ---- resctrl, groups ---- */

static int edit_rdt(struct cdi_editor *q, const struct cdi_edit_set *s)
{
	const struct cdi_rdt *from = s->edits->intel_rdt;

	if (from == NULL)
		return 0;
	struct oci_intel_rdt *rdt = arena_new(q->a, struct oci_intel_rdt);
	*rdt = (struct oci_intel_rdt){
		.clos_id = from->clos_id,
		.schemata = from->schemata,
		.n_schemata = from->n_schemata,
		.l3_cache_schema = from->l3_cache_schema,
		.mem_bw_schema = from->mem_bw_schema,
		.enable_monitoring = from->enable_monitoring,
	};
	/* how it was called before 1.1.0, when cache and bandwidth had a switch each */
	if (from->enable_cmt.v || from->enable_mbm.v)
		rdt->enable_monitoring = (struct opt_bool){true, true};
	q->config->linux->intel_rdt = rdt;
	edit_origin(q, "linux.intelRdt", s->origin);
	return 0;
}

static int edit_gids(struct cdi_editor *q, const struct cdi_edit_set *s)
{
	struct oci_process *p = q->config->process;

	for (size_t i = 0; p != NULL && i < s->edits->n_additional_gids; i++) {
		uint64_t gid = s->edits->additional_gids[i];
		struct oci_user *u = p->user;
		bool have = gid == 0;

		for (size_t k = 0; k < u->n_additional_gids; k++)
			have = have || u->additional_gids[k] == gid;
		if (have)
			continue;
		u->additional_gids = edit_more(q->a, u->additional_gids, u->n_additional_gids,
					       sizeof(*u->additional_gids));
		u->additional_gids[u->n_additional_gids++] = gid;
		*ARENA_PUSH(q->a, &q->out->gid) = (gid_t)gid;
	}
	return 0;
}

int cdi_edit(struct cdi_editor *q)
{
	static int (*const kinds[])(struct cdi_editor *, const struct cdi_edit_set *) = {
		edit_env, edit_devices, edit_net, edit_mounts, edit_hooks, edit_rdt, edit_gids};
	int r = 0;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t i = 0; r == 0 && i < q->set.n; i++)
			r = kinds[k](q, &q->set.v[i]);
	if (r == 0)
		edit_mounts_end(q);
	return r;
}
