/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/dump.h"

#include <linux/mount.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "hooks/graft.h"
#include "libocispec/oci.h"
#include "plan/dump_out.h"

static const struct dump_bit dump_namespaces[] = {
	{CLONE_NEWUSER, "user"},     {CLONE_NEWPID, "pid"},   {CLONE_NEWNS, "mount"},
	{CLONE_NEWNET, "network"},   {CLONE_NEWIPC, "ipc"},   {CLONE_NEWUTS, "uts"},
	{CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWTIME, "time"},
};

static void dump_container(struct dump *d, const struct plan *p)
{
	dump_item(d, "container");
	dump_set(d, "id", p->id);
	dump_set(d, "bundle", p->bundle);
	dump_set(d, "version", p->oci_version);
	dump_set(d, "origin", "ociVersion");
	for (size_t i = 0; i < p->n_annotation; i++) {
		dump_item(d, "annotation");
		dump_set(d, "key", p->annotation[i].key);
		dump_set(d, "value", p->annotation[i].value);
		dump_set(d, "origin", "annotations");
	}
}

static void dump_idmap(struct dump *d, const char *area, const struct plan_idmap *m,
		       const char *origin)
{
	for (size_t i = 0; i < m->n; i++) {
		dump_item(d, area);
		dump_setf(d, "inside", "%u", m->v[i].inside);
		dump_setf(d, "outside", "%u", m->v[i].outside);
		dump_setf(d, "count", "%u", m->v[i].count);
		dump_setf(d, "origin", "%s[%zu]", origin, i);
	}
}

static void dump_clock(struct dump *d, const char *clock, struct opt_i64 s, struct opt_i64 ns)
{
	if (!s.set)
		return;
	dump_item(d, "time");
	dump_set(d, "clock", clock);
	dump_setf(d, "seconds", "%lld", (long long)s.v);
	dump_setf(d, "nanoseconds", "%lld", (long long)ns.v);
	dump_setf(d, "origin", "linux.timeOffsets.%s", clock);
}

static void dump_ns(struct dump *d, const struct plan *p)
{
	const struct plan_ns *ns = &p->ns;

	dump_item(d, "namespace");
	dump_set(
		d, "new",
		dump_bits(d->a, (uint64_t)ns->create, dump_namespaces, ARRAY_LEN(dump_namespaces)));
	dump_flag(d, "bridge", ns->bridge);
	dump_flag(d, "newidmap", ns->newuidmap != NULL);
	dump_flag(d, "deny-setgroups", ns->deny_setgroups);
	dump_set(d, "origin", "linux.namespaces");
	for (size_t i = 0; i < ns->n_join; i++) {
		dump_item(d, "namespace");
		dump_set(d, "join",
			 dump_bits(d->a, (uint64_t)ns->join[i].type, dump_namespaces,
				   ARRAY_LEN(dump_namespaces)));
		dump_set(d, "path", ns->join[i].path);
		dump_set(d, "origin", ns->join[i].origin);
	}
	dump_idmap(d, "uidmap", &ns->uid, "linux.uidMappings");
	dump_idmap(d, "gidmap", &ns->gid, "linux.gidMappings");
	dump_clock(d, "monotonic", ns->monotonic_s, ns->monotonic_ns);
	dump_clock(d, "boottime", ns->boottime_s, ns->boottime_ns);
	if (ns->hostname != NULL) {
		dump_item(d, "name");
		dump_set(d, "hostname", ns->hostname);
		dump_set(d, "origin", "hostname");
	}
	if (ns->domainname != NULL) {
		dump_item(d, "name");
		dump_set(d, "domainname", ns->domainname);
		dump_set(d, "origin", "domainname");
	}
}

