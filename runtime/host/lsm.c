/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/lsm.h"

#include <string.h>

#include "base/io.h"

#define LSM_PROFILES_MAX ((size_t)16 << 20)

/* The module's own answer: "Y" or "N". */
bool lsm_has_apparmor(const struct host *h)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;

	return io_read_file(h->root, "sys/module/apparmor/parameters/enabled", 64, &a, &text,
			    NULL) == 0 &&
	       text[0] == 'Y';
}

/* A kernel registers selinuxfs only when it runs with SELinux; whether it is mounted is another
 * matter. */
bool lsm_has_selinux(const struct host *h)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;

	return io_read_file(h->root, "proc/filesystems", 65536, &a, &text, NULL) == 0 &&
	       strstr(text, "\tselinuxfs\n") != NULL;
}

/* Lines are "name (enforce)"; a name may have blanks and parentheses of its own. */
enum lsm_loaded lsm_apparmor_loaded(const struct host *h, const char *profile)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;

	if (profile[0] == ':' || strstr(profile, "//&") != NULL ||
	    io_read_file(h->root, "sys/kernel/security/apparmor/profiles", LSM_PROFILES_MAX, &a,
			 &text, NULL) < 0)
		return LSM_UNKNOWN;
	for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n")) {
		char *mode = strrchr(line, '(');

		if (mode == NULL || mode == line || mode[-1] != ' ')
			continue;
		mode[-1] = '\0';
		if (strcmp(line, profile) == 0)
			return LSM_LOADED;
	}
	return LSM_NOT_LOADED;
}
