/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "hooks/graft.h"
#include "host/host.h"
#include "libocispec/oci.h"
#include "sys/path.h"

static int resolve_check_numbers(const struct host *h, const struct oci_config *c, struct arena *a,
				 struct err *e)
{
	const struct oci_linux *l = c->linux;

	for (size_t i = 0; l != NULL && i < l->n_devices; i++) {
		const struct oci_device *d = &l->devices[i];
		if (d->path == NULL || !d->major.set || !d->minor.set)
			continue;
		int r = graft_stale_check(
			h, d->path, makedev((unsigned int)d->major.v, (unsigned int)d->minor.v),
			arena_printf(a, "linux.devices[%zu]", i), a, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool resolve_asks(const struct graft_request *r)
{
	return graft_request_domains(r) != 0 || r->memlock.value != NULL ||
	       r->limit.value != NULL || r->profile.value != NULL || r->record.value != NULL ||
	       r->n_mount > 0 || r->note.n > 0;
}

/* Whether the config itself asks for nothing, whatever a policy lets it ask for. What can't be read
 * asks. */
static bool resolve_is_silent(const struct oci_config *c, struct arena *a,
			      struct graft_request *request)
{
	static const struct graft_policy lax = {.env = GRAFT_ENV_ACCEPT,
						.enable = (1U << GRAFT_DOMAINS) - 1};
	struct err why = {0};

	return graft_request_read(c, &lax, a, request, &why) == 0 && !resolve_asks(request);
}

/* A policy that can't be read grants nothing; who asks for nothing starts all the same. */
static int resolve_load(const struct host *h, const struct oci_config *c, struct arena *a,
			struct graft_policy *policy, struct graft_request *request, struct err *e)
{
	static const struct graft_policy nobody = {.source = "no policy file"};
	struct err why = {0};
	int r = 1;

	if (resolve_is_silent(c, a, request))
		r = graft_policy_always(h, a, &why);
	if (r == 0)
		return 0;
	if (r > 0)
		r = graft_policy_load(h, a, policy, &why);
	if (r == 0)
		return graft_request_read(c, policy, a, request, e);
	*policy = nobody;
	r = graft_request_read(c, policy, a, request, e);
	if (r == 0 && resolve_asks(request))
		return err_take(e, &why);
	if (r == 0)
		log_warn("%s", why.text);
	return r;
}

/* *request to *out, which keeps all three. */
static int resolve_edit(const struct host *h, const struct graft_request *request,
			const struct graft_policy *policy, struct arena *a,
			struct graft_edits **out, struct err *e)
{
	struct graft_edits *edits = arena_new(a, struct graft_edits);
	struct graft_inventory *inv = arena_new(a, struct graft_inventory);
	int r = graft_discover(h, graft_request_domains(request), a, inv, e);

	if (r == 0)
		r = graft_edit(inv, request, policy, a, edits, e);
	if (r == 0)
		*out = edits;
	return r;
}

int graft_resolve(const struct host *h, const struct oci_config *c, struct arena *a,
		  struct graft_edits **out, struct err *e)
{
	struct graft_request *request = arena_new(a, struct graft_request);
	struct graft_policy *policy = arena_new(a, struct graft_policy);
	int r = resolve_check_numbers(h, c, a, e);

	*out = NULL;
	if (r == 0)
		r = resolve_load(h, c, a, policy, request, e);
	if (r < 0 || !resolve_asks(request))
		return r;
	return resolve_edit(h, request, policy, a, out, e);
}

int graft_resolve_options(const struct host *h, const struct oci_map_entry *want, size_t n,
			  struct arena *a, struct graft_edits **out, struct err *e)
{
	struct graft_request *request = arena_new(a, struct graft_request);
	struct graft_policy *policy = arena_new(a, struct graft_policy);
	int r = graft_policy_load(h, a, policy, e);

	*out = NULL;
	if (r == 0)
		r = graft_request_options(want, n, policy, a, request, e);
	return r < 0 ? r : resolve_edit(h, request, policy, a, out, e);
}

int graft_notes_tell(const struct graft_edits *ed, struct err *e)
{
	for (size_t i = 0; i < ed->note.n; i++) {
		const struct graft_note *n = &ed->note.v[i];
		if (ed->request->strict && strcmp(n->code, "NARROW") != 0)
			return graft_refuse(e, EINVAL, n->domain, n->code,
					    "annotation org.greffon.graft.strict: %s", n->text);
		log_warn("graft %s: %s [GRAFT-%s]", graft_domain_name(n->domain), n->text, n->code);
	}
	return 0;
}

int graft_source_open(const struct host *h, const struct graft_edit_mount *m, struct err *e)
{
	struct stat st;
	autoclose int fd = path_open(h->root, m->source, O_PATH | O_CLOEXEC, NULL);

	if (fd < 0 || fstat(fd, &st) < 0)
		return m->optional ? -ENOENT
				   : graft_refuse(e, ENODEV, m->domain, "NONE",
						  "'%s' is not on this node any more", m->source);
	/* folders of a job belong to its user: hooks/pmi.c has looked at them */
	if (h->captured || h->euid != 0 || h->in_userns || S_ISSOCK(st.st_mode) || m->job)
		return fd_take(&fd);
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return graft_refuse(e, EPERM, m->domain, "POLICY",
				    "'%s' may be written by others than root; it is not mounted "
				    "into containers",
				    m->source);
	return fd_take(&fd);
}
