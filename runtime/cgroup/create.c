/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "cgroup/cgroup.h"
#include "cgroup/delegate.h"
#include "cgroup/device.h"
#include "cgroup/unit.h"
#include "cgroup/v2.h"

/* v2 tells of processes in cgroups below as well: of a container whose init moved into one. */
static bool create_is_populated(int dir, bool v2)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;
	int r = io_read_file(dir, v2 ? "cgroup.events" : "cgroup.procs", (size_t)1 << 20, &a, &text,
			     NULL);

	if (r < 0) /* more processes than that, or a foreign kind: attaching will say */
		return r == -EFBIG;
	return v2 ? strstr(text, "populated 1") != NULL : text[0] != '\0';
}

/* A directory that was there may be reused, but not shared: another container's limits would be
 * overwritten. With runc's words, which refuses it too since 1.2. */
static int create_check_empty(const struct cgroup_dir *d, struct err *e)
{
	autoclose int dir = open(d->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "linux.cgroupsPath: '%s'", d->path);
	if (create_is_populated(dir, d->v2))
		return err_set(e, EBUSY,
			       "linux.cgroupsPath: container's cgroup is not empty: '%s' has "
			       "processes already, is another container using it?",
			       d->path);
	return 0;
}

/* What is born into a frozen cgroup never runs, and what waits for it neither. A v1 freezer that
 * is still freezing (no process it has had to stop) reads FREEZING. */
static int create_check_thawed(const struct cgroup_dir *d, struct err *e)
{
	bool freezer = cgroup_dir_has(d, "freezer");
	char path[4200], text[4096];

	if (!d->v2 && !freezer)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/%s", d->path,
		       d->v2 ? "cgroup.events" : "freezer.state");
	if (io_read_control(AT_FDCWD, path, text, sizeof(text)) < 0) /* a kernel without it */
		return 0;
	if (d->v2 ? strstr(text, "frozen 1") == NULL : strncmp(text, "THAWED", 6) == 0)
		return 0;
	return err_set(e, EBUSY,
		       "linux.cgroupsPath: container's cgroup unexpectedly frozen: thaw '%s' or "
		       "give another",
		       d->path);
}

int cgroup_plan_dirs(const struct plan_cgroup *pc, const struct host *h, struct arena *a,
		     struct cgroup *out, struct err *e)
{
	const struct host_cgroups *hc = h->cgroups;

	*out = (struct cgroup){.manager = pc->manager, .unit = out->unit, .arena = a};
	if (pc->stay)
		return 0;
	out->v = arena_array(a, hc->n, sizeof(*out->v));
	for (size_t i = 0; i < hc->n; i++)
		out->v[out->n++] = (struct cgroup_dir){
			.controllers = hc->v[i].controllers,
			.path = plan_cgroup_dir(pc, &hc->v[i], a),
			.mount = hc->v[i].mount,
			.v2 = hc->v[i].v2,
			.fd = FD_NONE,
			.tasks = FD_NONE,
		};
	/* Known before it is on record as ours: a delete after a crash kills what the recorded
	 * cgroups hold. */
	int r = out->n > 0 ? create_check_empty(&out->v[0], e) : 0;
	if (r < 0 || pc->manager == CGROUP_SYSTEMD)
		out->n = 0;
	return r;
}

/* mkdir with its parents, which are rarely missing: tried last. */
static int create_mkdir(const char *path, struct arena *a)
{
	if (mkdir(path, 0755) == 0)
		return 0;
	if (errno != ENOENT)
		return -errno;
	char *parent = arena_strdup(a, path);
	char *slash = strrchr(parent, '/');
	if (slash == NULL || slash == parent)
		return -ENOENT;
	*slash = '\0';
	int r = create_mkdir(parent, a);
	if (r < 0 && r != -EEXIST)
		return r;
	return mkdir(path, 0755) == 0 ? 0 : -errno;
}

/* A new v1 cpuset is empty, and nothing can be attached to an empty one: its parent's masks are
 * taken over, from as high up as they are missing. */
static int create_cpuset(const char *path, struct arena *a, struct err *e)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	const char *up = arena_strndup(a, path, (size_t)(strrchr(path, '/') - path));

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *own = arena_printf(a, "%s/%s", path, files[i]);
		const char *parent = arena_printf(a, "%s/%s", up, files[i]);
		char text[4096];
		ssize_t r = io_read_control(AT_FDCWD, parent, text, sizeof(text));
		if (r >= 0 && text[strspn(text, " \n")] == '\0') {
			r = create_cpuset(up, a, e);
			if (r < 0)
				return (int)r;
			r = io_read_control(AT_FDCWD, parent, text, sizeof(text));
		}
		if (r >= 0)
			r = io_write_file(AT_FDCWD, own, text);
		if (r < 0)
			return err_sys(e, (int)-r, "%s", own);
	}
	return 0;
}

static int create_tasks(struct cgroup_dir *d, struct err *e)
{
	char path[4200];

	(void)snprintf(path, sizeof(path), "%s/tasks", d->path);
	d->tasks = open(path, O_WRONLY | O_CLOEXEC);
	return d->tasks < 0 ? err_sys(e, errno, "%s", path) : 0;
}

/* Rights that a plain user, or root of a user namespace, lacks. */
static bool create_is_refused(const struct host *h, int code)
{
	return (code == EACCES || code == EPERM || code == EROFS) && (h->euid != 0 || h->in_userns);
}

/* Beside v1 hierarchies the v2 one is there to be born into. Passing controllers on costs a
 * kernel-wide wait and makes each cgroup dearer, so only for a limit that is kept there. */
