/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/*
 * All access below an untrusted root (a rootfs, which an image or a second container sharing a
 * volume controls). A path is resolved by the kernel as if root were "/" (openat2 with
 * RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, Linux 5.6; a descriptor walk of our own below that),
 * and the result is a descriptor: nothing is ever looked up by name twice (CVE-2021-30465,
 * CVE-2024-45310, CVE-2026-41579). No other module may call openat, mkdirat, mknodat, symlinkat,
 * unlinkat or renameat on such a tree.
 *
 * root: O_PATH descriptor of the tree's root. path: as the config has it; a leading '/' and ".."
 * are clamped at root. -ELOOP: too many links. -EXDEV: tried to leave. -EBUSY: renamed under us for
 * 100 ms.
 */

/* Opens an existing object. fd or -errno; e is set on every failure. */
int path_open(int root, const char *path, int flags, struct err *e);

/* As path_open(), without following a link in the last component. */
int path_open_nofollow(int root, const char *path, int flags, struct err *e);

/* Opens the entry of root itself that has this name, if it is no link and nothing is mounted on it:
 * fd, or -errno for any other case, which path_open() is for (-ENOSYS before 5.6). */
int path_open_entry(int root, const char *name, int flags);

/* Opens a directory, making missing components with mode (before umask) one by one. O_PATH fd. */
int path_mkdir(int root, const char *path, mode_t mode, struct err *e);

/* Opens an existing object O_PATH or makes an empty regular file (O_EXCL) with its parents (0755).
 */
int path_mkfile(int root, const char *path, mode_t mode, struct err *e);

/* Opens the parent directory of path (O_PATH, made when missing, 0755) and copies the last
 * component to name. -EINVAL: path has no last component ("/", "..", "a/.."). */
int path_parent(int root, const char *path, char name[static 256], struct err *e);

/* Makes a device node or fifo (mknodat) with mode (before umask) and owner, replacing nothing.
 * -EEXIST when anything has the name. */
int path_mknod(int root, const char *path, mode_t mode, dev_t dev, uid_t uid, gid_t gid,
	       struct err *e);

/* Removes what is not a directory, when is() says so of it. 0: also when there is nothing, or
 * something else. Between the question and the removal the tree's owner may put another thing of
 * his there. */
int path_unlink(int root, const char *path, bool (*is)(const struct stat *, const void *),
		const void *arg);

/* Makes link path -> target. An existing link to the same target is success, anything else -EEXIST.
 */
int path_symlink(int root, const char *path, const char *target, struct err *e);
