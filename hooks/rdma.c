/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "hooks/tree.h"

/*
 * Verbs devices of every provider. A device is joined from its parts by what sysfs says of each
 * (ibdev, dev), never by the number in a name: udev renames RDMA devices, functions without an
 * infiniband child leave holes (BlueField, a VF in another network namespace), and beyond 32 the
 * minor numbers are dynamic.
 */

#define RDMA_VERBS "sys/class/infiniband_verbs"
#define RDMA_MAD "sys/class/infiniband_mad"
#define RDMA_CLASS "sys/class/infiniband"

/* One look at them. */
struct rdma {
	const struct tree *t;
	struct graft_inventory *inv;
	size_t from; /* the first of our devices */
	struct tree verbs_class, mad_class, ib_class;
	struct tree_list verbs, mad, ib; /* the names in these */
	int *mad_of;			 /* the device of each of mad's, or GRAFT_VIEW_* */
};

/* ib: the device's folder in sysfs, here and below */
static void rdma_ports(const struct tree *t, struct graft_device *dev, const struct tree *ib)
{
	const char *type = tree_read(ib, "hca_type"), *layer = NULL;

	dev->active = false;
	/* a channel adapter's ports count from 1, without holes (rdma_start_port()); the state of
	 * one may be an error to read */
	for (unsigned int port = 1; port < 256; port++) {
		const char *state = tree_read(ib, "ports/%u/state", port);

		if (state == NULL && !tree_exists(ib, "ports/%u", port))
			break;
		dev->active = dev->active || (state != NULL && strstr(state, "ACTIVE") != NULL);
		if (layer == NULL)
			layer = tree_read(ib, "ports/%u/link_layer", port);
	}
	if (type != NULL && type[0] == '\0')
		type = NULL;
	if (type != NULL || layer != NULL)
		dev->model = arena_printf(t->a, "%s%s%s", type != NULL ? type : "",
					  type != NULL && layer != NULL ? " " : "",
					  layer != NULL ? layer : "");
}

/* Of the same function; a soft device (rxe, siw) names its one netdev beside its GIDs instead. */
static void rdma_netdevs(const struct tree *t, struct graft_device *dev, const struct tree *ib,
			 const char *ibdev)
{
	struct tree_list net = tree_list(t, RDMA_CLASS "/%s/device/net", ibdev);
	const char *soft = net.n > 0 ? NULL : tree_read(ib, "ports/1/gid_attrs/ndevs/0");

	if (soft != NULL && soft[0] != '\0' && strchr(soft, '\n') == NULL)
		*ARENA_PUSH(t->a, &net) = soft;
	dev->netdev = net.v;
	dev->n_netdev = net.n;
	for (size_t i = 0; i < net.n; i++)
		inventory_alias(dev, t->a, arena_printf(t->a, "net:%s", net.v[i]));
}

/* False: there is no such device. */
static bool rdma_describe(const struct tree *t, struct graft_device *dev, const char *ibdev)
{
	autotree struct tree ib = tree_in(t, RDMA_CLASS "/%s", ibdev);

	if (ib.root < 0)
		return false;
	const char *guid = tree_read(&ib, "node_guid");
	rdma_ports(t, dev, &ib);
	if (guid != NULL)
		inventory_alias(dev, t->a, arena_printf(t->a, "guid:%s", guid));
	rdma_netdevs(t, dev, &ib, ibdev);
	return true;
}

static void rdma_place(const struct tree *t, struct graft_device *dev, const char *link)
{
	dev->place = place_of(t, link);
	if (dev->place.bdf == NULL)
		return;
	dev->driver = tree_link_base(t, "sys/bus/pci/devices/%s/driver", dev->place.bdf);
	inventory_alias(dev, t->a, dev->place.bdf);
}

/* "sys/devices/.../0000:18:00.0" of ".../0000:18:00.0/infiniband_verbs/uverbs0": a function's
 * devices of all classes lie in one folder. NULL: no link tells. */
static const char *rdma_folder(struct arena *a, const char *link)
{
	const char *name = link == NULL ? NULL : strrchr(link, '/');

	for (size_t n = name == NULL ? 0 : (size_t)(name - link); n > 0; n--)
		if (link[n - 1] == '/')
			return arena_strndup(a, link, n - 1);
	return NULL;
}

/* Names are those of a network namespace: a uverbs of a device in another one may tell a name that
 * a device here has as well. Theirs lie in different folders. */
