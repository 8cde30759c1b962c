/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/cmd.h"
#include "hooks/graft.h"

/* Every domain that has devices. */
#define GRAFT_ALL_DEVICES                                                                          \
	((((1U << GRAFT_DOMAINS) - 1) & ~(GRAFT_BIT(GRAFT_MPI) | GRAFT_BIT(GRAFT_PMI))) | GRAFT_MAD)

/* The inventory for people: a table, then which devices sit near to each other. */
const char *graft_list_text(const struct graft_inventory *inv, struct arena *a, size_t *out_len);

/* ... and for programs. */
const char *graft_list_json(const struct graft_inventory *inv, struct arena *a, size_t *out_len);

/* graft capture: writes the node as a new or empty folder, or as an archive: FILE.tar, or standard
 * output for NULL (cmd/graft_capture.c). */
struct host;
int graft_capture_write(const struct host *h, const char *out, bool anonymize, struct arena *a,
			struct err *e);

/* graft show: what create put on record, and whether the numbers are still the drivers'; exit
 * status (cmd/graft_show.c). */
int graft_show(const struct cmd_global *g, const char *id, bool json, const struct host *h,
	       struct err *e);

/* graft diff of two records, of containers or files; exit status (cmd/graft_diff.c). */
int graft_diff(const struct cmd_global *g, char *const names[2], bool json, struct err *e);

/* graft hook-config: the oci-hooks 1.0.0 document that makes an engine run greffon-hook
 * (cmd/graft_hook.c). -EINVAL: no such stage. */
struct graft_hook_options {
	const char *stage, *path; /* NULL: the installed program */
	bool always; /* for every container, not only those with a graft's annotation */
};
int graft_hook_config(const struct graft_hook_options *o, struct arena *a, const char **out,
		      size_t *out_len, struct err *e);

/* What only graft cdi takes; all NULL or false: none of it was given. */
struct graft_cdi_options {
	const char *domain, *vendor, *version;
	bool check;
	char **dirs; /* operands */
	int n_dirs;
};

/*
 * graft cdi: the node's devices as CDI documents, to standard output or into the folder out; with
 * check the documents of the folders dirs (none: those of the policy) against the node. Exit status
 * or -errno.
 */
int graft_cdi(const struct graft_cdi_options *o, const struct host *h, const char *out, bool json,
	      struct arena *a, struct err *e);

/* What stands in the way of a graft on this node, a line each, with the remedy. *wrong: how many of
 * them are faults and not only advice. */
const char *graft_check_text(const struct host *h, const struct graft_inventory *inv,
			     const struct graft_policy *policy, struct arena *a, size_t *wrong,
			     size_t *out_len);
