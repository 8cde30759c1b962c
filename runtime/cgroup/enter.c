/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "cgroup/cgroup.h"

int cgroup_into_fd(const struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].v2 && c->v[i].fd >= 0)
			return c->v[i].fd;
	return FD_NONE;
}

bool cgroup_needs_entering(const struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (!c->v[i].v2)
			return true;
	return false;
}

int cgroup_enter(const struct cgroup *c, struct err *e)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].tasks < 0)
			continue;
		if (write(c->v[i].tasks, "0", 1) != 1)
			return err_sys(e, errno, "entering the cgroup '%s'", c->v[i].path);
	}
	return 0;
}

size_t cgroup_tasks(const struct cgroup *c, int *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].tasks < 0)
			continue;
		if (n < max)
			out[n] = c->v[i].tasks;
		n++;
	}
	return n;
}

int cgroup_move(const struct cgroup *c, pid_t pid, struct err *e)
{
	char text[16], path[4200];

	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	for (size_t i = 0; i < c->n; i++) {
		(void)snprintf(path, sizeof(path), "%s/cgroup.procs", c->v[i].path);
		int r = io_write_file(AT_FDCWD, path, text);
		if (r < 0)
			return err_sys(e, -r, "moving process %d to the cgroup '%s'", (int)pid,
				       c->v[i].path);
	}
	return 0;
}

static int below_missing(const char *path, struct err *e)
{
	return err_set(e, ENOENT,
		       "--cgroup: adding pid to %s/cgroup.procs: no such file or directory; the "
		       "cgroup has to be made before",
		       path);
}

/* Without a controller: in all hierarchies that have it, at least in one. */
static int below_all(struct cgroup *c, const char *const *own, const char *path, bool *v2_moved,
		     struct err *e)
{
	bool found = false;

	for (size_t i = 0; i < c->n; i++) {
		const char *to = arena_printf(c->arena, "%s/%s", own[i], path);
		if (access(to, F_OK) < 0)
			continue;
		c->v[i].path = to;
		found = true;
		*v2_moved = *v2_moved || c->v[i].v2;
	}
	return found ? 0
		     : below_missing(
			       c->n > 0 ? arena_printf(c->arena, "%s/%s", own[0], path) : path, e);
}

static int below_controller(struct cgroup *c, const char *const *own, const char *name,
			    const char *path, struct err *e)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!cgroup_dir_has(&c->v[i], name))
			continue;
		c->v[i].path = arena_printf(c->arena, "%s/%s", own[i], path);
		return access(c->v[i].path, F_OK) < 0 ? below_missing(c->v[i].path, e) : 0;
	}
	return err_set(e, EINVAL,
		       "--cgroup: unknown controller '%s': the container is in no cgroup v1 "
		       "hierarchy of it",
		       name);
}

int cgroup_below(struct cgroup *c, const char *const *below, size_t n, bool *v2_moved,
		 struct err *e)
{
	const char **own = arena_array(c->arena, c->n, sizeof(*own));
	int r = 0;

	*v2_moved = false;
	for (size_t i = 0; i < c->n; i++)
		own[i] = c->v[i].path;
	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *colon = strchr(below[i], ':');
		const char *path = colon != NULL ? colon + 1 : below[i], *name;
		path += strspn(path, "/");
		if (colon == NULL)
			r = below_all(c, own, path, v2_moved, e);
		char *names = colon == NULL ? NULL
					    : arena_strndup(c->arena, below[i],
							    (size_t)(colon - below[i]));
		while (r == 0 && (name = strsep(&names, ",")) != NULL)
			r = below_controller(c, own, name, path, e);
	}
	return r;
}

int cgroup_reopen(struct cgroup *c, enum cgroup_open how, struct err *e)
{
	size_t kept = 0, had = c->n;

	for (size_t i = 0; i < c->n; i++) {
		struct cgroup_dir d = c->v[i];
		char path[4200];

		d.fd = open(d.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (d.fd < 0 && (errno == ENOENT || errno == ENODEV))
			continue;
		if (d.fd < 0)
			return err_sys(e, errno, "cgroup '%s'", d.path);
		(void)snprintf(path, sizeof(path), "%s/tasks", d.path);
		if (how == CGROUP_OPEN_TASKS && !d.v2) {
			d.tasks = open(path, O_WRONLY | O_CLOEXEC);
			if (d.tasks < 0) {
				fd_done(&d.fd);
				return err_sys(e, errno, "%s", path);
			}
		}
		c->v[kept++] = d;
	}
	c->n = kept;
	/* systemd removes a unit's cgroup when it has forgotten the unit */
	if (had > 0 && kept == 0 && !c->unit.sticky)
		c->unit.left = false;
	return 0;
}

void cgroup_close(struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++) {
		fd_done(&c->v[i].fd);
		fd_done(&c->v[i].tasks);
	}
	systemd_done(&c->unit.bus);
}
