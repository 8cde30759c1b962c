/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/sync.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static const char *const sync_names[] = {
	[SYNC_MAPPED] = "mapped", [SYNC_CGROUP] = "cgroup", [SYNC_MOUNTED] = "mounted",
	[SYNC_HOOKED] = "hooked", [SYNC_TTY] = "tty",
};

union sync_control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(SYNC_FDS_MAX * sizeof(int))];
};

int sync_pair(int out[static 2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, out) < 0)
		return err_sys(e, errno, "socketpair");
	return 0;
}

int sync_say_fds(int sock, enum sync_word word, const int *fds, size_t count, struct err *e)
{
	uint32_t value = word;
	struct iovec iov = {&value, sizeof(value)};
	union sync_control control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (count > SYNC_FDS_MAX)
		return err_set(e, E2BIG, "more than %d descriptors in a word", SYNC_FDS_MAX);
	if (count > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(value))
		return 0;
	return err_sys(e, n < 0 ? errno : EIO, "saying '%s' to the peer", sync_names[word]);
}

int sync_say(int sock, enum sync_word word, int fd, struct err *e)
{
	return sync_say_fds(sock, word, &fd, fd >= 0, e);
}

struct sync_fds {
	int v[SYNC_FDS_MAX];
	size_t n;
};

static void sync_fds_done(struct sync_fds *f)
{
	for (size_t i = 0; i < f->n; i++)
		fd_done(&f->v[i]);
	f->n = 0;
}

/* 1: a word, 0: end of file, -errno. */
static int sync_recv(int sock, uint32_t *out_word, struct sync_fds *out)
{
	uint32_t value = 0;
	struct iovec iov = {&value, sizeof(value)};
	union sync_control control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n;

	out->n = 0;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (n == 0)
		return 0;
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		out->n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(out->v, CMSG_DATA(c), out->n * sizeof(int));
	}
	if (n != (ssize_t)sizeof(value) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		sync_fds_done(out);
		return -EPROTO;
	}
	*out_word = value;
	return 1;
}

static int sync_poll(int sock, int timeout_ms, struct err *e)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	int r;

	do
		r = poll(&p, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(e, errno, "poll");
	if (r == 0)
		return err_set(e, ETIMEDOUT, "the container's init did not answer for %d s",
			       timeout_ms / 1000);
	return 0;
}

static int sync_expect(int sock, enum sync_word word, struct sync_fds *out, struct err *e)
{
	uint32_t got = 0;
	int r = sync_recv(sock, &got, out);

	if (r < 0)
		return err_sys(e, -r, "waiting for '%s'", sync_names[word]);
	if (r == 0)
		return err_set(e, EPIPE, "the peer is gone while waiting for '%s'",
			       sync_names[word]);
	if (got == word)
		return 0;
	sync_fds_done(out);
	return err_set(e, EPROTO, "word %u while waiting for '%s'", got, sync_names[word]);
}

int sync_wait(int sock, enum sync_word word, int *out_fd, int timeout_ms, struct err *e)
{
	struct sync_fds fds;
	int r = timeout_ms >= 0 ? sync_poll(sock, timeout_ms, e) : 0;

	if (r == 0)
		r = sync_expect(sock, word, &fds, e);
	if (r < 0)
		return r;
	if (out_fd != NULL)
		*out_fd = fds.n == 1 ? fd_take(&fds.v[0]) : FD_NONE;
	sync_fds_done(&fds);
	return 0;
}

int sync_wait_fds(int sock, enum sync_word word, int out[static SYNC_FDS_MAX], size_t *out_n,
		  struct err *e)
{
	struct sync_fds fds;
	int r = sync_expect(sock, word, &fds, e);

	if (r < 0)
		return r;
	memcpy(out, fds.v, fds.n * sizeof(int));
	*out_n = fds.n;
	return 0;
}

bool sync_has_peer(int sock)
{
	struct pollfd p = {.fd = sock};

	return poll(&p, 1, 0) <= 0 || (p.revents & POLLHUP) == 0;
}

int sync_wait_end(int sock, struct err *e)
{
	struct sync_fds fds;
	uint32_t got = 0;
	int r = sync_recv(sock, &got, &fds);

	if (r < 0)
		return err_sys(e, -r, "waiting for the container's init");
	sync_fds_done(&fds);
	if (r > 0)
		return err_set(e, EPROTO, "word %u while waiting for the end", got);
	return 0;
}
