/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "apply/birth.h"
#include "apply/container.h"
#include "apply/criu.h"
#include "apply/criu_image.h"
#include "apply/hook.h"
#include "apply/join.h"
#include "apply/tty.h"
#include "apply/undo.h"
#include "base/io.h"
#include "state/graft.h"
#include "sys/path.h"
#include "sys/sys.h"

#define RESTORE_MOUNTINFO_MAX ((size_t)16 << 20)

/* A container coming back, and what undoes it. */
struct restore {
	const struct store *store;
	const struct plan *p;
	const struct host *host;
	const struct container_options *co;
	const struct criu_options *o;
	struct arena a;
	struct store_entry entry;
	struct record record;
	struct graft_record graft;
	struct cgroup cgroup;
	struct join join;
	struct criu_request r;
	int console, master, pidfd;
	pid_t pid;
	bool claimed, hooks_due; /* the folder is ours; poststop hooks are owed */
};

static void restore_undo(struct restore *c)
{
	const struct undo u = {.p = c->p,
			       .cgroup = &c->cgroup,
			       .entry = c->claimed ? &c->entry : NULL,
			       .hooks = c->hooks_due};
	int status;

	if (c->pidfd >= 0) {
		(void)sys_pidfd_send_signal(c->pidfd, SIGKILL);
		(void)sys_waitid_pidfd(c->pidfd, &status, 0);
	}
	undo_all(&u);
	c->claimed = false;
}

static int restore_claim(struct restore *c, struct err *e)
{
	int r = store_claim(c->store, c->p->id, &c->entry, e);

	if (r < 0)
		return r;
	c->claimed = true;
	r = store_save_config(&c->entry, c->co->config_text, c->co->config_len, e);
	if (r == 0)
		r = cgroup_plan_dirs(&c->p->cgroup, c->host, &c->a, &c->cgroup, e);
	if (r < 0)
		return r;
	record_from_plan(&c->record, c->p, &c->cgroup, &c->a);
	c->record.creating = true;
	return store_write(&c->entry, &c->record, e);
}

/* The limits hold for criu as well, which is in the cgroup while it works. */
static int restore_cgroup(struct restore *c, struct err *e)
{
	const struct plan_cgroup *pc = &c->p->cgroup;
	int r = cgroup_request(pc, &c->a, &c->cgroup, e);

	if (r == 0)
		r = cgroup_create_first(pc, c->host, &c->a, &c->cgroup, e);
	if (r == 0 && cgroup_needs_entering(&c->cgroup))
		r = cgroup_create_rest(pc, c->host, &c->a, &c->cgroup, e);
	return r;
}

static int restore_check(const struct plan *p, struct err *e)
{
	if (p->rdt.group != NULL)
		return err_set(e, ENOTSUP, "linux.intelRdt: a restored container can't have it");
	if (p->n_rdma > 0)
		return err_set(e, ENOTSUP, "%s: a restored container can't have RDMA devices moved",
			       p->rdma[0].origin);
	if (p->n_netdev > 0)
		return err_set(e, ENOTSUP,
			       "linux.netDevices: a restored container can't have them");
	return 0;
}

/* ---- criu's mount namespace: nothing of it is seen by the host, and it ends with criu ---- */

static bool restore_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* Of a file system of its own, criu restores the content, mount points included. */
static bool restore_is_covered(const struct plan *p, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (p->mounts.v[k].verb != MOUNT_BIND &&
		    restore_is_below(p->mounts.v[i].target, p->mounts.v[k].target))
			return true;
	return false;
}

/* The destination of a mount, made if it is missing as create does it. A bind is mounted on it, so
 * that the destinations of later mounts below it are made in its source. */
