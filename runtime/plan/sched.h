/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/* process.scheduler, process.ioPriority, process.execCPUAffinity, linux.personality and
 * linux.memoryPolicy. The config has a process. -EINVAL or -ERANGE with the field. */
int sched_build(struct plan *p, const struct oci_config *c, struct err *e);

/* Reads a list such as "0-3,8" into bits (LSB first), which has room for max bits. Returns the
 * number of the highest bit set plus one, or -EINVAL. */
long sched_list(const char *list, unsigned long *bits, size_t max);
