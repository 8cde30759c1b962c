/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/mount_fresh.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

bool mount_is_type(const struct plan_mount *m, const char *type)
{
	return m->verb == MOUNT_FS && strcmp(m->fstype, type) == 0;
}

bool mount_wants_real_directory(const struct plan_mount *m)
{
	return mount_is_type(m, "proc") || mount_is_type(m, "sysfs");
}

void mount_fresh_done(struct mount_fresh *f)
{
	fd_done(&f->fd);
	fd_done(&f->made);
	fd_done(&f->sys);
	fd_done(&f->made_sys);
}

/* m's plain name right below the fresh tmpfs, or NULL. */
static const char *fresh_name(const struct plan_mount *m, const struct mount_fresh *f)
{
	size_t n = f->target != NULL ? strlen(f->target) : 0;

	if (n == 0 || strncmp(m->target, f->target, n) != 0 || m->target[n] != '/')
		return NULL;
	const char *name = m->target + n + 1;
	return name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL ? NULL : name;
}

int mount_fresh_target(const struct plan_mount *m, const struct mount_fresh *f,
		       struct mount_direct *direct, bool *done)
{
	const char *name = fresh_name(m, f);

	*done = false;
	if (name == NULL || m->target_nofollow || mount_wants_real_directory(m) || m->remount ||
	    m->copy_up || mkdirat(f->fd, name, 0755) < 0)
		return FD_NONE;
	*done = mount_direct_fs(direct, m, f->fd, name);
	return *done ? FD_NONE : openat(f->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void mount_fresh_keep(struct mount_fresh *f, const struct plan_mount *m, int *fd)
{
	if (!m->ro_late && mount_is_type(m, "tmpfs"))
		f->made = fd_take(fd);
	if (mount_is_type(m, "sysfs") && strcmp(m->target, "/sys") == 0)
		f->made_sys = fd_take(fd);
}

/* "/proc" and "/sys" are no links, so what goes there covers nothing else. */
static bool fresh_is_beside(const struct plan_mount *m, const struct mount_fresh *f)
{
	return mount_wants_real_directory(m) && m->target[1] != '\0' &&
	       strchr(m->target + 1, '/') == NULL &&
	       (f->target == NULL || strcmp(m->target, f->target) != 0);
}

void mount_fresh_next(struct mount_fresh *f, const struct plan_mount *m)
{
	bool below = m->verb == MOUNT_FS && fresh_name(m, f) != NULL;
	bool apart = !m->remount && (below || f->aside || fresh_is_beside(m, f));
	int made = fd_take(&f->made), sys = fd_take(&f->made_sys);

	f->aside = false;
	if (!apart) {
		mount_fresh_done(f);
		f->target = made >= 0 ? m->target : NULL;
		f->fd = fd_take(&made);
	}
	fd_done(&made);
	if (strcmp(m->target, "/sys") == 0) {
		fd_done(&f->sys);
		f->sys = fd_take(&sys);
	}
	fd_done(&sys);
}
