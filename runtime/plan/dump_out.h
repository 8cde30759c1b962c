/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/dump.h"

/* How plan_dump() writes: items, each an area and name and value pairs, of which "origin" comes
 * last. */

struct dump {
	struct arena *a;
	enum dump_style style;
	char *v;
	size_t n, cap;
	bool item_open, any;
};

/* Begins an item, which ends the one before; dump_close() ends the last one. */
void dump_item(struct dump *d, const char *area);
void dump_close(struct dump *d);

/* Bytes as they are: what stands around the items. */
void dump_text(struct dump *d, const char *s);

/* Adds name=value to the open item; nothing for a NULL or empty value. A formatted one has 511
 * bytes at most. */
void dump_set(struct dump *d, const char *name, const char *value);
void dump_setf(struct dump *d, const char *name, const char *fmt, ...) PRINTF(3, 4);

/* name=yes, when it is so. */
static inline void dump_flag(struct dump *d, const char *name, bool is)
{
	dump_set(d, name, is ? "yes" : NULL);
}

struct dump_bit {
	uint64_t bit;
	const char *name;
};

/* The names of the set bits, comma separated. Arena memory. */
const char *dump_bits(struct arena *a, uint64_t bits, const struct dump_bit *names, size_t n);

/* A list of arguments as a shell would take it: those with a special character in single quotes.
 * v ends with NULL. Arena memory. */
const char *dump_words(struct arena *a, const char **v);

/* What concerns the program itself (plan/dump_process.c). */
void dump_process(struct dump *d, const struct plan *p);
