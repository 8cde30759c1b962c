/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "hooks/hook.h"
#include "sys/procfs.h"
#include "sys/sys.h"

/* The rootfs is what the runtime itself has resolved; only below it images have a say. */
static int enter_rootfs(struct hook_run *run, const char *bundle, struct err *e)
{
	const char *path = run->config->root != NULL ? run->config->root->path : NULL;

	if (path == NULL)
		return err_set(e, EINVAL, "root.path: is missing");
	if (path[0] != '/')
		path = arena_printf(run->a, "%s/%s", bundle, path);
	run->rootfs = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return run->rootfs < 0 ? err_sys(e, errno, "root.path: '%s'", path) : 0;
}

/* The host's id for the container's 0; 0 where it is the same, or none. */
static unsigned int enter_root_id(const struct hook_run *run, const struct procfs *proc,
				  const char *file)
{
	char *text;
	const char *path = arena_printf(run->a, "%lld/%s", (long long)run->state->pid.v, file);
	unsigned int inside, outside, count;
	int r = procfs_read(proc, path, (size_t)1 << 16, run->a, &text, NULL);

	for (char *line = r < 0 ? NULL : text; line != NULL && *line != '\0';) {
		if (sscanf(line, "%u %u %u", &inside, &outside, &count) == 3 && inside == 0)
			return outside;
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	return 0;
}

static int enter_find(struct hook_run *run, struct err *e)
{
	struct procfs proc = {FD_NONE};
	struct stat own, other;
	int r = procfs_open(&proc, e);

	if (r < 0)
		return r;
	/* a magic link, followed by the kernel alone: the path holds numbers only */
	char link[48];
	run->own_ns = openat(proc.fd, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
	(void)snprintf(link, sizeof(link), "%lld/ns/mnt", (long long)run->state->pid.v);
	run->container_ns = openat(proc.fd, link, O_RDONLY | O_CLOEXEC);
	int code = errno;
	run->root_uid = enter_root_id(run, &proc, "uid_map");
	run->root_gid = enter_root_id(run, &proc, "gid_map");
	procfs_done(&proc);
	if (run->own_ns < 0 || run->container_ns < 0)
		return err_sys(e, code, "the mount namespace of process %lld",
			       (long long)run->state->pid.v);
	if (fstat(run->own_ns, &own) < 0 || fstat(run->container_ns, &other) < 0)
		return err_sys(e, errno, "the container's mount namespace");
	if (own.st_dev == other.st_dev && own.st_ino == other.st_ino)
		return graft_refuse(e, EINVAL, GRAFT_DOMAINS, "CONFLICT",
				    "the container has no mount namespace of its own yet; run the "
				    "hook at createContainer");
	return 0;
}

int hook_enter_open(struct hook_run *run, const char *bundle, struct err *e)
{
	if (run->stage == STAGE_CREATE_CONTAINER)
		return enter_rootfs(run, bundle, e);
	if (!run->state->pid.set || run->state->pid.v <= 0)
		return err_set(e, EINVAL, "pid: the state on standard input has none");
	int r = enter_find(run, e);
	if (r == 0)
		r = hook_enter(run, e);
	if (r < 0)
		return r;
	r = enter_rootfs(run, bundle, e);
	if (sys_setns(run->own_ns, CLONE_NEWNS) < 0)
		return err_set(e, EPERM, "the way back into the runtime's mount namespace");
	return r;
}

int hook_enter(const struct hook_run *run, struct err *e)
{
	if (run->container_ns < 0)
		return 0;
	int r = sys_setns(run->container_ns, CLONE_NEWNS);
	return r < 0 ? err_sys(e, -r, "entering the container's mount namespace") : 0;
}

void hook_enter_owner(const struct hook_run *run, bool container)
{
	if (run->root_uid == 0 && run->root_gid == 0)
		return;
	(void)setfsgid(container ? run->root_gid : 0);
	(void)setfsuid(container ? run->root_uid : 0);
}
