/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/init.h"

#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "apply/clone.h"
#include "apply/creds.h"
#include "apply/hook.h"
#include "apply/seal.h"
#include "apply/sync.h"
#include "apply/sysctl.h"
#include "apply/tail.h"
#include "apply/tty.h"
#include "base/io.h"
#include "sys/sys.h"

/* A map need not have a 0: then the process keeps the overflow ids and its capabilities. */
static int init_become_root(struct err *e)
{
	int r = sys_setresgid(0);

	if (r < 0 && r != -EINVAL)
		return err_sys(e, -r, "becoming group 0 of the user namespace");
	r = sys_setresuid(0);
	if (r < 0 && r != -EINVAL)
		return err_sys(e, -r, "becoming user 0 of the user namespace");
	return 0;
}

/*
 * World: as below, ids still the caller's. A runtime without privileges could not open the mount
 * sources. They may be of the caller's alone, by user or by group (a home on a file system where
 * root is nobody), so this is tried before the ids change; what only the container's root may see
 * is opened by it, later.
 */
static int init_sources(struct init *in, struct err *e)
{
	struct err why = {0};

	if (in->slots->n == 0 || in->slots->fd[0] >= 0)
		return 0;
	report_stage(in->report, STAGE_MOUNTS);
	if (mount_open_sources(in->p, in->slots, &why) == 0 || why.code == EACCES)
		return 0;
	return err_take(e, &why);
}

/* Offsets have to be written before anything enters the namespace; a single-threaded process may
 * then enter it itself (5.6), so no second fork is needed. */
static int init_time_namespace(struct init *in, struct err *e)
{
	const struct plan_ns *ns = &in->p->ns;
	char text[128] = "";
	size_t n = 0;

	if (unshare(CLONE_NEWTIME) < 0)
		return err_sys(e, errno, "linux.namespaces: a new time namespace");
	if (ns->monotonic_s.set || ns->monotonic_ns.set)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "monotonic %lld %lld\n",
				      (long long)ns->monotonic_s.v, (long long)ns->monotonic_ns.v);
	if (ns->boottime_s.set || ns->boottime_ns.set)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "boottime %lld %lld\n",
				      (long long)ns->boottime_s.v, (long long)ns->boottime_ns.v);
	if (n > 0 && procfs_write(&in->pf, "self/timens_offsets", text, e) < 0)
		return err_at(e, "linux.timeOffsets");
	autoclose int self = openat(in->pf.fd, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (self < 0)
		return err_sys(e, errno, "/proc/self/ns/time_for_children");
	int r = sys_setns(self, CLONE_NEWTIME);
	return r < 0 ? err_sys(e, -r, "entering the new time namespace") : 0;
}

/*
 * World: I, just cloned. userns: new, no maps yet (or the runtime's); pidns: 1 of the new one.
 * After: caps full in the user namespace, ids 0 in it where 0 is mapped; in the new time namespace.
 */
static int init_identity_root(struct init *in, struct err *e)
{
	const struct plan_ns *ns = &in->p->ns;
	bool userns = ((ns->create | ns->joined) & CLONE_NEWUSER) != 0;
	int r = 0;

	if ((ns->create & CLONE_NEWUSER) != 0)
		r = sync_wait(in->sock, SYNC_MAPPED, NULL, -1, e);
	if (r == 0 && userns)
		r = init_sources(in, e);
	/* ids that change leave the file of the offsets to the node's root */
	if (r == 0 && (ns->create & CLONE_NEWTIME) != 0)
		r = init_time_namespace(in, e);
	return r < 0 || !userns ? r : init_become_root(e);
}

/* A new network namespace has its loopback interface down; the peers bring it up, programs rely on
 * it. */
static int init_loopback(struct err *e)
{
	autoclose int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	if (s < 0)
		return errno == EAFNOSUPPORT
			       ? 0
			       : err_sys(e, errno, "socket for the loopback interface");
	if (ioctl(s, SIOCSIFFLAGS, &ifr) < 0)
		return err_sys(e, errno, "bringing up the loopback interface");
	return 0;
}

static int init_cgroup_refused(const struct init *in, int tasks, int code, struct err *e)
{
	char link[32], path[512] = "";

	(void)snprintf(link, sizeof(link), "self/fd/%d", tasks);
	(void)!readlinkat(in->pf.fd, link, path, sizeof(path) - 1);
	return err_sys(e, code, "entering the cgroup of '%s'", path);
}

/* World: single-threaded, host tree visible. After: in all cgroups (and the resctrl group) of the
 * container. */
