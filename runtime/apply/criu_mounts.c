/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "apply/criu.h"
#include "sys/path.h"
#include "sys/procfs.h"

/* A line of mountinfo: 36 35 98:0 ROOT POINT OPTIONS [tags...] - TYPE SOURCE SUPER */
struct criu_mount {
	const char *device, *root, *point, *type;
};

struct criu_mount_list {
	struct criu_mount *v;
	size_t n, cap;
};

/* The octal escapes of the kernel ("\040"), in place. */
static char *mounts_unescape(char *field)
{
	char *out = field;

	for (char *in = field; *in != '\0'; out++) {
		bool octal = in[0] == '\\' && in[1] != '\0' && in[2] != '\0' && in[3] != '\0';

		*out = octal ? (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + in[3] - '0') : *in;
		in += octal ? 4 : 1;
	}
	*out = '\0';
	return field;
}

static bool mounts_line(char *line, struct criu_mount *out)
{
	char *field[5], *type = strstr(line, " - ");

	if (type == NULL)
		return false;
	*type = '\0';
	type += 3;
	for (size_t i = 0; i < ARRAY_LEN(field); i++)
		if ((field[i] = strsep(&line, " ")) == NULL)
			return false;
	*out = (struct criu_mount){
		.device = field[2],
		.root = mounts_unescape(field[3]),
		.point = mounts_unescape(field[4]),
		.type = strsep(&type, " "),
	};
	return true;
}

static void mounts_parse(char *text, struct arena *a, struct criu_mount_list *out)
{
	struct criu_mount m;
	char *line;

	while ((line = strsep(&text, "\n")) != NULL)
		if (mounts_line(line, &m))
			*ARENA_PUSH(a, out) = m;
}

/* What follows dir in path when path is dir or below it, else NULL. */
static const char *mounts_below(const char *path, const char *dir)
{
	size_t n = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

	if (strncmp(path, dir, n) != 0 || (path[n] != '\0' && path[n] != '/'))
		return NULL;
	return path + n;
}

static bool mounts_is_hosts(const struct criu_mount *m, const struct criu_mount *root,
			    const struct criu_mount_list *host)
{
	if (strcmp(m->device, root->device) == 0 && mounts_below(m->root, root->root) != NULL)
		return false;
	/* criu makes it again, without its queues' names on the host being of any use */
	if (strcmp(m->type, "mqueue") == 0)
		return false;
	for (size_t i = 0; i < host->n; i++)
		if (strcmp(host->v[i].device, m->device) == 0)
			return true;
	return false;
}

void criu_external_mounts(char *container, char *host, bool own_cgroup_ns, struct arena *a,
			  struct criu_strings *out)
{
	struct criu_mount_list inside = {0}, outside = {0};
	const struct criu_mount *root = NULL;

	mounts_parse(container, a, &inside);
	mounts_parse(host, a, &outside);
	for (size_t i = 0; i < inside.n; i++)
		if (strcmp(inside.v[i].point, "/") == 0)
			root = &inside.v[i];
	for (size_t i = 0; root != NULL && i < inside.n; i++) {
		const struct criu_mount *m = &inside.v[i];
		bool own = own_cgroup_ns && strncmp(m->type, "cgroup", 6) == 0;

		if (strcmp(m->point, "/") != 0 && !own && mounts_is_hosts(m, root, &outside))
			*ARENA_PUSH(a, out) = arena_printf(a, "mnt[%s]:%s", m->point, m->point);
	}
}

bool criu_has_mount(const char *mountinfo, uint64_t id)
{
	char start[24];
	int n = snprintf(start, sizeof(start), "%llu ", (unsigned long long)id);

	for (const char *line = mountinfo; line != NULL && *line != '\0';) {
		if (strncmp(line, start, (size_t)n) == 0)
			return true;
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	return false;
}

static bool mounts_name_of(int fd, char out[static PATH_MAX])
{
	char self[32];
	ssize_t n = readlink(procfs_fd_path(fd, self), out, PATH_MAX - 1);

	if (n < 0)
		return false;
	out[n] = '\0';
	return true;
}

/* The target as mountinfo will show it: links of the rootfs are followed. What is not there yet
 * has none. */
static const char *mounts_target(const char *target, int root, struct arena *a)
{
	char top[PATH_MAX], name[PATH_MAX];
	autoclose int fd = path_open(root, target, O_PATH | O_CLOEXEC, NULL);

	if (fd < 0 || !mounts_name_of(root, top) || !mounts_name_of(fd, name))
		return target;
	const char *rest = mounts_below(name, top);
	return rest == NULL || rest[0] == '\0' ? target : arena_strdup(a, rest);
}

static void mounts_add(const char *target, const char *source, struct arena *a,
		       struct criu_strings *out)
{
	*ARENA_PUSH(a, out) = arena_printf(a, "mnt[%s]:%s", target, source);
}

/* source and what is mounted below it on the host. */
static void mounts_add_tree(const char *target, const char *source,
			    const struct criu_mount_list *host, struct arena *a,
			    struct criu_strings *out)
{
	mounts_add(target, source, a, out);
	for (size_t i = 0; i < host->n; i++) {
		const char *rest = mounts_below(host->v[i].point, source);

		if (rest != NULL && rest[0] != '\0')
			mounts_add(arena_printf(a, "%s%s", target, rest), host->v[i].point, a, out);
	}
}

static void mounts_add_cgroup(const struct plan *p, const char *target, struct arena *a,
			      struct criu_strings *out)
{
	for (size_t i = 0; i < p->mounts.n_cgroup; i++) {
		const struct plan_cgroup_view *v = &p->mounts.cgroup[i];

		mounts_add(v->name == NULL ? target : arena_printf(a, "%s/%s", target, v->name),
			   v->source, a, out);
	}
}

static void mounts_add_plan(const struct plan *p, const struct plan_mount *m, int root,
			    const struct criu_mount_list *host, struct arena *a,
			    struct criu_strings *out)
{
	const char *target = mounts_target(m->target, root, a);

	switch (m->verb) {
	case MOUNT_BIND:
		if (m->recursive)
			mounts_add_tree(target, m->source, host, a, out);
		else
			mounts_add(target, m->source, a, out);
		return;
	case MOUNT_CGROUP:
		mounts_add_cgroup(p, target, a, out);
		return;
	case MOUNT_FILE: /* lies in a file system of the container's own */
	case MOUNT_VEIL:
		return;
	case MOUNT_FS:
		/* of the host's network namespace it is the host's own */
		if (m->fstype != NULL && strcmp(m->fstype, "sysfs") == 0)
			mounts_add_tree(target, "/sys", host, a, out);
		return;
	}
}

void criu_plan_mounts(const struct plan *p, int root, char *host, struct arena *a,
		      struct criu_strings *out)
{
	struct criu_mount_list mounts = {0};

	mounts_parse(host, a, &mounts);
	for (size_t i = 0; i < p->mounts.n; i++)
		if (!p->mounts.v[i].remount)
			mounts_add_plan(p, &p->mounts.v[i], root, &mounts, a, out);
	for (size_t i = 0; i < p->nodes.n; i++)
		if (p->nodes.v[i].bind)
			mounts_add(p->nodes.v[i].path, p->nodes.v[i].path, a, out);
	for (size_t i = 0; i < p->masks.n_masked; i++)
		mounts_add(mounts_target(p->masks.masked[i], root, a), "/dev/null", a, out);
	/* the name that runc's and crun's images have for it */
	mounts_add("/dev/null", "/dev/null", a, out);
}
