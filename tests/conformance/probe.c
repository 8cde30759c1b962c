/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a shell cannot see from inside a container, and the two receivers that sit outside it.
 * Linked statically, it is both the container's process (/bin/probe) and a helper of the tests.
 * Output is lines of KEY=VALUE; an errno is printed by its name.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char *name_of(int code)
{
	return code == 0 ? "0" : strerrorname_np(code);
}

static int cmd_argv(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		printf("argv%d=[%s]\n", i, argv[i]);
	return 0;
}

static int cmd_env(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	for (char **p = environ; *p; p++)
		puts(*p);
	return 0;
}

/* Opens nothing itself, so that the list is what execve left. */
static int cmd_fds(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("fds=");
	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("%d ", fd);
	printf("\n");
	return 0;
}

static int cmd_rlimits(int argc, char **argv)
{
	static const char *const names[] = {
		"CPU",	   "FSIZE", "DATA",  "STACK",	   "CORE",     "RSS",  "NPROC",	 "NOFILE",
		"MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"};

	(void)argc;
	(void)argv;
	for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
		struct rlimit r;

		if (getrlimit(i, &r) < 0)
			return 1;
		printf("%s=%llu %llu\n", names[i], (unsigned long long)r.rlim_cur,
		       (unsigned long long)r.rlim_max);
	}
	return 0;
}

static int cmd_clock(int argc, char **argv)
{
	struct timespec b, m;

	(void)argc;
	(void)argv;
	clock_gettime(CLOCK_BOOTTIME, &b);
	clock_gettime(CLOCK_MONOTONIC, &m);
	printf("boottime=%lld\nmonotonic=%lld\n", (long long)b.tv_sec, (long long)m.tv_sec);
	return 0;
}

/* Attributes that execve keeps: personality, scheduling, I/O priority, session. */
static int cmd_attrs(int argc, char **argv)
{
	struct sched_param sp = {0};

	(void)argc;
	(void)argv;
	printf("personality=%#x\n", (unsigned)personality(0xffffffff));
	printf("policy=%d\n", sched_getscheduler(0));
	sched_getparam(0, &sp);
	printf("rtprio=%d\n", sp.sched_priority);
	printf("nice=%d\n", getpriority(PRIO_PROCESS, 0));
	printf("ioprio=%ld\n", syscall(SYS_ioprio_get, 1, 0));
	printf("pid=%d\npgrp=%d\nsid=%d\n", getpid(), getpgrp(), getsid(0));
	return 0;
}

static int cmd_tty(int argc, char **argv)
{
	struct winsize w = {0};
	struct stat console = {0}, in = {0};
	int fd;

	(void)argc;
	(void)argv;
	printf("isatty=%d%d%d\n", isatty(0), isatty(1), isatty(2));
	printf("ttyname=%s\n", ttyname(0) ? ttyname(0) : "none");
	if (ioctl(0, TIOCGWINSZ, &w) == 0)
		printf("size=%dx%d\n", w.ws_row, w.ws_col);
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	printf("controlling=%s\n", fd >= 0 ? "yes" : "no");
	printf("console=%s\n", stat("/dev/console", &console) == 0 ? "yes" : "no");
	if (fstat(0, &in) == 0 && console.st_rdev != 0)
		printf("console_is_stdin=%s\n", console.st_rdev == in.st_rdev ? "yes" : "no");
	printf("owner=%u\n", (unsigned)in.st_uid);
	return 0;
}

/* open PATH r|w|rw: whether it opens */
static int cmd_open(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		int flags = strcmp(argv[i + 1], "rw") == 0 ? O_RDWR
			    : argv[i + 1][0] == 'w'	   ? O_WRONLY
							   : O_RDONLY;
		int fd = open(argv[i], flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		printf("%s:%s=%s\n", argv[i], argv[i + 1], fd >= 0 ? "0" : name_of(errno));
	}
	return 0;
}

static long call_number(const char *name)
{
	static const struct {
		const char *name;
		long nr;
	} calls[] = {
		{"getppid", SYS_getppid},
		{"getpriority", SYS_getpriority},
		{"personality", SYS_personality},
		{"mkdirat", SYS_mkdirat},
		{"sched_yield", SYS_sched_yield},
		{"getpgid", SYS_getpgid},
		{"umask", SYS_umask},
		{"getsid", SYS_getsid},
		{"unshare", SYS_unshare},
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].nr;
	return -1;
}

static void on_sys(int sig)
{
	static const char text[] = "sigsys\n";

	(void)sig;
	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(0);
}

