/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/num.h"

/* cpu.shares (2 to 262144) as a cpu.weight (1 to 10000), by the quadratic formula all runtimes have
 * used since 2025: 2 -> 1, 1024 -> 100, 262144 -> 10000. 0 stays 0 (not set). */
uint64_t convert_cpu_shares(uint64_t shares);

/* blkio.weight (10 to 1000) as an io.weight (1 to 10000), linear. 0 stays 0. */
uint64_t convert_blkio_weight(uint64_t weight);

/* memory+swap limit of v1 as the swap limit of v2. -1: unlimited. *out is unset when nothing is to
 * be written. -EINVAL: swap without a memory limit, or below it. */
int convert_memory_swap(struct opt_i64 limit, struct opt_i64 swap, struct opt_i64 *out);
