/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/ready.h"

#include <linux/mount.h>
#include <string.h>

#include "libocispec/oci.h"

bool ready_is_wanted(const struct plan *p, const struct plan_input *in)
{
	size_t n = strlen(PLAN_NOTIFY_DIR);

	if (in->options->notify_dir == NULL || !plan_has_ns(p, CLONE_NEWNS))
		return false;
	for (size_t i = 0; i < in->config->n_mounts; i++) {
		const char *to = in->config->mounts[i].destination;
		if (to != NULL && strncmp(to, PLAN_NOTIFY_DIR, n) == 0 &&
		    (to[n] == '\0' || to[n] == '/'))
			return false;
	}
	return true;
}

int plan_ready_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	(void)e;
	if (!ready_is_wanted(p, in))
		return 0;
	struct plan_mount m = {
		.verb = MOUNT_BIND,
		.open_at = AT_HOST,
		.source = in->options->notify_dir,
		.target = PLAN_NOTIFY_DIR,
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			    MOUNT_ATTR_NOEXEC,
		.slot = (int16_t)(p->mounts.n + 1), /* 0 is the rootfs */
		.origin = "NOTIFY_SOCKET of the caller",
	};
	*ARENA_PUSH(p->arena, &p->mounts) = m;
	p->notify = true;
	return 0;
}
