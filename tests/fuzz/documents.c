/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each kind of document: what was read and written again reads the same. */
#include "fuzz.h"
#include "libocispec/oci.h"

#define DOCUMENT(name, T)                                                                          \
	static void documents_##name(const char *text, size_t size)                                \
	{                                                                                          \
		autoarena struct arena a = {0};                                                    \
		struct err e = {0};                                                                \
		struct T *x;                                                                       \
		const char *once, *twice;                                                          \
		size_t n, m;                                                                       \
		if (oci_##name##_parse(text, size, &a, &x, &e) < 0) {                              \
			FUZZ_HOLDS(e.code != 0 && strchr(e.text, '\n') == NULL);                   \
			return;                                                                    \
		}                                                                                  \
		FUZZ_HOLDS(oci_##name##_write(x, OCI_COMPACT, &a, &once, &n) == 0);                \
		FUZZ_HOLDS(oci_##name##_parse(once, n, &a, &x, &e) == 0);                          \
		FUZZ_HOLDS(oci_##name##_write(x, OCI_COMPACT, &a, &twice, &m) == 0);               \
		FUZZ_HOLDS(n == m && memcmp(once, twice, n) == 0);                                 \
	}

DOCUMENT(config, oci_config)
DOCUMENT(process, oci_process)
DOCUMENT(resources, oci_resources)
DOCUMENT(state, oci_state)
DOCUMENT(features, oci_features)
DOCUMENT(container_process_state, oci_container_process_state)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoarena struct arena a = {0};
	const char *text = (const char *)data;
	struct oci_mount *mounts;
	struct err e = {0};
	size_t n;

	fuzz_quiet();
	documents_config(text, size);
	documents_process(text, size);
	documents_resources(text, size);
	documents_state(text, size);
	documents_features(text, size);
	documents_container_process_state(text, size);
	(void)oci_mounts_parse(text, size, &a, &mounts, &n, &e);
	return 0;
}
