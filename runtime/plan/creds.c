/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

#include "base/io.h"
#include "base/log.h"
#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/annotation.h"
#include "plan/lsm.h"
#include "plan/plan.h"

#define CREDS_MAX_GROUPS 65536 /* NGROUPS_MAX of the kernel */

/* What the config asks for and does not get; in one warning. */
struct creds_refused {
	uint64_t caps;	     /* known, but not this node's to give */
	const char *unknown; /* the first unknown name */
	size_t n_unknown;    /* distinct or not */
};

static uint64_t creds_cap_set(const char *const *names, size_t n, uint64_t can,
			      struct creds_refused *refused)
{
	uint64_t set = 0;

	for (size_t i = 0; i < n; i++) {
		cap_value_t cap;
		/* the prefix too: cap_from_name() would also take a bare number */
		if (strncasecmp(names[i], "CAP_", 4) != 0 || cap_from_name(names[i], &cap) < 0 ||
		    cap < 0 || cap > 63) {
			refused->unknown = refused->unknown != NULL ? refused->unknown : names[i];
			refused->n_unknown++;
		} else if ((can & (UINT64_C(1) << cap)) != 0) {
			set |= UINT64_C(1) << cap;
		} else {
			refused->caps |= UINT64_C(1) << cap;
		}
	}
	return set;
}

static const char *creds_cap_names(struct arena *a, uint64_t caps)
{
	const char *list = "";

	for (int cap = 0; cap < 64; cap++) {
		if ((caps & (UINT64_C(1) << cap)) == 0)
			continue;
		char *name = cap_to_name(cap);
		list = arena_printf(a, "%s%s%s", list, *list != '\0' ? ", " : "",
				    name != NULL ? name : "?");
		(void)cap_free(name);
	}
	return list;
}

/* config.md "process": unknown names and those that can't be granted are a warning, not an error.
 */
static int creds_left_out(struct arena *a, const struct creds_refused *refused, bool strict,
			  struct err *e)
{
	const char *text = NULL;

	if (refused->n_unknown > 0 && refused->caps != 0)
		text = arena_printf(a, "'%.60s' (%zu unknown), %s (not this host's to give)",
				    refused->unknown, refused->n_unknown,
				    creds_cap_names(a, refused->caps));
	else if (refused->n_unknown > 0)
		text = arena_printf(a, "'%.60s' (%zu unknown)", refused->unknown,
				    refused->n_unknown);
	else if (refused->caps != 0)
		text = arena_printf(a, "%s (not this host's to give)",
				    creds_cap_names(a, refused->caps));
	if (text != NULL && strict)
		return err_set(
			e, EINVAL,
			"process.capabilities: can't be given, and --strict was asked for: %s",
			text);
	if (text != NULL)
		log_warn("process.capabilities: left out: %s", text);
	return 0;
}

/* A user namespace, new or joined, starts with every capability of the kernel, whatever the
 * runtime's own bounding set lacks (user_namespaces(7)). */
static uint64_t creds_grantable(const struct plan *p, const struct host *h)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;
	uint64_t last = 40; /* CAP_CHECKPOINT_RESTORE, 5.9 */

	if (!plan_has_ns(p, CLONE_NEWUSER))
		return h->cap_bounding;
	if (io_read_file(h->root, "proc/sys/kernel/cap_last_cap", 64, &a, &text, NULL) == 0) {
		text[strcspn(text, "\n")] = '\0';
		(void)num_u64(text, 62, &last);
	}
	return (UINT64_C(2) << last) - 1;
}

static int creds_caps(struct plan *p, const struct oci_capabilities *c, const struct plan_input *in,
		      struct err *e)
{
	uint64_t can = creds_grantable(p, in->host);
	struct plan_caps *caps = &p->creds.caps;
	struct creds_refused refused = {0};

	/* of a user namespace it is all that the kernel knows, which may be more than we do */
	p->creds.bounding_now = plan_has_ns(p, CLONE_NEWUSER) ? UINT64_MAX : can;
	caps->bounding = creds_cap_set(c->bounding, c->n_bounding, can, &refused);
	caps->permitted = creds_cap_set(c->permitted, c->n_permitted, can, &refused);
	caps->effective = creds_cap_set(c->effective, c->n_effective, can, &refused);
	caps->inheritable = creds_cap_set(c->inheritable, c->n_inheritable, can, &refused);
	caps->ambient = creds_cap_set(c->ambient, c->n_ambient, can, &refused);
	if (creds_left_out(p->arena, &refused, in->options->strict, e) < 0)
		return -e->code;
	/* capset(2) would refuse these with a bare EPERM */
	uint64_t bad = caps->effective & ~caps->permitted;
	if (bad != 0)
		return err_set(e, EINVAL,
			       "process.capabilities.effective: must also be in permitted: %s",
			       creds_cap_names(p->arena, bad));
	bad = caps->inheritable & ~caps->bounding;
	if (bad != 0)
		return err_set(e, EINVAL,
			       "process.capabilities.inheritable: must also be in bounding: %s",
			       creds_cap_names(p->arena, bad));
	bad = caps->ambient & ~(caps->permitted & caps->inheritable);
	caps->ambient &= ~bad;
	/* root has its permitted set after execve(2) as well; buildah asks so in each step of a
	 * build, with the inheritable set left empty (CVE-2022-29162) */
	if (bad != 0 && p->creds.uid != 0)
		log_warn("process.capabilities.ambient: left out, not in permitted and "
			 "inheritable: %s",
			 creds_cap_names(p->arena, bad));
	return 0;
}

