/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/completion.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"

void completion_add(struct completion *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	while (c->cap - c->n <= (size_t)n)
		c->v = arena_grow(c->a, c->v, c->cap, &c->cap, 1);
	va_start(ap, fmt);
	(void)vsnprintf(c->v + c->n, c->cap - c->n, fmt, ap);
	va_end(ap);
	c->n += (size_t)n;
}

const char *completion_quoted(struct completion *c, const char *s, enum completion_quote how)
{
	char *out = arena_alloc(c->a, 4 * strlen(s) + 1);
	size_t n = 0;

	for (; *s != '\0'; s++) {
		bool special = how == QUOTE_ZSH && strchr("[]:\\", *s) != NULL;

		if (*s == '\'' && how != QUOTE_FISH) {
			memcpy(out + n, "'\\''", 4);
			n += 4;
			continue;
		}
		if (special || (how == QUOTE_FISH && (*s == '\'' || *s == '\\')))
			out[n++] = '\\';
		out[n++] = *s;
	}
	return out;
}

bool completion_is_hidden(const struct cmd_option *o)
{
	return o->kind == CMD_IGNORED || o->kind == CMD_IGNORED_VALUE;
}

const struct cmd_option *completion_rows(const struct cmd *cmd)
{
	static const struct cmd_option none[] = {{0}};

	return cmd->options != NULL ? cmd->options : none;
}

bool completion_takes_id(const struct cmd *cmd)
{
	static const char *const make[] = {"create", "run", "restore"};

	for (size_t i = 0; i < ARRAY_LEN(make); i++)
		if (strcmp(cmd->name, make[i]) == 0)
			return false;
	return strncmp(cmd->args, "ID", 2) == 0;
}

const char *completion_operands(const struct cmd *cmd)
{
	static const struct {
		const char *cmd, *words;
	} known[] = {
		{"completion", "bash zsh fish"},
		{"graft", "list plan check capture show diff cdi"},
		{"mounts", "add remove"},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(cmd->name, known[i].cmd) == 0)
			return known[i].words;
	return NULL;
}

/* The fixed words of an option; NULL: it has none. */
static const char *completion_words(const char *cmd, const char *option)
{
	static const struct {
		const char *cmd, *option, *words; /* cmd "": a global option */
	} known[] = {
		{"", "log-format", "text json"},
		{"", "log-level", "error warning debug"},
		{"", "cgroup-manager", "cgroupfs systemd disabled"},
		{"", "rootless", "true false auto"},
		{"list", "format", "table json"},
		{"ps", "format", "table json"},
		{"plan", "format", "text json"},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(cmd, known[i].cmd) == 0 && strcmp(option, known[i].option) == 0)
			return known[i].words;
	return NULL;
}

enum completion_value completion_value(const struct cmd *cmd, const struct cmd_option *o,
				       const char **out_words)
{
	static const char *const files[] = {"FILE", "SOCKET", "PATH"};
	static const char *const inside[] = {"cwd", "cgroup"}; /* of exec: paths in the container */

	if (o->kind == CMD_FLAG || o->kind == CMD_IGNORED)
		return VALUE_NONE;
	const char *words = completion_words(cmd != NULL ? cmd->name : "", o->name);
	if (words != NULL) {
		*out_words = words;
		return VALUE_WORDS;
	}
	for (size_t i = 0; i < ARRAY_LEN(inside); i++)
		if (strcmp(o->name, inside[i]) == 0)
			return VALUE_OTHER;
	if (o->value != NULL && strcmp(o->value, "DIR") == 0)
		return VALUE_DIR;
	for (size_t i = 0; o->value != NULL && i < ARRAY_LEN(files); i++)
		if (strcmp(o->value, files[i]) == 0)
			return VALUE_FILE;
	return VALUE_OTHER;
}

static int completion_run(const struct cmd_global *g, const void *options, int n, char **operands,
			  struct err *e)
{
	static const struct {
		const char *name;
		void (*script)(struct completion *);
	} shells[] = {
		{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};
	struct completion c = {.a = g->arena};

	(void)options;
	(void)n;
	for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
		if (strcmp(operands[0], shells[i].name) != 0)
			continue;
		shells[i].script(&c);
		int r = io_write_all(STDOUT_FILENO, c.v, c.n);
		return r < 0 ? err_sys(e, -r, "standard output") : 0;
	}
	return err_set(e, EINVAL, "unknown shell '%.100s'; one of bash, zsh, fish", operands[0]);
}

const struct cmd cmd_completion = {
	.name = "completion",
	.args = "SHELL",
	.summary = "print a completion script for bash, zsh or fish",
	.options = NULL,
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.run = completion_run,
};
