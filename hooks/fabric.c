/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "hooks/tree.h"

/* Interconnects and helpers whose devices sysfs lists in a class of their own. */
static const struct {
	enum graft_domain domain;
	const char *class, *prefix; /* of the names in it; a whole name for a misc device */
	const char *driver, *model;
} fabric_classes[] = {
	{GRAFT_CXI, "cxi_user", "cxi", "cxi_ss1", "Slingshot"},
	{GRAFT_HFI, "hfi1_user", "hfi1_", "hfi1", "Omni-Path"},
	{GRAFT_HFI, "hfi1", "hfi1_", "hfi1", "Omni-Path"}, /* where the node is root's only */
	{GRAFT_XPMEM, "misc", "xpmem", "xpmem", "cross-process memory"},
	{GRAFT_KNEM, "misc", "knem", "knem", "cross-process memory"},
};

static void fabric_one(const struct tree *t, struct graft_inventory *inv, size_t class,
		       const char *name, dev_t number)
{
	const char *dir = fabric_classes[class].class;
	struct graft_device *dev = inventory_add(inv, t->a, fabric_classes[class].domain, name);
	struct tree_list net = tree_list(t, "sys/class/%s/%s/device/net", dir, name);
	struct graft_node node;

	dev->driver = fabric_classes[class].driver;
	dev->model = fabric_classes[class].model;
	dev->netdev = net.v;
	dev->n_netdev = net.n;
	dev->place = place_of(t, tree_link(t, "sys/class/%s/%s", dir, name));
	if (strcmp(dir, "misc") == 0)
		inventory_alias(dev, t->a, "true");
	inventory_alias(dev, t->a, dev->place.bdf);
	for (size_t i = 0; i < net.n; i++)
		inventory_alias(dev, t->a, arena_printf(t->a, "net:%s", net.v[i]));
	tree_node_of(t, "/dev", name, number, &node);
	inventory_node(dev, t->a, GRAFT_ROLE_DEVICE, &node);
}

void fabric_discover(const struct tree *t, struct graft_inventory *inv, unsigned int domains)
{
	for (size_t c = 0; c < ARRAY_LEN(fabric_classes); c++) {
		size_t from = inv->device.n;

		if ((domains & GRAFT_BIT(fabric_classes[c].domain)) == 0)
			continue;
		bool misc = strcmp(fabric_classes[c].class, "misc") == 0;
		const char *prefix = fabric_classes[c].prefix;
		/* of the many misc devices only the one of that name is looked at */
		struct tree_list names = {0};
		if (!misc)
			names = tree_list(t, "sys/class/%s", fabric_classes[c].class);
		else
			*ARENA_PUSH(t->a, &names) = prefix;
		for (size_t i = 0; i < names.n; i++) {
			dev_t number;
			if (strncmp(names.v[i], prefix, strlen(prefix)) == 0 &&
			    tree_dev(t, &number, "sys/class/%s/%s/dev", fabric_classes[c].class,
				     names.v[i]))
				fabric_one(t, inv, c, names.v[i], number);
		}
		inventory_sort(inv, from);
	}
}
