/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "apply/container.h"
#include "apply/hook.h"
#include "apply/rdma_move.h"
#include "base/log.h"
#include "cgroup/cgroup.h"
#include "cgroup/rdt.h"
#include "host/host.h"
#include "libocispec/oci.h"
#include "state/status.h"
#include "sys/sys.h"

/* How long a killed init may take to be gone: it may be in a system call of a slow file system. */
#define DELETE_WAIT_MS (10 * 1000)
/* After this long it may be that it is frozen by somebody else. */
#define DELETE_DOUBT_MS 200

int container_hooks(struct plan *p, const struct store_entry *en, const struct record *rec,
		    struct arena *a, struct err *e)
{
	const char *text;
	size_t len;
	struct oci_config *config;
	int r = store_load_config(en, a, &text, &len, e);

	if (r == 0)
		r = oci_config_parse(text, len, a, &config, e);
	if (r < 0)
		return r;
	*p = (struct plan){
		.arena = a,
		.id = rec->id,
		.oci_version = rec->oci_version,
		.bundle = rec->bundle,
		.annotation = rec->annotation,
		.n_annotation = rec->n_annotation,
	};
	struct plan_options options = {.id = rec->id, .bundle = rec->bundle};
	struct host h = {.euid = geteuid()};
	struct plan_input in = {.config = config, .host = &h, .options = &options};
	return plan_hook_build(p, &in, e);
}

/* Kills init and waits for its end: pid 1 of a namespace of its own takes everything with it. */
static int delete_kill(const struct record *rec, const struct cgroup *cg, struct err *e)
{
	autoclose int pidfd = status_pidfd(rec);

	if (pidfd >= 0) {
		int r = sys_pidfd_send_signal(pidfd, SIGKILL);
		if (r < 0 && r != -ESRCH)
			return err_sys(e, -r, "killing the container's init %d", (int)rec->pid);
		if (cgroup_is_frozen(cg) > 0)
			(void)cgroup_thaw(cg, NULL);
	}
	if (!rec->own_pidns && cg->n > 0) {
		int r = cgroup_kill_all(cg, SIGKILL, e);
		if (r < 0)
			return r;
	}
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	if (pidfd < 0 || poll(&p, 1, DELETE_DOUBT_MS) != 0)
		return 0;
	cgroup_take_back(cg, rec->pid);
	if (poll(&p, 1, DELETE_WAIT_MS - DELETE_DOUBT_MS) == 0)
		return err_set(e, EBUSY, "process %d does not end although it was killed",
			       (int)rec->pid);
	return 0;
}

static void container_unit(struct cgroup *cg, const struct record *rec)
{
	cg->unit.name = rec->scope;
	cg->unit.subgroup = rec->subgroup;
	cg->unit.user = rec->systemd_user;
	cg->unit.left = true;
	/* of a create that was killed: what lives there is known to systemd alone */
	cg->unit.sticky = rec->n_cgroup == 0;
	for (size_t i = 0; i < rec->n_annotation; i++)
		if (strcmp(rec->annotation[i].key, "org.systemd.property.CollectMode") == 0)
			cg->unit.sticky = true;
}

void container_cgroup(struct cgroup *cg, const struct record *rec, struct arena *a)
{
	cg->arena = a;
	cg->manager = rec->manager;
	if (rec->manager == CGROUP_SYSTEMD && rec->scope != NULL)
		container_unit(cg, rec);
	cg->v = arena_array(a, rec->n_cgroup, sizeof(*cg->v));
	cg->n = rec->n_cgroup;
	for (size_t i = 0; i < rec->n_cgroup; i++)
		cg->v[i] = (struct cgroup_dir){
			.controllers = rec->cgroup[i].controllers,
			.path = rec->cgroup[i].path,
			.v2 = rec->cgroup[i].v2,
			.created = rec->cgroup[i].created,
			.fd = FD_NONE,
			.tasks = FD_NONE,
		};
}

void container_rdt(struct rdt_group *g, const struct record *rec)
{
	*g = (struct rdt_group)RDT_EMPTY;
	g->name = rec->rdt.group;
	g->monitor = rec->rdt.monitor;
	g->named = rec->rdt.named;
	g->made = rec->rdt.made;
	g->monitor_made = rec->rdt.monitor_made;
}

/* A host without resctrl has lost it, and with it the group. */
static int delete_rdt(const struct record *rec, struct err *e)
{
	__attribute__((cleanup(rdt_close))) struct rdt_group g;
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	container_rdt(&g, rec);
	if (g.name == NULL || strcmp(rec->boot_id, status_boot_id()) != 0)
		return 0;
	r = rdt_open(root, &g, e);
	return r == -ENOENT ? 0 : r < 0 ? r : rdt_remove(&g, e);
}

/* What the container had of the node beside processes and cgroups. */
static int delete_devices(const struct record *rec, struct err *e)
{
	int r = delete_rdt(rec, e);

	/* after a reboot everything is where the kernel put it */
	if (r == 0 && strcmp(rec->boot_id, status_boot_id()) == 0)
		rdma_move_return(rec);
	return r;
}

/* A folder whose record can't be read holds nothing we can act on but its name. */
static int delete_corrupt(struct store_entry *en, const struct err *why, enum container_delete how,
			  struct err *e)
{
	if (how != CONTAINER_DELETE_FORCE)
		return err_take(e, why);
	log_warn("%s; removing the state without it", why->text);
	return store_remove(en, e);
}

/* Without --force only what has ended or never started (runtime.md "delete"). */
static int delete_check(const struct store_entry *en, const struct record *rec, struct err *e)
{
	enum status st = status_of(en, rec);

	if (st == STATUS_STOPPED || st == STATUS_CREATED)
		return 0;
	return err_set(e, EBUSY,
		       "cannot delete container %s that is not stopped: %s; kill it first or use "
		       "--force",
		       rec->id, status_name(st));
}

int container_delete(const struct store *s, const char *id, enum container_delete how,
		     struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	__attribute__((cleanup(store_entry_done))) struct store_entry en = {.dir = FD_NONE};
	__attribute__((cleanup(cgroup_close))) struct cgroup cg = {0};
	struct record *rec;
	struct err why = {0};
	int r = store_get(s, id, STORE_LOCK, &en, e);

	if (r == -ENOENT && how == CONTAINER_DELETE_FORCE)
		return 0;
	if (r < 0)
		return r;
	if (store_read(&en, &a, &rec, &why) < 0)
		return delete_corrupt(&en, &why, how, e);
	r = how == CONTAINER_DELETE_FORCE ? 0 : delete_check(&en, rec, e);
	if (r < 0)
		return r;
	struct plan p = {0};
	bool hooks = !rec->poststop_run && container_hooks(&p, &en, rec, &a, &why) == 0;
	/* after a reboot the paths may name another's cgroups */
	if (strcmp(rec->boot_id, status_boot_id()) == 0)
		container_cgroup(&cg, rec, &a);
	r = cgroup_reopen(&cg, CGROUP_OPEN_DIRS, e);
	if (r == 0)
		r = delete_kill(rec, &cg, e);
	if (r == 0)
		r = cgroup_destroy(&cg, e);
	if (r == 0)
		r = delete_devices(rec, e);
	if (r == 0)
		r = store_remove(&en, e);
	if (r < 0 || !hooks)
		return r;
	/* runtime.md "delete": after everything is gone; a failure is a warning and the others
	 * still run */
	struct hook_state hs = {.status = "stopped"};
	(void)hook_run(&p, HOOK_POSTSTOP, &hs, HOOK_FAIL_WARNS, &why);
	return 0;
}
