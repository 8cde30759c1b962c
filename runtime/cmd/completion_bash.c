/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/completion.h"

/* "create:--bundle|create:-b"; a global option has no command. */
static void bash_pattern(struct completion *c, const struct cmd *cmd, const struct cmd_option *o)
{
	const char *name = cmd != NULL ? cmd->name : "";

	completion_add(c, "\t%s:--%s", name, o->name);
	if (o->letter != 0)
		completion_add(c, " | %s:-%c", name, o->letter);
	completion_add(c, ") ");
}

/* What completes the values of a command's options. */
static void bash_values(struct completion *c, const struct cmd *cmd, const struct cmd_option *rows)
{
	for (const struct cmd_option *o = rows; o->name != NULL; o++) {
		const char *words = "";
		enum completion_value v = completion_value(cmd, o, &words);

		if (v == VALUE_NONE)
			continue;
		bash_pattern(c, cmd, o);
		if (v == VALUE_DIR)
			completion_add(c, "_greffon_reply -d; return ;;\n");
		else if (v == VALUE_FILE)
			completion_add(c, "_greffon_reply -f; return ;;\n");
		else if (v == VALUE_WORDS)
			completion_add(c, "_greffon_reply -W '%s'; return ;;\n", words);
		else
			completion_add(c, "return ;;\n");
	}
}

static void bash_options(struct completion *c, const struct cmd_option *rows)
{
	for (const struct cmd_option *o = rows; o->name != NULL; o++) {
		if (completion_is_hidden(o))
			continue;
		completion_add(c, "--%s ", o->name);
		if (o->letter != 0)
			completion_add(c, "-%c ", o->letter);
	}
	completion_add(c, "--help -h");
}

static void bash_command(struct completion *c, const struct cmd *cmd)
{
	const char *operands = completion_operands(cmd);

	completion_add(c, "\t%s)\n\t\toptions='", cmd->name);
	bash_options(c, completion_rows(cmd));
	completion_add(c, "'\n");
	if (operands != NULL)
		completion_add(c, "\t\toperands='%s'\n", operands);
	else if (completion_takes_id(cmd))
		completion_add(c, "\t\toperands=$(\"${COMP_WORDS[0]}\" \"${root[@]}\" list -q "
				  "2>/dev/null)\n");
	completion_add(c, "\t\t;;\n");
}

/* The words before the command: which of them are values, and which state folder is meant. */
static void bash_find_command(struct completion *c)
{
	completion_add(c, "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			  "\t\tcase ${COMP_WORDS[i]} in\n"
			  "\t\t--root) root=(--root \"${COMP_WORDS[i + 1]}\"); ((i++)) ;;\n");
	for (const struct cmd_option *o = cmd_global_options; o->name != NULL; o++) {
		const char *words;
		if (completion_value(NULL, o, &words) != VALUE_NONE && strcmp(o->name, "root") != 0)
			completion_add(c, "\t\t--%s) ((i++)) ;;\n", o->name);
	}
	completion_add(c, "\t\t-* | =) ;;\n"
			  "\t\t*) cmd=${COMP_WORDS[i]}; break ;;\n"
			  "\t\tesac\n"
			  "\tdone\n");
}

void completion_bash(struct completion *c)
{
	completion_add(c,
		       "# bash completion of greffon, made by: greffon completion bash\n"
		       "_greffon_reply() {\n"
		       "\tmapfile -t COMPREPLY < <(compgen \"$@\" -- \"$cur\")\n"
		       "}\n"
		       "_greffon() {\n"
		       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
		       "\tlocal cmd='' i options='' operands=''\n"
		       "\tlocal -a root=()\n"
		       "\tCOMPREPLY=()\n");
	bash_find_command(c);
	/* --name=value comes as three words */
	completion_add(c, "\tif [[ $cur == = ]]; then\n"
			  "\t\tcur=''\n"
			  "\telif [[ $prev == = ]]; then\n"
			  "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
			  "\tfi\n"
			  "\tcase $cmd:$prev in\n");
	bash_values(c, NULL, cmd_global_options);
	for (const struct cmd *const *cmd = cmd_table; *cmd != NULL; cmd++)
		bash_values(c, *cmd, completion_rows(*cmd));
	completion_add(c, "\tesac\n\tcase $cmd in\n\t'')\n\t\toptions='");
	bash_options(c, cmd_global_options);
	completion_add(c, "'\n\t\toperands='");
	for (const struct cmd *const *cmd = cmd_table; *cmd != NULL; cmd++)
		completion_add(c, "%s%s", cmd == cmd_table ? "" : " ", (*cmd)->name);
	completion_add(c, "'\n\t\t;;\n");
	for (const struct cmd *const *cmd = cmd_table; *cmd != NULL; cmd++)
		bash_command(c, *cmd);
	completion_add(c, "\tesac\n"
			  "\tif [[ $cur == -* ]]; then\n"
			  "\t\t_greffon_reply -W \"$options\"\n"
			  "\telse\n"
			  "\t\t_greffon_reply -W \"$operands\"\n"
			  "\tfi\n"
			  "}\n"
			  "complete -o filenames -F _greffon greffon\n");
}
