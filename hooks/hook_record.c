/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "hooks/hook.h"

#define RECORD_OPEN (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A file's name: what runc and crun take as an id, without what could lead elsewhere. */
static bool record_name(const char *id)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
	size_t n = strlen(id);

	return n > 0 && n < 200 && id[0] != '.' && strspn(id, allowed) == n;
}

/* /run/greffon/.hooks, root's alone; the runtime's list of containers does not look at names with a
 * dot. FD_NONE: there is none. */
static int record_folder(bool make)
{
	static const char *const names[] = {"greffon", ".hooks"};
	autoclose int at = open("/run", RECORD_OPEN);

	for (size_t i = 0; at >= 0 && i < ARRAY_LEN(names); i++) {
		struct stat st;

		if (make && mkdirat(at, names[i], 0700) < 0 && errno != EEXIST)
			return FD_NONE;
		int next = openat(at, names[i], RECORD_OPEN);
		fd_done(&at);
		at = next;
		if (at >= 0 && (fstat(at, &st) < 0 || st.st_uid != 0 ||
				(st.st_mode & (S_IWGRP | S_IWOTH)) != 0))
			return FD_NONE;
	}
	return fd_take(&at);
}

int hook_record_write(const struct hook_run *run, struct err *e)
{
	size_t len;

	if (!host_is_privileged(&run->host) || !record_name(run->state->id))
		return 0;
	autoclose int dir = record_folder(true);
	if (dir < 0)
		return err_set(e, EPERM,
			       "/run/greffon/.hooks: can't be made, or is not root's alone");
	const char *text = graft_edits_json(run->ed, run->a, &len);
	int r = io_replace(dir, run->state->id, text, len, 0600, IO_NO_SYNC);
	return r < 0 ? err_sys(e, -r, "/run/greffon/.hooks/%s", run->state->id) : 0;
}

void hook_record_remove(const struct oci_state *state)
{
	autoclose int dir = record_name(state->id) ? record_folder(false) : FD_NONE;

	if (dir >= 0)
		(void)unlinkat(dir, state->id, 0);
}

void hook_record_error(const struct hook_run *run, const char *stage, const struct err *e)
{
	const char *id = run->state != NULL && record_name(run->state->id) ? run->state->id : "?";
	autoclose int dir = host_is_privileged(&run->host) ? record_folder(true) : FD_NONE;

	if (dir < 0)
		return;
	const char *line = arena_printf(run->a, "%s %s: %s\n", id, stage, e->text);
	(void)io_replace(dir, ".last-error", line, strlen(line), 0600, IO_NO_SYNC);
}
