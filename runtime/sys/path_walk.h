/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <limits.h>

/*
 * What openat2(root, path, flags, RESOLVE_IN_ROOT) does, for kernels before 5.6: one component
 * after the other, each opened O_PATH | O_NOFOLLOW below its parent's descriptor. ".." takes the
 * parent from a stack and is never given to the kernel, so that a directory moved meanwhile can't
 * lead out. fd or -errno. Magic links are read as text and so stay in the root.
 */
int path_walk(int root, const char *path, int flags);

/* Also what path leads to, as a path from root without links ("/" is root itself). fd (O_PATH) or
 * -errno. */
int path_walk_real(int root, const char *path, char out[static PATH_MAX]);
