/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/* The caller waits for readiness and the container has none wired up by its engine: what is mounted
 * at PLAN_NOTIFY_DIR then is the engine's. */
bool ready_is_wanted(const struct plan *p, const struct plan_input *in);
