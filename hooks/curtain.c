/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/curtain.h"

#include <string.h>

/* An entry is shown with its device, and with any part of it: a MIG instance is used through the
 * whole GPU. */
static bool curtain_shows(const struct graft_inventory *inv, const struct select_set *set,
			  int owner)
{
	if (owner < 0)
		return owner == GRAFT_VIEW_ALL;
	for (size_t i = 0; i < set->n; i++)
		if (set->on[i] && ((int)i == owner || inv->device.v[i].parent == owner))
			return true;
	return false;
}

static bool curtain_has(const char *const *v, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i], path) == 0)
			return true;
	return false;
}

static void curtain_view(const struct graft_inventory *inv, const struct graft_view *view,
			 const struct select_set *set, const char *source, bool asked,
			 struct arena *a, struct graft_edits *out)
{
	struct graft_veil v = {
		.domain = view->domain,
		.path = view->path,
		.show = arena_array(a, view->entry.n, sizeof(*v.show)),
		.hide = arena_array(a, view->entry.n, sizeof(*v.hide)),
		.file = view->file,
		.content = view->content,
		.asked = asked,
		.why = asked ? arena_printf(a, "%s: curtain", source) : "policy curtain",
	};

	/* instances of one GPU instance share its entry */
	for (int shown = 1; shown >= 0; shown--)
		for (size_t i = 0; i < view->entry.n; i++) {
			const struct graft_view_entry *e = &view->entry.v[i];
			const char **to = shown ? v.show : v.hide;
			size_t *n = shown ? &v.n_show : &v.n_hide;

			if (curtain_shows(inv, set, e->owner) == (shown != 0) &&
			    !curtain_has(v.show, v.n_show, e->path) &&
			    !curtain_has(v.hide, v.n_hide, e->path))
				to[(*n)++] = e->path;
		}
	if (v.n_hide > 0 || v.file != NULL)
		*ARENA_PUSH(a, &out->veil) = v;
}

void curtain_edit(const struct graft_inventory *inv, enum graft_domain d,
		  const struct select_set *set, const char *source, bool asked, struct arena *a,
		  struct graft_edits *out)
{
	bool any = false;

	for (size_t i = 0; i < inv->view.n; i++) {
		if (inv->view.v[i].domain != d)
			continue;
		any = true;
		curtain_view(inv, &inv->view.v[i], set, source, asked, a, out);
	}
	if (!any && asked)
		graft_note_add(
			&out->note, a, d, "CURTAIN",
			"%s: this node shows these devices in no folder that 'curtain' knows "
			"how to hide; nothing is hidden",
			source);
}
