/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/cgroupfs.h"

#include <string.h>

#include "base/io.h"

#define CGROUPFS_FILE_MAX ((size_t)4 << 20)
#define CGROUPFS_DEPTH 64 /* of mounts on mounts; ends a circle in a file that is no mountinfo */

struct cgroupfs_list {
	struct host_hierarchy *v;
	size_t n, cap;
};

struct cgroupfs_mount {
	const char *id, *parent, *path;
	const char *root, *controllers; /* NULL when it is no cgroup hierarchy */
	bool v2;
};

struct cgroupfs_read {
	struct cgroupfs_mounts {
		struct cgroupfs_mount *v;
		size_t n, cap;
	} mounts;
	struct cgroupfs_list list;
};

/* mountinfo writes space, tab, newline and backslash as \ooo. In place. */
static void cgroupfs_unescape(char *s)
{
	char *to = s;

	for (char *from = s; *from != '\0'; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] != '\0' &&
		    from[3] != '\0') {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* The n-th (from 0) field of a line whose fields one blank separates; cut off in place. */
static char *cgroupfs_field(char **rest)
{
	return strsep(rest, " ");
}

/* "rw,cpu,cpuacct,xattr" -> "cpu,cpuacct": what names the hierarchy in /proc/PID/cgroup. */
static char *cgroupfs_controllers(struct arena *a, char *options)
{
	static const char *const other[] = {"rw",
					    "ro",
					    "xattr",
					    "noprefix",
					    "clone_children",
					    "release_agent=",
					    "cpuset_v2_mode",
					    "favordynmods"};
	char *out = arena_alloc(a, strlen(options) + 1);
	size_t n = 0;

	for (char *word = strsep(&options, ","); word != NULL; word = strsep(&options, ",")) {
		bool skip = false;
		for (size_t i = 0; i < ARRAY_LEN(other); i++)
			skip = skip || strncmp(word, other[i], strlen(other[i])) == 0;
		if (skip)
			continue;
		if (n > 0)
			out[n++] = ',';
		memcpy(out + n, word, strlen(word));
		n += strlen(word);
	}
	return out;
}

/* 36 35 98:0 ROOT MOUNT OPTIONS [tags...] - TYPE SOURCE SUPER */
static void cgroupfs_mount_line(struct arena *a, char *line, struct cgroupfs_read *read)
{
	char *field[6], *rest = line;

	for (int i = 0; i < 6; i++)
		if ((field[i] = cgroupfs_field(&rest)) == NULL)
			return;
	cgroupfs_unescape(field[4]);
	if (field[3][0] != '/' || field[4][0] != '/')
		return; /* "net:[4026531840]": no folder of a file system */
	struct cgroupfs_mount *m = ARENA_PUSH(a, &read->mounts);
	*m = (struct cgroupfs_mount){.id = field[0], .parent = field[1], .path = field[4]};
	while (rest != NULL && strcmp(cgroupfs_field(&rest), "-") != 0)
		;
	char *type = rest != NULL ? cgroupfs_field(&rest) : NULL;
	if (type == NULL || rest == NULL || strncmp(type, "cgroup", 6) != 0)
		return;
	(void)cgroupfs_field(&rest);
	m->v2 = strcmp(type, "cgroup2") == 0;
	if (rest == NULL || (!m->v2 && strcmp(type, "cgroup") != 0))
		return;
	cgroupfs_unescape(field[3]);
	m->root = field[3];
	m->controllers = m->v2 ? "" : cgroupfs_controllers(a, rest);
}

/* Whether z lies on the way to m. A mount whose parent is the same was made later: made earlier it
 * would be m's parent. */
static bool cgroupfs_is_before(const struct cgroupfs_mount *z, const struct cgroupfs_mount *m)
{
	size_t n = strlen(z->path);

	return z != m && strcmp(z->parent, m->parent) == 0 && strncmp(z->path, m->path, n) == 0 &&
	       (m->path[n] == '/' || (n == 1 && m->path[1] != '\0'));
}

/* A private view (a container, unshare) may lie over mounts that are still listed: over m itself,
 * or over the way to it or to one that it is mounted on. */
static bool cgroupfs_is_hidden(const struct cgroupfs_read *read, const struct cgroupfs_mount *m)
{
	const struct cgroupfs_mount *at = m;

	for (int depth = 0; at != NULL && depth < CGROUPFS_DEPTH; depth++) {
		const struct cgroupfs_mount *parent = NULL;

		for (size_t i = 0; i < read->mounts.n; i++) {
			const struct cgroupfs_mount *z = &read->mounts.v[i];

			if (cgroupfs_is_before(z, at) ||
			    (at == m && strcmp(z->parent, m->id) == 0 &&
			     strcmp(z->path, m->path) == 0))
				return true;
			if (z != at && strcmp(z->id, at->parent) == 0)
				parent = z;
		}
		at = parent;
	}
	return false;
}

static void cgroupfs_choose(struct arena *a, struct cgroupfs_read *read)
{
	struct cgroupfs_list *list = &read->list;

	for (size_t i = 0; i < read->mounts.n; i++) {
		const struct cgroupfs_mount *m = &read->mounts.v[i];
		bool again = m->controllers == NULL;

		/* mounted a second time, perhaps in a container */
		for (size_t k = 0; k < list->n; k++)
			again = again || strcmp(list->v[k].controllers, m->controllers) == 0;
		if (again || cgroupfs_is_hidden(read, m))
			continue;
		*ARENA_PUSH(a, list) = (struct host_hierarchy){
			.controllers = m->controllers,
			.mount = m->path,
			/* a bind of a part shows paths that start with it: kept here until the own
			   path is known */
			.own = m->root,
			.v2 = m->v2,
		};
	}
}

/* 5:cpu,cpuacct:/path, and 0::/path for v2. */
static void cgroupfs_own_line(struct arena *a, char *line, struct cgroupfs_read *read)
{
	struct cgroupfs_list *list = &read->list;

	(void)strsep(&line, ":");
	char *controllers = line != NULL ? strsep(&line, ":") : NULL;

	if (controllers == NULL || line == NULL)
		return;
	for (size_t i = 0; i < list->n; i++) {
		struct host_hierarchy *h = &list->v[i];
		if (strcmp(h->controllers, controllers) != 0)
			continue;
		size_t root = strcmp(h->own, "/") == 0 ? 0 : strlen(h->own);
		bool inside = strncmp(line, h->own, root) == 0 &&
			      (line[root] == '/' || line[root] == '\0');
		h->own = arena_strdup(a, inside && line[root] != '\0' ? line + root : "/");
	}
}

static int cgroupfs_lines(struct host *h, const char *file, enum io_virtual how,
			  struct cgroupfs_read *read,
			  void (*one)(struct arena *, char *, struct cgroupfs_read *),
			  struct err *e)
{
	char *text;
	int r = io_read_virtual(h->root, file, how, CGROUPFS_FILE_MAX, h->arena, &text);

	if (r < 0)
		return err_sys(e, -r, "/%s", file);
	for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n"))
		if (*line != '\0')
			one(h->arena, line, read);
	return 0;
}

static enum cgroup_mode cgroupfs_mode(const struct cgroupfs_list *list)
{
	size_t v1 = 0, v2 = 0;

	for (size_t i = 0; i < list->n; i++) {
		/* a named hierarchy without controllers limits nothing */
		v1 += !list->v[i].v2 && strncmp(list->v[i].controllers, "name=", 5) != 0;
		v2 += list->v[i].v2;
	}
	if (v1 > 0)
		return v2 > 0 ? CGROUP_HYBRID : CGROUP_V1;
	return v2 > 0 ? CGROUP_V2 : CGROUP_NONE;
}

int cgroupfs_probe(struct host *h, struct err *e)
{
	struct cgroupfs_read read = {0};
	struct host_cgroups *c = arena_new(h->arena, struct host_cgroups);
	int r = cgroupfs_lines(h, "proc/self/mountinfo", IO_RECORDS, &read, cgroupfs_mount_line, e);

	cgroupfs_choose(h->arena, &read);
	if (r == 0)
		r = cgroupfs_lines(h, "proc/self/cgroup", IO_ONE_RECORD, &read, cgroupfs_own_line,
				   e);
	if (r < 0)
		return r;
	c->v = read.list.v;
	c->n = read.list.n;
	c->mode = cgroupfs_mode(&read.list);
	h->cgroups = c;
	return 0;
}

const struct host_hierarchy *cgroupfs_find(const struct host_cgroups *c, const char *controller)
{
	size_t n = strlen(controller);

	for (size_t i = 0; i < c->n; i++)
		for (const char *p = c->v[i].controllers; *p != '\0';) {
			size_t len = strcspn(p, ",");
			if (len == n && strncmp(p, controller, n) == 0)
				return &c->v[i];
			p += len + (p[len] == ',');
		}
	return NULL;
}
