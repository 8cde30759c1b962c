/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "apply/criu.h"
#include "cmd/cmd.h"

/* Options that checkpoint and restore share. */
struct criu_flags {
	const char *image_path, *work_path, *manage_cgroups_mode, *network_lock;
	struct cmd_list empty_ns;
	bool tcp_established, ext_unix_sk, shell_job, file_locks, auto_dedup, lazy_pages;
};

#define CRIU_OPTION(type, name, kind, member, value, help)                                         \
	{                                                                                          \
		name, 0, kind, offsetof(struct type, member), value, help                          \
	}
/* type: a struct whose member flags is a struct criu_flags. */
#define CRIU_OPTIONS(type)                                                                         \
	CRIU_OPTION(type, "image-path", CMD_STRING, flags.image_path, "DIR",                       \
		    "folder of the image (default: checkpoint)"),                                  \
		CRIU_OPTION(type, "work-path", CMD_STRING, flags.work_path, "DIR",                 \
			    "folder of criu's log and sockets (default: that of the image)"),      \
		CRIU_OPTION(type, "tcp-established", CMD_FLAG, flags.tcp_established, NULL,        \
			    "also connections of TCP that are established"),                       \
		CRIU_OPTION(type, "ext-unix-sk", CMD_FLAG, flags.ext_unix_sk, NULL,                \
			    "also unix sockets connected to processes outside"),                   \
		CRIU_OPTION(type, "shell-job", CMD_FLAG, flags.shell_job, NULL,                    \
			    "also a program whose terminal is the caller's"),                      \
		CRIU_OPTION(type, "file-locks", CMD_FLAG, flags.file_locks, NULL,                  \
			    "also locks on files"),                                                \
		CRIU_OPTION(type, "manage-cgroups-mode", CMD_STRING, flags.manage_cgroups_mode,    \
			    "MODE", "soft (default), full, strict or ignore"),                     \
		CRIU_OPTION(type, "empty-ns", CMD_LIST, flags.empty_ns, "NAMESPACE",               \
			    "do not touch what is in this namespace: network"),                    \
		CRIU_OPTION(type, "network-lock", CMD_STRING, flags.network_lock, "METHOD",        \
			    "iptables, nftables or skip"),                                         \
		CRIU_OPTION(type, "auto-dedup", CMD_FLAG, flags.auto_dedup, NULL,                  \
			    "free pages in the images that are not needed any more"),              \
		CRIU_OPTION(type, "lazy-pages", CMD_FLAG, flags.lazy_pages, NULL,                  \
			    "leave pages to be fetched when they are used")

/* Checks the options and opens the folders. make: the image's is made as well. The caller calls
 * criu_options_done() either way. -EINVAL, -EPERM. */
int criu_options_open(const struct cmd_global *g, const struct criu_flags *f, bool make,
		      struct criu_options *out, struct err *e);
void criu_options_done(struct criu_options *o);

#define CRIU_OPTIONS_EMPTY                                                                         \
	{                                                                                          \
		.image = FD_NONE, .work = FD_NONE, .status_fd = FD_NONE                            \
	}
