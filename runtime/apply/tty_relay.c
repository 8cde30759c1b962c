/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "apply/ring.h"
#include "apply/tty.h"
#include "base/log.h"
#include "sys/sys.h"

/* A master whose last user is gone stays readable-with-error until somebody opens the terminal
 * again: it is asked again after this time only. */
#define RELAY_HANGUP_MS 100

/* One of the caller's descriptors, used without waiting. */
struct relay_end {
	int fd;	     /* to use; FD_NONE: at its end, or nobody reads any more */
	int own;     /* a new open file description; FD_NONE: fd is the caller's, whose flags were
			changed */
	int restore; /* the caller's flags, -1: unchanged */
};

struct relay {
	int pidfd;
	pid_t pid;
	int signals;
	int master;
	struct relay_end in, out;
	struct tty_watch watch;
	struct ring *to_master, *to_out;
	struct termios saved;
	bool raw, hung_up, ended, given_up;
	int status; /* as of wait(2), once ended */
};

/* A flag change on a shared description is seen by everyone who has it, so terminals and pipes are
 * opened again. Regular files keep their position, and never make one wait. */
static void relay_end_open(struct relay_end *end, int fd, int flags)
{
	struct stat st;
	char path[32];

	*end = (struct relay_end){.fd = fd, .own = FD_NONE, .restore = -1};
	if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
		return;
	if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		end->own = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (end->own >= 0) {
			end->fd = end->own;
			return;
		}
		end->own = FD_NONE;
	}
	int old = fcntl(fd, F_GETFL);
	if (old >= 0 && (old & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, old | O_NONBLOCK) == 0)
		end->restore = old;
}

static void relay_end_close(struct relay_end *end, int fd)
{
	fd_done(&end->own);
	if (end->restore >= 0)
		(void)fcntl(fd, F_SETFL, end->restore);
	*end = (struct relay_end){.fd = FD_NONE, .own = FD_NONE, .restore = -1};
}

static void relay_resize(const struct relay *r)
{
	struct winsize size;

	for (int fd = 0; fd < 3; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
			(void)ioctl(r->master, TIOCSWINSZ, &size);
			return;
		}
	}
}

static void relay_raw(struct relay *r)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &r->saved) < 0)
		return; /* not a terminal */
	raw = r->saved;
	cfmakeraw(&raw);
	r->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/*
 * All signals are taken from a descriptor, but those a fault of our own raises, and those by which
 * the shell stops a background job that uses the terminal.
 */
static int relay_signals(sigset_t *old, struct err *e)
{
	static const int left[] = {SIGSEGV, SIGBUS,  SIGILL,  SIGFPE, SIGTRAP,
				   SIGSYS,  SIGABRT, SIGTTIN, SIGTTOU};
	sigset_t set;

	(void)sigfillset(&set);
	for (size_t i = 0; i < ARRAY_LEN(left); i++)
		(void)sigdelset(&set, left[i]);
	if (sigprocmask(SIG_SETMASK, &set, old) < 0)
		return err_sys(e, errno, "sigprocmask");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(e, errno, "signalfd") : fd;
}

/* All children: as the subreaper we inherit those whose parents in the container's tree have ended.
 */
static void relay_reap(struct relay *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != r->pid)
			continue;
		r->ended = true;
		r->status = status;
	}
}

static void relay_signal(struct relay *r, int sig)
{
	switch (sig) {
	case SIGCHLD:
		relay_reap(r);
		return;
	case SIGPIPE: /* of our own writing */
	case SIGURG:
		return;
	case SIGWINCH:
		if (r->master >= 0) {
			relay_resize(r);
			return;
		}
		break;
	case SIGINT:
	case SIGTERM:
	case SIGHUP:
	case SIGQUIT:
		/* only a reader that does not read can hold us then */
		r->given_up = r->ended;
		break;
	default:
		break;
	}
	if (!r->ended)
		(void)sys_pidfd_send_signal(r->pidfd, sig);
}

static void relay_take_signals(struct relay *r)
{
	struct signalfd_siginfo info[8];
	ssize_t n;

	while ((n = read(r->signals, info, sizeof(info))) > 0)
		for (size_t i = 0; i < (size_t)n / sizeof(info[0]); i++)
			relay_signal(r, (int)info[i].ssi_signo);
}

static bool relay_would_wait(ssize_t n)
{
	return n == -EAGAIN || n == -EWOULDBLOCK;
}

static void relay_from_caller(struct relay *r)
{
	ssize_t n = ring_fill(r->to_master, r->in.fd);

	if (n == 0 || (n < 0 && !relay_would_wait(n)))
		r->in.fd = FD_NONE;
}

/* false: nothing more to read at the moment, or for good. */
static bool relay_from_master(struct relay *r)
{
	if (ring_is_full(r->to_out))
		return true;
	ssize_t n = ring_fill(r->to_out, r->master);

	r->hung_up = n == 0 || (n < 0 && !relay_would_wait(n));
	return n > 0;
}

static void relay_to_caller(struct relay *r)
{
	ssize_t n = ring_drain(r->to_out, r->out.fd);

	if (n < 0 && !relay_would_wait(n))
		r->out.fd = FD_NONE;
}

static void relay_to_master(struct relay *r)
{
	ssize_t n = ring_drain(r->to_master, r->master);

	if (n < 0 && !relay_would_wait(n))
		r->to_master->n = 0; /* nobody will ever read it */
}

