/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/cdi.h"
#include "plan/plan.h"

/*
 * CDI names that the config asks for, where the policy lets greffon resolve them: they are edits of
 * the config, as an engine would have made them, before the builders see it. So each of them is
 * checked and carried out like the config's own word, and only its origin tells it apart.
 */

/* in->config becomes the edited copy, where there is anything to edit. No request: no file is
 * opened. */
int plan_cdi_resolve(struct plan *p, struct plan_input *in, struct cdi_result *cdi, struct err *e);

/* An error about the edited config in terms of where the words came from. Returns -e->code. */
int plan_cdi_locate(const struct plan *p, const struct cdi_result *cdi, struct err *e);

/* After the builders: origins into the plan, and what exec and update have to repeat into
 * p->graft, which is recorded. */
void plan_cdi_finish(struct plan *p, const struct cdi_result *cdi);
