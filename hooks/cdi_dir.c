/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "hooks/cdi.h"
#include "hooks/tree.h"
#include "hooks/trust.h"
#include "host/host.h"

/* NVIDIA's of a node with many MIG instances are 200 KiB. */
#define CDI_FILE_MAX ((size_t)4 << 20)

static bool dir_ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

static int dir_read_file(const struct host *h, const char *path, struct arena *a,
			 const struct cdi_spec **out, struct err *e)
{
	autoclose int fd = trust_open(h, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, e);
	struct cdi_spec *spec;
	struct stat st;
	char *text;
	size_t len;

	if (fd < 0)
		return e->code != 0 ? fd : err_set(e, -fd, "is gone");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "is not a regular file");
	int r = io_read_all(fd, CDI_FILE_MAX, a, &text, &len);
	if (r < 0)
		return err_set(e, -r, "%s", r == -EFBIG ? "is larger than 4 MiB" : err_name(-r));
	r = cdi_parse(text, len, a, &spec, e);
	if (r == 0)
		*out = spec;
	return r;
}

static void dir_read_name(const struct host *h, const char *dir, size_t index, const char *name,
			  struct arena *a, struct cdi_files *out)
{
	bool yaml = dir_ends_with(name, ".yaml") || dir_ends_with(name, ".yml");

	/* others are not for CDI, as the specification has it */
	if (!yaml && !dir_ends_with(name, ".json"))
		return;
	struct cdi_file *f = ARENA_PUSH(a, out);
	*f = (struct cdi_file){.path = arena_printf(a, "%s/%s", dir, name), .dir = index};
	if (yaml)
		(void)err_set(&f->why, EINVAL,
			      "is YAML, and greffon reads JSON only; have it made as JSON "
			      "(nvidia-ctk cdi generate --format=json)");
	else
		(void)dir_read_file(h, f->path, a, &f->spec, &f->why);
}

int cdi_read_dirs(const struct host *h, const char **dirs, size_t n_dirs, struct arena *a,
		  struct cdi_files *out, struct err *e)
{
	struct tree t = {.root = h->root, .a = a};

	*out = (struct cdi_files){.dirs = dirs, .n_dirs = n_dirs};
	for (size_t i = 0; i < n_dirs; i++) {
		struct err why = {0};
		autoclose int fd = trust_open(h, dirs[i], O_RDONLY | O_DIRECTORY, &why);

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return err_take(e, &why);
		struct tree_list names = tree_list(&t, "%s", dirs[i] + 1);
		for (size_t k = 0; k < names.n; k++)
			dir_read_name(h, dirs[i], i, names.v[k], a, out);
	}
	return 0;
}

/* ---- a device of them ---- */

static const struct cdi_device *dir_device(const struct cdi_spec *s, const char *kind,
					   const char *name)
{
	if (s == NULL || strcmp(s->kind, kind) != 0)
		return NULL;
	for (size_t i = 0; i < s->n_devices; i++)
		if (strcmp(s->devices[i].name, name) == 0)
			return &s->devices[i];
	return NULL;
}

static const char *dir_list(const struct cdi_files *files, struct arena *a)
{
	const char *list = "";

	for (size_t i = 0; i < files->n_dirs; i++)
		list = arena_printf(a, "%s%s%s", list, i > 0 ? ", " : "", files->dirs[i]);
	return list;
}

/* The names of the same kind, or what could not be read: one of the two is the reason. */
static int dir_missing(const struct cdi_files *files, const char *qualified, const char *kind,
		       struct arena *a, struct err *e)
{
	const char *have = "", *unread = "";
	size_t n = 0;

	for (size_t i = 0; i < files->n; i++) {
		const struct cdi_file *f = &files->v[i];
		if (f->spec == NULL && unread[0] == '\0')
			unread = arena_printf(a, "; %s %s", f->path, f->why.text);
		if (f->spec == NULL || strcmp(f->spec->kind, kind) != 0)
			continue;
		for (size_t k = 0; k < f->spec->n_devices && n < 12; k++, n++)
			have = arena_printf(a, "%s%s%s", have, n > 0 ? ", " : "; of that kind are ",
					    f->spec->devices[k].name);
	}
	return graft_refuse(e, ENODEV, GRAFT_DOMAINS, "NOTFOUND",
			    "'%.200s' is in no file of %s%s%s", qualified, dir_list(files, a), have,
			    unread);
}

int cdi_find(const struct cdi_files *files, const char *qualified, struct arena *a,
	     const struct cdi_file **file, const struct cdi_device **device, struct err *e)
{
	const char *kind, *name;

	if (!cdi_split_name(qualified, a, &kind, &name))
		return graft_refuse(e, EINVAL, GRAFT_DOMAINS, "VALUE",
				    "'%.200s' is not of the form VENDOR/CLASS=NAME", qualified);
	const struct cdi_file *other = NULL;
	*file = NULL;
	for (size_t i = 0; i < files->n; i++) {
		const struct cdi_file *f = &files->v[i];
		const struct cdi_device *d = dir_device(f->spec, kind, name);
		if (d == NULL)
			continue;
		other = *file != NULL && (*file)->dir == f->dir ? *file : NULL;
		*file = f;
		*device = d;
	}
	if (other != NULL)
		return graft_refuse(e, EINVAL, GRAFT_DOMAINS, "CONFLICT",
				    "'%.200s' is in %s and in %s; remove one of them", qualified,
				    other->path, (*file)->path);
	return *file != NULL ? 0 : dir_missing(files, qualified, kind, a, e);
}

const char *cdi_remedy(const struct cdi_file *file, struct arena *a)
{
	static const struct {
		const char *vendor, *command;
	} tools[] = {
		{"nvidia.com/", "nvidia-ctk cdi generate --format=json --output=%s"},
		{"amd.com/", "amd-ctk cdi generate --output=%s"},
	};
	const char *kind = file->spec != NULL ? file->spec->kind : "";
	const char *slash = strrchr(file->path, '/');

	if (strncmp(kind, "greffon.org/", 12) == 0)
		return arena_printf(a, "greffon graft cdi --out %.*s", (int)(slash - file->path),
				    file->path);
	for (size_t i = 0; i < ARRAY_LEN(tools); i++)
		if (strncmp(kind, tools[i].vendor, strlen(tools[i].vendor)) == 0) {
			const char *at = strstr(tools[i].command, "%s");
			return arena_printf(a, "%.*s%s", (int)(at - tools[i].command),
					    tools[i].command, file->path);
		}
	return arena_printf(a, "make %s anew with its vendor's tool, or remove it", file->path);
}
