/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/version.h"

#include "base/io.h"
#include "commit.h"

#ifdef HAVE_SYSTEMD
#define VERSION_SYSTEMD "+SYSTEMD"
#else
#define VERSION_SYSTEMD "-SYSTEMD"
#endif

const char *version_commit(void)
{
	return GREFFON_COMMIT;
}

int version_print(struct arena *a)
{
	const char *text = arena_printf(a,
					"%s version %s\n"
					"commit: %s\n"
					"spec: 1.3.0\n" VERSION_SYSTEMD
					" +SELINUX +APPARMOR +CAP +SECCOMP +EBPF +CRIU +YAJL\n",
					PACKAGE_NAME, PACKAGE_VERSION, version_commit());

	return io_write_all(STDOUT_FILENO, text, strlen(text));
}
