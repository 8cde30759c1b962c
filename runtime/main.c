/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "apply/seal.h"
#include "base/io.h"
#include "base/log.h"
#include "cmd/options.h"
#include "cmd/version.h"
#include "state/store.h"

#define MAIN_HEAP (1 << 20) /* bytes; untouched ones take no memory */

static const struct cmd_option main_no_options[] = {{0}};

/* A standard descriptor that is closed would become the next file that is opened, and the
 * container's. */
static int main_fill_stdio(struct err *e)
{
	struct pollfd p[3] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};

	if (poll(p, ARRAY_LEN(p), 0) < 0)
		return err_sys(e, errno, "poll");
	for (int i = 0; i < 3; i++) {
		struct stat st;

		if ((p[i].revents & POLLNVAL) == 0)
			continue;
		/* the lowest free number is i; it is meant to be inherited */
		if (open("/dev/null", O_RDWR) != i || fstat(i, &st) < 0)
			return err_sys(e, errno, "/dev/null for closed descriptor %d", i);
		if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
			return err_set(e, ENODEV, "/dev/null: is not the null device");
	}
	return 0;
}

/* A caller that ignores SIGCHLD makes waiting fail. What a command prints is written at once: a
 * closed pipe is an error to report, not a silent death. Those that start programs in a container,
 * which must not inherit that, see to their signals themselves (birth_signals()). */
static void main_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int main_log_level(const struct cmd_global *g, enum log_level *out, struct err *e)
{
	const char *l = g->log_level;

	*out = g->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING;
	if (l == NULL || strcmp(l, "warning") == 0 || strcmp(l, "warn") == 0 ||
	    strcmp(l, "info") == 0)
		return 0;
	if (strcmp(l, "debug") == 0)
		*out = LOG_LEVEL_DEBUG;
	else if (strcmp(l, "error") == 0)
		*out = g->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR;
	else
		return err_set(e, EINVAL,
			       "--log-level: must be error, warning or debug, got '%.100s'", l);
	return 0;
}

/* O_NONBLOCK: a fifo without a reader must not hold us. */
static int main_log_open(const char *path, struct err *e)
{
	if (strncmp(path, "journald:", 9) == 0 || strncmp(path, "syslog:", 7) == 0)
		return err_set(e, ENOTSUP, "--log: '%.100s' is not supported; give a file", path);
	if (strncmp(path, "file:", 5) == 0)
		path += 5;
	int fd =
		open(path,
		     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW,
		     0600);
	return fd < 0 ? err_sys(e, errno, "--log: '%s'", path) : fd;
}

/* What can be set up is set up also when something is wrong, so that the error reaches the log. */
static int main_log(const struct cmd_global *g, struct err *e)
{
	struct log_sink sink = {FD_NONE, LOG_TEXT, LOG_LEVEL_WARNING};
	struct err why = {0};
	int r = main_log_level(g, &sink.level, e);

	if (g->log_format != NULL && strcmp(g->log_format, "json") == 0)
		sink.format = LOG_JSON;
	else if (g->log_format != NULL && strcmp(g->log_format, "text") != 0)
		r = err_set(e, EINVAL, "--log-format: must be text or json, got '%.100s'",
			    g->log_format);
	if (g->log_path != NULL)
		sink.fd = main_log_open(g->log_path, &why);
	log_setup(&sink);
	if (why.code != 0)
		log_warn("%s; messages go to standard error only", why.text);
	return r;
}

static int main_check_global(const struct cmd_global *g, struct err *e)
{
	const char *r = g->rootless;
	enum plan_cgroup_manager manager;

	if (r != NULL && strcmp(r, "true") != 0 && strcmp(r, "false") != 0 &&
	    strcmp(r, "auto") != 0)
		return err_set(e, EINVAL, "--rootless: must be true, false or auto, got '%.100s'",
			       r);
	return cmd_manager(g, &manager, e);
}

