/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cmd/graft.h"

/* The stages that greffon-hook knows and the format has; precreate is podman's and buildah's own.
 */
static const char *const hook_stages[] = {"precreate", "prestart", "createRuntime",
					  "createContainer", "poststop"};

static int hook_check_stage(const char *stage, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(hook_stages); i++)
		if (strcmp(stage, hook_stages[i]) == 0)
			return 0;
	return err_set(e, EINVAL,
		       "--stage: '%.60s' is none of precreate, prestart, createRuntime, "
		       "createContainer, poststop",
		       stage);
}

/* The format gives one hook one list of arguments, and the stage is one. */
int graft_hook_config(const struct graft_hook_options *o, struct arena *a, const char **out,
		      size_t *out_len, struct err *e)
{
	const char *path = o->path != NULL ? o->path : GREFFON_HOOK;
	struct json j = {.a = a, .style = JSON_PRETTY};
	int r = o->stage == NULL ? err_set(e, EINVAL,
					   "--stage: graft hook-config needs it; precreate where "
					   "the engine is podman or buildah, else createContainer")
				 : hook_check_stage(o->stage, e);

	if (r < 0)
		return r;
	if (path[0] != '/')
		return err_set(e, EINVAL, "--hook: '%.200s' is no absolute path", path);
	json_open(&j, NULL, '{');
	json_string(&j, "version", "1.0.0");
	json_open(&j, "hook", '{');
	json_string(&j, "path", path);
	json_open(&j, "args", '[');
	json_string(&j, NULL, "greffon-hook");
	json_string(&j, NULL, o->stage);
	json_close(&j, ']');
	/* said, or some runtimes give a hook an environment of their own (CVE-2025-23266) */
	json_open(&j, "env", '[');
	json_string(&j, NULL, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	json_close(&j, ']');
	json_int(&j, "timeout", 10);
	json_close(&j, '}');
	json_open(&j, "when", '{');
	if (o->always) {
		json_bool(&j, "always", true);
	} else {
		json_open(&j, "annotations", '{');
		json_string(&j, "^org\\.greffon\\.graft\\.", ".*");
		json_close(&j, '}');
	}
	json_close(&j, '}');
	json_open(&j, "stages", '[');
	json_string(&j, NULL, o->stage);
	json_close(&j, ']');
	json_close(&j, '}');
	*out = json_end(&j, out_len);
	return 0;
}
