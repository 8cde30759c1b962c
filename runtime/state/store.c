/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/store.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/io.h"
#include "state/folder.h"

#define STORE_RECORD "state.json"
#define STORE_STAGED "." STORE_RECORD "."
#define STORE_CONFIG "config.json"
#define STORE_FIFO "exec.fifo"

/* Far above any real record or config; keeps a mistake from filling the memory. */
#define STORE_TEXT_MAX ((size_t)16 * 1024 * 1024)

#define STORE_LOCK_STEP_MS 5
#define STORE_LOCK_STEPS (10 * 1000 / STORE_LOCK_STEP_MS)

int store_check_id(const char *id, struct err *e)
{
	size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+.-");

	if (id[0] == '\0')
		return err_set(e, EINVAL, "container id: must not be empty");
	if (id[n] != '\0')
		return err_set(e, EINVAL,
			       "container id '%.100s': may consist of A-Z, a-z, 0-9, '_', '+', '.' "
			       "and '-' only",
			       id);
	if (id[0] == '.')
		return err_set(e, EINVAL, "container id '%.100s': must not start with '.'", id);
	if (n > 255)
		return err_set(e, EINVAL, "container id '%.100s...': is longer than 255 characters",
			       id);
	return 0;
}

static int store_missing(const char *id, struct err *e)
{
	return err_set(e, ENOENT, "container \"%s\" does not exist", id);
}

/* 1: this name still leads to the folder that is open, 0: it was deleted meanwhile (and perhaps
 * made anew). */