static bool rdma_is_another(const struct rdma *r, const char *ibdev, const char *folder)
{
	const char *ours = rdma_folder(r->t->a, tree_link(&r->ib_class, "%s", ibdev));

	return folder != NULL && ours != NULL && strcmp(folder, ours) != 0;
}

static void rdma_uverbs(struct rdma *r, const char *name)
{
	const struct tree *t = r->t;
	struct graft_node node;
	dev_t number;
	const char *link = tree_link(&r->verbs_class, "%s", name);
	const char *at = link != NULL ? link : arena_printf(t->a, RDMA_VERBS "/%s", name);

	if (!tree_dev(t, &number, "%s/dev", at))
		return;
	const char *ibdev = tree_read(t, "%s/ibdev", at), *folder = rdma_folder(t->a, link);
	bool named = ibdev != NULL && ibdev[0] != '\0' && strpbrk(ibdev, "/\n\t ") == NULL &&
		     !rdma_is_another(r, ibdev, folder);
	struct graft_device *dev = inventory_add(r->inv, t->a, GRAFT_RDMA, named ? ibdev : name);
	dev->folder = folder;
	if (named)
		inventory_alias(dev, t->a, name);
	rdma_place(t, dev, link);
	tree_node_of(t, "/dev/infiniband", name, number, &node);
	inventory_node(dev, t->a, GRAFT_ROLE_DEVICE, &node);
	if (named && rdma_describe(t, dev, ibdev))
		return;
	dev->active = false;
	dev->unavailable = "the kernel shows no RDMA device behind it here; it may be in another "
			   "network namespace";
}

static bool rdma_has(const struct rdma *r, const char *ibdev)
{
	for (size_t i = r->from; i < r->inv->device.n; i++)
		if (strcmp(r->inv->device.v[i].name, ibdev) == 0)
			return true;
	return false;
}

/* Devices without a uverbs: the module of the character devices is not there. */
static void rdma_without_verbs(struct rdma *r)
{
	const struct tree *t = r->t;

	for (size_t i = 0; i < r->ib.n; i++) {
		const char *name = r->ib.v[i];

		if (rdma_has(r, name))
			continue;
		struct graft_device *dev = inventory_add(r->inv, t->a, GRAFT_RDMA, name);
		const char *link = tree_link(&r->ib_class, "%s", name);
		dev->folder = rdma_folder(t->a, link);
		rdma_place(t, dev, link);
		(void)rdma_describe(t, dev, name);
		dev->unavailable = "it has no uverbs device; load the module ib_uverbs";
	}
}

/* umadN and issmN are of the one device in their folder; of several (soft ones share one) they say
 * which by its name. */
static int rdma_mad_owner(const struct rdma *r, const char *name)
{
	const char *folder = rdma_folder(r->t->a, tree_link(&r->mad_class, "%s", name));
	int owner = GRAFT_VIEW_NONE;
	unsigned int n = 0;

	for (size_t i = r->from; folder != NULL && i < r->inv->device.n; i++) {
		const char *of = r->inv->device.v[i].folder;
		if (of == NULL || strcmp(of, folder) != 0)
			continue;
		owner = (int)i;
		n++;
	}
	if (n == 1)
		return owner;
	const char *ibdev = tree_read(r->t, RDMA_MAD "/%s/ibdev", name);
	if (ibdev == NULL) /* the class's own attribute abi_version */
		return GRAFT_VIEW_ALL;
	for (size_t i = r->from; i < r->inv->device.n; i++) {
		const struct graft_device *dev = &r->inv->device.v[i];
		bool there =
			folder == NULL || dev->folder == NULL || strcmp(dev->folder, folder) == 0;
		if (there && strcmp(dev->name, ibdev) == 0)
			return (int)i;
	}
	return GRAFT_VIEW_NONE;
}

static void rdma_mad_node(struct rdma *r, const char *name, int owner)
{
	struct graft_node node;
	dev_t number;

	if (owner < 0 || !tree_dev(r->t, &number, RDMA_MAD "/%s/dev", name))
		return;
	tree_node_of(r->t, "/dev/infiniband", name, number, &node);
	inventory_node(&r->inv->device.v[owner], r->t->a,
		       strncmp(name, "issm", 4) == 0 ? GRAFT_ROLE_SM : GRAFT_ROLE_MAD, &node);
}

