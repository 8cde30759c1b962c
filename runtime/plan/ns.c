/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/annotation.h"
#include "plan/idmap.h"
#include "plan/plan.h"

/* user_namespaces(7): at most 340 lines (Linux 4.15). */
#define NS_MAX_MAPPINGS 340

static const struct {
	enum oci_namespace_type type;
	int flag;
} ns_flags[] = {
	{OCI_NS_PID, CLONE_NEWPID},	  {OCI_NS_NETWORK, CLONE_NEWNET},
	{OCI_NS_MOUNT, CLONE_NEWNS},	  {OCI_NS_IPC, CLONE_NEWIPC},
	{OCI_NS_UTS, CLONE_NEWUTS},	  {OCI_NS_USER, CLONE_NEWUSER},
	{OCI_NS_CGROUP, CLONE_NEWCGROUP}, {OCI_NS_TIME, CLONE_NEWTIME},
};

static int ns_flag(enum oci_namespace_type type)
{
	for (size_t i = 0; i < ARRAY_LEN(ns_flags); i++)
		if (ns_flags[i].type == type)
			return ns_flags[i].flag;
	return 0;
}

uint32_t idmap_outside(const struct plan_idmap *map, uint32_t inside)
{
	for (size_t i = 0; i < map->n; i++)
		if (inside >= map->v[i].inside && inside - map->v[i].inside < map->v[i].count)
			return map->v[i].outside + (inside - map->v[i].inside);
	return map->n == 0 ? inside : UINT32_MAX;
}

static bool ns_overlap(uint64_t a, uint64_t b, uint64_t n_a, uint64_t n_b)
{
	return a < b + n_b && b < a + n_a;
}

/* The kernel refuses overlaps and overflows with a bare EINVAL on the map file: say which entry it
 * is. */
static int ns_check_mapping(const struct plan_idmap *map, const struct plan_idmap_entry *m,
			    struct err *e)
{
	if (m->count == 0)
		return err_set(e, EINVAL, ".size: must not be 0");
	if ((uint64_t)m->inside + m->count > UINT32_MAX ||
	    (uint64_t)m->outside + m->count > UINT32_MAX)
		return err_set(e, EINVAL, ": reaches beyond the largest id");
	for (size_t i = 0; i < map->n; i++) {
		if (ns_overlap(m->inside, map->v[i].inside, m->count, map->v[i].count))
			return err_set(e, EINVAL, ".containerID: overlaps with entry %zu", i);
		if (ns_overlap(m->outside, map->v[i].outside, m->count, map->v[i].count))
			return err_set(e, EINVAL, ".hostID: overlaps with entry %zu", i);
	}
	return 0;
}

int plan_idmap_build(struct plan_idmap *map, struct arena *a, const struct oci_id_mapping *v,
		     size_t n, struct err *e)
{
	if (n > NS_MAX_MAPPINGS)
		return err_set(e, EINVAL, ": has %zu entries, the kernel takes %d", n,
			       NS_MAX_MAPPINGS);
	for (size_t i = 0; i < n; i++) {
		struct plan_idmap_entry m = {(uint32_t)v[i].container_id.v,
					     (uint32_t)v[i].host_id.v, (uint32_t)v[i].size.v};
		if (ns_check_mapping(map, &m, e) < 0) {
			struct err why = *e;
			return err_set(e, EINVAL, "[%zu]%s", i, why.text);
		}
		*ARENA_PUSH(a, map) = m;
	}
	return 0;
}

static int ns_types(struct plan *p, const struct oci_linux *l, struct err *e)
{
	struct plan_ns *ns = &p->ns;

	ns->join = arena_array(p->arena, l->n_namespaces, sizeof(*ns->join));
	for (size_t i = 0; i < l->n_namespaces; i++) {
		const struct oci_namespace *n = &l->namespaces[i];
		int flag = ns_flag(n->type);

		if (((ns->create | ns->joined) & flag) != 0)
			return err_set(e, EINVAL, "linux.namespaces[%zu].type: '%s' is given twice",
				       i, oci_namespace_type_name(n->type));
		if (n->path == NULL || n->path[0] == '\0') {
			ns->create |= flag;
			continue;
		}
		if (n->path[0] != '/')
			return err_set(
				e, EINVAL,
				"linux.namespaces[%zu].path: must be an absolute path, got '%s'", i,
				n->path);
		ns->joined |= flag;
		ns->join[ns->n_join++] = (struct plan_join){
			flag, n->path, arena_printf(p->arena, "linux.namespaces[%zu]", i)};
	}
	return 0;
}

/* More than the caller's own id is the set-id helpers' to give, out of the ranges of /etc/subuid
 * and /etc/subgid. They are never looked for on PATH. */
