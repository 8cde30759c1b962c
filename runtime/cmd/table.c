/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cmd.h"

#include <stddef.h>
#include <string.h>

const struct cmd *const cmd_table[] = {
	&cmd_create, &cmd_start,      &cmd_run,	    &cmd_exec,	     &cmd_state,    &cmd_kill,
	&cmd_delete, &cmd_list,	      &cmd_ps,	    &cmd_pause,	     &cmd_resume,   &cmd_update,
	&cmd_events, &cmd_checkpoint, &cmd_restore, &cmd_spec,	     &cmd_features, &cmd_plan,
	&cmd_graft,  &cmd_doctor,     &cmd_mounts,  &cmd_completion, NULL,
};

#define GLOBAL_OPTION(name, letter, kind, member, value, help)                                     \
	{                                                                                          \
		name, letter, kind, offsetof(struct cmd_global, member), value, help               \
	}
const struct cmd_option cmd_global_options[] = {
	GLOBAL_OPTION("root", 0, CMD_STRING, root, "DIR", "folder of the containers' states"),
	GLOBAL_OPTION("log", 0, CMD_STRING, log_path, "FILE", "append messages to this file"),
	GLOBAL_OPTION("log-format", 0, CMD_STRING, log_format, "FORMAT", "text (default) or json"),
	GLOBAL_OPTION("log-level", 0, CMD_STRING, log_level, "LEVEL",
		      "error, warning (default) or debug"),
	GLOBAL_OPTION("debug", 0, CMD_FLAG, debug, NULL, "the same as --log-level debug"),
	GLOBAL_OPTION(
		"strict", 0, CMD_FLAG, strict, NULL,
		"fail where a protection can't be had or something is left out with a warning"),
	GLOBAL_OPTION("systemd-cgroup", 0, CMD_FLAG, systemd_cgroup, NULL,
		      "let systemd make the cgroups"),
	GLOBAL_OPTION("cgroup-manager", 0, CMD_STRING, cgroup_manager, "MANAGER",
		      "cgroupfs (default), systemd or disabled"),
	GLOBAL_OPTION(
		"rootless", 0, CMD_STRING, rootless, "MODE",
		"true, false or auto: accepted for callers of runc; the caller's rights decide"),
	GLOBAL_OPTION("criu", 0, CMD_STRING, criu, "PATH",
		      "the criu program for checkpoint and restore (default: looked for)"),
	GLOBAL_OPTION("version", 'v', CMD_FLAG, version, NULL, "show the version"),
	GLOBAL_OPTION("version", 'V', CMD_FLAG, version, NULL, "show the version"),
	{0},
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
