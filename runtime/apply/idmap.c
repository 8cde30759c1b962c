/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/idmap.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "sys/sys.h"

const char *idmap_text(const struct plan_idmap *map, struct arena *a)
{
	/* three numbers of at most 10 digits, their spaces and the newline */
	size_t size = map->n * 33 + 1, n = 0;
	char *text = arena_alloc(a, size);

	for (size_t i = 0; i < map->n; i++)
		n += (size_t)snprintf(text + n, size - n, "%u %u %u\n", map->v[i].inside,
				      map->v[i].outside, map->v[i].count);
	return text;
}

static int idmap_write_file(const struct plan_idmap *map, const struct procfs *pf, pid_t pid,
			    const char *file, const char *field, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char rel[48];

	(void)snprintf(rel, sizeof(rel), "%d/%s", (int)pid, file);
	if (procfs_write(pf, rel, idmap_text(map, &a), e) < 0)
		return err_at(e, "%s", field);
	return 0;
}

/* newuidmap PID INSIDE OUTSIDE COUNT ...: the set-id helper checks /etc/subuid. Empty environment.
 */
static int idmap_helper(const struct plan_idmap *map, pid_t pid, const char *tool,
			const char *field, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	const char **argv = arena_array(&a, 3 + map->n * 3, sizeof(*argv));
	static char *const no_env[] = {NULL};
	size_t n = 0;
	int status = 0;
	autoclose int pidfd = FD_NONE;

	argv[n++] = tool;
	argv[n++] = arena_printf(&a, "%d", (int)pid);
	for (size_t i = 0; i < map->n; i++) {
		argv[n++] = arena_printf(&a, "%u", map->v[i].inside);
		argv[n++] = arena_printf(&a, "%u", map->v[i].outside);
		argv[n++] = arena_printf(&a, "%u", map->v[i].count);
	}
	struct clone_args args = {
		.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD};
	pid_t child = sys_clone3(&args);
	if (child < 0)
		return err_sys(e, -child, "%s: starting %s", field, tool);
	if (child == 0) {
		(void)execve(tool, (char *const *)argv, no_env);
		_exit(127);
	}
	pid_t r = sys_waitid_pidfd(pidfd, &status, 0);
	if (r < 0)
		return err_sys(e, -r, "%s: waiting for %s", field, tool);
	if (status == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(e, ENOENT, "%s: %s can't be run; install the package uidmap", field,
			       tool);
	return err_set(e, EPERM, "%s: %s refused the mapping; see its line above and /etc/subuid",
		       field, tool);
}

int idmap_write(const struct plan_ns *ns, const struct procfs *pf, pid_t pid, struct err *e)
{
	int r;

	if (ns->deny_setgroups) {
		char rel[40];

		(void)snprintf(rel, sizeof(rel), "%d/setgroups", (int)pid);
		r = procfs_write(pf, rel, "deny", e);
		if (r < 0)
			return r;
	}
	r = ns->use_newidmap
		    ? idmap_helper(&ns->uid, pid, "/usr/bin/newuidmap", "linux.uidMappings", e)
		    : idmap_write_file(&ns->uid, pf, pid, "uid_map", "linux.uidMappings", e);
	if (r < 0)
		return r;
	return ns->use_newidmap
		       ? idmap_helper(&ns->gid, pid, "/usr/bin/newgidmap", "linux.gidMappings", e)
		       : idmap_write_file(&ns->gid, pf, pid, "gid_map", "linux.gidMappings", e);
}
