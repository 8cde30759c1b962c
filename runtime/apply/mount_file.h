/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/*
 * World: init, the rootfs is assembled at root. Makes the file of a MOUNT_FILE (m->content at
 * m->source, in the container) and returns a detached read-only clone of it for m->target, with m's
 * attributes; or -errno. The plan sees to it that m->source lies on a file system of this container
 * alone. -ENOSYS: needs open_tree (Linux 5.2).
 */
int mount_file_new(const struct plan_mount *m, int root, struct err *e);
