/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>

#include "base/signame.h"

Test(signal, takes_names_in_any_case_with_or_without_sig)
{
	static const struct {
		const char *text;
		int number;
	} good[] = {
		{"TERM", SIGTERM},
		{"SIGTERM", SIGTERM},
		{"sigterm", SIGTERM},
		{"Kill", SIGKILL},
		{"9", 9},
		{"0", 0},
		{"64", 64},
		{"winch", SIGWINCH},
		{"IOT", SIGABRT},
		{"SIGPOLL", SIGIO},
		{"CLD", SIGCHLD},
		{"sys", SIGSYS},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert_eq(signame_parse(good[i].text), good[i].number, "'%s'", good[i].text);
}

Test(signal, counts_real_time_signals_from_both_ends)
{
	cr_assert_eq(signame_parse("RTMIN"), SIGRTMIN);
	cr_assert_eq(signame_parse("sigrtmin+3"), SIGRTMIN + 3);
	cr_assert_eq(signame_parse("RTMAX-1"), SIGRTMAX - 1);
	cr_assert_eq(signame_parse("RTMIN+30"), SIGRTMAX);
	cr_assert_eq(signame_parse("RTMIN+31"), -EINVAL);
	cr_assert_eq(signame_parse("RTMIN-1"), -EINVAL);
	cr_assert_eq(signame_parse("RTMAX+1"), -EINVAL);
}

Test(signal, refuses_what_is_no_signal)
{
	static const char *const bad[] = {"",	"SIG", "FOO",	"65",	      "-9",    "9x",
					  " 9", "09",  "TERM ", "SIGSIGTERM", "RTMIN+"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(signame_parse(bad[i]), -EINVAL, "'%s'", bad[i]);
}
