/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/capture.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "hooks/tree.h"
#include "host/host.h"
#include "sys/path.h"

#define CAPTURE_FILE_MAX ((size_t)64 << 10) /* what discovery reads of one */
#define CAPTURE_MOUNTS_MAX ((size_t)4 << 20)
#define CAPTURE_ENTRIES_MAX 65536
#define CAPTURE_LINKS_MAX 32

struct capturer {
	struct tree t;
	struct capture *out;
	const uint8_t *key; /* NULL: nothing is replaced */
};

/* What no discoverer reads, but people and `greffon doctor` ask about. A folder stands for the
 * regular files in it. */
static const char *const capture_also[] = {
	"etc/cdi",
	"etc/cufile.json",
	"etc/greffon",
	"etc/greffon/graft.d",
	"etc/libibverbs.d",
	"etc/os-release",
	"proc/devices",
	"proc/driver/nvidia-caps/mig-minors",
	"proc/driver/nvidia/params",
	"proc/driver/nvidia/version",
	"proc/filesystems",
	"proc/self/cgroup",
	"proc/self/uid_map",
	"proc/sys/kernel/osrelease",
	"proc/sys/kernel/seccomp/actions_avail",
	"proc/sys/kernel/unprivileged_userns_clone",
	"proc/sys/kernel/apparmor_restrict_unprivileged_userns",
	"proc/sys/user/max_user_namespaces",
	"run/cdi",
	"sys/fs/cgroup/cgroup.controllers",
	"sys/fs/cgroup/cgroup.subtree_control",
	"sys/kernel/security/lsm",
	"sys/module/amdgpu/version",
	"sys/module/apparmor/parameters/enabled",
	"sys/module/gdrdrv/version",
	"sys/module/hfi1/version",
	"sys/module/mlx5_core/version",
	"sys/module/nvidia_fs/version",
	"sys/module/nvidia_peermem/version",
	"sys/module/nvidia_uvm/version",
	"usr/lib/os-release",
};

static struct capture_entry *capture_find(struct capturer *c, const char *path)
{
	for (size_t i = 0; i < c->out->n; i++)
		if (strcmp(c->out->v[i].path, path) == 0)
			return &c->out->v[i];
	return NULL;
}

static struct capture_entry *capture_add(struct capturer *c, const char *path,
					 enum capture_kind kind, const char *text)
{
	struct capture_entry *x;

	if (c->out->n >= CAPTURE_ENTRIES_MAX)
		return NULL;
	x = ARENA_PUSH(c->t.a, c->out);
	*x = (struct capture_entry){.path = path, .kind = kind, .text = text, .len = strlen(text)};
	return x;
}

static const char *capture_text(struct capturer *c, const char *text)
{
	return c->key == NULL ? text : graft_anonymize(text, c->key, c->t.a);
}

/* The same place without a '/' in front, as seen from the folder of `path`. */
static const char *capture_relative(struct arena *a, const char *path, const char *text)
{
	const char *up = "";

	if (text[0] != '/')
		return text;
	for (const char *p = path; (p = strchr(p, '/')) != NULL; p++)
		up = arena_printf(a, "../%s", up);
	return arena_printf(a, "%s%s", up, text + strspn(text, "/"));
}

/* A regular file; "" of what can only be known to exist. NULL: larger than what is looked at. */
static const char *capture_read(struct capturer *c, const char *path, mode_t mode)
{
	char *text;
	size_t len;

	if (!S_ISREG(mode))
		return "";
	autoclose int fd = path_open_nofollow(c->t.root, path,
					      O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, NULL);
	int r = fd < 0 ? fd : io_read_all(fd, CAPTURE_FILE_MAX, c->t.a, &text, &len);
	if (r == -EFBIG)
		return NULL;
	return r < 0 ? "" : capture_text(c, text);
}

/* One component, all above it being folders. NULL: it is not there. */
static struct capture_entry *capture_step(struct capturer *c, const char *path)
{
	struct capture_entry *have = capture_find(c, path);
	char text[PATH_MAX];
	struct stat st;

