/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "sys/netlink.h"

/* Answers of the kernel, whole and damaged. */
struct datagram {
	_Alignas(4) char v[1024];
	size_t n;
};

static void add(struct datagram *d, uint16_t type, uint16_t flags, uint32_t seq, const void *body,
		size_t n)
{
	struct nlmsghdr h = {.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + n),
			     .nlmsg_type = type,
			     .nlmsg_flags = flags,
			     .nlmsg_seq = seq};

	memcpy(d->v + d->n, &h, sizeof(h));
	memcpy(d->v + d->n + NLMSG_HDRLEN, body, n);
	d->n += NLMSG_ALIGN(h.nlmsg_len);
}

static int count(const struct netlink_message *m, void *arg)
{
	size_t *n = arg;

	(void)m;
	(*n)++;
	return 0;
}

Test(netlink, a_request_has_its_length_and_attributes)
{
	struct netlink_request q;
	uint32_t body = 7;
	size_t n;

	netlink_begin(&q, RTM_GETLINK, NLM_F_ACK, &body, sizeof(body));
	netlink_put(&q, 3, "eth0", 5);
	netlink_put(&q, 9, "x", 1);
	cr_assert_eq(q.error, 0);
	cr_assert_eq(q.n, NLMSG_HDRLEN + 4 + 12 + 8);
	struct netlink_message m = {RTM_GETLINK, q.v + NLMSG_HDRLEN, q.n - NLMSG_HDRLEN};
	const char *name = netlink_find(&m, 4, 3, &n);
	cr_assert_str_eq(name, "eth0");
	cr_assert_eq(n, 5);
	cr_assert_eq(*(const char *)netlink_find(&m, 4, 9, &n), 'x');
	cr_assert_null(netlink_find(&m, 4, 4, &n));
}

Test(netlink, what_does_not_fit_is_an_error_and_not_an_overflow)
{
	static const char big[NETLINK_REQUEST_MAX + 1];
	struct netlink_request q;

	netlink_begin(&q, RTM_GETLINK, 0, big, sizeof(big));
	cr_assert_eq(q.error, -EMSGSIZE);
	netlink_begin(&q, RTM_GETLINK, 0, big, 4);
	netlink_put(&q, 1, big, sizeof(big));
	cr_assert_eq(q.error, -EMSGSIZE);
	cr_assert_eq(q.n, NLMSG_HDRLEN + 4);
	netlink_begin(&q, RTM_GETLINK, 0, big, 4);
	for (int i = 0; i < 200; i++)
		netlink_put(&q, 1, big, 9);
	cr_assert_eq(q.error, -EMSGSIZE);
	cr_assert_leq(q.n, sizeof(q.v));
	cr_assert_eq(netlink_talk(-1, &q, NULL, NULL), -EMSGSIZE);
}

Test(netlink, an_answer_is_read_to_its_end)
{
	struct datagram d = {0};
	int32_t zero = 0;
	size_t n = 0;

	add(&d, RTM_NEWLINK, 0, 5, "abcd", 4);
	add(&d, RTM_NEWLINK, 0, 5, "abc", 3);
	cr_assert_eq(netlink_parse(d.v, d.n, 5, count, &n), 1, "more may follow");
	cr_assert_eq(n, 2);
	add(&d, NLMSG_ERROR, 0, 5, &zero, sizeof(zero));
	cr_assert_eq(netlink_parse(d.v, d.n, 5, count, &n), 0);
	/* the last one need not be padded */
	d.n = 0;
	add(&d, RTM_NEWLINK, 0, 5, "abc", 3);
	cr_assert_eq(netlink_parse(d.v, NLMSG_HDRLEN + 3, 5, count, &n), 1);
}

Test(netlink, an_error_of_the_kernel_is_the_result)
{
	struct datagram d = {0};
	int32_t code = -ENODEV;

	add(&d, NLMSG_ERROR, 0, 5, &code, sizeof(code));
	cr_assert_eq(netlink_parse(d.v, d.n, 5, NULL, NULL), -ENODEV);
	cr_assert_eq(netlink_parse(d.v, d.n, 6, NULL, NULL), 1, "of another request");
	code = 1;
	d.n = 0;
	add(&d, NLMSG_ERROR, 0, 5, &code, sizeof(code));
	cr_assert_eq(netlink_parse(d.v, d.n, 5, NULL, NULL), -EBADMSG);
	d.n = 0;
	add(&d, NLMSG_ERROR, 0, 5, &code, 2);
	cr_assert_eq(netlink_parse(d.v, d.n, 5, NULL, NULL), -EBADMSG, "too short");
	d.n = 0;
	add(&d, RTM_NEWADDR, NLM_F_DUMP_INTR, 5, "abcd", 4);
	cr_assert_eq(netlink_parse(d.v, d.n, 5, NULL, NULL), -EINTR);
}

Test(netlink, damaged_bytes_end_the_reading)
{
	struct datagram d = {0};
	size_t n = 0;

	add(&d, RTM_NEWLINK, 0, 5, "abcd", 4);
	for (size_t cut = 1; cut < d.n; cut++)
		cr_assert_eq(netlink_parse(d.v, cut, 5, count, &n), -EBADMSG);
	cr_assert_eq(n, 0);
	uint32_t len = 3; /* shorter than its own head */
	memcpy(d.v, &len, sizeof(len));
	cr_assert_eq(netlink_parse(d.v, d.n, 5, count, &n), -EBADMSG);
	len = UINT32_MAX;
	memcpy(d.v, &len, sizeof(len));
	cr_assert_eq(netlink_parse(d.v, d.n, 5, count, &n), -EBADMSG);
}

Test(netlink, damaged_attributes_are_not_found)
{
	_Alignas(4) char body[24] = {0};
	struct netlink_message m = {RTM_NEWLINK, body, sizeof(body)};
	struct nlattr a = {.nla_len = 8, .nla_type = 1};
	size_t n;

	memcpy(body + 4, &a, sizeof(a));
	a = (struct nlattr){.nla_len = 100, .nla_type = 2}; /* beyond the end */
	memcpy(body + 12, &a, sizeof(a));
	cr_assert_not_null(netlink_find(&m, 4, 1, &n));
	cr_assert_eq(n, 4);
	cr_assert_null(netlink_find(&m, 4, 2, &n));
	a.nla_len = 0; /* would never end */
	memcpy(body + 12, &a, sizeof(a));
	cr_assert_null(netlink_find(&m, 4, 2, &n));
	m.len = 2; /* shorter than the fixed part */
	cr_assert_null(netlink_find(&m, 4, 1, &n));
}
