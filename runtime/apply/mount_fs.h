/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/*
 * A detached mount of a new instance of m's file system, options and attributes set: fd or -errno
 * with e. target: what it will cover, whose mode and owner a tmpfs without options of its own takes
 * over. -ENOSYS (e may be set): not possible through fsopen(2) here (before 5.2, a value of more
 * than 255 bytes, a "fuse.x" subtype): mount(2) has to do it. -EPERM: e explains. World: init, its
 * namespaces final.
 */
int mount_fs_new(const struct plan *p, const struct plan_mount *m, int target, struct err *e);

/* Sets m->label, if there is one, on the root of the new mount fd; a file system without labels of
 * its own has those of the policy. -errno with e (-EINVAL: no label of the loaded policy). */
int mount_fs_label(const struct plan_mount *m, int fd, struct err *e);

/* Whether m is a tmpfs without a mode of its own: it takes over mode and owner of what it covers.
 */
bool mount_fs_takes_over(const struct plan_mount *m);

/* Options the plan could not know: those of mount_fs_takes_over(). "" when there are none. */
const char *mount_fs_extra(const struct plan_mount *m, int target, char buf[static 64]);