	if (have != NULL)
		return have;
	/* a link to whoever reads */
	if (strcmp(path, "proc/self") == 0)
		return capture_add(c, path, CAPTURE_DIR, "");
	autoclose int fd = path_open_nofollow(c->t.root, path, O_PATH | O_CLOEXEC, NULL);
	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (S_ISDIR(st.st_mode))
		return capture_add(c, path, CAPTURE_DIR, "");
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(fd, "", text, sizeof(text) - 1);
		if (n <= 0)
			return NULL;
		text[n] = '\0';
		return capture_add(c, path, CAPTURE_LINK,
				   capture_relative(c->t.a, path, arena_strdup(c->t.a, text)));
	}
	const char *content = capture_read(c, path, st.st_mode);
	return content == NULL ? NULL : capture_add(c, path, CAPTURE_FILE, content);
}

/* Takes path and the folders and links on the way to it, whose ends are taken too. The folder, or
 * file, that it is in the end; NULL: there is none. */
static const struct capture_entry *capture_path(struct capturer *c, const char *path)
{
	const char *rest = tree_join(c->t.a, "", path), *at = "";
	const struct capture_entry *x = NULL;
	int links = 0;

	while (rest != NULL && *rest != '\0') {
		size_t n = strcspn(rest, "/");
		const char *more = rest + n + (rest[n] == '/');
		const char *next = arena_printf(c->t.a, "%s%s%.*s", at, at[0] != '\0' ? "/" : "",
						(int)n, rest);

		x = capture_step(c, next);
		if (x == NULL || (x->kind == CAPTURE_FILE && *more != '\0'))
			return NULL;
		if (x->kind != CAPTURE_LINK) {
			at = next;
			rest = more;
			continue;
		}
		const char *to = tree_join(c->t.a, at, x->text);
		if (to == NULL || ++links > CAPTURE_LINKS_MAX)
			return NULL;
		rest = more[0] != '\0' ? arena_printf(c->t.a, "%s/%s", to, more) : to;
		at = "";
	}
	return x;
}

/* Nodes have their own list; what else is in /dev is nobody's business. */
static bool capture_is_dev(const char *path)
{
	return strncmp(path, "dev", 3) == 0 && (path[3] == '/' || path[3] == '\0');
}

static void capture_saw(void *arg, const char *path, bool names)
{
	struct capturer *c = arg;

	if (capture_is_dev(path))
		return;
	const struct capture_entry *x = capture_path(c, path);
	if (!names || x == NULL || x->kind != CAPTURE_DIR)
		return;
	/* x may move when others are added */
	const char *dir = x->path;
	struct tree_list list = tree_list(&c->t, "%s", dir);
	for (size_t i = 0; i < list.n; i++)
		(void)capture_path(c, arena_printf(c->t.a, "%s/%s", dir, list.v[i]));
}

/* The lines about cgroups: the others tell of people's folders. */
static void capture_mountinfo(struct capturer *c)
{
	autoclose int fd = path_open(c->t.root, "proc/self/mountinfo",
				     O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, NULL);
	const char *kept = "";
	char *rest;

	if (fd < 0 || io_read_all(fd, CAPTURE_MOUNTS_MAX, c->t.a, &rest, NULL) < 0 ||
	    capture_path(c, "proc/self") == NULL)
		return;
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
		if (strstr(line, " - cgroup") != NULL || strstr(line, " - sysfs ") != NULL ||
		    strstr(line, " /sys/fs/cgroup ") != NULL)
			kept = arena_printf(c->t.a, "%s%s\n", kept, line);
	(void)capture_add(c, "proc/self/mountinfo", CAPTURE_FILE, kept);
}

/* ---- the nodes ---- */

struct capture_nodes {
	const struct graft_node **v;
	size_t n, cap;
};

static int capture_by_node(const void *x, const void *y)
{
	return strverscmp((*(const struct graft_node *const *)x)->path,
			  (*(const struct graft_node *const *)y)->path);
}