static int restore_mount_point(const struct plan_mount *m, int root, struct err *e)
{
	struct stat st;
	bool file = m->verb == MOUNT_FILE ||
		    (m->verb == MOUNT_BIND && stat(m->source, &st) == 0 && !S_ISDIR(st.st_mode));
	autoclose int target =
		file ? path_mkfile(root, m->target, 0755, e) : path_mkdir(root, m->target, 0755, e);

	if (target < 0)
		return err_at(e, ".destination");
	if (m->verb != MOUNT_BIND || file)
		return 0;
	autoclose int tree =
		sys_open_tree(AT_FDCWD, m->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_sys(e, -tree, ".source: '%s'", m->source);
	int r = sys_move_mount(tree, "", target, "",
			       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	return r < 0 ? err_sys(e, -r, ".destination: '%s'", m->target) : 0;
}

static int restore_mount_points(const struct restore *c, struct err *e)
{
	const struct plan *p = c->p;

	/* on top of the tree that criu gets, and away again with all that is below it */
	if (mount(p->rootfs, p->rootfs, NULL, MS_BIND, NULL) < 0)
		return err_sys(e, errno, "root.path: '%s'", p->rootfs);
	autoclose int root = open(p->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, errno, "root.path: '%s'", p->rootfs);
	for (size_t i = 0; i < p->mounts.n; i++)
		if (!p->mounts.v[i].remount && !restore_is_covered(p, i) &&
		    restore_mount_point(&p->mounts.v[i], root, e) < 0)
			return err_at(e, "%s", p->mounts.v[i].origin);
	fd_done(&root);
	return umount2(p->rootfs, MNT_DETACH) < 0 ? err_sys(e, errno, "root.path: '%s'", p->rootfs)
						  : 0;
}

/* World: criu's process, a copy of the runtime's mount namespace. criu wants its new root to be a
 * mount point. */
static int restore_prepare(void *context, struct err *e)
{
	const struct restore *c = context;
	const char *rootfs = c->p->rootfs;

	/* criu restores it from 3.18 on only; what it makes inherits it */
	if (c->p->creds.no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "process.noNewPrivileges");
	if (!plan_has_ns(c->p, CLONE_NEWNS))
		return 0;
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return err_sys(e, errno, "making the mounts slaves of the host's");
	if (mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_sys(e, errno, "root.path: binding '%s'", rootfs);
	return restore_mount_points(c, e);
}

/* ---- the request ---- */

static void restore_inherit(struct restore *c, const char *key, int fd)
{
	*ARENA_PUSH(&c->a, &c->r.inherit) = (struct criu_inherit){key, fd};
}

static int restore_namespaces(struct restore *c, struct err *e)
{
	static const struct {
		int type;
		const char *inherit, *join;
	} kinds[] = {
		{CLONE_NEWNET, "extRootNetNS", NULL}, {CLONE_NEWPID, "extRootPidNS", NULL},
		{CLONE_NEWUTS, NULL, "uts"},	      {CLONE_NEWIPC, NULL, "ipc"},
		{CLONE_NEWUSER, NULL, "user"},	      {CLONE_NEWTIME, NULL, "time"},
		{CLONE_NEWNS, NULL, "mnt"},
	};

	for (size_t i = 0; i < c->join.n; i++) {
		const struct join_ns *ns = &c->join.v[i];
		size_t k = 0;

		while (k < ARRAY_LEN(kinds) && kinds[k].type != ns->type)
			k++;
		if (k == ARRAY_LEN(kinds))
			return err_set(e, ENOTSUP,
				       "%s.path: criu can't restore into an existing cgroup "
				       "namespace",
				       ns->origin);
		if (kinds[k].inherit != NULL)
			restore_inherit(c, kinds[k].inherit, ns->fd);
		else
			*ARENA_PUSH(&c->a, &c->r.join) =
				(struct criu_pair){kinds[k].join, ns->path};
	}
	return 0;
}

/* Pipes, and files that are not of the container, become what the runtime itself has there. */
static int restore_descriptors(struct restore *c, struct err *e)
{
	struct criu_strings names;
	int r = criu_image_read(c->o->image, &c->a, &names, e);

	for (size_t i = 0; r == 0 && i < names.n && i < 3; i++)
		if (strncmp(names.v[i], "pipe:[", 6) == 0 || strncmp(names.v[i], "file[", 5) == 0)
			restore_inherit(c, names.v[i], (int)i);
	return r;
}

static int restore_request(struct restore *c, struct err *e)
{
	const struct plan *p = c->p;
	autoclose int root = open(p->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *host;

	if (root < 0)
		return err_sys(e, errno, "root.path: '%s'", p->rootfs);
	int r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", RESTORE_MOUNTINFO_MAX, &c->a, &host,
			     NULL);
	if (r < 0)
		return err_sys(e, -r, "/proc/self/mountinfo");
	c->r = (struct criu_request){
		.type = CRIU_RESTORE,
		.o = c->o,
		.log = "restore.log",
		.root = p->rootfs,
		.config = criu_config_file(p->annotation, p->n_annotation),
	};
	criu_plan_mounts(p, root, host, &c->a, &c->r.external);
	/* standard descriptors first: their place in the list is no number of criu's */
	r = restore_descriptors(c, e);
	if (r == 0 && plan_has_ns(p, CLONE_NEWUSER))
		r = criu_image_admit(c->o->image, e);
	return r < 0 ? r : restore_namespaces(c, e);
}

/* ---- while criu works ---- */

static int restore_hooks(struct restore *c, pid_t pid, struct err *e)
{
	struct hook_state st = {.status = "creating", .pid = pid};
	int r;

	c->hooks_due = true;
	r = hook_run(c->p, HOOK_PRESTART, &st, HOOK_FAIL_STOPS, e);
	return r < 0 ? r : hook_run(c->p, HOOK_CREATE_RUNTIME, &st, HOOK_FAIL_STOPS, e);
}

/* Of this run, on this node. A file that the first run was to leave is that one's, and stays. */
static int restore_graft_record(struct restore *c, struct err *e)
{
	const struct graft_record_input in = {
		.p = c->p,
		.h = c->host,
		.record = &c->record,
		.config_text = c->co->config_text,
		.config_len = c->co->config_len,
		.version = c->co->version,
		.commit = c->co->commit,
		.again = true,
	};

	return c->p->graft == NULL ? 0 : graft_record_write(&c->graft, &c->entry, &in, &c->a, e);
}

/* All processes are there and stand still: they are on record before they go on. */
static int restore_commit(struct restore *c, pid_t pid, struct err *e)
{
	c->pid = pid;
	c->pidfd = sys_pidfd_open(pid, 0);
	if (c->pidfd < 0)
		return err_sys(e, -c->pidfd, "the restored process %d", (int)pid);
	c->hooks_due = true;
	record_cgroups(&c->record, &c->cgroup, &c->a);
	c->record.pid = pid;
	c->record.creating = false;
	(void)status_identity(pid, c->pidfd, &c->record.start_time, &c->record.pidfs_inode);
	int r = cgroup_born(&c->cgroup, &c->p->cgroup, e);
	if (r == 0)
		r = restore_graft_record(c, e);
	if (r == 0)
		r = store_write(&c->entry, &c->record, e);
	if (r == 0 && c->co->pid_file != NULL)
		r = birth_pid_file(c->co->pid_file, pid, e);
	if (r == 0 && c->co->pidfd_socket != NULL)
		r = tty_send_pidfd(c->co->pidfd_socket, c->pidfd, e);
	if (r == 0 && c->p->pidfd_socket != NULL)
		r = tty_send_pidfd(c->p->pidfd_socket, c->pidfd, e);
	return r;
}

static int restore_master(struct restore *c, int fd, struct err *e)
{
	if (fd < 0)
		return 0;
	if (c->console >= 0)
		return tty_send_connected(c->console, fd, e);
	c->master = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return c->master < 0 ? err_sys(e, errno, "the terminal") : 0;
}

static int restore_notified(void *context, const struct criu_answer *a, int fd, struct err *e)
{
	struct restore *c = context;

	if (strcmp(a->script, "setup-namespaces") == 0)
		return restore_hooks(c, a->pid, e);
	if (strcmp(a->script, "post-restore") == 0)
		return restore_commit(c, a->pid, e);
	if (strcmp(a->script, "orphan-pts-master") == 0)
		return restore_master(c, fd, e);
	return 0;
}

static int restore_run(struct restore *c, struct err *e)
{
	struct criu_handlers h = {
		.notified = restore_notified,
		.prepare = restore_prepare,
		.context = c,
		.cgroup = &c->cgroup,
		.namespaces = plan_has_ns(c->p, CLONE_NEWNS) ? CLONE_NEWNS : 0,
	};
	struct criu_answer answer = {0};
	const char *program;
	int r = restore_check(c->p, e);

	if (r == 0)
		r = criu_find(c->o->program, &c->a, &program, e);
	if (r == 0)
		r = criu_check(program, &c->a, e);
	if (r == 0)
		r = join_open(c->p, &c->a, &c->join, e);
	if (r == 0)
		r = restore_request(c, e);
	if (r == 0 && c->co->console_socket != NULL) {
		c->console = tty_connect(c->co->console_socket, e);
		r = c->console < 0 ? c->console : 0;
	}
	if (r == 0)
		r = restore_claim(c, e);
	if (r == 0)
		r = restore_cgroup(c, e);
	if (r == 0)
		r = criu_run(program, &c->r, &h, &c->a, &answer, e);
	if (r == 0 && c->pidfd < 0)
		return err_set(e, EIO, "criu: restored nothing");
	return r;
}

static void restore_done(struct restore *c)
{
	fd_done(&c->console);
	fd_done(&c->master);
	fd_done(&c->pidfd);
	join_done(&c->join);
	cgroup_close(&c->cgroup);
	graft_record_done(&c->graft);
	store_entry_done(&c->entry);
	arena_done(&c->a);
}

int container_restore(const struct store *s, const struct plan *p, const struct host *h,
		      const struct container_options *co, const struct criu_options *o,
		      struct err *e)
{
	__attribute__((cleanup(restore_done))) struct restore c = {
		.store = s,
		.p = p,
		.host = h,
		.co = co,
		.o = o,
		.entry = {.dir = FD_NONE},
		.graft = GRAFT_RECORD_EMPTY,
		.console = FD_NONE,
		.master = FD_NONE,
		.pidfd = FD_NONE,
	};
	c.cgroup.unit.bus = co->systemd;
	int r = restore_run(&c, e);

	if (r < 0) {
		restore_undo(&c);
		return r;
	}
	graft_record_complete(&c.graft, &c.entry, &c.a);
	store_unlock(&c.entry);
	if (co->detach)
		return 0;
	int status = tty_supervise(c.pidfd, c.pid, c.master, e);
	if (status < 0 || co->keep)
		return status;
	fd_done(&c.pidfd);
	restore_undo(&c);
	return status;
}
