/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/num.h"

#include <errno.h>
#include <stddef.h>

int num_u64(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s == NULL || *s == '\0' || (s[0] == '0' && s[1] != '\0'))
		return -EINVAL;
	for (const char *p = s; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v)) {
			/* the rest still has to be digits for "too large" to be the right answer */
			for (; *p >= '0' && *p <= '9'; p++)
				;
			return *p == '\0' ? -ERANGE : -EINVAL;
		}
	}
	if (v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

int num_i64(const char *s, int64_t min, int64_t max, int64_t *out)
{
	bool minus = s != NULL && s[0] == '-';
	uint64_t v;
	int r = num_u64(minus ? s + 1 : s, minus ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX,
			&v);

	if (r < 0)
		return r;
	if (minus && v == 0)
		return -EINVAL;
	int64_t value = minus ? (int64_t)(0 - v) : (int64_t)v;
	if (value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}
