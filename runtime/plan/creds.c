/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

#include "base/log.h"
#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/plan.h"

/* One set by names. Unknown names and those this node can't give are a warning (config.md "process"), all of
 * them in one line. */
static uint64_t creds_cap_set(struct plan *p, const char *const *names, size_t n, uint64_t can,
			      const char **refused)
{
	uint64_t set = 0;

	for (size_t i = 0; i < n; i++) {
		cap_value_t cap;
		bool known = strncasecmp(names[i], "CAP_", 4) == 0 && cap_from_name(names[i], &cap) == 0 &&
			     cap >= 0 && cap < 64;
		if (known && (can & (UINT64_C(1) << cap)) != 0)
			set |= UINT64_C(1) << cap;
		else if (strstr(*refused, names[i]) == NULL)
			*refused = arena_printf(p->arena, "%s%s%.60s", *refused, **refused != '\0' ? ", " : "",
						names[i]);
	}
	return set;
}

static void creds_caps(struct plan *p, const struct oci_capabilities *c, uint64_t bounding)
{
	/* root of a new user namespace has them all, whatever the runtime may give */
	uint64_t can = (p->ns.create & CLONE_NEWUSER) != 0 || p->rootfs == NULL ? UINT64_MAX : bounding;
	struct plan_caps *caps = &p->creds.caps;
	const char *refused = "";

	caps->set = true;
	caps->bounding = creds_cap_set(p, c->bounding, c->n_bounding, can, &refused);
	caps->permitted = creds_cap_set(p, c->permitted, c->n_permitted, can, &refused);
	caps->effective = creds_cap_set(p, c->effective, c->n_effective, can, &refused);
	caps->inheritable = creds_cap_set(p, c->inheritable, c->n_inheritable, can, &refused);
	caps->ambient = creds_cap_set(p, c->ambient, c->n_ambient, can, &refused);
	/* effective and ambient can't exceed permitted: the kernel would refuse the whole call */
	caps->effective &= caps->permitted;
	uint64_t ambient = caps->ambient & caps->permitted & caps->inheritable;
	if (ambient != caps->ambient)
		log_debug("process.capabilities.ambient: those not in permitted and inheritable are left out");
	caps->ambient = ambient;
	if (*refused != '\0')
		log_warn("process.capabilities: unknown or not available here, left out: %s", refused);
}

static const char *creds_annotation(const struct plan *p, const char *name)
{
	static const char *const prefixes[] = {"org.greffon.", "run.oci."};

	for (size_t i = 0; i < p->n_annotation; i++)
		for (size_t k = 0; k < ARRAY_LEN(prefixes); k++) {
			size_t n = strlen(prefixes[k]);
			if (strncmp(p->annotation[i].key, prefixes[k], n) == 0 &&
			    strcmp(p->annotation[i].key + n, name) == 0)
				return p->annotation[i].value;
		}
	return NULL;
}

static int creds_user(struct plan *p, const struct oci_user *u, struct err *e)
{
	struct plan_creds *c = &p->creds;

	if (u->uid.v == UINT32_MAX || u->gid.v == UINT32_MAX)
		return err_set(e, ERANGE, "process.user: 4294967295 is no id");
	c->uid = (uid_t)u->uid.v;
	c->gid = (gid_t)u->gid.v;
	if (p->ns.uid.n > 0 && idmap_outside(&p->ns.uid, c->uid) == UINT32_MAX)
		return err_set(e, EINVAL, "process.user.uid: %u is not mapped by linux.uidMappings", c->uid);
	if (p->ns.gid.n > 0 && idmap_outside(&p->ns.gid, c->gid) == UINT32_MAX)
		return err_set(e, EINVAL, "process.user.gid: %u is not mapped by linux.gidMappings", c->gid);
	if (u->umask.set && u->umask.v > 0777)
		return err_set(e, ERANGE, "process.user.umask: %llu has more than permission bits",
			       (unsigned long long)u->umask.v);
	c->umask = u->umask;
	c->groups = arena_array(p->arena, u->n_additional_gids, sizeof(*c->groups));
	for (size_t i = 0; i < u->n_additional_gids; i++) {
		gid_t gid = (gid_t)u->additional_gids[i];
		if (gid == UINT32_MAX || (p->ns.gid.n > 0 && idmap_outside(&p->ns.gid, gid) == UINT32_MAX))
			return err_set(e, EINVAL, "process.user.additionalGids[%zu]: %u is not mapped by linux.gidMappings",
				       i, gid);
		c->groups[c->n_groups++] = gid;
	}
	if (c->n_groups > 0 && c->no_setgroups && !c->keep_groups)
		return err_set(e, EPERM,
			       "process.user.additionalGids: an unprivileged single-id user namespace can't set groups");
	return 0;
}

int plan_creds_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_process *o = in->config->process;
	struct plan_creds *c = &p->creds;

	c->new_keyring = !in->options->no_new_keyring;
	c->no_setgroups = p->ns.deny_setgroups;
	const char *keep = creds_annotation(p, "keep_original_groups");
	c->keep_groups = keep != NULL && strcmp(keep, "0") != 0;
	if (o == NULL)
		return 0;
	c->no_new_privs = o->no_new_privileges.v;
	if (o->apparmor_profile != NULL && o->apparmor_profile[0] != '\0')
		c->apparmor = o->apparmor_profile;
	if (o->selinux_label != NULL && o->selinux_label[0] != '\0')
		c->selinux = o->selinux_label;
	c->keyring_label = c->selinux;
	if (o->capabilities != NULL)
		creds_caps(p, o->capabilities, in->host->cap_bounding);
	return o->user != NULL ? creds_user(p, o->user, e) : 0;
}
