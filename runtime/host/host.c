/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/host.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "host/cgroupfs.h"

#define HOST_USER_NS 0xEFFFFFFDU

/* The initial user namespace has a fixed inode (PROC_USER_INIT_INO, 3.8), and as /proc/self/uid_map
 * the one line "0 0 4294967295", which another may have as well. */
static bool host_is_in_userns(const struct host *h)
{
	char text[4096];
	unsigned long long inside, outside, count;
	struct stat st;

	if (!h->captured && fstatat(h->root, "proc/self/ns/user", &st, 0) == 0 &&
	    st.st_ino == HOST_USER_NS)
		return false;
	if (io_read_control(h->root, "proc/self/uid_map", text, sizeof(text)) < 0)
		return false;
	return sscanf(text, "%llu %llu %llu", &inside, &outside, &count) != 3 ||
	       count != 4294967295ULL;
}

/* One file instead of a prctl for each of 41 capabilities. The ids are there too, so that a
 * captured tree says who called. */
static void host_status(struct host *h)
{
	unsigned int real;
	char text[8192] = "";

	(void)io_read_control(h->root, "proc/self/status", text, sizeof(text));
	const char *ids = strstr(text, "\nUid:");
	if (ids == NULL || sscanf(ids + 5, "%u %u", &real, &h->euid) != 2)
		h->euid = geteuid();
	ids = strstr(text, "\nGid:");
	if (ids == NULL || sscanf(ids + 5, "%u %u", &real, &h->egid) != 2)
		h->egid = getegid();
	const char *line = strstr(text, "\nCapBnd:");
	if (line != NULL)
		h->cap_bounding = strtoull(line + 8, NULL, 16);
	line = strstr(text, "\nCapEff:");
	if (line != NULL)
		h->cap_effective = strtoull(line + 8, NULL, 16);
	line = strstr(text, "\nSigIgn:");
	h->ignored_signals = line != NULL ? strtoull(line + 8, NULL, 16) : UINT64_MAX;
	line = strstr(text, "\nSigBlk:");
	h->blocked_signals = line != NULL ? strtoull(line + 8, NULL, 16) : UINT64_MAX;
}

static int host_open_root(struct host *h, const char *root, struct arena *a, struct err *e)
{
	*h = (struct host){.arena = a, .captured = strcmp(root, "/") != 0};
	h->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (h->root < 0)
		return err_sys(e, errno, "'%s'", root);
	h->in_userns = host_is_in_userns(h);
	return 0;
}

int host_open_tree(struct host *h, const char *root, struct arena *a, struct err *e)
{
	int r = host_open_root(h, root, a, e);

	h->euid = geteuid();
	h->egid = getegid();
	return r;
}

int host_open(struct host *h, const char *root, struct arena *a, struct err *e)
{
	int r = host_open_root(h, root, a, e);

	if (r < 0)
		return r;
	host_status(h);
	return cgroupfs_probe(h, e);
}

void host_done(struct host *h)
{
	fd_done(&h->root);
}
