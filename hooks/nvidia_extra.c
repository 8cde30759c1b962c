/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/sysmacros.h>

#include "hooks/tree.h"

/* The nodes around NVIDIA GPUs that are asked for on their own. Each is known by its driver's major
 * number, which the kernel chooses; names only choose among the nodes of that number. */

/* One device of all the driver's nodes in /dev. */
static void extra_whole(const struct tree *t, struct graft_inventory *inv, enum graft_domain d,
			const char *driver, const char *model)
{
	int number = tree_major(t, driver);
	struct graft_nodes nodes = {0};
	struct graft_device *dev = NULL;

	if (number >= 0)
		nodes = tree_nodes(t, "/dev");
	for (size_t i = 0; i < nodes.n; i++) {
		if (major(nodes.v[i].dev) != (unsigned int)number)
			continue;
		if (dev == NULL) {
			dev = inventory_add(inv, t->a, d, graft_domain_name(d));
			dev->model = model;
			dev->driver = driver;
			inventory_alias(dev, t->a, "true");
		}
		inventory_node(dev, t->a, GRAFT_ROLE_DEVICE, &nodes.v[i]);
	}
}

static void extra_imex(const struct tree *t, struct graft_inventory *inv)
{
	int number = tree_major(t, "nvidia-caps-imex-channels");
	struct graft_nodes nodes = {0};

	if (number >= 0)
		nodes = tree_nodes(t, "/dev/nvidia-caps-imex-channels");
	for (size_t i = 0; i < nodes.n; i++) {
		const char *name = strrchr(nodes.v[i].path, '/') + 1;

		if (major(nodes.v[i].dev) != (unsigned int)number)
			continue;
		struct graft_device *dev = inventory_add(inv, t->a, GRAFT_IMEX, name);
		dev->driver = "nvidia";
		dev->model = "IMEX channel";
		inventory_alias(dev, t->a, arena_printf(t->a, "%u", minor(nodes.v[i].dev)));
		inventory_node(dev, t->a, GRAFT_ROLE_DEVICE, &nodes.v[i]);
	}
}

static void extra_gds(const struct tree *t, struct graft_inventory *inv)
{
	size_t before = inv->device.n;

	extra_whole(t, inv, GRAFT_GDS, "nvidia-fs", "GPUDirect Storage");
	if (inv->device.n == before)
		return;
	if (tree_exists(t, "etc/cufile.json"))
		inventory_file(inv, t->a, GRAFT_GDS, GRAFT_FILE_DATA, "/etc/cufile.json");
	if (tree_exists(t, "run/udev"))
		inventory_file(inv, t->a, GRAFT_GDS, GRAFT_FILE_DATA, "/run/udev");
}

void nvidia_extra_discover(const struct tree *t, struct graft_inventory *inv, unsigned int domains)
{
	if ((domains & GRAFT_BIT(GRAFT_IMEX)) != 0)
		extra_imex(t, inv);
	if ((domains & GRAFT_BIT(GRAFT_NVSWITCH)) != 0)
		extra_whole(t, inv, GRAFT_NVSWITCH, "nvidia-nvswitch", "NVSwitch");
	if ((domains & GRAFT_BIT(GRAFT_GDRCOPY)) != 0)
		extra_whole(t, inv, GRAFT_GDRCOPY, "gdrdrv", "GDRCopy");
	if ((domains & GRAFT_BIT(GRAFT_GDS)) != 0)
		extra_gds(t, inv);
}