/* call NAME[,A[,B]]...: makes each system call, prints NAME,A,B=RESULT or the name of its errno */
static int cmd_call(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_sys};

	setvbuf(stdout, NULL, _IONBF, 0);
	sigaction(SIGSYS, &sa, NULL);
	for (int i = 1; i < argc; i++) {
		char word[64] = "";
		unsigned long v[2] = {0, 0};
		char *save = NULL, *p;
		long r;

		snprintf(word, sizeof(word), "%s", argv[i]);
		p = strtok_r(word, ",", &save);
		for (int k = 0; k < 2; k++) {
			char *q = strtok_r(NULL, ",", &save);

			v[k] = q ? strtoul(q, NULL, 0) : 0;
		}
		errno = 0;
		r = syscall(call_number(p), v[0], v[1], 0, 0, 0, 0);
		if (r < 0)
			printf("%s=%s\n", argv[i], name_of(errno));
		else
			printf("%s=%ld\n", argv[i], r);
	}
	return 0;
}

/* fork N: how many of N children could be made while all of them live */
static int cmd_fork(int argc, char **argv)
{
	int want = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 10, made = 0, why = 0;

	fflush(stdout);
	for (; made < want; made++) {
		pid_t pid = fork();

		if (pid == 0) {
			pause();
			_exit(0);
		}
		if (pid < 0) {
			why = errno;
			break;
		}
	}
	printf("forked=%d\nerror=%s\n", made, name_of(why));
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	return 0;
}

/* Prints each signal it gets, until SIGTERM. "ready" says that the handlers are there. */
static int cmd_signals(int argc, char **argv)
{
	sigset_t all;
	int sig;

	(void)argc;
	(void)argv;
	setvbuf(stdout, NULL, _IONBF, 0);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	puts("ready");
	while (sigwait(&all, &sig) == 0) {
		printf("signal=%d\n", sig);
		if (sig == SIGTERM)
			break;
	}
	return 0;
}

static int listen_at(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 4) < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* One message: its text to `text`, the number of descriptors to *n, the first one is the result. */
static int receive(int sock, char *text, size_t size, int *n)
{
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} u;
	struct iovec iov = {.iov_base = text, .iov_len = size - 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = u.buf,
			   .msg_controllen = sizeof(u.buf)};
	ssize_t len = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = len > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	int fd = -1;

	*n = 0;
	text[len > 0 ? len : 0] = 0;
	if (c && c->cmsg_type == SCM_RIGHTS) {
		*n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

/* console SOCKET: takes the terminal that the runtime sends, prints what comes out of it */
static int cmd_console(int argc, char **argv)
{
	char text[4096];
	ssize_t n;
	int lsock, sock, tty, count;

	if (argc < 2)
		return 1;
	setvbuf(stdout, NULL, _IONBF, 0);
	lsock = listen_at(argv[1]);
	puts("listening=1");
	sock = accept4(lsock, NULL, NULL, SOCK_CLOEXEC);
	tty = receive(sock, text, sizeof(text), &count);
	printf("received=%d\nname=%s\nmaster=%d\n", count, text, tty >= 0 && isatty(tty));
	close(sock);
	/* EIO before the container has opened its side, and after it has closed it */
	for (int idle = 0; tty >= 0 && idle < 200;) {
		n = read(tty, text, sizeof(text));
		if (n > 0) {
			fwrite(text, 1, (size_t)n, stdout);
		} else {
			idle++;
			usleep(20000);
		}
	}
	return 0;
}

/* Answers one notification with EXDEV, an errno that no filter of the tests returns itself. */
static int answer(int fd)
{
	struct seccomp_notif req;
	struct seccomp_notif_resp resp;

	memset(&req, 0, sizeof(req));
	memset(&resp, 0, sizeof(resp));
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0)
		return -1;
	printf("notified=%d\n", req.data.nr);
	resp.id = req.id;
	resp.error = -EXDEV;
	return ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

/* pidfd SOCKET: takes one descriptor, prints what came with it and the process it stands for */
static int cmd_pidfd(int argc, char **argv)
{
	char text[4096], path[64], line[256];
	int lsock, sock, fd, count;

	if (argc < 2)
		return 1;
	setvbuf(stdout, NULL, _IONBF, 0);
	lsock = listen_at(argv[1]);
	puts("listening=1");
	sock = accept4(lsock, NULL, NULL, SOCK_CLOEXEC);
	fd = receive(sock, text, sizeof(text), &count);
	printf("payload=%s\nfds=%d\n", text, count);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "Pid:", 4) == 0)
			printf("pid=%d\n", atoi(line + 4));
	return 0;
}

/* keyring: the name of the session keyring */
static int cmd_keyring(int argc, char **argv)
{
	char text[256] = "";
	long n = syscall(SYS_keyctl, 6 /* KEYCTL_DESCRIBE */, -3 /* session */, text,
			 sizeof(text) - 1, 0);
	const char *name = strrchr(text, ';');

	(void)argc;
	(void)argv;
	printf("keyring=%s\n", n < 0 ? name_of(errno) : name ? name + 1 : text);
	return 0;
}

