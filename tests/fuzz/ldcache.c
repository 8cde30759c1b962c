/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ld.so.cache of an image: read, merged and written, it reads the same. */
#include "hooks/ldcache.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoarena struct arena a = {0};
	const struct ldcache_entry add = {.flags = ldcache_flags(62, 64),
					  .name = "libibverbs.so.1",
					  .path = "/usr/lib64/libibverbs.so.1"};
	struct ldcache image = {0}, merged = {0}, again = {0};
	struct err e = {0};
	size_t n;

	fuzz_quiet();
	if (ldcache_parse((const char *)data, size, &a, &image, &e) < 0) {
		FUZZ_HOLDS(e.code != 0);
		return 0;
	}
	ldcache_merge(&image, &add, 1, &a, &merged);
	const char *text = ldcache_write(&merged, &a, &n, &e);
	if (text == NULL) {
		FUZZ_HOLDS(e.code == EFBIG);
		return 0;
	}
	FUZZ_HOLDS(ldcache_parse(text, n, &a, &again, &e) == 0);
	FUZZ_HOLDS(again.n == merged.n);
	FUZZ_HOLDS(ldcache_find(&again, add.flags, add.name) != NULL);
	return 0;
}
