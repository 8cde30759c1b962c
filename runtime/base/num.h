/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Presence is part of the type: an unset number is not 0. */
struct opt_i64 {
	bool set;
	int64_t v;
};
struct opt_u64 {
	bool set;
	uint64_t v;
};
struct opt_bool {
	bool set;
	bool v;
};

/*
 * Strict decimal: the whole string, no sign but a leading '-' for the signed one, no space, no
 * leading zeros (01 is octal to some readers). 0, -EINVAL (not a number) or -ERANGE (outside the
 * bounds).
 */
int num_u64(const char *s, uint64_t max, uint64_t *out);
int num_i64(const char *s, int64_t min, int64_t max, int64_t *out);
