/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/v2.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "sys/procfs.h"

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

	if (io_read_virtual(dir, "cgroup.controllers", IO_ONE_RECORD, 4096, a, &have) < 0 ||
	    io_read_virtual(dir, "cgroup.subtree_control", IO_ONE_RECORD, 4096, a, &passed) < 0)
		return out;
	for (const char *p = have; *p != '\0';) {
		size_t n = strcspn(p, " \n");
		if (n > 0 && !v2_has_word(passed, p, n))
			out = arena_printf(a, "%s +%.*s", out, (int)n, p);
		p += n + strspn(p + n, " \n");
	}
	return out;
}

/* Whether it has processes, and is not the hierarchy's root, which may have them. Even the
 * controllers that such a cgroup can pass on must not be: that would make it threaded, and nothing
 * could be born below. */
static bool v2_is_busy(int dir)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *procs;

	if (faccessat(dir, "cgroup.type", F_OK, 0) < 0)
		return false;
	int r = io_read_file(dir, "cgroup.procs", (size_t)1 << 20, &a, &procs, NULL);
	return r == -EFBIG || (r == 0 && procs[0] != '\0');
}

/* All at once; if the kernel refuses one (cpu with realtime tasks), one by one. */
static void v2_pass_on(int dir, struct arena *a)
{
	const char *missing = v2_missing(dir, a);

	if (*missing == '\0' || v2_is_busy(dir) ||
	    io_write_file(dir, "cgroup.subtree_control", missing + 1) == 0)
		return;
	char *words = arena_strdup(a, missing + 1);
	for (char *word = strsep(&words, " "); word != NULL; word = strsep(&words, " ")) {
		int r = io_write_file(dir, "cgroup.subtree_control", word);
		if (r < 0)
			log_debug("cgroup.subtree_control: '%s': %s", word, err_name(-r));
	}
}

/* Why a directory does not take what it was asked for. cgroup-v2.rst, "Threads" and "No Internal
 * Process Constraint". */
static const char *v2_reason(int code)
{
	switch (code) {
	case EBUSY:
		return "it has processes of its own, and cgroup v2 has controllers only below "
		       "cgroups "
		       "without any";
	case EOPNOTSUPP:
		return "it is threaded, or lies in a threaded cgroup, and such a one holds threads "
		       "but no container";
	default:
		return err_name(code);
	}
}

/* The nearest directory above that has the controller is the one that keeps it. */
static int v2_lacks(const struct cgroup_dir *d, const struct plan_setting *s, const char *have,
		    struct arena *a, struct err *e)
{
	char *path = arena_strdup(a, d->path), *up, *words;

	while ((up = strrchr(path, '/')) != NULL && (size_t)(up - path) >= strlen(d->mount)) {
		*up = '\0';
		autoclose int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || io_read_file(dir, "cgroup.controllers", 4096, a, &words, NULL) < 0 ||
		    !v2_has_word(words, s->controller, strlen(s->controller)))
			continue;
		int r = v2_is_busy(dir) ? -EBUSY
					: io_write_file(dir, "cgroup.subtree_control",
							arena_printf(a, "+%s", s->controller));
		return err_set(
			e, ENOTSUP,
			"%s: the controller '%s' is not available in the cgroup '%s': '%s' does "
			"not pass it on: %s; use another linux.cgroupsPath",
			s->origin, s->controller, d->path, path,
			r < 0 ? v2_reason(-r) : "it did not until now");
	}
	return err_set(e, ENOTSUP,
		       "%s: the controller '%s' is not available in the cgroup '%s' (it has: %.*s)",
		       s->origin, s->controller, d->path, (int)strcspn(have, "\n"), have);
}

static int v2_check(const struct cgroup_dir *d, const struct plan_cgroup *pc, struct arena *a,
		    struct err *e)
{
	char *have = NULL;

