/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "apply/init.h"

/*
 * World: the runtime. Gives birth to init (or exec's process) with its namespaces, in the v2 cgroup
 * `into` (FD_NONE: none). One clone3, except where the namespaces to join ask for a bridge: a child
 * that enters them, gives birth to init as its own sibling (CLONE_PARENT) and is gone. *out_pid is
 * init in the runtime's pid namespace, a child of the runtime in either case. In the child
 * script(in) is run.
 */
int clone_init(struct init *in, int into, void (*script)(struct init *), int *out_pidfd,
	       pid_t *out_pid, struct err *e);

/* World: init, just born. Makes the namespaces that need no clone (mount, network, IPC, UTS).
 * -EPERM, -ENOSPC as the clone would. */
int clone_unshare(const struct plan *p, struct err *e);
