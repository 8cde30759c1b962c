/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "hooks/tree.h"

/*
 * MIG: a GPU cut into GPU instances (gi), each with compute instances (ci). Whoever may open the
 * two capability nodes of a ci, and the GPU's own node, may use it. The minors are read, never
 * computed: /proc/driver/nvidia/capabilities/gpuM/mig/giG/ciC/access has a line "DeviceFileMinor:
 * 67".
 */

#define MIG_CAPS "proc/driver/nvidia/capabilities"

static bool mig_cap(const struct tree *t, const char *path, struct graft_node *out)
{
	const char *text = tree_read(t, MIG_CAPS "/%s/access", path);
	const char *line = text == NULL ? NULL : strstr(text, "DeviceFileMinor:");
	int major = tree_major(t, "nvidia-caps");
	unsigned int minor;

	if (major < 0 || line == NULL || sscanf(line, "DeviceFileMinor: %u", &minor) != 1 ||
	    minor > 0xfffff)
		return false;
	tree_node_of(t, "/dev/nvidia-caps", arena_printf(t->a, "nvidia-cap%u", minor),
		     makedev((unsigned int)major, minor), out);
	if (out->missing)
		out->mode = 0666; /* what nvidia-modprobe gives them */
	return true;
}

/* Drivers before 470 named an instance by its GPU and its place, MIG-GPU-UUID/GI/CI, and schedulers
 * of that time still do. The UUIDs that later drivers give are in no file. */
static void mig_old_name(const struct tree *t, struct graft_device *dev,
			 const struct graft_device *gpu)
{
	unsigned int gi, ci;

	if (sscanf(strchr(dev->name, '/'), "/gi%u/ci%u", &gi, &ci) != 2)
		return;
	for (size_t i = 0; i < gpu->n_alias; i++)
		if (strncmp(gpu->alias[i], "GPU-", 4) == 0)
			inventory_alias(dev, t->a,
					arena_printf(t->a, "MIG-%s/%u/%u", gpu->alias[i], gi, ci));
}

static void mig_instance(const struct tree *t, struct graft_inventory *inv, size_t gpu,
			 unsigned int index, const char *path, const struct graft_node *gi,
			 const struct graft_node *ci)
{
	struct graft_device *dev = inventory_add(inv, t->a, GRAFT_GPU, path);
	const struct graft_device *parent = &inv->device.v[gpu];

	dev->model = arena_printf(t->a, "MIG instance of %s", parent->name);
	dev->driver = parent->driver;
	dev->place = parent->place;
	dev->parent = (int)gpu;
	dev->unavailable = parent->unavailable;
	if (parent->n_alias > 0)
		inventory_alias(dev, t->a, arena_printf(t->a, "%s:%u", parent->alias[0], index));
	mig_old_name(t, dev, parent);
	inventory_node(dev, t->a, GRAFT_ROLE_CAP, gi);
	inventory_node(dev, t->a, GRAFT_ROLE_CAP, ci);
}

static void mig_gpu(const struct tree *t, struct graft_inventory *inv, size_t gpu)
{
	/* the capabilities count by minor, as the node does: "nvidia0" -> "gpu0" */
	const char *name = arena_printf(t->a, "gpu%s", inv->device.v[gpu].name + strlen("nvidia"));
	struct tree_list gis = tree_list(t, MIG_CAPS "/%s/mig", name);
	unsigned int index = 0;

	for (size_t i = 0; i < gis.n; i++) {
		const char *at = arena_printf(t->a, "%s/mig/%s", name, gis.v[i]);
		struct tree_list cis = tree_list(t, MIG_CAPS "/%s", at);
		struct graft_node gi, ci;

		if (strncmp(gis.v[i], "gi", 2) != 0 || !mig_cap(t, at, &gi))
			continue;
		for (size_t k = 0; k < cis.n; k++)
			if (strncmp(cis.v[k], "ci", 2) == 0 &&
			    mig_cap(t, arena_printf(t->a, "%s/%s", at, cis.v[k]), &ci))
				mig_instance(
					t, inv, gpu, index++,
					arena_printf(t->a, "%s/%s/%s", name, gis.v[i], cis.v[k]),
					&gi, &ci);
	}
}

void nvidia_mig_discover(const struct tree *t, struct graft_inventory *inv)
{
	size_t n = tree_exists(t, MIG_CAPS) ? inv->device.n : 0;

	for (size_t i = 0; i < n; i++)
		if (inv->device.v[i].domain == GRAFT_GPU)
			mig_gpu(t, inv, i);
}
