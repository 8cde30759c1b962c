/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "cmd/bring_up.h"
#include "cmd/criu.h"

struct restore_options {
	struct bring_up_options bring_up; /* first: its rows have offsets into it */
	struct criu_flags flags;
	const char *lsm_profile, *lsm_mount_context;
	bool tcp_close;
};

static const struct cmd_option restore_options[] = {
	BRING_UP_OPTIONS,
	BRING_UP_OPTION("detach", 'd', CMD_FLAG, detach, NULL,
			"return when the container runs instead of waiting for its end"),
	BRING_UP_OPTION("keep", 0, CMD_FLAG, keep, NULL,
			"do not delete the container when its program has ended"),
	CRIU_OPTIONS(restore_options),
	CRIU_OPTION(restore_options, "tcp-close", CMD_FLAG, tcp_close, NULL,
		    "restore connections of TCP as closed ones"),
	CRIU_OPTION(restore_options, "lsm-profile", CMD_STRING, lsm_profile, "TYPE:NAME",
		    "another label: apparmor:PROFILE or selinux:LABEL"),
	CRIU_OPTION(restore_options, "lsm-mount-context", CMD_STRING, lsm_mount_context, "CONTEXT",
		    "another SELinux label for the mounts that have one"),
	{0},
};

/* What has a meaning for a new process only. */
static int restore_check(const struct restore_options *o, struct err *e)
{
	if (o->bring_up.no_pivot)
		return err_set(e, ENOTSUP, "--no-pivot: criu always restores with pivot_root");
	if (o->bring_up.no_new_keyring)
		return err_set(e, ENOTSUP,
			       "--no-new-keyring: a restored container has the caller's session "
			       "keyring in any case");
	if (o->bring_up.preserve_fds.v > 0)
		return err_set(e, ENOTSUP,
			       "--preserve-fds: descriptors of a restored container come from its "
			       "image");
	if (o->lsm_profile != NULL && strncmp(o->lsm_profile, "apparmor:", 9) != 0 &&
	    strncmp(o->lsm_profile, "selinux:", 8) != 0)
		return err_set(e, EINVAL,
			       "--lsm-profile: must be apparmor:PROFILE or selinux:LABEL, got "
			       "'%.100s'",
			       o->lsm_profile);
	return 0;
}

static int restore_run(const struct cmd_global *g, const void *options, int n, char **operands,
		       struct err *e)
{
	const struct restore_options *o = options;
	__attribute__((cleanup(criu_options_done))) struct criu_options co = CRIU_OPTIONS_EMPTY;
	struct bring_up_options up = o->bring_up;
	int r = restore_check(o, e);

	(void)n;
	if (r == 0)
		r = criu_options_open(g, &o->flags, false, &co, e);
	if (r < 0)
		return r;
	co.tcp_close = o->tcp_close;
	co.lsm_profile = o->lsm_profile;
	co.lsm_mount_context = o->lsm_mount_context;
	up.criu = &co;
	return bring_up(g, &up, operands[0], BRING_UP_RESTORE, e);
}

const struct cmd cmd_restore = {
	.name = "restore",
	.args = "ID",
	.summary = "bring a container back from the image of a checkpoint",
	.options = restore_options,
	.options_size = sizeof(struct restore_options),
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.seal = true,
	.run = restore_run,
};
