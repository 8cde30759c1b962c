/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/birth.h"

#include <fcntl.h>
#include <libgen.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "apply/clone.h"
#include "apply/creds.h"
#include "apply/hook.h"
#include "apply/idmap.h"
#include "apply/seal.h"
#include "apply/sync.h"
#include "apply/tty.h"
#include "base/io.h"
#include "sys/sys.h"

/* A child that has to mount over a slow network file system may take long, one that hangs must not.
 */
#define BIRTH_TIMEOUT_MS (60 * 1000)

static int birth_seccomp(struct birth *b, int cache, struct err *e)
{
	int r = seccomp_slot_new(b->p, &b->init.seccomp, e);

	b->cache = cache;

	if (r < 0 || b->init.seccomp == NULL)
		return r;
	/* nobody else can be in the namespaces */
	b->init.seccomp->let_in = b->host->euid != 0 && (b->p->ns.create & CLONE_NEWUSER) != 0 &&
				  (b->p->ns.create & CLONE_NEWPID) != 0;
	b->seccomp_late = seccomp_from_cache(b->p, cache, b->init.seccomp) != 1;
	return 0;
}

void birth_signals(const struct host *h)
{
	static bool done;
	sigset_t none;

	if (done)
		return;
	done = true;
	for (int n = 1; n <= 64; n++)
		if ((h->ignored_signals & (UINT64_C(1) << (n - 1))) != 0)
			(void)sys_signal_default(n);
	if (h->blocked_signals != 0 && sigemptyset(&none) == 0)
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What the plan names on the host: looked up once, before the clone. */
static int birth_host(struct birth *b, struct err *e)
{
	const struct plan *p = b->p;
	int r = join_open(p, b->a, &b->join, e);

	if (r == 0)
		r = netdev_open(p, b->a, &b->netdev, e);
	if (r == 0)
		r = rdma_move_open(p, b->a, &b->rdma, e);
	if (r == 0 && p->rootfs != NULL)
		r = mount_open_sources(p, &b->slots, e);
	if (r == 0)
		b->init.staged = device_stage(p);
	return r;
}

int birth_open(struct birth *b, const char *console_socket, int cache, struct err *e)
{
	const struct plan *p = b->p;
	int pair[2];
	int r;

	birth_signals(b->host);
	/* The caller's descriptors end here; hooks and helpers get none of them either. */
	r = sys_close_range(3 + p->process.preserve_fds, ~0u, CLOSE_RANGE_CLOEXEC);
	if (r < 0 && r != -ENOSYS)
		return err_sys(e, -r, "close_range");
	r = procfs_open(&b->init.pf, e);
	if (r == 0)
		r = report_new(&b->init.report, e);
	if (r == 0)
		r = birth_host(b, e);
	if (r == 0 && console_socket != NULL) {
		b->console = tty_connect(console_socket, e);
		r = b->console < 0 ? b->console : 0;
	}
	if (r == 0)
		r = birth_seccomp(b, cache, e);
	if (r == 0)
		r = sync_pair(pair, e);
	if (r < 0)
		return r;
	b->sock = pair[1];
	b->init.sock = pair[0]; /* beside what init keeps */
	b->init.far = pair[1];
	b->init.p = p;
	b->init.slots = &b->slots;
	b->init.cgroup = &b->cgroup;
	b->init.rdt = &b->rdt;
	b->init.join = &b->join;
	b->init.wait_hooked = b->seccomp_late || plan_moves(p) || p->hooks[HOOK_PRESTART].n > 0 ||
			      p->hooks[HOOK_CREATE_RUNTIME].n > 0;
	return 0;
}

/* World: the runtime, init waits for MAPPED. */
static int birth_map(struct birth *b, struct err *e)
{
	int r = 0;

	if ((b->p->ns.create & CLONE_NEWUSER) == 0)
		return 0;
	if (!b->p->ns.bridge)
		r = process_oom_score(b->p, &b->init.pf, b->pid, e);
	if (r < 0)
		return r;
	r = idmap_write(&b->p->ns, &b->init.pf, b->pid, e);
	return r < 0 ? r : sync_say(b->sock, SYNC_MAPPED, FD_NONE, e);
}

/* A dialogue that broke off because init failed is told by init's own error. */
static int birth_story(struct birth *b, enum stage until, struct err *e)
{
	struct err talk = *e;

	if (talk.code == ETIMEDOUT || !b->init.report->failed) {
		struct pollfd dead = {.fd = b->pidfd, .events = POLLIN};
		/* end of file comes a moment before the death can be seen */
		if (talk.code == ETIMEDOUT || poll(&dead, 1, 1000) <= 0)
			return -e->code;
	}
	if (report_result(b->init.report, b->pidfd, until, e) < 0)
		return -e->code;
	return err_take(e, &talk);
}

int birth_cgroup(struct birth *b, struct err *e)
{
	int tasks[SYNC_FDS_MAX];
	size_t n = cgroup_tasks(&b->cgroup, tasks, SYNC_FDS_MAX);

	if (n > SYNC_FDS_MAX)
		return err_set(e, E2BIG, "more than %d cgroup hierarchies", SYNC_FDS_MAX);
	if (sync_say_fds(b->sock, SYNC_CGROUP, tasks, n, e) < 0)
		return birth_story(b, STAGE_CGROUP, e);
	return 0;
}

/* What init waits for from us, now that it is there. */
static int birth_provide(struct birth *b, bool attach, struct err *e)
{
	/* before it becomes a user whose processes ours may not move */
	int r = attach ? cgroup_attach(&b->cgroup, b->pid, e) : 0;

	if (r == 0)
		r = birth_map(b, e);
	return r == 0 && attach ? birth_cgroup(b, e) : r;
}

int birth_clone(struct birth *b, void (*script)(struct init *), struct err *e)
{
	bool attach = cgroup_needs_attaching(&b->cgroup, b->host);
	int into = attach ? FD_NONE : cgroup_into_fd(&b->cgroup);
	const struct plan_ns *ns = &b->p->ns;
	int types = b->init.target != NULL ? b->init.target->types : ns->create | ns->joined;
	int r = (types & CLONE_NEWUSER) != 0 ? process_rlimits_raise(b->p, e) : 0;

	/* it may not go on before systemd has moved it */
	b->init.wait_cgroup = b->init.wait_cgroup || attach;
	/* clone3(2) refuses (ENOENT) a cgroup into which a process comes from outside of its
	 * cgroup namespace */
	b->init.join_late = ns->bridge && into >= 0 ? CLONE_NEWCGROUP : 0;
	b->init.oom_given = ns->bridge || (ns->create & CLONE_NEWUSER) != 0;
	if (r == 0)
		r = clone_init(&b->init, into, script, &b->pidfd, &b->pid, e);
	fd_done(&b->init.sock); /* only init's copy may keep the socket open */
	if (into >= 0 && (r == -EBUSY || r == -EOPNOTSUPP))
		return cgroup_refused(&b->cgroup, -r, e);
	if (r < 0)
		return r;
	struct err map = {0};
	r = birth_provide(b, attach, &map);
	if (r == 0)
		return 0;
	/* A init that is dead already has the better story to tell. */
	return report_result(b->init.report, b->pidfd, STAGE_CLONED, e) < 0 ? -e->code
									    : err_take(e, &map);
}

static int birth_hooks(struct birth *b, struct err *e)
{
	struct hook_state st = {.status = "creating", .pid = b->pid};
	int r = sync_wait(b->sock, SYNC_MOUNTED, NULL, BIRTH_TIMEOUT_MS, e);

	if (r < 0)
		return birth_story(b, STAGE_HOOKS, e);
	r = hook_run(b->p, HOOK_PRESTART, &st, HOOK_FAIL_STOPS, e);
	if (r == 0)
		r = hook_run(b->p, HOOK_CREATE_RUNTIME, &st, HOOK_FAIL_STOPS, e);
	return r;
}

/* Hooks and sysctls, which come after, find the interfaces in place. */
static int birth_network(struct birth *b, struct err *e)
{
	char rel[32];
	int joined = join_fd(&b->join, CLONE_NEWNET);
	autoclose int made = FD_NONE;

	if (!plan_moves(b->p))
		return 0;
	(void)snprintf(rel, sizeof(rel), "%d/ns/net", (int)b->pid);
	if (joined < 0)
		made = openat(b->init.pf.fd, rel, O_RDONLY | O_CLOEXEC);
	if (joined < 0 && made < 0)
		return err_sys(e, errno, "the container's network namespace");
	int ns = joined >= 0 ? joined : made;
	int r = b->p->n_netdev > 0 ? netdev_apply(b->p, &b->netdev, ns, e) : 0;
	if (r == 0 && b->p->n_rdma > 0)
		r = rdma_move_apply(b->p, b->host, &b->rdma, ns, e);
	return r;
}

int birth_attend(struct birth *b, struct err *e)
{
	int r = birth_network(b, e); /* init mounts meanwhile */

	seal_release();

	if (r == 0 && b->seccomp_late)
		r = seccomp_compile(b->p, b->cache, b->init.seccomp, e);
	if (r == 0 && b->init.wait_hooked) {
		r = birth_hooks(b, e);
		if (r == 0 && sync_say(b->sock, SYNC_HOOKED, FD_NONE, e) < 0)
			r = birth_story(b, STAGE_PIVOT, e);
	}
	if (r == 0 && b->p->process.terminal) {
		if (sync_wait(b->sock, SYNC_TTY, &b->master, BIRTH_TIMEOUT_MS, e) < 0)
			return birth_story(b, STAGE_SETTINGS, e);
		if (b->console >= 0)
			r = tty_send_connected(b->console, b->master, e);
	}
	return r;
}

int birth_wait(struct birth *b, enum stage until, const char *status, struct err *e)
{
	int r = 0;

	if (b->p->seccomp.notify)
		r = seccomp_notify_send(b->p, b->init.seccomp, b->pidfd, b->pid, status, e);
	if (r < 0) /* an init that failed before its filter has the better story */
		return b->init.report->failed ? report_result(b->init.report, b->pidfd, until, e)
					      : r;
	r = sync_wait_end(b->sock, e);
	return r < 0 ? r : report_result(b->init.report, b->pidfd, until, e);
}

void birth_kill(struct birth *b)
{
	int status;

	if (b->pidfd < 0)
		return;
	(void)sys_pidfd_send_signal(b->pidfd, SIGKILL);
	(void)sys_waitid_pidfd(b->pidfd, &status, 0);
}

void birth_release(struct birth *b)
{
	fd_done(&b->sock);
	fd_done(&b->init.sock);
	fd_done(&b->init.fifo);
	fd_done(&b->console);
	fd_done(&b->cache);
	join_done(&b->join);
	netdev_done(&b->netdev);
	rdma_move_done(&b->rdma);
	mount_slots_done(&b->slots);
	fd_done(&b->init.staged);
	procfs_done(&b->init.pf);
	report_done(&b->init.report);
	if (b->init.seccomp != NULL)
		(void)munmap(b->init.seccomp, sizeof(*b->init.seccomp));
	b->init.seccomp = NULL;
	cgroup_close(&b->cgroup);
}

void birth_done(struct birth *b)
{
	birth_release(b);
	rdt_close(&b->rdt);
	fd_done(&b->pidfd);
	fd_done(&b->master);
}

int birth_pid_file(const char *path, pid_t pid, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)pid);
	autoclose int dir = open(dirname(arena_strdup(&a, path)), O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_sys(e, errno, "--pid-file: '%s'", path);
	int r = io_replace(dir, basename(arena_strdup(&a, path)), text, (size_t)n, 0644,
			   IO_NO_SYNC);
	return r < 0 ? err_sys(e, -r, "--pid-file: '%s'", path) : 0;
}
