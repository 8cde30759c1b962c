/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/sysmacros.h>

#include "hooks/tree.h"

static const char *const inventory_names[GRAFT_DOMAINS] = {
	[GRAFT_GPU] = "gpu",	     [GRAFT_AMD] = "amd",   [GRAFT_RDMA] = "rdma",
	[GRAFT_CXI] = "cxi",	     [GRAFT_HFI] = "hfi",   [GRAFT_XPMEM] = "xpmem",
	[GRAFT_KNEM] = "knem",	     [GRAFT_IMEX] = "imex", [GRAFT_NVSWITCH] = "nvswitch",
	[GRAFT_GDRCOPY] = "gdrcopy", [GRAFT_GDS] = "gds",   [GRAFT_MPI] = "mpi",
	[GRAFT_PMI] = "pmi",
};

const char *graft_domain_name(enum graft_domain d)
{
	return d < GRAFT_DOMAINS ? inventory_names[d] : "cdi";
}

int graft_domain_find(const char *name, size_t len)
{
	for (int d = 0; d < GRAFT_DOMAINS; d++)
		if (strlen(inventory_names[d]) == len && memcmp(inventory_names[d], name, len) == 0)
			return d;
	return -1;
}

struct graft_device *inventory_add(struct graft_inventory *inv, struct arena *a,
				   enum graft_domain d, const char *name)
{
	struct graft_device *dev = ARENA_PUSH(a, &inv->device);

	*dev = (struct graft_device){
		.domain = d, .name = name, .parent = -1, .active = true, .place.numa = -1};
	return dev;
}

void inventory_alias(struct graft_device *dev, struct arena *a, const char *alias)
{
	const char **v = arena_array(a, dev->n_alias + 1, sizeof(*v));

	if (alias == NULL || alias[0] == '\0')
		return;
	if (dev->n_alias > 0)
		memcpy(v, dev->alias, dev->n_alias * sizeof(*v));
	v[dev->n_alias++] = alias;
	dev->alias = v;
}

void inventory_alias_first(struct graft_device *dev, struct arena *a, const char *alias)
{
	inventory_alias(dev, a, alias);
	memmove(dev->alias + 1, dev->alias, (dev->n_alias - 1) * sizeof(*dev->alias));
	dev->alias[0] = alias;
}

void inventory_fact(struct graft_inventory *inv, struct arena *a, enum graft_domain d,
		    const char *key, const char *value)
{
	if (value != NULL && value[0] != '\0')
		*ARENA_PUSH(a, &inv->fact) = (struct graft_fact){d, key, value};
}

void inventory_file(struct graft_inventory *inv, struct arena *a, enum graft_domain d,
		    enum graft_file_kind kind, const char *path)
{
	*ARENA_PUSH(a, &inv->file) = (struct graft_file){d, kind, path};
}

void inventory_common(struct graft_inventory *inv, struct arena *a, enum graft_domain d,
		      enum graft_role role, const struct graft_node *node)
{
	struct graft_common *c = ARENA_PUSH(a, &inv->common);

	*c = (struct graft_common){d, *node};
	c->node.role = role;
}

struct graft_view *inventory_view(struct graft_inventory *inv, struct arena *a, enum graft_domain d,
				  const char *path)
{
	struct graft_view *view = ARENA_PUSH(a, &inv->view);

	*view = (struct graft_view){.domain = d, .path = path};
	return view;
}

void inventory_view_entry(struct graft_view *view, struct arena *a, const char *path, int owner)
{
	*ARENA_PUSH(a, &view->entry) = (struct graft_view_entry){path, owner};
}

void inventory_node(struct graft_device *dev, struct arena *a, enum graft_role role,
		    const struct graft_node *node)
{
	struct graft_node *n = ARENA_PUSH(a, &dev->node);

	*n = *node;
	n->role = role;
}

static int inventory_compare(const void *x, const void *y)
{
	const struct graft_device *dx = x, *dy = y;

	return place_compare(&dx->place, dx->name, &dy->place, dy->name);
}

