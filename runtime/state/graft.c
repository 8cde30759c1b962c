/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/graft.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "hooks/graft.h"
#include "host/host.h"
#include "state/graft_doc.h"
#include "sys/path.h"
#include "sys/sys.h"

#define OJ_AS_TABLES
#include "libocispec/json_expand.h"
#include "state/graft.def"

#define GRAFT_RECORD_LINKS (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

int graft_doc_parse(const char *text, size_t len, struct arena *a, struct graft_doc **out,
		    struct err *e)
{
	void *doc;
	int r = oj_parse(&graft_doc_object, text, len, a, &doc, e);

	if (r < 0)
		return r;
	*out = doc;
	if ((*out)->version.v != GRAFT_RECORD_VERSION)
		return err_set(
			e, EINVAL,
			"graftRecord: %llu was written by another greffon; this one knows %d",
			(unsigned long long)(*out)->version.v, GRAFT_RECORD_VERSION);
	return 0;
}

int graft_record_read(const struct store_entry *en, struct arena *a, struct graft_doc **out,
		      const char **text, struct err *e)
{
	char *own;
	size_t len;
	int r = io_read_file(en->dir, STORE_GRAFT, GRAFT_RECORD_MAX, a, &own, &len);

	if (r == -ENOENT)
		return r;
	if (r < 0)
		return err_sys(e, -r, "container '%s': " STORE_GRAFT, en->id);
	if (text != NULL)
		*text = own;
	return graft_doc_parse(own, len, a, out, e) < 0
		       ? err_at(e, "container '%s': " STORE_GRAFT, en->id)
		       : 0;
}

/* ---- the file that was asked for ---- */

static int record_refuse(const char *path, int code, struct err *e)
{
	return graft_refuse(e, code, GRAFT_DOMAINS, "RECORD",
			    "annotation org.greffon.graft.record: '%s': %s", path,
			    code == EEXIST ? "exists; a record never takes the place of another "
					     "file, choose another name"
					   : err_name(code));
}

/* The folder of path. Below the policy's folders no link is followed: they may be shared with the
 * users whose runs are recorded. */
static int record_folder(const struct graft_edits *ed, const char *path, const char *name)
{
	const struct graft_policy *p = ed->policy;
	int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	char folder[PATH_MAX];

	if ((size_t)(name - path) >= sizeof(folder))
		return -ENAMETOOLONG;
	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(name - path), path);
	if (p->record_any) {
		int fd = open(folder, flags);
		return fd < 0 ? -errno : fd;
	}
	return sys_openat2(AT_FDCWD, folder, (uint64_t)flags, 0, GRAFT_RECORD_LINKS);
}

static int record_open(struct graft_record *g, const struct graft_record_input *in,
		       const char *text, size_t len, struct err *e)
{
	const struct graft_edits *ed = in->p->graft;
	const char *path = ed->record, *name = strrchr(path, '/') + 1;
	autoclose int dir = FD_NONE;

	if (strlen(name) >= sizeof(g->name))
		return record_refuse(path, ENAMETOOLONG, e);
	dir = record_folder(ed, path, name);
	if (dir < 0)
		return record_refuse(path, -dir, e);
	autoclose int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST && in->again)
		return 0;
	if (fd < 0)
		return record_refuse(path, errno, e);
	memcpy(g->name, name, strlen(name) + 1);
	g->dir = fd_take(&dir);
	int r = io_write_all(fd, text, len);
	return r < 0 ? record_refuse(path, -r, e) : 0;
}

/* ---- digests ---- */

/* What is known of a file without reading it. Whether its digest is missing. */
static bool record_file(struct graft_record *g, size_t i, struct arena *a)
{
	struct graft_doc_file *f = &g->doc->file[i];
	char text[DIGEST_TEXT];
	autoclose int fd = path_open(g->host, f->source, O_PATH | O_CLOEXEC, NULL);

	if (fd < 0 || fstat(fd, &g->st[i]) < 0 || !S_ISREG(g->st[i].st_mode)) {
		g->st[i].st_mode = 0;
		return false;
	}
	f->size = (struct opt_u64){true, (uint64_t)g->st[i].st_size};
	if (!digest_cached(g->cache, &g->st[i], text))
		return true;
	f->sha256 = arena_strdup(a, text);
	return false;
}

static void record_digest(struct graft_record *g, size_t i, struct arena *a)
{
	struct graft_doc_file *f = &g->doc->file[i];
	char text[DIGEST_TEXT];
	struct stat st;

	if (g->st[i].st_mode == 0 || f->sha256 != NULL)
		return;
	autoclose int fd =
		path_open(g->host, f->source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, NULL);
	/* it has to be the file that was mounted */
	if (fd < 0 || fstat(fd, &st) < 0 || !digest_same(&st, &g->st[i]) ||
	    digest_file(g->cache, fd, text) < 0)
		return;
	f->sha256 = arena_strdup(a, text);
}

/* ---- writing ---- */

static int record_text(struct graft_record *g, struct arena *a, const char **text, size_t *len,
		       struct err *e)
{
	int r = oj_write(&graft_doc_object, g->doc, OCI_PRETTY, a, text, len);

	return r < 0 ? err_sys(e, -r, "the record of the grafts") : 0;
}

/* Something of the node went in, or somebody wants to know that nothing did. */
static bool record_is_due(const struct graft_edits *ed)
{
	return ed != NULL && (ed->device.n > 0 || ed->mount.n > 0 || ed->env.n > 0 ||
			      ed->limit.n > 0 || ed->memlock.set || ed->record != NULL);
}

