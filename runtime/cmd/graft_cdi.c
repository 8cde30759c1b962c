/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "cmd/graft.h"
#include "hooks/cdi.h"
#include "host/host.h"

#define CDI_VENDOR "greffon.org"

static int cdi_print(const char *text, size_t len, struct err *e)
{
	int r = io_write_all(STDOUT_FILENO, text, len);

	return r < 0 ? err_sys(e, -r, "standard output") : 0;
}

/* ---- options ---- */

static int cdi_domains(const char *list, unsigned int *out, struct err *e)
{
	if (list == NULL) {
		*out = GRAFT_ALL_DEVICES;
		return 0;
	}
	*out = 0;
	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ",");
		int d = graft_domain_find(p, n);
		if (d < 0 || (GRAFT_BIT(d) & GRAFT_ALL_DEVICES) == 0)
			return err_set(e, EINVAL, "--domain: there is no graft of devices '%.*s'",
				       n < 60 ? (int)n : 60, p);
		*out |= GRAFT_BIT(d);
		p += n;
		if (*p == '\0')
			return 0;
	}
}

static int cdi_options(const struct graft_cdi_options *o, struct cdi_emit_options *out,
		       struct err *e)
{
	*out = (struct cdi_emit_options){
		.vendor = o->vendor != NULL ? o->vendor : CDI_VENDOR,
		.version = o->version,
	};
	if (!cdi_is_vendor(out->vendor, strlen(out->vendor)))
		return err_set(e, EINVAL,
			       "--vendor: '%.60s' must be letters and digits, with _ - . between "
			       "them",
			       out->vendor);
	if (o->version != NULL && !cdi_version_exists(o->version))
		return err_set(e, EINVAL,
			       "--cdi-version: '%.60s' is no version that can be written; 0.3.0 to "
			       "1.1.0 are",
			       o->version);
	return cdi_domains(o->domain, &out->domains, e);
}

/* ---- writing ---- */

static int cdi_text(const struct cdi_spec *s, struct arena *a, const char **text, size_t *len,
		    struct err *e)
{
	int r = oj_write(&cdi_spec_object, s, OCI_PRETTY, a, text, len);

	return r < 0 ? err_sys(e, -r, "%s", s->kind) : 0;
}

/* One document after the other, or an array of them. */
static int cdi_to_stdout(const struct cdi_specs *specs, bool json, struct arena *a, struct err *e)
{
	const char *text;
	size_t len;
	int r = json ? cdi_print("[\n", 2, e) : 0;

	for (size_t i = 0; r == 0 && i < specs->n; i++) {
		r = cdi_text(&specs->v[i], a, &text, &len, e);
		if (r == 0 && json && i > 0)
			r = cdi_print(",\n", 2, e);
		if (r == 0)
			r = cdi_print(text, len, e);
	}
	return r == 0 && json ? cdi_print("]\n", 2, e) : r;
}

static void cdi_written(struct json *j, bool json, const struct cdi_spec *s, const char *path)
{
	if (!json) {
		printf("%s  %s, %zu names, version %s\n", path, s->kind, s->n_devices, s->version);
		return;
	}
	json_open(j, NULL, '{');
	json_string(j, "file", path);
	json_string(j, "kind", s->kind);
	json_string(j, "cdiVersion", s->version);
	json_open(j, "devices", '[');
	for (size_t i = 0; i < s->n_devices; i++)
		json_string(j, NULL, s->devices[i].name);
	json_close(j, ']');
	json_close(j, '}');
}

static int cdi_to_folder(const struct cdi_specs *specs, const char *out, bool json, struct arena *a,
			 struct err *e)
{
	struct json j = {.a = a, .style = JSON_PRETTY};
	size_t len;

	if (mkdir(out, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "--out: '%s'", out);
	autoclose int dir = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, errno, "--out: '%s'", out);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < specs->n; i++) {
		const char *name = cdi_file_name(&specs->v[i], a), *text;
		int r = cdi_text(&specs->v[i], a, &text, &len, e);
		if (r < 0)
			return r;
		r = io_replace(dir, name, text, len, 0644, IO_SYNC);
		if (r < 0)
			return err_sys(e, -r, "--out: '%s/%s'", out, name);
		cdi_written(&j, json, &specs->v[i], arena_printf(a, "%s/%s", out, name));
	}
	json_close(&j, ']');
	const char *text = json_end(&j, &len);
	if (json)
		return cdi_print(text, len, e);
	return fflush(stdout) != 0 ? err_sys(e, errno, "standard output") : 0;
}

