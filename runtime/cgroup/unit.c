/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "cgroup/settings.h"
#include "host/host.h"

/* systemd takes a millisecond for it; busy, it may be asked. */
#define UNIT_FORGET_MS 500

int cgroup_request(const struct plan_cgroup *pc, struct arena *a, struct cgroup *out, struct err *e)
{
	struct cgroup_unit *u = &out->unit;
	int r = 0;

	if (pc->manager != CGROUP_SYSTEMD || pc->stay)
		return 0;
	u->name = pc->unit.name;
	u->subgroup = pc->unit.subgroup;
	u->user = pc->unit.user;
	if (u->bus.pid == 0)
		r = systemd_open(&u->bus, u->user, e);
	if (r == 0)
		r = systemd_start(&u->bus, &pc->unit, a, e);
	u->left = r == 0;
	return r;
}

/* One directory in each hierarchy: systemd has made those of the controllers it knows. */
static void unit_dirs(const struct plan_cgroup *pc, const struct host *h, struct cgroup *c,
		      const char *cgroup)
{
	const struct host_cgroups *hc = h->cgroups;
	const char *sub = pc->unit.subgroup;

	c->n = 0;
	c->v = arena_array(c->arena, hc->n, sizeof(*c->v));
	for (size_t i = 0; i < hc->n; i++)
		c->v[c->n++] = (struct cgroup_dir){
			.controllers = hc->v[i].controllers,
			.path = arena_printf(c->arena, "%s%s%s%s", hc->v[i].mount, cgroup,
					     sub != NULL ? "/" : "", sub != NULL ? sub : ""),
			.mount = hc->v[i].mount,
			.v2 = hc->v[i].v2,
			.fd = FD_NONE,
			.tasks = FD_NONE,
		};
}

int unit_wait(const struct plan_cgroup *pc, const struct host *h, struct cgroup *c, struct err *e)
{
	const char *cgroup;
	int r = systemd_started(&c->unit.bus, c->arena, &cgroup, e);

	if (r == 0)
		unit_dirs(pc, h, c, cgroup);
	else if (r == -EEXIST || r == -ENOTCONN) /* another's, or nobody's */
		c->unit.left = false;
	return r;
}

int unit_move_helper(const struct cgroup *c, const struct cgroup_dir *d, struct err *e)
{
	char path[4200], pid[16];

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", d->path);
	(void)snprintf(pid, sizeof(pid), "%d", (int)c->unit.bus.pid);
	int r = io_write_file(AT_FDCWD, path, pid);
	return r < 0 ? err_sys(e, -r, "%s", path) : 0;
}

static const struct plan_setting *unit_tight_setting(const struct plan_cgroup *pc)
{
	const struct plan_setting *found = NULL;

	for (size_t i = 0; i < pc->settings.n; i++)
		if (strcmp(pc->settings.v[i].file, "pids.max") == 0)
			found = &pc->settings.v[i];
	return found != NULL && strcmp(found->value, "1") == 0 ? found : NULL;
}

static int unit_write_tight(const struct cgroup *c, const struct plan_setting *s, const char *value,
			    struct err *e)
{
	struct plan_setting changed = *s;
	const struct cgroup_dir *d = settings_dir(c, s);

	changed.value = value;
	int r = d != NULL ? settings_write(d, &changed) : 0;
	return r < 0 ? err_sys(e, -r, "%s: '%s' for %s", s->origin, value, s->file) : 0;
}

int unit_make_room(struct cgroup *c, const struct plan_cgroup *pc, struct err *e)
{
	const struct plan_setting *s = unit_tight_setting(pc);

	c->unit.tight = s != NULL;
	return s != NULL ? unit_write_tight(c, s, "2", e) : 0;
}

int cgroup_born(struct cgroup *c, const struct plan_cgroup *pc, struct err *e)
{
	/* not waited for, unless it matters: it is gone before the container is ready */
	if (!c->unit.tight) {
		systemd_release(&c->unit.bus);
		return 0;
	}
	systemd_done(&c->unit.bus);
	c->unit.tight = false;
	return unit_write_tight(c, unit_tight_setting(pc), "1", e);
}

