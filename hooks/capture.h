/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"

/*
 * A node's files as a tree that everybody may unpack: whatever discovery looks at, by watching it
 * look, and a list of files that people ask about next. Device nodes are lines of nodes.tsv
 * (hooks/tree.h), links are relative. `graft list --host` on the tree says what it says on the
 * node.
 */

enum capture_kind { CAPTURE_DIR, CAPTURE_FILE, CAPTURE_LINK };

struct capture_entry {
	const char *path; /* "sys/class/infiniband"; no component is ".", ".." or a link's name */
	enum capture_kind kind;
	const char *text; /* of a file, or what a link points to; NUL-terminated */
	size_t len;
};

struct capture {
	struct capture_entry *v; /* by path, so that a folder comes before what is in it */
	size_t n, cap;
};

/*
 * Reads h->root, which may be a captured tree itself, within the bounds of hooks/tree.h. anonymize:
 * UUIDs, GUIDs and unique ids are replaced in all files, the same one by the same other one, by a
 * key that is thrown away afterwards. -errno when the tree can't be read or there is no randomness.
 */
int graft_capture(const struct host *h, bool anonymize, struct arena *a, struct capture *out,
		  struct err *e);

/* ---- hooks/anonymize.c ---- */

#define ANONYMIZE_KEY 32 /* bytes */

/*
 * text with other digits in what names one piece of hardware: words GPU-... and MIG-..., GUIDs
 * (four groups of four hexadecimal digits), hexadecimal numbers of eight digits and more behind 0x,
 * and the decimal one behind "unique_id ", which is the same number as its hexadecimal form. The
 * length stays, so that a table of it is as wide.
 */
char *graft_anonymize(const char *text, const uint8_t key[static ANONYMIZE_KEY], struct arena *a);
