/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/io.h"
#include "hooks/config_edit.h"
#include "hooks/hook.h"
#include "host/cgroupfs.h"
#include "sys/procfs.h"
#include "sys/sys.h"

/* Answers of the process in the container's cgroup: 0 all allowed, FILTER_FIRST + i node i is
 * refused. */
enum { FILTER_ALLOWED = 0, FILTER_FIRST = 1, FILTER_LAST = 250, FILTER_NO_ANSWER = 255 };

/* The index of the first node that the device rules of the caller's cgroup refuse, or n. */
static size_t filter_first_refused(const struct hook_node *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].fd >= 0 &&
		    sys_faccessat2(v[i].fd, "", R_OK | W_OK, AT_EMPTY_PATH | AT_EACCESS) == -EPERM)
			return i;
	return n;
}

/* Whether the kernel can be asked about a descriptor. */
static bool filter_can_ask(const struct hook_run *run)
{
	return sys_faccessat2(run->host.root, "", F_OK, AT_EMPTY_PATH | AT_EACCESS) == 0;
}

/* The cgroup.procs of the container's cgroup that holds the device rules. */
static int filter_procs(const struct hook_run *run)
{
	const struct host_hierarchy *h = cgroupfs_find(run->host.cgroups, "devices");
	char *text, *save = NULL;
	struct procfs proc = {FD_NONE};
	bool v1 = h != NULL;

	for (size_t i = 0; !v1 && i < run->host.cgroups->n; i++)
		if (run->host.cgroups->v[i].v2)
			h = &run->host.cgroups->v[i];
	if (h == NULL || procfs_open(&proc, NULL) < 0)
		return FD_NONE;
	int r = procfs_read(&proc,
			    arena_printf(run->a, "%lld/cgroup", (long long)run->state->pid.v),
			    (size_t)1 << 16, run->a, &text, NULL);
	procfs_done(&proc);
	for (char *line = r < 0 ? NULL : strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char *names = strchr(line, ':');
		char *path = names != NULL ? strchr(names + 1, ':') : NULL;
		if (path == NULL)
			continue;
		*path++ = '\0';
		names++;
		if (v1 ? strcmp(names, "devices") != 0 : names[0] != '\0')
			continue;
		return open(arena_printf(run->a, "%s%s/cgroup.procs", h->mount, path),
			    O_WRONLY | O_CLOEXEC);
	}
	return FD_NONE;
}

/* A process of ours, in the container's cgroup for as long as it looks. */
static int filter_ask_inside(const struct hook_run *run, const struct hook_node *v, size_t n)
{
	int status;
	autoclose int procs = filter_procs(run);

	if (procs < 0)
		return FILTER_NO_ANSWER;
	pid_t child = fork();
	if (child == 0) {
		if (write(procs, "0", 1) != 1)
			_exit(FILTER_NO_ANSWER);
		size_t i = filter_first_refused(v, n);
		_exit(i == n ? FILTER_ALLOWED
			     : (int)(i < FILTER_LAST ? FILTER_FIRST + i : FILTER_LAST));
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : FILTER_NO_ANSWER;
}

/* What the config says, where the kernel can't be asked. */
static size_t filter_by_config(const struct hook_run *run, const struct hook_node *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!graft_config_allows(run->config, v[i].d->node.dev))
			return i;
	return n;
}

int hook_filter_check(const struct hook_run *run, const struct hook_node *v, size_t n,
		      struct err *e)
{
	size_t at = n;

	if (!filter_can_ask(run)) {
		at = filter_by_config(run, v, n);
	} else if (run->stage == STAGE_CREATE_CONTAINER) {
		at = filter_first_refused(v, n);
	} else {
		int answer = filter_ask_inside(run, v, n);
		if (answer == FILTER_NO_ANSWER)
			at = filter_by_config(run, v, n);
		else if (answer >= FILTER_FIRST)
			at = (size_t)(answer - FILTER_FIRST);
	}
	if (at >= n)
		return 0;
	const struct graft_node *node = &v[at].d->node;
	return graft_refuse(e, EPERM, v[at].d->domain, "FILTER",
			    "the container's device rules refuse '%s' (%u:%u), and a hook can't "
			    "change them; give the engine --device %s as well, or --runtime "
			    "greffon, or run the hook at precreate",
			    node->path, major(node->dev), minor(node->dev), node->path);
}
