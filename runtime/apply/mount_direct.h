/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"
#include "sys/procfs.h"

/*
 * New file systems and binds by one mount(2) instead of the five to nine calls of fsopen(2) and its
 * kin. The target is a descriptor all the same: "self/fd/N" below the trusted procfs, which is the
 * working directory meanwhile. Only for what has all its flags in that one call, and only where
 * nobody but init can be in the mount namespace. Whatever is refused here is left to the other
 * calls, which say why.
 *
 * World: init, its namespaces final, the host's tree at "/".
 */
struct mount_direct {
	const struct procfs *pf; /* NULL: never */
	bool there;		 /* it is the working directory */
};

struct mount_direct mount_direct_new(const struct plan *p, const struct procfs *pf);

/* Where: on at itself (O_PATH), or, with a name, on what has that name below at: nobody may be able
 * to exchange it, as in a tmpfs that init has just made or in a sysfs. True: m's file system is
 * mounted. */
bool mount_direct_fs(struct mount_direct *d, const struct plan_mount *m, int at, const char *name);

/* The same of a bind mount of source (not recursive), with the attributes and propagation of what
 * it was taken from. */
bool mount_direct_bind(struct mount_direct *d, const char *source, int at, const char *name);
