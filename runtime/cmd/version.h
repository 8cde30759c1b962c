/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/arena.h"

/* The version text on standard output: dockerd looks for the "commit:" line, others for "+NAME"
 * tags. 0 or -errno. */
int version_print(struct arena *a);

/* The commit the program was built from; "unknown" when it was not built in a git checkout. */
const char *version_commit(void);
