/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "apply/criu.h"
#include "base/io.h"
#include "base/log.h"
#include "cgroup/cgroup.h"
#include "sys/sys.h"

#define CRIU_MIN_VERSION 31600 /* 3.16: another LSM profile on restore, external pid namespaces */
#define CRIU_PACKET_MAX 65536
#define CRIU_WORDS_MAX 65536
#define CRIU_LOG_MAX ((size_t)64 << 20)

/* One run of criu's. */
struct criu_run {
	const char *program;
	struct criu_request *r;
	const struct criu_handlers *h;
	struct arena *a;
	int sock, theirs, pidfd;
	int words; /* a memfd: its standard output and error */
	pid_t pid;
	struct err *early; /* shared with the child: why it could not execute criu */
};

static const char *const criu_folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					   "/usr/bin",	      "/sbin",		"/bin"};

/* A program that runs with all our rights: root's, and nobody else may write to it. */
static bool criu_is_trusted(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0 &&
	       st.st_uid == 0 && (st.st_mode & 0022) == 0;
}

int criu_find(const char *wanted, struct arena *a, const char **out, struct err *e)
{
	if (wanted != NULL) {
		if (wanted[0] != '/')
			return err_set(e, EINVAL, "--criu: must be an absolute path, got '%s'",
				       wanted);
		if (!criu_is_trusted(wanted))
			return err_set(e, EPERM,
				       "--criu: '%s' is not a program that belongs to root and "
				       "that only root can change",
				       wanted);
		*out = wanted;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(criu_folders); i++) {
		*out = arena_printf(a, "%s/criu", criu_folders[i]);
		if (criu_is_trusted(*out))
			return 0;
	}
	return err_set(
		e, ENOENT,
		"criu is needed and was not found in /usr/local/sbin, /usr/sbin and the like; "
		"install the package criu");
}

const char *criu_config_file(const struct plan_annotation *v, size_t n)
{
	static const char *const files[] = {"/etc/criu/greffon.conf", "/etc/criu/crun.conf",
					    "/etc/criu/runc.conf"};

	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].key, "org.criu.config") == 0)
			return v[i].value[0] != '\0' ? v[i].value : NULL;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (access(files[i], F_OK) == 0)
			return files[i];
	return NULL;
}

/* ---- criu's process ---- */

/* A directory again: criu would mount on its cgroup yard in the work folder, which it can do in its
 * own mount namespace only. */
static int criu_child_dir(const char *path, int known, struct err *e)
{
	struct stat want, is;
	autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &is) < 0 || fstat(known, &want) < 0)
		return err_sys(e, errno, "'%s'", path);
	if (is.st_dev != want.st_dev || is.st_ino != want.st_ino)
		return err_set(e, ESTALE, "'%s' is another directory by now", path);
	return fd_take(&fd);
}

/* What criu gets as descriptor number; FD_NONE: nothing. */
static int criu_child_source(const struct criu_run *c, unsigned int number, int sock, struct err *e)
{
	const struct criu_options *o = c->r->o;

	if (number == CRIU_SOCKET_FD)
		return sock;
	if (number >= CRIU_INHERIT_FD)
		return c->r->inherit.v[number - CRIU_INHERIT_FD].fd;
	if (o == NULL)
		return FD_NONE;
	return number == CRIU_IMAGE_FD ? criu_child_dir(o->image_path, o->image, e)
				       : criu_child_dir(o->work_path, o->work, e);
}

/* First all are copied above their numbers, so that none is overwritten before its turn. */
static int criu_child_copy(const struct criu_run *c, int sock, unsigned int n, int *high,
			   struct err *e)
{
	for (unsigned int i = CRIU_SOCKET_FD; i < n; i++) {
		int fd = criu_child_source(c, i, sock, e);

		if (fd < 0 && fd != FD_NONE)
			return fd;
		high[i] = fd < 0 ? FD_NONE : fcntl(fd, F_DUPFD_CLOEXEC, (int)n);
		if (fd >= 0 && high[i] < 0)
			return err_sys(e, errno, "criu: descriptor %u", i);
	}
	return 0;
}

/* Sorts what criu gets to its numbers; everything else is closed. */
static int criu_child_fds(const struct criu_run *c, int sock, struct err *e)
{
	unsigned int n = CRIU_INHERIT_FD + (unsigned int)c->r->inherit.n;
	int *high = arena_array(c->a, n, sizeof(*high));
	int r = criu_child_copy(c, sock, n, high, e);

	/* what it says before it opens its log */
	if (r == 0 && (dup2(c->words, STDOUT_FILENO) < 0 || dup2(c->words, STDERR_FILENO) < 0))
		r = err_sys(e, errno, "criu: output");
	for (unsigned int i = CRIU_SOCKET_FD; r == 0 && i < n; i++) {
		(void)close((int)i);
		if (high[i] >= 0 && dup2(high[i], (int)i) < 0)
			r = err_sys(e, errno, "criu: descriptor %u", i);
	}
	(void)sys_close_range(n, ~0u, CLOSE_RANGE_CLOEXEC);
	return r;
}

