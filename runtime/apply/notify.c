/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "apply/seccomp.h"
#include "base/io.h"
#include "libocispec/oci.h"
#include "sys/sys.h"

#define NOTIFY_SECONDS 10

static int notify_connect(const char *path, struct err *e)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(to.sun_path))
		return err_set(e, ENAMETOOLONG,
			       "linux.seccomp.listenerPath: is longer than %zu bytes",
			       sizeof(to.sun_path) - 1);
	memcpy(to.sun_path, path, strlen(path));
	autoclose int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* an agent that does not accept or read must not hold the runtime */
	struct timeval limit = {.tv_sec = NOTIFY_SECONDS};
	if (s >= 0)
		(void)setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_sys(e, errno, "linux.seccomp.listenerPath: connecting to '%s'", path);
	return fd_take(&s);
}

static int notify_document(const struct plan *p, pid_t pid, const char *status, struct arena *a,
			   const char **out, size_t *out_len)
{
	static const char *fds[] = {"seccompFd"};
	struct oci_state state = {
		.oci_version = p->oci_version,
		.id = p->id,
		.status = status,
		.pid = {true, pid},
		.bundle = p->bundle,
	};
	struct oci_container_process_state doc = {
		.oci_version = p->oci_version,
		.fds = fds,
		.n_fds = 1,
		.pid = {true, pid},
		.metadata = p->seccomp.listener_metadata,
		.state = &state,
	};

	if (p->n_annotation > 0) {
		state.annotations = arena_array(a, p->n_annotation, sizeof(*state.annotations));
		state.n_annotations = p->n_annotation;
		for (size_t i = 0; i < p->n_annotation; i++)
			state.annotations[i] = (struct oci_map_entry){p->annotation[i].key,
								      p->annotation[i].value};
	}
	return oci_container_process_state_write(&doc, OCI_COMPACT, a, out, out_len);
}

/* One message: the agent reads the descriptor with the first byte (config-linux.md "The Container
 * Process State"). */
static int notify_message(int sock, const char *text, size_t len, int fd, struct err *e)
{
	struct iovec iov = {(void *)(uintptr_t)text, len};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	ssize_t sent;
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return err_sys(e, errno, "linux.seccomp.listenerPath: sending the descriptor");
	/* a document longer than the socket's buffer goes on without the descriptor */
	int r = io_write_all(sock, text + sent, len - (size_t)sent);
	return r < 0 ? err_sys(e, -r, "linux.seccomp.listenerPath: sending the state") : 0;
}

int seccomp_notify_send(const struct plan *p, struct seccomp_slot *slot, int pidfd, pid_t pid,
			const char *status, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	const char *text;
	size_t len;
	int number;

	/* init may not make another system call by itself now: its memory is what tells the number
	 */
	while ((number = __atomic_load_n(&slot->listener, __ATOMIC_ACQUIRE)) < 0) {
		struct pollfd dead = {.fd = pidfd, .events = POLLIN};
		if (poll(&dead, 1, 1) > 0)
			return err_set(
				e, ECHILD,
				"the container's init died before it loaded its seccomp filter");
	}
	autoclose int listener = sys_pidfd_getfd(pidfd, number);
	__atomic_store_n(&slot->listener, SECCOMP_LISTENER_TAKEN, __ATOMIC_RELEASE);
	if (listener < 0)
		return err_sys(
			e, -listener,
			"linux.seccomp: taking the listener from init (pidfd_getfd, Linux 5.6)");
	autoclose int sock = notify_connect(p->seccomp.listener_path, e);
	if (sock < 0)
		return sock;
	int r = notify_document(p, pid, status, &a, &text, &len);
	if (r < 0)
		return err_sys(e, -r, "linux.seccomp: the container process state");
	return notify_message(sock, text, len, listener, e);
}
