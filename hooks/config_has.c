/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/sysmacros.h>

#include "hooks/config_edit.h"
#include "libocispec/oci.h"

static bool rule_fits(const struct oci_device_rule *r, dev_t dev, char access)
{
	char type = r->type != NULL ? r->type[0] : 'a';

	return (type == 'a' || type == 'c' || type == '\0') &&
	       (!r->major.set || r->major.v < 0 || r->major.v == major(dev)) &&
	       (!r->minor.set || r->minor.v < 0 || r->minor.v == minor(dev)) &&
	       (r->access == NULL || r->access[0] == '\0' || strchr(r->access, access) != NULL);
}

bool graft_config_allows(const struct oci_config *c, dev_t dev)
{
	const struct oci_resources *res = c->linux != NULL ? c->linux->resources : NULL;
	bool all = true;

	if (res == NULL || res->n_devices == 0)
		return true;
	for (const char *access = "rw"; *access != '\0'; access++) {
		bool allowed = false;
		for (size_t i = 0; i < res->n_devices; i++)
			if (rule_fits(&res->devices[i], dev, *access))
				allowed = res->devices[i].allow.v;
		all = all && allowed;
	}
	return all;
}

static bool mount_is_bind(const struct oci_mount *m)
{
	bool bind = m->type != NULL && strcmp(m->type, "bind") == 0;

	for (size_t i = 0; i < m->n_options; i++)
		bind = bind || strcmp(m->options[i], "bind") == 0 ||
		       strcmp(m->options[i], "rbind") == 0;
	return bind;
}

bool graft_config_dev_is_bound(const struct oci_config *c)
{
	for (size_t i = 0; i < c->n_mounts; i++)
		if (strcmp(c->mounts[i].destination, "/dev") == 0 && mount_is_bind(&c->mounts[i]))
			return true;
	return false;
}

bool graft_config_has_mount(const struct oci_config *c, const char *target)
{
	for (size_t i = 0; i < c->n_mounts; i++)
		if (strcmp(c->mounts[i].destination, target) == 0)
			return true;
	return false;
}

bool graft_config_has_env(const struct oci_config *c, const struct graft_edit_env *x)
{
	size_t n = strlen(x->name);

	for (size_t i = 0; c->process != NULL && i < c->process->n_env; i++) {
		const char *have = c->process->env[i];
		if (strncmp(have, x->name, n) == 0 && have[n] == '=' &&
		    strcmp(have + n + 1, x->value) == 0)
			return true;
	}
	return false;
}

bool graft_config_has_memlock(const struct oci_config *c, uint64_t bytes)
{
	for (size_t i = 0; c->process != NULL && i < c->process->n_rlimits; i++) {
		const struct oci_rlimit *r = &c->process->rlimits[i];
		if (strcmp(r->type, "RLIMIT_MEMLOCK") == 0)
			return r->soft.v == bytes && r->hard.v == bytes;
	}
	return false;
}

uint32_t graft_config_gid(const struct oci_config *c, gid_t outside)
{
	const struct oci_linux *l = c->linux;

	if (l == NULL || l->n_gid_mappings == 0)
		return outside;
	for (size_t i = 0; i < l->n_gid_mappings; i++) {
		const struct oci_id_mapping *m = &l->gid_mappings[i];
		if (outside >= m->host_id.v && outside - m->host_id.v < m->size.v)
			return (uint32_t)(outside - m->host_id.v + m->container_id.v);
	}
	return UINT32_MAX;
}

bool graft_config_has_group(const struct oci_config *c, uint32_t inside)
{
	const struct oci_user *u = c->process != NULL ? c->process->user : NULL;

	if (u == NULL)
		return inside == 0;
	for (size_t i = 0; i < u->n_additional_gids; i++)
		if (u->additional_gids[i] == inside)
			return true;
	return inside == (u->gid.set ? u->gid.v : 0);
}

bool graft_config_has_limit(const struct oci_config *c, const char *device)
{
	const struct oci_resources *res = c->linux != NULL ? c->linux->resources : NULL;

	for (size_t i = 0; res != NULL && i < res->n_rdma; i++)
		if (strcmp(res->rdma[i].key, device) == 0)
			return true;
	return false;
}
