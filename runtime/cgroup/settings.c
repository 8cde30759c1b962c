/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "cgroup/cgroup.h"

/* The directory of the hierarchy that has the setting's controller. */
static const struct cgroup_dir *settings_dir(const struct cgroup *c, const struct plan_setting *s)
{
	for (size_t i = 0; i < c->n; i++) {
		if (s->v2 != c->v[i].v2)
			continue;
		if (s->v2)
			return &c->v[i];
		size_t n = strlen(s->controller);
		for (const char *p = c->v[i].controllers; *p != '\0';) {
			size_t len = strcspn(p, ",");
			if (len == n && strncmp(p, s->controller, n) == 0)
				return &c->v[i];
			p += len + (p[len] == ',');
		}
	}
	return NULL;
}

/* "A|B" with "x|y": the first file that is there gets its value. A value of several lines is several writes, since
 * the kernel takes one entry a write (io.max, rdma.max). */
static int settings_write(const struct cgroup_dir *d, const struct plan_setting *s)
{
	char file[128], value[4200];
	const char *f = s->file, *v = s->value;
	int r = -ENOENT;

	while (r == -ENOENT) {
		size_t nf = strcspn(f, "|"), nv = strchr(s->file, '|') != NULL ? strcspn(v, "|") : strlen(v);
		char path[4400];
		(void)snprintf(file, sizeof(file), "%.*s", (int)nf, f);
		(void)snprintf(value, sizeof(value), "%.*s", (int)nv, v);
		(void)snprintf(path, sizeof(path), "%s/%s", d->path, file);
		char *lines = value;
		for (char *line = strsep(&lines, "\n"); line != NULL; line = strsep(&lines, "\n"))
			if (*line != '\0' && (r = io_write_file(AT_FDCWD, path, line)) < 0)
				break;
		if (f[nf] == '\0')
			break;
		f += nf + 1;
		v += nv + (v[nv] == '|');
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
			return err_set(e, ENOTSUP, "%s: the controller '%s' is not available on this host", s->origin,
				       s->controller);
		int r = settings_write(d, s);
		if (r == -ENOENT)
			return err_set(e, ENOENT, "%s: this kernel has no %s", s->origin, s->file);
		if (r < 0)
			return err_set(e, -r, "%s: the kernel refuses '%s' for %s: %s", s->origin, s->value, s->file,
				       err_name(-r));
	}
	return 0;
}
