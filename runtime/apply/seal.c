/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/seal.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "apply/seal_early.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/num.h"
#include "sys/sys.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10 /* 6.3 */
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20 /* 6.3 */
#endif

#define SEAL_EXE "/proc/self/exe"

#define SEAL_NEEDED (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int seal_mount = FD_NONE;

void seal_release(void)
{
	if (seal_mount >= 0)
		(void)close(seal_mount);
	seal_mount = FD_NONE;
}

static void seal_hold(const char *number)
{
	uint64_t fd;

	if (num_u64(number, INT_MAX, &fd) < 0 || fd <= STDERR_FILENO)
		return;
	if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
		seal_mount = (int)fd;
}

/* Takes the mark out of the environment: programs in the container and hooks must not see it. */
static bool seal_take_mark(char *const envp[])
{
	char **p = (char **)envp;

	while (*p != NULL && strncmp(*p, SEAL_MARK, sizeof(SEAL_MARK) - 1) != 0)
		p++;
	if (*p == NULL)
		return false;
	seal_hold(*p + sizeof(SEAL_MARK) - 1);
	for (; *p != NULL; p++)
		p[0] = p[1];
	return true;
}

/* A read-only bind tells itself by the same statfs flag as a read-only superblock, and can be
 * undone by the host's or a container's root; so only file systems count that have no way to be
 * written. */
static bool seal_fs_is_sealed(const struct statfs *fs)
{
	switch (fs->f_type) {
	case SQUASHFS_MAGIC:
	case EROFS_SUPER_MAGIC_V1:
	case CRAMFS_MAGIC:
	case ISOFS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

/*
 * 1: nobody can write to this program's file, 0: it has to be sealed, or -errno. A marked image is
 * a private overlay: its superblock is read-only, for which (other than for a read-only mount)
 * opening to write fails with EROFS before the kernel finds that the file is being executed
 * (ETXTBSY).
 */
static int seal_is_sealed(bool marked, struct err *e)
{
	struct statfs fs;

	if (statfs(SEAL_EXE, &fs) < 0)
		return err_sys(e, errno, SEAL_EXE);
	if (seal_fs_is_sealed(&fs))
		return 1;
	if (marked && fs.f_type == OVERLAYFS_SUPER_MAGIC) {
		autoclose int fd = open(SEAL_EXE, O_WRONLY | O_CLOEXEC);
		if (fd < 0 && errno == EROFS)
			return 1;
	}
	if (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC)
		return 0;
	autoclose int fd = open(SEAL_EXE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, SEAL_EXE);
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & SEAL_NEEDED) == SEAL_NEEDED;
}

static int seal_memfd_new(void)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("greffon", flags | MFD_EXEC);

	if (fd < 0 && errno == EINVAL) /* before 6.3 every memfd could be executed */
		fd = memfd_create("greffon", flags);
	return fd < 0 ? -errno : fd;
}

/* A copy in memory. It costs a copy of the file, but no mount. */
static int seal_memfd(struct err *e)
{
	autoclose int exe = open(SEAL_EXE, O_RDONLY | O_CLOEXEC);
	autoclose int copy = FD_NONE;
	ssize_t n;

	if (exe < 0)
		return err_sys(e, errno, SEAL_EXE);
	copy = seal_memfd_new();
	if (copy < 0)
		return err_sys(e, -copy, "memfd_create");
	do
		n = sendfile(copy, exe, NULL, INT_MAX & ~4095);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		return err_sys(e, errno, "copying " SEAL_EXE);
	if (fcntl(copy, F_ADD_SEALS, SEAL_NEEDED | F_SEAL_EXEC) < 0 &&
	    fcntl(copy, F_ADD_SEALS, SEAL_NEEDED) < 0)
		return err_sys(e, errno, "sealing the copy of " SEAL_EXE);
	return fd_take(&copy);
}

/*
 * The folder of the program as the lower layer of an overlay that has no upper one and is attached
 * nowhere. Two layers are the least that overlayfs takes without an upper one; the second is never
 * looked into.
 */
static int seal_overlay(struct err *e)
{
	char path[PATH_MAX], lower[256];
	ssize_t n = readlink(SEAL_EXE, path, sizeof(path) - 1);

	if (n <= 0)
		return err_sys(e, n < 0 ? errno : ENOENT, SEAL_EXE);
	path[n] = '\0';
	char *name = strrchr(path, '/');
	if (name == NULL || name == path || strpbrk(path, ":,\\") != NULL)
		return err_set(e, EINVAL, "'%.200s' can't be named as a lower folder", path);
	*name++ = '\0';
	int len = snprintf(lower, sizeof(lower), "%s:/sys", path);
	if (len < 0 || (size_t)len >= sizeof(lower)) /* fsconfig takes 255 bytes */
		return err_set(e, ENAMETOOLONG, "'%.100s...' is too long for a lower folder", path);

	autoclose int fs = sys_fsopen("overlay");
	if (fs < 0)
		return err_sys(e, -fs, "fsopen overlay");
	int r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", lower, 0);
	if (r == 0)
		r = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	autoclose int mount = r == 0 ? sys_fsmount(fs, MOUNT_ATTR_NODEV) : r;
	if (mount < 0)
		return err_sys(e, -mount, "overlay of '%s'", path);
	int fd = openat(mount, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, errno, "'%s' in the overlay", name) : fd;
}

static int seal_execute(int image, char *const argv[], char *const envp[], struct err *e)
{
	size_t n = 0;

	while (envp[n] != NULL)
		n++;
	autofree char **env = calloc(n + 2, sizeof(*env));
	if (env == NULL)
		return err_sys(e, ENOMEM, "environment");
	env[0] = (char *)SEAL_MARK "0";
	memcpy(env + 1, envp, n * sizeof(*env));
	int r = sys_execveat(image, "", argv, env, AT_EMPTY_PATH);
	return err_sys(e, -r, "executing the sealed image");
}

int seal_self(char *const argv[], char *const envp[], struct err *e)
{
	/* The quicker first: 0.6 ms, most of it the second execve, against 1.0 ms for a copy of 1.6
	 * MB. */
	static int (*const strategies[])(struct err *) = {seal_overlay, seal_memfd};
	bool marked = seal_take_mark(envp);
	int r = seal_is_sealed(marked, e);

	if (r != 0)
		return r < 0 ? r : 0;
	if (marked)
		return err_set(e, EPERM,
			       "GREFFON_SEALED is set, but this program's file can be written to");
	for (size_t i = 0; i < ARRAY_LEN(strategies); i++) {
		struct err why = {0};
		autoclose int image = strategies[i](&why);

		if (image >= 0)
			(void)seal_execute(image, argv, envp, &why);
		r = i == 0 ? err_take(e, &why) : err_at(e, "%s", why.text);
	}
	return err_at(e, "the program can't be protected from the container (CVE-2019-5736)");
}
