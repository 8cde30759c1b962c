/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A datagram as the kernel sends it. */
#include "sys/netlink.h"
#include "fuzz.h"

static int netlink_seen(const struct netlink_message *m, void *arg)
{
	unsigned int *sum = arg;

	for (size_t i = 0; i < m->len; i++)
		*sum += ((const uint8_t *)m->body)[i];
	for (uint16_t type = 0; type < 64; type++) {
		size_t n = 0;
		const uint8_t *v = netlink_find(m, 16, type, &n);

		for (size_t i = 0; v != NULL && i < n; i++)
			*sum += v[i];
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int sum = 0;
	autoarena struct arena a = {0};
	void *copy = arena_alloc(&a, size); /* aligned, as a receive buffer is */

	if (size > 0)
		memcpy(copy, data, size);
	(void)netlink_parse(copy, size, 1, netlink_seen, &sum);
	return 0;
}
