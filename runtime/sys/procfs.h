/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/*
 * A private handle on procfs. What the runtime reads or writes under /proc (labels, id maps,
 * sysctls, descriptors opened again) goes through it and never through the path "/proc": a volume
 * mounted there could hold files, links or other procfs files under the names we want
 * (CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2025-52881).
 *
 * The handle is an O_PATH descriptor of the root of the runtime's own /proc, opened before any
 * container file system exists and inherited by init; lookups below it never cross a mount
 * (RESOLVE_NO_XDEV), so what somebody mounted over its files is not seen. "self" is the caller as
 * the runtime's pid namespace sees it; entries of namespaces (sys/net, sys/kernel/shmmax) are those
 * of the caller's own namespaces.
 */
struct procfs {
	int fd; /* owned */
};

int procfs_open(struct procfs *p, struct err *e);
void procfs_done(struct procfs *p);

/* Opens rel ("self/attr/exec") below the handle without following any link out of it
 * (RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS), verifies that it is on procfs. fd or -errno; e is not
 * touched on -ENOENT. */
int procfs_openat(const struct procfs *p, const char *rel, int flags, struct err *e);

int procfs_write(const struct procfs *p, const char *rel, const char *value, struct err *e);
int procfs_read(const struct procfs *p, const char *rel, size_t max, struct arena *a, char **out,
		struct err *e);

/* The same of a file that io_read_whole() may be used for. */
int procfs_read_whole(const struct procfs *p, const char *rel, size_t max, struct arena *a,
		      char **out, struct err *e);

/* Opens again what fd (perhaps O_PATH) refers to, with other flags. fd or -errno. */
int procfs_reopen(const struct procfs *p, int fd, int flags, struct err *e);

/* "/proc/self/fd/N" for the few system calls that take nothing but a path, in buf. Only valid where
 * the caller's own /proc can be trusted, that is: before the rootfs's mounts are made. */
const char *procfs_fd_path(int fd, char buf[static 32]);
