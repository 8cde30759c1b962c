/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/cmd.h"

/* What came before the operands, and the operands. */
struct options_result {
	bool help; /* --help or -h was among them: nothing else counts */
	int n_operands;
	char **operands; /* NULL-terminated; the strings are the caller's */
};

/*
 * Parses argv[0..argc) by rows into the struct at out (CMD_LIST grows in a). Forms: --name VALUE,
 * --name=VALUE, one dash for two, -l VALUE, -lVALUE, clusters of letters, flags with =true or
 * =false; "--" ends the options. A missing value is told in words containing "flag needs an
 * argument", which podman looks for to learn whether a runtime knows an option. 0 or -EINVAL.
 */
int options_parse(const struct cmd_option *rows, enum cmd_order order, int argc, char *const *argv,
		  void *out, struct arena *a, struct options_result *result, struct err *e);

/* Help texts on standard output. 0 or -errno of the write. */
int options_help_command(const struct cmd *c, struct arena *a);
int options_help_all(const struct cmd_option *global, struct arena *a);