static int cdi_write(const struct graft_cdi_options *o, const struct host *h, const char *out,
		     bool json, struct arena *a, struct err *e)
{
	struct cdi_emit_options options;
	struct graft_inventory inv;
	struct graft_policy policy;
	struct graft_notes notes = {0};
	struct cdi_specs specs;
	int r = cdi_options(o, &options, e);

	if (r == 0)
		r = graft_policy_load(h, a, &policy, e);
	if (r == 0)
		r = graft_discover(h, options.domains, a, &inv, e);
	if (r == 0)
		r = cdi_emit(h, &inv, &policy, &options, a, &specs, &notes, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < notes.n; i++)
		log_warn("graft %s: %s [GRAFT-%s]", graft_domain_name(notes.v[i].domain),
			 notes.v[i].text, notes.v[i].code);
	if (specs.n == 0)
		return graft_refuse(e, ENODEV, GRAFT_DOMAINS, "NONE",
				    "cdi: this node has no device of %s that could be granted; "
				    "greffon graft check says why",
				    o->domain != NULL ? o->domain : "any kind");
	return out != NULL ? cdi_to_folder(&specs, out, json, a, e)
			   : cdi_to_stdout(&specs, json, a, e);
}

/* ---- checking ---- */

static void cdi_findings_json(const struct cdi_findings *f, struct json *j)
{
	json_open(j, NULL, '[');
	for (size_t i = 0; i < f->n; i++) {
		json_open(j, NULL, '{');
		json_string(j, "file", f->v[i].file);
		if (f->v[i].device != NULL)
			json_string(j, "device", f->v[i].device);
		json_string(j, "problem", f->v[i].text);
		json_string(j, "remedy", f->v[i].remedy);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static const char *cdi_findings_text(const struct cdi_findings *f, struct arena *a, size_t *len)
{
	char *text = arena_strdup(a, "");

	for (size_t i = 0; i < f->n; i++)
		text = arena_printf(a, "%s%s: %s%s%s; %s\n", text, f->v[i].file,
				    f->v[i].device != NULL ? f->v[i].device : "",
				    f->v[i].device != NULL ? ": " : "", f->v[i].text,
				    f->v[i].remedy);
	*len = strlen(text);
	/* what a file says goes to a terminal */
	for (size_t i = 0; i < *len; i++)
		if ((unsigned char)text[i] < 0x20 && text[i] != '\n')
			text[i] = '?';
	return text;
}

/* greffon-graft(8) EXIT STATUS: 5 something is stale, 2 something could not be looked into. */
static int cdi_status(const struct cdi_findings *f)
{
	int status = 0;

	for (size_t i = 0; i < f->n; i++)
		if (!f->v[i].unread)
			return 5;
		else
			status = 2;
	return status;
}

static int cdi_look(const struct graft_cdi_options *o, const struct host *h, bool json,
		    struct arena *a, struct err *e)
{
	struct graft_policy policy;
	struct cdi_files files;
	struct cdi_findings found;
	struct json j = {.a = a, .style = JSON_PRETTY};
	size_t len;

	int r = graft_policy_load(h, a, &policy, e);
	if (r < 0)
		return r;
	size_t n = o->n_dirs > 0 ? (size_t)o->n_dirs : policy.cdi.n_dirs;
	const char **dirs = o->n_dirs > 0 ? (const char **)o->dirs : policy.cdi.dirs;
	for (size_t i = 0; i < n; i++)
		if (dirs[i][0] != '/')
			return err_set(e, EINVAL, "--check: '%.200s' must be an absolute path",
				       dirs[i]);
	r = cdi_read_dirs(h, dirs, n, a, &files, e);
	if (r < 0)
		return r;
	cdi_check(h, &files, a, &found);
	if (json)
		cdi_findings_json(&found, &j);
	const char *text = json ? json_end(&j, &len) : cdi_findings_text(&found, a, &len);
	r = cdi_print(text, len, e);
	return r < 0 ? r : cdi_status(&found);
}

int graft_cdi(const struct graft_cdi_options *o, const struct host *h, const char *out, bool json,
	      struct arena *a, struct err *e)
{
	bool written = out != NULL || o->domain != NULL || o->vendor != NULL || o->version != NULL;

	if (o->check && written)
		return err_set(e, EINVAL, "--check: writes nothing; take the other options out");
	if (!o->check && o->n_dirs > 0)
		return err_set(e, EINVAL, "graft cdi: takes folders only with --check");
	return o->check ? cdi_look(o, h, json, a, e) : cdi_write(o, h, out, json, a, e);
}
