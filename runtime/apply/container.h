/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/cgroup.h"
#include "host/host.h"
#include "plan/plan.h"
#include "state/status.h"

/* What create, run and start share; the scripts of the parent are in parent.c, of init in init.c.
 */
struct container_options {
	const char *console_socket, *pid_file, *pidfd_socket;
	const char *notify_socket;    /* the caller's; NULL: none that can be used */
	bool run;		      /* no fifo: started by the GO word, in the same call */
	bool detach;		      /* run --detach */
	bool keep;		      /* run --keep: not deleted after it ended */
	const char *config_text;      /* saved beside the state */
	const char *version, *commit; /* of greffon, for the record of grafts */
	struct systemd systemd;	      /* the helper of CGROUP_SYSTEMD, given away */
	size_t config_len;
};

/* Creates the container of the plan; with run also starts it and, in the foreground, waits for its
 * end and deletes it. Exit status or -errno; on failure nothing is left behind. */
int container_create(const struct store *s, const struct plan *p, const struct host *h,
		     const struct container_options *o, struct err *e);

/* Starts a created container: startContainer hooks (in init), the program, poststart hooks.
 * notify_socket (NULL: none): of a caller who waits until the container says that it is ready; then
 * this ends when it does, or when it has ended. */
int container_start(const struct store *s, const char *id, const char *notify_socket,
		    struct err *e);

/* Deletes: stopped or created; with force whatever its state, and a missing one is success.
 * Poststop hooks. */
enum container_delete { CONTAINER_DELETE, CONTAINER_DELETE_FORCE };
int container_delete(const struct store *s, const char *id, enum container_delete how,
		     struct err *e);

struct container_exec_options {
	const char *console_socket, *pid_file, *pidfd_socket;
	const char *const *cgroups; /* of cgroup_below(): below the container's own */
	size_t n_cgroups;	    /* 0: there */
	bool detach, ignore_paused;
	int types; /* of plan_exec_build() */
	int cache; /* of compiled filters */
};

/* Adds a process to a running (or created) container: the plan of plan_exec_build(). Its exit
 * status in the foreground, 0 detached, or -errno. */
int container_exec(const struct store_entry *en, const struct record *rec, const struct plan *p,
		   const struct host *h, const struct container_exec_options *o, struct err *e);

/* Adds the plan's mounts (plan_mounts_build(), whose types these are) to a running container, all
 * of them or none, or removes what is mounted at their destinations, the last one first; _UNGRAFT:
 * takes away what plan_hot_gone() says. */
enum container_mounts { CONTAINER_MOUNTS_ADD, CONTAINER_MOUNTS_REMOVE, CONTAINER_MOUNTS_UNGRAFT };
int container_mounts(const struct record *rec, const struct plan *p, const struct host *h,
		     int types, enum container_mounts how, struct err *e);

/* O_PATH descriptor of a running container's root, to look at only: sys/path.h. */
int container_root(const struct record *rec, struct err *e);

/* The record's cgroup directories, none open. */
void container_cgroup(struct cgroup *out, const struct record *rec, struct arena *a);

/* The record's group of resctrl, not open. */
struct rdt_group;
void container_rdt(struct rdt_group *out, const struct record *rec);

/* A plan that holds nothing but what hooks need, from the saved config and the record. */
int container_hooks(struct plan *p, const struct store_entry *en, const struct record *rec,
		    struct arena *a, struct err *e);