static int store_same(const struct store *s, const struct store_entry *en)
{
	struct stat open_one, named;

	if (fstat(en->dir, &open_one) < 0)
		return -errno;
	if (fstatat(s->root, en->id, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

/* The lock is on the folder itself. */
static int store_lock_wait(struct store_entry *en, struct err *e)
{
	for (int step = 0; step < STORE_LOCK_STEPS; step++) {
		struct timespec nap = {.tv_nsec = STORE_LOCK_STEP_MS * 1000000L};

		en->locked = flock(en->dir, LOCK_EX | LOCK_NB) == 0;
		if (en->locked)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, errno, "container state '%s': lock", en->id);
		(void)nanosleep(&nap, NULL);
	}
	return err_set(e, EBUSY,
		       "container '%s' is busy: another greffon command holds it for 10 s already",
		       en->id);
}

static int store_enter(const struct store *s, const char *id, struct store_entry *out)
{
	out->dir = openat(s->root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	out->locked = false;
	out->id = id;
	out->store = s;
	return out->dir < 0 ? -errno : 0;
}

int store_claim(const struct store *s, const char *id, struct store_entry *out, struct err *e)
{
	struct store_entry en;
	int r = store_check_id(id, e);

	if (r < 0)
		return r;
	if (mkdirat(s->root, id, 0700) < 0)
		return errno == EEXIST
			       ? err_set(e, EEXIST, "container with given ID already exists: '%s'",
					 id)
			       : err_sys(e, errno, "container state '%s/%s'", s->root_path, id);
	r = store_enter(s, id, &en);
	if (r < 0)
		return err_sys(e, -r, "container state '%s/%s'", s->root_path, id);
	r = store_lock_wait(&en, e);
	if (r == 0 && store_same(s, &en) != 1)
		r = err_set(e, ENOENT, "container '%s' was deleted while it was created", id);
	if (r < 0) {
		store_entry_done(&en);
		return r;
	}
	*out = en;
	return 0;
}

/* A root may be a folder that holds other things as well (/run/user/1000): what has no record is
 * ours only when it is empty or has a record that is still being written (io_stage()), that is when
 * a creation was killed right after its claim. */
static int store_ours(const struct store_entry *en)
{
	if (faccessat(en->dir, STORE_RECORD, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    faccessat(en->dir, STORE_CONFIG, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return folder_holds_only(en->dir, STORE_STAGED);
}

/* Takes the lock of an entered folder. 1: held, 0: the folder was replaced meanwhile, enter again.
 */
static int store_take_lock(const struct store *s, struct store_entry *en, const char *id,
			   struct err *e)
{
	int r = store_lock_wait(en, e);

	if (r < 0)
		return r;
	if (store_same(s, en) != 1)
		return 0;
	return store_ours(en) == 1 ? 1 : store_missing(id, e);
}

int store_get(const struct store *s, const char *id, enum store_lock lock, struct store_entry *out,
	      struct err *e)
{
	int r = store_check_id(id, e);

	if (r == 0 && s->root < 0)
		r = store_missing(id, e);
	while (r == 0) {
		struct store_entry en;

		r = store_enter(s, id, &en);
		if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP) {
			if (lock == STORE_LOCK)
				folder_sweep(s->root); /* what a killed delete has left */
			return store_missing(id, e);
		}
		if (r < 0)
			return err_sys(e, -r, "container state '%s/%s'", s->root_path, id);
		r = lock == STORE_LOCK ? store_take_lock(s, &en, id, e) : 1;
		if (r == 1)
			*out = en;
		else
			store_entry_done(&en);
	}
	return r < 0 ? r : 0;
}

void store_unlock(struct store_entry *en)
{
	if (en->locked)
		(void)flock(en->dir, LOCK_UN);
	en->locked = false;
}

void store_entry_done(struct store_entry *en)
{
	fd_done(&en->dir);
	en->locked = false;
}

int store_read(const struct store_entry *en, struct arena *a, struct record **out, struct err *e)
{
	char *text;
	size_t len;
	int r = io_read_file(en->dir, STORE_RECORD, STORE_TEXT_MAX, a, &text, &len);

	if (r == -ENOENT && folder_holds_only(en->dir, STORE_STAGED) == 0)
		return store_missing(en->id, e); /* not ours, or deleted this moment */
	if (r < 0)
		return err_sys(e, -r, "container '%s': corrupt state: " STORE_RECORD, en->id);
	r = record_parse(text, len, a, out, e);
	if (r == 0 && strcmp((*out)->id, en->id) != 0)
		r = err_set(e, EINVAL, "id: is of another container, '%.100s'", (*out)->id);
	return r < 0 ? err_at(e, "container '%s': corrupt state: " STORE_RECORD, en->id) : 0;
}

/* Replaced in one step, but not synced (0.4 ms on ext4): the record is about processes, which a
 * crash of the machine ends as well, and one that the crash tore is reported as corrupt and removed
 * by delete --force. */
int store_stage(const struct store_entry *en, const struct record *r, struct err *e)
{
	autoarena struct arena a = {0};
	const char *text;
	size_t len;
	int ret = record_write(r, &a, &text, &len);

	if (ret == 0)
		ret = io_stage(en->dir, STORE_RECORD, text, len, 0600, IO_NO_SYNC);
	return ret < 0 ? err_sys(e, -ret, "container '%s': " STORE_RECORD, en->id) : 0;
}

int store_commit(const struct store_entry *en, struct err *e)
{
	int r = io_commit(en->dir, STORE_RECORD);

	return r < 0 ? err_sys(e, -r, "container '%s': " STORE_RECORD, en->id) : 0;
}

int store_write(const struct store_entry *en, const struct record *r, struct err *e)
{
	int ret = store_stage(en, r, e);

	return ret < 0 ? ret : store_commit(en, e);
}

int store_save_config(const struct store_entry *en, const char *text, size_t len, struct err *e)
{
	/* written once, before the record that makes others look */
	autoclose int fd = openat(en->dir, STORE_CONFIG,
				  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : io_write_all(fd, text, len);

	return r < 0 ? err_sys(e, -r, "container '%s': saving " STORE_CONFIG, en->id) : 0;
}

int store_load_config(const struct store_entry *en, struct arena *a, const char **out,
		      size_t *out_len, struct err *e)
{
	char *text;
	int r = io_read_file(en->dir, STORE_CONFIG, STORE_TEXT_MAX, a, &text, out_len);

	if (r < 0)
		return err_sys(e, -r, "container '%s': saved " STORE_CONFIG, en->id);
	*out = text;
	return 0;
}

int store_fifo_make(const struct store_entry *en, uid_t uid, gid_t gid, struct err *e)
{
	/* init opens it for writing as the program's user, whoever that is; the folder keeps all
	 * others out */
	if (mkfifoat(en->dir, STORE_FIFO, 0622) < 0 || fchmodat(en->dir, STORE_FIFO, 0622, 0) < 0)
		return err_sys(e, errno, "container '%s': " STORE_FIFO, en->id);
	/* a user may not give it away, and need not */
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) &&
	    fchownat(en->dir, STORE_FIFO, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    (errno != EPERM || geteuid() == 0))
		return err_sys(e, errno, "container '%s': " STORE_FIFO ": owner %u:%u", en->id, uid,
			       gid);
	int fd = openat(en->dir, STORE_FIFO, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, errno, "container '%s': " STORE_FIFO, en->id) : fd;
}

int store_fifo_stat(const struct store_entry *en, struct stat *out)
{
	return fstatat(en->dir, STORE_FIFO, out, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int store_fifo_remove(const struct store_entry *en)
{
	return unlinkat(en->dir, STORE_FIFO, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int store_remove(struct store_entry *en, struct err *e)
{
	static const char *const usual[] = {STORE_RECORD, STORE_CONFIG, STORE_FIFO};
	char gone[64];
	int r = folder_rename_away(en->store->root, en->id, en->dir, gone);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_sys(e, -r, "container state '%s/%s'", en->store->root_path, en->id);
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		(void)unlinkat(en->dir, usual[i], 0);
	r = folder_remove(en->store->root, gone, en->dir);
	return r < 0 ? err_sys(e, -r, "container state '%s/%s'", en->store->root_path, gone) : 0;
}

static int store_name_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int store_list(const struct store *s, struct arena *a, const char ***out, size_t *out_n,
	       struct err *e)
{
	struct folder_names names = {0};
	size_t n = 0;

	if (s->root >= 0) {
		int r = folder_names(s->root, a, &names);
		if (r < 0)
			return err_sys(e, -r, "'%s'", s->root_path);
	}
	for (size_t i = 0; i < names.n; i++)
		if (store_check_id(names.v[i], NULL) == 0)
			names.v[n++] = names.v[i];
	if (n > 0)
		qsort(names.v, n, sizeof(*names.v), store_name_compare);
	*out = names.v;
	*out_n = n;
	return 0;
}

int store_seccomp_cache(const struct store *s)
{
	static const char path[] = ".cache/seccomp";
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(s->root, path, flags);

	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : FD_NONE;
	if (mkdirat(s->root, ".cache", 0700) < 0 && errno != EEXIST)
		return FD_NONE;
	if (mkdirat(s->root, path, 0700) < 0 && errno != EEXIST)
		return FD_NONE;
	fd = openat(s->root, path, flags);
	return fd >= 0 ? fd : FD_NONE;
}
