/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/ready.h"

#include <linux/mount.h>
#include <string.h>
#include <sys/un.h>

#include "libocispec/oci.h"

/* What systemd calls its own, the system's as well as a user's. */
#define READY_SYSTEMD "/systemd/notify"

static bool ready_is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool ready_ends_with(const char *path, const char *end)
{
	size_t n = strlen(path), n_end = strlen(end);

	return n >= n_end && strcmp(path + n - n_end, end) == 0;
}

/* Programs reach the socket by its path alone, for which an address has 107 bytes. */
static bool ready_fits(const char *folder)
{
	return strlen(folder) + strlen("/notify") < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

const char *ready_folder(const struct plan *p, const struct plan_input *in)
{
	const char *caller = in->options->notify_socket;

	if (in->options->notify_dir == NULL || !plan_has_ns(p, CLONE_NEWNS))
		return NULL;
	if (caller == NULL || caller[0] != '/' || ready_ends_with(caller, READY_SYSTEMD) ||
	    !ready_fits(caller))
		caller = PLAN_NOTIFY_DIR;
	for (size_t i = 0; i < in->config->n_mounts; i++) {
		const char *to = in->config->mounts[i].destination;
		if (to != NULL &&
		    (ready_is_below(to, caller) || ready_is_below(to, PLAN_NOTIFY_DIR)))
			return NULL;
	}
	return caller;
}

int plan_ready_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const char *folder = ready_folder(p, in);

	(void)e;
	if (folder == NULL)
		return 0;
	struct plan_mount m = {
		.verb = MOUNT_BIND,
		.open_at = AT_HOST,
		.source = in->options->notify_dir,
		.target = folder,
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			    MOUNT_ATTR_NOEXEC,
		.slot = (int16_t)(p->mounts.n + 1), /* 0 is the rootfs */
		.origin = "NOTIFY_SOCKET of the caller",
	};
	*ARENA_PUSH(p->arena, &p->mounts) = m;
	p->notify = true;
	return 0;
}
