/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>

#include "plan/convert.h"

Test(convert, maps_the_three_fixed_points_of_cpu_shares)
{
	cr_assert_eq(convert_cpu_shares(0), 0);
	cr_assert_eq(convert_cpu_shares(1), 1);
	cr_assert_eq(convert_cpu_shares(2), 1);
	cr_assert_eq(convert_cpu_shares(1024), 100);
	cr_assert_eq(convert_cpu_shares(262144), 10000);
	cr_assert_eq(convert_cpu_shares(UINT64_MAX), 10000);
}

Test(convert, never_gives_less_for_more_shares)
{
	uint64_t last = 0;

	for (uint64_t shares = 1; shares <= 262144; shares++) {
		uint64_t weight = convert_cpu_shares(shares);
		cr_assert(weight >= 1 && weight <= 10000 && weight >= last, "%lu shares: %lu",
			  (unsigned long)shares, (unsigned long)weight);
		last = weight;
	}
}

Test(convert, spreads_block_weights_over_the_whole_range)
{
	cr_assert_eq(convert_blkio_weight(0), 0);
	cr_assert_eq(convert_blkio_weight(10), 1);
	cr_assert_eq(convert_blkio_weight(500), 4950);
	cr_assert_eq(convert_blkio_weight(1000), 10000);
}

static const struct opt_i64 unset;

static struct opt_i64 of(int64_t v)
{
	return (struct opt_i64){true, v};
}

Test(convert, takes_memory_from_memory_and_swap)
{
	static const struct {
		struct opt_i64 limit, swap;
		int r;
		struct opt_i64 out;
	} rows[] = {
		{{true, 100}, {true, 300}, 0, {true, 200}},
		{{true, 100}, {true, 100}, 0, {true, 0}},
		{{true, 100}, {true, -1}, 0, {true, -1}},
		{{false, 0}, {true, -1}, 0, {true, -1}},
		{{true, -1}, {false, 0}, 0, {true, -1}},
		{{true, -1}, {true, 0}, 0, {true, -1}},
		{{true, 100}, {false, 0}, 0, {false, 0}},
		{{true, 100}, {true, 0}, 0, {false, 0}},
		{{true, 100}, {true, 99}, -EINVAL, {0}},
		{{false, 0}, {true, 100}, -EINVAL, {0}},
		{{true, 0}, {true, 100}, -EINVAL, {0}},
		{{true, -1}, {true, 100}, -EINVAL, {0}},
		{{true, 100}, {true, -2}, -EINVAL, {0}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct opt_i64 out = of(7);
		cr_assert_eq(convert_memory_swap(rows[i].limit, rows[i].swap, &out), rows[i].r,
			     "row %zu", i);
		if (rows[i].r < 0)
			continue;
		cr_assert_eq(out.set, rows[i].out.set, "row %zu", i);
		cr_assert_eq(out.v, rows[i].out.v, "row %zu", i);
	}
	struct opt_i64 out;
	cr_assert_eq(convert_memory_swap(unset, unset, &out), 0);
	cr_assert_not(out.set);
}
