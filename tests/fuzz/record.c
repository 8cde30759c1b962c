/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state.json, which a crash may have torn. */
#include "state/record.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoarena struct arena a = {0};
	struct record *r, *again;
	struct err e = {0};
	const char *text;
	size_t n;

	fuzz_quiet();
	if (record_parse((const char *)data, size, &a, &r, &e) < 0) {
		FUZZ_HOLDS(e.code != 0);
		return 0;
	}
	FUZZ_HOLDS(record_write(r, &a, &text, &n) == 0);
	FUZZ_HOLDS(record_parse(text, n, &a, &again, &e) == 0);
	FUZZ_HOLDS(strcmp(r->id, again->id) == 0 && r->pid == again->pid &&
		   r->n_cgroup == again->n_cgroup);
	return 0;
}
