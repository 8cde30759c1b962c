/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CDI documents: one that is read is valid, and reads the same when it was written again. */
#include "hooks/cdi.h"
#include "fuzz.h"
#include "libocispec/json.h"

static void cdi_round(const struct cdi_spec *s, struct arena *a)
{
	struct cdi_spec *again;
	struct err e = {0};
	const char *once, *twice, *why;
	size_t n, m;

	FUZZ_HOLDS(!cdi_version_is_lower(s->version, cdi_required_version(s, a, &why)) ||
		   strcmp(cdi_required_version(s, a, &why), "0.3.0") == 0);
	FUZZ_HOLDS(oj_write(&cdi_spec_object, s, OCI_COMPACT, a, &once, &n) == 0);
	FUZZ_HOLDS(cdi_parse(once, n, a, &again, &e) == 0);
	FUZZ_HOLDS(oj_write(&cdi_spec_object, again, OCI_COMPACT, a, &twice, &m) == 0);
	FUZZ_HOLDS(n == m && memcmp(once, twice, n) == 0);
	FUZZ_HOLDS(strchr(cdi_file_name(s, a), '/') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoarena struct arena a = {0};
	struct cdi_spec *s;
	struct err e = {0};

	fuzz_quiet();
	if (cdi_parse((const char *)data, size, &a, &s, &e) < 0)
		FUZZ_HOLDS(e.code != 0 && strchr(e.text, '\n') == NULL);
	else
		cdi_round(s, &a);
	return 0;
}
