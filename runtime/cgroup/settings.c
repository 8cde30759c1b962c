/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/settings.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"

bool cgroup_dir_has(const struct cgroup_dir *d, const char *controller)
{
	size_t n = strlen(controller);

	for (const char *p = d->controllers; *p != '\0';) {
		size_t len = strcspn(p, ",");
		if (len == n && strncmp(p, controller, n) == 0)
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}

const struct cgroup_dir *settings_dir(const struct cgroup *c, const struct plan_setting *s)
{
	for (size_t i = 0; i < c->n; i++)
		if (s->v2 == c->v[i].v2 && (s->v2 || cgroup_dir_has(&c->v[i], s->controller)))
			return &c->v[i];
	return NULL;
}

/* The kernel takes one entry a write (io.max, rdma.max): a value of several lines is several
 * writes. */
static int settings_write_file(const char *path, const char *value)
{
	char copy[sizeof(((struct settings_choice *)NULL)->value)], *lines = copy;
	bool any = false;
	int r = 0;

	(void)snprintf(copy, sizeof(copy), "%s", value);
	for (char *line = strsep(&lines, "\n"); r == 0 && line != NULL;
	     line = strsep(&lines, "\n")) {
		if (*line == '\0')
			continue;
		r = io_write_file(AT_FDCWD, path, line);
		any = true;
	}
	/* an empty list is an empty line: a write of nothing does not reach the kernel */
	return any ? r : io_write_file(AT_FDCWD, path, "\n");
}

bool settings_next(struct settings_choice *c)
{
	if (c->rest == NULL)
		return false;
	/* only where there are several files does '|' part the values too */
	bool several = c->rest != c->s->file || strchr(c->s->file, '|') != NULL;
	size_t nf = strcspn(c->rest, "|"),
	       nv = several ? strcspn(c->rest_value, "|") : strlen(c->rest_value);

	(void)snprintf(c->file, sizeof(c->file), "%.*s", (int)nf, c->rest);
	(void)snprintf(c->value, sizeof(c->value), "%.*s", (int)nv, c->rest_value);
	c->rest = c->rest[nf] == '|' ? c->rest + nf + 1 : NULL;
	c->rest_value += nv + (c->rest_value[nv] == '|');
	return true;
}

int settings_write(const struct cgroup_dir *d, const struct plan_setting *s)
{
	struct settings_choice c = SETTINGS_CHOICE(s);
	int r = -ENOENT;

	if (strlen(s->value) >= sizeof(c.value))
		return -E2BIG; /* the kernel takes a page at most */
	while (r == -ENOENT && settings_next(&c)) {
		char path[4400];
		(void)snprintf(path, sizeof(path), "%s/%s", d->path, c.file);
		r = settings_write_file(path, c.value);
	}
	return r == -ENOENT && s->optional ? 0 : r;
}

int cgroup_write_settings(const struct cgroup *c, const struct plan_cgroup *pc, struct err *e)
{
	for (size_t i = 0; i < pc->settings.n; i++) {
		const struct plan_setting *s = &pc->settings.v[i];
		const struct cgroup_dir *d = settings_dir(c, s);

		if (d == NULL && s->optional)
			continue;
		if (d == NULL)
			return err_set(e, ENOTSUP,
				       "%s: the controller '%s' is not available on this host",
				       s->origin, s->controller);
		int r = settings_write(d, s);
		if (r == -ENOENT)
			return err_set(e, ENOENT, "%s: this kernel has no %s", s->origin, s->file);
		if (r < 0)
			return err_set(e, -r, "%s: the kernel refuses '%s' for %s: %s", s->origin,
				       s->value, s->file, err_name(-r));
	}
	return 0;
}
