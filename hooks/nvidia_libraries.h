/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"

/* Appends the driver's libraries and programs that the capabilities (GRAFT_CAP_*) stand for. */
void nvidia_libraries(struct graft_edits *out, struct arena *a, unsigned int caps,
		      const char *driver);
