/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/graft.h"

#include <inttypes.h>
#include <string.h>
#include <sys/capability.h>

#include "hooks/graft.h"
#include "host/host.h"

static void graft_env(struct plan *p, const struct graft_edits *ed)
{
	struct plan_process *pp = &p->process;

	if (ed->env.n == 0 || pp->argv == NULL)
		return;
	const char **env = arena_array(p->arena, pp->n_env + ed->env.n + 1, sizeof(*env));
	memcpy(env, pp->env, pp->n_env * sizeof(*env));
	pp->env = env;
	for (size_t i = 0; i < ed->env.n; i++) {
		const struct graft_edit_env *x = &ed->env.v[i];
		size_t n = strlen(x->name), at = 0;

		while (at < pp->n_env && !(strncmp(env[at], x->name, n) == 0 && env[at][n] == '='))
			at++;
		env[at] = arena_printf(p->arena, "%s=%s", x->name, x->value);
		pp->n_env += at == pp->n_env;
	}
}

/* The id inside of a host's one, or -1. */
static uint32_t graft_inside(const struct plan_idmap *map, uint32_t outside)
{
	if (map->n == 0)
		return outside;
	for (size_t i = 0; i < map->n; i++)
		if (outside - map->v[i].outside < map->v[i].count && outside >= map->v[i].outside)
			return map->v[i].inside + (outside - map->v[i].outside);
	return UINT32_MAX;
}

