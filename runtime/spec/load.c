/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spec/load.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

#define BUNDLE_CONFIG_MAX ((size_t)16 * 1024 * 1024)

static int bundle_explain(int code, const char *name, struct err *e)
{
	if (code == EFBIG)
		return err_set(e, code, "%s: larger than 16 MiB", name);
	if (code == EISDIR)
		return err_set(e, code, "%s: is a directory", name);
	if (code == EINVAL)
		return err_set(e, code, "%s: is not a regular file", name);
	return err_sys(e, code, "%s", name);
}

int bundle_load(struct bundle *b, const char *path, const char *config, struct arena *a,
		struct err *e)
{
	char resolved[PATH_MAX];

	if (path != NULL && path[0] != '\0' && chdir(path) < 0)
		return err_sys(e, errno, "--bundle: '%s'", path);
	if (getcwd(resolved, sizeof(resolved)) == NULL)
		return err_sys(e, errno, "--bundle: the working directory");
	if (resolved[0] != '/') /* "(unreachable)/..." */
		return err_set(e, ENOENT, "--bundle: the working directory is not below the root");
	b->path = arena_strdup(a, resolved);
	const char *name = config != NULL ? config : "config.json";
	char *text;
	int r = io_read_file(AT_FDCWD, name, BUNDLE_CONFIG_MAX, a, &text, &b->len);
	if (r < 0)
		return bundle_explain(-r, name, e);
	b->text = text;
	r = oci_config_parse(b->text, b->len, a, &b->config, e);
	return r < 0 ? err_at(e, "%s", name) : 0;
}
