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
	char text[4096];
	unsigned long long inside, outside, count;

	if (io_read_control(h->root, "proc/self/uid_map", text, sizeof(text)) < 0)
		return false;
	return sscanf(text, "%llu %llu %llu", &inside, &outside, &count) != 3 ||
	       count != 4294967295ULL;
}

/* One file instead of a prctl for each of 41 capabilities. The ids are there too, so that a
 * captured tree says who called. */
static void host_status(struct host *h)
{
	unsigned int real, effective;
	char text[8192];

	if (io_read_control(h->root, "proc/self/status", text, sizeof(text)) < 0)
		return;
	const char *ids = strstr(text, "\nUid:");
	if (ids != NULL && sscanf(ids + 5, "%u %u", &real, &effective) == 2)
		h->euid = effective;
	ids = strstr(text, "\nGid:");
	if (ids != NULL && sscanf(ids + 5, "%u %u", &real, &effective) == 2)
		h->egid = effective;
	const char *line = strstr(text, "\nCapBnd:");
	if (line != NULL)
		h->cap_bounding = strtoull(line + 8, NULL, 16);
	line = strstr(text, "\nCapEff:");
	if (line != NULL)
		h->cap_effective = strtoull(line + 8, NULL, 16);
	line = strstr(text, "\nSigIgn:");
	if (line != NULL)
		h->ignored_signals = strtoull(line + 8, NULL, 16);
}

int host_open_tree(struct host *h, const char *root, struct arena *a, struct err *e)
{
	*h = (struct host){
		.arena = a,
		.euid = geteuid(),
		.egid = getegid(),
		.captured = strcmp(root, "/") != 0,
	};
	h->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (h->root < 0)
		return err_sys(e, errno, "'%s'", root);
	h->in_userns = host_is_in_userns(h);
	return 0;
}

int host_open(struct host *h, const char *root, struct arena *a, struct err *e)
{
	int r = host_open_tree(h, root, a, e);

	if (r < 0)
		return r;
	host_status(h);
	return cgroupfs_probe(h, e);
}

void host_done(struct host *h)
{
	fd_done(&h->root);
}
