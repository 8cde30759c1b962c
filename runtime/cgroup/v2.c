/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/v2.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"

static bool v2_has_word(const char *words, const char *word, size_t n)
{
	for (const char *p = words; *p != '\0';) {
		size_t len = strcspn(p, " \n");
		if (len == n && strncmp(p, word, n) == 0)
			return true;
		p += len + strspn(p + len, " \n");
	}
	return false;
}

/* " +cpu +memory": what dir has and does not pass on yet. */
static const char *v2_missing(int dir, struct arena *a)
{
	char *have, *passed;
	const char *out = "";

	if (io_read_file(dir, "cgroup.controllers", 4096, a, &have, NULL) < 0 ||
	    io_read_file(dir, "cgroup.subtree_control", 4096, a, &passed, NULL) < 0)
		return out;
	for (const char *p = have; *p != '\0';) {
		size_t n = strcspn(p, " \n");
		if (n > 0 && !v2_has_word(passed, p, n))
			out = arena_printf(a, "%s +%.*s", out, (int)n, p);
		p += n + strspn(p + n, " \n");
	}
	return out;
}

/* All at once; if the kernel refuses one (cpu with realtime tasks, a cgroup with processes), one by
 * one. */
static void v2_pass_on(int dir, struct arena *a)
{
	const char *missing = v2_missing(dir, a);

	if (*missing == '\0' || io_write_file(dir, "cgroup.subtree_control", missing + 1) == 0)
		return;
	char *words = arena_strdup(a, missing + 1);
	for (char *word = strsep(&words, " "); word != NULL; word = strsep(&words, " ")) {
		int r = io_write_file(dir, "cgroup.subtree_control", word);
		if (r < 0)
			log_debug("cgroup.subtree_control: '%s': %s", word, err_name(-r));
	}
}

static int v2_check(const struct cgroup_dir *d, const struct plan_cgroup *pc, struct arena *a,
		    struct err *e)
{
	char *have;
	int r = io_read_file(d->fd, "cgroup.controllers", 4096, a, &have, NULL);

	if (r < 0)
		return err_sys(e, -r, "%s/cgroup.controllers", d->path);
	for (size_t i = 0; i < pc->settings.n; i++) {
		const struct plan_setting *s = &pc->settings.v[i];
		if (!s->v2 || s->optional || s->controller[0] == '\0' ||
		    v2_has_word(have, s->controller, strlen(s->controller)))
			continue;
		return err_set(e, ENOTSUP,
			       "%s: the controller '%s' is not available in the cgroup '%s' (it "
			       "has: %.*s)",
			       s->origin, s->controller, d->path, (int)strcspn(have, "\n"), have);
	}
	return 0;
}

/* Whether the cgroup of a unit, or ours below it, has what is needed without a change above. */
static bool v2_unit_enable(const struct cgroup_dir *d, const struct plan_cgroup *pc,
			   struct arena *a)
{
	struct err why = {0};
	autoclose int parent = pc->unit.subgroup != NULL
				       ? openat(d->fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC)
				       : FD_NONE;

	if (parent >= 0)
		v2_pass_on(parent, a);
	return v2_check(d, pc, a, &why) == 0;
}

int v2_enable(const struct cgroup_dir *d, const struct plan_cgroup *pc, struct arena *a,
	      struct err *e)
{
	autoclose int dir = open(d->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *rest = arena_strdup(a, d->path + strlen(d->mount));
	char *last = strrchr(rest, '/');

	if (dir < 0)
		return err_sys(e, errno, "%s", d->mount);
	if (last != NULL)
		*last = '\0';
	/* systemd has passed on what it knows, and its slices are not ours to change without need
	 */
	if (pc->manager == CGROUP_SYSTEMD && v2_unit_enable(d, pc, a))
		return 0;
	v2_pass_on(dir, a);
	for (char *name = strsep(&rest, "/"); name != NULL; name = strsep(&rest, "/")) {
		if (*name == '\0')
			continue;
		int next = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			return err_sys(e, errno, "%s: '%s'", d->path, name);
		fd_done(&dir);
		dir = next;
		v2_pass_on(dir, a);
	}
	return v2_check(d, pc, a, e);
}
