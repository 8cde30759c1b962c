/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "apply/init.h"

/*
 * The last steps, the same for a container's init and for a process that exec adds: limits,
 * identity, labels, filter, program. World: "/" is the rootfs (root is a descriptor of it), caps
 * full in the user namespace, stdio final. Returns only on failure.
 */
int tail_run(struct init *in, int root, struct err *e);
