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

/* The names in the three folders, and whose each one is. */
struct rdma_names {
	struct tree_list verbs, mad, ib;
	const char **mad_of; /* the RDMA device of each of mad's, NULL: of none */
};

/* ib: the device's folder in sysfs, here and below */
static void rdma_ports(const struct tree *t, struct graft_device *dev, const struct tree *ib)
{
	const char *type = tree_read(ib, "hca_type"), *layer = NULL, *state;

	dev->active = false;
	/* a channel adapter's ports count from 1, without holes (rdma_start_port()) */
	for (unsigned int port = 1; (state = tree_read(ib, "ports/%u/state", port)) != NULL;
	     port++) {
		dev->active = dev->active || strstr(state, "ACTIVE") != NULL;
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

/* class: the folder of all uverbs */
static void rdma_uverbs(const struct tree *t, const struct tree *class, struct graft_inventory *inv,
			const char *name)
{
	struct graft_node node;
	dev_t number;
	const char *link = tree_link(class, "%s", name);
	const char *at = link != NULL ? link : arena_printf(t->a, RDMA_VERBS "/%s", name);

	if (!tree_dev(t, &number, "%s/dev", at))
		return;
	const char *ibdev = tree_read(t, "%s/ibdev", at);
	bool named = ibdev != NULL && ibdev[0] != '\0' && strpbrk(ibdev, "/\n\t ") == NULL;
	struct graft_device *dev = inventory_add(inv, t->a, GRAFT_RDMA, named ? ibdev : name);
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

static bool rdma_has(const struct graft_inventory *inv, size_t from, const char *ibdev)
{
	for (size_t i = from; i < inv->device.n; i++)
		if (strcmp(inv->device.v[i].name, ibdev) == 0)
			return true;
	return false;
}

/* Devices without a uverbs: the module of the character devices is not there. */
static void rdma_without_verbs(const struct tree *t, struct graft_inventory *inv, size_t from,
			       const struct tree_list *all)
{
	for (size_t i = 0; i < all->n; i++) {
		if (rdma_has(inv, from, all->v[i]))
			continue;
		struct graft_device *dev = inventory_add(inv, t->a, GRAFT_RDMA, all->v[i]);
		rdma_place(t, dev, tree_link(t, RDMA_CLASS "/%s", all->v[i]));
		(void)rdma_describe(t, dev, all->v[i]);
		dev->unavailable = "it has no uverbs device; load the module ib_uverbs";
	}
}

/* umadN and issmN say which device and port they are of. Where they lie in the folder of a function
 * that one device is of, as with all adapters, their place says so too. class: the folder of all.
 */
static const char *rdma_mad_owner(const struct tree *t, const struct tree *class,
				  const struct graft_inventory *inv, size_t from, const char *name)
{
	const char *link = tree_link(class, "%s", name), *owner = NULL;
	unsigned int n = 0;

	for (size_t i = from; link != NULL && i < inv->device.n; i++) {
		const struct graft_device *dev = &inv->device.v[i];
		const char *path = dev->place.path;
		size_t len = path == NULL ? 0 : strlen(path);

		if (len == 0 || strncmp(link, "sys/devices/", 12) != 0 ||
		    strncmp(link + 12, path, len) != 0 ||
		    strncmp(link + 12 + len, "/infiniband_mad/", 16) != 0)
			continue;
		owner = dev->name;
		n++;
	}
	return n == 1 ? owner : tree_read(t, RDMA_MAD "/%s/ibdev", name);
}

static void rdma_mad_node(const struct tree *t, struct graft_inventory *inv, size_t from,
			  const char *name, const char *ibdev)
{
	struct graft_node node;
	dev_t number;

	if (ibdev == NULL || !tree_dev(t, &number, RDMA_MAD "/%s/dev", name))
		return;
	tree_node_of(t, "/dev/infiniband", name, number, &node);
	for (size_t k = from; k < inv->device.n; k++)
		if (strcmp(inv->device.v[k].name, ibdev) == 0)
			inventory_node(&inv->device.v[k], t->a,
				       strncmp(name, "issm", 4) == 0 ? GRAFT_ROLE_SM
								     : GRAFT_ROLE_MAD,
				       &node);
}

static void rdma_mad(const struct tree *t, struct graft_inventory *inv, size_t from,
		     struct rdma_names *names, bool nodes)
{
	autotree struct tree class = tree_in(t, RDMA_MAD);

	names->mad_of = arena_array(t->a, names->mad.n, sizeof(*names->mad_of));
	for (size_t i = 0; i < names->mad.n; i++) {
		const char *name = names->mad.v[i];

		names->mad_of[i] = rdma_mad_owner(t, &class, inv, from, name);
		if (nodes)
			rdma_mad_node(t, inv, from, name, names->mad_of[i]);
	}
}

/* What MELLANOX_VISIBLE_DEVICES counts: NVIDIA's adapters by PCI address. */
static void rdma_mellanox(const struct tree *t, struct graft_inventory *inv, size_t from)
{
	unsigned int n = 0;

	for (size_t i = from; i < inv->device.n; i++) {
		struct graft_device *dev = &inv->device.v[i];
		if (dev->driver != NULL && strncmp(dev->driver, "mlx", 3) == 0)
			inventory_alias(dev, t->a, arena_printf(t->a, "mlx:%u", n++));
	}
}

static int rdma_owner(const struct graft_inventory *inv, size_t from, const char *name)
{
	for (size_t i = from; i < inv->device.n; i++) {
		const struct graft_device *dev = &inv->device.v[i];
		if (strcmp(dev->name, name) == 0)
			return (int)i;
		for (size_t k = 0; k < dev->n_alias; k++)
			if (strcmp(dev->alias[k], name) == 0)
				return (int)i;
	}
	return GRAFT_VIEW_NONE;
}

/* A folder by which libraries and tools find RDMA devices, shared by all containers of a node
 * in mode "shared". */
static void rdma_view(const struct tree *t, struct graft_inventory *inv, size_t from,
		      const char *class, const struct tree_list *names, const char *const *of)
{
	if (names->n == 0)
		return;
	struct graft_view *view =
		inventory_view(inv, t->a, GRAFT_RDMA, arena_printf(t->a, "/%s", class));
	for (size_t k = 0; k < names->n; k++) {
		int owner = of[k] == NULL || strcmp(of[k], "abi_version") == 0
				    ? GRAFT_VIEW_ALL
				    : rdma_owner(inv, from, of[k]);
		inventory_view_entry(view, t->a, names->v[k], owner);
	}
}

void rdma_discover(const struct tree *t, struct graft_inventory *inv, unsigned int domains)
{
	size_t from = inv->device.n;
	autotree struct tree class = tree_in(t, RDMA_VERBS);
	struct rdma_names names = {tree_list(t, RDMA_VERBS), tree_list(t, RDMA_MAD),
				   tree_list(t, RDMA_CLASS), NULL};
	struct graft_node cm;
	dev_t number;

	for (size_t i = 0; i < names.verbs.n; i++)
		rdma_uverbs(t, &class, inv, names.verbs.v[i]);
	rdma_without_verbs(t, inv, from, &names.ib);
	inventory_sort(inv, from);
	rdma_mad(t, inv, from, &names, (domains & GRAFT_MAD) != 0);
	rdma_mellanox(t, inv, from);
	rdma_view(t, inv, from, RDMA_CLASS, &names.ib, names.ib.v);
	rdma_view(t, inv, from, RDMA_VERBS, &names.verbs, names.verbs.v);
	rdma_view(t, inv, from, RDMA_MAD, &names.mad, names.mad_of);
	if (tree_dev(t, &number, "sys/class/misc/rdma_cm/dev")) {
		tree_node_of(t, "/dev/infiniband", "rdma_cm", number, &cm);
		inventory_common(inv, t->a, GRAFT_RDMA, GRAFT_ROLE_CONTROL, &cm);
	}
	const char *mode = tree_read(t, "sys/module/ib_core/parameters/netns_mode");
	if (mode != NULL)
		inventory_fact(inv, t->a, GRAFT_RDMA, "netns",
			       mode[0] == 'Y' || mode[0] == '1' ? "shared" : "exclusive");
}
