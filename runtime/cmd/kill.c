/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "base/signame.h"
#include "cgroup/cgroup.h"
#include "cmd/cmd.h"
#include "state/status.h"
#include "sys/sys.h"

struct kill_options {
	bool all;
};

static const struct cmd_option kill_options[] = {
	{"all", 'a', CMD_FLAG, offsetof(struct kill_options, all), NULL,
	 "send the signal to every process of the container"},
	{0},
};

static int kill_gone(struct err *e)
{
	/* containerd, CRI-O and podman look for these words to tell "gone" from a failure */
	return err_set(e, ESRCH, "container not running: no such process");
}

static void kill_cgroup_of(struct cgroup *cg, const struct record *r, struct arena *a)
{
	*cg = (struct cgroup){
		.manager = r->manager,
		.v = arena_array(a, r->n_cgroup, sizeof(*cg->v)),
		.n = r->n_cgroup,
		.arena = a,
	};
	for (size_t i = 0; i < r->n_cgroup; i++)
		cg->v[i] = (struct cgroup_dir){
			.controllers = r->cgroup[i].controllers,
			.path = r->cgroup[i].path,
			.v2 = r->cgroup[i].v2,
			.created = r->cgroup[i].created,
			.fd = FD_NONE,
			.tasks = FD_NONE,
		};
}

static int kill_one(int pidfd, int sig, struct err *e)
{
	int r = sys_pidfd_send_signal(pidfd, sig);

	if (r == -ESRCH)
		return kill_gone(e);
	return r < 0 ? err_sys(e, -r, "sending signal %d", sig) : 0;
}

/* A signal that does not end at init: all processes are asked for, or init's end would leave the
 * others. */
static int kill_tree(const struct record *r, int pidfd, int sig, struct arena *a, struct err *e)
{
	__attribute__((cleanup(cgroup_close))) struct cgroup cg = {0};

	/* after a reboot a cgroup of that name is somebody else's */
	if (strcmp(r->boot_id, status_boot_id()) != 0)
		return 0;
	kill_cgroup_of(&cg, r, a);
	int ret = cgroup_reopen(&cg, CGROUP_OPEN_DIRS, e);
	if (ret < 0)
		return ret;
	return cg.n > 0 ? cgroup_kill_all(&cg, sig, e) : pidfd < 0 ? 0 : kill_one(pidfd, sig, e);
}

/* SIGKILL waits in a frozen cgroup of version 1 until it is thawed; in version 2 it acts at once.
 */
static void kill_thaw(const struct record *r, struct arena *a)
{
	__attribute__((cleanup(cgroup_close))) struct cgroup cg = {0};
	bool v1 = false;

	for (size_t i = 0; i < r->n_cgroup; i++)
		v1 = v1 || !r->cgroup[i].v2;
	if (!v1)
		return;
	kill_cgroup_of(&cg, r, a);
	struct err why = {0};
	if (cgroup_reopen(&cg, CGROUP_OPEN_DIRS, &why) == 0 && cgroup_is_frozen(&cg) > 0 &&
	    cgroup_thaw(&cg, &why) < 0)
		log_warn("thawing the killed container: %s", why.text);
}

static int kill_container(const struct store_entry *en, int sig, bool all, struct arena *a,
			  struct err *e)
{
	struct record *r;
	int ret = store_read(en, a, &r, e);

	if (ret < 0)
		return ret;
	autoclose int pidfd = status_pidfd(r);
	if (pidfd < 0 && pidfd != -ESRCH)
		return err_sys(e, -pidfd, "process %d", (int)r->pid);
	if (all || (sig == SIGKILL && !r->own_pidns && r->n_cgroup > 0 && pidfd >= 0))
		return kill_tree(r, pidfd, sig, a, e);
	if (pidfd < 0)
		return kill_gone(e);
	ret = kill_one(pidfd, sig, e);
	if (ret == 0 && sig == SIGKILL)
		kill_thaw(r, a);
	return ret;
}

static int kill_run(const struct cmd_global *g, const void *options, int n, char **operands,
		    struct err *e)
{
	const struct kill_options *o = options;
	__attribute__((cleanup(store_done))) struct store s = {.root = FD_NONE};
	__attribute__((cleanup(store_entry_done))) struct store_entry en = {.dir = FD_NONE};
	int sig = n > 1 ? signame_parse(operands[1]) : SIGTERM;

	if (sig < 0)
		return err_set(e, EINVAL, "unknown signal '%.100s'", operands[1]);
	int r = store_open(&s, g->root, STORE_EXISTING, g->arena, e);
	if (r == 0)
		r = store_get(&s, operands[0], STORE_NO_LOCK, &en, e);
	return r < 0 ? r : kill_container(&en, sig, o->all, g->arena, e);
}

const struct cmd cmd_kill = {
	.name = "kill",
	.args = "ID [SIGNAL]",
	.summary = "send a signal (default TERM) to the container's init",
	.options = kill_options,
	.options_size = sizeof(struct kill_options),
	.order = CMD_STOP_AT_OPERAND,
	.min_operands = 1,
	.max_operands = 2,
	.failure_status = 1,
	.run = kill_run,
};