/* agent SOCKET FILE: a seccomp agent for one container; the process state goes to FILE */
static int cmd_agent(int argc, char **argv)
{
	static char text[65536];
	size_t len = 0;
	int lsock, sock, fd, count;
	FILE *f;

	if (argc < 3)
		return 1;
	setvbuf(stdout, NULL, _IONBF, 0);
	lsock = listen_at(argv[1]);
	puts("listening=1");
	sock = accept4(lsock, NULL, NULL, SOCK_CLOEXEC);
	fd = receive(sock, text, sizeof(text), &count);
	printf("fds=%d\n", count);
	for (len = strlen(text);;) { /* the rest of the JSON, to the end of the connection */
		ssize_t n = read(sock, text + len, sizeof(text) - 1 - len);

		if (n <= 0) {
			printf("closed=%d\n", n == 0);
			break;
		}
		len += (size_t)n;
	}
	f = fopen(argv[2], "we");
	if (!f || fwrite(text, 1, len, f) != len || fclose(f) != 0)
		return 1;
	while (fd >= 0 && answer(fd) == 0)
		;
	return 0;
}

static socklen_t unix_address(struct sockaddr_un *addr, const char *path)
{
	size_t n = strlen(path);

	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n >= sizeof(addr->sun_path))
		exit(1);
	memcpy(addr->sun_path, path, n);
	if (path[0] == '@')
		addr->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

/* notify TEXT...: says them to NOTIFY_SOCKET, a datagram each; "|" stands for a line break */
static int cmd_notify(int argc, char **argv)
{
	struct sockaddr_un addr;
	const char *path = getenv("NOTIFY_SOCKET");
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!path) {
		puts("notify=none");
		return 1;
	}
	socklen_t len = unix_address(&addr, path);
	for (int i = 1; i < argc; i++) {
		for (char *c = argv[i]; *c; c++)
			*c = *c == '|' ? '\n' : *c;
		ssize_t r = sendto(s, argv[i], strlen(argv[i]), 0, (struct sockaddr *)&addr, len);
		printf("notify%d=%s\n", i, name_of(r < 0 ? errno : 0));
	}
	return 0;
}

/* manager SOCKET: a service manager; prints each datagram on one line, with the sender's pid */
static int cmd_manager(int argc, char **argv)
{
	struct sockaddr_un addr;
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	if (argc < 2)
		return 1;
	socklen_t len = unix_address(&addr, argv[1]);
	if (bind(s, (struct sockaddr *)&addr, len) < 0 ||
	    setsockopt(s, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return 1;
	setvbuf(stdout, NULL, _IONBF, 0);
	puts("listening=1");
	for (;;) {
		char text[4096];
		struct iovec iov = {text, sizeof(text) - 1};
		union {
			struct cmsghdr head;
			char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
		} control;
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control.space,
				     .msg_controllen = sizeof(control.space)};
		ssize_t n = recvmsg(s, &msg, MSG_CMSG_CLOEXEC);
		struct ucred who = {0};
		int fd = -1;

		if (n < 0)
			return 1;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
			if (c->cmsg_type == SCM_CREDENTIALS)
				memcpy(&who, CMSG_DATA(c), sizeof(who));
			if (c->cmsg_type == SCM_RIGHTS)
				memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		}
		text[n] = '\0';
		for (char *c = text; *c; c++)
			*c = *c == '\n' ? '|' : *c;
		printf("from=%d fd=%d %s\n", (int)who.pid, fd >= 0, text);
		if (fd >= 0)
			close(fd);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} cmds[] = {
		{"argv", cmd_argv},	  {"env", cmd_env},	    {"fds", cmd_fds},
		{"rlimits", cmd_rlimits}, {"clock", cmd_clock},	    {"attrs", cmd_attrs},
		{"tty", cmd_tty},	  {"open", cmd_open},	    {"call", cmd_call},
		{"fork", cmd_fork},	  {"signals", cmd_signals}, {"console", cmd_console},
		{"agent", cmd_agent},	  {"pidfd", cmd_pidfd},	    {"keyring", cmd_keyring},
		{"notify", cmd_notify},	  {"manager", cmd_manager},
	};

	for (size_t i = 0; argc > 1 && i < sizeof(cmds) / sizeof(cmds[0]); i++)
		if (strcmp(argv[1], cmds[i].name) == 0)
			return cmds[i].run(argc - 1, argv + 1);
	fprintf(stderr, "usage: probe COMMAND [ARG...]\n");
	return 1;
}
