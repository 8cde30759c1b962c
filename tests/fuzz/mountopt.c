/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of a mount, a comma or a line break between them. */
#include "plan/mountopt.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoarena struct arena a = {0};
	struct {
		const char **v;
		size_t n, cap;
	} words = {0};
	struct mountopt out;
	char *text = fuzz_text(&a, data, size);

	for (char *word = strsep(&text, ",\n"); word != NULL; word = strsep(&text, ",\n"))
		*ARENA_PUSH(&a, &words) = word;
	mountopt_parse(words.v, words.n, &a, &out);
	FUZZ_HOLDS((out.attr_set & out.attr_clr & 0xf) == 0);
	FUZZ_HOLDS((out.rec_attr_set & out.rec_attr_clr & 0xf) == 0);
	FUZZ_HOLDS(out.data == NULL || out.data_index < words.n);
	return 0;
}
