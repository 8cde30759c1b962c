/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/json.h"
#include "cmd/graft.h"

/* ---- for programs ---- */

static const char *const list_roles[] = {
	[GRAFT_ROLE_DEVICE] = "device",	  [GRAFT_ROLE_CAP] = "capability",
	[GRAFT_ROLE_DRM] = "drm",	  [GRAFT_ROLE_MAD] = "mad",
	[GRAFT_ROLE_SM] = "subnet",	  [GRAFT_ROLE_CONTROL] = "control",
	[GRAFT_ROLE_COMPUTE] = "compute", [GRAFT_ROLE_TOOLS] = "tools",
	[GRAFT_ROLE_DISPLAY] = "display",
};

static void list_strings(struct json *j, const char *key, const char *const *v, size_t n)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < n; i++)
		json_string(j, NULL, v[i]);
	json_close(j, ']');
}

static void list_node(struct json *j, const struct graft_node *n)
{
	json_open(j, NULL, '{');
	json_string(j, "path", n->path);
	json_string(j, "role", list_roles[n->role]);
	json_uint(j, "major", major(n->dev));
	json_uint(j, "minor", minor(n->dev));
	if (n->missing) {
		json_bool(j, "missing", true);
	} else {
		json_string(j, "mode", arena_printf(j->a, "%04o", (unsigned int)n->mode));
		json_uint(j, "uid", n->uid);
		json_uint(j, "gid", n->gid);
	}
	json_close(j, '}');
}

static void list_device(struct json *j, const struct graft_inventory *inv,
			const struct graft_device *d)
{
	json_open(j, NULL, '{');
	json_string(j, "graft", graft_domain_name(d->domain));
	json_string(j, "name", d->name);
	list_strings(j, "aliases", d->alias, d->n_alias);
	if (d->model != NULL)
		json_string(j, "model", d->model);
	if (d->driver != NULL)
		json_string(j, "driver", d->driver);
	if (d->parent >= 0)
		json_string(j, "partOf", inv->device.v[d->parent].name);
	if (d->place.bdf != NULL)
		json_string(j, "pci", d->place.bdf);
	if (d->place.path != NULL)
		json_string(j, "path", d->place.path);
	if (d->place.numa >= 0)
		json_int(j, "numa", d->place.numa);
	if (d->n_netdev > 0)
		list_strings(j, "netdevs", d->netdev, d->n_netdev);
	if (d->domain == GRAFT_RDMA)
		json_bool(j, "active", d->active);
	json_open(j, "nodes", '[');
	for (size_t i = 0; i < d->node.n; i++)
		list_node(j, &d->node.v[i]);
	json_close(j, ']');
	if (d->unavailable != NULL)
		json_string(j, "unavailable", d->unavailable);
	json_close(j, '}');
}

static void list_rest(struct json *j, const struct graft_inventory *inv)
{
	json_open(j, "shared", '[');
	for (size_t i = 0; i < inv->common.n; i++)
		list_node(j, &inv->common.v[i].node);
	json_close(j, ']');
	json_open(j, "facts", '{');
	for (size_t i = 0; i < inv->fact.n; i++)
		json_string(j,
			    arena_printf(j->a, "%s.%s", graft_domain_name(inv->fact.v[i].domain),
					 inv->fact.v[i].key),
			    inv->fact.v[i].value);
	json_close(j, '}');
	json_open(j, "files", '[');
	for (size_t i = 0; i < inv->file.n; i++)
		json_string(j, NULL, inv->file.v[i].path);
	json_close(j, ']');
	json_open(j, "notes", '[');
	for (size_t i = 0; i < inv->note.n; i++)
		json_string(j, NULL, inv->note.v[i].text);
	json_close(j, ']');
}

const char *graft_list_json(const struct graft_inventory *inv, struct arena *a, size_t *out_len)
{
	struct json j = {.a = a, .style = JSON_PRETTY};

	json_open(&j, NULL, '{');
	json_open(&j, "devices", '[');
	for (size_t i = 0; i < inv->device.n; i++)
		list_device(&j, inv, &inv->device.v[i]);
	json_close(&j, ']');
	list_rest(&j, inv);
	json_close(&j, '}');
	return json_end(&j, out_len);
}

