/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/completion.h"

/* "'(-b --bundle)'{-b+,--bundle=}'[help]:DIR:_directories'", one line each. */
static void zsh_option(struct completion *c, const char *indent, const struct cmd *cmd,
		       const struct cmd_option *o)
{
	const char *words = "";
	enum completion_value v = completion_value(cmd, o, &words);
	const char *again = o->kind == CMD_LIST ? "*" : "";
	const char *equals = v == VALUE_NONE ? "" : "=", *plus = v == VALUE_NONE ? "" : "+";

	if (completion_is_hidden(o))
		return;
	if (o->letter != 0 && o->kind == CMD_LIST)
		completion_add(c, "%s'*'{-%c%s,--%s%s}'", indent, o->letter, plus, o->name, equals);
	else if (o->letter != 0)
		completion_add(c, "%s'(-%c --%s)'{-%c%s,--%s%s}'", indent, o->letter, o->name,
			       o->letter, plus, o->name, equals);
	else
		completion_add(c, "%s'%s--%s%s", indent, again, o->name, equals);
	completion_add(c, "[%s]", completion_quoted(c, o->help, QUOTE_ZSH));
	if (v != VALUE_NONE)
		completion_add(
			c, ":%s:",
			completion_quoted(c, o->value != NULL ? o->value : "VALUE", QUOTE_ZSH));
	if (v == VALUE_DIR)
		completion_add(c, "_directories");
	else if (v == VALUE_FILE)
		completion_add(c, "_files");
	else if (v == VALUE_WORDS)
		completion_add(c, "(%s)", words);
	completion_add(c, "' \\\n");
}

static void zsh_options(struct completion *c, const char *indent, const struct cmd *cmd,
			const struct cmd_option *rows)
{
	for (const struct cmd_option *o = rows; o->name != NULL; o++)
		zsh_option(c, indent, cmd, o);
	completion_add(c, "%s'(-h --help)'{-h,--help}'[show this help]' \\\n", indent);
}

static void zsh_command(struct completion *c, const struct cmd *cmd)
{
	const char *operands = completion_operands(cmd);

	completion_add(c, "\t\t(%s)\n\t\t\t_arguments -s \\\n", cmd->name);
	zsh_options(c, "\t\t\t\t", cmd, completion_rows(cmd));
	if (operands != NULL)
		completion_add(c, "\t\t\t\t'1: :(%s)' \\\n", operands);
	else if (completion_takes_id(cmd))
		completion_add(c, "\t\t\t\t'1:container:_greffon_ids' \\\n");
	completion_add(c, "\t\t\t\t&& return 0\n\t\t\t;;\n");
}

void completion_zsh(struct completion *c)
{
	completion_add(c,
		       "#compdef greffon\n"
		       "# zsh completion of greffon, made by: greffon completion zsh\n"
		       "_greffon_ids() {\n"
		       "\tlocal -a ids root\n"
		       "\t[[ -n ${opt_args[--root]} ]] && root=(--root ${opt_args[--root]})\n"
		       "\tids=(${(f)\"$(_call_program ids greffon $root list -q 2>/dev/null)\"})\n"
		       "\tcompadd -a ids\n"
		       "}\n"
		       "_greffon() {\n"
		       "\tlocal curcontext=$curcontext state line\n"
		       "\tlocal -A opt_args\n"
		       "\tlocal -a commands\n"
		       "\t_arguments -s -C \\\n");
	zsh_options(c, "\t\t", NULL, cmd_global_options);
	completion_add(c, "\t\t'1: :->command' \\\n"
			  "\t\t'*:: :->operands' && return 0\n"
			  "\tcase $state in\n"
			  "\t(command)\n"
			  "\t\tcommands=(\n");
	for (const struct cmd *const *cmd = cmd_table; *cmd != NULL; cmd++)
		completion_add(c, "\t\t\t'%s:%s'\n", (*cmd)->name,
			       completion_quoted(c, (*cmd)->summary, QUOTE_ZSH));
	completion_add(c, "\t\t)\n"
			  "\t\t_describe -t commands command commands\n"
			  "\t\t;;\n"
			  "\t(operands)\n"
			  "\t\tcase $words[1] in\n");
	for (const struct cmd *const *cmd = cmd_table; *cmd != NULL; cmd++)
		zsh_command(c, *cmd);
	completion_add(c, "\t\tesac\n"
			  "\t\t;;\n"
			  "\tesac\n"
			  "}\n"
			  "_greffon \"$@\"\n");
}
