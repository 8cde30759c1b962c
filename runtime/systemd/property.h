/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The types that properties of a unit have on the bus, with their D-Bus signatures
 * (org.freedesktop.systemd1(5)). */
enum property_type {
	PROPERTY_BOOL,	  /* b: numbers[0] */
	PROPERTY_I32,	  /* i: numbers[0] */
	PROPERTY_U32,	  /* u: numbers[0] */
	PROPERTY_U64,	  /* t: numbers[0]; UINT64_MAX is systemd's "infinity" */
	PROPERTY_STRING,  /* s: strings[0] */
	PROPERTY_STRINGS, /* as: strings */
	PROPERTY_BYTES,	  /* ay: numbers, each below 256 */
	PROPERTY_PAIRS,	  /* a(ss): strings[0] with strings[1], and so on */
	PROPERTY_RATES,	  /* a(st): strings[i] with numbers[i] */
};
#define PROPERTY_TYPES (PROPERTY_RATES + 1)

/* One property as it is planned, sent to the helper and set. */
struct property {
	const char *name;
	enum property_type type;
	bool optional; /* a systemd that does not know it, or the value, is asked again without */
	const char **strings;
	size_t n_strings;
	uint64_t *numbers;
	size_t n_numbers;
	const char *origin; /* who asked for it; not sent */
};

struct properties {
	struct property *v;
	size_t n, cap;
};

/* Whether the numbers of strings and numbers fit the type. */
bool property_is_whole(const struct property *p);
