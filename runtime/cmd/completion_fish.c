/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/completion.h"

static void fish_option(struct completion *c, const char *when, const struct cmd *cmd,
			const struct cmd_option *o)
{
	const char *words = "";

	if (completion_is_hidden(o))
		return;
	completion_add(c, "complete -c greffon -n '%s' -l %s", when, o->name);
	if (o->letter != 0)
		completion_add(c, " -s %c", o->letter);
	switch (completion_value(cmd, o, &words)) {
	case VALUE_NONE:
		break;
	case VALUE_OTHER:
		completion_add(c, " -x");
		break;
	case VALUE_FILE:
		completion_add(c, " -r -F");
		break;
	case VALUE_DIR:
		completion_add(c, " -x -a '(__fish_complete_directories)'");
		break;
	case VALUE_WORDS:
		completion_add(c, " -x -a '%s'", words);
		break;
	}
	completion_add(c, " -d '%s'\n", completion_quoted(c, o->help, QUOTE_FISH));
}

static void fish_options(struct completion *c, const char *when, const struct cmd *cmd,
			 const struct cmd_option *rows)
{
	for (const struct cmd_option *o = rows; o->name != NULL; o++)
		fish_option(c, when, cmd, o);
	completion_add(c, "complete -c greffon -n '%s' -l help -s h -d 'show this help'\n", when);
}

void completion_fish(struct completion *c)
{
	completion_add(c, "# fish completion of greffon, made by: greffon completion fish\n"
			  "complete -c greffon -f\n");
	for (const struct cmd *const *cmd = cmd_table; *cmd != NULL; cmd++)
		completion_add(c, "complete -c greffon -n __fish_use_subcommand -a %s -d '%s'\n",
			       (*cmd)->name, completion_quoted(c, (*cmd)->summary, QUOTE_FISH));
	fish_options(c, "__fish_use_subcommand", NULL, cmd_global_options);
	for (const struct cmd *const *cmd = cmd_table; *cmd != NULL; cmd++) {
		const char *when =
			arena_printf(c->a, "__fish_seen_subcommand_from %s", (*cmd)->name);
		const char *operands = completion_operands(*cmd);

		fish_options(c, when, *cmd, completion_rows(*cmd));
		if (operands != NULL)
			completion_add(c, "complete -c greffon -n '%s' -a '%s'\n", when, operands);
		else if (completion_takes_id(*cmd))
			completion_add(c,
				       "complete -c greffon -n '%s' -a '(greffon list -q "
				       "2>/dev/null)' -d container\n",
				       when);
	}
}
