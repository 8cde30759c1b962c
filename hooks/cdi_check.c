/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "hooks/cdi.h"
#include "hooks/tree.h"
#include "host/host.h"
#include "sys/path.h"

struct checker {
	const struct host *h;
	struct tree t;
	struct arena *a;
	const struct cdi_file *file;
	const char *device; /* NULL: of all of the file */
	struct cdi_findings *out;
};

/* A device has several names, each with the same edits: the first one's finding is enough. */
static void check_find(struct checker *q, const char *text)
{
	for (size_t i = 0; i < q->out->n; i++)
		if (q->out->v[i].file == q->file->path && strcmp(q->out->v[i].text, text) == 0)
			return;
	*ARENA_PUSH(q->a, q->out) = (struct cdi_finding){
		.file = q->file->path,
		.device = q->device,
		.text = text,
		.remedy = cdi_remedy(q->file, q->a),
		.unread = q->file->spec == NULL,
	};
}

/* Whether there is a device, and its type and number; a captured tree has character devices only.
 */
static bool check_node_of(const struct checker *q, const char *path, char *type, dev_t *dev)
{
	struct graft_node node;
	struct stat st;

	if (q->h->captured) {
		bool have = tree_node(&q->t, path, &node);
		*type = 'c';
		*dev = have ? node.dev : 0;
		return have;
	}
	autoclose int fd = path_open_nofollow(q->h->root, path, O_PATH | O_CLOEXEC, NULL);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	*type = (char)(S_ISCHR(st.st_mode)    ? 'c'
		       : S_ISBLK(st.st_mode)  ? 'b'
		       : S_ISFIFO(st.st_mode) ? 'p'
					      : '-');
	*dev = st.st_rdev;
	return *type != '-';
}

/* Without a node only the driver's number is left to compare with. */
static void check_gone(struct checker *q, const char *path, bool numbers, dev_t given)
{
	struct err why = {0};

	if (!numbers)
		check_find(q, arena_printf(q->a, "%s is not on this node", path));
	else if (graft_stale_check(q->h, path, given, path, q->a, &why) < 0)
		check_find(q, arena_printf(q->a,
					   "%s is not on this node, and %u:%u is no number "
					   "of its driver's any more",
					   path, major(given), minor(given)));
	else
		check_find(q, arena_printf(q->a, "%s (%u:%u) is not on this node", path,
					   major(given), minor(given)));
}

static void check_node(struct checker *q, const struct cdi_device_node *n)
{
	const char *path = n->host_path != NULL ? n->host_path : n->path;
	bool numbers = n->major.v != 0;
	char type, want = n->type != NULL && n->type[0] != '\0' ? n->type[0] : '\0';
	dev_t dev, given = makedev((unsigned int)n->major.v, (unsigned int)n->minor.v);

	if (want == 'u')
		want = 'c';
	if (!check_node_of(q, path, &type, &dev))
		check_gone(q, path, numbers, given);
	else if (want != '\0' && want != type)
		check_find(q, arena_printf(q->a, "%s is of type %c, not %c", path, type, want));
	else if (numbers && type != 'p' && dev != given)
		check_find(q, arena_printf(q->a, "%s is %u:%u now, not %u:%u", path, major(dev),
					   minor(dev), major(given), minor(given)));
}

static void check_edits(struct checker *q, const struct cdi_edits *ed)
{
	for (size_t i = 0; ed != NULL && i < ed->n_device_nodes; i++)
		check_node(q, &ed->device_nodes[i]);
	for (size_t i = 0; ed != NULL && i < ed->n_mounts; i++) {
		const char *source = ed->mounts[i].host_path;
		/* the others are names of file systems */
		if (source[0] == '/' && !tree_exists(&q->t, "%s", source + 1))
			check_find(q, arena_printf(q->a, "%s, which it mounts, is gone", source));
	}
	for (size_t i = 0; ed != NULL && i < ed->n_hooks; i++)
		if (!tree_exists(&q->t, "%s", ed->hooks[i].path + 1))
			check_find(q, arena_printf(q->a, "%s, which it runs, is gone",
						   ed->hooks[i].path));
}

void cdi_check(const struct host *h, const struct cdi_files *files, struct arena *a,
	       struct cdi_findings *out)
{
	struct checker q = {.h = h, .a = a, .out = out};

	*out = (struct cdi_findings){0};
	tree_open(&q.t, h, a);
	for (size_t i = 0; i < files->n; i++) {
		const struct cdi_spec *s = files->v[i].spec;

		q.file = &files->v[i];
		q.device = NULL;
		if (s == NULL) {
			check_find(&q, q.file->why.text);
			continue;
		}
		check_edits(&q, s->edits);
		for (size_t k = 0; k < s->n_devices; k++) {
			q.device = arena_printf(a, "%s=%s", s->kind, s->devices[k].name);
			check_edits(&q, s->devices[k].edits);
		}
	}
	tree_done(&q.t);
}