/* All of the inventory; under the name of one that is missing another one may stand. */
static void capture_node(struct capturer *c, struct capture_nodes *list, const struct graft_node *n)
{
	struct graft_node *other = arena_new(c->t.a, struct graft_node);

	if (!n->missing)
		*ARENA_PUSH(c->t.a, list) = n;
	else if (tree_node(&c->t, n->path, other))
		*ARENA_PUSH(c->t.a, list) = other;
}

static void capture_manifest(struct capturer *c, const struct graft_inventory *inv)
{
	struct capture_nodes list = {0};
	const char *text = "", *last = "";

	for (size_t i = 0; i < inv->device.n; i++)
		for (size_t k = 0; k < inv->device.v[i].node.n; k++)
			capture_node(c, &list, &inv->device.v[i].node.v[k]);
	for (size_t i = 0; i < inv->common.n; i++)
		capture_node(c, &list, &inv->common.v[i].node);
	if (list.n > 1)
		qsort(list.v, list.n, sizeof(*list.v), capture_by_node);
	for (size_t i = 0; i < list.n; i++) {
		const struct graft_node *n = list.v[i];
		if (strcmp(n->path, last) == 0)
			continue; /* a GPU instance's is shared by its compute instances */
		last = n->path;
		text = arena_printf(c->t.a, "%s%s\tc\t%u\t%u\t%04o\t%u\t%u\n", text, n->path,
				    major(n->dev), minor(n->dev), (unsigned int)n->mode, n->uid,
				    n->gid);
	}
	(void)capture_add(c, "nodes.tsv", CAPTURE_FILE, text);
}

/* ---- all of it ---- */

static int capture_by_path(const void *x, const void *y)
{
	return strcmp(((const struct capture_entry *)x)->path,
		      ((const struct capture_entry *)y)->path);
}

/* The tree may change while it is read: what would lie below a link, or a file, is left out. */
static void capture_sort(struct capturer *c)
{
	struct capture *out = c->out;
	size_t kept = 0;

	if (out->n > 1)
		qsort(out->v, out->n, sizeof(*out->v), capture_by_path);
	for (size_t i = 0; i < out->n; i++) {
		bool below = false;
		for (size_t k = kept; k > 0 && !below; k--) {
			const struct capture_entry *up = &out->v[k - 1];
			size_t n = strlen(up->path);
			below = up->kind != CAPTURE_DIR &&
				strncmp(out->v[i].path, up->path, n) == 0 &&
				out->v[i].path[n] == '/';
		}
		if (!below)
			out->v[kept++] = out->v[i];
	}
	out->n = kept;
}

int graft_capture(const struct host *h, bool anonymize, struct arena *a, struct capture *out,
		  struct err *e)
{
	static const unsigned int devices =
		(((1U << GRAFT_DOMAINS) - 1) & ~(GRAFT_BIT(GRAFT_MPI) | GRAFT_BIT(GRAFT_PMI))) |
		GRAFT_MAD;
	struct capturer c = {.out = out};
	const struct tree_watch watch = {capture_saw, &c};
	uint8_t key[ANONYMIZE_KEY];
	struct graft_inventory inv;

	*out = (struct capture){0};
	if (anonymize && getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return err_sys(e, errno, "graft: no random bytes");
	c.key = anonymize ? key : NULL;
	tree_open(&c.t, h, a);
	int r = inventory_discover(h, devices, a, &watch, &inv, e);
	if (r < 0) {
		tree_done(&c.t);
		return r;
	}
	/* what makes a tree of a node, also of one without any device */
	(void)capture_path(&c, "proc");
	(void)capture_path(&c, "sys");
	/* whether systemd is there; the units below are nobody's business */
	(void)capture_path(&c, "run/systemd/system");
	for (size_t i = 0; i < ARRAY_LEN(capture_also); i++)
		capture_saw(&c, capture_also[i], true);
	capture_mountinfo(&c);
	capture_manifest(&c, &inv);
	capture_sort(&c);
	tree_done(&c.t);
	return 0;
}
