/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "host/host.h"
#include "sys/path.h"

#define TREE_FILE_MAX ((size_t)64 << 10)
#define TREE_NAMES_MAX 4096

/* Formats a path; false when it is longer than the kernel takes. */
PRINTF(2, 0) static bool tree_path(char out[static PATH_MAX], const char *fmt, va_list ap)
{
	int n = vsnprintf(out, PATH_MAX, fmt, ap);

	return n > 0 && n < PATH_MAX;
}

#define TREE_PATH(path, fmt)                                                                       \
	char path[PATH_MAX];                                                                       \
	va_list ap;                                                                                \
	va_start(ap, fmt);                                                                         \
	bool fits = tree_path(path, fmt, ap);                                                      \
	va_end(ap)

/* In place: no control characters but line breaks and tabs, nothing beyond ASCII. */
static char *tree_clean(char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if ((c < 0x20 && c != '\n' && c != '\t') || c >= 0x7f)
			text[i] = '?';
	}
	while (n > 0 && strchr(" \n\t", text[n - 1]) != NULL)
		text[--n] = '\0';
	return text + strspn(text, " \n\t");
}

static void tree_saw(const struct tree *t, const char *path, bool names)
{
	if (t->watch != NULL)
		t->watch->saw(t->watch->arg, path, names);
}

static const char *tree_read_path(const struct tree *t, const char *path)
{
	struct stat st;
	char *text;

	tree_saw(t, path, false);
	autoclose int fd =
		path_open(t->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, NULL);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    io_read_all(fd, TREE_FILE_MAX, t->a, &text, NULL) < 0)
		return NULL;
	return tree_clean(text);
}

const char *tree_read(const struct tree *t, const char *fmt, ...)
{
	TREE_PATH(path, fmt);

	return fits ? tree_read_path(t, path) : NULL;
}

int64_t tree_number(const struct tree *t, const char *fmt, ...)
{
	TREE_PATH(path, fmt);
	const char *text = fits ? tree_read_path(t, path) : NULL;
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	long long v = strtoll(text, &end, 0);
	return errno != 0 || *end != '\0' ? -1 : v;
}

bool tree_exists(const struct tree *t, const char *fmt, ...)
{
	TREE_PATH(path, fmt);
	autoclose int fd = fits ? path_open(t->root, path, O_PATH | O_CLOEXEC, NULL) : FD_NONE;

	if (fd >= 0)
		tree_saw(t, path, false);
	return fd >= 0;
}

