/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * Copies what directory from (O_PATH) holds into directory to, which is empty and nobody else's
 * yet: regular files, directories, links, fifos and nodes, with mode, owner and times of
 * modification. Nothing is followed; depth and number are bounded, the size by the file system of
 * to. World: init, host tree visible.
 */
int mount_copyup(int from, int to, struct err *e);
