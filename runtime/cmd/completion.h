/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/cmd.h"

/*
 * Completion scripts for shells, out of the rows that the parser reads. A growing text in an arena;
 * what completes the value of an option is told by the name of the value and a few words.
 */
struct completion {
	struct arena *a;
	char *v;
	size_t n, cap;
};

PRINTF(2, 3) void completion_add(struct completion *c, const char *fmt, ...);

/* A text as it stands between single quotes of a shell; bracket: also as zsh's _arguments wants it,
 * with '[', ']' and ':' escaped. fish: its way to escape. Arena. */
enum completion_quote { QUOTE_SH, QUOTE_ZSH, QUOTE_FISH };
const char *completion_quoted(struct completion *c, const char *s, enum completion_quote how);

enum completion_value {
	VALUE_NONE,  /* a flag */
	VALUE_OTHER, /* nothing to offer */
	VALUE_FILE,
	VALUE_DIR,
	VALUE_WORDS,
};

/* What can stand behind an option (cmd NULL: a global one); words for VALUE_WORDS. */
enum completion_value completion_value(const struct cmd *cmd, const struct cmd_option *o,
				       const char **out_words);

/* Rows that callers of other runtimes may give, and people need not see. */
bool completion_is_hidden(const struct cmd_option *o);

/* The rows of a command; never NULL. */
const struct cmd_option *completion_rows(const struct cmd *cmd);

/* Its first operand is the id of a container that exists. */
bool completion_takes_id(const struct cmd *cmd);

/* The words of its first operand, such as "bash zsh fish"; NULL: none. */
const char *completion_operands(const struct cmd *cmd);

/* One script. */
void completion_bash(struct completion *c);
void completion_zsh(struct completion *c);
void completion_fish(struct completion *c);
