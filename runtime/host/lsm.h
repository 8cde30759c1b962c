/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "host/host.h"

/* Whether the kernel runs with AppArmor, with SELinux. */
bool lsm_has_apparmor(const struct host *h);
bool lsm_has_selinux(const struct host *h);

enum lsm_loaded { LSM_NOT_LOADED, LSM_LOADED, LSM_UNKNOWN };

/* Whether the kernel has an AppArmor profile of that name. Only root may read the list, and stacks
 * ("a//&b") and profiles of other policy namespaces (":ns:a") are not in it: unknown. */
enum lsm_loaded lsm_apparmor_loaded(const struct host *h, const char *profile);
