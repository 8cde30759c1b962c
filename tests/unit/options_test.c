/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <stddef.h>
#include <string.h>

#include "cmd/options.h"

struct taken {
	bool detach, tty;
	const char *bundle;
	struct cmd_list env;
	struct opt_u64 fds;
};

static const struct cmd_option rows[] = {
	{"detach", 'd', CMD_FLAG, offsetof(struct taken, detach), NULL, "x"},
	{"tty", 't', CMD_FLAG, offsetof(struct taken, tty), NULL, "x"},
	{"bundle", 'b', CMD_STRING, offsetof(struct taken, bundle), "DIR", "x"},
	{"env", 'e', CMD_LIST, offsetof(struct taken, env), "NAME=VALUE", "x"},
	{"preserve-fds", 0, CMD_UINT, offsetof(struct taken, fds), "N", "x"},
	{"no-subreaper", 0, CMD_IGNORED, 0, NULL, "x"},
	{"old", 0, CMD_IGNORED_VALUE, 0, "X", "x"},
	{0},
};

static struct arena arena;
static struct taken taken;
static struct options_result result;
static struct err error;

static int parse(enum cmd_order order, const char *const *argv)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	memset(&taken, 0, sizeof(taken));
	memset(&result, 0, sizeof(result));
	memset(&error, 0, sizeof(error));
	return options_parse(rows, order, argc, (char *const *)argv, &taken, &arena, &result,
			     &error);
}

#define PARSE(order, ...) parse(order, (const char *[]){__VA_ARGS__, NULL})

Test(options, takes_values_in_every_form)
{
	static const char *forms[][3] = {{"--bundle", "/b"}, {"--bundle=/b"}, {"-b", "/b"},
					 {"-b/b"},	     {"-b=/b"},	      {"-bundle", "/b"},
					 {"-bundle=/b"},     {"-dtb", "/b"}};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		cr_assert_eq(parse(CMD_PERMUTE, forms[i]), 0, "form %zu: %s", i, error.text);
		cr_assert_str_eq(taken.bundle, "/b", "form %zu", i);
		cr_assert_eq(result.n_operands, 0);
	}
	cr_assert(taken.detach && taken.tty);
}

Test(options, permutes_or_stops_at_the_first_operand)
{
	cr_assert_eq(PARSE(CMD_PERMUTE, "id", "-b", "/b", "more", "-d"), 0);
	cr_assert_str_eq(taken.bundle, "/b");
	cr_assert(taken.detach);
	cr_assert_eq(result.n_operands, 2);
	cr_assert_str_eq(result.operands[1], "more");
	cr_assert_null(result.operands[2]);

	cr_assert_eq(PARSE(CMD_STOP_AT_OPERAND, "-d", "id", "ls", "-t", "--bogus", "--"), 0);
	cr_assert(taken.detach && !taken.tty);
	cr_assert_eq(result.n_operands, 5);
	cr_assert_str_eq(result.operands[4], "--");

	cr_assert_eq(PARSE(CMD_PERMUTE, "-d", "--", "-t", "--", "x"), 0);
	cr_assert_eq(result.n_operands, 3);
	cr_assert(!taken.tty);
}

Test(options, takes_the_next_argument_as_the_value_whatever_it_looks_like)
{
	cr_assert_eq(PARSE(CMD_PERMUTE, "--bundle", "--detach", "-"), 0);
	cr_assert_str_eq(taken.bundle, "--detach");
	cr_assert(!taken.detach);
	cr_assert_str_eq(result.operands[0], "-");
	cr_assert_eq(PARSE(CMD_PERMUTE, "--bundle=", "id"), 0);
	cr_assert_str_eq(taken.bundle, "");
}

Test(options, collects_lists_and_reads_numbers_strictly)
{
	cr_assert_eq(PARSE(CMD_PERMUTE, "-e", "A=1", "--env=B=2", "-eC", "--preserve-fds", "3"), 0);
	cr_assert_eq(taken.env.n, 3);
	cr_assert_str_eq(taken.env.v[1], "B=2");
	cr_assert(taken.fds.set && taken.fds.v == 3);
	static const char *const bad[] = {"-1", "x", "", "3x", "18446744073709551616"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_eq(PARSE(CMD_PERMUTE, "--preserve-fds", bad[i]), -EINVAL, "'%s'", bad[i]);
		cr_assert_not_null(strstr(error.text, "--preserve-fds"));
	}
}

Test(options, says_what_is_wrong)
{
	cr_assert_eq(PARSE(CMD_PERMUTE, "--bundle"), -EINVAL);
	cr_assert_not_null(strstr(error.text, "flag needs an argument"));
	cr_assert_eq(PARSE(CMD_PERMUTE, "-b"), -EINVAL);
	cr_assert_not_null(strstr(error.text, "flag needs an argument"));
	cr_assert_eq(PARSE(CMD_PERMUTE, "--nope=1"), -EINVAL);
	cr_assert_not_null(strstr(error.text, "unknown option '--nope=1'"));
	cr_assert_eq(PARSE(CMD_PERMUTE, "-dx"), -EINVAL);
	cr_assert_eq(PARSE(CMD_PERMUTE, "--bund", "x"), -EINVAL);
	cr_assert_eq(PARSE(CMD_PERMUTE, "--detach=maybe"), -EINVAL);
	cr_assert_eq(PARSE(CMD_PERMUTE, "--=x"), -EINVAL);
}

Test(options, accepts_what_it_ignores_and_stops_at_help)
{
	cr_assert_eq(PARSE(CMD_PERMUTE, "-no-subreaper", "--old", "v", "--detach=false", "id"), 0);
	cr_assert(!taken.detach);
	cr_assert_eq(result.n_operands, 1);
	cr_assert_eq(PARSE(CMD_PERMUTE, "-h", "--bogus"), 0);
	cr_assert(result.help);
	cr_assert_eq(PARSE(CMD_PERMUTE, "id", "--help"), 0);
	cr_assert(result.help);
}
