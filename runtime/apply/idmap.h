/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"
#include "sys/procfs.h"

/*
 * World: the runtime; pid is a child in a new user namespace that waits. Writes its uid_map and
 * gid_map, itself where it may, else through newuidmap and newgidmap, whose result it reads back;
 * with a single unprivileged mapping "deny" to setgroups before (CVE-2014-8989). e names
 * linux.uidMappings or linux.gidMappings.
 */
int idmap_write(const struct plan_ns *ns, const struct procfs *pf, pid_t pid, struct err *e);

/* The text of a map file for entries, in arena memory: "inside outside count\n" a line. */
const char *idmap_text(const struct plan_idmap *map, struct arena *a);