static const struct dump_bit dump_attrs[] = {
	{MOUNT_ATTR_RDONLY, "ro"},
	{MOUNT_ATTR_NOSUID, "nosuid"},
	{MOUNT_ATTR_NODEV, "nodev"},
	{MOUNT_ATTR_NOEXEC, "noexec"},
	{MOUNT_ATTR_NOATIME, "noatime"},
	{MOUNT_ATTR_STRICTATIME, "strictatime"},
	{MOUNT_ATTR_NODIRATIME, "nodiratime"},
	{MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"},
};

/* What is cleared: the atime modes are one field, cleared as a whole. */
static const struct dump_bit dump_cleared[] = {
	{MOUNT_ATTR_RDONLY, "ro"},
	{MOUNT_ATTR_NOSUID, "nosuid"},
	{MOUNT_ATTR_NODEV, "nodev"},
	{MOUNT_ATTR_NOEXEC, "noexec"},
	{MOUNT_ATTR__ATIME, "atime"},
	{MOUNT_ATTR_NODIRATIME, "nodiratime"},
	{MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"},
};

static const struct dump_bit dump_propagations[] = {
	{MS_PRIVATE, "private"},       {MS_SHARED, "shared"}, {MS_SLAVE, "slave"},
	{MS_UNBINDABLE, "unbindable"}, {MS_REC, "recursive"},
};

#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

static const struct dump_bit dump_super[] = {
	{MS_SYNCHRONOUS, "sync"},  {MS_DIRSYNC, "dirsync"},    {MS_MANDLOCK, "mand"},
	{MS_LAZYTIME, "lazytime"}, {MS_I_VERSION, "iversion"}, {MS_SILENT, "silent"},
};

static const char *dump_propagation(struct dump *d, unsigned long flags)
{
	return dump_bits(d->a, flags, dump_propagations, ARRAY_LEN(dump_propagations));
}

static const char *dump_map(struct dump *d, const struct plan_idmap *m)
{
	const char *text = "";

	for (size_t i = 0; i < m->n; i++)
		text = arena_printf(d->a, "%s%s%u:%u:%u", text, i > 0 ? "," : "", m->v[i].inside,
				    m->v[i].outside, m->v[i].count);
	return text;
}

static void dump_mount_flags(struct dump *d, const struct plan_mount *m)
{
	dump_set(d, "set", dump_bits(d->a, m->attr_set, dump_attrs, ARRAY_LEN(dump_attrs)));
	dump_set(d, "clear", dump_bits(d->a, m->attr_clr, dump_cleared, ARRAY_LEN(dump_cleared)));
	dump_set(d, "set-recursive",
		 dump_bits(d->a, m->rec_attr_set, dump_attrs, ARRAY_LEN(dump_attrs)));
	dump_set(d, "clear-recursive",
		 dump_bits(d->a, m->rec_attr_clr, dump_cleared, ARRAY_LEN(dump_cleared)));
	dump_set(d, "super", dump_bits(d->a, m->sb_flags, dump_super, ARRAY_LEN(dump_super)));
	dump_set(d, "data", m->data);
	dump_set(d, "label", m->label);
	dump_set(d, "propagation", dump_propagation(d, m->propagation));
	dump_flag(d, "remount", m->remount);
	dump_flag(d, "copy-up", m->copy_up);
	dump_flag(d, "copy-symlink", m->copy_symlink);
	dump_flag(d, "source-nofollow", m->source_nofollow);
	dump_flag(d, "target-nofollow", m->target_nofollow);
	dump_set(d, "idmap", m->idmap_own ? "own" : NULL);
	dump_set(d, "idmap-uids", dump_map(d, &m->uid));
	dump_set(d, "idmap-gids", dump_map(d, &m->gid));
	dump_flag(d, "idmap-recursive", m->idmap_recursive);
}

static const char *dump_verb(const struct plan_mount *m)
{
	static const char *const verbs[] = {"bind", "filesystem", "cgroup", "file", "curtain"};

	return m->verb == MOUNT_BIND && m->recursive ? "rbind" : verbs[m->verb];
}

static void dump_root(struct dump *d, const struct plan *p)
{
	const struct plan_mounts *m = &p->mounts;

	dump_item(d, "root");
	dump_set(d, "path", p->rootfs);
	dump_set(d, "access", m->root_readonly ? "ro" : "rw");
	dump_flag(d, "no-pivot", m->no_pivot);
	dump_set(d, "label", m->label);
	dump_set(d, "origin", "root");
	dump_item(d, "propagate");
	dump_set(d, "host-tree", dump_propagation(d, m->root_propagation));
	dump_set(d, "root", dump_propagation(d, m->final_propagation));
	dump_set(d, "origin", m->propagation_origin);
}

static void dump_veil(struct dump *d, const struct graft_veil *v)
{
	const char *hides = "";

	for (size_t i = 0; i < v->n_hide; i++)
		hides = arena_printf(d->a, "%s%s%s", hides, i > 0 ? "," : "", v->hide[i]);
	dump_set(d, "hides", hides);
	dump_set(d, "changes", v->file);
}

static void dump_mounts(struct dump *d, const struct plan *p)
{
	bool cgroup = false;

	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct plan_mount *m = &p->mounts.v[i];

		dump_item(d, "mount");
		dump_set(d, "target", m->target);
		dump_set(d, "kind", dump_verb(m));
		dump_set(d, "type", m->verb == MOUNT_FS ? m->fstype : NULL);
		dump_set(d, "source", m->source);
		if (m->verb == MOUNT_FILE)
			dump_set(d, "bytes", arena_printf(d->a, "%zu", m->content_len));
		if (m->verb == MOUNT_VEIL)
			dump_veil(d, m->veil);
		dump_mount_flags(d, m);
		dump_set(d, "origin", m->origin);
		cgroup = cgroup || m->verb == MOUNT_CGROUP;
	}
	for (size_t i = 0; cgroup && i < p->mounts.n_cgroup; i++) {
		const struct plan_cgroup_view *v = &p->mounts.cgroup[i];

		dump_item(d, "view");
		dump_set(d, "name", v->name);
		dump_set(d, "source", v->source);
		dump_set(d, "controllers", v->controllers);
		dump_flag(d, "read-only", v->whole);
		dump_set(d, "origin", "host");
	}
	for (size_t i = 0; i < p->masks.n_masked; i++) {
		dump_item(d, "masked");
		dump_set(d, "path", p->masks.masked[i]);
		dump_set(d, "origin", "linux.maskedPaths");
	}
	for (size_t i = 0; i < p->masks.n_readonly; i++) {
		dump_item(d, "readonly");
		dump_set(d, "path", p->masks.readonly[i]);
		dump_set(d, "origin", "linux.readonlyPaths");
	}
}

static void dump_devices(struct dump *d, const struct plan *p)
{
	for (size_t i = 0; i < p->nodes.n; i++) {
		const struct plan_node *n = &p->nodes.v[i];

		dump_item(d, "device");
		dump_set(d, "path", n->path);
		dump_setf(d, "node", "%s %u:%u",
			  S_ISBLK(n->mode) ? "b" : (S_ISFIFO(n->mode) ? "p" : "c"), major(n->dev),
			  minor(n->dev));
		dump_setf(d, "mode", "%04o", (unsigned int)n->mode & 07777);
		dump_setf(d, "owner", "%u:%u", n->uid, n->gid);
		dump_set(d, "how", n->bind ? "bind" : NULL);
		dump_set(d, "origin", n->origin);
	}
	for (size_t i = 0; i < p->nodes.n_link; i++) {
		dump_item(d, "link");
		dump_set(d, "path", p->nodes.link[i].path);
		dump_set(d, "target", p->nodes.link[i].target);
		dump_set(d, "origin", "default");
	}
}

/* The items of a list with commas; of a mask of bytes the bytes as hexadecimal digits. */
static const char *dump_property_value(struct dump *d, const struct property *u)
{
	const char *text = "";

	for (size_t i = 0; i < u->n_strings || i < u->n_numbers; i++) {
		const char *gap = i == 0 || u->type == PROPERTY_BYTES ? "" : ",";

		if (i < u->n_strings)
			text = arena_printf(d->a, "%s%s%s", text, gap, u->strings[i]);
		if (i >= u->n_numbers)
			continue;
		unsigned long long n = u->numbers[i];
		if (u->type == PROPERTY_BOOL)
			text = n != 0 ? "yes" : "no";
		else if (u->type == PROPERTY_BYTES)
			text = arena_printf(d->a, "%s%02llx", text, n);
		else if (n == UINT64_MAX)
			text = arena_printf(d->a, "%s%s", text, "infinity");
		else
			text = arena_printf(d->a, "%s%s%llu", text, i < u->n_strings ? ":" : gap,
					    n);
	}
	return text;
}

static void dump_unit(struct dump *d, const struct plan_cgroup *c)
{
	const struct plan_unit *u = &c->unit;

	dump_item(d, "unit");
	dump_set(d, "name", u->name);
	dump_set(d, "slice", u->slice);
	dump_set(d, "bus", u->user ? "user" : "system");
	dump_set(d, "subgroup", u->subgroup);
	dump_flag(d, "device-program", !u->devices_exact);
	dump_set(d, "origin", c->origin);
	for (size_t i = 0; i < u->properties.n; i++) {
		const struct property *v = &u->properties.v[i];
		/* an empty list only empties an older one */
		if (v->n_strings + v->n_numbers == 0)
			continue;
		dump_item(d, "property");
		dump_set(d, "name", v->name);
		dump_set(d, "value", dump_property_value(d, v));
		dump_set(d, "origin", v->origin);
	}
}

static void dump_cgroup(struct dump *d, const struct plan *p)
{
	static const char *const managers[] = {"cgroupfs", "systemd", "disabled"};
	const struct plan_cgroup *c = &p->cgroup;

	dump_item(d, "cgroup");
	dump_set(d, "manager", managers[c->manager]);
	dump_set(d, "path", c->stay ? NULL : c->path);
	dump_flag(d, "relative", c->relative);
	dump_flag(d, "stays", c->stay);
	if (c->chown_to_root)
		dump_setf(d, "owner", "%u", c->owner);
	dump_set(d, "origin", c->origin);
	if (c->unit.name != NULL)
		dump_unit(d, c);
	for (size_t i = 0; i < c->settings.n; i++) {
		dump_item(d, "limit");
		dump_set(d, "controller", c->settings.v[i].controller);
		dump_set(d, "file", c->settings.v[i].file);
		dump_set(d, "value", c->settings.v[i].value);
		dump_flag(d, "optional", c->settings.v[i].optional);
		dump_set(d, "origin", c->settings.v[i].origin);
	}
	for (size_t i = 0; i < c->rules.n; i++) {
		const struct plan_device_rule *r = &c->rules.v[i];

		dump_item(d, "rule");
		dump_set(d, "devices", r->allow ? "allow" : "deny");
		dump_setf(d, "node", "%c %s:%s", r->type,
			  r->major < 0 ? "*" : arena_printf(d->a, "%lld", (long long)r->major),
			  r->minor < 0 ? "*" : arena_printf(d->a, "%lld", (long long)r->minor));
		dump_setf(d, "access", "%s%s%s", (r->access & PLAN_ACCESS_READ) != 0 ? "r" : "",
			  (r->access & PLAN_ACCESS_WRITE) != 0 ? "w" : "",
			  (r->access & PLAN_ACCESS_MKNOD) != 0 ? "m" : "");
		dump_set(d, "origin", r->origin);
	}
}

static const struct dump_bit dump_filter_flags[] = {
	{SECCOMP_FILTER_FLAG_TSYNC, "tsync"},
	{SECCOMP_FILTER_FLAG_LOG, "log"},
	{SECCOMP_FILTER_FLAG_SPEC_ALLOW, "spec-allow"},
	{1 << 5, "wait-killable-recv"}, /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 5.19 */
};

static void dump_seccomp(struct dump *d, const struct plan_seccomp *s)
{
	if (s->profile == NULL)
		return;
	dump_item(d, "seccomp");
	dump_set(d, "default", oci_seccomp_action_name(s->profile->default_action));
	if (s->profile->default_errno_ret.set)
		dump_setf(d, "errno", "%llu", (unsigned long long)s->profile->default_errno_ret.v);
	dump_setf(d, "rules", "%zu", s->profile->n_syscalls);
	dump_set(d, "flags",
		 dump_bits(d->a, s->flags, dump_filter_flags, ARRAY_LEN(dump_filter_flags)));
	dump_set(d, "listener", s->listener_path);
	dump_set(d, "metadata", s->listener_metadata);
	dump_set(d, "origin", "linux.seccomp");
}

static void dump_hooks(struct dump *d, const struct plan *p)
{
	static const char *const kinds[HOOK_KINDS] = {"prestart",	 "createRuntime",
						      "createContainer", "startContainer",
						      "poststart",	 "poststop"};

	for (int k = 0; k < HOOK_KINDS; k++)
		for (size_t i = 0; i < p->hooks[k].n; i++) {
			const struct plan_hook *h = &p->hooks[k].v[i];

			dump_item(d, "hook");
			dump_set(d, "kind", kinds[k]);
			dump_set(d, "path", h->path);
			dump_set(d, "args", dump_words(d->a, h->argv));
			dump_set(d, "env", dump_words(d->a, h->env));
			if (h->timeout_s > 0)
				dump_setf(d, "timeout", "%d", h->timeout_s);
			dump_set(d, "origin", h->origin);
		}
}

static void dump_network(struct dump *d, const struct plan *p)
{
	if (p->rdt.group != NULL) {
		dump_item(d, "rdt");
		dump_set(d, "group", p->rdt.group);
		dump_set(d, "monitor", p->rdt.monitor ? "yes" : NULL);
		dump_set(d, "origin", p->rdt.origin);
	}
	for (size_t i = 0; i < p->rdt.n_line; i++) {
		dump_item(d, "schema");
		dump_set(d, "value", p->rdt.line[i]);
		dump_set(d, "origin", p->rdt.origin);
	}
	for (size_t i = 0; i < p->n_rdma; i++) {
		dump_item(d, "rdma");
		dump_set(d, "move", p->rdma[i].device);
		dump_set(d, "origin", p->rdma[i].origin);
	}
	for (size_t i = 0; i < p->n_netdev; i++) {
		dump_item(d, "netdev");
		dump_set(d, "name", p->netdev[i].name);
		dump_set(d, "inside", p->netdev[i].inside);
		dump_set(d, "origin", p->netdev[i].origin);
	}
}

static void dump_sysctls(struct dump *d, const struct plan *p)
{
	for (size_t i = 0; i < p->n_sysctl; i++) {
		dump_item(d, "sysctl");
		dump_set(d, "key", p->sysctl[i].key);
		dump_set(d, "value", p->sysctl[i].value);
		dump_set(d, "origin", "linux.sysctl");
	}
}

/* Devices, mounts and limits of a graft stand among the others, with their origin. */
static void dump_graft(struct dump *d, const struct graft_edits *ed)
{
	for (size_t i = 0; i < ed->env.n; i++) {
		dump_item(d, "graft");
		dump_setf(d, "env", "%s=%s", ed->env.v[i].name, ed->env.v[i].value);
		dump_set(d, "origin", ed->env.v[i].why);
	}
	for (size_t i = 0; i < ed->gid.n; i++) {
		dump_item(d, "graft");
		dump_setf(d, "group", "%u", ed->gid.v[i]);
	}
	if (ed->memlock.set) {
		dump_item(d, "graft");
		dump_setf(d, "memlock", "%llu", (unsigned long long)ed->memlock.v);
		dump_set(d, "origin", ed->memlock_why);
	}
	for (size_t i = 0; i < ed->note.n; i++) {
		dump_item(d, "graft");
		dump_set(d, "note", ed->note.v[i].text);
		dump_set(d, "code", ed->note.v[i].code);
	}
}

const char *plan_dump(const struct plan *p, enum dump_style style, size_t *out_len)
{
	struct dump d = {.a = p->arena, .style = style};

	if (style == DUMP_JSON)
		dump_text(&d, "[");
	dump_container(&d, p);
	dump_ns(&d, p);
	dump_root(&d, p);
	dump_mounts(&d, p);
	dump_devices(&d, p);
	dump_cgroup(&d, p);
	dump_process(&d, p);
	dump_sysctls(&d, p);
	dump_network(&d, p);
	dump_seccomp(&d, &p->seccomp);
	dump_hooks(&d, p);
	if (p->graft != NULL)
		dump_graft(&d, p->graft);
	dump_close(&d);
	dump_text(&d, style == DUMP_JSON ? "\n]\n" : "");
	d.v[d.n] = '\0';
	*out_len = d.n;
	return d.v;
}
