/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A small tmpfs of the runtime's own, as tmpfs(5) has its options; NULL leaves one to the kernel.
 */
struct tmpfs {
	const char *source; /* what mountinfo shows */
	const char *size;   /* bytes, with a suffix */
	const char *inodes; /* "nr_inodes" */
	unsigned int attr;  /* MOUNT_ATTR_* */
};

/* Makes it, mode 0755 and detached (Linux 5.2). The descriptor, the caller's, or -errno. */
int tmpfs_make(const struct tmpfs *t);
