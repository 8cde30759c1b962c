/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/io.h"
#include "state/store.h"
#include "sys/sys.h"

#define ROOT_OPEN (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* The initial user namespace maps everything onto itself. *outside: root's id outside. */
static bool root_in_userns(struct arena *a, uid_t *outside)
{
	char *map;
	unsigned int inside, count;

	if (io_read_file(AT_FDCWD, "/proc/self/uid_map", 64 * 1024, a, &map, NULL) < 0)
		return false;
	return sscanf(map, "%u %u %u", &inside, outside, &count) != 3 || inside != 0 ||
	       *outside != 0 || count != UINT32_MAX;
}

static int root_default(const char **out, struct arena *a, struct err *e)
{
	const char *user = getenv("XDG_RUNTIME_DIR");
	uid_t uid = geteuid();
	bool have = user != NULL && user[0] == '/';
	struct stat st;

	if (uid == 0 && !root_in_userns(a, &uid)) {
		*out = "/run/greffon";
		return 0;
	}
	/* A batch job or su leaves it out of the environment where logind has made it all the same.
	 * Nothing else belongs to this user alone; a shared temporary directory never will do. */
	if (!have) {
		user = arena_printf(a, "/run/user/%u", uid);
		have = stat(user, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0;
	}
	if (!have && geteuid() == 0) {
		*out = "/run/greffon";
		return 0;
	}
	if (!have)
		return err_set(e, EINVAL,
			       "XDG_RUNTIME_DIR is not set, and '%s' is no folder of user %u's "
			       "alone: set it, or give a folder with --root",
			       user, uid);
	*out = arena_printf(a, "%s/greffon", user);
	return 0;
}

/* Whoever may rename a parent can put another root in its place. */
static int root_check_parents(const char *path, struct arena *a, struct err *e)
{
	char *parent = arena_strdup(a, path);

	for (char *slash = strrchr(parent, '/'); slash != NULL; slash = strrchr(parent, '/')) {
		struct stat st;
		const char *name = slash == parent ? "/" : parent;

		*slash = '\0';
		if (stat(name, &st) < 0)
			return err_sys(e, errno, "--root '%s': its parent '%s'", path, name);
		if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
			return err_set(
				e, EPERM,
				"--root '%s': everyone may write to its parent '%s'; chmod o-w it",
				path, name);
		if (name != parent)
			break;
	}
	return 0;
}

/* What a user's folder says may be wrong on purpose, so that root acts in it as that user: a
 * workload manager asks and cleans up as root (Slurm's slurmstepd, epilogs) after containers of its
 * users. */
static int root_become_owner(const struct stat *st, const char *path, struct err *e)
{
	int r = sys_setgroups(0, NULL);

	if (r == 0)
		r = sys_setresgid(st->st_gid);
	if (r == 0)
		r = sys_setresuid(st->st_uid);
	return r == 0 ? 0
		      : err_sys(e, -r, "--root '%s': becoming its owner, user %u", path,
				st->st_uid);
}

static int root_check(int fd, const char *path, enum store_open how, struct arena *a, struct err *e)
{
	struct stat st;
	uid_t uid = geteuid();

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "--root '%s'", path);
	if (uid == 0 && st.st_uid != 0 && how == STORE_EXISTING) {
		int r = root_become_owner(&st, path, e);
		if (r < 0)
			return r;
		uid = st.st_uid;
	}
	if (st.st_uid != uid)
		return err_set(e, EPERM,
			       "--root '%s': belongs to user %u, not to user %u who calls", path,
			       st.st_uid, uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, EPERM,
			       "--root '%s': others may write to it (mode %04o); chmod go-w it",
			       path, st.st_mode & 07777);
	return root_check_parents(path, a, e);
}

/* Makes the missing folders, 0700; mostly it is the last. Somebody else may do the same at the same
 * time. */
static int root_make(const char *path, struct arena *a, struct err *e)
{
	char *part = arena_strdup(a, path);

	if (mkdir(path, 0700) == 0)
		return 0;
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return err_sys(e, errno, "--root '%s': making '%s'", path, part);
		*slash = '/';
	}
	if (mkdir(part, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "--root '%s'", path);
	return 0;
}

/* Absolute and without slashes at the end, which would make O_NOFOLLOW follow. */
static int root_absolute(const char *path, struct arena *a, const char **out, struct err *e)
{
	char *full;
	autofree char *cwd = NULL;

	if (path[0] == '\0')
		return err_set(e, EINVAL, "--root: must not be empty");
	if (path[0] == '/') {
		full = arena_strdup(a, path);
	} else {
		cwd = getcwd(NULL, 0);
		if (cwd == NULL || cwd[0] != '/')
			return err_set(
				e, ENOENT,
				"--root '%s': is relative to a working directory that is gone",
				path);
		full = arena_printf(a, "%s/%s", cwd, path);
	}
	for (size_t n = strlen(full); n > 1 && full[n - 1] == '/'; n--)
		full[n - 1] = '\0';
	*out = full;
	return 0;
}

int store_open(struct store *s, const char *path, enum store_open how, struct arena *a,
	       struct err *e)
{
	const char *full = NULL;
	int r = path == NULL ? root_default(&path, a, e) : 0;

	if (r == 0)
		r = root_absolute(path, a, &full, e);
	if (r < 0)
		return r;
	autoclose int fd = open(full, ROOT_OPEN);
	if (fd < 0 && errno == ENOENT && how == STORE_CREATE) {
		r = root_make(full, a, e);
		if (r < 0)
			return r;
		fd = open(full, ROOT_OPEN);
	}
	if (fd < 0 && !(errno == ENOENT && how == STORE_EXISTING))
		return err_sys(e, errno, "--root '%s'", full);
	r = fd >= 0 ? root_check(fd, full, how, a, e) : 0;
	if (r < 0)
		return r;
	*s = (struct store){.root = fd >= 0 ? fd_take(&fd) : FD_NONE, .root_path = full};
	return 0;
}

void store_done(struct store *s)
{
	fd_done(&s->root);
}
