/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "apply/container.h"
#include "apply/hook.h"
#include "apply/ready.h"
#include "base/log.h"
#include "state/status.h"
#include "sys/sys.h"

/*
 * Opens the fifo, which lets init go on, and waits until init has executed the program (its end of
 * the fifo is closed by execve), reports an error through the fifo, or is dead.
 */
static int start_release(const struct store_entry *en, int pidfd, struct err *e)
{
	/* Without O_NONBLOCK the open would hang on an init that is dead. */
	autoclose int fifo =
		openat(en->dir, "exec.fifo", O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	char text[sizeof(((struct err *)0)->text)] = "";
	size_t n = 0;

	if (fifo < 0)
		return err_sys(e, errno, "exec.fifo");
	for (;;) {
		struct pollfd p[2] = {{.fd = fifo, .events = POLLIN},
				      {.fd = pidfd, .events = POLLIN}};
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, errno, "poll");
		}
		if ((p[0].revents & (POLLIN | POLLHUP)) != 0) {
			ssize_t r = read(fifo, text + n, sizeof(text) - 1 - n);
			if (r > 0) {
				n += (size_t)r;
				continue;
			}
			if (r < 0 && (errno == EAGAIN || errno == EINTR))
				continue;
			break;
		}
		if (p[1].revents != 0)
			return err_set(e, ESRCH,
				       "container init died before the program was executed");
	}
	return n == 0 ? 0 : err_set(e, ECHILD, "%s", text);
}

static int start_poststart(const struct store *s, struct store_entry *en, const struct record *rec,
			   struct arena *a, struct err *e)
{
	struct hook_state hs = {.status = "running", .pid = rec->pid};
	struct plan p = {0};
	struct err why = {0};
	int r = container_hooks(&p, en, rec, a, e);

	if (r < 0)
		return r;
	store_unlock(en); /* a hook may act on its own container */
	r = hook_run(&p, HOOK_POSTSTART, &hs, HOOK_FAIL_STOPS, e);
	/* runtime.md "start": a failing poststart hook stops and destroys the container */
	if (r < 0 && container_delete(s, en->id, CONTAINER_DELETE_FORCE, &why) < 0)
		log_warn("deleting after a failed poststart hook: %s", why.text);
	return r;
}

int container_start(const struct store *s, const char *id, const char *notify_socket, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	__attribute__((cleanup(store_entry_done))) struct store_entry en = {.dir = FD_NONE};
	__attribute__((cleanup(ready_done))) struct ready ready = READY_EMPTY;
	struct record *rec;
	int r = store_get(s, id, STORE_LOCK, &en, e);

	if (r == 0)
		r = store_read(&en, &a, &rec, e);
	if (r < 0)
		return r;
	enum status st = status_of(&en, rec);
	if (st != STATUS_CREATED)
		return err_set(
			e, EINVAL,
			"cannot start a container that is %s: only a created one can be started",
			status_name(st));
	autoclose int pidfd = status_pidfd(rec);
	if (pidfd < 0)
		return err_set(e, ESRCH, "container not running: no such process");
	/* a container that was created without it has nowhere to say so */
	if (notify_socket != NULL && ready_has_folder(en.dir))
		r = ready_listen(en.dir, notify_socket, &ready, e);
	if (r == 0)
		r = start_release(&en, pidfd, e);
	(void)store_fifo_remove(&en);
	if (r == 0)
		r = start_poststart(s, &en, rec, &a, e);
	if (r == 0 && ready.sock >= 0 && ready_wait(&ready, pidfd) == 1)
		ready_tell(&ready, rec->pid);
	return r;
}
