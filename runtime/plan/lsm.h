/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

struct host;
struct oci_process;

/* process.apparmorProfile and process.selinuxLabel. A label this node can't apply is an error
 * (-ENOTSUP): an ignored one would be a hole (CVE-2025-65105). */
int lsm_build(struct plan *p, const struct oci_process *o, const struct host *h, struct err *e);
