/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "systemd/wire.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define WIRE_MAGIC 0x67726673 /* "grfs" */
#define WIRE_VERSION 1

struct wire_header {
	uint32_t magic, version, length;
};

/* The bytes of a frame while it is written. */
struct wire_out {
	struct arena *a;
	char *v;
	size_t n, cap;
};

static void wire_put(struct wire_out *o, const void *data, size_t n)
{
	if (o->n + n > o->cap) {
		size_t cap = (o->n + n) * 2;
		char *grown = arena_alloc(o->a, cap);
		if (o->n > 0)
			memcpy(grown, o->v, o->n);
		o->v = grown;
		o->cap = cap;
	}
	if (n > 0)
		memcpy(o->v + o->n, data, n);
	o->n += n;
}

static void wire_put_number(struct wire_out *o, uint64_t value)
{
	wire_put(o, &value, sizeof(value));
}

static void wire_put_string(struct wire_out *o, const char *s)
{
	size_t n = s != NULL ? strlen(s) : 0;

	wire_put_number(o, n);
	wire_put(o, s, n);
}

static void wire_put_property(struct wire_out *o, const struct property *p)
{
	wire_put_string(o, p->name);
	wire_put_number(o, p->type);
	wire_put_number(o, p->optional);
	wire_put_number(o, p->n_strings);
	for (size_t i = 0; i < p->n_strings; i++)
		wire_put_string(o, p->strings[i]);
	wire_put_number(o, p->n_numbers);
	for (size_t i = 0; i < p->n_numbers; i++)
		wire_put_number(o, p->numbers[i]);
}

int wire_send(int sock, const struct wire_message *m, struct arena *a)
{
	struct wire_header h = {WIRE_MAGIC, WIRE_VERSION, 0};
	struct wire_out o = {.a = a};

	wire_put(&o, &h, sizeof(h));
	wire_put_number(&o, m->verb);
	wire_put_string(&o, m->unit);
	wire_put_string(&o, m->text);
	wire_put_number(&o, m->number);
	wire_put_number(&o, m->properties.n);
	for (size_t i = 0; i < m->properties.n; i++)
		wire_put_property(&o, &m->properties.v[i]);
	if (o.n > WIRE_MAX)
		return -EMSGSIZE;
	h.length = (uint32_t)(o.n - sizeof(h));
	memcpy(o.v, &h, sizeof(h));
	for (size_t done = 0; done < o.n;) {
		ssize_t n = send(sock, o.v + done, o.n - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* A frame that was received, and how far it is read. bad: it ended early, once and for all. */
struct wire_in {
	struct arena *a;
	const char *v;
	size_t left;
	bool bad;
};

static uint64_t wire_get_number(struct wire_in *in)
{
	uint64_t value = 0;

	if (in->left < sizeof(value)) {
		in->bad = true;
		return 0;
	}
	memcpy(&value, in->v, sizeof(value));
	in->v += sizeof(value);
	in->left -= sizeof(value);
	return value;
}

/* A count of things that take at least a number each. */
static size_t wire_get_count(struct wire_in *in)
{
	uint64_t n = wire_get_number(in);

	if (n > in->left / sizeof(uint64_t)) {
		in->bad = true;
		return 0;
	}
	return (size_t)n;
}

static const char *wire_get_string(struct wire_in *in)
{
	uint64_t n = wire_get_number(in);

	if (n > in->left || memchr(in->v, '\0', (size_t)n) != NULL) {
		in->bad = true;
		return "";
	}
	const char *s = arena_strndup(in->a, in->v, (size_t)n);
	in->v += n;
	in->left -= (size_t)n;
	return s;
}

static void wire_get_property(struct wire_in *in, struct property *p)
{
	p->name = wire_get_string(in);
	uint64_t type = wire_get_number(in);
	p->optional = wire_get_number(in) != 0;
	p->n_strings = wire_get_count(in);
	p->strings = arena_array(in->a, p->n_strings, sizeof(*p->strings));
	for (size_t i = 0; i < p->n_strings; i++)
		p->strings[i] = wire_get_string(in);
	p->n_numbers = wire_get_count(in);
	p->numbers = arena_array(in->a, p->n_numbers, sizeof(*p->numbers));
	for (size_t i = 0; i < p->n_numbers; i++)
		p->numbers[i] = wire_get_number(in);
	p->type = type < PROPERTY_TYPES ? (enum property_type)type : PROPERTY_BOOL;
	if (type >= PROPERTY_TYPES || !property_is_whole(p))
		in->bad = true;
}

static int64_t wire_now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads exactly n bytes until the deadline (< 0: none). -ENODATA: not even the first came. */
static int wire_read(int sock, void *buf, size_t n, int64_t deadline)
{
	for (size_t done = 0; done < n;) {
		struct pollfd p = {.fd = sock, .events = POLLIN};
		int64_t left = deadline < 0 ? -1 : deadline - wire_now_ms();
		int ready = poll(&p, 1, left < 0 && deadline >= 0 ? 0 : (int)left);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return ready < 0 ? -errno : -ETIMEDOUT;
		ssize_t got = recv(sock, (char *)buf + done, n - done, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == ECONNRESET ? -ENODATA : -errno;
		if (got == 0)
			return done == 0 ? -ENODATA : -EPROTO;
		done += (size_t)got;
	}
	return 0;
}

int wire_receive(int sock, int timeout_ms, struct wire_message *out, struct arena *a)
{
	int64_t deadline = timeout_ms < 0 ? -1 : wire_now_ms() + timeout_ms;
	struct wire_header h;
	int r = wire_read(sock, &h, sizeof(h), deadline);

	if (r < 0)
		return r;
	if (h.magic != WIRE_MAGIC || h.version != WIRE_VERSION || h.length > WIRE_MAX)
		return -EPROTO;
	char *body = arena_alloc(a, h.length);
	r = wire_read(sock, body, h.length, deadline);
	if (r < 0)
		return r == -ENODATA ? -EPROTO : r;
	struct wire_in in = {.a = a, .v = body, .left = h.length};
	uint64_t verb = wire_get_number(&in);
	*out = (struct wire_message){.verb = verb < WIRE_VERBS ? (enum wire_verb)verb
							       : WIRE_FAILED};
	out->unit = wire_get_string(&in);
	out->text = wire_get_string(&in);
	out->number = wire_get_number(&in);
	size_t n = wire_get_count(&in);
	for (size_t i = 0; i < n && !in.bad; i++)
		wire_get_property(&in, ARENA_PUSH(a, &out->properties));
	return in.bad || in.left > 0 || verb < WIRE_START || verb >= WIRE_VERBS ? -EPROTO : 0;
}