	for (size_t i = 0; i < pc->settings.n; i++) {
		const struct plan_setting *s = &pc->settings.v[i];
		int r = 0;

		if (!s->v2 || s->optional || s->controller[0] == '\0')
			continue;
		if (have == NULL)
			r = io_read_virtual(d->fd, "cgroup.controllers", IO_ONE_RECORD, 4096, a,
					    &have);
		if (r < 0)
			return err_sys(e, -r, "%s/cgroup.controllers", d->path);
		if (!v2_has_word(have, s->controller, strlen(s->controller)))
			return v2_lacks(d, s, have, a, e);
	}
	return 0;
}

int cgroup_refused(const struct cgroup *c, int code, struct err *e)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!c->v[i].v2)
			continue;
		return err_set(e, code, "linux.cgroupsPath: no process can be made in '%s': %s",
			       c->v[i].path,
			       code == EBUSY ? "it passes controllers on to cgroups below it, and "
					       "cgroup v2 wants it empty then"
					     : v2_reason(code));
	}
	return err_sys(e, code, "linux.cgroupsPath");
}

/* "/a/b/ID/init", and the directory "/sys/fs/cgroup/a/b/ID": "/init". NULL: own is not below it.
 * The longest end of the directory's path that own begins with is what the hierarchy calls it. */
static const char *v2_below(const char *path, const char *own)
{
	for (const char *end = path; end != NULL; end = strchr(end + 1, '/')) {
		size_t n = strlen(end);
		if (strncmp(own, end, n) == 0 && (own[n] == '/' || own[n] == '\0'))
			return own + n;
	}
	return NULL;
}

int cgroup_follow(struct cgroup *c, const struct procfs *pf, pid_t pid, struct err *e)
{
	char text[4096], *own = NULL;
	struct cgroup_dir *d = NULL;

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].v2)
			d = &c->v[i];
	if (d == NULL || io_read_control(d->fd, "cgroup.subtree_control", text, sizeof(text)) <= 1)
		return 0;
	int r = procfs_read(pf, arena_printf(c->arena, "%d/cgroup", (int)pid), sizeof(text) * 16,
			    c->arena, &own, e);
	if (r < 0)
		return r;
	for (char *line = strsep(&own, "\n"); line != NULL; line = strsep(&own, "\n")) {
		const char *below =
			strncmp(line, "0::", 3) == 0 ? v2_below(d->path, line + 3) : NULL;
		if (below == NULL || *below == '\0')
			continue;
		int fd = openat(d->fd, below + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return err_sys(e, errno, "the cgroup '%s%s' of the container's init",
				       d->path, below);
		fd_done(&d->fd);
		d->fd = fd;
		d->path = arena_printf(c->arena, "%s%s", d->path, below);
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

/* From the mount down to the parent of the directory; what is missing there is made. Whatever can't
 * be had, making the directory itself or v2_check() reports. */
static void v2_descend(const struct cgroup_dir *d, struct arena *a)
{
	autoclose int dir = open(d->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *rest = arena_strdup(a, d->path + strlen(d->mount));
	char *last = strrchr(rest, '/');

	if (last != NULL)
		*last = '\0';
	if (dir >= 0)
		v2_pass_on(dir, a);
	for (char *name = strsep(&rest, "/"); name != NULL && dir >= 0; name = strsep(&rest, "/")) {
		if (*name == '\0')
			continue;
		int next = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next < 0 && errno == ENOENT &&
		    (mkdirat(dir, name, 0755) == 0 || errno == EEXIST))
			next = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		fd_done(&dir);
		dir = next;
		if (dir >= 0)
			v2_pass_on(dir, a);
	}
}

void v2_prepare(const struct cgroup_dir *d, const struct plan_cgroup *pc, struct arena *a)
{
	if (pc->manager != CGROUP_SYSTEMD)
		v2_descend(d, a);
}

int v2_enable(const struct cgroup_dir *d, const struct plan_cgroup *pc, struct arena *a,
	      struct err *e)
{
	if (pc->manager == CGROUP_SYSTEMD) {
		/* it has passed on what it knows, and its slices are not ours to change without
		 * need */
		if (v2_unit_enable(d, pc, a))
			return 0;
		v2_descend(d, a);
	}
	return v2_check(d, pc, a, e);
}
