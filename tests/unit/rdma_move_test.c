/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <rdma/rdma_netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply/rdma_move.h"
#include "sys/netlink.h"

#define GET RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_GET)
#define SET RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_SET)

/* No machine here has a device that can be moved, so a child answers as the kernel would. */
struct kernel {
	int sock; /* ours */
	pid_t pid;
};

struct answer {
	_Alignas(4) char v[512];
	size_t n;
};

static void message(struct answer *a, uint16_t type, uint32_t seq, const struct netlink_request *q)
{
	struct nlmsghdr h = {.nlmsg_len = (uint32_t)q->n, .nlmsg_type = type, .nlmsg_seq = seq};

	memcpy(a->v + a->n, q->v, q->n);
	memcpy(a->v + a->n, &h, sizeof(h));
	a->n += NLMSG_ALIGN(q->n);
}

static void device(struct answer *a, uint32_t seq, uint32_t index, const char *name)
{
	struct netlink_request q;

	netlink_begin(&q, GET, 0, "", 0);
	netlink_put(&q, RDMA_NLDEV_ATTR_DEV_INDEX, &index, sizeof(index));
	netlink_put(&q, RDMA_NLDEV_ATTR_DEV_NAME, name, strlen(name) + 1);
	message(a, GET, seq, &q);
}

static void end(struct answer *a, uint16_t type, uint32_t seq, int32_t code)
{
	struct netlink_request q;

	netlink_begin(&q, type, 0, &code, sizeof(code));
	message(a, type, seq, &q);
}

static uint32_t number(const struct netlink_message *m, uint16_t type)
{
	size_t n;
	uint32_t v = UINT32_MAX;
	const void *p = netlink_find(m, 0, type, &n);

	if (p != NULL && n == sizeof(v))
		memcpy(&v, p, sizeof(v));
	return v;
}

/* Answers one request: a dump with three devices, or a move of number 7 to descriptor 5. */
static int serve(int sock, int32_t code)
{
	_Alignas(4) char buf[512];
	struct answer a = {.n = 0};
	struct nlmsghdr h;
	ssize_t n = recv(sock, buf, sizeof(buf), 0);

	if (n < (ssize_t)sizeof(h))
		return 1;
	memcpy(&h, buf, sizeof(h));
	struct netlink_message m = {h.nlmsg_type, buf + NLMSG_HDRLEN, (size_t)n - NLMSG_HDRLEN};
	if (h.nlmsg_type == GET && (h.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP) {
		device(&a, h.nlmsg_seq, 2, "mlx5_1");
		device(&a, h.nlmsg_seq, 3, "mlx5_");
		device(&a, h.nlmsg_seq, 7, "mlx5_0");
		end(&a, NLMSG_DONE, h.nlmsg_seq, code);
	} else if (h.nlmsg_type == SET && (h.nlmsg_flags & NLM_F_ACK) != 0 &&
		   number(&m, RDMA_NLDEV_ATTR_DEV_INDEX) == 7 &&
		   number(&m, RDMA_NLDEV_NET_NS_FD) == 5) {
		end(&a, NLMSG_ERROR, h.nlmsg_seq, code);
	} else {
		end(&a, NLMSG_ERROR, h.nlmsg_seq, -EPROTO);
	}
	return send(sock, a.v, a.n, 0) == (ssize_t)a.n ? 0 : 1;
}

static struct kernel kernel(int32_t code)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	struct kernel k = {pair[0], fork()};
	if (k.pid == 0)
		_exit(serve(pair[1], code));
	(void)close(pair[1]);
	return k;
}

static void finished(struct kernel k)
{
	int status;

	cr_assert_eq(waitpid(k.pid, &status, 0), k.pid);
	cr_assert_eq(status, 0);
	(void)close(k.sock);
}

Test(rdma_move, a_device_is_found_by_its_whole_name)
{
	struct kernel k = kernel(0);
	uint32_t index = 0;

	cr_assert_eq(rdma_move_find(k.sock, "mlx5_0", &index), 0);
	cr_assert_eq(index, 7);
	finished(k);
	k = kernel(0);
	cr_assert_eq(rdma_move_find(k.sock, "mlx5", &index), -ENODEV);
	finished(k);
}

Test(rdma_move, what_the_kernel_refuses_is_its_error)
{
	struct kernel k = kernel(-EOPNOTSUPP);

	cr_assert_eq(rdma_move_send(k.sock, 7, 5), -EOPNOTSUPP);
	finished(k);
	k = kernel(-EPERM);
	uint32_t index;
	cr_assert_eq(rdma_move_find(k.sock, "mlx5_0", &index), -EPERM);
	finished(k);
}

Test(rdma_move, a_move_names_number_and_namespace)
{
	struct kernel k = kernel(0);

	cr_assert_eq(rdma_move_send(k.sock, 7, 5), 0);
	finished(k);
	k = kernel(0);
	cr_assert_eq(rdma_move_send(k.sock, 6, 5), -EPROTO);
	finished(k);
}