static void rdma_mads(struct rdma *r, bool nodes)
{
	r->mad_of = arena_array(r->t->a, r->mad.n, sizeof(*r->mad_of));
	for (size_t i = 0; i < r->mad.n; i++) {
		r->mad_of[i] = rdma_mad_owner(r, r->mad.v[i]);
		if (nodes)
			rdma_mad_node(r, r->mad.v[i], r->mad_of[i]);
	}
}

/* What MELLANOX_VISIBLE_DEVICES counts: functions of NVIDIA's adapters, by PCI address. A
 * sub-function, which lies deeper, is none. */
static void rdma_mellanox(struct rdma *r)
{
	unsigned int n = 0;

	for (size_t i = r->from; i < r->inv->device.n; i++) {
		struct graft_device *dev = &r->inv->device.v[i];
		const char *last = dev->folder == NULL ? NULL : strrchr(dev->folder, '/');

		if (dev->driver == NULL || strncmp(dev->driver, "mlx", 3) != 0 ||
		    (last != NULL && strcmp(last + 1, dev->place.bdf) != 0))
			continue;
		inventory_alias(dev, r->t->a, arena_printf(r->t->a, "mlx:%u", n++));
	}
}

static int rdma_owner(const struct rdma *r, const char *name)
{
	for (size_t i = r->from; i < r->inv->device.n; i++) {
		const struct graft_device *dev = &r->inv->device.v[i];
		if (strcmp(dev->name, name) == 0)
			return (int)i;
		for (size_t k = 0; k < dev->n_alias; k++)
			if (strcmp(dev->alias[k], name) == 0)
				return (int)i;
	}
	return GRAFT_VIEW_NONE;
}

/* A folder by which libraries and tools find RDMA devices, shared by all containers of a node in
 * mode "shared". owner: of each name; NULL: they are devices' own. */
static void rdma_view(struct rdma *r, const char *class, const struct tree_list *names,
		      const int *owner)
{
	struct arena *a = r->t->a;

	if (names->n == 0)
		return;
	struct graft_view *view =
		inventory_view(r->inv, a, GRAFT_RDMA, arena_printf(a, "/%s", class));
	for (size_t k = 0; k < names->n; k++) {
		const char *name = names->v[k];
		int of = owner != NULL			    ? owner[k]
			 : strcmp(name, "abi_version") == 0 ? GRAFT_VIEW_ALL
							    : rdma_owner(r, name);
		inventory_view_entry(view, a, name, of);
	}
}

static void rdma_commons(const struct tree *t, struct graft_inventory *inv)
{
	const char *mode = tree_read(t, "sys/module/ib_core/parameters/netns_mode");
	struct graft_node cm;
	dev_t number;

	if (tree_dev(t, &number, "sys/class/misc/rdma_cm/dev")) {
		tree_node_of(t, "/dev/infiniband", "rdma_cm", number, &cm);
		inventory_common(inv, t->a, GRAFT_RDMA, GRAFT_ROLE_CONTROL, &cm);
	}
	if (mode != NULL)
		inventory_fact(inv, t->a, GRAFT_RDMA, "netns",
			       mode[0] == 'Y' || mode[0] == '1' ? "shared" : "exclusive");
}

void rdma_discover(const struct tree *t, struct graft_inventory *inv, unsigned int domains)
{
	struct rdma r = {
		.t = t,
		.inv = inv,
		.from = inv->device.n,
		.verbs_class = tree_in(t, RDMA_VERBS),
		.mad_class = tree_in(t, RDMA_MAD),
		.ib_class = tree_in(t, RDMA_CLASS),
		.verbs = tree_list(t, RDMA_VERBS),
		.mad = tree_list(t, RDMA_MAD),
		.ib = tree_list(t, RDMA_CLASS),
	};

	for (size_t i = 0; i < r.verbs.n; i++)
		rdma_uverbs(&r, r.verbs.v[i]);
	rdma_without_verbs(&r);
	inventory_sort(inv, r.from);
	rdma_mads(&r, (domains & GRAFT_MAD) != 0);
	rdma_mellanox(&r);
	rdma_view(&r, RDMA_CLASS, &r.ib, NULL);
	rdma_view(&r, RDMA_VERBS, &r.verbs, NULL);
	rdma_view(&r, RDMA_MAD, &r.mad, r.mad_of);
	rdma_commons(t, inv);
	tree_done(&r.verbs_class);
	tree_done(&r.mad_class);
	tree_done(&r.ib_class);
}