static bool graft_has_group(const struct plan_creds *c, gid_t gid)
{
	if (c->gid == gid)
		return true;
	for (size_t i = 0; i < c->n_groups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

static void graft_groups(struct plan *p, const struct graft_edits *ed)
{
	struct plan_creds *c = &p->creds;

	if (ed->gid.n == 0 || c->keep_groups)
		return;
	gid_t *groups = arena_array(p->arena, c->n_groups + ed->gid.n, sizeof(*groups));
	if (c->n_groups > 0)
		memcpy(groups, c->groups, c->n_groups * sizeof(*groups));
	c->groups = groups;
	for (size_t i = 0; i < ed->gid.n; i++) {
		uint32_t inside = graft_inside(&p->ns.gid, ed->gid.v[i]);

		if (inside != UINT32_MAX && !c->no_setgroups && !graft_has_group(c, inside))
			c->groups[c->n_groups++] = inside;
	}
}

/* Whether the container's user will be able to open the node, as the kernel's own check has it. */
static bool graft_can_open(const struct plan *p, const struct graft_node *n)
{
	const struct plan_creds *c = &p->creds;
	uint32_t uid = idmap_outside(&p->ns.uid, c->uid);

	if (p->ns.uid.n == 0 && c->uid == 0 &&
	    (c->caps.effective & (UINT64_C(1) << CAP_DAC_OVERRIDE)) != 0)
		return true;
	if (uid == n->uid)
		return (n->mode & 0400) != 0;
	if (c->keep_groups)
		return (n->mode & 0044) != 0;
	uint32_t inside = graft_inside(&p->ns.gid, n->gid);
	if (inside != UINT32_MAX && graft_has_group(c, inside))
		return (n->mode & 0040) != 0;
	return (n->mode & 0004) != 0;
}

static void graft_predict(struct plan *p, struct graft_edits *ed)
{
	for (size_t i = 0; i < ed->device.n; i++) {
		const struct graft_edit_device *d = &ed->device.v[i];

		if (graft_can_open(p, &d->node))
			continue;
		graft_note_add(&ed->note, p->arena, d->domain, "PERM",
			       "the container's user %u won't be able to open %s (mode "
			       "%04o, owner %u:%u); run it with that group, or keep the "
			       "caller's (--group-add keep-groups)",
			       p->creds.uid, d->node.path, (unsigned int)d->node.mode, d->node.uid,
			       d->node.gid);
	}
}

static struct plan_rlimit *graft_find_memlock(struct plan_process *pp)
{
	for (size_t i = 0; i < pp->n_rlimit; i++)
		if (pp->rlimit[i].resource == RLIMIT_MEMLOCK)
			return &pp->rlimit[i];
	return NULL;
}

/* Raising a hard limit is CAP_SYS_RESOURCE's of the initial user namespace. */
int plan_graft_memlock_right(const struct host *h, const struct graft_edits *ed, struct err *e)
{
	uint64_t bytes = ed->memlock.v;
	struct rlimit64 own;

	if (!ed->memlock.set || h->captured || getrlimit64(RLIMIT_MEMLOCK, &own) < 0 ||
	    bytes <= own.rlim_max)
		return 0;
	if (h->euid == 0 && !h->in_userns &&
	    (h->cap_bounding & (UINT64_C(1) << CAP_SYS_RESOURCE)) != 0)
		return 0;
	return graft_refuse(e, EPERM, GRAFT_DOMAINS, "PERM",
			    "%s: the runtime may lock %" PRIu64 " bytes itself and may not give "
			    "more; set LimitMEMLOCK in the unit of what starts it",
			    ed->memlock_why, (uint64_t)own.rlim_max);
}

static int graft_memlock(struct plan *p, const struct host *h, const struct graft_edits *ed,
			 struct err *e)
{
	struct plan_process *pp = &p->process;
	uint64_t bytes = ed->memlock.v;

	if (!ed->memlock.set || pp->argv == NULL)
		return 0;
	int r = plan_graft_memlock_right(h, ed, e);
	if (r < 0)
		return r;
	struct plan_rlimit *have = graft_find_memlock(pp);
	if (have == NULL) {
		struct plan_rlimit *v =
			arena_array(p->arena, pp->n_rlimit + 1, sizeof(*pp->rlimit));
		if (pp->n_rlimit > 0)
			memcpy(v, pp->rlimit, pp->n_rlimit * sizeof(*v));
		pp->rlimit = v;
		have = &v[pp->n_rlimit++];
	}
	*have = (struct plan_rlimit){RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", {bytes, bytes}};
	return 0;
}

/* Registering memory pins it; 8 MiB is systemd's default, and programs fall back to TCP in silence.
 */
#define GRAFT_MEMLOCK_SMALL ((uint64_t)1 << 30)

static void graft_memlock_note(struct plan *p, const struct host *h, struct graft_edits *ed)
{
	const struct plan_rlimit *have = graft_find_memlock(&p->process);
	const struct plan_creds *c = &p->creds;
	struct rlimit64 own = {RLIM64_INFINITY, RLIM64_INFINITY};
	bool rdma = false;

	for (size_t i = 0; i < ed->device.n; i++)
		rdma = rdma || ed->device.v[i].domain == GRAFT_RDMA;
	if (!h->captured)
		(void)getrlimit64(RLIMIT_MEMLOCK, &own);
	uint64_t soft = have != NULL ? have->limit.rlim_cur : own.rlim_cur;
	if (!rdma || soft >= GRAFT_MEMLOCK_SMALL ||
	    (c->caps.effective & (UINT64_C(1) << CAP_IPC_LOCK)) != 0)
		return;
	graft_note_add(&ed->note, p->arena, GRAFT_RDMA, "MEMLOCK",
		       "RLIMIT_MEMLOCK is %" PRIu64 " bytes, and registering memory needs "
		       "more; ask for org.greffon.graft.memlock",
		       soft);
}

int plan_graft_process(struct plan *p, const struct host *h, const struct graft_edits *ed,
		       struct err *e)
{
	int r = graft_memlock(p, h, ed, e);

	if (r < 0)
		return r;
	graft_env(p, ed);
	graft_groups(p, ed);
	return 0;
}

void plan_graft_predict(struct plan *p, const struct host *h, struct graft_edits *ed)
{
	graft_predict(p, ed);
	graft_memlock_note(p, h, ed);
}