void inventory_sort(struct graft_inventory *inv, size_t from)
{
	if (inv->device.n - from > 1)
		qsort(inv->device.v + from, inv->device.n - from, sizeof(*inv->device.v),
		      inventory_compare);
}

const char *graft_fact_find(const struct graft_inventory *inv, enum graft_domain d, const char *key)
{
	for (size_t i = 0; i < inv->fact.n; i++)
		if (inv->fact.v[i].domain == d && strcmp(inv->fact.v[i].key, key) == 0)
			return inv->fact.v[i].value;
	return NULL;
}

/* NVIDIA's nodes are made on first use, by a setuid helper; the others come with the driver. */
static bool inventory_is_lazy(enum graft_domain d)
{
	return d == GRAFT_GPU || d == GRAFT_IMEX;
}

/* The driver's number and the host's node must agree: a node of another number under the name is an
 * old one, and the container would get somebody else's device. */
static const char *inventory_problem(const struct tree *t, enum graft_domain d,
				     const struct graft_node *n)
{
	struct graft_node other;

	if (!n->missing)
		return NULL;
	if (tree_node(t, n->path, &other))
		return arena_printf(t->a, "%s is %u:%u, but the driver has %u:%u; remove the node",
				    n->path, major(other.dev), minor(other.dev), major(n->dev),
				    minor(n->dev));
	if (inventory_is_lazy(d))
		return NULL;
	return arena_printf(t->a, "%s (%u:%u) is missing; is udev running?", n->path, major(n->dev),
			    minor(n->dev));
}

static void inventory_check(const struct tree *t, struct graft_inventory *inv)
{
	for (size_t i = 0; i < inv->device.n; i++) {
		struct graft_device *dev = &inv->device.v[i];

		for (size_t k = 0; k < dev->node.n; k++)
			if (dev->unavailable == NULL && (dev->node.v[k].role == GRAFT_ROLE_DEVICE ||
							 dev->node.v[k].role == GRAFT_ROLE_CAP))
				dev->unavailable =
					inventory_problem(t, dev->domain, &dev->node.v[k]);
	}
	for (size_t i = 0; i < inv->common.n; i++) {
		const struct graft_common *c = &inv->common.v[i];
		const char *problem = inventory_problem(t, c->domain, &c->node);

		if (problem != NULL)
			graft_note_add(&inv->note, t->a, c->domain, "STALE", "%s", problem);
	}
}

int graft_discover(const struct host *h, unsigned int domains, struct arena *a,
		   struct graft_inventory *out, struct err *e)
{
	return inventory_discover(h, domains, a, NULL, out, e);
}

int inventory_discover(const struct host *h, unsigned int domains, struct arena *a,
		       const struct tree_watch *watch, struct graft_inventory *out, struct err *e)
{
	static const unsigned int nvidia = GRAFT_BIT(GRAFT_GPU) | GRAFT_BIT(GRAFT_IMEX) |
					   GRAFT_BIT(GRAFT_NVSWITCH) | GRAFT_BIT(GRAFT_GDRCOPY) |
					   GRAFT_BIT(GRAFT_GDS);
	autotree struct tree t = {0};

	*out = (struct graft_inventory){.domains = domains};
	if (domains == 0)
		return 0;
	tree_open(&t, h, a);
	t.watch = watch;
	if (!tree_exists(&t, "sys") && !tree_exists(&t, "proc"))
		return err_set(
			e, ENOENT,
			"graft: the host tree has neither sys nor proc: nothing can be found "
			"in it");
	if ((domains & nvidia) != 0)
		nvidia_discover(&t, out, domains);
	if ((domains & GRAFT_BIT(GRAFT_AMD)) != 0)
		amd_discover(&t, out);
	if ((domains & GRAFT_BIT(GRAFT_RDMA)) != 0)
		rdma_discover(&t, out, domains);
	fabric_discover(&t, out, domains);
	inventory_check(&t, out);
	return 0;
}