static int criu_send_fd(int sock, int fd, struct err *e)
{
	struct iovec iov = {.iov_base = &(char){0}, .iov_len = 1};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? err_sys(e, errno, "criu: socket") : 0;
}

/*
 * criu takes the numbers of descriptors in a request for those of the process that made its socket
 * (SO_PEERCRED), and opens them by /proc/PID/fd. It has to be itself, since the runtime's would
 * lead to the runtime's mount namespace.
 */
static int criu_child_socket(const struct criu_run *c, struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socket to criu");
	int r = criu_send_fd(c->theirs, pair[0], e);
	(void)close(pair[0]);
	return r < 0 ? r : pair[1];
}

/* World: criu's process, in its mount namespace and cgroup. PATH: it runs tar, iptables and ip. */
static _Noreturn void criu_child(const struct criu_run *c)
{
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char name[] = "criu", command[] = "swrk";
	char *const env[] = {path, NULL};
	char fd[] = {'0' + CRIU_SOCKET_FD, '\0'};
	char *const argv[] = {name, command, fd, NULL};
	int r = c->h->cgroup != NULL ? cgroup_enter(c->h->cgroup, c->early) : 0;

	for (int n = 1; n < NSIG; n++)
		(void)sys_signal_default(n);
	if (r == 0 && c->h->prepare != NULL)
		r = c->h->prepare(c->h->context, c->early);
	int sock = r == 0 ? criu_child_socket(c, c->early) : r;
	r = sock < 0 ? sock : criu_child_fds(c, sock, c->early);
	if (r == 0) {
		(void)execve(c->program, argv, env);
		(void)err_sys(c->early, errno, "executing '%s'", c->program);
	}
	_exit(127);
}

