/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/graft.h"

/* The record of a plan whose graft is not NULL, without the files' sizes and digests. What it
 * points to is the plan's. */
struct graft_doc *graft_doc_build(const struct graft_record_input *in, struct arena *a);
