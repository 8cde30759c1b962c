/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "apply/seccomp.h"

/* Stores the slot's program in the cache (a descriptor of its folder, or FD_NONE) under the profile's digest. Best
 * effort: a cache is never required. Keeps the newest 64 programs. */
void seccomp_cache_store(const struct plan *p, int cache, const struct seccomp_slot *slot);
