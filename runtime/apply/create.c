/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "apply/birth.h"
#include "apply/container.h"
#include "apply/hook.h"
#include "apply/ready.h"
#include "apply/tty.h"
#include "apply/undo.h"
#include "state/graft.h"
#include "sys/sys.h"

/* A creation and what undoes it. */
struct create {
	const struct store *store;
	const struct plan *p;
	const struct host *host;
	const struct container_options *o;
	struct arena a;
	struct store_entry entry;
	struct record record;
	struct birth b;
	struct ready ready;
	struct graft_record graft;
	bool claimed, hooks_due; /* the folder is ours; poststop hooks are owed */
};

/* Undoes in the reverse order of making. */
static void create_undo(struct create *c)
{
	const struct undo u = {.p = c->p,
			       .cgroup = &c->b.cgroup,
			       .rdt = &c->b.rdt,
			       .entry = c->claimed ? &c->entry : NULL,
			       .hooks = c->hooks_due};

	rdma_move_undo(c->p, &c->b.rdma);
	netdev_undo(c->p, &c->b.netdev); /* before the namespace goes, and virtual ones with it */
	birth_kill(&c->b);
	/* of a run that has ended; what only was to move may be another container's by now */
	if (c->b.rdma.applied)
		rdma_move_return(&c->record);
	undo_all(&u);
	c->claimed = false;
}

/* The intent is on record before the first thing exists that it names, so that a delete after a
 * crash knows all that may be there. */
static int create_claim(struct create *c, struct err *e)
{
	const struct plan *p = c->p;
	int r = store_claim(c->store, p->id, &c->entry, e);

	if (r < 0)
		return r;
	c->claimed = true;
	r = cgroup_plan_dirs(&p->cgroup, c->host, &c->a, &c->b.cgroup, e);
	if (r < 0)
		return r;
	record_from_plan(&c->record, p, &c->b.cgroup, &c->a);
	c->record.creating = true;
	r = store_write(&c->entry, &c->record, e);
	if (r == 0 && p->notify)
		r = ready_make_folder(c->entry.dir, e);
	if (r == 0 && p->notify && c->o->run) /* else start does */
		r = ready_listen(c->entry.dir, c->o->notify_socket, &c->ready, e);
	if (r == 0 && !c->o->run) {
		/* init opens it as the root of its user namespace */
		uid_t uid = idmap_outside(&p->ns.uid, 0);
		gid_t gid = idmap_outside(&p->ns.gid, 0);
		uid = uid == c->host->euid ? (uid_t)-1 : uid;
		gid = gid == c->host->egid ? (gid_t)-1 : gid;
		c->b.init.fifo = store_fifo_make(&c->entry, uid, gid, e);
		r = c->b.init.fifo < 0 ? c->b.init.fifo : 0;
	}
	return r == 0 ? cgroup_request(&p->cgroup, &c->a, &c->b.cgroup, e) : r;
}

static bool create_has_runtime_hooks(const struct plan *p)
{
	return p->hooks[HOOK_PRESTART].n + p->hooks[HOOK_CREATE_RUNTIME].n +
		       p->hooks[HOOK_CREATE_CONTAINER].n >
	       0;
}

static int create_rdt(struct create *c, struct err *e)
{
	if (c->p->rdt.group == NULL)
		return 0;
	c->b.rdt.name = c->p->rdt.group;
	int r = rdt_open(c->host->root, &c->b.rdt, e);
	return r == 0 ? rdt_make(&c->p->rdt, c->p->id, &c->a, &c->b.rdt, e) : r;
}

static int create_graft_record(struct create *c, struct err *e)
{
	const struct graft_record_input in = {
		.p = c->p,
		.h = c->host,
		.record = &c->record,
		.config_text = c->o->config_text,
		.config_len = c->o->config_len,
		.version = c->o->version,
		.commit = c->o->commit,
	};

	return c->p->graft == NULL ? 0 : graft_record_write(&c->graft, &c->entry, &in, &c->a, e);
}

/* While init works: the config that was read, the record that hooks ask for, and the one that the
 * end makes current. */
static int create_record(struct create *c, struct err *e)
{
	int r = store_save_config(&c->entry, c->o->config_text, c->o->config_len, e);

	/* known only now: which directories are new. Those that could not be had were left out. */
	record_cgroups(&c->record, &c->b.cgroup, &c->a);
	record_rdt(&c->record, &c->b.rdt);
	c->record.pid = c->b.pid;
	(void)status_identity(c->b.pid, c->b.pidfd, &c->record.start_time, &c->record.pidfs_inode);
	/* hooks may ask for the state: then it has to name the process */
	if (r == 0 && create_has_runtime_hooks(c->p))
		r = store_write(&c->entry, &c->record, e);
	c->record.creating = false;
	if (r == 0)
		r = store_stage(&c->entry, &c->record, e);
	return r == 0 ? create_graft_record(c, e) : r;
}

/* What of the cgroup had to wait for init's birth. */
static int create_cgroup_rest(struct create *c, struct err *e)
{
	struct birth *b = &c->b;

	if (!cgroup_needs_entering(&b->cgroup)) /* it was born or moved there */
		return cgroup_born(&b->cgroup, &c->p->cgroup, e);
	int r = cgroup_create_rest(&c->p->cgroup, c->host, &c->a, &b->cgroup, e);
	return r == 0 ? birth_cgroup(b, e) : r;
}