static const char *ns_helper(const struct host *h, const char *name, struct arena *a)
{
	static const char *const dirs[] = {"usr/bin", "bin", "usr/sbin", "usr/local/bin",
					   "run/wrappers/bin"};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		const char *path = arena_printf(a, "/%s/%s", dirs[i], name);

		if (faccessat(h->root, path + 1, F_OK, 0) == 0)
			return path;
	}
	return NULL;
}

static int ns_helpers(struct plan *p, const struct host *h, struct err *e)
{
	struct plan_ns *ns = &p->ns;

	ns->newuidmap = ns_helper(h, "newuidmap", p->arena);
	ns->newgidmap = ns_helper(h, "newgidmap", p->arena);
	if (ns->newuidmap != NULL && ns->newgidmap != NULL)
		return 0;
	return err_set(e, EPERM,
		       "linux.uidMappings: user %u may map no other id than its own (hostID %u, "
		       "size 1, and group %u in gidMappings): more needs newuidmap and newgidmap "
		       "of the package uidmap, which are not installed",
		       h->euid, h->euid, h->egid);
}

static bool ns_maps_only(const struct plan_idmap *map, uint32_t id)
{
	return map->n == 1 && map->v[0].count == 1 && map->v[0].outside == id;
}

static int ns_maps(struct plan *p, const struct plan_input *in, const struct oci_linux *l,
		   struct err *e)
{
	struct plan_ns *ns = &p->ns;
	bool mapped = l->n_uid_mappings > 0 || l->n_gid_mappings > 0;

	if ((ns->create & CLONE_NEWUSER) == 0) {
		if (mapped && (ns->joined & CLONE_NEWUSER) == 0)
			return err_set(
				e, EINVAL,
				"linux.uidMappings: need a user namespace in linux.namespaces");
		return 0;
	}
	if (l->n_uid_mappings == 0)
		return err_set(e, EINVAL,
			       "linux.uidMappings: are required for a new user namespace");
	if (l->n_gid_mappings == 0)
		return err_set(e, EINVAL,
			       "linux.gidMappings: are required for a new user namespace");
	if (plan_idmap_build(&ns->uid, p->arena, l->uid_mappings, l->n_uid_mappings, e) < 0)
		return err_at(e, "linux.uidMappings");
	if (plan_idmap_build(&ns->gid, p->arena, l->gid_mappings, l->n_gid_mappings, e) < 0)
		return err_at(e, "linux.gidMappings");
	if (in->host->euid == 0)
		return 0;
	/* Without privilege the kernel takes a single line with the caller's own id; more needs the
	 * helpers. */
	bool own = ns_maps_only(&ns->uid, in->host->euid) && ns_maps_only(&ns->gid, in->host->egid);
	ns->deny_setgroups = own;
	return own ? 0 : ns_helpers(p, in->host, e);
}

static int ns_rights(const struct plan_ns *ns, const struct host *h, struct err *e)
{
	bool may = h->euid == 0 || (h->cap_effective & (UINT64_C(1) << CAP_SYS_ADMIN)) != 0;

	if (may || ns->create == 0 || ((ns->create | ns->joined) & CLONE_NEWUSER) != 0)
		return 0;
	return err_set(
		e, EPERM,
		"linux.namespaces: user %u may make namespaces only inside a user namespace: "
		"add one of type 'user' and linux.uidMappings and gidMappings, as 'greffon "
		"spec --rootless' writes them (operation not permitted)",
		h->euid);
}

static int ns_names(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_config *c = in->config;
	static const size_t max = sizeof(((struct utsname *)0)->nodename) - 1;

	if (c->hostname != NULL && c->hostname[0] != '\0')
		p->ns.hostname = c->hostname;
	if (c->domainname != NULL && c->domainname[0] != '\0')
		p->ns.domainname = c->domainname;
	if (p->ns.hostname != NULL && !plan_has_ns(p, CLONE_NEWUTS))
		return err_set(e, EINVAL, "hostname: needs a uts namespace in linux.namespaces");
	if (p->ns.domainname != NULL && !plan_has_ns(p, CLONE_NEWUTS))
		return err_set(e, EINVAL, "domainname: needs a uts namespace in linux.namespaces");
	if (p->ns.hostname != NULL && strlen(p->ns.hostname) > max)
		return err_set(e, EINVAL, "hostname: is longer than %zu bytes", max);
	if (p->ns.domainname != NULL && strlen(p->ns.domainname) > max)
		return err_set(e, EINVAL, "domainname: is longer than %zu bytes", max);
	return 0;
}

static bool ns_number(const char **s, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(*s, &end, 10);
	if (end == *s || errno != 0 || (*end != '\0' && strchr(" \t\n", *end) == NULL))
		return false;
	*s = end;
	return true;
}

/* "monotonic 10 0\nboottime 20 0", the clock also as its number: what /proc/PID/timens_offsets
 * takes. */
