/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "apply/seccomp.h"

/* Stores the slot's program in the cache (a descriptor of its folder, or FD_NONE) under the
 * profile's digest, with the number of names that were unknown. Best effort: a cache is never
 * required. Keeps the newest 64 programs. */
void seccomp_cache_store(const struct plan *p, int cache, const struct seccomp_slot *slot,
			 size_t n_unknown);

/* The annotation that makes names unknown to libseccomp an error. */
bool seccomp_is_strict(const struct plan *p);

/* One line for all of them; none for 0. */
void seccomp_warn_unknown(size_t n);