/* A packet and perhaps a descriptor. Length, 0 at the end. */
static ssize_t criu_receive(const struct criu_run *c, uint8_t *packet, int *out_fd)
{
	struct iovec iov = {.iov_base = packet, .iov_len = CRIU_PACKET_MAX};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n;

	do
		n = recvmsg(c->sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	struct cmsghdr *h = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (h != NULL && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(out_fd, CMSG_DATA(h), sizeof(int));
	return n;
}

/* The first packet brings the socket on which criu itself will talk. */
static int criu_meet(struct criu_run *c, struct err *e)
{
	autoclose int fd = FD_NONE;
	ssize_t n = criu_receive(c, arena_alloc(c->a, CRIU_PACKET_MAX), &fd);

	if (n <= 0 || fd < 0)
		return c->early->code != 0 ? err_take(e, c->early)
					   : err_set(e, EPIPE, "criu's process ended early");
	fd_done(&c->sock);
	c->sock = fd_take(&fd);
	return 0;
}

static int criu_start(struct criu_run *c, struct err *e)
{
	int pair[2], into = c->h->cgroup != NULL ? cgroup_into_fd(c->h->cgroup) : FD_NONE;

	c->early = mmap(NULL, sizeof(*c->early), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (c->early == MAP_FAILED) {
		c->early = NULL;
		return err_sys(e, errno, "memory shared with criu's process");
	}
	c->words = memfd_create("criu", MFD_CLOEXEC);
	if (c->words < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socket to criu");
	c->sock = pair[0];
	c->theirs = pair[1];
	struct clone_args args = {
		.flags = CLONE_PIDFD | (uint64_t)c->h->namespaces |
			 (into >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)&c->pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = into >= 0 ? (uint64_t)into : 0,
	};
	c->pid = sys_clone3(&args);
	if (c->pid == 0)
		criu_child(c);
	fd_done(&c->theirs); /* only criu's copy may keep the socket open */
	return c->pid < 0 ? err_sys(e, -c->pid, "starting criu") : criu_meet(c, e);
}

static int criu_done(struct criu_run *c)
{
	int status = 0;

	fd_done(&c->sock);
	fd_done(&c->theirs);
	fd_done(&c->words);
	if (c->pidfd >= 0)
		(void)sys_waitid_pidfd(c->pidfd, &status, 0);
	fd_done(&c->pidfd);
	if (c->early != NULL)
		(void)munmap(c->early, sizeof(*c->early));
	c->early = NULL;
	return status;
}

static void criu_cleanup(struct criu_run *c)
{
	(void)criu_done(c);
}

/* ---- the dialogue ---- */

/* criu moves what it restores from these roots' names in the image to the cgroup it runs in. */
static int criu_cgroup_roots(struct criu_run *c, struct err *e)
{
	char *text, *line;
	const char *name = arena_printf(c->a, "/proc/%d/cgroup", (int)c->pid);
	int r = io_read_file(AT_FDCWD, name, 1 << 20, c->a, &text, NULL);

	if (r < 0)
		return err_sys(e, -r, "%s", name);
	while ((line = strsep(&text, "\n")) != NULL) {
		(void)strsep(&line, ":");
		char *controllers = line != NULL ? strsep(&line, ":") : NULL, *one;

		if (line == NULL)
			continue;
		if (controllers[0] == '\0')
			*ARENA_PUSH(c->a, &c->r->cgroup_roots) = (struct criu_pair){"", line};
		while (controllers[0] != '\0' && (one = strsep(&controllers, ",")) != NULL) {
			*ARENA_PUSH(c->a, &c->r->cgroup_roots) = (struct criu_pair){one, line};
			if (controllers == NULL)
				break;
		}
	}
	return 0;
}

static int criu_send(struct criu_run *c, const uint8_t *packet, size_t n, struct err *e)
{
	ssize_t sent = send(c->sock, packet, n, MSG_NOSIGNAL);

	if (sent == (ssize_t)n)
		return 0;
	if (c->early->code != 0)
		return err_take(e, c->early);
	return err_sys(e, sent < 0 ? errno : EIO, "criu: sending the request");
}

/* It ended before it could answer: what it said is all there is. */
static int criu_ended(const struct criu_run *c, struct err *e)
{
	const char *reason = NULL;
	char *text;

	if (c->early->code != 0)
		return err_take(e, c->early);
	if (lseek(c->words, 0, SEEK_SET) == 0 &&
	    io_read_all(c->words, CRIU_WORDS_MAX, c->a, &text, NULL) == 0)
		reason = criu_log_reason(text, c->a);
	return err_set(e, EPIPE, "criu: %s", reason != NULL ? reason : "ended without an answer");
}

static int criu_step(struct criu_run *c, struct criu_answer *out, struct err *e)
{
	uint8_t *packet = arena_alloc(c->a, CRIU_PACKET_MAX);
	const uint8_t *answer;
	autoclose int fd = FD_NONE;
	ssize_t n = criu_receive(c, packet, &fd);
	size_t len;

	if (n <= 0)
		return criu_ended(c, e);
	int r = criu_decode(packet, (size_t)n, c->a, out, e);
	if (r < 0 || out->type != CRIU_NOTIFY)
		return r;
	log_debug("criu: %s", out->script != NULL ? out->script : "?");
	r = c->h->notified != NULL && out->script != NULL
		    ? c->h->notified(c->h->context, out, fd, e)
		    : 0;
	struct err why = {0};
	criu_encode_notified(r == 0, c->a, &answer, &len);
	int sent = criu_send(c, answer, len, &why);
	return r == 0 && sent < 0 ? err_take(e, &why) : r;
}

/* criu's own words: the line of its log, else the first error it sent. */
static int criu_refused(const struct criu_run *c, const struct criu_answer *answer, struct err *e)
{
	const struct criu_options *o = c->r->o;
	const char *reason = NULL;
	char *log;

	if (o != NULL && io_read_file(o->work, c->r->log, CRIU_LOG_MAX, c->a, &log, NULL) == 0)
		reason = criu_log_reason(log, c->a);
	if (reason == NULL)
		reason = answer->text != NULL ? answer->text : "no reason given";
	return err_set(e, answer->error > 0 ? answer->error : EIO, "criu: %s%s%s%s%s", reason,
		       o != NULL ? "; see " : "", o != NULL ? o->work_path : "",
		       o != NULL ? "/" : "", o != NULL ? c->r->log : "");
}

static int criu_talk(struct criu_run *c, struct criu_answer *out, struct err *e)
{
	const uint8_t *packet;
	size_t n;
	int r = c->r->type == CRIU_RESTORE ? criu_cgroup_roots(c, e) : 0;

	if (r < 0)
		return r;
	criu_encode(c->r, c->a, &packet, &n);
	r = criu_send(c, packet, n, e);
	do {
		if (r == 0)
			r = criu_step(c, out, e);
	} while (r == 0 && out->type == CRIU_NOTIFY);
	if (r < 0)
		return r;
	return out->success ? 0 : criu_refused(c, out, e);
}

int criu_run(const char *program, struct criu_request *r, const struct criu_handlers *h,
	     struct arena *a, struct criu_answer *out, struct err *e)
{
	__attribute__((cleanup(criu_cleanup))) struct criu_run c = {
		.program = program,
		.r = r,
		.h = h,
		.a = a,
		.sock = FD_NONE,
		.theirs = FD_NONE,
		.words = FD_NONE,
		.pidfd = FD_NONE,
	};
	int ret = criu_start(&c, e);

	if (ret == 0)
		ret = criu_talk(&c, out, e);
	return ret;
}

int criu_check(const char *program, struct arena *a, struct err *e)
{
	static const struct criu_handlers none = {0};
	struct criu_request r = {.type = CRIU_VERSION};
	struct criu_answer answer = {0};

	if (criu_run(program, &r, &none, a, &answer, e) < 0)
		return err_at(e, "asking for criu's version");
	if (answer.version < CRIU_MIN_VERSION)
		return err_set(e, ENOTSUP, "criu %d.%d is too old: 3.16 is needed",
			       answer.version / 10000, answer.version / 100 % 100);
	return 0;
}
