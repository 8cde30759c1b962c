/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/report.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "sys/sys.h"

static const char *const report_stages[STAGE_COUNT] = {
	[STAGE_CLONED] = "being born",
	[STAGE_CGROUP] = "entering its cgroup",
	[STAGE_NAMESPACES] = "entering its namespaces",
	[STAGE_ROOTFS] = "mounting the root file system",
	[STAGE_MOUNTS] = "making the mounts",
	[STAGE_DEVICES] = "making the device nodes",
	[STAGE_HOOKS] = "running the createContainer hooks",
	[STAGE_PIVOT] = "changing the root",
	[STAGE_CONSOLE] = "opening the console",
	[STAGE_SETTINGS] = "setting host name and kernel parameters",
	[STAGE_MASKS] = "masking paths",
	[STAGE_IDENTITY] = "changing its identity",
	[STAGE_PROGRAM] = "looking for the program",
	[STAGE_READY] = "waiting to be started",
	[STAGE_START] = "starting",
	[STAGE_EXEC] = "executing the program",
};

int report_new(struct report **out, struct err *e)
{
	void *p = mmap(NULL, sizeof(struct report), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return err_sys(e, errno, "memory shared with init");
	*out = p;
	return 0;
}

void report_done(struct report **r)
{
	if (*r != NULL)
		(void)munmap(*r, sizeof(**r));
	*r = NULL;
}

void report_stage(struct report *r, enum stage s)
{
	r->stage = (int)s;
}

void report_fail(struct report *r, const struct err *why)
{
	r->error = *why;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	r->failed = 1;
}

/* SIGSYS is a filter's work, and the message is the only hint a user gets at it. */
static int report_death(enum stage at, int status, struct err *e)
{
	const char *text =
		(unsigned int)at < STAGE_COUNT ? report_stages[at] : "at an unknown place";

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return err_set(
			e, EPERM,
			"the container's init was killed by its seccomp filter (SIGSYS) while %s: "
			"linux.seccomp refuses a system call that is needed to start",
			text);
	if (WIFSIGNALED(status))
		return err_set(e, ECHILD,
			       "the container's init was killed by signal %d (SIG%s) while %s",
			       WTERMSIG(status), sigabbrev_np(WTERMSIG(status)), text);
	return err_set(e, ECHILD, "the container's init exited with status %d while %s",
		       WEXITSTATUS(status), text);
}

int report_result(const struct report *r, int pidfd, enum stage until, struct err *e)
{
	int status = 0;

	if (r->failed) {
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		(void)sys_waitid_pidfd(pidfd, &status, 0);
		struct err copy = r->error;
		copy.text[sizeof(copy.text) - 1] = '\0';
		return err_take(e, &copy);
	}
	if (r->stage >= (int)until)
		return 0;
	pid_t pid = sys_waitid_pidfd(pidfd, &status, 0);
	if (pid < 0)
		return err_sys(e, -pid, "waiting for the container's init");
	return report_death((enum stage)r->stage, status, e);
}
