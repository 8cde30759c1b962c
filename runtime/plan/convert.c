/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/convert.h"

#include <errno.h>
#include <math.h>

uint64_t convert_cpu_shares(uint64_t shares)
{
	if (shares == 0)
		return 0;
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	double l = log2((double)shares);
	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34));
}

uint64_t convert_blkio_weight(uint64_t weight)
{
	if (weight == 0)
		return 0;
	if (weight <= 10)
		return 1;
	return weight >= 1000 ? 10000 : 1 + (weight - 10) * 9999 / 990;
}

int convert_memory_swap(struct opt_i64 limit, struct opt_i64 swap, struct opt_i64 *out)
{
	bool no_swap_given = !swap.set || swap.v == 0;

	*out = (struct opt_i64){0};
	if (limit.set && limit.v == -1 && no_swap_given) {
		*out = (struct opt_i64){true, -1};
		return 0;
	}
	if (no_swap_given)
		return 0;
	if (swap.v == -1) {
		*out = (struct opt_i64){true, -1};
		return 0;
	}
	if (!limit.set || limit.v == 0 || limit.v == -1 || swap.v < limit.v || swap.v < 0)
		return -EINVAL;
	*out = (struct opt_i64){true, swap.v - limit.v};
	return 0;
}
