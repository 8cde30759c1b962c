/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "hooks/tree.h"

/*
 * AMD GPUs as the KFD lists them: one topology node a GPU, or a partition of one (MI300 in CPX mode
 * has eight). The shared /dev/kfd asks the device cgroup for the render node of each GPU that is
 * used (devcgroup_check_permission, 5.4), so granting a render node is granting that GPU.
 */

#define AMD_TOPOLOGY "sys/class/kfd/kfd/topology/nodes"
#define AMD_DRM_MAJOR 226 /* Documentation/admin-guide/devices.txt */

/* The value of a line "name value"; 0 without. */
static uint64_t amd_property(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = text; line != NULL && *line != '\0';) {
		size_t n = strcspn(line, "\n");
		uint64_t v;
		if (n > len && strncmp(line, name, len) == 0 && line[len] == ' ' &&
		    sscanf(line + len, " %" SCNu64, &v) == 1)
			return v;
		line += n + (line[n] == '\n');
	}
	return 0;
}

/* gfx_target_version 90402 is gfx942, 110001 gfx1101: decimal major, two digits each minor and
 * stepping, the last written as one hexadecimal digit. */
static const char *amd_model(struct arena *a, uint64_t version)
{
	if (version == 0)
		return NULL;
	return arena_printf(a, "gfx%" PRIu64 "%" PRIu64 "%" PRIx64, version / 10000,
			    version / 100 % 100, version % 100);
}

/* A partition's DRM device is a platform one without a place of its own: the KFD node says on which
 * PCI function it is. */
static void amd_place(const struct tree *t, struct graft_device *dev, const char *properties,
		      const char *render)
{
	uint64_t id = amd_property(properties, "location_id");
	uint64_t domain = amd_property(properties, "domain");

	dev->place = place_of(t, tree_link(t, "sys/class/drm/%s", render));
	if (dev->place.bdf != NULL)
		return;
	const char *bdf =
		arena_printf(t->a, "%04x:%02x:%02x.%x", (unsigned int)(domain & 0xffff),
			     (unsigned int)(id >> 8 & 0xff), (unsigned int)(id >> 3 & 0x1f), 0U);
	dev->place = place_of(t, tree_link(t, "sys/bus/pci/devices/%s", bdf));
}

static void amd_gpu(const struct tree *t, struct graft_inventory *inv, const char *number)
{
	const char *text = tree_read(t, AMD_TOPOLOGY "/%s/properties", number);
	uint64_t minor = amd_property(text, "drm_render_minor");
	struct graft_node node;

	/* a CPU, or a GPU that this namespace may not see */
	if (amd_property(text, "simd_count") == 0 || minor < 128 || minor > 0xfffff)
		return;
	const char *render = arena_printf(t->a, "renderD%u", (unsigned int)minor);
	uint64_t unique = amd_property(text, "unique_id");
	struct graft_device *dev = inventory_add(inv, t->a, GRAFT_AMD, render);
	dev->driver = "amdgpu";
	dev->model = amd_model(t->a, amd_property(text, "gfx_target_version"));
	amd_place(t, dev, text, render);
	if (unique != 0)
		inventory_alias(dev, t->a, arena_printf(t->a, "0x%" PRIx64, unique));
	inventory_alias(dev, t->a, dev->place.bdf);
	tree_node_of(t, "/dev/dri", render, makedev(AMD_DRM_MAJOR, (unsigned int)minor), &node);
	inventory_node(dev, t->a, GRAFT_ROLE_DEVICE, &node);
}

void amd_discover(const struct tree *t, struct graft_inventory *inv)
{
	size_t from = inv->device.n;
	struct tree_list nodes = tree_list(t, AMD_TOPOLOGY);
	struct graft_node kfd;
	dev_t number;

	for (size_t i = 0; i < nodes.n; i++)
		amd_gpu(t, inv, nodes.v[i]);
	if (inv->device.n == from)
		return;
	inventory_sort(inv, from);
	for (size_t i = from; i < inv->device.n; i++)
		inventory_alias_first(&inv->device.v[i], t->a, arena_printf(t->a, "%zu", i - from));
	if (tree_dev(t, &number, "sys/class/kfd/kfd/dev")) {
		tree_node_of(t, "/dev", "kfd", number, &kfd);
		inventory_common(inv, t->a, GRAFT_AMD, GRAFT_ROLE_CONTROL, &kfd);
	}
	inventory_fact(inv, t->a, GRAFT_AMD, "driver", tree_read(t, "sys/module/amdgpu/version"));
}
