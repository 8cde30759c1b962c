/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The processes that descend from one that is about to be started, whatever session or process
 * group they make for themselves: while it runs, those whose parent ended become the caller's own
 * children (PR_SET_CHILD_SUBREAPER, Linux 3.4), so that killing all new children again and again
 * ends with none. What has no time limit costs nothing.
 */
#define FAMILY_KNOWN 64

struct family {
	int limit_s; /* 0: none, nothing is done */
	bool open, was_reaper;
	pid_t known[FAMILY_KNOWN]; /* children that were there before */
	size_t n_known;
};

/* Before the first process of it is made. Without a list of children (CONFIG_PROC_CHILDREN, or no
 * /proc) there is nothing to end later. */
void family_open(struct family *f);

/* Afterwards; with end every process of it that is left is killed, 5 s at most. */
void family_done(struct family *f, bool end);
