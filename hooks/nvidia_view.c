/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "hooks/tree.h"

/*
 * /proc/driver/nvidia is the same in each container: the folders of all GPUs, the capabilities of
 * all MIG instances, and the file `params`, by which a library decides whether it may make the
 * device nodes that it misses.
 */

#define VIEW_ROOT "proc/driver/nvidia"
#define VIEW_MODIFY "ModifyDeviceFiles:"

/* The node's own parameters, but for the one that lets a library make nodes. NULL: there is no such
 * file. */
static const char *view_params(const struct tree *t)
{
	const char *text = tree_read(t, VIEW_ROOT "/params");
	const char *line = text == NULL ? NULL : strstr(text, VIEW_MODIFY);

	if (text == NULL)
		return NULL;
	if (line == NULL)
		return arena_printf(t->a, "%s\n" VIEW_MODIFY " 0\n", text);
	return arena_printf(t->a, "%.*s" VIEW_MODIFY " 0%s\n", (int)(line - text), text,
			    line + strcspn(line, "\n"));
}

/* The GPU of an address; what has no minor number is nobody's. */
static int view_gpu(const struct graft_inventory *inv, const char *bdf)
{
	for (size_t i = 0; i < inv->device.n; i++) {
		const struct graft_device *dev = &inv->device.v[i];
		if (dev->domain == GRAFT_GPU && dev->parent < 0 && dev->place.bdf != NULL &&
		    strcmp(dev->place.bdf, bdf) == 0)
			return (int)i;
	}
	return GRAFT_VIEW_NONE;
}

/* "gpu0/gi7/ci0" is shown by capabilities/gpu0/mig/gi7/access and .../gi7/ci0. */
static void view_instance(const struct tree *t, struct graft_view *view, const char *name, int i)
{
	const char *gi = strchr(name, '/'), *ci = gi == NULL ? NULL : strchr(gi + 1, '/');

	if (ci == NULL)
		return;
	const char *at = arena_printf(t->a, "capabilities/%.*s/mig/%.*s", (int)(gi - name), name,
				      (int)(ci - gi - 1), gi + 1);
	inventory_view_entry(view, t->a, arena_printf(t->a, "%s/access", at), i);
	inventory_view_entry(view, t->a, arena_printf(t->a, "%s%s", at, ci), i);
}

/* Who may cut a GPU, or watch the instances of others, is told by a node that is never granted. */
static void view_capabilities(const struct tree *t, struct graft_inventory *inv,
			      struct graft_view *view)
{
	struct tree_list caps = tree_list(t, VIEW_ROOT "/capabilities");

	for (size_t i = 0; i < caps.n; i++)
		if (strncmp(caps.v[i], "gpu", 3) != 0)
			inventory_view_entry(view, t->a,
					     arena_printf(t->a, "capabilities/%s", caps.v[i]),
					     GRAFT_VIEW_NONE);
	for (size_t i = 0; i < inv->device.n; i++)
		if (inv->device.v[i].domain == GRAFT_GPU && inv->device.v[i].parent >= 0)
			view_instance(t, view, inv->device.v[i].name, (int)i);
}

void nvidia_view_discover(const struct tree *t, struct graft_inventory *inv,
			  const struct tree_list *gpus)
{
	static const char *const parts[] = {"params", "gpus", "capabilities"};
	struct graft_view *view = inventory_view(inv, t->a, GRAFT_GPU, "/" VIEW_ROOT);
	struct tree_list names = tree_list(t, VIEW_ROOT);

	view->content = view_params(t);
	view->file = view->content != NULL ? parts[0] : NULL;
	for (size_t i = 0; i < names.n; i++) {
		bool part = false;
		for (size_t k = 0; k < ARRAY_LEN(parts); k++)
			part = part || strcmp(names.v[i], parts[k]) == 0;
		if (!part)
			inventory_view_entry(view, t->a, names.v[i], GRAFT_VIEW_ALL);
	}
	for (size_t i = 0; i < gpus->n; i++)
		inventory_view_entry(view, t->a, arena_printf(t->a, "gpus/%s", gpus->v[i]),
				     view_gpu(inv, gpus->v[i]));
	view_capabilities(t, inv, view);
}
