/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/netlink.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "sys/sys.h"

/* A dump's datagram is at most 32 KiB (netlink_dump() of the kernel), one link without its virtual
 * functions far less. */
#define NETLINK_ANSWER_MAX (32 * 1024)

void netlink_begin(struct netlink_request *q, uint16_t type, uint16_t flags, const void *body,
		   size_t n)
{
	struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_flags = flags | NLM_F_REQUEST};

	memset(q, 0, sizeof(*q));
	memcpy(q->v, &h, sizeof(h));
	q->n = NLMSG_HDRLEN;
	if (n > sizeof(q->v) - q->n) {
		q->error = -EMSGSIZE;
		return;
	}
	memcpy(q->v + q->n, body, n);
	q->n += NLMSG_ALIGN(n);
}

void netlink_put(struct netlink_request *q, uint16_t type, const void *data, size_t n)
{
	struct nlattr at = {.nla_type = type};

	if (n > sizeof(q->v) || NLA_HDRLEN + NLA_ALIGN(n) > sizeof(q->v) - q->n) {
		q->error = -EMSGSIZE;
		return;
	}
	at.nla_len = (uint16_t)(NLA_HDRLEN + n);
	memcpy(q->v + q->n, &at, sizeof(at));
	if (n > 0)
		memcpy(q->v + q->n + NLA_HDRLEN, data, n);
	q->n += NLA_HDRLEN + NLA_ALIGN(n);
}

const void *netlink_find(const struct netlink_message *m, size_t fixed, uint16_t type,
			 size_t *out_len)
{
	const char *p = m->body;
	size_t at = NLMSG_ALIGN(fixed);

	while (at <= m->len && m->len - at >= sizeof(struct nlattr)) {
		struct nlattr a;

		memcpy(&a, p + at, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > m->len - at)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == type) {
			*out_len = a.nla_len - NLA_HDRLEN;
			return p + at + NLA_HDRLEN;
		}
		at += NLA_ALIGN(a.nla_len);
	}
	return NULL;
}

/* The error or acknowledgement that ends an answer. */
static int netlink_end(const struct netlink_message *m)
{
	int32_t code;

	if (m->len < sizeof(code))
		return m->type == NLMSG_DONE ? 0 : -EBADMSG;
	memcpy(&code, m->body, sizeof(code));
	return code > 0 ? -EBADMSG : code;
}

int netlink_parse(const void *datagram, size_t n, uint32_t seq, netlink_take *take, void *arg)
{
	const char *p = datagram;

	for (size_t at = 0; at < n;) {
		struct nlmsghdr h;

		if (n - at < sizeof(h))
			return -EBADMSG;
		memcpy(&h, p + at, sizeof(h));
		if (h.nlmsg_len < NLMSG_HDRLEN || h.nlmsg_len > n - at)
			return -EBADMSG;
		struct netlink_message m = {h.nlmsg_type, p + at + NLMSG_HDRLEN,
					    h.nlmsg_len - NLMSG_HDRLEN};
		/* the last message need not be padded */
		at += NLMSG_ALIGN(h.nlmsg_len) < n - at ? NLMSG_ALIGN(h.nlmsg_len) : n - at;
		if (h.nlmsg_seq != seq)
			continue;
		if ((h.nlmsg_flags & NLM_F_DUMP_INTR) != 0)
			return -EINTR;
		if (m.type == NLMSG_ERROR || m.type == NLMSG_DONE)
			return netlink_end(&m);
		int r = m.type >= NLMSG_MIN_TYPE && take != NULL ? take(&m, arg) : 0;
		if (r != 0)
			return r;
	}
	return 1;
}

int netlink_open(int protocol)
{
	autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	/* the kernel's answers come from port 0; a bound name keeps others from being ours */
	struct sockaddr_nl own = {.nl_family = AF_NETLINK};
	if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) < 0)
		return -errno;
	return fd_take(&fd);
}

int netlink_open_in(int protocol, int ns, int home)
{
	int r = sys_setns(ns, CLONE_NEWNET);

	if (r < 0)
		return r;
	autoclose int fd = netlink_open(protocol);
	r = sys_setns(home, CLONE_NEWNET);
	return r < 0 ? r : fd_take(&fd);
}

/* One datagram of the kernel; those of other processes are dropped. Bytes or -errno. */
static ssize_t netlink_receive(int sock, void *buf, size_t size)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec iov = {buf, size};
		struct msghdr msg = {.msg_name = &from,
				     .msg_namelen = sizeof(from),
				     .msg_iov = &iov,
				     .msg_iovlen = 1};
		ssize_t n = recvmsg(sock, &msg, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0 || from.nl_pid != 0)
			continue;
		return (msg.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : n;
	}
}

int netlink_talk(int sock, struct netlink_request *q, netlink_take *take, void *arg)
{
	_Alignas(NLMSG_ALIGNTO) char buf[NETLINK_ANSWER_MAX];
	static uint32_t seq;
	struct nlmsghdr h;
	ssize_t n;

	if (q->error != 0)
		return q->error;
	memcpy(&h, q->v, sizeof(h));
	h.nlmsg_len = (uint32_t)q->n;
	h.nlmsg_seq = ++seq;
	memcpy(q->v, &h, sizeof(h));
	do
		n = send(sock, q->v, q->n, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	for (;;) {
		n = netlink_receive(sock, buf, sizeof(buf));
		if (n < 0)
			return (int)n;
		int r = netlink_parse(buf, (size_t)n, h.nlmsg_seq, take, arg);
		if (r <= 0)
			return r;
	}
}
