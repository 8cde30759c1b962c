/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/cgroup.h"

/* The directory of the hierarchy that has the setting's controller, or NULL. */
const struct cgroup_dir *settings_dir(const struct cgroup *c, const struct plan_setting *s);

/* Writes it to the first of its files that exists. 0 or -errno, -ENOENT: none does. */
int settings_write(const struct cgroup_dir *d, const struct plan_setting *s);

/* Walks over the files of a setting, "A|B" with the values "x|y". */
struct settings_choice {
	const struct plan_setting *s;
	const char *rest, *rest_value;
	char file[128], value[4096];
};
#define SETTINGS_CHOICE(setting)                                                                   \
	{                                                                                          \
		.s = (setting), .rest = (setting)->file, .rest_value = (setting)->value            \
	}
bool settings_next(struct settings_choice *c);
