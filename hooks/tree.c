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
#include "base/num.h"
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

/* From the tree's root, as capture has it. */
static const char *tree_whole(const struct tree *t, const char *path)
{
	return t->at == NULL ? path : arena_printf(t->a, "%s/%s", t->at, path);
}

static void tree_saw(const struct tree *t, const char *path, bool names)
{
	if (t->watch != NULL)
		t->watch->saw(t->watch->arg, tree_whole(t, path), names);
}

/* What the kernel makes up when it is read has no size, no owner but root, and an attribute of
 * sysfs or of NVIDIA's driver comes whole in one read (Documentation/filesystems/sysfs.rst): three
 * calls a file, of which a node has hundreds. In a captured tree anything may stand there. */
static bool tree_is_attribute(const struct tree *t, const char *path)
{
	const char *from = t->at != NULL ? t->at : path;

	return !t->captured &&
	       (strncmp(from, "sys/", 4) == 0 || strncmp(from, "proc/driver/", 12) == 0);
}

static const char *tree_read_path(const struct tree *t, const char *path)
{
	char head[4096];
	struct stat st;
	char *text;

	tree_saw(t, path, false);
	autoclose int fd =
		path_open(t->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, NULL);
	if (fd < 0)
		return NULL;
	if (tree_is_attribute(t, path)) {
		ssize_t n = read(fd, head, sizeof(head) - 1);
		if (n < 0)
			return NULL;
		if ((size_t)n < sizeof(head) - 1) {
			head[n] = '\0';
			return arena_strdup(t->a, tree_clean(head));
		}
		if (lseek(fd, 0, SEEK_SET) < 0)
			return NULL;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    io_read_all(fd, TREE_FILE_MAX, t->a, &text, NULL) < 0)
		return NULL;
	return tree_clean(text);
}

struct tree tree_in(const struct tree *t, const char *fmt, ...)
{
	struct tree in = *t;

	TREE_PATH(path, fmt);
	in.root = fits ? path_open(t->root, path, O_PATH | O_DIRECTORY | O_CLOEXEC, NULL) : FD_NONE;
	in.at = arena_strdup(t->a, tree_whole(t, path));
	in.folder = NULL;
	if (in.root >= 0)
		tree_saw(t, path, false);
	return in;
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
	_Alignas(struct dirent64) char buf[8192];
	ssize_t n = 0;

	if (fd < 0)
		return list;
	tree_saw(t, path, true);
	/* to its 0: a signal, also one that stops us, ends an answer early (filldir64(),
	 * fs/readdir.c)
	 */
	while (list.n < TREE_NAMES_MAX && (n = getdents64(fd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n && list.n < TREE_NAMES_MAX;) {
			const struct dirent64 *entry = (const void *)(buf + at);

			if (tree_is_name(entry->d_name))
				*ARENA_PUSH(t->a, &list) = arena_strdup(t->a, entry->d_name);
			at += entry->d_reclen;
		}
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

/* A name alone needs no walk. */
static ssize_t tree_readlink(const struct tree *t, const char *path, char *text, size_t size)
{
	if (strchr(path, '/') == NULL)
		return readlinkat(t->root, path, text, size);
	autoclose int fd = path_open_nofollow(t->root, path, O_PATH | O_CLOEXEC, NULL);
	return fd < 0 ? -1 : readlinkat(fd, "", text, size);
}

/* The text of the link at path, cleaned. */
static const char *tree_link_text(const struct tree *t, const char *path)
{
	char text[PATH_MAX];
	ssize_t n = tree_readlink(t, path, text, sizeof(text));

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
	const char *whole = text == NULL ? NULL : tree_whole(t, path);
	const char *slash = whole == NULL ? NULL : strrchr(whole, '/');

	return slash == NULL
		       ? NULL
		       : tree_join(t->a, arena_strndup(t->a, whole, (size_t)(slash - whole)), text);
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
	const char *colon = text == NULL ? NULL : strchr(text, ':');
	uint64_t major, minor;

	if (colon == NULL ||
	    num_u64(arena_strndup(t->a, text, (size_t)(colon - text)), 0xfff, &major) < 0 ||
	    num_u64(colon + 1, 0xfffff, &minor) < 0)
		return false;
	*out = makedev((unsigned int)major, (unsigned int)minor);
	return true;
}

int tree_major(const struct tree *t, const char *driver)
{
	for (size_t i = 0; i < t->major.n; i++)
		if (strcmp(t->major.v[i].name, driver) == 0)
			return (int)t->major.v[i].major;
	return -1;
}

/* Nodes are many and their folders few. */
static int tree_folder(const struct tree *t, const char *path, size_t len)
{
	struct tree_folders *f = t->folder;

	for (size_t i = 0; i < ARRAY_LEN(f->v); i++)
		if (f->v[i].path != NULL && strncmp(f->v[i].path, path, len) == 0 &&
		    f->v[i].path[len] == '\0')
			return f->v[i].fd;
	struct tree_folder *x = &f->v[f->next++ % ARRAY_LEN(f->v)];
	fd_done(&x->fd);
	x->path = arena_strndup(t->a, path, len);
	x->fd = path_open(t->root, x->path, O_PATH | O_DIRECTORY | O_CLOEXEC, NULL);
	return x->fd;
}

/* What stands at a node's path itself. */
static bool tree_stat(const struct tree *t, const char *path, struct stat *st)
{
	const char *slash = strrchr(path, '/');

	if (t->folder != NULL && slash != NULL && slash > path) {
		int fd = tree_folder(t, path, (size_t)(slash - path));
		return fd >= 0 && fstatat(fd, slash + 1, st, AT_SYMLINK_NOFOLLOW) == 0;
	}
	autoclose int fd = path_open_nofollow(t->root, path, O_PATH | O_CLOEXEC, NULL);
	return fd >= 0 && fstat(fd, st) == 0;
}

bool tree_node(const struct tree *t, const char *path, struct graft_node *out)
{
	struct stat st;

	for (size_t i = 0; i < t->node.n; i++)
		if (strcmp(t->node.v[i].path, path) == 0) {
			*out = t->node.v[i];
			return true;
		}
	if (t->captured || !tree_stat(t, path, &st) || !S_ISCHR(st.st_mode))
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
	t->folder = arena_new(a, struct tree_folders);
	for (size_t i = 0; i < ARRAY_LEN(t->folder->v); i++)
		t->folder->v[i].fd = FD_NONE;
	tree_read_majors(t);
	if (t->captured)
		tree_read_nodes(t);
}

void tree_done(struct tree *t)
{
	if (t->at != NULL)
		fd_done(&t->root);
	for (size_t i = 0; t->folder != NULL && i < ARRAY_LEN(t->folder->v); i++)
		fd_done(&t->folder->v[i].fd);
	t->folder = NULL;
}
