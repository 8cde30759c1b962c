/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "apply/birth.h"
#include "state/status.h"

/* World: the runtime, after birth_open(). What a process has to enter of a running container, whose
 * namespaces are types: out->pidfd is set by the caller, out->root is the caller's to close. */
int exec_target(struct birth *b, const struct record *rec, int types, struct join_exec *out,
		struct err *e);
