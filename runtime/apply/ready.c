/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/ready.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/log.h"

#define READY_FOLDER "notify"
#define READY_SOCKET "notify"

/* How long the service manager has to take note of the process to watch. */
#define READY_BARRIER_MS 5000

int ready_make_folder(int entry, struct err *e)
{
	/* not through the umask: the container's user has to reach the socket in it */
	if (mkdirat(entry, READY_FOLDER, 0755) < 0 || fchmodat(entry, READY_FOLDER, 0755, 0) < 0)
		return err_sys(e, errno, "the folder of the container's NOTIFY_SOCKET");
	return 0;
}

int ready_has_folder(int entry)
{
	return faccessat(entry, READY_FOLDER, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int ready_listen(int entry, const char *host, struct ready *r, struct err *e)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	autoclose int dir =
		openat(entry, READY_FOLDER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return err_sys(e, errno, "the folder of the container's NOTIFY_SOCKET");
	/* a path of any length by the descriptor: a socket's address has room for 107 bytes */
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" READY_SOCKET, dir);
	if (unlinkat(dir, READY_SOCKET, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "the container's NOTIFY_SOCKET");
	autoclose int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sock < 0 || bind(sock, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    fchmodat(dir, READY_SOCKET, 0777, 0) < 0)
		return err_sys(e, errno, "the container's NOTIFY_SOCKET");
	r->sock = fd_take(&sock);
	r->host = host;
	return 0;
}

static bool ready_says_so(const char *text)
{
	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		size_t n = strcspn(line, "\n");
		if (n == 7 && strncmp(line, "READY=1", n) == 0)
			return true;
	}
	return false;
}

int ready_take(const struct ready *r)
{
	char text[4096];

	/* descriptors that come along are dropped by the kernel, which is all a barrier asks for */
	for (;;) {
		ssize_t n = recv(r->sock, text, sizeof(text) - 1, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return 0;
		text[n] = '\0';
		if (ready_says_so(text))
			return 1;
	}
}

int ready_wait(const struct ready *r, int pidfd)
{
	for (;;) {
		struct pollfd p[2] = {{.fd = r->sock, .events = POLLIN},
				      {.fd = pidfd, .events = POLLIN}};

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return 0;
		if (ready_take(r) == 1)
			return 1;
		if (p[1].revents != 0)
			return 0;
	}
}

/* "/run/systemd/notify", or "@name" in the abstract namespace. */
static int ready_connect(const char *host)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t n = strlen(host);
	autoclose int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (n >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, host, n);
	if (addr.sun_path[0] == '@')
		addr.sun_path[0] = '\0';
	if (sock < 0 || connect(sock, (const struct sockaddr *)&addr,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return -errno;
	return fd_take(&sock);
}

/* sd_notify_barrier(3): the manager closes the descriptor when it has read all that came before. */
static int ready_barrier(int sock)
{
	static char text[] = "BARRIER=1";
	struct iovec iov = {text, sizeof(text) - 1};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.space,
			     .msg_controllen = sizeof(control.space)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	autoclose int mine = pipes[0];
	autoclose int its = pipes[1];
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &its, sizeof(its));
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
		return -errno;
	fd_done(&its);
	struct pollfd p = {.fd = mine, .events = POLLIN};
	return poll(&p, 1, READY_BARRIER_MS) == 0 ? -ETIMEDOUT : 0;
}

void ready_tell(const struct ready *r, pid_t pid)
{
	char text[64];
	autoclose int sock = ready_connect(r->host);
	int ret = sock < 0 ? sock : 0;
	int n = pid > 0 ? snprintf(text, sizeof(text), "READY=1\nMAINPID=%d", (int)pid)
			: snprintf(text, sizeof(text), "READY=1");

	if (ret == 0 && send(sock, text, (size_t)n, MSG_NOSIGNAL) < 0)
		ret = -errno;
	if (ret == 0 && pid > 0)
		ret = ready_barrier(sock);
	if (ret < 0)
		log_warn("NOTIFY_SOCKET: '%.200s': %s; the container is ready", r->host,
			 err_name(-ret));
}

void ready_done(struct ready *r)
{
	fd_done(&r->sock);
}
