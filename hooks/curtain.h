/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/select.h"

/*
 * The curtain: what of a node's other devices a container sees in files of /proc and /sys, which
 * are the same in every container. It keeps programs from counting, and from trying to use, what
 * the device rules refuse; it is no lock, since a container with CAP_SYS_ADMIN may take a mount
 * away. A veil is a small file system of its own over such a folder, with the shown entries bound
 * through (links made again), so that not even the names of the others are there.
 */

/* Pure: adds the veils that domain d's granted devices need to out->veil; a note where the node has
 * no such folder and the curtain was asked for. */
void curtain_edit(const struct graft_inventory *inv, enum graft_domain d,
		  const struct select_set *set, const char *source, bool asked, struct arena *a,
		  struct graft_edits *out);

/*
 * World: a process that may mount in the container's mount namespace; root: O_PATH descriptor of
 * its rootfs, where /proc and /sys are mounted already. A folder that is not there (no driver, no
 * /sys) has nothing to hide, nor has one that is hidden already. 0 or -errno; -ENOSYS names the
 * kernel that is needed.
 */
int curtain_draw(const struct graft_veil *v, int root, struct err *e);