/* The directory that both cgroups lie below, as far as moving a process is concerned. */
static const char *unit_common(const struct host_hierarchy *h, const struct cgroup_dir *d,
			       struct arena *a)
{
	const char *other = d->path + strlen(h->mount);
	size_t common = 0;

	for (size_t i = 0;; i++) {
		bool own_ends = h->own[i] == '/' || h->own[i] == '\0';
		bool other_ends = other[i] == '/' || other[i] == '\0';
		if (own_ends && other_ends)
			common = i;
		if (h->own[i] != other[i] || other[i] == '\0')
			break;
	}
	return arena_printf(a, "%s%.*s/cgroup.procs", h->mount, (int)common, other);
}

bool cgroup_needs_attaching(const struct cgroup *c, const struct host *h)
{
	autoarena struct arena a = {0};

	if (c->unit.name == NULL || !c->unit.user || cgroup_needs_entering(c))
		return false;
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < h->cgroups->n; k++) {
			const struct host_hierarchy *hh = &h->cgroups->v[k];
			/* cgroups(7) "Delegation containment": the common ancestor's file too has
			 * to be writable */
			if (c->v[i].v2 && hh->v2 &&
			    strncmp(c->v[i].path, hh->mount, strlen(hh->mount)) == 0)
				return access(unit_common(hh, &c->v[i], &a), W_OK) < 0;
		}
	return false;
}

int cgroup_attach(struct cgroup *c, pid_t pid, struct err *e)
{
	struct cgroup_unit *u = &c->unit;
	int r = u->bus.pid > 0 ? 0 : systemd_open(&u->bus, u->user, e);

	return r < 0 ? r : systemd_attach(&u->bus, u->name, u->subgroup, pid, e);
}

int unit_set(const struct cgroup *c, const struct properties *all, struct err *e)
{
	__attribute__((cleanup(systemd_done))) struct systemd s = {0};

	if (all->n == 0)
		return 0;
	int r = systemd_open(&s, c->unit.user, e);
	return r < 0 ? r : systemd_set(&s, c->unit.name, all, e);
}

static long unit_elapsed_ms(const struct timespec *from)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

/* It lives without processes. */
static bool unit_is_slice(const char *name)
{
	size_t n = strlen(name);

	return n > 6 && strcmp(name + n - 6, ".slice") == 0;
}

/* systemd forgets an empty scope by itself, and with it removes the file that the unit was kept in.
 */
static bool unit_is_forgotten(const struct cgroup_unit *u)
{
	autoarena struct arena a = {0};
	const char *run = u->user ? getenv("XDG_RUNTIME_DIR") : "/run";
	const char *dir = arena_printf(&a, "%s/systemd/transient", run != NULL ? run : "");
	const char *file = arena_printf(&a, "%s/%s", dir, u->name);
	autoclose int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct timespec from;

	if (watch < 0 || inotify_add_watch(watch, dir, IN_DELETE | IN_ONLYDIR) < 0)
		return false;
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	for (long left = UNIT_FORGET_MS; left > 0;) {
		struct pollfd p = {.fd = watch, .events = POLLIN};
		char events[4096];

		if (access(file, F_OK) < 0)
			return errno == ENOENT;
		(void)poll(&p, 1, (int)left);
		while (read(watch, events, sizeof(events)) > 0)
			;
		left = UNIT_FORGET_MS - unit_elapsed_ms(&from);
	}
	return false;
}

void unit_end(struct cgroup *c)
{
	struct cgroup_unit *u = &c->unit;

	if (!u->left || u->sticky || unit_is_slice(u->name))
		return;
	if (c->n > 0)
		(void)cgroup_kill_all(c, SIGKILL, NULL);
	u->left = !unit_is_forgotten(u);
}

void unit_stop(struct cgroup *c)
{
	struct cgroup_unit *u = &c->unit;
	struct err why = {0};

	if (!u->left)
		return;
	u->left = false;
	int r = u->bus.pid > 0 ? 0 : systemd_open(&u->bus, u->user, &why);
	if (r == 0)
		r = systemd_stop(&u->bus, u->name, &why);
	if (r < 0)
		log_warn("stopping %s: %s", u->name, why.text);
	systemd_done(&u->bus);
}
