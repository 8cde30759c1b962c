/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stepper [-i] [-s SIGNAL] N COMMAND ARG...
 *
 * Runs COMMAND and kills it right before its N-th system call, counted from its start over every
 * exec of itself. With -i the calls of its first child are counted, and that is what is killed: in
 * create the container's init. N = 0 kills nothing. The number of calls that were seen goes to
 * descriptor 9, and with it the one before which it was killed. Exit status: 99 when it was killed,
 * else the command's own.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct stepper {
	pid_t command, target; /* target 0: not born yet */
	bool of_child;
	long limit, calls;
	int signal;
	bool killed;
	int status;
};

static void stepper_die(const char *what)
{
	fprintf(stderr, "stepper: %s: %s\n", what, strerror(errno));
	exit(98);
}

/* Whether it stands before a call (not behind one); the call's number. */
static bool stepper_at_entry(pid_t pid, uint64_t *number)
{
	struct __ptrace_syscall_info info;
	long n = ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);

	if (n <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	*number = info.entry.nr;
	return true;
}

/* A stop of pid: counts, kills, and says with which signal it goes on. */
static int stepper_stop(struct stepper *s, pid_t pid, int status)
{
	int sig = WSTOPSIG(status);
	uint64_t number = 0;

	if (status >> 16 != 0) /* exec, clone */
		return 0;
	if (sig != (SIGTRAP | 0x80))
		return sig == SIGSTOP && pid != s->command ? 0 : sig;
	if (pid != s->target || !stepper_at_entry(pid, &number))
		return 0;
	if (++s->calls == s->limit) {
		s->killed = true;
		dprintf(9, "%ld %llu\n", s->calls, (unsigned long long)number);
		if (s->signal != SIGKILL)
			return s->signal;
		(void)kill(pid, SIGKILL);
	}
	return 0;
}

static void stepper_run(struct stepper *s)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid != s->command)
				continue;
			s->status = status;
			return; /* what it leaves behind is no longer watched */
		}
		if (s->of_child && s->target == 0 && pid != s->command)
			s->target = pid;
		int sig = stepper_stop(s, pid, status);
		bool counts = pid == s->target || (s->of_child && pid == s->command);
		long r = counts ? ptrace(s->killed && s->signal == SIGKILL ? PTRACE_CONT
									   : PTRACE_SYSCALL,
					 pid, 0, sig)
				: ptrace(PTRACE_DETACH, pid, 0, sig);
		if (r < 0 && errno != ESRCH)
			stepper_die("ptrace");
	}
}

int main(int argc, char **argv)
{
	struct stepper s = {.signal = SIGKILL};
	int c, status;

	while ((c = getopt(argc, argv, "+is:")) != -1) {
		s.of_child = s.of_child || c == 'i';
		if (c == 's')
			s.signal = atoi(optarg);
	}
	if (argc - optind < 2) {
		fprintf(stderr, "usage: stepper [-i] [-s SIGNAL] N COMMAND ARG...\n");
		return 98;
	}
	s.limit = atol(argv[optind]);
	s.command = fork();
	if (s.command == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, 0, 0);
		(void)close(9);
		(void)execvp(argv[optind + 1], argv + optind + 1);
		_exit(97);
	}
	if (s.command < 0 || waitpid(s.command, &status, 0) < 0 || !WIFSTOPPED(status))
		stepper_die("start");
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC;
	if (s.of_child)
		options |= PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
	else
		s.target = s.command;
	if (ptrace(PTRACE_SETOPTIONS, s.command, 0, options) < 0 ||
	    ptrace(PTRACE_SYSCALL, s.command, 0, 0) < 0)
		stepper_die("ptrace");
	stepper_run(&s);
	if (!s.killed)
		dprintf(9, "%ld\n", s.calls);
	if (s.killed && s.signal == SIGKILL)
		return 99;
	return WIFEXITED(s.status) ? WEXITSTATUS(s.status) : 128 + WTERMSIG(s.status);
}
