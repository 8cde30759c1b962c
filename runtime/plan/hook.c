/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "libocispec/oci.h"
#include "plan/annotation.h"

#define HOOK_OUTPUT "the output of hooks is in the error and in the debug log"

static const char **hook_strings(struct arena *a, const char *const *v, size_t n)
{
	const char **copy = arena_array(a, n + 1, sizeof(*copy));

	if (n > 0)
		memcpy(copy, v, n * sizeof(*copy));
	return copy;
}

static int hook_one(struct plan *p, const struct oci_hook *o, struct plan_hook *h, struct err *e)
{
	if (o->path[0] != '/')
		return err_set(e, EINVAL, ".path: must be an absolute path, got '%.200s'", o->path);
	if (strlen(o->path) >= PATH_MAX)
		return err_set(e, ENAMETOOLONG, ".path: is longer than %d bytes", PATH_MAX - 1);
	if (o->timeout.set && (o->timeout.v <= 0 || o->timeout.v > INT_MAX / 1000))
		return err_set(e, ERANGE, ".timeout: must be 1 to %d seconds, got %lld",
			       INT_MAX / 1000, (long long)o->timeout.v);
	for (size_t i = 0; i < o->n_env; i++)
		if (strchr(o->env[i], '=') == NULL || o->env[i][0] == '=')
			return err_set(e, EINVAL, ".env[%zu]: must be of the form NAME=VALUE", i);
	h->path = o->path;
	h->timeout_s = (int)o->timeout.v;
	h->argv = o->n_args > 0 ? hook_strings(p->arena, o->args, o->n_args)
				: hook_strings(p->arena, &o->path, 1);
	h->env = o->env != NULL ? hook_strings(p->arena, o->env, o->n_env) : NULL;
	return 0;
}

int plan_hook_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_hooks *o = in->config->hooks;

	if (o == NULL)
		return 0;
	p->hook_stdout = annotation_path(p, in->host, "hooks.stdout", HOOK_OUTPUT);
	p->hook_stderr = annotation_path(p, in->host, "hooks.stderr", HOOK_OUTPUT);
	const struct {
		const char *name;
		const struct oci_hook *v;
		size_t n;
	} kinds[HOOK_KINDS] = {
		[HOOK_PRESTART] = {"prestart", o->prestart, o->n_prestart},
		[HOOK_CREATE_RUNTIME] = {"createRuntime", o->create_runtime, o->n_create_runtime},
		[HOOK_CREATE_CONTAINER] = {"createContainer", o->create_container,
					   o->n_create_container},
		[HOOK_START_CONTAINER] = {"startContainer", o->start_container,
					  o->n_start_container},
		[HOOK_POSTSTART] = {"poststart", o->poststart, o->n_poststart},
		[HOOK_POSTSTOP] = {"poststop", o->poststop, o->n_poststop},
	};
	for (int k = 0; k < HOOK_KINDS; k++) {
		p->hooks[k].v = arena_array(p->arena, kinds[k].n, sizeof(*p->hooks[k].v));
		for (size_t i = 0; i < kinds[k].n; i++) {
			struct err why = {0};
			struct plan_hook *h = &p->hooks[k].v[p->hooks[k].n++];

			h->origin = arena_printf(p->arena, "hooks.%s[%zu]", kinds[k].name, i);
			if (hook_one(p, &kinds[k].v[i], h, &why) < 0)
				return err_set(e, why.code, "%s%s", h->origin, why.text);
		}
	}
	return 0;
}
