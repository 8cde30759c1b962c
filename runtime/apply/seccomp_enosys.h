/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/filter.h>

#include "plan/plan.h"

/* Room that seccomp_enosys() needs for n architectures. */
#define SECCOMP_ENOSYS_MAX(n) (3 + 5 * (n))

/*
 * Writes to out the instructions that go before a filter whose default answers with an errno: they
 * answer ENOSYS to every system call newer than the profile, and otherwise run on into the filter.
 * glibc falls back to an older call on ENOSYS and gives up on anything else. "Newer": its number is
 * above all that the profile names for the architecture, and above those of Linux 5.0, so that a
 * short profile does not make old calls look absent. archs: SCMP_ARCH_* of the filter. Returns the
 * number of instructions.
 */
unsigned int seccomp_enosys(const struct oci_seccomp *s, const uint32_t *archs, size_t n_archs,
			    struct sock_filter *out);
