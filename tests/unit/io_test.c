/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"

/* A control file of sysfs has the size of a page, whatever it holds. */
Test(io, what_a_file_holds_counts_and_not_its_size)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	const char *const name = "/sys/devices/system/cpu/online";
	struct stat st;
	char *text;

	if (stat(name, &st) < 0 || st.st_size <= 64)
		cr_skip_test("no file of sysfs that claims to have a page");
	cr_assert_eq(io_read_file(AT_FDCWD, name, 64, &a, &text, NULL), 0);
	cr_assert_eq(text[0], '0');
	cr_assert_eq(io_read_file(AT_FDCWD, name, 1, &a, &text, NULL),
		     strlen(text) > 1 ? -EFBIG : 0);
}

Test(io, a_file_over_the_bound_is_refused)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;
	size_t n;

	cr_assert_eq(io_read_file(AT_FDCWD, "/proc/self/exe", 4096, &a, &text, &n), -EFBIG);
	cr_assert_eq(io_read_file(AT_FDCWD, "/proc/self/status", 8, &a, &text, &n), -EFBIG);
}
