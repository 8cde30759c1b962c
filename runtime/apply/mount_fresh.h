/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "apply/mount_direct.h"
#include "plan/plan.h"

/*
 * The tmpfs that init made and attached last: nobody else writes to it, so that a place right below
 * its top can be made by its plain name, with nothing to look up. And the sysfs that it made, where
 * nobody but the kernel makes names. One that may be covered, or the way to it, is forgotten.
 */
struct mount_fresh {
	const char *target; /* of the tmpfs, the plan's; NULL: there is none */
	int fd;		    /* of its root; owned, as the others */
	int made;	    /* of that of a tmpfs that was attached just now */
	int sys, made_sys;  /* of the sysfs at /sys */
	bool aside;	    /* the last mount went there */
};

#define MOUNT_FRESH_EMPTY                                                                          \
	{                                                                                          \
		.fd = FD_NONE, .made = FD_NONE, .sys = FD_NONE, .made_sys = FD_NONE                \
	}

void mount_fresh_done(struct mount_fresh *f);

/* The directory that m goes to, O_PATH, if it is a new one in the fresh tmpfs; else negative, also
 * if m is mounted there already (*done). */
int mount_fresh_target(const struct plan_mount *m, const struct mount_fresh *f,
		       struct mount_direct *direct, bool *done);

/* What m has just made, whose root is *fd (taken, if it is of use). A tmpfs is as empty as it was
 * made. */
void mount_fresh_keep(struct mount_fresh *f, const struct plan_mount *m, int *fd);

/* After m was attached, and kept if it was made. */
void mount_fresh_next(struct mount_fresh *f, const struct plan_mount *m);

bool mount_is_type(const struct plan_mount *m, const char *type);

/* proc and sysfs: on no link, and on nothing but a directory. */
bool mount_wants_real_directory(const struct plan_mount *m);
