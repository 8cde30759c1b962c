/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/*
 * What a config asks for beyond the specification, by annotations: org.greffon.NAME, or crun's
 * run.oci.NAME. An annotation often comes with an image, and nobody can tell: as root of the host
 * none may name a path that is opened or connected to with root's rights.
 */

/* The value of org.greffon.NAME or run.oci.NAME; NULL: neither is there. */
const char *annotation_get(const struct plan *p, const char *name);

/* The same for one that names a path. As root of the host, one that is there has no effect and one
 * warning says what to use instead; a value that is no absolute path is ignored with a warning too.
 */
const char *annotation_path(const struct plan *p, const struct host *h, const char *name,
			    const char *instead);
