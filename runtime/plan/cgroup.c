/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <strings.h>

#include "host/cgroupfs.h"
#include "libocispec/oci.h"
#include "plan/limits.h"
#include "plan/plan.h"

/* Components ".." would reach cgroups of others (and CVE class of path escapes by annotation). */
static int cgroup_check_path(const char *path, struct err *e)
{
	if (strlen(path) >= 3072)
		return err_set(e, ENAMETOOLONG, "linux.cgroupsPath: is longer than 3071 bytes");
	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return err_set(e, EINVAL, "linux.cgroupsPath: must not contain '..', got '%.200s'", path);
		p += n + (p[n] == '/');
	}
	return 0;
}

static int cgroup_path(struct plan *p, const struct plan_input *in, const char *path, struct err *e)
{
	struct plan_cgroup *c = &p->cgroup;

	if (c->manager == CGROUP_SYSTEMD)
		return err_set(e, ENOTSUP, "--systemd-cgroup: the systemd driver is not part of this build; use cgroupfs");
	if (path == NULL || path[0] == '\0') {
		c->path = p->id;
		c->relative = true;
		return 0;
	}
	if (cgroup_check_path(path, e) < 0)
		return -e->code;
	c->relative = path[0] != '/';
	while (*path == '/')
		path++;
	if (*path == '\0')
		return err_set(e, EINVAL, "linux.cgroupsPath: must name a cgroup below the root");
	c->path = path;
	(void)in;
	return 0;
}

static int cgroup_rule(struct plan *p, const struct oci_device_rule *r, size_t i, struct err *e)
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
			return err_set(e, EINVAL, "%s.type: must be a, b or c, got '%.20s'", out.origin, r->type);
		out.type = r->type[0] == 'u' ? 'c' : r->type[0];
	}
	if (out.major < -1 || out.minor < -1)
		return err_set(e, ERANGE, "%s: major and minor must not be negative", out.origin);
	const char *access = r->access != NULL && r->access[0] != '\0' ? r->access : "rwm";
	for (const char *a = access; *a != '\0'; a++) {
		if (strchr("rwm", *a) == NULL)
			return err_set(e, EINVAL, "%s.access: must be of r, w and m, got '%.20s'", out.origin, access);
		out.access |= *a == 'r' ? PLAN_ACCESS_READ : (*a == 'w' ? PLAN_ACCESS_WRITE : PLAN_ACCESS_MKNOD);
	}
	*ARENA_PUSH(p->arena, &p->cgroup.rules) = out;
	return 0;
}

/* config-linux.md "Default Devices", which the config's rules can't take away, making any node, which is of no use
 * without the right to open it, and /dev/net/tun as both peers have it. */
static void cgroup_default_rules(struct plan *p)
{
	static const struct {
		char type;
		int major, minor;
		unsigned int access;
	} defaults[] = {
		{'c', -1, -1, PLAN_ACCESS_MKNOD},
		{'b', -1, -1, PLAN_ACCESS_MKNOD},
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
		*ARENA_PUSH(p->arena, &p->cgroup.rules) = (struct plan_device_rule){
			true, defaults[i].type, defaults[i].major, defaults[i].minor, defaults[i].access, "default"};
}

int plan_cgroup_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_linux *l = in->config->linux;
	const struct oci_resources *res = l != NULL ? l->resources : NULL;
	int r;

	p->cgroup.manager = in->options->manager;
	if (p->cgroup.manager == CGROUP_DISABLED || in->host->cgroups->mode == CGROUP_NONE)
		p->cgroup.stay = true;
	r = cgroup_path(p, in, l != NULL ? l->cgroups_path : NULL, e);
	for (size_t i = 0; r == 0 && res != NULL && i < res->n_devices; i++)
		r = cgroup_rule(p, &res->devices[i], i, e);
	if (r == 0 && p->cgroup.rules.n > 0)
		cgroup_default_rules(p);
	if (r == 0 && res != NULL)
		r = limits_build(p, in->host, res, e);
	if (r == 0 && p->cgroup.stay && p->cgroup.settings.n > 0 && p->cgroup.manager != CGROUP_DISABLED)
		return err_set(e, ENOTSUP, "%s: this host has no cgroup hierarchy mounted", p->cgroup.settings.v[0].origin);
	return r;
}

const char *plan_cgroup_dir(const struct plan_cgroup *pc, const struct host_hierarchy *h, struct arena *a)
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
