/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "libocispec/oci.h"
#include "plan/plan.h"

/* Copies the paths once each. Their number is small (kubelet's lists have a hundred). */
static int mask_paths(struct plan *p, const char *const *v, size_t n, const char *field,
		      const char ***out, size_t *out_n, struct err *e)
{
	*out = arena_array(p->arena, n, sizeof(**out));
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		if (v[i][0] != '/')
			return err_set(e, EINVAL,
				       "linux.%s[%zu]: must be an absolute path, got '%s'", field,
				       i, v[i]);
		if (v[i][strspn(v[i], "/")] == '\0')
			return err_set(e, EINVAL, "linux.%s[%zu]: must not be '/'", field, i);
		while (k < *out_n && strcmp((*out)[k], v[i]) != 0)
			k++;
		if (k == *out_n)
			(*out)[(*out_n)++] = v[i];
	}
	return 0;
}

int plan_mask_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_linux *l = in->config->linux;

	if (l == NULL || (l->n_masked_paths == 0 && l->n_readonly_paths == 0))
		return 0;
	if (!plan_has_ns(p, CLONE_NEWNS))
		return err_set(e, EINVAL,
			       "linux.%s: needs a mount namespace, linux.namespaces has none",
			       l->n_masked_paths > 0 ? "maskedPaths" : "readonlyPaths");
	int r = mask_paths(p, l->masked_paths, l->n_masked_paths, "maskedPaths", &p->masks.masked,
			   &p->masks.n_masked, e);
	if (r < 0)
		return r;
	return mask_paths(p, l->readonly_paths, l->n_readonly_paths, "readonlyPaths",
			  &p->masks.readonly, &p->masks.n_readonly, e);
}
