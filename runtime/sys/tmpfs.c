/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>

#include "base/cleanup.h"
#include "sys/sys.h"
#include "sys/tmpfs.h"

int tmpfs_make(const struct tmpfs *t)
{
	const struct {
		const char *key, *value;
	} option[] = {
		{"source", t->source},
		{"mode", "755"},
		{"size", t->size},
		{"nr_inodes", t->inodes},
	};
	autoclose int fs = sys_fsopen("tmpfs");
	int r = fs;

	for (size_t i = 0; r >= 0 && i < sizeof(option) / sizeof(option[0]); i++)
		if (option[i].value != NULL)
			r = sys_fsconfig(fs, FSCONFIG_SET_STRING, option[i].key, option[i].value,
					 0);
	if (r >= 0)
		r = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	return r < 0 ? r : sys_fsmount(fs, t->attr);
}
