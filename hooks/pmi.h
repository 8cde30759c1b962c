/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"

/*
 * What a launcher (srun, mpiexec) has told the runtime that it started: ed->pmi asks for it. Adds
 * the variables of the job to ed->env, the folders of its PMIx server and the socket of munge to
 * ed->mount, and to ed->pmi_fd the socket that PMI-1 and PMI-2 talk through, if the caller has left
 * it open. What is missing is a note.
 *
 * env: the runtime's own environment. user: whom the container's process is on the host: folders
 * of the job are mounted only if they are his or the runtime's, and nobody else could have put
 * something else in their place. -EPERM: they are not.
 */
int graft_pmi(const struct host *h, char *const *env, uid_t user, struct arena *a,
	      struct graft_edits *ed, struct err *e);
