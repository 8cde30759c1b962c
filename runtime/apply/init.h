/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "apply/join.h"
#include "apply/mount.h"
#include "apply/report.h"
#include "apply/seccomp.h"
#include "cgroup/cgroup.h"
#include "cgroup/rdt.h"
#include "plan/plan.h"
#include "sys/procfs.h"

/* All that init inherits from the runtime by the clone. Nothing here is owned by init. */
struct init {
	const struct plan *p;
	struct report *report;
	struct mount_slots *slots;
	int staged; /* of device_stage() */
	struct cgroup *cgroup;
	const struct rdt_group *rdt;
	struct seccomp_slot *seccomp; /* NULL: no filter */
	struct procfs pf;
	const struct join *join;
	const struct join_exec *target; /* exec: the container to enter; NULL for create and run */
	int sock;			/* init's end */
	int far;  /* the runtime's end; closed first, else its death would not be the end of file */
	int fifo; /* O_PATH of exec.fifo; FD_NONE: run or exec, no waiting for start */
	bool in_cgroup;	  /* born in it (CLONE_INTO_CGROUP) and nothing is left to enter */
	bool wait_cgroup; /* CGROUP is waited for: the runtime makes the cgroups meanwhile */
	int join_late;	  /* CLONE_NEW* that init joins although there is a bridge */
	bool oom_given;	  /* somebody outside of the user namespace sets the oom score */
	bool wait_hooked; /* MOUNTED is said and HOOKED waited for */
	bool may_forget;  /* init_may_forget() */
};

/* Whether the limit of descriptors lets many stay open that are closed all at once later
 * (fd_forget_below). */
bool init_may_forget(void);

/*
 * The script of a container's pid 1, from the clone to execve. Never returns: executes the program,
 * or reports and exits with status 1.
 */
_Noreturn void init_run(struct init *in);

/* The script of a process that exec adds to a container. */
_Noreturn void init_exec(struct init *in);

/* World: a child of the runtime's. After: in all namespaces of the container in->target, "/" its
 * root, user 0 of its user namespace; nobody can look into it (CVE-2016-9962). */
int init_enter(struct init *in, struct err *e);
