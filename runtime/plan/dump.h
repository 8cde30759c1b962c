/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

enum dump_style { DUMP_TEXT, DUMP_JSON };

/*
 * The plan for people (a line an item: area, what, and in parentheses who asked for it) or for
 * programs (an array of objects with the same members). Deterministic: the golden tests compare it
 * byte by byte. Arena memory.
 */
const char *plan_dump(const struct plan *p, enum dump_style style, size_t *out_len);
