/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "apply/container.h"
#include "apply/init.h"
#include "apply/netdev.h"
#include "apply/rdma_move.h"

/*
 * A container (or exec's process) while it comes into being: what the runtime holds, and therefore
 * what it has to undo when a step fails. The steps are called in the order of this header by
 * create.c and exec.c.
 */
struct birth {
	const struct plan *p;
	const struct host *host;
	struct arena *a;
	struct cgroup cgroup;
	struct rdt_group rdt;
	struct mount_slots slots;
	struct join join;
	struct netdev_move netdev;
	struct rdma_move rdma;
	struct init init; /* what the child sees; its descriptors are owned here */
	int sock;	  /* our end */
	int pidfd;
	pid_t pid;
	int console;	   /* connected console socket */
	int master;	   /* of the console, for the foreground */
	bool seccomp_late; /* not in the cache: compiled while init mounts */
	int cache;	   /* of compiled filters */
};

/* No descriptor is held yet. */
#define BIRTH_EMPTY                                                                                \
	{                                                                                          \
		.init = {.pf = {FD_NONE}, .sock = FD_NONE, .fifo = FD_NONE, .staged = FD_NONE},    \
		.sock = FD_NONE, .pidfd = FD_NONE, .console = FD_NONE, .master = FD_NONE,          \
		.cache = FD_NONE, .netdev = NETDEV_EMPTY, .rdma = RDMA_MOVE_EMPTY,                 \
		.rdt = RDT_EMPTY,                                                                  \
	}

/* What a caller ignores (nohup, make) or blocks would stay so in the container's program, and one
 * who ignores SIGCHLD makes waiting fail. Once, before the first child. */
void birth_signals(const struct host *h);

/* Everything that opens before the clone but the cgroup: trusted procfs, namespaces to join,
 * console socket, mount sources, the filter if the cache has it. */
int birth_open(struct birth *b, const char *console_socket, int cache, struct err *e);

/* The clone, the maps and limits that only the runtime can give. */
int birth_clone(struct birth *b, void (*script)(struct init *), struct err *e);

/* The cgroups that init waits for are made: it gets their "tasks" files. */
int birth_cgroup(struct birth *b, struct err *e);

/* The dialogue up to the console's master: hooks of the runtime's side, late filter. */
int birth_attend(struct birth *b, struct err *e);

/* Waits until init is ready (STAGE_READY) or has executed the program (STAGE_EXEC). */
int birth_wait(struct birth *b, enum stage until, const char *status, struct err *e);

/* Kills and reaps what was born; nothing when nothing was. */
void birth_kill(struct birth *b);

/* Releases what is held, without an effect on the container. release: all but what supervising it
 * and killing it take. */
void birth_release(struct birth *b);
void birth_done(struct birth *b);

/* Writes the decimal pid to path: a new file renamed over it, so that readers never see half of it
 * and a link there is replaced, not followed. */
int birth_pid_file(const char *path, pid_t pid, struct err *e);
