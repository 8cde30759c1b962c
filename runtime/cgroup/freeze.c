/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "cgroup/cgroup.h"

/* How long tasks in a system call of a slow file system may keep a cgroup from being frozen. */
#define FREEZE_TIMEOUT_MS 10000

/* The v2 directory if the kernel can freeze it (5.2), else the v1 freezer's. */
static const struct cgroup_dir *freeze_dir(const struct cgroup *c)
{
	const struct cgroup_dir *found = NULL;

	for (size_t i = 0; i < c->n; i++) {
		if (cgroup_dir_has(&c->v[i], "freezer"))
			return &c->v[i];
		if (c->v[i].v2)
			found = &c->v[i];
	}
	return found;
}

static int freeze_read(const struct cgroup_dir *d, const char *file, char *out, size_t size)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char path[4200], *text;

	(void)snprintf(path, sizeof(path), "%s/%s", d->path, file);
	int r = io_read_file(AT_FDCWD, path, 4096, &a, &text, NULL);
	if (r == 0)
		(void)snprintf(out, size, "%s", text);
	return r;
}

static int freeze_write(const struct cgroup_dir *d, const char *file, const char *value)
{
	char path[4200];

	(void)snprintf(path, sizeof(path), "%s/%s", d->path, file);
	return io_write_file(AT_FDCWD, path, value);
}

int cgroup_is_frozen(const struct cgroup *c)
{
	const struct cgroup_dir *d = freeze_dir(c);
	char text[512];

	if (d == NULL)
		return 0;
	int r = freeze_read(d, d->v2 ? "cgroup.freeze" : "freezer.state", text, sizeof(text));
	if (r == -ENOENT || r == -ENODEV)
		return 0;
	if (r < 0)
		return r;
	return d->v2 ? text[0] == '1'
		     : strncmp(text, "FROZEN", 6) == 0 || strncmp(text, "FREEZING", 8) == 0;
}

int cgroup_thaw(const struct cgroup *c, struct err *e)
{
	const struct cgroup_dir *d = freeze_dir(c);

	if (d == NULL)
		return err_set(e, ENOENT, "the container has no cgroup with a freezer");
	int r = freeze_write(d, d->v2 ? "cgroup.freeze" : "freezer.state", d->v2 ? "0" : "THAWED");
	return r < 0 ? err_sys(e, -r, "thawing the cgroup '%s'", d->path) : 0;
}

void cgroup_take_back(const struct cgroup *c, pid_t pid)
{
	const struct cgroup_dir *d = freeze_dir(c);
	char text[16];

	if (d == NULL || d->v2)
		return;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	(void)freeze_write(d, "cgroup.procs", text);
}

static bool freeze_is_done(const struct cgroup_dir *d)
{
	char text[512];

	if (freeze_read(d, d->v2 ? "cgroup.events" : "freezer.state", text, sizeof(text)) < 0)
		return false;
	return d->v2 ? strstr(text, "frozen 1") != NULL : strncmp(text, "FROZEN", 6) == 0;
}

/* v1 has no event, and a FREEZING cgroup has to be asked again: pauses grow from 0.1 to 10 ms. v2
 * wakes a poller of cgroup.events. */
static void freeze_pause(int events, long *pause_us)
{
	struct pollfd p = {.fd = events, .events = POLLPRI};
	char seen[512];

	if (events >= 0) {
		(void)poll(&p, 1, 100);
		/* until it is read, what happened wakes every poller at once */
		(void)!pread(events, seen, sizeof(seen), 0);
		return;
	}
	struct timespec t = {0, *pause_us * 1000};
	(void)nanosleep(&t, NULL);
	*pause_us = *pause_us < 5000 ? *pause_us * 2 : 10000;
}

int cgroup_freeze(const struct cgroup *c, struct err *e)
{
	const struct cgroup_dir *d = freeze_dir(c);
	struct timespec from, now;
	long pause_us = 100;
	char path[4200];

	if (d == NULL)
		return err_set(e, ENOENT, "the container has no cgroup with a freezer");
	(void)snprintf(path, sizeof(path), "%s/cgroup.events", d->path);
	autoclose int events = d->v2 ? open(path, O_RDONLY | O_CLOEXEC) : FD_NONE;
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		int r = freeze_write(d, d->v2 ? "cgroup.freeze" : "freezer.state",
				     d->v2 ? "1" : "FROZEN");
		if (r < 0)
			return err_sys(e, -r, "freezing the cgroup '%s'", d->path);
		if (freeze_is_done(d))
			return 0;
		freeze_pause(events, &pause_us);
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 <
		 FREEZE_TIMEOUT_MS);
	(void)cgroup_thaw(c, NULL);
	return err_set(e, EBUSY, "the container could not be frozen within %d s",
		       FREEZE_TIMEOUT_MS / 1000);
}