/* While all it does is to read and write small files for a container that will outlive it, the
 * runtime leaves them to be closed by its end. */
#define CREATE_FORGET_BELOW 40

static void create_forget(const struct create *c, int below)
{
	if (c->b.init.may_forget && !c->o->run && c->b.cgroup.unit.bus.pid == 0)
		fd_forget_below = below;
}

static int create_files(struct create *c, struct err *e)
{
	create_forget(c, CREATE_FORGET_BELOW);
	int r = create_cgroup_rest(c, e);
	if (r == 0)
		r = create_record(c, e);
	create_forget(c, 0);
	return r;
}

static int create_birth(struct create *c, struct err *e)
{
	struct birth *b = &c->b;
	int r = birth_open(b, c->o->console_socket,
			   c->p->seccomp.profile != NULL ? store_seccomp_cache(c->store) : FD_NONE,
			   e);

	if (r == 0)
		r = cgroup_create_first(&c->p->cgroup, c->host, &c->a, &b->cgroup, e);
	if (r == 0)
		r = create_rdt(c, e);
	if (r < 0)
		return r;
	b->init.wait_cgroup = cgroup_needs_entering(&b->cgroup);
	b->init.in_cgroup = !b->init.wait_cgroup;
	b->init.may_forget = init_may_forget();
	r = birth_clone(b, init_run, e);
	c->hooks_due = b->pidfd >= 0;
	if (r == 0)
		r = create_files(c, e);
	if (r == 0)
		r = birth_attend(b, e);
	if (r == 0)
		r = birth_wait(b, c->o->run ? STAGE_EXEC : STAGE_READY, "creating", e);
	if (r == 0)
		r = cgroup_born(&b->cgroup, &c->p->cgroup, e);
	if (r < 0 && cgroup_oom_kills(&b->cgroup) > 0)
		return err_at(e,
			      "linux.resources.memory.limit is too low for the container's init");
	return r;
}

static int create_commit(struct create *c, struct err *e)
{
	int r = store_commit(&c->entry, e);

	create_forget(c, CREATE_FORGET_BELOW);
	if (r == 0 && c->o->pid_file != NULL)
		r = birth_pid_file(c->o->pid_file, c->b.pid, e);
	create_forget(c, 0);
	if (r == 0 && c->o->pidfd_socket != NULL)
		r = tty_send_pidfd(c->o->pidfd_socket, c->b.pidfd, e);
	if (r == 0 && c->p->pidfd_socket != NULL)
		r = tty_send_pidfd(c->p->pidfd_socket, c->b.pidfd, e);
	if (r == 0) {
		/* from here on they are the container's */
		netdev_done(&c->b.netdev);
		rdma_move_done(&c->b.rdma);
		graft_record_complete(&c->graft, &c->entry, &c->a);
	}
	return r;
}

/* In the foreground the process to watch is the runtime itself. */
static bool create_is_ready(void *arg)
{
	const struct ready *r = arg;

	if (ready_take(r) != 1)
		return false;
	ready_tell(r, 0);
	return true;
}

/* The program runs. poststart hooks; in the foreground its end, and all that delete does. */
static int create_supervise(struct create *c, struct err *e)
{
	struct hook_state st = {.status = "running", .pid = c->b.pid};
	int r = hook_run(c->p, HOOK_POSTSTART, &st, HOOK_FAIL_STOPS, e);

	if (r == 0 && c->o->detach && c->p->notify && ready_wait(&c->ready, c->b.pidfd) == 1)
		ready_tell(&c->ready, c->b.pid);
	if (r < 0 || c->o->detach)
		return r;
	birth_release(&c->b); /* while the program runs */
	const struct tty_watch watch = {c->ready.sock, create_is_ready, &c->ready};
	int status = tty_supervise_watching(c->b.pidfd, c->b.pid, c->b.master, &watch, e);
	if (status < 0 || c->o->keep)
		return status;
	fd_done(&c->b.pidfd);
	create_undo(c);
	return status;
}

static void create_done(struct create *c)
{
	birth_done(&c->b);
	ready_done(&c->ready);
	graft_record_done(&c->graft);
	store_entry_done(&c->entry);
	arena_done(&c->a);
}

int container_create(const struct store *s, const struct plan *p, const struct host *h,
		     const struct container_options *o, struct err *e)
{
	__attribute__((cleanup(create_done))) struct create c = {.store = s,
								 .p = p,
								 .host = h,
								 .o = o,
								 .entry = {.dir = FD_NONE},
								 .ready = READY_EMPTY,
								 .graft = GRAFT_RECORD_EMPTY,
								 .b = BIRTH_EMPTY};

	c.b.p = p;
	c.b.host = h;
	c.b.a = &c.a;
	c.b.cgroup.unit.bus = o->systemd;
	int r = create_claim(&c, e);
	if (r == 0)
		r = create_birth(&c, e);
	if (r == 0)
		r = create_commit(&c, e);
	if (r < 0) {
		create_undo(&c);
		return r;
	}
	if (!o->run) {
		/* the process ends now, and with it all that it has open; a helper is still waited
		 * for */
		create_forget(&c, INT_MAX);
		c.b.init.report = NULL;
		return 0;
	}
	/* others may now pause, kill and delete it while it runs */
	store_unlock(&c.entry);
	r = create_supervise(&c, e);
	if (r < 0)
		create_undo(&c);
	return r;
}
