/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <regex.h>
#include <stddef.h>

#include "apply/container.h"
#include "base/log.h"
#include "cmd/cmd.h"

struct delete_options {
	bool force, regex;
};

static const struct cmd_option delete_options[] = {
	{"force", 'f', CMD_FLAG, offsetof(struct delete_options, force), NULL,
	 "kill it first when it runs; a container that does not exist is no error"},
	{"regex", 'r', CMD_FLAG, offsetof(struct delete_options, regex), NULL,
	 "ID is an extended regular expression: delete every container it matches"},
	{0},
};

/* One that fails does not keep the others; the last error is the result. */
static int delete_matching(const struct store *s, const char *pattern, enum container_delete how,
			   struct arena *a, struct err *e)
{
	const char **names;
	size_t n;
	regex_t re;
	char text[200];
	int r = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB);

	if (r != 0) {
		(void)regerror(r, &re, text, sizeof(text));
		return err_set(e, EINVAL, "--regex: '%.100s': %s", pattern, text);
	}
	r = store_list(s, a, &names, &n, e);
	for (size_t i = 0, end = r == 0 ? n : 0; i < end; i++) {
		struct err why = {0};

		if (regexec(&re, names[i], 0, NULL, 0) != 0 ||
		    container_delete(s, names[i], how, &why) == 0)
			continue;
		if (r < 0)
			log_warn("%s", e->text);
		(void)err_take(e, &why);
		r = err_at(e, "%s", names[i]);
	}
	regfree(&re);
	return r;
}

static int delete_run(const struct cmd_global *g, const void *options, int n, char **operands,
		      struct err *e)
{
	const struct delete_options *o = options;
	enum container_delete how = o->force ? CONTAINER_DELETE_FORCE : CONTAINER_DELETE;
	__attribute__((cleanup(store_done))) struct store s = {.root = FD_NONE};
	int r = store_open(&s, g->root, STORE_EXISTING, g->arena, e);

	(void)n;
	if (r < 0)
		return r;
	return o->regex ? delete_matching(&s, operands[0], how, g->arena, e)
			: container_delete(&s, operands[0], how, e);
}

const struct cmd cmd_delete = {
	.name = "delete",
	.args = "ID",
	.summary = "delete a stopped container and all that belongs to it",
	.options = delete_options,
	.options_size = sizeof(struct delete_options),
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.run = delete_run,
};
