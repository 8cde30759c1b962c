/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/cdi.h"
#include "libocispec/oci.h"

/* Between hooks/cdi_apply.c, which finds the edits, and hooks/cdi_edit.c, which makes them. */

struct cdi_edit_set {
	const struct cdi_edits *edits;
	const struct cdi_file *file;
	const char *name;   /* the device that brought it */
	const char *origin; /* "cdi nvidia.com/gpu=0 of /etc/cdi/nvidia.json" */
};

struct cdi_edit_mount {
	struct oci_mount mount;
	const char *origin; /* NULL: the config's own, */
	size_t was;	    /* at this index */
};

struct cdi_editor {
	const struct host *h;
	const struct graft_policy *policy;
	struct arena *a;
	struct cdi_result *out;
	struct err *e;
	struct cdi_files files;
	struct cdi_edit_sets {
		struct cdi_edit_set *v;
		size_t n, cap;
	} set;			   /* in the order of the request */
	struct oci_config *config; /* a copy, whose parts that are edited are copies too */
	struct cdi_edit_mounts {
		struct cdi_edit_mount *v;
		size_t n, cap;
	} mount;
};

/* All sets into q->config. */
int cdi_edit(struct cdi_editor *q);
