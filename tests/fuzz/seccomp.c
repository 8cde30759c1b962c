/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linux.seccomp of a config.json, compiled. */
#include "apply/seccomp.h"

#include <sys/mman.h>

#include "fuzz.h"
#include "libocispec/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoarena struct arena a = {0};
	struct plan_options options = {.id = "fuzz", .bundle = "/"};
	struct seccomp_slot *slot = NULL;
	struct oci_config *c;
	struct err e = {0};

	fuzz_quiet();
	if (oci_config_parse((const char *)data, size, &a, &c, &e) < 0 || c->linux == NULL ||
	    c->linux->seccomp == NULL)
		return 0;
	struct plan p = {.arena = &a};
	struct plan_input in = {.config = c, .options = &options};
	if (plan_seccomp_build(&p, &in, &e) < 0 || seccomp_slot_new(&p, &slot, &e) < 0 ||
	    slot == NULL)
		return 0;
	(void)seccomp_compile(&p, FD_NONE, slot, &e);
	(void)munmap(slot, sizeof(*slot));
	return 0;
}