static int ns_offsets_annotation(struct plan *p, const char *text, struct err *e)
{
	static const struct {
		const char *name;
		bool boot;
	} clocks[] = {{"monotonic", false}, {"1", false}, {"boottime", true}, {"7", true}};
	const char *s = text;

	if ((p->ns.create & CLONE_NEWTIME) == 0)
		return err_set(e, EINVAL,
			       "annotations.run.oci.timens_offset: needs a new time namespace in "
			       "linux.namespaces");
	for (s += strspn(s, " \t\n"); *s != '\0'; s += strspn(s, " \t\n")) {
		struct opt_i64 secs = {.set = true}, nanos = {.set = true};
		size_t n = strcspn(s, " \t\n"), k = 0;

		while (k < ARRAY_LEN(clocks) &&
		       (strlen(clocks[k].name) != n || strncmp(clocks[k].name, s, n) != 0))
			k++;
		s += n;
		if (k == ARRAY_LEN(clocks) || !ns_number(&s, &secs.v) || !ns_number(&s, &nanos.v) ||
		    nanos.v < 0 || nanos.v > 999999999)
			return err_set(
				e, EINVAL,
				"annotations.run.oci.timens_offset: '%.100s' is not of the form "
				"'monotonic SECONDS NANOSECONDS'",
				text);
		*(clocks[k].boot ? &p->ns.boottime_s : &p->ns.monotonic_s) = secs;
		*(clocks[k].boot ? &p->ns.boottime_ns : &p->ns.monotonic_ns) = nanos;
	}
	return 0;
}

static int ns_offsets(struct plan *p, const struct oci_linux *l, struct err *e)
{
	const char *annotation = annotation_get(p, "timens_offset");

	if (annotation != NULL && l->n_time_offsets > 0)
		return err_set(e, EINVAL,
			       "linux.timeOffsets: the annotation run.oci.timens_offset is there "
			       "too, give one of them");
	if (annotation != NULL)
		return ns_offsets_annotation(p, annotation, e);
	if (l->n_time_offsets == 0)
		return 0;
	if ((p->ns.create & CLONE_NEWTIME) == 0)
		return err_set(e, EINVAL,
			       "linux.timeOffsets: need a new time namespace in linux.namespaces");
	for (size_t i = 0; i < l->n_time_offsets; i++) {
		const struct oci_time_offset *t = &l->time_offsets[i];
		bool boot = strcmp(t->key, "boottime") == 0;

		if (!boot && strcmp(t->key, "monotonic") != 0)
			return err_set(
				e, EINVAL,
				"linux.timeOffsets: unknown clock '%s', use monotonic or boottime",
				t->key);
		if (t->nanosecs.set && t->nanosecs.v > 999999999)
			return err_set(e, ERANGE,
				       "linux.timeOffsets.%s.nanosecs: must be 0 to 999999999",
				       t->key);
		struct opt_i64 s = {true, t->secs.v};
		struct opt_i64 ns = {true, (int64_t)t->nanosecs.v};
		if (boot) {
			p->ns.boottime_s = s;
			p->ns.boottime_ns = ns;
		} else {
			p->ns.monotonic_s = s;
			p->ns.monotonic_ns = ns;
		}
	}
	return 0;
}

int plan_ns_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	static const struct oci_linux none = {0};
	const struct oci_linux *l = in->config->linux != NULL ? in->config->linux : &none;
	int r = ns_types(p, l, e);

	if (r == 0)
		r = ns_rights(&p->ns, in->host, e);
	if (r == 0)
		r = ns_maps(p, in, l, e);
	if (r == 0)
		r = ns_names(p, in, e);
	if (r == 0)
		r = ns_offsets(p, l, e);
	/*
	 * Init can't enter a namespace of the host once it lives in a new user namespace, can't
	 * make namespaces of a user namespace it has yet to join in the same clone, and a runtime
	 * without CAP_SYS_ADMIN where its own pid namespace belongs can't come back from another.
	 */
	p->ns.bridge = (p->ns.joined & CLONE_NEWUSER) != 0 ||
		       ((p->ns.create & CLONE_NEWUSER) != 0 && p->ns.joined != 0) ||
		       ((p->ns.joined & CLONE_NEWPID) != 0 && !host_is_privileged(in->host));
	return r;
}

bool plan_joins_own(const struct plan *p, const struct host *h, int type, const char *proc_name)
{
	char own[64];
	struct stat a, b;

	(void)snprintf(own, sizeof(own), "proc/self/ns/%s", proc_name);
	for (size_t i = 0; i < p->ns.n_join; i++)
		if (p->ns.join[i].type == type)
			return fstatat(h->root, p->ns.join[i].path + 1, &a, 0) == 0 &&
			       fstatat(h->root, own, &b, 0) == 0 && a.st_dev == b.st_dev &&
			       a.st_ino == b.st_ino;
	return false;
}