static void closedir_done(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

static int tree_by_number(const void *x, const void *y)
{
	return strverscmp(*(const char *const *)x, *(const char *const *)y);
}

static bool tree_is_name(const char *s)
{
	if (s[0] == '.')
		return false;
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

struct tree_list tree_list(const struct tree *t, const char *fmt, ...)
{
	TREE_PATH(path, fmt);
	struct tree_list list = {0};
	autoclose int fd =
		fits ? path_open(t->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, NULL) : FD_NONE;
	__attribute__((cleanup(closedir_done))) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (dir == NULL)
		return list;
	tree_saw(t, path, true);
	(void)fd_take(&fd);
	while (list.n < TREE_NAMES_MAX && (entry = readdir(dir)) != NULL)
		if (tree_is_name(entry->d_name))
			*ARENA_PUSH(t->a, &list) = arena_strdup(t->a, entry->d_name);
	if (list.n > 1)
		qsort(list.v, list.n, sizeof(*list.v), tree_by_number);
	return list;
}

const char *tree_join(struct arena *a, const char *dir, const char *text)
{
	char *out = arena_alloc(a, strlen(dir) + strlen(text) + 2);
	size_t n = 0;
	const char *parts[2] = {text[0] == '/' ? "" : dir, text};

	for (size_t k = 0; k < 2; k++)
		for (const char *p = parts[k]; *p != '\0';) {
			size_t len = strcspn(p, "/");
			if (len == 2 && p[0] == '.' && p[1] == '.') {
				if (n == 0)
					return NULL;
				while (n > 0 && out[--n] != '/')
					;
			} else if (len > 0 && !(len == 1 && p[0] == '.')) {
				if (n > 0)
					out[n++] = '/';
				memcpy(out + n, p, len);
				n += len;
			}
			p += len + (p[len] == '/');
		}
	out[n] = '\0';
	return out;
}

/* The text of the link at path, cleaned. */
static const char *tree_link_text(const struct tree *t, const char *path)
{
	char text[PATH_MAX];
	autoclose int fd = path_open_nofollow(t->root, path, O_PATH | O_CLOEXEC, NULL);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", text, sizeof(text));

	if (n <= 0 || n == sizeof(text))
		return NULL;
	tree_saw(t, path, false);
	text[n] = '\0';
	return arena_strdup(t->a, tree_clean(text));
}

const char *tree_link(const struct tree *t, const char *fmt, ...)
{
	TREE_PATH(path, fmt);
	const char *text = fits ? tree_link_text(t, path) : NULL;
	char *slash = strrchr(path, '/');

	if (text == NULL || slash == NULL)
		return NULL;
	*slash = '\0';
	return tree_join(t->a, path, text);
}

const char *tree_link_base(const struct tree *t, const char *fmt, ...)
{
	TREE_PATH(path, fmt);
	const char *text = fits ? tree_link_text(t, path) : NULL;
	const char *slash = text == NULL ? NULL : strrchr(text, '/');

	return slash == NULL ? text : slash + 1;
}

bool tree_dev(const struct tree *t, dev_t *out, const char *fmt, ...)
{
	TREE_PATH(path, fmt);
	const char *text = fits ? tree_read_path(t, path) : NULL;
	unsigned int major, minor;
	char rest;

	if (text == NULL || sscanf(text, "%u:%u%c", &major, &minor, &rest) != 2 || major > 0xfff ||
	    minor > 0xfffff)
		return false;
	*out = makedev(major, minor);
	return true;
}

int tree_major(const struct tree *t, const char *driver)
{
	for (size_t i = 0; i < t->major.n; i++)
		if (strcmp(t->major.v[i].name, driver) == 0)
			return (int)t->major.v[i].major;
	return -1;
}

bool tree_node(const struct tree *t, const char *path, struct graft_node *out)
{
	struct stat st;

	for (size_t i = 0; i < t->node.n; i++)
		if (strcmp(t->node.v[i].path, path) == 0) {
			*out = t->node.v[i];
			return true;
		}
	autoclose int fd =
		t->captured ? FD_NONE : path_open_nofollow(t->root, path, O_PATH | O_CLOEXEC, NULL);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
		return false;
	*out = (struct graft_node){.path = arena_strdup(t->a, path),
				   .dev = st.st_rdev,
				   .mode = st.st_mode & 0777,
				   .uid = st.st_uid,
				   .gid = st.st_gid};
	return true;
}

static int tree_node_by_path(const void *x, const void *y)
{
	return strverscmp(((const struct graft_node *)x)->path,
			  ((const struct graft_node *)y)->path);
}

struct graft_nodes tree_nodes(const struct tree *t, const char *dir)
{
	struct graft_nodes nodes = {0};
	struct graft_node node;
	size_t len = strlen(dir);

	for (size_t i = 0; i < t->node.n; i++) {
		const char *p = t->node.v[i].path;
		if (strncmp(p, dir, len) == 0 && p[len] == '/' && strchr(p + len + 1, '/') == NULL)
			*ARENA_PUSH(t->a, &nodes) = t->node.v[i];
	}
	struct tree_list names = t->captured ? (struct tree_list){0} : tree_list(t, "%s", dir + 1);
	for (size_t i = 0; i < names.n; i++)
		if (tree_node(t, arena_printf(t->a, "%s/%s", dir, names.v[i]), &node))
			*ARENA_PUSH(t->a, &nodes) = node;
	if (nodes.n > 1)
		qsort(nodes.v, nodes.n, sizeof(*nodes.v), tree_node_by_path);
	return nodes;
}

void tree_node_of(const struct tree *t, const char *dir, const char *name, dev_t dev,
		  struct graft_node *out)
{
	const char *path = arena_printf(t->a, "%s/%s", dir, name);

	if (tree_node(t, path, out) && out->dev == dev)
		return;
	struct graft_nodes nodes = tree_nodes(t, dir);
	for (size_t i = 0; i < nodes.n; i++)
		if (nodes.v[i].dev == dev) {
			*out = nodes.v[i];
			return;
		}
	*out = (struct graft_node){.path = path, .dev = dev, .mode = 0600, .missing = true};
}

/* "Character devices:" and its lines "195 nvidia", up to an empty one. */
static void tree_read_majors(struct tree *t)
{
	const char *text = tree_read(t, "proc/devices");
	bool character = false;

	if (text == NULL)
		return;
	char *rest = arena_strdup(t->a, text);
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		char name[128];
		unsigned int major;

		if (strchr(line, ':') != NULL)
			character = strcmp(line, "Character devices:") == 0;
		if (!character || sscanf(line, " %u %127s", &major, name) != 2)
			continue;
		*ARENA_PUSH(t->a, &t->major) = (struct tree_major){arena_strdup(t->a, name), major};
	}
}

static void tree_read_nodes(struct tree *t)
{
	const char *text = tree_read(t, "nodes.tsv");

	if (text == NULL)
		return;
	char *rest = arena_strdup(t->a, text);
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		char path[256], type;
		unsigned int major, minor, mode, uid, gid;

		if (t->node.n >= TREE_NAMES_MAX ||
		    sscanf(line, "%255s %c %u %u %o %u %u", path, &type, &major, &minor, &mode,
			   &uid, &gid) != 7 ||
		    type != 'c')
			continue;
		*ARENA_PUSH(t->a, &t->node) = (struct graft_node){
			.path = arena_strdup(t->a, path),
			.dev = makedev(major & 0xfff, minor & 0xfffff),
			.mode = mode & 0777,
			.uid = uid,
			.gid = gid,
		};
	}
}

void tree_open(struct tree *t, const struct host *h, struct arena *a)
{
	*t = (struct tree){.root = h->root, .captured = h->captured, .a = a};
	tree_read_majors(t);
	if (t->captured)
		tree_read_nodes(t);
}
