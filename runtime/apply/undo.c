/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/undo.h"
#include "apply/hook.h"
#include "base/log.h"

void undo_all(const struct undo *u)
{
	const struct hook_state st = {.status = "stopped"};
	struct err why = {0};

	systemd_done(&u->cgroup->unit.bus); /* it is in the unit that is to be stopped */
	if (cgroup_destroy(u->cgroup, &why) < 0)
		log_warn("removing the cgroup: %s", why.text);
	if (u->rdt != NULL && rdt_remove(u->rdt, &why) < 0)
		log_warn("%s", why.text);
	if (u->entry != NULL && store_remove(u->entry, &why) < 0)
		log_warn("removing the state: %s", why.text);
	if (u->hooks)
		(void)hook_run(u->p, HOOK_POSTSTOP, &st, HOOK_FAIL_WARNS, &why);
}
