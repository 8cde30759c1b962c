/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>

#include "apply/criu_image.h"
#include "cmd/criu.h"
#include "cmd/target.h"

struct checkpoint_options {
	struct criu_flags flags;
	const char *parent_path, *page_server;
	struct opt_u64 status_fd;
	bool leave_running, pre_dump, tcp_skip_in_flight, link_remap;
};

static const struct cmd_option checkpoint_options[] = {
	CRIU_OPTIONS(checkpoint_options),
	CRIU_OPTION(checkpoint_options, "parent-path", CMD_STRING, parent_path, "DIR",
		    "image of the dump before, relative to the image's folder"),
	CRIU_OPTION(checkpoint_options, "leave-running", CMD_FLAG, leave_running, NULL,
		    "let the container run on"),
	CRIU_OPTION(checkpoint_options, "pre-dump", CMD_FLAG, pre_dump, NULL,
		    "write only the memory, and let the container run on"),
	CRIU_OPTION(checkpoint_options, "tcp-skip-in-flight", CMD_FLAG, tcp_skip_in_flight, NULL,
		    "leave out connections of TCP that are being made"),
	CRIU_OPTION(checkpoint_options, "link-remap", CMD_FLAG, link_remap, NULL,
		    "give open files without a name one"),
	CRIU_OPTION(checkpoint_options, "page-server", CMD_STRING, page_server, "ADDRESS:PORT",
		    "send the memory's pages there"),
	CRIU_OPTION(checkpoint_options, "status-fd", CMD_UINT, status_fd, "FD",
		    "write a NUL byte there when lazy pages can be fetched"),
	{0},
};

/* The port comes after the last colon: the address may be one of IPv6. */
static int checkpoint_page_server(const struct cmd_global *g, const char *text,
				  struct criu_options *out, struct err *e)
{
	const char *colon = text != NULL ? strrchr(text, ':') : NULL;
	uint64_t port;

	if (text == NULL)
		return 0;
	if (colon == NULL || colon == text || num_u64(colon + 1, UINT16_MAX, &port) < 0 ||
	    port == 0)
		return err_set(e, EINVAL, "--page-server: must be ADDRESS:PORT, got '%.100s'",
			       text);
	out->page_server = arena_strndup(g->arena, text, (size_t)(colon - text));
	out->page_server_port = (uint16_t)port;
	return 0;
}

static int checkpoint_status_fd(const struct checkpoint_options *o, struct criu_options *out,
				struct err *e)
{
	if (!o->status_fd.set)
		return 0;
	if (!o->flags.lazy_pages)
		return err_set(e, EINVAL, "--status-fd: has a meaning with --lazy-pages only");
	int flags = o->status_fd.v > INT32_MAX ? -1 : fcntl((int)o->status_fd.v, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return err_set(e, EBADF, "--status-fd: %llu is no descriptor open for writing",
			       (unsigned long long)o->status_fd.v);
	out->status_fd = (int)o->status_fd.v;
	return 0;
}

static int checkpoint_check(const struct cmd_global *g, const struct checkpoint_options *o,
			    struct criu_options *co, struct err *e)
{
	int r = checkpoint_page_server(g, o->page_server, co, e);

	if (r == 0)
		r = checkpoint_status_fd(o, co, e);
	if (r == 0)
		r = criu_options_open(g, &o->flags, true, co, e);
	if (r == 0 && o->parent_path != NULL)
		r = criu_image_check_parent(co->image, o->parent_path, e);
	co->parent = o->parent_path;
	co->leave_running = o->leave_running;
	co->pre_dump = o->pre_dump;
	co->tcp_skip_in_flight = o->tcp_skip_in_flight;
	co->link_remap = o->link_remap;
	return r;
}

static int checkpoint_run(const struct cmd_global *g, const void *options, int n, char **operands,
			  struct err *e)
{
	__attribute__((cleanup(criu_options_done))) struct criu_options co = CRIU_OPTIONS_EMPTY;
	autotarget struct target t = TARGET_EMPTY;
	int r = target_open(&t, g, operands[0], STORE_LOCK, e);

	(void)n;
	if (r < 0)
		return r;
	if (t.status != STATUS_RUNNING && t.status != STATUS_PAUSED)
		return err_set(e, EINVAL,
			       "cannot checkpoint a container that is %s: container not running",
			       status_name(t.status));
	r = checkpoint_check(g, options, &co, e);
	return r < 0 ? r : container_checkpoint(&t.entry, t.record, &co, e);
}

const struct cmd cmd_checkpoint = {
	.name = "checkpoint",
	.args = "ID",
	.summary = "write a running container to an image that restore brings back",
	.options = checkpoint_options,
	.options_size = sizeof(struct checkpoint_options),
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.run = checkpoint_run,
};
