/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/hardening.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"
#include "sys/sys.h"

/* Paths of an image are resolved by the kernel, below the root (else component by component). */
static bool hardening_openat2(void)
{
	autoclose int fd = sys_openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
				       RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	return fd >= 0;
}

/* Every descriptor is closed before the program starts. */
static bool hardening_close_range(void)
{
	return sys_close_range(~0u, ~0u, 0) == 0;
}

/* Processes are named by descriptors, which are never reused. */
static bool hardening_pidfd(void)
{
	autoclose int fd = sys_pidfd_open(getpid(), 0);

	return fd >= 0;
}

/* Mounts get their flags before anybody can reach them. Without the right to mount, EPERM shows
 * that the call is there. */
static bool hardening_mount_setattr(void)
{
	struct mount_attr none = {0};

	return sys_mount_setattr(FD_NONE, "", AT_EMPTY_PATH, &none) != -ENOSYS;
}

/* A procfs of the runtime's own, which nothing is mounted over. Without the right to mount, EPERM
 * shows that the call is there. */
static bool hardening_fsopen(void)
{
	autoclose int fd = sys_fsopen("proc");

	return fd >= 0 || fd == -EPERM;
}

/* The image that enters a container can't be written to (CVE-2019-5736). */
static bool hardening_sealed_exe(void)
{
	autoclose int fd = memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0;
}

static const struct {
	const char *name, *call;
	bool (*has)(void);
} hardening_all[] = {
	{"closeRange", "close_range (Linux 5.9)", hardening_close_range},
	{"fsopenProc", "fsopen (5.2)", hardening_fsopen},
	{"mountSetattr", "mount_setattr (5.12)", hardening_mount_setattr},
	{"openat2", "openat2 (5.6)", hardening_openat2},
	{"pidfd", "pidfd_open (5.3)", hardening_pidfd},
	{"sealedExe", "memfd_create with seals (3.17)", hardening_sealed_exe},
};

void hardening_write(struct json *j, struct arena *a)
{
	for (size_t i = 0; i < ARRAY_LEN(hardening_all); i++)
		json_string(j,
			    arena_printf(a, "org.greffon.host.hardening.%s", hardening_all[i].name),
			    hardening_all[i].has() ? "true" : "false");
}

const char *hardening_missing(struct arena *a)
{
	const char *list = NULL;

	for (size_t i = 0; i < ARRAY_LEN(hardening_all); i++)
		if (!hardening_all[i].has())
			list = list == NULL
				       ? hardening_all[i].call
				       : arena_printf(a, "%s, %s", list, hardening_all[i].call);
	return list;
}

int hardening_check(struct err *e)
{
	char missing[400] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(hardening_all); i++)
		if (!hardening_all[i].has())
			n += (size_t)snprintf(missing + n, sizeof(missing) - n, "%s%s",
					      n > 0 ? ", " : "", hardening_all[i].call);
	return n == 0 ? 0
		      : err_set(e, ENOTSUP,
				"--strict: this kernel does not have, or a filter refuses: %s",
				missing);
}
