/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/systemd.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/log.h"
#include "plan/plan.h"
#include "sys/sys.h"
#include "systemd/wire.h"

#define SYSTEMD_HELPER_ENV "GREFFON_SYSTEMD_HELPER"

/* The helper itself gives up on systemd after 30 s, a job and a call each; this is for a helper
 * that hangs. */
#define SYSTEMD_TIMEOUT_MS (75 * 1000)

/* In a user namespace (rootless podman's) the system's root is not mapped, and his files are shown
 * as the overflow id's. */
static bool systemd_is_ours(uid_t owner)
{
	char map[4096], overflow[16] = "";

	if (owner == 0 || owner == geteuid())
		return true;
	(void)io_read_control(AT_FDCWD, "/proc/sys/kernel/overflowuid", overflow, sizeof(overflow));
	return owner == strtoul(overflow, NULL, 10) &&
	       io_read_control(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) > 0 &&
	       strstr(map, " 4294967295\n") == NULL;
}

/* What runs with our rights must not be somebody else's to change. fd or -errno. */
static int systemd_helper(struct err *e)
{
	const char *given = getenv(SYSTEMD_HELPER_ENV);
	const char *path = given != NULL && given[0] == '/' ? given : SYSTEMD_HELPER;
	struct stat st;
	autoclose int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno,
			       "the systemd driver's helper '%s': install it, or use "
			       "--cgroup-manager cgroupfs",
			       path);
	if (!S_ISREG(st.st_mode) || !systemd_is_ours(st.st_uid) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, EPERM,
			       "the systemd driver's helper '%s': must be a file of root or the "
			       "caller that nobody else may write to",
			       path);
	return fd_take(&fd);
}

/* "NAME=value" of our own environment, or NULL. */
static char *systemd_env(const char *name)
{
	size_t n = strlen(name);

	for (char **p = environ; *p != NULL; p++)
		if (strncmp(*p, name, n) == 0 && (*p)[n] == '=')
			return *p;
	return NULL;
}

/* World: the child. Its program's standard input is the socket; 2 stays the caller's, for the
 * loader's complaints. */
static _Noreturn void systemd_execute(int program, int sock, bool user)
{
	static const char *const names[2][2] = {
		{"DBUS_SYSTEM_BUS_ADDRESS", NULL},
		{"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"},
	};
	char name[] = "greffon-systemd", system[] = "system", own[] = "user";
	char *env[3] = {NULL}, *argv[] = {name, user ? own : system, NULL};
	size_t n = 0;

	for (size_t i = 0; i < 2 && names[user][i] != NULL; i++)
		if (systemd_env(names[user][i]) != NULL)
			env[n++] = systemd_env(names[user][i]);
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* nothing of the caller's: not all of it is close-on-exec yet */
	(void)sys_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (dup2(sock, 0) == 0 && dup2(null, 1) == 1)
		(void)sys_execveat(program, "", argv, env, AT_EMPTY_PATH);
	_exit(127);
}

int systemd_open(struct systemd *s, bool user, struct err *e)
{
	int pair[2];
	struct clone_args args = {.flags = CLONE_PIDFD,
				  .pidfd = (uint64_t)(uintptr_t)&s->pidfd,
				  .exit_signal = SIGCHLD};
	autoclose int program = systemd_helper(e);

	if (program < 0)
		return program;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socketpair");
	pid_t pid = sys_clone3(&args);
	if (pid == 0)
		systemd_execute(program, pair[1], user);
	(void)close(pair[1]);
	s->sock = pair[0];
	if (pid < 0) {
		fd_done(&s->sock);
		return err_sys(e, -pid, "starting the systemd driver's helper");
	}
	s->pid = pid;
	return 0;
}

static int systemd_say(struct systemd *s, const struct wire_message *m, struct arena *a,
		       struct err *e)
{
	int r = wire_send(s->sock, m, a);

	if (r == -EMSGSIZE)
		return err_set(e, EMSGSIZE,
			       "linux.resources: too many device rules for a unit's properties");
	/* a helper that is gone has said why, or says nothing any more */
	return r < 0 && r != -EPIPE ? err_sys(e, -r, "asking the systemd driver's helper") : 0;
}

