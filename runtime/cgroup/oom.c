/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/io.h"
#include "cgroup/stats_parse.h"

/* cgroup-v1 memory.rst, section 9: "EVENT_FD FD_OF_OOM_CONTROL" is written to cgroup.event_control.
 */
static int oom_watch_v1(struct oom_watch *w, struct arena *a, struct err *e)
{
	const char *file = arena_printf(a, "%s/memory.oom_control", w->path);
	autoclose int control = open(file, O_RDONLY | O_CLOEXEC);

	if (control < 0)
		return err_sys(e, errno, "%s", file);
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fd < 0)
		return err_sys(e, errno, "eventfd");
	file = arena_printf(a, "%s/cgroup.event_control", w->path);
	int r = io_write_file(AT_FDCWD, file, arena_printf(a, "%d %d", w->fd, control));
	return r < 0 ? err_sys(e, -r, "%s", file) : 0;
}

static int oom_watch_v2(struct oom_watch *w, struct arena *a, struct err *e)
{
	const char *file = arena_printf(a, "%s/memory.events", w->path);

	if (access(file, F_OK) < 0)
		return 0; /* the memory controller is not enabled for this cgroup */
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0 || inotify_add_watch(w->fd, file, IN_MODIFY) < 0)
		return err_sys(e, errno, "watching %s", file);
	int kills = cgroup_oom_kills(w->cgroup);
	w->seen = kills > 0 ? kills : 0;
	return 0;
}

int oom_watch_open(struct oom_watch *w, const struct cgroup *c, struct arena *a, struct err *e)
{
	const struct cgroup_dir *d = stats_dir(c, "memory");

	if (d == NULL)
		return 0;
	w->cgroup = c;
	w->path = d->path;
	w->v2 = d->v2;
	return d->v2 ? oom_watch_v2(w, a, e) : oom_watch_v1(w, a, e);
}

bool oom_watch_take(struct oom_watch *w)
{
	char drain[4096];

	if (w->fd < 0 || read(w->fd, drain, sizeof(drain)) <= 0)
		return false;
	/* removing the directory signals as well */
	if (!w->v2)
		return access(w->path, F_OK) == 0;
	int kills = cgroup_oom_kills(w->cgroup);
	bool more = kills > w->seen;
	if (more)
		w->seen = kills;
	return more;
}

void oom_watch_done(struct oom_watch *w)
{
	fd_done(&w->fd);
}
