/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/target.h"

#include <string.h>

#include "apply/container.h"

int target_open(struct target *t, const struct cmd_global *g, const char *id, enum store_lock lock,
		struct err *e)
{
	int r = store_open(&t->store, g->root, STORE_EXISTING, g->arena, e);

	if (r == 0)
		r = store_get(&t->store, id, lock, &t->entry, e);
	if (r == 0)
		r = store_read(&t->entry, g->arena, &t->record, e);
	if (r < 0)
		return r;
	t->status = status_of(&t->entry, t->record);
	/* after a reboot a cgroup of that name is somebody else's */
	if (t->record->boot_id == NULL || strcmp(t->record->boot_id, status_boot_id()) != 0)
		return 0;
	container_cgroup(&t->cgroup, t->record, g->arena);
	container_rdt(&t->rdt, t->record);
	return cgroup_reopen(&t->cgroup, CGROUP_OPEN_DIRS, e);
}

void target_done(struct target *t)
{
	cgroup_close(&t->cgroup);
	rdt_close(&t->rdt);
	store_entry_done(&t->entry);
	store_done(&t->store);
}
