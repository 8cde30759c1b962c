/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/graft.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "hooks/library.h"
#include "hooks/pmi.h"
#include "host/host.h"
#include "libocispec/oci.h"
#include "spec/load.h"

struct graft_options {
	const char *host, *format, *bundle, *config, *out;
	struct cmd_list annotation, env;
	bool anonymize;
	struct graft_hook_options hook;
	struct graft_cdi_options cdi;
};

/* greffon-graft(8) EXIT STATUS. */
static int graft_status(const struct err *e)
{
	switch (e->code) {
	case EACCES:
		return 3;
	case ENODEV:
		return 4;
	case ESTALE:
		return 5;
	case ELIBBAD:
		return 6;
	case EPERM:
		return 7;
	default:
		return 2;
	}
}

static int graft_print(const char *text, size_t len, struct err *e)
{
	int r = io_write_all(STDOUT_FILENO, text, len);

	return r < 0 ? err_sys(e, -r, "standard output") : 0;
}

static int graft_format(const struct graft_options *o, bool *json, struct err *e)
{
	*json = o->format != NULL && strcmp(o->format, "json") == 0;
	if (o->format != NULL && !*json && strcmp(o->format, "text") != 0)
		return err_set(e, EINVAL, "--format: '%.100s' is neither text nor json", o->format);
	return 0;
}

/* ---- graft list ---- */

static int graft_list(const struct graft_options *o, const struct host *h, struct arena *a,
		      struct err *e)
{
	struct graft_inventory inv;
	bool json;
	size_t len;
	int r = graft_format(o, &json, e);

	if (r == 0)
		r = graft_discover(h, GRAFT_ALL_DEVICES, a, &inv, e);
	if (r < 0)
		return r;
	const char *text = json ? graft_list_json(&inv, a, &len) : graft_list_text(&inv, a, &len);
	return graft_print(text, len, e);
}

/* ---- graft plan ---- */

/* KEY=VALUE; a key of annotations may leave its prefix out. */
static int graft_annotation(struct arena *a, const char *word, struct oci_map_entry *out,
			    struct err *e)
{
	const char *equals = strchr(word, '=');

	if (equals == NULL || equals == word)
		return err_set(e, EINVAL, "--annotation: must be KEY=VALUE, got '%.100s'", word);
	out->key = arena_strndup(a, word, (size_t)(equals - word));
	out->value = equals + 1;
	if (strncmp(out->key, "org.", 4) != 0 && strncmp(out->key, "com.", 4) != 0)
		out->key = arena_printf(a, "org.greffon.graft.%s", out->key);
	return 0;
}

/* The bundle's config, if there is one, with what the options add. */
static int graft_config(const struct graft_options *o, struct arena *a, struct bundle *b,
			struct oci_config *out, struct err *e)
{
	struct oci_process *process = arena_new(a, struct oci_process);

	*out = (struct oci_config){0};
	if (o->bundle != NULL || o->config != NULL) {
		int r = bundle_load(b, o->bundle, o->config, a, e);
		if (r < 0)
			return r;
		*out = *b->config;
		if (out->process != NULL)
			*process = *out->process;
	}
	struct oci_map_entry *annotations =
		arena_array(a, o->annotation.n + out->n_annotations, sizeof(*annotations));
	const char **env = arena_array(a, process->n_env + o->env.n, sizeof(*env));
	/* an option of the command line is said before what the bundle says, and wins */
	for (size_t i = 0; i < o->annotation.n; i++)
		if (graft_annotation(a, o->annotation.v[i], &annotations[i], e) < 0)
			return -e->code;
	if (out->n_annotations > 0)
		memcpy(annotations + o->annotation.n, out->annotations,
		       out->n_annotations * sizeof(*annotations));
	if (process->n_env > 0)
		memcpy(env, process->env, process->n_env * sizeof(*env));
	for (size_t i = 0; i < o->env.n; i++)
		env[process->n_env + i] = o->env.v[i];
	out->annotations = annotations;
	out->n_annotations += o->annotation.n;
	process->env = env;
	process->n_env += o->env.n;
	out->process = process;
	return 0;
}