static int init_cgroup(struct init *in, struct err *e)
{
	int tasks[SYNC_FDS_MAX];
	size_t n;

	report_stage(in->report, STAGE_CGROUP);
	int r = rdt_enter(in->rdt, e);
	if (r == 0 && !in->wait_cgroup)
		return in->in_cgroup ? 0 : cgroup_enter(in->cgroup, e);
	if (r == 0)
		r = sync_wait_fds(in->sock, SYNC_CGROUP, tasks, &n, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (r == 0 && write(tasks[i], "0", 1) != 1)
			r = init_cgroup_refused(in, tasks[i], errno, e);
		fd_done(&tasks[i]);
	}
	return r;
}

/* World: as after init_identity_root(). After: every namespace but the mount's content is final, in
 * the cgroup. */
static int init_namespaces(struct init *in, struct err *e)
{
	const struct plan_ns *ns = &in->p->ns;
	/* a bridge has entered these already */
	int mine = ns->bridge ? in->join_late : ~JOIN_BY_BRIDGE;
	int r = join_enter(in->join, ns->joined & mine, e);

	if (r < 0)
		return r;
	if ((ns->create & CLONE_NEWNET) != 0) {
		r = init_loopback(e);
		if (r < 0)
			return r;
	}
	if (ns->hostname != NULL && sethostname(ns->hostname, strlen(ns->hostname)) < 0)
		return err_sys(e, errno, "hostname: '%s'", ns->hostname);
	if (ns->domainname != NULL && setdomainname(ns->domainname, strlen(ns->domainname)) < 0)
		return err_sys(e, errno, "domainname: '%s'", ns->domainname);
	r = init_cgroup(in, e);
	/* Only now that the process is in its cgroup is the namespace rooted there. */
	if (r == 0 && (ns->create & CLONE_NEWCGROUP) != 0 && unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(e, errno, "linux.namespaces: a new cgroup namespace");
	return r;
}

/* root is where the hooks of the container's side find themselves (see hook_chdir). */
static int init_hooks(struct init *in, int root, struct err *e)
{
	if (in->wait_hooked) {
		int r = sync_say(in->sock, SYNC_MOUNTED, FD_NONE, e);
		if (r == 0)
			r = sync_wait(in->sock, SYNC_HOOKED, NULL, -1, e);
		if (r < 0)
			return r;
	}
	report_stage(in->report, STAGE_HOOKS);
	if (in->p->hooks[HOOK_CREATE_CONTAINER].n == 0)
		return 0;
	if (fchdir(root) < 0)
		return err_sys(e, errno, "root.path: '%s' as the hooks' directory", in->p->rootfs);
	struct hook_state st = {.status = "creating", .pid = getpid()};
	return hook_run(in->p, HOOK_CREATE_CONTAINER, &st, HOOK_FAIL_STOPS, e);
}

/* World: host tree visible in a new mount namespace. After: "/" is the rootfs, with all mounts. */
static int init_rootfs(struct init *in, int *out_root, struct err *e)
{
	const struct plan *p = in->p;
	autoclose int root = FD_NONE, dev = FD_NONE;
	int r;

	report_stage(in->report, STAGE_ROOTFS);
	r = mount_root(p, in->slots, &root, e);
	if (r < 0)
		return r;
	report_stage(in->report, STAGE_MOUNTS);
	r = mount_attach(p, in->slots, root, &in->pf, &dev, e);
	if (r < 0)
		return r;
	report_stage(in->report, STAGE_DEVICES);
	r = device_make(p, root, dev, in->staged, e);
	if (r < 0)
		return r;
	r = init_hooks(in, root, e);
	if (r < 0)
		return r;
	report_stage(in->report, STAGE_PIVOT);
	r = root_enter(p, root, e);
	if (r < 0)
		return r;
	*out_root = fd_take(&root);
	return 0;
}

/* A terminal of the container's own, whose master goes to the runtime; without one a session
 * without a terminal, so that nothing can be typed into the caller's (CVE-2017-5226). */
static int init_console(struct init *in, int root, enum tty_console console, struct err *e)
{
	autoclose int master = FD_NONE;

	report_stage(in->report, STAGE_CONSOLE);
	if (!in->p->process.terminal)
		return setsid() < 0 ? err_sys(e, errno, "setsid") : 0;
	int r = tty_open(in->p, root, console, &master, e);
	return r < 0 ? r : sync_say(in->sock, SYNC_TTY, master, e);
}

/* World: "/" is the rootfs, caps full. */
static int init_settings(struct init *in, int root, struct err *e)
{
	const struct plan *p = in->p;
	int r;

	r = init_console(in, root, TTY_BIND_CONSOLE, e);
	if (r < 0)
		return r;
	report_stage(in->report, STAGE_SETTINGS);
	r = sysctl_apply(p, &in->pf, e);
	if (r < 0)
		return r;
	r = mount_finish(p, in->slots, e);
	if (r < 0)
		return r;
	report_stage(in->report, STAGE_MASKS);
	if (p->mounts.root_readonly)
		process_make_cwd(p, root);
	return mask_apply(p, root, &in->pf, e);
}

/* The file is the node's root's alone once the process is not dumpable, hence before that. */
static int init_oom_score(struct init *in, struct err *e)
{
	return in->oom_given ? 0 : process_oom_score(in->p, &in->pf, 0, e);
}

/* To die with the runtime: nobody would ever start or delete this. A death before the call sends no
 * signal, and a change of ids takes the signal back (joining a namespace may be one, by its user
 * namespace), hence again, and the question. */
static int init_follow(struct init *in, struct err *e)
{
	bool same = in->target == NULL && !plan_has_ns(in->p, CLONE_NEWUSER);

	if (!same && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(e, errno, "prctl PR_SET_PDEATHSIG");
	return sync_has_peer(in->sock) ? 0 : err_set(e, ESRCH, "the runtime is gone");
}

static int init_script(struct init *in, struct err *e)
{
	const struct plan *p = in->p;
	autoclose int root = FD_NONE;

	(void)close(in->far);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(e, errno, "prctl PR_SET_PDEATHSIG");
	report_stage(in->report, STAGE_NAMESPACES);
	int r = init_oom_score(in, e);
	if (r == 0)
		r = clone_unshare(p, e);
	if (r == 0)
		r = init_identity_root(in, e);
	if (r < 0)
		return r;
	/* Nobody in a joined namespace may look into this process or take its descriptors
	 * (CVE-2016-9962); not earlier, since an unprivileged runtime could not have written our
	 * maps. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(e, errno, "prctl PR_SET_DUMPABLE");
	r = init_follow(in, e);
	if (r == 0)
		r = init_namespaces(in, e);
	if (r == 0 && p->creds.new_keyring)
		r = creds_keyring(p, &in->pf, e);
	if (r == 0)
		r = init_rootfs(in, &root, e);
	if (r == 0)
		r = init_settings(in, root, e);
	if (r < 0)
		return r;
	return tail_run(in, root, e);
}

/* Below this many open descriptors closing waits for tail_close(). */
#define INIT_FORGET_BELOW 160

bool init_may_forget(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	       limit.rlim_cur >= (rlim_t)2 * INIT_FORGET_BELOW;
}

_Noreturn void init_run(struct init *in)
{
	struct err e = {0};

	if (in->may_forget)
		fd_forget_below = INIT_FORGET_BELOW;
	seal_release();
	(void)init_script(in, &e);
	report_fail(in->report, &e);
	_exit(1);
}

/* World: a child of the runtime, host namespaces but for the pid. After: in the container's cgroup,
 * on the CPUs it starts on, and nobody in a joined namespace can look into it (CVE-2016-9962). */
static int init_exec_prepare(struct init *in, struct err *e)
{
	const char *cpus = in->p->process.cpus_initial;
	int r = 0;

	(void)close(in->far);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(e, errno, "prctl PR_SET_PDEATHSIG");
	if (cpus != NULL)
		r = process_affinity_set(cpus, e);
	if (r == 0)
		r = init_cgroup(in, e);
	if (r == 0)
		r = init_oom_score(in, e);
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = err_sys(e, errno, "prctl PR_SET_DUMPABLE");
	return r;
}

/* World: as after init_exec_prepare(). After: in all namespaces of the container, ids 0 in its user
 * namespace, "/" its root. */
static int init_exec_join(struct init *in, struct err *e)
{
	int done = in->p->ns.bridge ? JOIN_BY_BRIDGE : CLONE_NEWPID;

	report_stage(in->report, STAGE_NAMESPACES);
	int r = join_target(in->target, in->target->types & ~done, e);
	if (r < 0)
		return r;
	if (in->target->root >= 0 && (fchdir(in->target->root) < 0 || chroot(".") < 0))
		return err_sys(e, errno, "entering the container's root");
	if ((in->target->types & CLONE_NEWUSER) != 0)
		r = init_become_root(e);
	return r == 0 ? init_follow(in, e) : r;
}

int init_enter(struct init *in, struct err *e)
{
	int r = init_exec_prepare(in, e);

	return r == 0 ? init_exec_join(in, e) : r;
}

static int init_exec_script(struct init *in, struct err *e)
{
	const struct plan *p = in->p;
	int r = init_enter(in, e);

	if (r == 0 && p->creds.new_keyring)
		r = creds_keyring(p, &in->pf, e);
	if (r < 0)
		return r;
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, errno, "the container's root");
	r = init_console(in, root, TTY_NO_CONSOLE, e);
	return r < 0 ? r : tail_run(in, root, e);
}

_Noreturn void init_exec(struct init *in)
{
	struct err e = {0};

	seal_release();
	(void)init_exec_script(in, &e);
	report_fail(in->report, &e);
	_exit(1);
}
