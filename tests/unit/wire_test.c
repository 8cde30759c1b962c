/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

#include "systemd/wire.h"

static struct arena arena;
static int pair[2];

static void open_pair(void)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static void close_pair(void)
{
	(void)close(pair[0]);
	(void)close(pair[1]);
	arena_done(&arena);
}

TestSuite(wire, .init = open_pair, .fini = close_pair);

static struct wire_message sample(void)
{
	static const char *devices[] = {"/dev/char/1:3", "rwm", "char-*", "m"};
	static const char *text[] = {""};
	static uint64_t numbers[] = {0, 255, UINT64_MAX};
	static struct property all[] = {
		{.name = "DeviceAllow", .type = PROPERTY_PAIRS, .strings = devices, .n_strings = 4},
		{.name = "Description", .type = PROPERTY_STRING, .strings = text, .n_strings = 1},
		{.name = "AllowedCPUs",
		 .type = PROPERTY_BYTES,
		 .optional = true,
		 .numbers = numbers,
		 .n_numbers = 2},
		{.name = "MemoryMax", .type = PROPERTY_U64, .numbers = numbers + 2, .n_numbers = 1},
		{.name = "After", .type = PROPERTY_STRINGS},
	};

	return (struct wire_message){.verb = WIRE_START,
				     .unit = "a\\x2b.scope",
				     .number = UINT64_MAX,
				     .properties = {all, 5, 5}};
}

Test(wire, comes_out_as_it_went_in)
{
	struct wire_message in = sample(), out;

	cr_assert_eq(wire_send(pair[0], &in, &arena), 0);
	cr_assert_eq(wire_receive(pair[1], 1000, &out, &arena), 0);
	cr_assert_eq(out.verb, WIRE_START);
	cr_assert_str_eq(out.unit, in.unit);
	cr_assert_str_eq(out.text, "");
	cr_assert_eq(out.number, UINT64_MAX);
	cr_assert_eq(out.properties.n, 5);
	for (size_t i = 0; i < 5; i++) {
		const struct property *a = &in.properties.v[i], *b = &out.properties.v[i];

		cr_assert_str_eq(b->name, a->name);
		cr_assert_eq(b->type, a->type);
		cr_assert_eq(b->optional, a->optional);
		cr_assert_eq(b->n_strings, a->n_strings);
		cr_assert_eq(b->n_numbers, a->n_numbers);
		for (size_t k = 0; k < a->n_strings; k++)
			cr_assert_str_eq(b->strings[k], a->strings[k]);
		for (size_t k = 0; k < a->n_numbers; k++)
			cr_assert_eq(b->numbers[k], a->numbers[k]);
	}
}

Test(wire, tells_the_end_from_a_broken_frame)
{
	struct wire_message m;

	cr_assert_eq(wire_receive(pair[1], 10, &m, &arena), -ETIMEDOUT);
	cr_assert_eq(write(pair[0], "sf", 2), 2);
	(void)shutdown(pair[0], SHUT_WR);
	cr_assert_eq(wire_receive(pair[1], 1000, &m, &arena), -EPROTO);
	cr_assert_eq(wire_receive(pair[1], 1000, &m, &arena), -ENODATA);
}

/* Each byte of a whole frame changed, and each of its beginnings: an error or another message, but
 * never more than what was sent, and no hang. */
Test(wire, survives_any_broken_byte)
{
	struct wire_message in = sample(), out;
	char frame[4096];

	cr_assert_eq(wire_send(pair[0], &in, &arena), 0);
	ssize_t n = recv(pair[1], frame, sizeof(frame), 0);
	cr_assert_gt(n, 100);
	for (ssize_t i = 0; i < n * 2; i++) {
		struct arena a = {0};
		int s[2];
		ssize_t at = i % n;

		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
		frame[at] = (char)(frame[at] ^ 0x81);
		cr_assert_eq(write(s[0], frame, (size_t)(i < n ? n : at)), i < n ? n : at);
		frame[at] = (char)(frame[at] ^ 0x81);
		(void)shutdown(s[0], SHUT_WR);
		int r = wire_receive(s[1], 1000, &out, &a);
		cr_assert(r == 0 || r == -EPROTO || (r == -ENODATA && i == n), "%zd: %d", i, r);
		cr_assert(i < n || r != 0, "a frame of %zd bytes was taken for whole", at);
		(void)close(s[0]);
		(void)close(s[1]);
		arena_done(&a);
	}
}

Test(wire, refuses_what_is_too_much)
{
	size_t n = WIRE_MAX / 8;
	struct property p = {.name = "x",
			     .type = PROPERTY_BYTES,
			     .numbers = arena_array(&arena, n, sizeof(uint64_t)),
			     .n_numbers = n};
	struct wire_message m = {.verb = WIRE_SET, .unit = "u", .properties = {&p, 1, 1}};

	cr_assert_eq(wire_send(pair[0], &m, &arena), -EMSGSIZE);
}
