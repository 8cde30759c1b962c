/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/num.h"

Test(num, reads_whole_decimals_only)
{
	static const char *const bad[] = {"",	 "+1", "01",  " 1",  "1 ", "0x1",
					  "1e3", "-",  "--1", "1.0", "-0"};
	uint64_t u = 7;
	int64_t i = 7;

	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		cr_assert_eq(num_u64(bad[n], UINT64_MAX, &u), -EINVAL, "'%s'", bad[n]);
		cr_assert_eq(num_i64(bad[n], INT64_MIN, INT64_MAX, &i), -EINVAL, "'%s'", bad[n]);
	}
	cr_assert_eq(num_u64(NULL, 1, &u), -EINVAL);
	cr_assert_eq(u, 7);
	cr_assert_eq(i, 7);
}

Test(num, keeps_every_bit_and_refuses_the_next)
{
	uint64_t u;
	int64_t i;

	cr_assert_eq(num_u64("18446744073709551615", UINT64_MAX, &u), 0);
	cr_assert_eq(u, UINT64_MAX);
	cr_assert_eq(num_u64("18446744073709551616", UINT64_MAX, &u), -ERANGE);
	cr_assert_eq(num_u64("18446744073709551616x", UINT64_MAX, &u), -EINVAL);
	cr_assert_eq(num_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i), 0);
	cr_assert_eq(i, INT64_MIN);
	cr_assert_eq(num_i64("9223372036854775808", INT64_MIN, INT64_MAX, &i), -ERANGE);
	cr_assert_eq(num_u64("256", 255, &u), -ERANGE);
}
