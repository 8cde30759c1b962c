/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A library of an image or of the host. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "fuzz.h"
#include "hooks/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const prefixes[] = {"ibv_", "PMI", "MPI_"};
	autoarena struct arena a = {0};
	struct elf_symbols symbols = {0};
	struct elf out = {0};
	struct err e = {0};
	autoclose int fd = memfd_create("elf", MFD_CLOEXEC);

	fuzz_quiet();
	FUZZ_HOLDS(fd >= 0 && io_write_all(fd, data, size) == 0);
	(void)elf_read(fd, &a, &out, &e);
	(void)elf_symbols(fd, prefixes, ARRAY_LEN(prefixes), &a, &symbols, &e);
	return 0;
}
