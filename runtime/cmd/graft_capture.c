/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/graft.h"
#include "hooks/capture.h"
#include "state/folder.h"
#include "sys/path.h"

/* ---- as a folder ---- */

static int capture_write_entry(int root, const struct capture_entry *x, struct err *e)
{
	char name[256];
	autoclose int dir = path_parent(root, x->path, name, e);
	int r = 0;

	if (dir < 0)
		return dir;
	if (x->kind == CAPTURE_DIR) {
		r = mkdirat(dir, name, 0755) < 0 ? -errno : 0;
	} else if (x->kind == CAPTURE_LINK) {
		r = symlinkat(x->text, dir, name) < 0 ? -errno : 0;
	} else {
		autoclose int fd = openat(
			dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		r = fd < 0 ? -errno : io_write_all(fd, x->text, x->len);
	}
	return r < 0 ? err_sys(e, -r, "--out: '%s'", x->path) : 0;
}

static int capture_folder(const struct capture *c, const char *out, struct err *e)
{
	if (mkdir(out, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "--out: '%s'", out);
	autoclose int root = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = root < 0 ? -errno : 0;
	if (r == 0)
		r = folder_holds_only(root, "/");
	if (r == 0)
		return err_set(e, EEXIST, "--out: '%s' is not empty; name a new folder", out);
	if (r < 0)
		return err_sys(e, -r, "--out: '%s'", out);
	for (size_t i = 0; i < c->n; i++) {
		r = capture_write_entry(root, &c->v[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- as an archive: POSIX pax, what does not fit into the old fields in a record before ---- */

#define TAR_BLOCK 512
#define TAR_NAME 100

struct tar {
	struct arena *a;
	struct tar_bytes {
		char *v;
		size_t n, cap;
	} out;
};

static void tar_bytes(struct tar *t, const char *bytes, size_t n)
{
	size_t whole = (n + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;

	while (t->out.cap - t->out.n < whole)
		t->out.v = arena_grow(t->a, t->out.v, t->out.cap, &t->out.cap, 1);
	if (n > 0)
		memcpy(t->out.v + t->out.n, bytes, n);
	memset(t->out.v + t->out.n + n, 0, whole - n);
	t->out.n += whole;
}

static void tar_field(char *to, size_t size, const char *s)
{
	size_t n = strlen(s);

	memcpy(to, s, n < size ? n : size);
}

/* Owner 0, no time: the same node gives the same archive. */
static void tar_header(struct tar *t, char type, const char *name, const char *link, size_t size)
{
	char h[TAR_BLOCK] = "", number[16];
	unsigned int sum = 0;

	tar_field(h, TAR_NAME, name);
	tar_field(h + 100, 8, type == '5' ? "0000755" : "0000644");
	tar_field(h + 108, 8, "0000000");
	tar_field(h + 116, 8, "0000000");
	(void)snprintf(number, sizeof(number), "%011zo", size);
	tar_field(h + 124, 12, number);
	tar_field(h + 136, 12, "00000000000");
	tar_field(h + 148, 8, "        ");
	h[156] = type;
	tar_field(h + 157, TAR_NAME, link);
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	(void)snprintf(number, sizeof(number), "%06o", sum);
	memcpy(h + 148, number, 7);
	tar_bytes(t, h, sizeof(h));
}

/* "27 path=WHOLE\n": the number counts itself. */
static const char *tar_record(struct arena *a, const char *before, const char *key,
			      const char *value)
{
	size_t body = strlen(key) + strlen(value) + 3, len = body + 1;

	while (len != body + strlen(arena_printf(a, "%zu", len)))
		len++;
	return arena_printf(a, "%s%zu %s=%s\n", before, len, key, value);
}

static void tar_entry(struct tar *t, const struct capture_entry *x)
{
	static const char types[] = {
		[CAPTURE_DIR] = '5', [CAPTURE_FILE] = '0', [CAPTURE_LINK] = '2'};
	bool link = x->kind == CAPTURE_LINK;
	const char *name = x->path, *more = "";

	if (x->kind == CAPTURE_DIR)
		name = arena_printf(t->a, "%s/", name);
	if (strlen(name) > TAR_NAME)
		more = tar_record(t->a, more, "path", name);
	if (link && x->len > TAR_NAME)
		more = tar_record(t->a, more, "linkpath", x->text);
	if (more[0] != '\0') {
		tar_header(t, 'x', "pax", "", strlen(more));
		tar_bytes(t, more, strlen(more));
	}
	tar_header(t, types[x->kind], name, link ? x->text : "",
		   x->kind == CAPTURE_FILE ? x->len : 0);
	if (x->kind == CAPTURE_FILE)
		tar_bytes(t, x->text, x->len);
}

static int capture_archive(const struct capture *c, const char *out, struct arena *a, struct err *e)
{
	static const char end[2 * TAR_BLOCK];
	struct tar t = {.a = a};
	autoclose int file = FD_NONE;

	if (out != NULL) {
		file = open(out, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (file < 0)
			return err_sys(e, errno, "--out: '%s'", out);
	} else if (isatty(STDOUT_FILENO)) {
		return err_set(e, EINVAL,
			       "--out: an archive is nothing for a terminal; name a folder or "
			       "FILE.tar");
	}
	for (size_t i = 0; i < c->n; i++)
		tar_entry(&t, &c->v[i]);
	tar_bytes(&t, end, sizeof(end));
	int r = io_write_all(out != NULL ? file : STDOUT_FILENO, t.out.v, t.out.n);
	return r < 0 ? err_sys(e, -r, "--out: '%s'", out != NULL ? out : "standard output") : 0;
}

int graft_capture_write(const struct host *h, const char *out, bool anonymize, struct arena *a,
			struct err *e)
{
	struct capture c;
	int r = graft_capture(h, anonymize, a, &c, e);
	size_t n = out == NULL ? 0 : strlen(out);

	if (r < 0)
		return r;
	if (out == NULL || (n > 4 && strcmp(out + n - 4, ".tar") == 0))
		return capture_archive(&c, out, a, e);
	return capture_folder(&c, out, e);
}
