/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "hooks/config_edit.h"
#include "hooks/hook.h"
#include "host/cgroupfs.h"
#include "sys/sys.h"

#define MAIN_STATE_MAX ((size_t)1 << 20)
#define MAIN_CONFIG_MAX ((size_t)16 << 20)

static const char *const main_stages[STAGES] = {
	[STAGE_PRECREATE] = "precreate",
	[STAGE_PRESTART] = "prestart",
	[STAGE_CREATE_RUNTIME] = "createRuntime",
	[STAGE_CREATE_CONTAINER] = "createContainer",
	[STAGE_POSTSTOP] = "poststop",
};

/* Whoever started us may have left an image's environment, working directory and descriptors
 * (CVE-2025-23266). */
static void main_first_acts(void)
{
	(void)clearenv();
	if (chdir("/") < 0)
		_exit(1);
	if (sys_close_range(3, ~0U, 0) < 0) /* before Linux 5.9 */
		for (int fd = 3; fd < 1024; fd++)
			(void)close(fd);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)umask(0); /* modes are said where something is made */
}

static int main_input(const char *what, size_t max, struct arena *a, char **out, size_t *len,
		      struct err *e)
{
	int r = io_read_all(STDIN_FILENO, max, a, out, len);

	if (r == -EFBIG)
		return err_set(e, EFBIG, "standard input: %s is larger than %zu MiB", what,
			       max >> 20);
	return r < 0 ? err_sys(e, -r, "standard input") : 0;
}

/* ---- precreate ---- */

static int main_precreate(struct hook_run *run, struct err *e)
{
	char self[PATH_MAX], *text;
	size_t len;
	struct oj_node *doc;
	int r = main_input("the config", MAIN_CONFIG_MAX, run->a, &text, &len, e);

	if (r == 0)
		r = oci_config_parse(text, len, run->a, &run->config, e);
	if (r == 0)
		r = graft_resolve(&run->host, run->config, run->a, &run->ed, e);
	if (r < 0)
		return r;
	const char *out = text;
	if (run->ed != NULL) {
		ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
		if (n <= 0)
			return err_sys(e, errno, "/proc/self/exe");
		self[n] = '\0';
		r = oj_tree_parse(text, len, run->a, &doc, e);
		if (r == 0)
			r = graft_config_edit(&run->host, run->config, self, run->ed, doc, run->a,
					      e);
		if (r < 0)
			return r;
		out = oj_tree_write(doc, run->a, &len);
	}
	r = io_write_all(STDOUT_FILENO, out, len);
	return r < 0 ? err_sys(e, -r, "standard output") : 0;
}

/* ---- the stages of a runtime ---- */

