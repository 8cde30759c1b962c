/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/cleanup.h"
#include "plan/plan.h"

struct host;
struct record;

/*
 * RDMA devices of the runtime's network namespace that the container gets for itself: rdma(8)'s
 * "dev set DEVICE netns", in the kernel's mode "exclusive". The kernel takes the device out of all
 * its users and registers it anew (rdma_dev_change_netns()), so its uverbs number may be another
 * afterwards, and drivers that can't be taken from their users are refused (-EOPNOTSUPP).
 *
 * When a network namespace ends its devices go to the initial one. One that the container only
 * joined lives on: then rdma_move_return() brings them back.
 */
struct rdma_move {
	int host, inside; /* rdma netlink sockets of both network namespaces */
	int host_ns, inside_ns;
	struct rdma_one *v; /* arena */
	size_t n;
	bool applied; /* all of them are in the container's */
};

#define RDMA_MOVE_EMPTY                                                                            \
	{                                                                                          \
		.host = FD_NONE, .inside = FD_NONE, .host_ns = FD_NONE, .inside_ns = FD_NONE       \
	}

/* World: the runtime, before the clone. Looks every device up; nothing when the plan has none. */
int rdma_move_open(const struct plan *p, struct arena *a, struct rdma_move *m, struct err *e);

/* World: the runtime, once init lives. Moves every device into the network namespace of netns_fd
 * (borrowed); on failure those that were moved are brought back. -ESTALE: the device rules have
 * another number than the device has by now. */
int rdma_move_apply(const struct plan *p, const struct host *h, struct rdma_move *m, int netns_fd,
		    struct err *e);

/* Brings back what was moved; a warning where that fails. */
void rdma_move_undo(const struct plan *p, struct rdma_move *m);

void rdma_move_done(struct rdma_move *m);

/* World: the runtime, the container is gone. Brings its devices back from a network namespace that
 * it has joined; a warning, with the remedy, where that fails. */
void rdma_move_return(const struct record *rec);

/* The kernel's number of a device, for a socket of its network namespace. -ENODEV: it has none of
 * that name. */
int rdma_move_find(int sock, const char *device, uint32_t *out_index);

/* Sends a device to the network namespace of ns. */
int rdma_move_send(int sock, uint32_t index, int ns);
