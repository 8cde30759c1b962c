/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"

/*
 * The host's files for ed->library, and what they need in turn, chosen so that they run beside the
 * image's own C library: each version of a symbol that one needs has to be offered by what the
 * image has (or by another of them). What can't be had, or does not fit, is left out with a note;
 * the C library itself is never exchanged. Nothing is executed.
 *
 * Adds to ed->mount: libraries to `folder` (absolute, in the container, of the runtime's making),
 * programs to the host's own place; and sets ed->cache, the image's loader cache with the libraries
 * in it. Reads below h->root and image (O_PATH descriptor of the rootfs) only; what both say is
 * bounded and checked.
 */
void graft_libraries(const struct host *h, int image, const char *folder, struct arena *a,
		     struct graft_edits *ed);
