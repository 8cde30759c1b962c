/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/cdi.h"

#include <string.h>

#include "base/log.h"
#include "host/host.h"
#include "libocispec/oci.h"

int plan_cdi_resolve(struct plan *p, struct plan_input *in, struct cdi_result *cdi, struct err *e)
{
	struct graft_policy *policy = arena_new(p->arena, struct graft_policy);

	*cdi = (struct cdi_result){0};
	if (!cdi_is_asked(in->config))
		return 0;
	int r = graft_policy_load(in->host, p->arena, policy, e);
	if (r == 0)
		r = cdi_apply(in->host, in->config, policy, p->arena, cdi, e);
	if (r < 0 || cdi->config == NULL)
		return r;
	in->config = cdi->config;
	for (size_t i = 0; i < cdi->note.n; i++)
		log_warn("cdi: %s [GRAFT-%s]", cdi->note.v[i].text, cdi->note.v[i].code);
	return 0;
}

int plan_cdi_locate(const struct plan *p, const struct cdi_result *cdi, struct err *e)
{
	const char *text = cdi_origin_of(cdi, e->text, p->arena);

	return text == e->text ? -e->code : err_set(e, e->code, "%s", text);
}

static void cdi_origin(struct plan *p, const struct cdi_result *cdi, const char **origin)
{
	if (*origin != NULL)
		*origin = cdi_origin_of(cdi, *origin, p->arena);
}

static void cdi_record(struct plan *p, const struct cdi_result *cdi)
{
	struct graft_edits *ed = arena_new(p->arena, struct graft_edits);

	if (p->graft != NULL)
		*ed = *p->graft;
	else
		*ed = (struct graft_edits){.request = arena_new(p->arena, struct graft_request),
					   .inv = arena_new(p->arena, struct graft_inventory),
					   .policy = cdi->policy};
	for (size_t i = 0; i < cdi->device.n; i++)
		*ARENA_PUSH(p->arena, &ed->device) = cdi->device.v[i];
	for (size_t i = 0; i < cdi->mount.n; i++)
		*ARENA_PUSH(p->arena, &ed->mount) = cdi->mount.v[i];
	for (size_t i = 0; i < cdi->env.n; i++)
		*ARENA_PUSH(p->arena, &ed->env) = cdi->env.v[i];
	/* CDI's groups are those of the container, the record's the host's */
	for (size_t i = 0; i < cdi->gid.n; i++)
		*ARENA_PUSH(p->arena, &ed->gid) = idmap_outside(&p->ns.gid, cdi->gid.v[i]);
	for (size_t i = 0; i < cdi->note.n; i++)
		*ARENA_PUSH(p->arena, &ed->note) = cdi->note.v[i];
	p->graft = ed;
}

void plan_cdi_finish(struct plan *p, const struct cdi_result *cdi)
{
	if (cdi->config == NULL)
		return;
	for (size_t i = 0; i < p->mounts.n; i++)
		cdi_origin(p, cdi, &p->mounts.v[i].origin);
	for (size_t i = 0; i < p->nodes.n; i++)
		cdi_origin(p, cdi, &p->nodes.v[i].origin);
	for (size_t i = 0; i < p->cgroup.rules.n; i++)
		cdi_origin(p, cdi, &p->cgroup.rules.v[i].origin);
	for (size_t i = 0; i < p->n_netdev; i++)
		cdi_origin(p, cdi, &p->netdev[i].origin);
	for (int k = 0; k < HOOK_KINDS; k++)
		for (size_t i = 0; i < p->hooks[k].n; i++)
			cdi_origin(p, cdi, &p->hooks[k].v[i].origin);
	cdi_origin(p, cdi, &p->rdt.origin);
	p->edited = cdi->config;
	cdi_record(p, cdi);
}