/* The bundle's root with what the config mounts over it; without one only names can be said. */
static int graft_plan_image(const struct host *h, const struct bundle *b,
			    const struct oci_config *config, struct arena *a,
			    struct graft_edits *out, struct err *e)
{
	struct graft_image to = {.folder = "/dev/.greffon/lib", .process = config->process};
	const char *path = config->root != NULL ? config->root->path : NULL;

	if (path == NULL || h->captured)
		return 0;
	if (path[0] != '/')
		path = arena_printf(a, "%s/%s", b->path, path);
	autoclose int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, errno, "root.path: '%s'", path);
	to.root = root;
	to.bind = arena_array(a, config->n_mounts, sizeof(*to.bind));
	for (size_t i = 0; i < config->n_mounts; i++) {
		const struct oci_mount *m = &config->mounts[i];
		if (m->type != NULL && strcmp(m->type, "bind") == 0 && m->source != NULL &&
		    m->source[0] == '/' && m->destination != NULL)
			to.bind[to.n_bind++] = (struct library_bind){m->destination, m->source};
	}
	return graft_libraries(h, &to, a, out, e);
}

static int graft_plan_edits(const struct graft_options *o, const struct host *h, struct arena *a,
			    struct graft_edits *out, struct err *e)
{
	struct graft_request *request = arena_new(a, struct graft_request);
	struct graft_inventory inv;
	struct graft_policy policy;
	struct oci_config config;
	struct bundle b;
	int r = graft_config(o, a, &b, &config, e);

	if (r == 0)
		r = graft_policy_load(h, a, &policy, e);
	if (r == 0)
		r = graft_request_read(&config, &policy, a, request, e);
	if (r == 0)
		r = graft_discover(h, graft_request_domains(request), a, &inv, e);
	if (r == 0)
		r = graft_edit(&inv, request, &policy, a, out, e);
	if (r == 0)
		r = graft_pmi(h, environ, h->euid, a, out, e);
	return r < 0 ? r : graft_plan_image(h, &b, &config, a, out, e);
}

static int graft_plan(const struct graft_options *o, const struct host *h, struct arena *a,
		      struct err *e)
{
	struct graft_edits edits;
	bool json;
	size_t len;
	int r = graft_format(o, &json, e);

	if (r == 0)
		r = graft_plan_edits(o, h, a, &edits, e);
	if (r < 0) {
		/* the status tells programs why, so the line is printed here */
		log_error(e);
		return graft_status(e);
	}
	const char *text =
		json ? graft_edits_json(&edits, a, &len) : graft_edits_text(&edits, a, &len);
	return graft_print(text, len, e);
}

/* ---- graft check ---- */

static int graft_check(const struct graft_options *o, const struct host *h, struct arena *a,
		       struct err *e)
{
	(void)o;
	struct graft_inventory inv;
	struct graft_policy policy;
	size_t wrong = 0, len;
	int r = graft_discover(h, GRAFT_ALL_DEVICES, a, &inv, e);
	if (r == 0)
		r = graft_policy_load(h, a, &policy, e);
	if (r < 0)
		return r;
	const char *text = graft_check_text(h, &inv, &policy, a, &wrong, &len);
	r = graft_print(text, len, e);
	return r < 0 ? r : wrong > 0;
}

/* ---- graft capture ---- */

static int graft_capture_run(const struct graft_options *o, const struct host *h, struct arena *a,
			     struct err *e)
{
	return graft_capture_write(h, o->out, o->anonymize, a, e);
}

/* ---- graft hook-config ---- */

static int graft_hook_run(const struct graft_options *o, const struct host *h, struct arena *a,
			  struct err *e)
{
	const char *text;
	size_t len;
	int r = graft_hook_config(&o->hook, a, &text, &len, e);

	(void)h;
	return r < 0 ? r : graft_print(text, len, e);
}

/* ---- graft cdi ---- */

static int graft_cdi_run(const struct graft_options *o, const struct host *h, struct arena *a,
			 struct err *e)
{
	bool json;
	int r = graft_format(o, &json, e);

	if (r == 0)
		r = graft_cdi(&o->cdi, h, o->out, json, a, e);
	if (r >= 0)
		return r;
	log_error(e);
	return graft_status(e);
}

/* ---- the words ---- */

