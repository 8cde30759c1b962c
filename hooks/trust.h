/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/stat.h>

#include "hooks/graft.h"

/*
 * Files that decide what root does for a container: who may write one has the devices, so only root
 * may. In a captured tree nothing is granted, and its files are those of whoever unpacked it.
 */

/* What st tells of: root's, and writable by nobody else. -EPERM with path in the message. */
int trust_check_stat(const struct host *h, const struct stat *st, const char *path, struct err *e);

/* The same of what fd is: root's. */
int trust_check(const struct host *h, int fd, const char *path, struct err *e);

/*
 * Opens path (absolute, below h->root) with flags, when it and every folder on the way are root's
 * alone. A link is followed when it is root's and so is all that it leads through (/var/run). fd;
 * -ENOENT without e: there is none; else -errno with e naming the part that is wrong.
 */
int trust_open(const struct host *h, const char *path, int flags, struct err *e);
