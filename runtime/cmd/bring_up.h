/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "cmd/cmd.h"

struct criu_options;

/* What create, run and restore share: their options, and the way from a bundle to a container. */
struct bring_up_options {
	const char *bundle, *config, *console_socket, *pid_file, *pidfd_socket;
	bool no_pivot, no_new_keyring, detach, keep;
	struct opt_u64 preserve_fds;
	const struct criu_options *criu; /* of restore, for BRING_UP_RESTORE */
};

#define BRING_UP_OPTION(name, letter, kind, member, value, help)                                   \
	{                                                                                          \
		name, letter, kind, offsetof(struct bring_up_options, member), value, help         \
	}
#define BRING_UP_OPTIONS                                                                           \
	BRING_UP_OPTION("bundle", 'b', CMD_STRING, bundle, "DIR",                                  \
			"the bundle's folder (default: the working directory)"),                   \
		BRING_UP_OPTION("config", 'f', CMD_STRING, config, "FILE",                         \
				"the configuration's file (default: config.json in the bundle)"),  \
		BRING_UP_OPTION("console-socket", 0, CMD_STRING, console_socket, "SOCKET",         \
				"unix socket that receives the master of the terminal"),           \
		BRING_UP_OPTION("pid-file", 0, CMD_STRING, pid_file, "FILE",                       \
				"file to write the pid of the container's init to"),               \
		BRING_UP_OPTION("pidfd-socket", 0, CMD_STRING, pidfd_socket, "SOCKET",             \
				"unix socket that receives a pidfd of the container's init"),      \
		BRING_UP_OPTION("no-pivot", 0, CMD_FLAG, no_pivot, NULL,                           \
				"move the root instead of pivot_root (root on a ramdisk)"),        \
		BRING_UP_OPTION("no-new-keyring", 0, CMD_FLAG, no_new_keyring, NULL,               \
				"keep the caller's session keyring"),                              \
		BRING_UP_OPTION("preserve-fds", 0, CMD_UINT, preserve_fds, "N",                    \
				"pass N descriptors after standard error to the program"),         \
		BRING_UP_OPTION("no-subreaper", 0, CMD_IGNORED, bundle, NULL,                      \
				"accepted for callers of runc; has no effect")

/* Of the caller's environment: crun's name for the socket of a seccomp agent. */
#define BRING_UP_SECCOMP_RECEIVER "RUN_OCI_SECCOMP_RECEIVER"

enum bring_up_how { BRING_UP_CREATE, BRING_UP_RUN, BRING_UP_RESTORE };

/* Loads the bundle, plans and creates (run: runs, restore: restores) container id. Exit status or
 * -errno. */
int bring_up(const struct cmd_global *g, const struct bring_up_options *o, const char *id,
	     enum bring_up_how how, struct err *e);

/* From options and a loaded config to the plan; `greffon plan` stops after it. Where CDI files edit
 * the config, b->text becomes the edited one. */
struct bundle;
struct host;
int bring_up_plan(const struct cmd_global *g, const struct bring_up_options *o, const char *id,
		  enum bring_up_how how, struct bundle *b, const struct host *h,
		  const char *notify_dir, struct plan *p, struct err *e);

/* The caller's NOTIFY_SOCKET; NULL: none, or none that is a unix socket. */
const char *bring_up_notify_socket(void);

/* The caller's LISTEN_FDS when they are meant for this process, with their names. */
void bring_up_listen(struct plan_options *o);

/* --preserve-fds N (exec's too): descriptors 3 to 3+N-1 must be open. -EINVAL: more than any use;
 * -EBADF. */
int bring_up_check_fds(uint64_t n, struct err *e);
