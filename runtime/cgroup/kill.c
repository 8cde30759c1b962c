/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/num.h"
#include "cgroup/cgroup.h"

/* A fork bomb in a cgroup that can't be frozen makes new processes while the old ones are
 * signalled. */
#define KILL_ROUNDS 64
/* Sub-cgroups made in the container (systemd in it); the kernel's own limit is far below. */
#define KILL_DEPTH 64

struct kill_pids {
	pid_t *v;
	size_t n, cap;
};

static void kill_read(int dir, struct arena *a, struct kill_pids *pids)
{
	char *text;

	if (io_read_file(dir, "cgroup.procs", (size_t)8 << 20, a, &text, NULL) < 0)
		return;
	for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n")) {
		uint64_t pid;
		/* 0: a process of another pid namespace, which we can't name */
		if (num_u64(line, INT32_MAX, &pid) == 0 && pid > 0)
			*ARENA_PUSH(a, pids) = (pid_t)pid;
	}
}

static void kill_collect(int dir, int depth, struct arena *a, struct kill_pids *pids)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;

	kill_read(dir, a, pids);
	if (d == NULL) {
		fd_done(&copy);
		return;
	}
	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || depth >= KILL_DEPTH)
			continue;
		autoclose int sub =
			openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub >= 0)
			kill_collect(sub, depth + 1, a, pids);
	}
	(void)closedir(d);
}

/* Any hierarchy has them all; freezer and v2 are those a container can't leave by itself. */
static const struct cgroup_dir *kill_dir(const struct cgroup *c)
{
	const struct cgroup_dir *found = c->n > 0 ? &c->v[0] : NULL;

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].v2 || cgroup_dir_has(&c->v[i], "freezer"))
			found = &c->v[i];
	return found;
}

int cgroup_pids(const struct cgroup *c, struct arena *a, pid_t **out, size_t *out_n, struct err *e)
{
	const struct cgroup_dir *d = kill_dir(c);
	struct kill_pids pids = {0};

	*out = NULL;
	*out_n = 0;
	if (d == NULL)
		return err_set(e, ENOENT,
			       "the container has no cgroup of its own to tell its processes");
	autoclose int dir = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, errno, "cgroup '%s'", d->path);
	kill_collect(dir, 0, a, &pids);
	*out = pids.v;
	*out_n = pids.n;
	return 0;
}

/* One write ends the whole tree, forks under way included (Linux 5.14). */
static bool kill_by_kernel(const struct cgroup *c)
{
	bool all = c->n > 0;

	for (size_t i = 0; i < c->n; i++) {
		char path[4200];
		if (!c->v[i].v2)
			continue;
		(void)snprintf(path, sizeof(path), "%s/cgroup.kill", c->v[i].path);
		return io_write_file(AT_FDCWD, path, "1") == 0 && all;
	}
	return false;
}

int cgroup_kill_all(const struct cgroup *c, int sig, struct err *e)
{
	struct err why = {0};
	size_t n = 1;
	int r = 0;

	if (sig == SIGKILL && kill_by_kernel(c))
		return 0;
	/* frozen, nothing forks while it is read; a killed process dies when it is thawed */
	bool frozen = cgroup_is_frozen(c) <= 0 && cgroup_freeze(c, &why) == 0;
	for (int round = 0; r == 0 && n > 0 && round < (frozen ? 1 : KILL_ROUNDS); round++) {
		struct arena a __attribute__((cleanup(arena_done))) = {0};
		pid_t *pids;
		r = cgroup_pids(c, &a, &pids, &n, e);
		for (size_t i = 0; r == 0 && i < n; i++)
			if (kill(pids[i], sig) < 0 && errno != ESRCH)
				r = err_sys(e, errno, "signalling process %d", (int)pids[i]);
		if (sig != SIGKILL)
			break;
	}
	if (frozen || sig == SIGKILL)
		(void)cgroup_thaw(c, NULL);
	return r;
}
