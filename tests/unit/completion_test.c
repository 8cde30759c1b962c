/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/completion.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"

/* Every command and option of the tables is in each shell's script and in the man pages. */
static struct arena arena;

static const char *script(void (*make)(struct completion *))
{
	struct completion c = {.a = &arena};

	make(&c);
	cr_assert_eq(strlen(c.v), c.n);
	return c.v;
}

static const char *page(const char *name)
{
	char *text;
	const char *path = arena_printf(&arena, TOP_SRCDIR "/man/%s", name);

	cr_assert_eq(io_read_file(AT_FDCWD, path, 1 << 20, &arena, &text, NULL), 0,
		     "there is no page '%s'", path);
	return text;
}

/* In bash's script the rows of a command lie between "\tNAME)" and ";;". */
static bool bash_has(const char *bash, const char *cmd, const char *option)
{
	const char *head = arena_printf(&arena, "\n\t%s)\n\t\toptions='", cmd);
	const char *from = strstr(bash, head);

	if (from == NULL)
		return false;
	from += strlen(head);
	const char *at = strstr(from, arena_printf(&arena, "--%s ", option));
	return at != NULL && at < strchr(from, '\'');
}

static bool zsh_has(const char *zsh, const char *cmd, const char *option)
{
	const char *from = cmd[0] == '\0' ? strstr(zsh, "_arguments -s -C")
					  : strstr(zsh, arena_printf(&arena, "\t\t(%s)\n", cmd));
	const char *end = from != NULL ? strstr(from, "&& return 0") : NULL;
	const char *at = from != NULL ? strstr(from, arena_printf(&arena, "--%s", option)) : NULL;

	return end != NULL && at != NULL && at < end;
}

static bool fish_has(const char *fish, const char *cmd, const char *option)
{
	const char *when = cmd[0] == '\0'
				   ? "__fish_use_subcommand"
				   : arena_printf(&arena, "__fish_seen_subcommand_from %s", cmd);

	return strstr(fish, arena_printf(&arena, "-n '%s' -l %s ", when, option)) != NULL;
}

static void check_rows(const char *cmd, const char *name, const struct cmd_option *rows)
{
	const char *bash = script(completion_bash), *zsh = script(completion_zsh),
		   *fish = script(completion_fish), *man = page(name);

	for (const struct cmd_option *o = rows; o->name != NULL; o++) {
		cr_expect(o->help != NULL && o->help[0] != '\0', "%s --%s: no help", cmd, o->name);
		if (completion_is_hidden(o))
			continue;
		cr_expect(bash_has(bash, cmd[0] == '\0' ? "''" : cmd, o->name), "bash: %s --%s",
			  cmd, o->name);
		cr_expect(zsh_has(zsh, cmd, o->name), "zsh: %s --%s", cmd, o->name);
		cr_expect(fish_has(fish, cmd, o->name), "fish: %s --%s", cmd, o->name);
		cr_expect(strstr(man, arena_printf(&arena, "Fl Fl %s", o->name)) != NULL,
			  "%s: --%s is not in it", name, o->name);
		if (o->letter != 0)
			cr_expect(strstr(man, arena_printf(&arena, "Fl %c ", o->letter)) != NULL,
				  "%s: -%c is not in it", name, o->letter);
	}
}

Test(completion, every_option_of_every_command)
{
	check_rows("", "greffon.1", cmd_global_options);
	for (const struct cmd *const *c = cmd_table; *c != NULL; c++)
		check_rows((*c)->name, arena_printf(&arena, "greffon-%s.8", (*c)->name),
			   completion_rows(*c));
}

Test(completion, every_command_is_in_the_overview)
{
	const char *man = page("greffon.1");

	for (const struct cmd *const *c = cmd_table; *c != NULL; c++)
		cr_expect(strstr(man, arena_printf(&arena, "\n.It Xr greffon-%s 8\n",
						   (*c)->name)) != NULL,
			  "greffon.1 does not list %s", (*c)->name);
}

Test(completion, help_texts_are_quoted)
{
	struct completion c = {.a = &arena};

	cr_assert_str_eq(completion_quoted(&c, "it's [a]: b\\", QUOTE_SH), "it'\\''s [a]: b\\");
	cr_assert_str_eq(completion_quoted(&c, "it's [a]: b", QUOTE_ZSH), "it'\\''s \\[a\\]\\: b");
	cr_assert_str_eq(completion_quoted(&c, "it's [a]\\", QUOTE_FISH), "it\\'s [a]\\\\");
}
