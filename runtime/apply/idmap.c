/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/idmap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

/* It changes ids for us: nobody but root may have had a hand in it. */
static int idmap_check_helper(const char *tool, const char *field, struct err *e)
{
	struct stat st;

	if (stat(tool, &st) < 0)
		return err_sys(e, errno, "%s: '%s'", field, tool);
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, EPERM,
			       "%s: '%s' is not trusted: it must be root's, and nobody else may "
			       "write to it",
			       field, tool);
	return 0;
}

static _Noreturn void idmap_helper_child(const char *tool, const char **argv, int output)
{
	static char *const no_env[] = {NULL};

	if (dup2(output, 2) == 2)
		(void)execve(tool, (char *const *)argv, no_env);
	_exit(127);
}

/* What the helper complained of, as one line. */
static const char *idmap_complaint(int output, struct arena *a)
{
	char *text;

	if (io_read_all(output, 4096, a, &text, NULL) < 0 || text[0] == '\0')
		return "no reason given";
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static const char **idmap_argv(const struct plan_idmap *map, pid_t pid, const char *tool,
			       struct arena *a)
{
	const char **argv = arena_array(a, 3 + map->n * 3, sizeof(*argv));
	size_t n = 0;

	argv[n++] = tool;
	argv[n++] = arena_printf(a, "%d", (int)pid);
	for (size_t i = 0; i < map->n; i++) {
		argv[n++] = arena_printf(a, "%u", map->v[i].inside);
		argv[n++] = arena_printf(a, "%u", map->v[i].outside);
		argv[n++] = arena_printf(a, "%u", map->v[i].count);
	}
	return argv;
}

/* newuidmap PID INSIDE OUTSIDE COUNT ...: checks /etc/subuid. Empty environment. The pid can't be
 * another's, its process is our child and not reaped. */
static int idmap_helper(const struct plan_idmap *map, pid_t pid, const char *tool,
			const char *field, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	autoclose int pidfd = FD_NONE;
	int pipes[2], status = 0;
	int r = idmap_check_helper(tool, field, e);

	if (r < 0)
		return r;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	autoclose int output = pipes[0], input = pipes[1];
	const char **argv = idmap_argv(map, pid, tool, &a);
	struct clone_args args = {
		.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD};
	pid_t child = sys_clone3(&args);
	if (child == 0)
		idmap_helper_child(tool, argv, input);
	fd_done(&input);
	if (child < 0)
		return err_sys(e, -child, "%s: starting %s", field, tool);
	const char *complaint = idmap_complaint(output, &a);
	pid_t waited = sys_waitid_pidfd(pidfd, &status, 0);
	if (waited < 0)
		return err_sys(e, -waited, "%s: waiting for %s", field, tool);
	if (status == 0)
		return 0;
	return err_set(e, EPERM,
		       "%s: refused by %s (%.200s): ask only for ranges that /etc/subuid and "
		       "/etc/subgid give you: operation not permitted",
		       field, tool, complaint);
}

/* The kernel's own view, which sorts long maps. */
static int idmap_verify(const struct plan_idmap *map, const struct procfs *pf, pid_t pid,
			const char *file, const char *field, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char rel[48], *text;
	size_t found = 0, lines = 0;

	(void)snprintf(rel, sizeof(rel), "%d/%s", (int)pid, file);
	int r = procfs_read(pf, rel, 65536, &a, &text, e);
	if (r < 0)
		return err_at(e, "%s", field);
	for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n")) {
		struct plan_idmap_entry m;

		if (sscanf(line, "%u %u %u", &m.inside, &m.outside, &m.count) != 3)
			continue;
		lines++;
		for (size_t i = 0; i < map->n; i++)
			found += map->v[i].inside == m.inside && map->v[i].outside == m.outside &&
				 map->v[i].count == m.count;
	}
	if (found == map->n && lines == map->n)
		return 0;
	return err_set(e, EPERM, "%s: the kernel has another map after it was written", field);
}

int idmap_write(const struct plan_ns *ns, const struct procfs *pf, pid_t pid, struct err *e)
{
	int r = 0;

	if (ns->newuidmap != NULL) {
		r = idmap_helper(&ns->uid, pid, ns->newuidmap, "linux.uidMappings", e);
		if (r == 0)
			r = idmap_helper(&ns->gid, pid, ns->newgidmap, "linux.gidMappings", e);
		if (r == 0)
			r = idmap_verify(&ns->uid, pf, pid, "uid_map", "linux.uidMappings", e);
		if (r == 0)
			r = idmap_verify(&ns->gid, pf, pid, "gid_map", "linux.gidMappings", e);
		return r;
	}
	if (ns->deny_setgroups) {
		char rel[40];

		(void)snprintf(rel, sizeof(rel), "%d/setgroups", (int)pid);
		r = procfs_write(pf, rel, "deny", e);
	}
	if (r == 0)
		r = idmap_write_file(&ns->uid, pf, pid, "uid_map", "linux.uidMappings", e);
	if (r == 0)
		r = idmap_write_file(&ns->gid, pf, pid, "gid_map", "linux.gidMappings", e);
	return r;
}