enum relay_slot { RELAY_SIGNALS, RELAY_IN, RELAY_OUT, RELAY_MASTER, RELAY_WATCH, RELAY_SLOTS };

static void relay_wants(const struct relay *r, struct pollfd p[static RELAY_SLOTS])
{
	bool talk = r->master >= 0 && !r->hung_up;
	short master = 0;

	if (!ring_is_full(r->to_out) || r->out.fd < 0)
		master |= POLLIN;
	if (r->to_master->n > 0)
		master |= POLLOUT;
	p[RELAY_SIGNALS] = (struct pollfd){.fd = r->signals, .events = POLLIN};
	p[RELAY_IN] = (struct pollfd){
		.fd = r->ended || ring_is_full(r->to_master) ? FD_NONE : r->in.fd,
		.events = POLLIN,
	};
	p[RELAY_OUT] =
		(struct pollfd){.fd = r->to_out->n > 0 ? r->out.fd : FD_NONE, .events = POLLOUT};
	p[RELAY_WATCH] = (struct pollfd){.fd = r->watch.fd, .events = POLLIN};
	p[RELAY_MASTER] =
		(struct pollfd){.fd = talk && master != 0 ? r->master : FD_NONE, .events = master};
}

/* Waits for something to do and does it once. */
static int relay_step(struct relay *r, struct err *e)
{
	struct pollfd p[RELAY_SLOTS];

	relay_wants(r, p);
	int n = poll(p, RELAY_SLOTS, r->hung_up ? RELAY_HANGUP_MS : -1);
	if (n < 0 && errno != EINTR)
		return err_sys(e, errno, "poll");
	r->hung_up = false;
	if (n <= 0)
		return 0;
	if (p[RELAY_IN].revents != 0)
		relay_from_caller(r);
	if ((p[RELAY_MASTER].revents & POLLOUT) != 0)
		relay_to_master(r);
	if ((p[RELAY_MASTER].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		(void)relay_from_master(r);
	if (p[RELAY_OUT].revents != 0)
		relay_to_caller(r);
	if (r->out.fd < 0)
		r->to_out->n = 0; /* the reader is gone; the program must not wait for it */
	if (p[RELAY_WATCH].revents != 0 && r->watch.ready(r->watch.arg))
		r->watch.fd = FD_NONE;
	if (p[RELAY_SIGNALS].revents != 0)
		relay_take_signals(r);
	return 0;
}

/* What the program wrote last is still in the terminal when its end is seen: read on until that
 * says that there is no more, whether others still have it open or not. */
static int relay_finish(struct relay *r, struct err *e)
{
	int ret = 0;

	r->in.fd = FD_NONE;
	r->to_master->n = 0;
	for (bool more = true; ret == 0 && !r->given_up && (more || r->to_out->n > 0);) {
		if (r->out.fd < 0)
			r->to_out->n = 0;
		more = relay_from_master(r);
		r->hung_up = true; /* step need not wait for the master */
		if (r->to_out->n == 0)
			continue;
		relay_to_caller(r);
		if (r->to_out->n > 0 && r->out.fd >= 0)
			ret = relay_step(r, e);
	}
	return ret;
}

static void relay_done(struct relay *r, const sigset_t *old)
{
	relay_end_close(&r->in, STDIN_FILENO);
	relay_end_close(&r->out, STDOUT_FILENO);
	if (r->raw && tcsetattr(STDIN_FILENO, TCSADRAIN, &r->saved) < 0)
		log_debug("the terminal's settings could not be restored");
	fd_done(&r->signals);
	(void)sigprocmask(SIG_SETMASK, old, NULL);
}

static int relay_run(struct relay *r, struct err *e)
{
	int ret = 0;

	if (r->master >= 0) {
		int flags = fcntl(r->master, F_GETFL);
		if (flags < 0 || fcntl(r->master, F_SETFL, flags | O_NONBLOCK) < 0)
			return err_sys(e, errno, "terminal: O_NONBLOCK");
		relay_end_open(&r->in, STDIN_FILENO, O_RDONLY);
		relay_end_open(&r->out, STDOUT_FILENO, O_WRONLY);
		relay_resize(r);
		relay_raw(r);
	}
	relay_reap(r); /* it may have ended before its signal could be seen */
	while (ret == 0 && !r->ended)
		ret = relay_step(r, e);
	if (ret == 0 && r->master >= 0)
		ret = relay_finish(r, e);
	return ret;
}

int tty_supervise(int pidfd, pid_t pid, int master, struct err *e)
{
	static const struct tty_watch nothing = {.fd = FD_NONE};

	return tty_supervise_watching(pidfd, pid, master, &nothing, e);
}

int tty_supervise_watching(int pidfd, pid_t pid, int master, const struct tty_watch *w,
			   struct err *e)
{
	static struct ring rings[2]; /* static: a page that is never used is never touched */
	struct relay r = {
		.to_master = &rings[0],
		.to_out = &rings[1],
		.pidfd = pidfd,
		.pid = pid,
		.master = master,
		.watch = *w,
		.in = {FD_NONE, FD_NONE, -1},
		.out = {FD_NONE, FD_NONE, -1},
	};
	sigset_t old;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_sys(e, errno, "PR_SET_CHILD_SUBREAPER");
	r.signals = relay_signals(&old, e);
	if (r.signals < 0)
		return r.signals;
	int ret = relay_run(&r, e);
	relay_done(&r, &old);
	if (ret < 0)
		return ret;
	return WIFSIGNALED(r.status) ? 128 + WTERMSIG(r.status) : WEXITSTATUS(r.status);
}