enum {
	GRAFT_FORMAT = 1 << 0,
	GRAFT_HOST = 1 << 1,
	GRAFT_REQUEST = 1 << 2,
	GRAFT_OUT = 1 << 3,
	GRAFT_HOOK = 1 << 4,
	GRAFT_ANONYMIZE = 1 << 5,
	GRAFT_CDI = 1 << 6,
};

#define GRAFT_ANY_OPERANDS (-1)

static const struct graft_word {
	const char *name;
	unsigned int options; /* that it takes */
	int ids;	      /* operands behind it; GRAFT_ANY_OPERANDS: folders */
	int (*run)(const struct graft_options *, const struct host *, struct arena *, struct err *);
} graft_words[] = {
	{"list", GRAFT_FORMAT | GRAFT_HOST, 0, graft_list},
	{"plan", GRAFT_FORMAT | GRAFT_HOST | GRAFT_REQUEST, 0, graft_plan},
	{"check", GRAFT_HOST, 0, graft_check},
	{"capture", GRAFT_HOST | GRAFT_OUT | GRAFT_ANONYMIZE, 0, graft_capture_run},
	{"hook-config", GRAFT_HOOK, 0, graft_hook_run},
	{"cdi", GRAFT_FORMAT | GRAFT_HOST | GRAFT_OUT | GRAFT_CDI, GRAFT_ANY_OPERANDS,
	 graft_cdi_run},
	{"show", GRAFT_FORMAT, 1, NULL},
	{"diff", GRAFT_FORMAT, 2, NULL},
};

/* The words that take one of the options; ~0: all. Arena memory. */
static const char *graft_names(unsigned int options, struct arena *a)
{
	const char *list = "";

	for (size_t i = 0; i < ARRAY_LEN(graft_words); i++)
		if (options == ~0U || (graft_words[i].options & options) != 0)
			list = arena_printf(a, "%s%s%s", list, list[0] != '\0' ? ", " : "",
					    graft_words[i].name);
	return list;
}

/* An option of another word would be without effect. */
static int graft_check_options(const struct graft_options *o, const struct graft_word *w,
			       struct arena *a, struct err *e)
{
	const struct {
		const char *name;
		bool given;
		unsigned int option;
	} options[] = {{"format", o->format != NULL, GRAFT_FORMAT},
		       {"host", o->host != NULL, GRAFT_HOST},
		       {"bundle", o->bundle != NULL, GRAFT_REQUEST},
		       {"config", o->config != NULL, GRAFT_REQUEST},
		       {"annotation", o->annotation.n > 0, GRAFT_REQUEST},
		       {"env", o->env.n > 0, GRAFT_REQUEST},
		       {"out", o->out != NULL, GRAFT_OUT},
		       {"anonymize", o->anonymize, GRAFT_ANONYMIZE},
		       {"stage", o->hook.stage != NULL, GRAFT_HOOK},
		       {"hook", o->hook.path != NULL, GRAFT_HOOK},
		       {"always", o->hook.always, GRAFT_HOOK},
		       {"domain", o->cdi.domain != NULL, GRAFT_CDI},
		       {"vendor", o->cdi.vendor != NULL, GRAFT_CDI},
		       {"cdi-version", o->cdi.version != NULL, GRAFT_CDI},
		       {"check", o->cdi.check, GRAFT_CDI}};

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (options[i].given && (w->options & options[i].option) == 0)
			return err_set(e, EINVAL, "--%s: belongs to graft %s, not to graft %s",
				       options[i].name, graft_names(options[i].option, a), w->name);
	return 0;
}

static int graft_word_run(const struct cmd_global *g, const struct graft_options *o,
			  const struct graft_word *w, int n, char **operands, struct err *e)
{
	static const char *const needs[] = {"takes no further operand",
					    "needs the id of a container",
					    "needs two of: a container's id, a record's file"};
	__attribute__((cleanup(host_done))) struct host h = {.root = FD_NONE};
	bool json;
	int r = graft_check_options(o, w, g->arena, e);

	if (r == 0 && w->ids != GRAFT_ANY_OPERANDS && n != 1 + w->ids)
		r = err_set(e, EINVAL, "graft %s: %s", w->name, needs[w->ids]);
	if (r == 0)
		r = graft_format(o, &json, e);
	if (r == 0 && w->ids == 2)
		return graft_diff(g, operands + 1, json, e);
	if (r == 0)
		r = host_open_tree(&h, o->host != NULL ? o->host : "/", g->arena, e);
	if (r < 0)
		return r;
	return w->run != NULL ? w->run(o, &h, g->arena, e)
			      : graft_show(g, operands[1], json, &h, e);
}

