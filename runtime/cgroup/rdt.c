/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/rdt.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/io.h"

#define RDT_ROOT "sys/fs/resctrl"

/* Above any real file of resctrl but a tasks file. */
#define RDT_TEXT_MAX ((size_t)64 * 1024)

int rdt_open(int root, struct rdt_group *g, struct err *e)
{
	if (g->name == NULL)
		return 0;
	g->dir = openat(root, RDT_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return g->dir < 0 ? err_sys(e, errno, "linux.intelRdt: /" RDT_ROOT) : 0;
}

void rdt_close(struct rdt_group *g)
{
	fd_done(&g->dir);
	fd_done(&g->tasks[0]);
	fd_done(&g->tasks[1]);
}

/* The kernel's own words for the last refusal, which an errno can't tell. */
static const char *rdt_reason(const struct rdt_group *g, char buf[static 256])
{
	ssize_t n = io_read_control(g->dir, "info/last_cmd_status", buf, 256);

	if (n <= 0 || strncmp(buf, "ok", 2) == 0)
		return "";
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

static int rdt_fail(const struct rdt_group *g, int code, const char *what, struct err *e)
{
	char why[256];
	const char *reason = rdt_reason(g, why);

	return err_sys(e, code, "linux.intelRdt: %s%s%s", what, reason[0] != '\0' ? ": " : "",
		       reason);
}

/* The shares of one resource in the text of a schemata file: what follows "NAME:". */
static const char *rdt_find(const char *schemata, const char *name, size_t n)
{
	for (const char *s = schemata; *s != '\0';) {
		s += strspn(s, " \n");
		if (strncmp(s, name, n) == 0 && s[n] == ':')
			return s + n + 1;
		s += strcspn(s, "\n");
	}
	return NULL;
}

/* One "ID=VALUE" of a list that ends with the line. Values are padded with blanks or zeros, masks
 * are hexadecimal in either case. */
static bool rdt_has_share(const char *list, const char *share, size_t n)
{
	size_t id = strcspn(share, "=");

	for (const char *s = list; *s != '\0' && *s != '\n'; s += *s == ';') {
		size_t len = strcspn(s, ";\n");
		const char *v = s + id + 1, *w = share + id + 1;
		if (id < len && id < n && strncmp(s, share, id + 1) == 0) {
			v += strspn(v, " 0");
			w += strspn(w, " 0");
			size_t nv = (size_t)(s + len - v), nw = (size_t)(share + n - w);
			return nv == nw && strncasecmp(v, w, nv) == 0;
		}
		s += len;
	}
	return false;
}

bool rdt_matches(const char *schemata, const char *line)
{
	line += strspn(line, " ");
	size_t name = strcspn(line, ":");
	const char *list = rdt_find(schemata, line, name);

	if (list == NULL || line[name] == '\0')
		return false;
	for (const char *s = line + name + 1; *s != '\0'; s += *s == ';') {
		size_t n = strcspn(s, ";");
		if (n > 0 && !rdt_has_share(list, s, n))
			return false;
		s += n;
	}
	return true;
}

/* config-linux.md "intelRdt": a class that exists must have the shares that are asked for. */
static int rdt_compare(const struct rdt_group *g, const struct plan_rdt *p, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	const char *rel = arena_printf(&a, "%s/schemata", g->name);
	char *text;

	if (p->n_line == 0)
		return 0;
	int r = io_read_file(g->dir, rel, RDT_TEXT_MAX, &a, &text, NULL);
	if (r < 0)
		return err_sys(e, -r, "linux.intelRdt: /" RDT_ROOT "/%s", rel);
	for (size_t i = 0; i < p->n_line; i++)
		if (!rdt_matches(text, p->line[i]))
			return err_set(e, EINVAL,
				       "linux.intelRdt: the class '%s' exists and has other shares "
				       "than '%.200s'",
				       g->name, p->line[i]);
	return 0;
}

/* One write a line: a line that is refused leaves the others. The file is there from the group's
 * birth on resctrl; a tree made for a test has none yet. */
static int rdt_write_lines(const struct rdt_group *g, const char *const *line, size_t n,
			   struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	autoclose int fd = openat(g->dir, arena_printf(&a, "%s/schemata", g->name),
				  O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return rdt_fail(g, errno, "schemata", e);
	for (size_t i = 0; i < n; i++) {
		const char *text = arena_printf(&a, "%s\n", line[i]);
		int r = io_write_all(fd, text, strlen(text));
		if (r < 0)
			return rdt_fail(g, -r, arena_printf(&a, "schema '%.200s'", line[i]), e);
	}
	return 0;
}

/* 1: made, 0: it was there. */
static int rdt_mkdir(const struct rdt_group *g, const char *rel, const char *ids, struct err *e)
{
	char what[400];

	if (mkdirat(g->dir, rel, 0755) == 0)
		return 1;
	int code = errno;
	if (code == EEXIST)
		return 0;
	(void)snprintf(what, sizeof(what), "making /" RDT_ROOT "/%.255s%s%s", rel,
		       code == ENOSPC ? ", the processor has no more " : "",
		       code == ENOSPC ? ids : "");
	return rdt_fail(g, code, what, e);
}

static int rdt_make_monitor(const char *id, struct arena *a, struct rdt_group *g, struct err *e)
{
	g->monitor = arena_printf(a, "%s/mon_groups/%s", g->name, id);
	int r = rdt_mkdir(g, g->monitor, "monitoring ids (RMID)", e);

	g->monitor_made = r == 1;
	return r < 0 ? err_at(e, "enableMonitoring") : 0;
}

int rdt_make(const struct plan_rdt *p, const char *id, struct arena *a, struct rdt_group *g,
	     struct err *e)
{
	if (p->group == NULL)
		return 0;
	g->name = p->group;
	g->named = p->named;
	bool root = strcmp(p->group, ".") == 0;
	int r = root || (p->named && p->n_line == 0) ? 0
						     : rdt_mkdir(g, g->name, "classes (CLOSID)", e);
	if (r < 0)
		return r;
	g->made = r == 1;
	/* a folder with the container's own id that was there belongs to whoever made it */
	r = g->made ? rdt_write_lines(g, p->line, p->n_line, e) : rdt_compare(g, p, e);
	if (r == 0 && p->monitor)
		r = rdt_make_monitor(id, a, g, e);
	return r == 0 ? rdt_open_tasks(g, e) : r;
}

int rdt_open_tasks(struct rdt_group *g, struct err *e)
{
	const char *const dirs[] = {g->name, g->monitor};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		char rel[600];

		if (dirs[i] == NULL)
			continue;
		(void)snprintf(rel, sizeof(rel), "%s/tasks", dirs[i]);
		g->tasks[i] =
			openat(g->dir, rel, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (g->tasks[i] < 0)
			return err_sys(e, errno, "linux.intelRdt: /" RDT_ROOT "/%s", rel);
	}
	return 0;
}

int rdt_enter(const struct rdt_group *g, struct err *e)
{
	/* "0" is the writer itself; the group first, as a monitoring group takes only its tasks */
	for (size_t i = 0; i < ARRAY_LEN(g->tasks); i++) {
		int r = g->tasks[i] >= 0 ? io_write_all(g->tasks[i], "0", 1) : 0;
		if (r < 0)
			return err_sys(e, -r, "linux.intelRdt: entering the group '%s'",
				       i == 0 ? g->name : g->monitor);
	}
	return 0;
}

int rdt_update(const struct rdt_group *g, const char *const *line, size_t n, struct err *e)
{
	if (g->name == NULL)
		return err_set(
			e, ENOENT,
			"the container has no group of resctrl, linux.intelRdt is not in its "
			"config");
	if (!g->made)
		return err_set(e, EPERM,
			       "the class '%s' was not made for this container, change it in "
			       "/" RDT_ROOT,
			       g->name);
	return rdt_write_lines(g, line, n, e);
}

/* Whether something that lives is in the group; a zombie that waits to be reaped is listed too. */
static bool rdt_is_used(const struct rdt_group *g)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text, stat[512];

	if (io_read_file(g->dir, arena_printf(&a, "%s/tasks", g->name), (size_t)16 << 20, &a, &text,
			 NULL) < 0)
		return false;
	for (char *s = text; *s != '\0';) {
		size_t n = strcspn(s, "\n");
		const char *file = arena_printf(&a, "/proc/%.*s/stat", (int)n, s);
		if (n > 0 && io_read_control(AT_FDCWD, file, stat, sizeof(stat)) > 0) {
			const char *state = strrchr(stat, ')');
			if (state != NULL && strchr("ZX", state[2]) == NULL)
				return true;
		}
		s += n + (s[n] == '\n');
	}
	return false;
}

int rdt_remove(const struct rdt_group *g, struct err *e)
{
	if (g->monitor_made && unlinkat(g->dir, g->monitor, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, errno, "linux.intelRdt: removing /" RDT_ROOT "/%s", g->monitor);
	if (!g->made || (g->named && rdt_is_used(g)))
		return 0;
	if (unlinkat(g->dir, g->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, errno, "linux.intelRdt: removing /" RDT_ROOT "/%s", g->name);
	return 0;
}
