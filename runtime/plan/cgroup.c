/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "host/cgroupfs.h"
#include "libocispec/oci.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "plan/unit.h"

/* "a//./b/" as "a/b". Components ".." are refused: they would reach the cgroups of others. */
static int cgroup_clean_path(const char *path, struct arena *a, const char **out, struct err *e)
{
	if (strlen(path) >= 3072)
		return err_set(e, ENAMETOOLONG, "linux.cgroupsPath: is longer than 3071 bytes");
	char *clean = arena_alloc(a, strlen(path) + 2);
	size_t len = 0;
	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return err_set(e, EINVAL,
				       "linux.cgroupsPath: must not contain '..', got '%.200s'",
				       path);
		if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (len > 0)
				clean[len++] = '/';
			memcpy(clean + len, p, n);
			len += n;
		}
		p += n + (p[n] == '/');
	}
	if (len == 0)
		return err_set(e, EINVAL,
			       "linux.cgroupsPath: must name a cgroup below the root, got '%.200s'",
			       path);
	*out = clean;
	return 0;
}

static int cgroup_path(struct plan *p, const char *path, struct err *e)
{
	struct plan_cgroup *c = &p->cgroup;

	if (path == NULL) {
		c->path = p->id;
		c->relative = true;
		return 0;
	}
	c->path_given = true;
	c->relative = path[0] != '/';
	return cgroup_clean_path(path, p->arena, &c->path, e);
}

/* An 'a' beside others, which is a type and no access, adds nothing to them with runc. */
static int cgroup_access(const char *text, bool strict, struct plan_device_rule *out, struct err *e)
{
	const char *access = text != NULL && text[0] != '\0' ? text : "rwm";
	bool all = !strict && strpbrk(access, "rwm") != NULL && strchr(access, 'a') != NULL;

	if (all)
		log_warn("%s.access: 'a' in '%.20s' is no access and left out", out->origin,
			 access);
	for (const char *a = access; *a != '\0'; a++) {
		if (all && *a == 'a')
			continue;
		if (strchr("rwm", *a) == NULL)
			return err_set(e, EINVAL, "%s.access: must be of r, w and m, got '%.20s'",
				       out->origin, access);
		out->access |= *a == 'r'   ? PLAN_ACCESS_READ
			       : *a == 'w' ? PLAN_ACCESS_WRITE
					   : PLAN_ACCESS_MKNOD;
	}
	return 0;
}

static int cgroup_rule(struct plan *p, bool strict, const struct oci_device_rule *r, size_t i,
		       struct err *e)
{
	struct plan_device_rule out = {
		.allow = r->allow.v,
		.type = 'a',
		.major = r->major.set ? r->major.v : -1,
		.minor = r->minor.set ? r->minor.v : -1,
		.origin = arena_printf(p->arena, "linux.resources.devices[%zu]", i),
	};

	if (r->type != NULL && r->type[0] != '\0') {
		if (strlen(r->type) != 1 || strchr("abcu", r->type[0]) == NULL)
			return err_set(e, EINVAL, "%s.type: must be a, b or c, got '%.20s'",
				       out.origin, r->type);
		out.type = r->type[0] == 'u' ? 'c' : r->type[0];
	}
	if (out.major < -1 || out.minor < -1 || out.major > UINT32_MAX || out.minor > UINT32_MAX)
		return err_set(e, ERANGE,
			       "%s: major and minor must be numbers of a device, or -1 for any",
			       out.origin);
	if (cgroup_access(r->access, strict, &out, e) < 0)
		return -e->code;
	*ARENA_PUSH(p->arena, &p->cgroup.rules) = out;
	return 0;
}

/* config-linux.md "Default Devices", which the config's rules can't take away, making any node,
 * which is of no use without the right to open it, and /dev/net/tun as both peers have it. */
