/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define FOLDER_GONE ".gone-"
#define FOLDER_DEPTH 8 /* the store itself never has more than two */

static void folder_dir_done(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}
#define autodir __attribute__((cleanup(folder_dir_done))) DIR *

/* A stream of its own, at the beginning whatever dir's position is. */
static DIR *folder_stream(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	DIR *d = fdopendir(fd);
	if (d == NULL)
		(void)close(fd);
	return d;
}

static const struct dirent *folder_next(DIR *d)
{
	const struct dirent *de;

	do
		de = readdir(d);
	while (de != NULL && (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0));
	return de;
}

int folder_names(int dir, struct arena *a, struct folder_names *out)
{
	autodir d = folder_stream(dir);

	if (d == NULL)
		return -errno;
	for (const struct dirent *de; (de = folder_next(d)) != NULL;)
		if (de->d_type == DT_DIR || de->d_type == DT_UNKNOWN)
			*ARENA_PUSH(a, out) = arena_strdup(a, de->d_name);
	return 0;
}

int folder_holds_only(int dir, const char *prefix)
{
	autodir d = folder_stream(dir);

	if (d == NULL)
		return -errno;
	for (const struct dirent *de; (de = folder_next(d)) != NULL;)
		if (strncmp(de->d_name, prefix, strlen(prefix)) != 0)
			return 0;
	return 1;
}

int folder_rename_away(int parent, const char *name, int dir, char gone[static 64])
{
	struct stat open_one, named;

	if (fstat(dir, &open_one) < 0)
		return -errno;
	if (fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (open_one.st_ino != named.st_ino || open_one.st_dev != named.st_dev)
		return -ENOENT;
	(void)snprintf(gone, 64, FOLDER_GONE "%llx-%d", (unsigned long long)named.st_ino,
		       (int)getpid());
	return renameat(parent, name, parent, gone) < 0 ? -errno : 0;
}

static int folder_empty(int dir, dev_t dev, int depth)
{
	autodir d = folder_stream(dir);

	if (d == NULL)
		return -errno;
	for (const struct dirent *de; (de = folder_next(d)) != NULL;) {
		if (unlinkat(dir, de->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return -errno;
		autoclose int sub =
			openat(dir, de->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;
		if (sub < 0 || fstat(sub, &st) < 0)
			return -errno;
		if (st.st_dev != dev || depth == 0)
			return -EBUSY;
		int r = folder_empty(sub, dev, depth - 1);
		if (r < 0)
			return r;
		if (unlinkat(dir, de->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int folder_remove(int parent, const char *name, int dir)
{
	struct stat st;

	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	if (fstat(dir, &st) < 0)
		return -errno;
	int r = folder_empty(dir, st.st_dev, FOLDER_DEPTH);
	if (r < 0)
		return r;
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

void folder_sweep(int parent)
{
	autoarena struct arena a = {0};
	struct folder_names names = {0};

	if (folder_names(parent, &a, &names) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		if (strncmp(names.v[i], FOLDER_GONE, strlen(FOLDER_GONE)) != 0)
			continue;
		autoclose int dir =
			openat(parent, names.v[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		/* locked: its deletion is still going on */
		if (dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) == 0)
			(void)folder_remove(parent, names.v[i], dir);
	}
}