/* g->doc, with the digests that are known, beside the state. *text: it. */
static int record_save(struct graft_record *g, const struct store_entry *en, const struct host *h,
		       struct arena *a, const char **text, size_t *len, struct err *e)
{
	g->host = fcntl(h->root, F_DUPFD_CLOEXEC, 3);
	if (g->doc->n_file > 0)
		g->cache = digest_cache_open(en->store);
	g->st = arena_array(a, g->doc->n_file, sizeof(*g->st));
	for (size_t i = 0; i < g->doc->n_file; i++)
		if (record_file(g, i, a))
			g->doc->pending = (struct opt_bool){true, true};
	int r = record_text(g, a, text, len, e);
	if (r == 0)
		r = graft_record_put(en, *text, *len, e);
	return r;
}

int graft_record_put(const struct store_entry *en, const char *text, size_t len, struct err *e)
{
	int r = io_replace(en->dir, STORE_GRAFT, text, len, 0600, IO_NO_SYNC);

	return r < 0 ? err_sys(e, -r, "container '%s': " STORE_GRAFT, en->id) : 0;
}

int graft_record_write(struct graft_record *g, const struct store_entry *en,
		       const struct graft_record_input *in, struct arena *a, struct err *e)
{
	const struct graft_edits *ed = in->p->graft;
	const char *text;
	size_t len;

	if (!record_is_due(ed))
		return 0;
	g->doc = graft_doc_build(in, a);
	int r = record_save(g, en, in->h, a, &text, &len, e);
	return r == 0 && ed->record != NULL ? record_open(g, in, text, len, e) : r;
}

int graft_record_change(struct graft_record *g, const struct store_entry *en, struct graft_doc *doc,
			const struct host *h, struct arena *a, struct err *e)
{
	const char *text;
	size_t len;

	g->doc = doc;
	return record_save(g, en, h, a, &text, &len, e);
}

/* World: a process of its own. Nothing but the record's descriptors is left to it, neither the
 * caller's pipes nor a lock, and it may be killed at any time. */
static void record_alone(const struct graft_record *g, int folder)
{
	const int keep[] = {g->dir, g->cache, g->host, folder};
	const struct sched_param none = {0};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		(void)dup2(null, fd);
	for (int fd = 3, limit = (int)sysconf(_SC_OPEN_MAX); fd < limit;) {
		int next = limit;
		for (size_t i = 0; i < ARRAY_LEN(keep); i++)
			if (keep[i] >= fd && keep[i] < next)
				next = keep[i];
		if (next > fd && sys_close_range((unsigned int)fd, (unsigned int)next - 1, 0) < 0)
			break;
		fd = next + 1;
	}
	(void)setsid();
	(void)signal(SIGHUP, SIG_IGN);
	(void)sched_setscheduler(0, SCHED_IDLE, &none);
	(void)setpriority(PRIO_PROCESS, 0, 19);
}

/* The container's record may have been changed by now: the digests go into what it is. */
static void record_learn(struct graft_record *g, int folder, struct arena *a)
{
	struct graft_record now = GRAFT_RECORD_EMPTY;
	struct err e = {0};
	const char *out;
	char *text;
	size_t len;

	if (io_read_file(folder, STORE_GRAFT, GRAFT_RECORD_MAX, a, &text, &len) < 0 ||
	    graft_doc_parse(text, len, a, &now.doc, &e) < 0)
		return;
	for (size_t i = 0; i < now.doc->n_file; i++)
		for (size_t k = 0; k < g->doc->n_file; k++)
			if (strcmp(now.doc->file[i].target, g->doc->file[k].target) == 0)
				now.doc->file[i].sha256 = g->doc->file[k].sha256;
	now.doc->pending = (struct opt_bool){0};
	if (record_text(&now, a, &out, &len, &e) == 0)
		(void)io_replace(folder, STORE_GRAFT, out, len, 0600, IO_NO_SYNC);
}

static void record_finish(struct graft_record *g, int folder, struct arena *a)
{
	struct err e = {0};
	const char *text;
	size_t len;

	for (size_t i = 0; i < g->doc->n_file; i++)
		record_digest(g, i, a);
	g->doc->pending = (struct opt_bool){0};
	if (record_text(g, a, &text, &len, &e) < 0)
		return;
	if (g->dir >= 0)
		(void)io_replace(g->dir, g->name, text, len, 0644, IO_NO_SYNC);
	/* no deletion is going on while we write into it; after one this fails */
	if (flock(folder, LOCK_EX) == 0)
		record_learn(g, folder, a);
}

void graft_record_complete(struct graft_record *g, const struct store_entry *en, struct arena *a)
{
	int status;

	if (g->doc == NULL)
		return;
	g->kept = true;
	if (!g->doc->pending.v)
		return;
	pid_t pid = fork();
	if (pid < 0)
		log_warn("graft.json: the files' digests can't be found out: %s", err_name(errno));
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	if (pid != 0)
		return;
	/* the caller, who waits for its own child only, is not to find another one */
	if (fork() == 0) {
		/* the caller's lock lives as long as anybody has its descriptor */
		int folder = openat(en->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(en->dir);
		if (folder < 0)
			_exit(0);
		record_alone(g, folder);
		record_finish(g, folder, a);
	}
	_exit(0);
}

void graft_record_done(struct graft_record *g)
{
	if (g->dir >= 0 && !g->kept)
		(void)unlinkat(g->dir, g->name, 0);
	fd_done(&g->dir);
	fd_done(&g->cache);
	fd_done(&g->host);
}
