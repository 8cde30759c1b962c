/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/store.h"

enum status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };

const char *status_name(enum status s);

/* The identity of a live process, of which pidfd (borrowed) is one: its start time and pidfs inode.
 * -ESRCH: no such process. */
int status_identity(pid_t pid, int pidfd, uint64_t *out_start_time, uint64_t *out_pidfs_inode);

/* A pidfd of the record's init after comparing start time and inode, or -ESRCH when that process is
 * gone (a zombie counts as gone), also after a reboot. */
int status_pidfd(const struct record *r);

/* Computed, never stored: creating; pid gone: stopped; fifo there: created; frozen: paused; else
 * running. */
enum status status_of(const struct store_entry *en, const struct record *r);

/* Boot id of the kernel, cut to what fits (static storage). */
const char *status_boot_id(void);
