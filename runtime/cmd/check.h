/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "base/arena.h"

/* What is well and what is not on a node, a line each: of doctor, and of graft check, whose lines
 * are among doctor's. */

enum check_level {
	CHECK_OK,
	CHECK_WARN, /* works, but less well, or not for everybody */
	CHECK_FAIL  /* something does not work */
};

struct check_item {
	enum check_level level;
	const char *area, *text;
	const char *remedy; /* NULL: nothing to mend */
};

struct checks {
	struct arena *a;
	struct check_item *v;
	size_t n, cap;
};

void check_add(struct checks *c, enum check_level level, const char *area, const char *remedy,
	       const char *fmt, ...) PRINTF(5, 6);

size_t check_count(const struct checks *c, enum check_level level);

/* ---- cmd/graft_check.c ---- */

struct host;
struct graft_inventory;
struct graft_policy;

/* What concerns grafts. policy NULL: it can't be read, which the caller has said. */
void graft_checks(struct checks *c, const struct host *h, const struct graft_inventory *inv,
		  const struct graft_policy *policy);
