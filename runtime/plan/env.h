/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

struct oci_process;

/* process.env into plan_process.env, n_env and home_missing: the last of several entries of one
 * name wins, at the place of the first; LISTEN_FDS and its like are set when the caller has
 * descriptors to listen on, NOTIFY_SOCKET with its folder.
 * -EINVAL names the entry. Linear in the number of entries: an image may bring 200,000. */
int env_build(struct plan *p, const struct oci_process *o, const struct plan_options *options,
	      const char *notify_folder, struct err *e);