static void cgroup_default_rules(struct plan *p)
{
	static const struct {
		char type;
		int major, minor;
		unsigned int access;
	} defaults[] = {
		{'c', -1, -1, PLAN_ACCESS_MKNOD}, {'b', -1, -1, PLAN_ACCESS_MKNOD},
		{'c', 1, 3, PLAN_ACCESS_ALL},	 /* null */
		{'c', 1, 5, PLAN_ACCESS_ALL},	 /* zero */
		{'c', 1, 7, PLAN_ACCESS_ALL},	 /* full */
		{'c', 1, 8, PLAN_ACCESS_ALL},	 /* random */
		{'c', 1, 9, PLAN_ACCESS_ALL},	 /* urandom */
		{'c', 5, 0, PLAN_ACCESS_ALL},	 /* tty */
		{'c', 5, 1, PLAN_ACCESS_ALL},	 /* console */
		{'c', 5, 2, PLAN_ACCESS_ALL},	 /* ptmx */
		{'c', 136, -1, PLAN_ACCESS_ALL}, /* pts */
		{'c', 10, 200, PLAN_ACCESS_ALL}, /* tun */
	};

	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		*ARENA_PUSH(p->arena, &p->cgroup.rules) =
			(struct plan_device_rule){true,
						  defaults[i].type,
						  defaults[i].major,
						  defaults[i].minor,
						  defaults[i].access,
						  "default"};
}

static bool cgroup_is_writable_mount(const struct oci_mount *m)
{
	if (m->type == NULL || strncmp(m->type, "cgroup", 6) != 0 || m->destination == NULL ||
	    strcmp(m->destination, "/sys/fs/cgroup") != 0)
		return false;
	for (size_t i = 0; i < m->n_options; i++)
		if (strcmp(m->options[i], "ro") == 0 || strcmp(m->options[i], "rro") == 0)
			return false;
	return true;
}

/* config-linux.md "Cgroup ownership": with v2, a cgroup namespace of its own and a writable mount
 * of it, the container's root owns its cgroup. */
static void cgroup_ownership(struct plan *p, const struct plan_input *in)
{
	const struct oci_config *config = in->config;

	if (in->host->cgroups->mode != CGROUP_V2 || (p->ns.create & CLONE_NEWCGROUP) == 0)
		return;
	p->cgroup.owner = idmap_outside(&p->ns.uid, 0);
	if (p->cgroup.owner == in->host->euid || p->cgroup.owner == (uid_t)-1)
		return;
	for (size_t i = 0; i < config->n_mounts; i++)
		if (cgroup_is_writable_mount(&config->mounts[i]))
			p->cgroup.chown_to_root = true;
}

static int cgroup_resources(struct plan *p, const struct plan_input *in,
			    const struct oci_resources *res, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < res->n_devices; i++)
		r = cgroup_rule(p, in->options->strict, &res->devices[i], i, e);
	if (r == 0 && p->cgroup.rules.n > 0)
		cgroup_default_rules(p);
	return r < 0 ? r : limits_build(p, in->host, res, e);
}

/* Where the cgroup is and whose it is. */
static int cgroup_place(struct plan *p, const struct plan_input *in, const struct oci_linux *l,
			struct err *e)
{
	struct plan_cgroup *c = &p->cgroup;
	bool given = l != NULL && l->cgroups_path != NULL && l->cgroups_path[0] != '\0';
	const char *path = given ? l->cgroups_path : NULL;

	c->manager = in->options->manager;
	c->stay = c->manager == CGROUP_DISABLED || in->host->cgroups->mode == CGROUP_NONE;
	c->origin = given ? "linux.cgroupsPath" : "default";
	return c->manager == CGROUP_SYSTEMD ? unit_name(p, in, path, e) : cgroup_path(p, path, e);
}

int plan_cgroup_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_linux *l = in->config->linux;
	struct plan_cgroup *c = &p->cgroup;
	int r = cgroup_place(p, in, l, e);

	if (r == 0 && l != NULL && l->resources != NULL)
		r = cgroup_resources(p, in, l->resources, e);
	if (r < 0)
		return r;
	if (c->stay && c->settings.n > 0 && c->manager != CGROUP_DISABLED)
		return err_set(e, ENOTSUP, "%s: this host has no cgroup hierarchy mounted",
			       c->settings.v[0].origin);
	if (!c->stay)
		cgroup_ownership(p, in);
	return 0;
}

const char *plan_cgroup_dir(const struct plan_cgroup *pc, const struct host_hierarchy *h,
			    struct arena *a)
{
	if (!pc->relative || strcmp(h->own, "/") == 0)
		return arena_printf(a, "%s/%s", h->mount, pc->path);
	const char *base = h->own;
	if (h->v2) {
		const char *slash = strrchr(base, '/');
		base = arena_strndup(a, base, (size_t)(slash - base));
	}
	return arena_printf(a, "%s%s/%s", h->mount, base, pc->path);
}