static int main_bundle(struct hook_run *run, struct err *e)
{
	char *text;
	size_t len;
	autoclose int dir = open(run->state->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_sys(e, errno, "bundle: '%s'", run->state->bundle);
	int r = io_read_file(dir, "config.json", MAIN_CONFIG_MAX, run->a, &text, &len);
	if (r < 0)
		return err_sys(e, -r, "'%s/config.json'", run->state->bundle);
	r = oci_config_parse(text, len, run->a, &run->config, e);
	return r < 0 ? err_at(e, "config.json") : 0;
}

static int main_lacks(struct err *e, enum graft_domain d, const char *what, const char *option)
{
	return graft_refuse(
		e, ENOTSUP, d, "STAGE",
		"%s can't be given by a hook at this stage; give the engine %s, run the "
		"hook at precreate, or use --runtime greffon",
		what, option);
}

/* A launcher speaks to the process that it starts, and that is no hook. */
static int main_check_pmi(const struct graft_edits *ed, struct err *e)
{
	if (ed->pmi == GRAFT_PMI_OFF)
		return 0;
	return graft_refuse(e, ENOTSUP, GRAFT_PMI, "STAGE",
			    "%s: no hook is told of the job; use --runtime greffon, or take it out "
			    "and give the engine the job's variables and folders",
			    ed->request->want[GRAFT_PMI].source);
}

/* What a running process has from its config alone: there already, or it can't be had. Groups are
 * what the user may do without. */
static int main_check_process(struct hook_run *run, struct err *e)
{
	const struct graft_edits *ed = run->ed;

	for (size_t i = 0; i < ed->env.n; i++)
		if (!graft_config_has_env(run->config, &ed->env.v[i]))
			return main_lacks(
				e, GRAFT_DOMAINS,
				arena_printf(run->a, "%s: %s", ed->env.v[i].why, ed->env.v[i].name),
				arena_printf(run->a, "--env %s=%s", ed->env.v[i].name,
					     ed->env.v[i].value));
	if (ed->memlock.set && !graft_config_has_memlock(run->config, ed->memlock.v))
		return main_lacks(e, GRAFT_DOMAINS, ed->memlock_why,
				  ed->memlock.v == UINT64_MAX
					  ? "--ulimit memlock=-1:-1"
					  : arena_printf(run->a,
							 "--ulimit memlock=%" PRIu64 ":%" PRIu64,
							 ed->memlock.v, ed->memlock.v));
	for (size_t i = 0; i < ed->limit.n; i++)
		if (ed->limit_required &&
		    !graft_config_has_limit(run->config, ed->limit.v[i].device))
			return main_lacks(e, GRAFT_RDMA, ed->request->limit.source,
					  "linux.resources.rdma");
	for (size_t i = 0; ed->device.n > 0 && i < ed->gid.n; i++) {
		uint32_t inside = graft_config_gid(run->config, ed->gid.v[i]);
		if (run->host.in_userns && ed->gid.v[i] == GRAFT_OVERFLOW_GID)
			continue; /* the runtime keeps the caller's, or nobody can help */
		if (inside != UINT32_MAX && !graft_config_has_group(run->config, inside))
			graft_note_add(&run->ed->note, run->a, ed->device.v[0].domain, "PERM",
				       "a node wants the group %u, which a hook can't give at this "
				       "stage; a user other than root needs --group-add %u",
				       inside, inside);
	}
	return 0;
}

static int main_apply(struct hook_run *run, struct err *e)
{
	int r;

	/* greffon has done all of it, before the container's device filter was made */
	if (oci_map_get(run->state->annotations, run->state->n_annotations, GRAFT_DONE) != NULL)
		return 0;
	r = main_bundle(run, e);
	if (r == 0)
		r = graft_resolve(&run->host, run->config, run->a, &run->ed, e);
	if (r < 0 || run->ed == NULL)
		return r;
	r = main_check_pmi(run->ed, e);
	if (r == 0)
		r = graft_config_no_move(run->ed, e);
	if (r == 0)
		r = main_check_process(run, e);
	if (r == 0 && run->stage != STAGE_CREATE_CONTAINER)
		r = cgroupfs_probe(&run->host, e);
	if (r == 0)
		r = hook_enter_open(run, run->state->bundle, e);
	if (r == 0)
		r = hook_mount_all(run, e);
	return r < 0 ? r : hook_record_write(run, e);
}

static int main_run(struct hook_run *run, struct err *e)
{
	char *text;
	size_t len;

	if (run->stage == STAGE_PRECREATE)
		return main_precreate(run, e);
	int r = main_input("the state", MAIN_STATE_MAX, run->a, &text, &len, e);
	if (r == 0)
		r = oci_state_parse(text, len, run->a, &run->state, e);
	if (r < 0)
		return r;
	if (run->stage != STAGE_POSTSTOP)
		return main_apply(run, e);
	hook_record_remove(run->state);
	return 0;
}

int main(int argc, char **argv)
{
	autoarena struct arena arena = {0};
	struct hook_run run = {
		.a = &arena, .own_ns = FD_NONE, .container_ns = FD_NONE, .rootfs = FD_NONE};
	struct err e = {0};
	int stage = 0;

	main_first_acts();
	while (argc == 2 && stage < STAGES && strcmp(argv[1], main_stages[stage]) != 0)
		stage++;
	if (argc != 2 || stage == STAGES) {
		dprintf(STDERR_FILENO,
			"usage: greffon-hook "
			"precreate|prestart|createRuntime|createContainer|poststop\n"
			"A container engine or runtime runs it; see greffon-hook(8).\n");
		return 2;
	}
	run.stage = (enum hook_stage)stage;
	int r = host_open_tree(&run.host, "/", &arena, &e);
	if (r == 0)
		r = main_run(&run, &e);
	if (r < 0) {
		log_error(&e);
		hook_record_error(&run, main_stages[stage], &e);
	}
	host_done(&run.host);
	return r < 0 ? 1 : 0;
}
