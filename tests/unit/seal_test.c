/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>

#include "apply/seal_early.h"
#include "cmd/cmd.h"

Test(seal, early_knows_the_commands_that_seal)
{
	for (const struct cmd *const *c = cmd_table; *c != NULL; c++)
		cr_assert_eq(seal_early_wants((*c)->name), (*c)->seal, "%s", (*c)->name);
	cr_assert_not(seal_early_wants(""));
	cr_assert_not(seal_early_wants("runs"));
}
