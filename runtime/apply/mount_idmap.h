/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"
#include "sys/procfs.h"

/*
 * Maps the ids of the detached mount fd as m asks for: a child of a moment holds a user namespace
 * with the maps, mount_setattr takes them from it (Linux 5.12). -EINVAL: the message names the file
 * system that can't do it. World: the runtime, host namespaces, privileged; before the clone.
 */
int mount_idmap_set(const struct plan *p, const struct plan_mount *m, const struct procfs *pf,
		    int fd, struct err *e);

/* Name of the file system fd is on, for messages: "ext4", or its number. buf is used for the
 * latter. */
const char *mount_fs_name(int fd, char buf[static 32]);