/* ---- for people ---- */

enum { LIST_COLUMNS = 7 };

struct list_text {
	struct arena *a;
	const char **v; /* lines */
	size_t n, cap;
};

static void list_line(struct list_text *t, const char *line)
{
	*ARENA_PUSH(t->a, t) = line;
}

/* The alias that people would type: not the PCI address, which has its own column. */
static const char *list_alias(const struct graft_device *d)
{
	for (size_t i = 0; i < d->n_alias; i++)
		if (d->place.bdf == NULL || strcmp(d->alias[i], d->place.bdf) != 0)
			return d->alias[i];
	return "-";
}

static void list_row(struct list_text *t, const struct graft_device *d, const char **cell)
{
	const struct graft_node *n = d->node.n > 0 ? &d->node.v[0] : NULL;

	cell[0] = graft_domain_name(d->domain);
	cell[1] = d->name;
	cell[2] = list_alias(d);
	cell[3] = n == NULL ? "-"
			    : arena_printf(t->a, "%s%s", n->path, n->missing ? " (not made)" : "");
	cell[4] = d->place.bdf != NULL ? d->place.bdf : "-";
	cell[5] = d->place.numa >= 0 ? arena_printf(t->a, "%d", d->place.numa) : "-";
	cell[6] = d->model != NULL ? d->model : d->driver != NULL ? d->driver : "-";
	if (!d->active)
		cell[6] = arena_printf(t->a, "%s, no port is up", cell[6]);
	for (size_t i = 0; i < d->n_netdev; i++)
		cell[6] = arena_printf(t->a, "%s, %s", cell[6], d->netdev[i]);
}

static void list_table(struct list_text *t, const struct graft_inventory *inv)
{
	static const char *const head[LIST_COLUMNS] = {"GRAFT", "NAME", "ALSO", "NODE",
						       "PCI",	"NUMA", "WHAT"};
	size_t rows = inv->device.n + 1, width[LIST_COLUMNS] = {0};
	const char *(*cell)[LIST_COLUMNS] = arena_array(t->a, rows, sizeof(*cell));

	memcpy(cell[0], head, sizeof(head));
	for (size_t i = 1; i < rows; i++)
		list_row(t, &inv->device.v[i - 1], cell[i]);
	for (size_t i = 0; i < rows; i++)
		for (size_t c = 0; c < LIST_COLUMNS; c++)
			if (strlen(cell[i][c]) > width[c])
				width[c] = strlen(cell[i][c]);
	for (size_t i = 0; i < rows; i++) {
		const char *line = "";
		for (size_t c = 0; c + 1 < LIST_COLUMNS; c++)
			line = arena_printf(t->a, "%s%-*s  ", line, (int)width[c], cell[i][c]);
		list_line(t, arena_printf(t->a, "%s%s", line, cell[i][LIST_COLUMNS - 1]));
		if (i > 0 && inv->device.v[i - 1].unavailable != NULL)
			list_line(t, arena_printf(t->a, "  can't be granted: %s",
						  inv->device.v[i - 1].unavailable));
	}
}

/* The bridge that a device hangs on: devices of one switch share its port to the root. */
static size_t list_port(const char *path)
{
	size_t n = strcspn(path, "/");

	if (path[n] == '/')
		n += 1 + strcspn(path + n + 1, "/");
	return n;
}

static bool list_same_port(const struct graft_place *x, const struct graft_place *y)
{
	size_t n = list_port(x->path);

	return x->numa == y->numa && list_port(y->path) == n && strncmp(x->path, y->path, n) == 0;
}

static bool list_is_shown(const struct graft_device *d)
{
	return d->parent < 0 && d->place.path != NULL; /* an instance is where its GPU is */
}

/* How much of the way all devices of the port of `at` share: longer than the port when a switch
 * joins them. */