static int graft_run(const struct cmd_global *g, const void *options, int n, char **operands,
		     struct err *e)
{
	struct graft_options given = *(const struct graft_options *)options;
	const struct graft_word *w = graft_words;

	while (w < graft_words + ARRAY_LEN(graft_words) && strcmp(operands[0], w->name) != 0)
		w++;
	if (w == graft_words + ARRAY_LEN(graft_words))
		return err_set(e, EINVAL, "'%.100s' is none of %s", operands[0],
			       graft_names(~0U, g->arena));
	given.cdi.dirs = operands + 1;
	given.cdi.n_dirs = n - 1;
	int r = graft_word_run(g, &given, w, n, operands, e);
	if (r >= 0 || w->ids < 2)
		return r;
	/* 1 says that the two differ */
	log_error(e);
	return 2;
}

#define GRAFT_OPTION(name, letter, kind, member, value, help)                                      \
	{                                                                                          \
		name, letter, kind, offsetof(struct graft_options, member), value, help            \
	}
static const struct cmd_option graft_options[] = {
	GRAFT_OPTION("format", 'f', CMD_STRING, format, "FORMAT", "text (default) or json"),
	GRAFT_OPTION("host", 0, CMD_STRING, host, "DIR",
		     "look at the node whose captured tree is DIR"),
	GRAFT_OPTION("annotation", 'a', CMD_LIST, annotation, "KEY=VALUE",
		     "plan: a request; org.greffon.graft. may be left out"),
	GRAFT_OPTION("env", 'e', CMD_LIST, env, "NAME=VALUE", "plan: a variable of the container"),
	GRAFT_OPTION("bundle", 'b', CMD_STRING, bundle, "DIR", "plan: the bundle's folder"),
	GRAFT_OPTION("config", 'c', CMD_STRING, config, "FILE",
		     "plan: the configuration's file (default: config.json in the bundle)"),
	GRAFT_OPTION("out", 'o', CMD_STRING, out, "PLACE",
		     "capture: a new folder, or FILE.tar (default: an archive on standard output); "
		     "cdi: the documents' folder (default: standard output)"),
	GRAFT_OPTION("anonymize", 0, CMD_FLAG, anonymize, NULL,
		     "capture: put other digits into UUIDs, GUIDs and unique ids"),
	GRAFT_OPTION("stage", 0, CMD_STRING, hook.stage, "STAGE",
		     "hook-config: precreate, prestart, createRuntime, createContainer, poststop"),
	GRAFT_OPTION("always", 0, CMD_FLAG, hook.always, NULL,
		     "hook-config: for every container, not only those whose annotations ask"),
	GRAFT_OPTION("hook", 0, CMD_STRING, hook.path, "PATH",
		     "hook-config: the program (default: the installed greffon-hook)"),
	GRAFT_OPTION("domain", 0, CMD_STRING, cdi.domain, "LIST", "cdi: only these, as gpu,rdma"),
	GRAFT_OPTION("vendor", 0, CMD_STRING, cdi.vendor, "VENDOR",
		     "cdi: whose kinds they are (default: greffon.org)"),
	GRAFT_OPTION("cdi-version", 0, CMD_STRING, cdi.version, "VERSION",
		     "cdi: of the documents (default: the lowest that does)"),
	GRAFT_OPTION("check", 0, CMD_FLAG, cdi.check, NULL,
		     "cdi: find what is stale in the files of any vendor"),
	{0},
};

const struct cmd cmd_graft = {
	.name = "graft",
	.args = "list|plan|check|capture|hook-config|show|diff|cdi [ID|DIR...]",
	.summary = "show what of the node's fabrics can go into a container, and what would",
	.options = graft_options,
	.options_size = sizeof(struct graft_options),
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = -1,
	.failure_status = 1,
	.run = graft_run,
};
