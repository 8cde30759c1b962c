/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "cgroup/cgroup.h"
#include "cgroup/unit.h"

/* A killed process may take this long to leave: it may hang in a slow file system. */
#define DESTROY_TIMEOUT_MS 10000
#define DESTROY_DEPTH 64

/* Removes what is below dir, leaf first. Errors show in the rmdir of the top. */
static void destroy_below(int dir, int depth)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;

	if (d == NULL) {
		fd_done(&copy);
		return;
	}
	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || depth >= DESTROY_DEPTH)
			continue;
		if (unlinkat(dir, entry->d_name, AT_REMOVEDIR) == 0)
			continue;
		autoclose int sub =
			openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub >= 0)
			destroy_below(sub, depth + 1);
		(void)unlinkat(dir, entry->d_name, AT_REMOVEDIR);
	}
	(void)closedir(d);
}

static long destroy_elapsed_ms(const struct timespec *from)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

/* The first try succeeds as a rule: nothing is looked up or waited for before it. */
static int destroy_dir(const struct cgroup *c, const struct cgroup_dir *d, struct err *e)
{
	struct timespec from;
	long pause_us = 100;

	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	for (bool killed = false;; killed = true) {
		if (rmdir(d->path) == 0 || errno == ENOENT || errno == ENODEV)
			return 0;
		if (errno != EBUSY && errno != ENOTEMPTY)
			return err_sys(e, errno, "removing the cgroup '%s'", d->path);
		if (!killed)
			(void)cgroup_kill_all(c, SIGKILL, NULL);
		autoclose int dir = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0)
			destroy_below(dir, 0);
		if (destroy_elapsed_ms(&from) > DESTROY_TIMEOUT_MS)
			return err_set(
				e, EBUSY,
				"removing the cgroup '%s': it still has processes after %d s",
				d->path, DESTROY_TIMEOUT_MS / 1000);
		struct timespec t = {0, pause_us * 1000};
		(void)nanosleep(&t, NULL);
		pause_us = pause_us < 10000 ? pause_us * 2 : 10000;
	}
}

int cgroup_destroy(struct cgroup *c, struct err *e)
{
	int r = 0;

	unit_end(c);
	/* the freezer last: it is what a killer needs for the others */
	for (size_t i = 0; i < c->n; i++)
		if (!cgroup_dir_has(&c->v[i], "freezer") && r == 0)
			r = destroy_dir(c, &c->v[i], e);
	for (size_t i = 0; i < c->n; i++)
		if (cgroup_dir_has(&c->v[i], "freezer") && r == 0)
			r = destroy_dir(c, &c->v[i], e);
	if (r == 0)
		unit_stop(c);
	cgroup_close(c);
	if (r == 0)
		c->n = 0;
	return r;
}

/* "oom_kill 3" in memory.events (v2) and memory.oom_control (v1, 4.13). */
int cgroup_oom_kills(const struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct arena a __attribute__((cleanup(arena_done))) = {0};
		char path[4200], *text;

		if (!c->v[i].v2 && !cgroup_dir_has(&c->v[i], "memory"))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", c->v[i].path,
			       c->v[i].v2 ? "memory.events" : "memory.oom_control");
		if (io_read_file(AT_FDCWD, path, 4096, &a, &text, NULL) < 0)
			continue;
		const char *at = strstr(text, "oom_kill ");
		return at != NULL ? (int)strtol(at + 9, NULL, 10) : 0;
	}
	return 0;
}
