/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/seccomp.h"

#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "libocispec/oci.h"
#include "sys/sys.h"

#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH (1UL << 4) /* 5.7 */
#endif

/* The runtime takes the listener at once, unless it is gone: then init must not wait for ever. */
#define SECCOMP_TAKE_SECONDS 30

int seccomp_slot_new(const struct plan *p, struct seccomp_slot **out, struct err *e)
{
	*out = NULL;
	if (p->seccomp.profile == NULL)
		return 0;
	void *m = mmap(NULL, sizeof(**out), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);
	if (m == MAP_FAILED)
		return err_sys(e, errno, "memory for the seccomp program");
	*out = m;
	(*out)->listener = SECCOMP_LISTENER_NONE;
	return 0;
}

/* Every system call may wait for an agent that has no descriptor yet, so there is none here: the
 * clock is read by the vDSO. The listener closes at execve; it has to stay open until the runtime
 * has its own copy. */
static int seccomp_wait_taken(struct seccomp_slot *slot, struct err *e)
{
	struct timespec from, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		if (__atomic_load_n(&slot->listener, __ATOMIC_ACQUIRE) == SECCOMP_LISTENER_TAKEN)
			return 0;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - from.tv_sec < SECCOMP_TAKE_SECONDS);
	return err_set(e, ETIMEDOUT, "linux.seccomp: the runtime did not take the listener");
}

static int seccomp_explain(int code, const struct plan *p, struct err *e)
{
	if (code == EACCES)
		return err_sys(
			e, code,
			"linux.seccomp: loading the program needs process.noNewPrivileges or "
			"CAP_SYS_ADMIN");
	if (code == EINVAL && p->seccomp.flags != 0)
		return err_sys(e, code,
			       "linux.seccomp.flags: the kernel does not know one of them (or the "
			       "program)");
	if (code == EBUSY && p->seccomp.notify)
		return err_sys(e, code,
			       "linux.seccomp: a filter with a listener is active already");
	return err_sys(e, code, "linux.seccomp: loading the program");
}

int seccomp_install(const struct plan *p, struct seccomp_slot *slot, struct err *e)
{
	struct sock_fprog program = {.len = (unsigned short)slot->n, .filter = slot->insn};
	unsigned int flags = p->seccomp.flags;

	if (p->seccomp.notify) {
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
		/* both would use the result: a thread that can't be synchronised, and the listener
		 */
		if ((flags & SECCOMP_FILTER_FLAG_TSYNC) != 0)
			flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
		/* A plain user may not take descriptors from a process that is not dumpable and of
		 * a program started outside of its user namespace (ptrace(2)). */
		if (slot->let_in && prctl(PR_SET_DUMPABLE, 1) < 0)
			return err_sys(e, errno, "prctl PR_SET_DUMPABLE");
	}
	int r = sys_seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
	/* only the flag we added ourselves may be dropped for an old kernel */
	if (r == -EINVAL && p->seccomp.profile->flags == NULL)
		r = sys_seccomp(SECCOMP_SET_MODE_FILTER,
				flags & ~(unsigned int)SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
	if (r < 0)
		return seccomp_explain(-r, p, e);
	if (!p->seccomp.notify)
		return 0;
	__atomic_store_n(&slot->listener, r, __ATOMIC_RELEASE);
	return seccomp_wait_taken(slot, e);
}
