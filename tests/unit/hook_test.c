/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process_fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "apply/hook.h"

#define HOOK(kind, body) "'hooks':{'" kind "':[{" body "}]}"

Test(hook, fields_are_checked_and_named)
{
	REFUSES(HOOK("createRuntime", "'path':'a'"), plan_hook_build,
		"hooks.createRuntime[0].path");
	REFUSES(HOOK("poststop", "'path':''"), plan_hook_build, "hooks.poststop[0].path");
	REFUSES(HOOK("prestart", "'path':'/a','timeout':2147483648"), plan_hook_build,
		"hooks.prestart[0].timeout");
	REFUSES(HOOK("poststart", "'path':'/a','env':['A=1','B']"), plan_hook_build,
		"hooks.poststart[0].env[1]");
	REFUSES(HOOK("poststart", "'path':'/a'},{'path':'b'"), plan_hook_build,
		"hooks.poststart[1].path");
}

Test(hook, a_timeout_is_positive)
{
	for (int64_t t = -1; t <= 0; t++) {
		FIXTURE(f, HOOK("prestart", "'path':'/a','timeout':1"));
		f.config->hooks->prestart[0].timeout.v = t;
		cr_assert_eq(plan_hook_build(&f.plan, &f.in, &f.e), -ERANGE);
		cr_assert_not_null(strstr(f.e.text, "hooks.prestart[0].timeout"));
	}
}

Test(hook, absent_args_and_env)
{
	FIXTURE(f, HOOK("startContainer",
			"'path':'/a'},{'path':'/b','args':['c','d'],'env':[],'timeout':3"));
	BUILDS(f, plan_hook_build);
	const struct plan_hooks *h = &f.plan.hooks[HOOK_START_CONTAINER];
	cr_assert_eq(h->n, 2);
	cr_assert_str_eq(h->v[0].argv[0], "/a");
	cr_assert_null(h->v[0].argv[1]);
	cr_assert_null(h->v[0].env);
	cr_assert_eq(h->v[0].timeout_s, 0);
	cr_assert_str_eq(h->v[1].argv[1], "d");
	cr_assert_not_null(h->v[1].env);
	cr_assert_null(h->v[1].env[0]);
	cr_assert_eq(h->v[1].timeout_s, 3);
}

/* Runs a shell script as the only hook; the script's failure shows its output in the error. */
static int run_script(enum plan_hook_kind kind, const char *script, int timeout_s,
		      enum hook_failure how, struct err *e)
{
	FIXTURE(f, "'annotations':{'a':'x/y'}");
	const char *argv[] = {"sh", "-c", script, NULL};
	struct plan_hook h = {.path = "/bin/sh", .argv = argv, .timeout_s = timeout_s};
	struct hook_state st = {.status = "creating", .pid = 42};

	f.plan.hooks[kind] = (struct plan_hooks){&h, 1};
	*e = (struct err){0};
	return hook_run(&f.plan, kind, &st, how, e);
}

Test(hook, gets_the_state_and_nothing_else)
{
	struct err e;

	(void)setenv("SECRET", "1", 1);
	int leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
	cr_assert_geq(leak, 3);
	int r = run_script(
		HOOK_CREATE_RUNTIME,
		"s=$(cat); [ \"$s\" = "
		"'{\"ociVersion\":\"1.2.0\",\"id\":\"t\",\"status\":\"creating\",\"pid\":42,"
		"\"bundle\":\"/tmp\",\"annotations\":{\"a\":\"x/y\"}}' ] || { echo \"$s\"; exit 1; "
		"};"
		"[ \"$(pwd)\" = /tmp ] || exit 2; [ -z \"$SECRET\" ] || exit 3;"
		"[ \"$(umask)\" = 0022 ] || exit 4; [ $$ = \"$(cut -d' ' -f5 /proc/$$/stat)\" ] || "
		"exit 5;"
		"for i in 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$i ] || exit 6; done",
		5, HOOK_FAIL_STOPS, &e);
	(void)close(leak);
	cr_assert_eq(r, 0, "%s", e.text);
}

Test(hook, an_ignored_signal_is_not_inherited)
{
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	int r = run_script(HOOK_PRESTART, "grep -q '^SigIgn:\t0000000000000000' /proc/self/status",
			   5, HOOK_FAIL_STOPS, &e);
	cr_assert_eq(r, 0, "%s", e.text);
}

Test(hook, a_failure_tells_status_and_output)
{
	struct err e;

	cr_assert_lt(
		run_script(HOOK_CREATE_RUNTIME, "echo reason >&2; exit 7", 0, HOOK_FAIL_STOPS, &e),
		0);
	cr_assert_not_null(strstr(e.text, "hooks.createRuntime[0]"), "%s", e.text);
	cr_assert_not_null(strstr(e.text, "status 7"), "%s", e.text);
	cr_assert_not_null(strstr(e.text, "reason"), "%s", e.text);
	cr_assert_lt(run_script(HOOK_POSTSTART, "kill -9 $$", 0, HOOK_FAIL_STOPS, &e), 0);
	cr_assert_not_null(strstr(e.text, "signal 9"), "%s", e.text);
	cr_assert_eq(run_script(HOOK_POSTSTOP, "exit 1", 0, HOOK_FAIL_WARNS, &e), 0);
}

Test(hook, a_missing_program_is_told)
{
	FIXTURE(f, HOOK("prestart", "'path':'/no/such'"));
	struct hook_state st = {.status = "creating"};
	BUILDS(f, plan_hook_build);
	cr_assert_lt(hook_run(&f.plan, HOOK_PRESTART, &st, HOOK_FAIL_STOPS, &f.e), 0);
	cr_assert_not_null(strstr(f.e.text, "no such file or directory"), "%s", f.e.text);
}

Test(hook, a_timeout_kills_the_whole_group)
{
	char dir[] = "/tmp/greffon-hook-XXXXXX", script[256], mark[64];
	struct err e;

	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(mark, sizeof(mark), "%s/mark", dir);
	(void)snprintf(script, sizeof(script), "(sleep 2; : >%s) & sleep 60", mark);
	cr_assert_eq(run_script(HOOK_PRESTART, script, 1, HOOK_FAIL_STOPS, &e), -ETIME, "%s",
		     e.text);
	cr_assert_not_null(strstr(e.text, "timeout"), "%s", e.text);
	(void)nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
	cr_assert_neq(access(mark, F_OK), 0, "the grandchild lived on");
	(void)unlink(mark);
	(void)rmdir(dir);
}

Test(hook, more_output_than_is_kept_blocks_nobody)
{
	struct err e;

	cr_assert_eq(
		run_script(HOOK_PRESTART, "head -c 3000000 /dev/zero", 20, HOOK_FAIL_STOPS, &e), 0,
		"%s", e.text);
}

Test(hook, a_daemon_is_not_waited_for, .timeout = 10)
{
	struct err e;

	/* silent, and one that writes for as long as anybody listens */
	cr_assert_eq(run_script(HOOK_POSTSTART, "sleep 20 & exit 0", 0, HOOK_FAIL_STOPS, &e), 0,
		     "%s", e.text);
	cr_assert_eq(run_script(HOOK_POSTSTART, "while echo x; do :; done & exit 0", 0,
				HOOK_FAIL_STOPS, &e),
		     0, "%s", e.text);
}
