/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"
#include "sys/procfs.h"

/* Writes the plan's kernel parameters through pf. World: init, all namespaces final; the entries
 * below sys/ are those of the caller's own namespaces. e names linux.sysctl and the key. */
int sysctl_apply(const struct plan *p, const struct procfs *pf, struct err *e);
