/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command line, its arguments separated by NUL bytes or line breaks; and ids, signals, numbers.
 */
#include "cmd/options.h"
#include "base/num.h"
#include "base/signame.h"
#include "fuzz.h"
#include "plan/sched.h"
#include "state/store.h"

#define OPTIONS_ARGS_MAX 64
#define OPTIONS_BITS 1024

static void options_words(const char *word)
{
	unsigned long bits[OPTIONS_BITS / (8 * sizeof(unsigned long))] = {0};
	struct err e = {0};
	uint64_t u;
	int64_t i;

	if (store_check_id(word, &e) == 0)
		FUZZ_HOLDS(strlen(word) <= 255 && word[0] != '.' && strchr(word, '/') == NULL);
	(void)num_u64(word, UINT64_MAX, &u);
	(void)num_i64(word, INT64_MIN, INT64_MAX, &i);
	int signal = signame_parse(word);
	FUZZ_HOLDS(signal < 0 || signal <= 64);
	FUZZ_HOLDS(sched_list(word, bits, OPTIONS_BITS) <= OPTIONS_BITS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cmd *const cmds[] = {&cmd_create, &cmd_exec, &cmd_kill, &cmd_update};
	autoarena struct arena a = {0};
	char *text = fuzz_text(&a, data, size), *argv[OPTIONS_ARGS_MAX + 1] = {NULL};
	int argc = 0;

	fuzz_quiet();
	for (char *word = strsep(&text, "\n"); word != NULL && argc < OPTIONS_ARGS_MAX;
	     word = strsep(&text, "\n")) {
		options_words(word);
		argv[argc++] = word;
	}
	for (size_t i = 0; i < ARRAY_LEN(cmds); i++) {
		struct options_result found = {0};
		struct err e = {0};
		void *options = arena_alloc(&a, cmds[i]->options_size);
		int r = options_parse(cmds[i]->options, cmds[i]->order, argc, argv, options, &a,
				      &found, &e);

		FUZZ_HOLDS(r < 0 ? e.code != 0 : found.n_operands <= argc);
	}
	return 0;
}