/* 4294967295 is (uid_t)-1, which set*id(2) take as "leave it". */
static int creds_id(const struct plan_idmap *map, uint64_t id, const char *field, const char *maps,
		    struct err *e)
{
	if (id >= UINT32_MAX)
		return err_set(e, ERANGE, "%s: must be at most 4294967294, got %llu", field,
			       (unsigned long long)id);
	if (map->n > 0 && idmap_outside(map, (uint32_t)id) == UINT32_MAX)
		return err_set(e, EINVAL, "%s: %llu is not mapped by linux.%s", field,
			       (unsigned long long)id, maps);
	return 0;
}

static int creds_groups(struct plan *p, const struct oci_user *u, struct err *e)
{
	struct plan_creds *c = &p->creds;

	if (c->keep_groups)
		return 0;
	if (u->n_additional_gids > CREDS_MAX_GROUPS)
		return err_set(e, EINVAL,
			       "process.user.additionalGids: has %zu entries, the kernel takes %d",
			       u->n_additional_gids, CREDS_MAX_GROUPS);
	if (u->n_additional_gids > 0 && c->no_setgroups)
		return err_set(e, EPERM,
			       "process.user.additionalGids: this user namespace may not set "
			       "groups (setgroups is "
			       "\"deny\"); leave them out, or keep the caller's by the annotation "
			       "org.greffon.keep_original_groups");
	c->groups = arena_array(p->arena, u->n_additional_gids, sizeof(*c->groups));
	for (size_t i = 0; i < u->n_additional_gids; i++) {
		char field[64];
		(void)snprintf(field, sizeof(field), "process.user.additionalGids[%zu]", i);
		if (creds_id(&p->ns.gid, u->additional_gids[i], field, "gidMappings", e) < 0)
			return -e->code;
		c->groups[c->n_groups++] = (gid_t)u->additional_gids[i];
	}
	return 0;
}

static int creds_user(struct plan *p, const struct oci_user *u, struct err *e)
{
	struct plan_creds *c = &p->creds;
	int r = creds_id(&p->ns.uid, u->uid.v, "process.user.uid", "uidMappings", e);

	if (r == 0)
		r = creds_id(&p->ns.gid, u->gid.v, "process.user.gid", "gidMappings", e);
	if (r < 0)
		return r;
	c->uid = (uid_t)u->uid.v;
	c->gid = (gid_t)u->gid.v;
	if (u->umask.set && u->umask.v > 0777)
		return err_set(e, ERANGE, "process.user.umask: %llu has more than permission bits",
			       (unsigned long long)u->umask.v);
	c->umask = u->umask;
	return creds_groups(p, u, e);
}

/* A namespace made by an unprivileged user denies setgroups to itself and to all below it
 * (CVE-2014-8989). */
static bool creds_setgroups_denied(const struct plan *p, const struct host *h)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;

	if (p->ns.deny_setgroups)
		return true;
	return h->in_userns &&
	       io_read_file(h->root, "proc/self/setgroups", 64, &a, &text, NULL) == 0 &&
	       strncmp(text, "deny", 4) == 0;
}

int plan_creds_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	static const struct oci_user nobody_said = {0};
	static const struct oci_capabilities none = {0};
	const struct oci_process *o = in->config->process;
	struct plan_creds *c = &p->creds;

	c->new_keyring = !in->options->no_new_keyring;
	c->no_setgroups = creds_setgroups_denied(p, in->host);
	const char *keep = annotation_get(p, "keep_original_groups");
	c->keep_groups = keep != NULL && strcmp(keep, "0") != 0;
	/* absent capabilities are no capabilities, as with the peers; also for a container without
	 * a process */
	c->caps.set = o != NULL && o->capabilities != NULL;
	int r = 0;
	if (o != NULL)
		r = creds_user(p, o->user != NULL ? o->user : &nobody_said, e);
	if (r == 0)
		r = creds_caps(p, c->caps.set ? o->capabilities : &none, in, e);
	if (r < 0 || o == NULL)
		return r;
	c->no_new_privs = o->no_new_privileges.v;
	return lsm_build(p, o, in->host, e);
}
