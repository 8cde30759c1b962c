/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * CVE-2019-5736: a container could open the runtime's executable through /proc/PID/exe and
 * overwrite it on the host. Called first thing by the commands that enter a container: executes the
 * program again from an image nobody can write (a private read-only overlay of its folder, 5.11;
 * else a sealed memfd), unless it already runs from one or lies on a read-only file system. Returns
 * 0 when this image is safe, never returns when it executes; -errno: it could not be sealed, which
 * is fatal.
 */
int seal_self(char *const argv[], char *const envp[], struct err *e);

/*
 * Closes the image's mount, which is open since the seal. The last close of it waits for an RCU
 * grace period (0.1 ms), so init does it first of all, and the runtime when it has nothing else to
 * do.
 */
void seal_release(void);
