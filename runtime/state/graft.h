/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/store.h"

/*
 * The record of a run with grafts, so that it can be repeated or compared: ROOT/ID/graft.json, and
 * where annotation org.greffon.graft.record asks for it. Nothing of it is made, read or opened for
 * a container without grafts.
 *
 * SHA-256 over a driver's libraries takes a second or more. Digests are therefore kept in
 * ROOT/.cache/sha256 by device, inode, size and both times of a file; what is not there yet is
 * computed when the container runs already, by a process of its own at the lowest priority that
 * outlives create, and the record made whole then ("digestsPending" until then). A file that
 * changes meanwhile has no digest.
 */

#include "libocispec/json.h"
#define OJ_AS_STRUCTS
#include "libocispec/json_expand.h"
#include "state/graft.def"

#define GRAFT_RECORD_VERSION 1
#define GRAFT_RECORD_MAX ((size_t)4 << 20) /* bytes of its JSON */

struct graft_record {
	struct graft_doc *doc; /* NULL: nothing to record */
	int dir;	       /* owned; the folder of the file that was asked for; FD_NONE: none */
	char name[256];	       /* in it */
	int cache;	       /* owned; of digests; FD_NONE: there is none */
	int host;	       /* owned */
	struct stat *st;       /* of the doc's files; st_mode 0: of none that has a digest */
	bool kept;	       /* the container exists: its end does not take the file away */
};
#define GRAFT_RECORD_EMPTY                                                                         \
	{                                                                                          \
		.dir = FD_NONE, .cache = FD_NONE, .host = FD_NONE                                  \
	}

/* What the caller knows beside the plan. */
struct graft_record_input {
	const struct plan *p;
	const struct host *h;
	const struct record *record; /* with its cgroups */
	const char *config_text;
	size_t config_len;
	const char *version, *commit; /* of greffon */
	bool again; /* a restored one: the file that was asked for may be there, and stays */
};

/* Makes the record, with the digests that are known already, and writes both files; the one that
 * was asked for is never an existing one. -errno, with that file gone again. */
int graft_record_write(struct graft_record *g, const struct store_entry *en,
		       const struct graft_record_input *in, struct arena *a, struct err *e);

/* The record of a running container whose grafts have changed: doc takes its place, with the
 * digests that are known. */
int graft_record_change(struct graft_record *g, const struct store_entry *en, struct graft_doc *doc,
			const struct host *h, struct arena *a, struct err *e);

/* What a plan's grafts add to a record; old (NULL: there was none) stays as it is. */
struct graft_doc *graft_doc_join(const struct graft_doc *old, const struct graft_record_input *in,
				 struct arena *a);

/* The record's text as it was read. */
int graft_record_put(const struct store_entry *en, const char *text, size_t len, struct err *e);

/* When the container runs: lets the missing digests be found out. Does not wait, and does not
 * fail: a record without them says so. */
void graft_record_complete(struct graft_record *g, const struct store_entry *en, struct arena *a);

/* Takes away the file that was asked for, unless it is kept, and closes all. */
void graft_record_done(struct graft_record *g);

int graft_doc_parse(const char *text, size_t len, struct arena *a, struct graft_doc **out,
		    struct err *e);

/* Of a container; -ENOENT with e unset: nothing was grafted into it. *text (may be NULL): as it is.
 */
int graft_record_read(const struct store_entry *en, struct arena *a, struct graft_doc **out,
		      const char **text, struct err *e);

/* ---- state/digest.c ---- */

#define DIGEST_TEXT 65 /* 64 hexadecimal digits and a NUL */

/* Of bytes in memory. */
void digest_bytes(const void *bytes, size_t n, char out[static DIGEST_TEXT]);

/* ROOT/.cache/sha256, made 0700; FD_NONE when it can't be had. */
int digest_cache_open(const struct store *s);

/* The digest of a file that was like st when it was computed. */
bool digest_cached(int cache, const struct stat *st, char out[static DIGEST_TEXT]);

/* Whether neither content nor identity of a file has changed between the two. */
bool digest_same(const struct stat *x, const struct stat *y);

/* Reads an open regular file and computes it, 0 or -errno; -EAGAIN: it changed meanwhile. cache
 * (FD_NONE: none) learns it. */
int digest_file(int cache, int fd, char out[static DIGEST_TEXT]);
