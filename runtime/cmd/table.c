/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cmd.h"

#include <string.h>

const struct cmd *const cmd_table[] = {
	&cmd_create, &cmd_start, &cmd_run,	&cmd_exec,  &cmd_state,	 &cmd_kill,
	&cmd_delete, &cmd_list,	 &cmd_ps,	&cmd_pause, &cmd_resume, &cmd_update,
	&cmd_events, &cmd_spec,	 &cmd_features, &cmd_plan,  &cmd_graft,	 NULL,
};

int cmd_manager(const struct cmd_global *g, enum plan_cgroup_manager *out, struct err *e)
{
	static const struct {
		const char *name;
		enum plan_cgroup_manager manager;
	} managers[] = {{"cgroupfs", CGROUP_FS},
			{"systemd", CGROUP_SYSTEMD},
			{"disabled", CGROUP_DISABLED}};
	const char *name = g->cgroup_manager;

	if (name == NULL)
		name = g->systemd_cgroup ? "systemd" : "cgroupfs";
	for (size_t i = 0; i < ARRAY_LEN(managers); i++) {
		if (strcmp(name, managers[i].name) != 0)
			continue;
		if (g->systemd_cgroup && managers[i].manager != CGROUP_SYSTEMD)
			return err_set(
				e, EINVAL,
				"--systemd-cgroup and --cgroup-manager %s contradict each other",
				name);
		*out = managers[i].manager;
		return 0;
	}
	return err_set(e, EINVAL,
		       "--cgroup-manager: must be cgroupfs, systemd or disabled, got '%.100s'",
		       name);
}