static size_t list_shared(const struct graft_inventory *inv, const struct graft_place *at,
			  size_t *many)
{
	size_t n = strrchr(at->path, '/') != NULL ? (size_t)(strrchr(at->path, '/') - at->path) : 0;

	*many = 0;
	for (size_t i = 0; i < inv->device.n; i++) {
		const struct graft_device *d = &inv->device.v[i];
		size_t k = 0, same = 0;

		if (!list_is_shown(d) || !list_same_port(at, &d->place))
			continue;
		(*many)++;
		for (; k <= n; k++) {
			bool end = k == n || at->path[k] == '/';
			if (end && d->place.path[k] == '/')
				same = k;
			if (d->place.path[k] != at->path[k])
				break;
		}
		n = same < n ? same : n;
	}
	return n;
}

static void list_port_devices(struct list_text *t, const struct graft_inventory *inv, size_t first,
			      bool *done)
{
	const struct graft_place *at = &inv->device.v[first].place;
	size_t port = list_port(at->path), many, shared = list_shared(inv, at, &many);
	const char *indent = "  |  ";

	list_line(t, arena_printf(t->a, "  +- %.*s", (int)port, at->path));
	if (many > 1 && shared > port) {
		const char *bridge = at->path + shared;
		while (bridge[-1] != '/')
			bridge--;
		list_line(t, arena_printf(t->a, "%s+- switch %.*s", indent,
					  (int)(at->path + shared - bridge), bridge));
		indent = "  |  |  ";
	}
	for (size_t i = first; i < inv->device.n; i++) {
		const struct graft_device *d = &inv->device.v[i];
		if (done[i] || !list_is_shown(d) || !list_same_port(at, &d->place))
			continue;
		done[i] = true;
		list_line(t, arena_printf(t->a, "%s+- %-4s %s  %s", indent,
					  graft_domain_name(d->domain), d->place.bdf, d->name));
	}
}

static void list_numa(struct list_text *t, const struct graft_inventory *inv, int numa, bool *done)
{
	bool any = false;

	for (size_t i = 0; i < inv->device.n; i++) {
		const struct graft_device *d = &inv->device.v[i];
		if (done[i] || !list_is_shown(d) || d->place.numa != numa)
			continue;
		if (!any)
			list_line(t, numa < 0 ? "NUMA node unknown"
					      : arena_printf(t->a, "NUMA node %d", numa));
		any = true;
		list_port_devices(t, inv, i, done);
	}
}

static void list_topology(struct list_text *t, const struct graft_inventory *inv)
{
	bool *done = arena_array(t->a, inv->device.n, sizeof(*done));
	int last = -2;

	list_line(t, "");
	/* each round the lowest node that is left; "unknown" is -1 */
	for (;;) {
		int next = INT32_MAX;
		for (size_t i = 0; i < inv->device.n; i++) {
			const struct graft_place *p = &inv->device.v[i].place;
			if (p->path != NULL && p->numa > last && p->numa < next)
				next = p->numa;
		}
		if (next == INT32_MAX)
			return;
		list_numa(t, inv, next, done);
		last = next;
	}
}

const char *graft_list_text(const struct graft_inventory *inv, struct arena *a, size_t *out_len)
{
	struct list_text t = {.a = a};
	size_t n = 0;

	if (inv->device.n == 0)
		list_line(&t, "nothing on this node can be grafted; greffon graft check says why");
	else
		list_table(&t, inv);
	for (size_t i = 0; i < inv->device.n; i++)
		if (inv->device.v[i].place.path != NULL) {
			list_topology(&t, inv);
			break;
		}
	for (size_t i = 0; i < t.n; i++)
		n += strlen(t.v[i]) + 1;
	char *text = arena_alloc(a, n + 1), *p = text;
	for (size_t i = 0; i < t.n; i++)
		p += snprintf(p, (size_t)(text + n + 1 - p), "%s\n", t.v[i]);
	*out_len = n;
	return text;
}
