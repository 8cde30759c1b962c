/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "apply/init.h"

/* Unmounts what is open as fd, whatever has its name by now; through the trusted procfs, since
 * umount2(2) takes nothing but a path. -EINVAL: it is no mount. */
int hotmount_detach(const struct procfs *pf, int fd);

/* World: a process in the container's namespaces, root its root. Takes away the plan's nodes (a
 * mount, a node, or the empty file that a mount lay on) and files (mounts); MOUNT_FILE stands for
 * the folder of libraries and the loader's cache out of it. What is gone already is no error, and
 * neither is what the container has put there itself: that stays. */
int hotgraft_remove(struct init *in, int root, struct err *e);