static bool create_needs_v2(const struct plan_cgroup *pc, const struct cgroup *c)
{
	bool v1 = false;

	for (size_t i = 0; i < pc->settings.n; i++)
		if (pc->settings.v[i].v2)
			return true;
	for (size_t i = 0; i < c->n; i++)
		v1 = v1 || !c->v[i].v2;
	return !v1;
}

/* What the runtime or its child needs open, and what a new directory lacks. */
static int create_open(const struct plan_cgroup *pc, const struct cgroup *c, struct cgroup_dir *d,
		       struct err *e)
{
	int r = 0;

	if (d->v2) {
		d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (d->fd < 0)
			return err_sys(e, errno, "%s", d->path);
		return create_needs_v2(pc, c) ? v2_enable(d, pc, c->arena, e) : 0;
	}
	if (d->created && cgroup_dir_has(d, "cpuset"))
		r = create_cpuset(d->path, c->arena, e);
	return r < 0 ? r : create_tasks(d, e);
}

#define CREATE_DONE_WITHOUT 1

/* Without a limit to keep, a cgroup is a convenience: the container stays in the caller's. That is
 * told once, to who has asked for one. */
static int create_without(const struct plan_cgroup *pc, const struct host *h, struct cgroup *c,
			  const struct cgroup_dir *d, int code, struct err *e)
{
	if (pc->has_limits)
		return err_set(e, code,
			       "%s: needs a cgroup, and '%s' can't be made: %s; start from a "
			       "cgroup that is delegated to user %u (systemd: a scope or service "
			       "of the user's session with Delegate=yes), or leave the limits out",
			       pc->settings.v[0].origin, d->path, err_name(code), h->euid);
	if (pc->path_given && !c->refused)
		log_warn("linux.cgroupsPath: '%s' can't be made (%s): the container stays in the "
			 "caller's cgroup and can't be paused or limited",
			 d->path, err_name(code));
	c->refused = true;
	return CREATE_DONE_WITHOUT;
}

static int create_dir(const struct plan_cgroup *pc, const struct host *h, struct cgroup *c,
		      struct cgroup_dir *d, struct err *e)
{
	if (d->v2 && create_needs_v2(pc, c))
		v2_prepare(d, pc, c->arena);
	int r = create_mkdir(d->path, c->arena);

	if (r < 0 && create_is_refused(h, -r))
		return create_without(pc, h, c, d, -r, e);
	if (r < 0 && r != -EEXIST)
		return err_sys(e, -r, "%s: making the cgroup '%s'",
			       pc->settings.n > 0 ? pc->settings.v[0].origin : "linux.cgroupsPath",
			       d->path);
	d->created = r == 0;
	/* a unit's holds the helper */
	bool found = !d->created && pc->manager != CGROUP_SYSTEMD;
	r = found ? create_check_empty(d, e) : 0;
	if (r == 0 && found)
		r = create_check_thawed(d, e);
	if (r == 0 && pc->unit.subgroup != NULL)
		r = unit_move_helper(c, d, e);
	return r < 0 ? r : create_open(pc, c, d, e);
}

/* What was there before is not ours to remove, nor are its processes. */
static void create_keep_own(struct cgroup *c)
{
	size_t kept = 0;

	cgroup_close(c);
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].created)
			c->v[kept++] = c->v[i];
	c->n = kept;
}

/* Without the right to load programs the nodes themselves are the limit. */
static int create_devices(const struct plan_cgroup *pc, const struct host *h,
			  const struct cgroup *c, struct err *e)
{
	struct err why = {0};

	/* systemd itself may do it, and has */
	if (pc->manager == CGROUP_SYSTEMD && pc->unit.devices_exact && !pc->unit.user)
		return 0;
	int r = device_apply(c, &pc->rules, DEVICE_NEW, c->arena, &why);
	if (r == 0 || !create_is_refused(h, -r))
		return r < 0 ? err_take(e, &why) : 0;
	log_debug("%s; device rules are not applied", why.text);
	return 0;
}

/* The directories that are not there yet. */
static int create_dirs(const struct plan_cgroup *pc, const struct host *h, struct cgroup *c,
		       bool v2_only, struct err *e)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct cgroup_dir *d = &c->v[i];
		bool made = d->fd >= 0 || d->tasks >= 0;

		int without = 0;

		if (r == 0 && !made && (d->v2 || !v2_only))
			without = create_dir(pc, h, c, d, e);
		if (without < 0)
			r = without;
		if (without != CREATE_DONE_WITHOUT)
			c->v[kept++] = c->v[i];
	}
	c->n = kept;
	return r;
}

int cgroup_create_first(const struct plan_cgroup *pc, const struct host *h, struct arena *a,
			struct cgroup *out, struct err *e)
{
	out->arena = a;
	int r = pc->manager == CGROUP_SYSTEMD && !pc->stay ? unit_wait(pc, h, out, e) : 0;
	if (r == 0 && !cgroup_needs_entering(out))
		return cgroup_create_rest(pc, h, a, out, e);
	if (r == 0)
		r = create_dirs(pc, h, out, true, e);
	if (r < 0)
		create_keep_own(out);
	return r;
}

int cgroup_create_rest(const struct plan_cgroup *pc, const struct host *h, struct arena *a,
		       struct cgroup *out, struct err *e)
{
	out->arena = a;
	int r = create_dirs(pc, h, out, false, e);

	if (r >= 0)
		r = cgroup_write_settings(out, pc, e);
	if (r >= 0 && out->unit.name != NULL)
		r = unit_make_room(out, pc, e);
	if (r >= 0)
		r = create_devices(pc, h, out, e);
	for (size_t i = 0; r >= 0 && pc->chown_to_root && i < out->n; i++)
		if (out->v[i].v2)
			r = delegate_cgroup(&out->v[i], pc->owner, a, e);
	if (r < 0)
		create_keep_own(out);
	return r < 0 ? r : 0;
}
