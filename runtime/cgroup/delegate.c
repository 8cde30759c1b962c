/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/delegate.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

int delegate_cgroup(const struct cgroup_dir *d, uid_t uid, struct arena *a, struct err *e)
{
	char *files;

	if (io_read_file(AT_FDCWD, "/sys/kernel/cgroup/delegate", 4096, a, &files, NULL) < 0)
		files = arena_strdup(a, "cgroup.procs\ncgroup.threads\ncgroup.subtree_control");
	if (fchown(d->fd, uid, (gid_t)-1) < 0)
		return err_sys(e, errno, "giving the cgroup '%s' to the container's root", d->path);
	for (char *file = strsep(&files, "\n"); file != NULL; file = strsep(&files, "\n")) {
		/* of a controller that is not enabled here */
		if (*file == '\0' ||
		    fchownat(d->fd, file, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) == 0 ||
		    errno == ENOENT)
			continue;
		return err_sys(e, errno, "giving '%s/%s' to the container's root", d->path, file);
	}
	return 0;
}
