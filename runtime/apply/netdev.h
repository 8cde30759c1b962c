/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/cleanup.h"
#include "plan/plan.h"

/*
 * linux.netDevices (config-linux.md, 1.3): interfaces of the runtime's network namespace that the
 * container gets. What is moved comes back when the creation fails; after it the kernel alone
 * decides (it returns physical devices to the initial namespace and destroys virtual ones).
 * An RDMA device is not an interface: it stays where it is when its IPoIB interface moves.
 */
struct netdev_move {
	int host, inside; /* rtnetlink sockets of both network namespaces */
	int host_ns, inside_ns;
	struct netdev_one *v; /* arena */
	size_t n;
};

#define NETDEV_EMPTY                                                                               \
	{                                                                                          \
		.host = FD_NONE, .inside = FD_NONE, .host_ns = FD_NONE, .inside_ns = FD_NONE       \
	}

/* World: the runtime, before the clone. Looks every interface up, with its addresses. Nothing when
 * the plan has none. 0 or -errno: -ENODEV names the interface that is not there. */
int netdev_open(const struct plan *p, struct arena *a, struct netdev_move *m, struct err *e);

/*
 * World: the runtime, once init lives. Moves every interface into the network namespace of
 * netns_fd (borrowed), under its new name, gives it back its permanent global addresses and sets it
 * up. On failure those that were moved are brought back. -EEXIST: a name is taken there.
 */
int netdev_apply(const struct plan *p, struct netdev_move *m, int netns_fd, struct err *e);

/* Brings back what was moved, as it was; a warning where that fails. */
void netdev_undo(const struct plan *p, struct netdev_move *m);

void netdev_done(struct netdev_move *m);