static const struct cmd *main_find(const char *name)
{
	for (const struct cmd *const *c = cmd_table; *c != NULL; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

/* "create c1: ..." */
static int main_place(const struct cmd *c, const struct options_result *o, struct err *e)
{
	bool id = o->n_operands > 0 && strncmp(c->args, "ID", 2) == 0 &&
		  store_check_id(o->operands[0], NULL) == 0;

	return id ? err_at(e, "%s %s", c->name, o->operands[0]) : err_at(e, "%s", c->name);
}

static int main_check_operands(const struct cmd *c, int n, struct err *e)
{
	if (n >= c->min_operands && (c->max_operands < 0 || n <= c->max_operands))
		return 0;
	return err_set(e, EINVAL, "%s operands; usage: greffon %s [OPTIONS]%s%s",
		       n < c->min_operands ? "too few" : "too many", c->name,
		       c->args[0] != '\0' ? " " : "", c->args);
}

static int main_command(const struct cmd_global *g, const struct cmd *c, int argc, char **argv,
			struct err *e)
{
	void *options = arena_alloc(g->arena, c->options_size);
	struct options_result found = {0};
	int r = options_parse(c->options != NULL ? c->options : main_no_options, c->order, argc,
			      argv, options, g->arena, &found, e);

	if (r == 0 && found.help)
		return options_help_command(c, g->arena) < 0 ? err_sys(e, EIO, "standard output")
							     : 0;
	if (r == 0)
		r = main_check_operands(c, found.n_operands, e);
	if (r == 0 && c->seal)
		r = seal_self(g->argv, g->envp, e);
	if (r == 0 && !c->seal)
		main_signals();
	if (r == 0)
		r = c->run(g, options, found.n_operands, found.operands, e);
	return r < 0 ? main_place(c, &found, e) : r;
}

static int main_failed(int status, const struct err *e)
{
	log_error(e);
	return status;
}

static int main_run(struct arena *a, int argc, char **argv, char **envp)
{
	struct cmd_global g = {.arena = a, .argv = argv, .envp = envp};
	struct options_result found = {0};
	struct err e = {0};
	int parsed = options_parse(cmd_global_options, CMD_STOP_AT_OPERAND, argc - 1, argv + 1, &g,
				   a, &found, &e);

	if (main_log(&g, parsed < 0 ? NULL : &e) < 0 || parsed < 0)
		return main_failed(1, &e);
	if (found.help || (found.n_operands == 0 && !g.version))
		return options_help_all(cmd_global_options, a) < 0 || !found.help;
	if (g.version && version_print(a) == 0)
		return 0;
	if (g.version) {
		(void)err_set(&e, EIO, "write error on standard output");
		return main_failed(1, &e);
	}
	if (main_check_global(&g, &e) < 0)
		return main_failed(1, &e);

	const struct cmd *c = main_find(found.operands[0]);
	if (c == NULL) {
		(void)err_set(&e, EINVAL,
			      "unknown command '%.100s'; greffon --help lists the commands",
			      found.operands[0]);
		return main_failed(1, &e);
	}
	int r = main_command(&g, c, found.n_operands - 1, found.operands + 1, &e);
	return r < 0 ? main_failed(c->failure_status, &e) : r;
}

int main(int argc, char **argv, char **envp)
{
	static struct arena a; /* the memory ends with the process */
	struct err e = {0};

	/* Run with more rights than the caller has, its options and environment would be an
	 * attacker's. */
	if (getauxval(AT_SECURE) != 0 || argc < 1) {
		(void)err_set(&e, EPERM,
			      "refuses to run with set-user-id, set-group-id or file capabilities");
		return main_failed(1, &e);
	}
	if (main_fill_stdio(&e) < 0)
		return main_failed(1, &e);
	/* grown once, by enough for a start, and never given back: each step is a call, and what is
	 * given back is faulted in again */
	(void)mallopt(M_TOP_PAD, MAIN_HEAP);
	(void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
	return main_run(&a, argc, argv, envp);
}