/* Why the helper's end of the socket is closed. */
static int systemd_lost(struct systemd *s, int r, struct err *e)
{
	int status = 0;

	if (r == -ETIMEDOUT)
		return err_set(e, ETIMEDOUT, "the systemd driver's helper did not answer for %d s",
			       SYSTEMD_TIMEOUT_MS / 1000);
	if (r == -EPROTO)
		return err_set(e, EPROTO,
			       "the systemd driver's helper is not of this version of greffon");
	(void)sys_waitid_pidfd(s->pidfd, &status, WNOWAIT);
	if (WIFSIGNALED(status))
		return err_set(e, ECHILD,
			       "the systemd driver's helper was killed by signal %d: a limit of "
			       "linux.resources is too low, or the unit was stopped",
			       WTERMSIG(status));
	return err_set(e, ECHILD,
		       "the systemd driver's helper ended with status %d: is it installed whole, "
		       "and libsystemd with it?",
		       WEXITSTATUS(status));
}

static int systemd_hear(struct systemd *s, struct arena *a, struct wire_message *out, struct err *e)
{
	int r = wire_receive(s->sock, SYSTEMD_TIMEOUT_MS, out, a);

	if (r < 0)
		return systemd_lost(s, r, e);
	if (out->verb == WIRE_FAILED)
		return err_set(e, out->number > 0 && out->number < 4096 ? (int)out->number : EIO,
			       "%s", out->text);
	if (out->verb != WIRE_DONE)
		return systemd_lost(s, -EPROTO, e);
	if (out->unit[0] != '\0')
		log_debug("systemd does not have %s; the cgroup's files have the limits",
			  out->unit);
	return 0;
}

int systemd_start(struct systemd *s, const struct plan_unit *u, struct arena *a, struct err *e)
{
	struct wire_message m = {.verb = WIRE_START, .unit = u->name, .properties = u->properties};

	return systemd_say(s, &m, a, e);
}

int systemd_started(struct systemd *s, struct arena *a, const char **out_cgroup, struct err *e)
{
	struct wire_message answer;
	int r = systemd_hear(s, a, &answer, e);

	if (r == 0 && (answer.text[0] != '/' || strstr(answer.text, "/../") != NULL))
		r = err_set(e, EPROTO, "systemd put the unit into the cgroup '%.200s'",
			    answer.text);
	if (r == 0)
		*out_cgroup = answer.text;
	return r;
}

static int systemd_ask(struct systemd *s, const struct wire_message *m, struct err *e)
{
	autoarena struct arena a = {0};
	struct wire_message answer;
	int r = systemd_say(s, m, &a, e);

	return r < 0 ? r : systemd_hear(s, &a, &answer, e);
}

int systemd_set(struct systemd *s, const char *unit, const struct properties *all, struct err *e)
{
	struct wire_message m = {.verb = WIRE_SET, .unit = unit, .properties = *all};

	return systemd_ask(s, &m, e);
}

int systemd_attach(struct systemd *s, const char *unit, const char *subgroup, pid_t pid,
		   struct err *e)
{
	struct wire_message m = {.verb = WIRE_ATTACH, .unit = unit, .number = (uint64_t)pid};
	autoarena struct arena a = {0};

	/* absolute below the unit; "" is the unit itself */
	m.text = subgroup != NULL ? arena_printf(&a, "/%s", subgroup) : "";
	return systemd_ask(s, &m, e);
}

int systemd_stop(struct systemd *s, const char *unit, struct err *e)
{
	struct wire_message m = {.verb = WIRE_STOP, .unit = unit};

	return systemd_ask(s, &m, e);
}

void systemd_release(struct systemd *s)
{
	if (s->pid > 0)
		fd_done(&s->sock);
}

void systemd_done(struct systemd *s)
{
	int status;

	if (s->pid == 0)
		return;
	fd_done(&s->sock);
	(void)sys_waitid_pidfd(s->pidfd, &status, 0);
	fd_done(&s->pidfd);
	s->pid = 0;
}
