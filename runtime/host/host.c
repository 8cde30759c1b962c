/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/host.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "host/cgroupfs.h"

/* /proc/self/uid_map of the initial user namespace is the one line "0 0 4294967295". */
static bool host_is_in_userns(const struct host *h)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;
	unsigned long long inside, outside, count;

	if (io_read_file(h->root, "proc/self/uid_map", 4096, &a, &text, NULL) < 0)
		return false;
	return sscanf(text, "%llu %llu %llu", &inside, &outside, &count) != 3 ||
	       count != 4294967295ULL;
}

/* One file instead of a prctl for each of 41 capabilities. */
static uint64_t host_bounding(const struct host *h)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;

	if (io_read_file(h->root, "proc/self/status", 65536, &a, &text, NULL) < 0)
		return 0;
	const char *line = strstr(text, "\nCapBnd:");
	return line == NULL ? 0 : strtoull(line + 8, NULL, 16);
}

int host_open(struct host *h, const char *root, struct arena *a, struct err *e)
{
	*h = (struct host){.arena = a, .euid = geteuid(), .egid = getegid()};
	h->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (h->root < 0)
		return err_sys(e, errno, "'%s'", root);
	h->in_userns = host_is_in_userns(h);
	h->cap_bounding = host_bounding(h);
	return cgroupfs_probe(h, e);
}

void host_done(struct host *h)
{
	fd_done(&h->root);
}
