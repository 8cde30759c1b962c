/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The few words of netlink(7) that moving a network or an RDMA device needs: one request, its
 * answers, its acknowledgement. Everything read from the kernel is checked against the bytes that
 * came.
 */

/* Room of one request: the longest here has a header, a body and half a dozen small attributes. */
#define NETLINK_REQUEST_MAX 512

struct netlink_request {
	_Alignas(NLMSG_ALIGNTO) char v[NETLINK_REQUEST_MAX];
	size_t n;
	int error; /* 0, or -EMSGSIZE of the first attribute that did not fit */
};

/* One message of an answer; body points into the receive buffer, aligned to 4 bytes. */
struct netlink_message {
	uint16_t type;
	const void *body;
	size_t len;
};

/* Called for each message of an answer. Not 0 ends the answer's reading with that value. */
typedef int netlink_take(const struct netlink_message *m, void *arg);

/* Starts a request of a type (RTM_*) with flags (NLM_F_*; NLM_F_REQUEST is added) and its fixed
 * body of n bytes. */
void netlink_begin(struct netlink_request *q, uint16_t type, uint16_t flags, const void *body,
		   size_t n);

/* Appends an attribute. What does not fit is told by netlink_talk(). */
void netlink_put(struct netlink_request *q, uint16_t type, const void *data, size_t n);

/* The attribute of a type behind the fixed body of `fixed` bytes; NULL: there is none, or the
 * attributes are malformed before it. */
const void *netlink_find(const struct netlink_message *m, size_t fixed, uint16_t type,
			 size_t *out_len);

/*
 * Takes apart one datagram of n bytes: messages that answer request number seq go to take, others
 * are skipped. 1: more datagrams follow, 0: the answer is complete, -errno: the kernel's error
 * (NLMSG_ERROR), -EBADMSG for bytes that are no messages, -EINTR for a dump that changed meanwhile.
 */
int netlink_parse(const void *datagram, size_t n, uint32_t seq, netlink_take *take, void *arg);

/* A socket of a protocol (NETLINK_ROUTE, NETLINK_RDMA) and the calling thread's network namespace,
 * close-on-exec. fd or -errno. */
int netlink_open(int protocol);

/* The same of network namespace ns; the thread comes back to home. fd or -errno. */
int netlink_open_in(int protocol, int ns, int home);

/* Sends a request, whose flags have NLM_F_ACK or NLM_F_DUMP so that its answer has an end, and
 * reads the answer; take may be NULL when nothing but the acknowledgement is expected. 0, what take
 * returned, or -errno; -EINTR: a dump changed while it was read, ask again. */
int netlink_talk(int sock, struct netlink_request *q, netlink_take *take, void *arg);
