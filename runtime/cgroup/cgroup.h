/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <signal.h>

#include "cgroup/systemd.h"
#include "host/cgroupfs.h"
#include "plan/plan.h"

/* One cgroup directory of the container, in one hierarchy. */
struct cgroup_dir {
	const char *controllers; /* v1: of the hierarchy; v2: "" */
	const char *path;	 /* absolute directory */
	const char *mount;	 /* mount point of its hierarchy; NULL in a reopened one */
	bool v2;
	bool created; /* the last directory was made by us */
	int fd;	      /* directory, O_RDONLY|O_DIRECTORY; FD_NONE when not open */
	int tasks;    /* v1: "tasks" opened for writing by cgroup_create_rest(), for the child; else
		       * FD_NONE
		       */
};

/* The systemd unit around the directories, only with CGROUP_SYSTEMD. */
struct cgroup_unit {
	const char *name, *subgroup; /* NULL: no unit; processes in the unit's own cgroup */
	bool user;		     /* of the user's own manager */
	bool left;		     /* it is there, or may be: cgroup_destroy() stops it */
	bool sticky;		     /* it does not go by itself when its cgroup is gone */
	bool tight;		     /* limits leave no room for the helper beside init */
	struct systemd bus;	     /* the helper, from its start to cgroup_born() */
};

struct cgroup {
	enum plan_cgroup_manager manager;
	struct cgroup_unit unit;
	struct cgroup_dir *v;
	size_t n;
	struct arena *arena;
	bool refused; /* a directory could not be made, and nothing needed it */
};

/* Whether the directory is of a v1 hierarchy with the controller. */
bool cgroup_dir_has(const struct cgroup_dir *d, const char *controller);

/* The directories that cgroup_create_first() and _rest() will make, without making any: for the
 * record. None with systemd, whose unit stands for them. -EBUSY: another container lives there. On
 * failure out is empty, so that nothing of others is destroyed through it. */
int cgroup_plan_dirs(const struct plan_cgroup *pc, const struct host *h, struct arena *a,
		     struct cgroup *out, struct err *e);

/* Sends systemd the request to start the unit, which cgroup_create_first() waits for; nothing with
 * the other managers. The helper is started unless out->unit.bus is one already. */
int cgroup_request(const struct plan_cgroup *pc, struct arena *a, struct cgroup *out,
		   struct err *e);

/*
 * out: as cgroup_plan_dirs() left it. Makes the directories (parents too), enables v2 controllers
 * downwards, writes all settings that may come before the process, loads the device program or
 * rules. e names linux.resources.*; on failure out holds what was made, closed, for
 * cgroup_destroy() once init is dead. World: the runtime.
 *
 * In two halves, since init is born into a v2 cgroup but enters v1 cgroups itself: the first,
 * before the clone, is all of it where there are no v1 hierarchies, else only the v2 directory; the
 * second, while init makes its namespaces, is the rest. A host with v1 has ten directories to make.
 */
int cgroup_create_first(const struct plan_cgroup *pc, const struct host *h, struct arena *a,
			struct cgroup *out, struct err *e);
int cgroup_create_rest(const struct plan_cgroup *pc, const struct host *h, struct arena *a,
		       struct cgroup *out, struct err *e);

/* World: the runtime, init is in its cgroup. The helper that kept the unit alive leaves it, and the
 * limits that left no room for both are written. Nothing with the other managers. */
int cgroup_born(struct cgroup *c, const struct plan_cgroup *pc, struct err *e);

/* Whether a process of ours can't be born in the cgroup or moved there: with the user's manager and
 * a caller outside of its tree (a login session). cgroup_attach() then has systemd move it. */
bool cgroup_needs_attaching(const struct cgroup *c, const struct host *h);
int cgroup_attach(struct cgroup *c, pid_t pid, struct err *e);

/* Writes the plan's settings in order. */
int cgroup_write_settings(const struct cgroup *c, const struct plan_cgroup *pc, struct err *e);

/* v2 directory for CLONE_INTO_CGROUP (5.7), FD_NONE when there is none. */
int cgroup_into_fd(const struct cgroup *c);

