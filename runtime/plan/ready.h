/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/*
 * The folder in the container that gets the socket "notify": at the place of the caller's
 * NOTIFY_SOCKET, as crun has it, or PLAN_NOTIFY_DIR. NULL: the caller does not wait for readiness,
 * or the engine has wired it up itself, as what it mounts there tells.
 */
const char *ready_folder(const struct plan *p, const struct plan_input *in);
