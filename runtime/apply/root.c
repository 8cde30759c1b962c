/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "apply/mount.h"
#include "base/io.h"
#include "sys/sys.h"

/*
 * World: as root_enter(), the rootfs is the working directory. After pivot_root(".", ".") the old
 * root lies on top of the new one at "/", and unmounting "." takes the upper of the two
 * (pivot_root(2), Notes): no directory inside the rootfs is needed.
 */
static int root_pivot(const struct plan *p, struct err *e)
{
	bool shared = (p->mounts.root_propagation & MS_SHARED) != 0;
	autoclose int old = shared ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : FD_NONE;
	int r = sys_pivot_root(".", ".");

	if (r == -EINVAL)
		return err_set(e, EINVAL,
			       "pivot_root: refused; the old root is perhaps the initial ramdisk, "
			       "which can "
			       "only be left with --no-pivot");
	if (r < 0)
		return err_sys(e, -r, "pivot_root");
	/* Were the old tree shared still, its unmounting would reach the host. */
	if (shared && (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0))
		return err_sys(e, errno, "making the old root a slave");
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(e, errno, "unmounting the old root");
	return chdir("/") < 0 ? err_sys(e, errno, "chdir to the new root") : 0;
}

/* The fifth field of a line of mountinfo, with the octal escapes of the kernel resolved in place.
 */
static char *root_mount_point(char *line)
{
	char *field = strsep(&line, " ");

	for (int i = 0; field != NULL && i < 4; i++)
		field = strsep(&line, " ");
	if (field == NULL)
		return NULL;
	char *out = field;
	for (char *in = field; *in != '\0'; out++) {
		bool octal = in[0] == '\\' && in[1] != '\0' && in[2] != '\0' && in[3] != '\0';
		*out = octal ? (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + in[3] - '0') : *in;
		in += octal ? 4 : 1;
	}
	*out = '\0';
	return field;
}

/*
 * Without pivot_root the host's tree stays below the container's in the same namespace. Its proc
 * and sys mounts are taken away: a process that may mount could otherwise have unmasked ones, since
 * the kernel takes a visible one as proof of the right to it. What can't be unmounted is covered.
 */
static int root_drop_proc(const struct plan *p, struct err *e)
{
	__attribute__((cleanup(arena_done))) struct arena a = {0};
	char *text, *line;
	size_t n = strlen(p->rootfs);
	int r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &a, &text, NULL);

	if (r < 0)
		return err_sys(e, -r, "/proc/self/mountinfo");
	while ((line = strsep(&text, "\n")) != NULL) {
		const char *type = strstr(line, " - ");

		if (type == NULL ||
		    (strncmp(type, " - proc ", 8) != 0 && strncmp(type, " - sysfs ", 9) != 0))
			continue;
		const char *at = root_mount_point(line);
		if (at == NULL ||
		    (strncmp(at, p->rootfs, n) == 0 && (at[n] == '/' || at[n] == '\0')))
			continue;
		if (umount2(at, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT &&
		    mount("tmpfs", at, "tmpfs", 0, "size=0,nr_inodes=2") < 0)
			return err_sys(e, errno, "unmounting the host's '%s'", at);
	}
	return 0;
}

static int root_move(const struct plan *p, int root, struct err *e)
{
	int r = root_drop_proc(p, e);

	if (r < 0)
		return r;
	r = sys_move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
	if (r == -ENOSYS)
		r = mount(".", "/", NULL, MS_MOVE, NULL) < 0 ? -errno : 0;
	if (r < 0)
		return err_sys(e, -r, "moving '%s' to '/'", p->rootfs);
	if (chroot(".") < 0 || chdir("/") < 0)
		return err_sys(e, errno, "chroot to '%s'", p->rootfs);
	return 0;
}

int root_enter(const struct plan *p, int root, struct err *e)
{
	int r;

	if (fchdir(root) < 0)
		return err_sys(e, errno, "chdir to '%s'", p->rootfs);
	if (!plan_has_ns(p, CLONE_NEWNS)) {
		if (chroot(".") < 0 || chdir("/") < 0)
			return err_sys(e, errno, "chroot to '%s'", p->rootfs);
		return 0;
	}
	r = p->mounts.no_pivot ? root_move(p, root, e) : root_pivot(p, e);
	if (r < 0 || p->mounts.final_propagation == 0)
		return r;
	if (mount(NULL, "/", NULL, p->mounts.final_propagation, NULL) < 0)
		return err_sys(e, errno, "linux.rootfsPropagation: setting it on '/'");
	return 0;
}
