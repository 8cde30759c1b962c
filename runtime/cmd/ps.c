/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/io.h"
#include "cmd/document.h"
#include "cmd/target.h"

#define PS_MAX_TEXT (16 * 1024 * 1024)

struct ps_options {
	const char *format;
};

static const struct cmd_option ps_options[] = {
	{"format", 'f', CMD_STRING, offsetof(struct ps_options, format), "FORMAT",
	 "table (default): what ps(1) prints about them; json: their pids"},
	{0},
};

/* World: child of the runtime, one thread. */
static _Noreturn void ps_exec(int out, char **argv)
{
	if (dup2(out, STDOUT_FILENO) >= 0)
		(void)execvp("ps", argv);
	static const char why[] = "greffon: ps: can't be run\n";
	(void)io_write_all(STDERR_FILENO, why, sizeof(why) - 1);
	_exit(127);
}

/* What the system's ps prints with the arguments, -ef without any. */
static int ps_output(int n, char **args, struct arena *a, char **out, struct err *e)
{
	char **argv = arena_array(a, (size_t)n + 3, sizeof(*argv));
	int pair[2], status;

	argv[0] = arena_strdup(a, "ps");
	argv[1] = arena_strdup(a, "-ef");
	for (int i = 0; i < n; i++)
		argv[i + 1] = args[i];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	autoclose int in = pair[0], to = pair[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0)
		ps_exec(to, argv);
	fd_done(&to);
	int r = io_read_all(in, PS_MAX_TEXT, a, out, NULL);
	fd_done(&in); /* a ps with still more to say ends by SIGPIPE */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "waiting for ps");
	if (r < 0)
		return err_sys(e, -r, "reading what ps prints");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, EIO, "ps failed with status 0x%x", status);
	return 0;
}

/* The number in blank-separated column `column` of a line; -1: there is none. */
static int64_t ps_pid(const char *line, size_t column)
{
	char word[16];
	int64_t pid;

	for (size_t i = 0;; i++) {
		line += strspn(line, " \t");
		size_t n = strcspn(line, " \t\n");
		if (n == 0)
			return -1;
		if (i < column) {
			line += n;
			continue;
		}
		(void)snprintf(word, sizeof(word), "%.*s",
			       (int)(n < sizeof(word) ? n : sizeof(word) - 1), line);
		return num_i64(word, 1, INT32_MAX, &pid) == 0 ? pid : -1;
	}
}

static int ps_column(const char *header, size_t *out)
{
	for (size_t i = 0;; i++) {
		header += strspn(header, " \t");
		size_t n = strcspn(header, " \t\n");
		if (n == 0)
			return -ENOENT;
		if (n == 3 && memcmp(header, "PID", 3) == 0) {
			*out = i;
			return 0;
		}
		header += n;
	}
}

static bool ps_has(const pid_t *pids, size_t n, int64_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static int ps_table(const pid_t *pids, size_t n, char *text, struct err *e)
{
	size_t column, len = strcspn(text, "\n");

	if (ps_column(text, &column) < 0)
		return err_set(e, EINVAL, "ps prints no PID column with these options");
	for (bool header = true; *text != '\0'; text += len, header = false) {
		len = strcspn(text, "\n");
		len += text[len] == '\n';
		if (!header && !ps_has(pids, n, ps_pid(text, column)))
			continue;
		int r = io_write_all(STDOUT_FILENO, text, len);
		if (r < 0)
			return err_sys(e, -r, "standard output");
	}
	return 0;
}

static int ps_json(const pid_t *pids, size_t n, struct arena *a, struct err *e)
{
	struct json j = {.a = a, .style = JSON_COMPACT};

	json_open(&j, NULL, '[');
	for (size_t i = 0; i < n; i++)
		json_int(&j, NULL, pids[i]);
	json_close(&j, ']');
	return document_print(&j, e);
}

static int ps_run(const struct cmd_global *g, const void *options, int n, char **operands,
		  struct err *e)
{
	const struct ps_options *o = options;
	bool json = o->format != NULL && strcmp(o->format, "json") == 0;
	autotarget struct target t = TARGET_EMPTY;
	pid_t *pids = NULL;
	size_t n_pids = 0;
	char *text;

	if (!json && o->format != NULL && strcmp(o->format, "table") != 0)
		return err_set(e, EINVAL, "--format: must be table or json, got '%.100s'",
			       o->format);
	int r = target_open(&t, g, operands[0], STORE_NO_LOCK, e);
	if (r == 0 && t.cgroup.n > 0) {
		r = cgroup_pids(&t.cgroup, g->arena, &pids, &n_pids, e);
	} else if (r == 0 && t.status != STATUS_STOPPED) {
		/* without a cgroup of its own nothing tells which others belong to it */
		pids = &t.record->pid;
		n_pids = 1;
	}
	if (r == 0 && json)
		return ps_json(pids, n_pids, g->arena, e);
	if (r == 0)
		r = ps_output(n - 1, operands + 1, g->arena, &text, e);
	return r < 0 ? r : ps_table(pids, n_pids, text, e);
}

const struct cmd cmd_ps = {
	.name = "ps",
	.args = "ID [PS-OPTION...]",
	.summary = "list the processes of a container",
	.options = ps_options,
	.options_size = sizeof(struct ps_options),
	.order = CMD_STOP_AT_OPERAND,
	.min_operands = 1,
	.max_operands = -1,
	.failure_status = 1,
	.run = ps_run,
};
