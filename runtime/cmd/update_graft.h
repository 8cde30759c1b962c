/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/target.h"
#include "hooks/graft.h"

struct graft_doc;
struct host;

/*
 * `greffon update --graft KEY=VALUE` and `--ungraft KEY[=VALUE]`: one of the lists is empty. t: a
 * running container, open and locked. All of it is done or nothing; only what could not be taken
 * away of what the rules refuse already stays, and is told. Exit status or -errno.
 */
int update_graft(const struct cmd_global *g, struct target *t, const struct cmd_list *graft,
		 const struct cmd_list *ungraft, struct err *e);

/* What --ungraft leaves and what it takes (cmd/update_ungraft.c). */
struct ungraft {
	struct graft_edits rest, gone;	    /* devices; gone.mount: files */
	struct graft_edit_mounts rest_file; /* files that stay mounted */
	struct graft_doc *doc;		    /* what the record says then; NULL: there is none */
	const char **unlimited;		    /* HCAs */
	size_t n_unlimited;
};

/* had, doc: what is recorded (doc may be NULL). -ENOENT: nothing of that is grafted. */
int ungraft_sort(const struct cmd_list *list, const struct graft_edits *had,
		 const struct graft_doc *doc, const struct host *h, struct arena *a,
		 struct ungraft *out, struct err *e);
