/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a control file, read as each of the kinds that there are. */
#include "cgroup/stats_parse.h"
#include "files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoarena struct arena a = {0};
	struct cgroup_dir dir = {.controllers = "", .path = NULL, .v2 = true, .fd = FD_NONE};
	struct stats_source s = {.a = &a, .dir = &dir};
	struct stats_counts counts = {0};
	struct stats_numbers list = {0}, ranges = {0};
	struct stats_pressure pressure = {0};
	struct stats_io_list v1 = {0}, v2[STATS_IO_KINDS] = {{0}};
	struct stats_rdma rdma = {0};
	struct stats_usages keyed = {0}, huge = {0};
	uint64_t number;

	fuzz_quiet();
	files_write("file", data, size);
	files_write("io.stat", data, size);
	files_write("misc.current", data, size);
	files_write("misc.max", data, size);
	files_write("hugetlb.2MB.current", data, size);
	dir.path = files_path;
	dir.fd = files_dir();
	(void)stats_number(&s, "file", &number);
	stats_pairs(&s, "file", &counts);
	(void)stats_pair(&counts, "usage_usec");
	stats_list(&s, "file", &list);
	stats_ranges(&s, "file", &ranges);
	stats_pressure(&s, "file", &pressure);
	(void)stats_io_v1(&s, "file", &v1);
	stats_io_v2(&s, v2);
	stats_rdma(&s, "file", &rdma);
	stats_keyed(&s, "misc", &keyed);
	stats_hugetlb(&s, &huge);
	return 0;
}
