/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/stat.h>

#include "state/record.h"

/*
 * The state root (--root) and one container's folder in it. A folder holds state.json (atomic
 * replace), config.json (what create read; later edits of the bundle have no effect) and exec.fifo
 * until the container has started. Locks die with their holder (flock on the folder); readers take
 * none, they read the atomic file.
 */
struct store {
	int root; /* directory of --root; owned */
	const char *root_path;
};

struct store_entry {
	int dir;     /* ROOT/ID; owned */
	bool locked; /* exclusively, by flock(2) on dir: shared with all that inherit it */
	const char *id;
	const struct store *store;
};

/* Opens (create: also makes, 0700) the root. Refuses one that others may write to, or that belongs
 * to another user; with STORE_EXISTING, root becomes that user instead, for good. path NULL:
 * /run/greffon, or $XDG_RUNTIME_DIR/greffon without root's rights. *out_default: a missing default
 * root is no containers, a missing explicit one an error. */
enum store_open { STORE_EXISTING, STORE_CREATE };
int store_open(struct store *s, const char *path, enum store_open how, struct arena *a,
	       struct err *e);
void store_done(struct store *s);

/* "container id 'x': ..." -EINVAL. 1 to 255 of [A-Za-z0-9_+.-], not starting with '.'. */
int store_check_id(const char *id, struct err *e);

/* mkdirat is the claim: -EEXIST "container with given ID already exists: 'x'". Holds the lock. */
int store_claim(const struct store *s, const char *id, struct store_entry *out, struct err *e);

/* -ENOENT: container "x" does not exist. lock: waits at most 10 s, then -EBUSY. */
enum store_lock { STORE_NO_LOCK, STORE_LOCK };
int store_get(const struct store *s, const char *id, enum store_lock lock, struct store_entry *out,
	      struct err *e);
/* Lets others lock it; the entry stays open. */
void store_unlock(struct store_entry *en);
void store_entry_done(struct store_entry *en);

int store_read(const struct store_entry *en, struct arena *a, struct record **out, struct err *e);
int store_write(const struct store_entry *en, const struct record *r, struct err *e);

#define STORE_GRAFT "graft.json" /* of state/graft.h */

/* store_write() in two halves: the work, which nobody sees, and the moment. */
int store_stage(const struct store_entry *en, const struct record *r, struct err *e);
int store_commit(const struct store_entry *en, struct err *e);

/* The saved config.json. */
int store_save_config(const struct store_entry *en, const char *text, size_t len, struct err *e);
int store_load_config(const struct store_entry *en, struct arena *a, const char **out,
		      size_t *out_len, struct err *e);

/* exec.fifo, 0622 and owned by uid/gid (host ids of the container's root; -1: the runtime's own).
 * O_PATH fd or -errno. */
int store_fifo_make(const struct store_entry *en, uid_t uid, gid_t gid, struct err *e);
/* -ENOENT: there is none. */
int store_fifo_stat(const struct store_entry *en, struct stat *out);
int store_fifo_remove(const struct store_entry *en);

/* The folder disappears in one rename, then is removed for good. Missing: success. */
int store_remove(struct store_entry *en, struct err *e);

/* Names of all entries, sorted (arena). */
int store_list(const struct store *s, struct arena *a, const char ***out, size_t *out_n,
	       struct err *e);

/* ROOT/.cache/seccomp, made 0700; FD_NONE when it can't be had (a cache is never required). */
int store_seccomp_cache(const struct store *s);