/* False when a process born in cgroup_into_fd() has nothing left to enter: no v1 hierarchy, planned
 * or made. */
bool cgroup_needs_entering(const struct cgroup *c);

/* World: init or exec's process, single-threaded, right after the clone. Writes "0" to its own v1
 * "tasks" files: moving oneself does not wait for an RCU grace period, which moving another pid
 * does (10 to 15 ms after 50 quiet ms). Where the clone was not into the v2 cgroup, joins that as
 * well. */
int cgroup_enter(const struct cgroup *c, struct err *e);

/* The open "tasks" files: the first max of them into out (borrowed); how many there are. */
size_t cgroup_tasks(const struct cgroup *c, int *out, size_t max);

/* Moves pid in (a restored process). World: the runtime. */
int cgroup_move(const struct cgroup *c, pid_t pid, struct err *e);

/* The handle of an existing container's cgroups, from the record's paths (controllers + path
 * pairs). Missing directories are left out. open_tasks: for a coming cgroup_enter() (exec). */
enum cgroup_open { CGROUP_OPEN_DIRS, CGROUP_OPEN_TASKS };
int cgroup_reopen(struct cgroup *c, enum cgroup_open how, struct err *e);

/* The container's own directories become ones below them: each of below is [CONTROLLER[,CONTROLLER]
 * :]PATH, as runc has it, with the controllers of cgroup v1. A PATH alone is for every hierarchy
 * that has it; the process is in the container's own cgroup in the others. *v2_moved: in the v2 one
 * as well. -ENOENT, -EINVAL: no such cgroup or controller. c: of the record, before it is
 * reopened. */
int cgroup_below(struct cgroup *c, const char *const *below, size_t n, bool *v2_moved,
		 struct err *e);

/* v2 lets no process into a cgroup that passes controllers on. Where a reopened container's own
 * does, as with systemd inside, its directory becomes the one below it that the process (init) is
 * in. */
struct procfs;
int cgroup_follow(struct cgroup *c, const struct procfs *pf, pid_t pid, struct err *e);

/* Says why the kernel makes no process in cgroup_into_fd(): code is EBUSY or EOPNOTSUPP. Returns
 * -code. */
int cgroup_refused(const struct cgroup *c, int code, struct err *e);

/* Freezer. Waits at most 10 s until all are frozen; undoes on failure. -ENOENT: no freezer. */
int cgroup_freeze(const struct cgroup *c, struct err *e);
int cgroup_thaw(const struct cgroup *c, struct err *e);

/* Takes the process, which has to exist, into the freezer's cgroup of the container: out of another
 * one where somebody has put and frozen it, since a v1 freezer keeps even a killed process. Nothing
 * on v2, which lets it die. */
void cgroup_take_back(const struct cgroup *c, pid_t pid);
/* 1 frozen, 0 not, -errno. */
int cgroup_is_frozen(const struct cgroup *c);

/* Sends sig to every process of the cgroup and below: cgroup.kill for SIGKILL (5.14), else freeze,
 * signal, thaw, until nothing new appears. Always thaws. */
int cgroup_kill_all(const struct cgroup *c, int sig, struct err *e);

/* Pids of the cgroup and everything below, in arena memory. */
int cgroup_pids(const struct cgroup *c, struct arena *a, pid_t **out, size_t *out_n, struct err *e);

/* Kills what is left, waits until it is empty (10 s), removes the directories leaf first (only
 * those below and including the container's own; empty parents that we made stay as with the
 * peers), and has systemd forget the unit. Missing: success. */
int cgroup_destroy(struct cgroup *c, struct err *e);

/* Writes new settings to an existing container's cgroup (update) and sets them as properties of its
 * unit; on failure the former values are put back where the kernel permits. */
int cgroup_update(const struct cgroup *c, const struct plan_cgroup *pc, struct err *e);

/* > 0: that many processes were killed for want of memory (memory.events, memory.oom_control). */
int cgroup_oom_kills(const struct cgroup *c);

void cgroup_close(struct cgroup *c);
