/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/dump.h"

#include <linux/mount.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "libocispec/oci.h"

/* One item is a list of name and value pairs; the first is the area. */
struct dump {
	struct arena *a;
	enum dump_style style;
	char *v;
	size_t n, cap;
	bool item_open, any;
};

static void dump_bytes(struct dump *d, const char *s, size_t n)
{
	if (d->n + n + 1 > d->cap) {
		size_t cap = (d->n + n + 1) * 2;
		char *grown = arena_alloc(d->a, cap);
		if (d->n > 0)
			memcpy(grown, d->v, d->n);
		d->v = grown;
		d->cap = cap;
	}
	memcpy(d->v + d->n, s, n);
	d->n += n;
}

static void dump_text(struct dump *d, const char *s)
{
	dump_bytes(d, s, strlen(s));
}

/* The same escapes for both styles: a value may hold any byte. */
static void dump_escaped(struct dump *d, const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		char code[8];

		if (c == '"' || c == '\\') {
			dump_bytes(d, (char[]){'\\', (char)c}, 2);
		} else if (c < 0x20 || c == 0x7f) {
			(void)snprintf(code, sizeof(code), "\\u%04x", c);
			dump_text(d, code);
		} else {
			dump_bytes(d, s, 1);
		}
	}
}

static void dump_close(struct dump *d)
{
	if (d->item_open)
		dump_text(d, d->style == DUMP_JSON ? "}" : "\n");
	d->item_open = false;
}

static void dump_item(struct dump *d, const char *area)
{
	dump_close(d);
	if (d->style == DUMP_JSON) {
		dump_text(d, d->any ? ",\n {\"area\":\"" : "\n {\"area\":\"");
		dump_text(d, area);
		dump_text(d, "\"");
	} else {
		char head[24];

		(void)snprintf(head, sizeof(head), "%-10s", area);
		dump_text(d, head);
	}
	d->item_open = d->any = true;
}

/* Adds name=value to the open item; nothing for a NULL or empty value. */
static void dump_set(struct dump *d, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	if (d->style == DUMP_JSON) {
		dump_text(d, ",\"");
		dump_text(d, name);
		dump_text(d, "\":\"");
		dump_escaped(d, value);
		dump_text(d, "\"");
	} else if (strcmp(name, "origin") == 0) {
		dump_text(d, "  (");
		dump_escaped(d, value);
		dump_text(d, ")");
	} else {
		dump_text(d, " ");
		dump_text(d, name);
		dump_text(d, "=");
		dump_escaped(d, value);
	}
}

PRINTF(3, 4) static void dump_setf(struct dump *d, const char *name, const char *fmt, ...)
{
	char value[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	dump_set(d, name, value);
}

struct dump_bit {
	uint64_t bit;
	const char *name;
};

/* The names of the set bits, comma separated. */
static const char *dump_bits(struct arena *a, uint64_t bits, const struct dump_bit *names, size_t n)
{
	const char *text = "";

	for (size_t i = 0; i < n; i++)
		if ((bits & names[i].bit) == names[i].bit)
			text = arena_printf(a, "%s%s%s", text, text[0] != '\0' ? "," : "",
					    names[i].name);
	return text;
}

static const struct dump_bit dump_namespaces[] = {
	{CLONE_NEWUSER, "user"},     {CLONE_NEWPID, "pid"},   {CLONE_NEWNS, "mount"},
	{CLONE_NEWNET, "network"},   {CLONE_NEWIPC, "ipc"},   {CLONE_NEWUTS, "uts"},
	{CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWTIME, "time"},
};

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

static const struct dump_bit dump_propagations[] = {
	{MS_PRIVATE, "private"},
	{MS_SHARED, "shared"},
	{MS_SLAVE, "slave"},
	{MS_UNBINDABLE, "unbindable"},
};

static void dump_ns(struct dump *d, const struct plan *p)
{
	dump_item(d, "namespace");
	dump_set(d, "new",
		 dump_bits(d->a, (uint64_t)p->ns.create, dump_namespaces,
			   ARRAY_LEN(dump_namespaces)));
	dump_set(d, "bridge", p->ns.bridge ? "yes" : NULL);
	dump_set(d, "origin", "linux.namespaces");
	for (size_t i = 0; i < p->ns.n_join; i++) {
		dump_item(d, "namespace");
		dump_set(d, "join",
			 dump_bits(d->a, (uint64_t)p->ns.join[i].type, dump_namespaces,
				   ARRAY_LEN(dump_namespaces)));
		dump_set(d, "path", p->ns.join[i].path);
		dump_set(d, "origin", p->ns.join[i].origin);
	}
	for (int g = 0; g < 2; g++) {
		const struct plan_idmap *m = g == 0 ? &p->ns.uid : &p->ns.gid;
		for (size_t i = 0; i < m->n; i++) {
			dump_item(d, g == 0 ? "uidmap" : "gidmap");
			dump_setf(d, "inside", "%u", m->v[i].inside);
			dump_setf(d, "outside", "%u", m->v[i].outside);
			dump_setf(d, "count", "%u", m->v[i].count);
		}
	}
	if (p->ns.hostname != NULL || p->ns.domainname != NULL) {
		dump_item(d, "names");
		dump_set(d, "hostname", p->ns.hostname);
		dump_set(d, "domainname", p->ns.domainname);
	}
}

static void dump_mounts(struct dump *d, const struct plan *p)
{
	static const char *const verbs[] = {"bind", "filesystem", "cgroup"};

	dump_item(d, "root");
	dump_set(d, "path", p->rootfs);
	dump_set(d, "access", p->mounts.root_readonly ? "ro" : "rw");
	dump_set(d, "origin", "root");
	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct plan_mount *m = &p->mounts.v[i];

		dump_item(d, "mount");
		dump_set(d, "target", m->target);
		dump_set(d, "kind", verbs[m->verb]);
		dump_set(d, "type", m->verb == MOUNT_FS ? m->fstype : NULL);
		dump_set(d, "source", m->source);
		dump_set(d, "set", dump_bits(d->a, m->attr_set, dump_attrs, ARRAY_LEN(dump_attrs)));
		dump_set(d, "set-recursive",
			 dump_bits(d->a, m->rec_attr_set, dump_attrs, ARRAY_LEN(dump_attrs)));
		dump_set(d, "data", m->data);
		dump_set(d, "propagation",
			 dump_bits(d->a, m->propagation, dump_propagations,
				   ARRAY_LEN(dump_propagations)));
		dump_set(d, "idmap", m->uid.n > 0 || m->idmap_own ? "yes" : NULL);
		dump_set(d, "origin", m->origin);
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

static void dump_cgroup(struct dump *d, const struct plan *p)
{
	static const char *const managers[] = {"cgroupfs", "systemd", "disabled"};
	const struct plan_cgroup *c = &p->cgroup;

	dump_item(d, "cgroup");
	dump_set(d, "manager", managers[c->manager]);
	dump_set(d, "path", c->stay ? NULL : c->path);
	dump_set(d, "stays", c->stay ? "yes" : NULL);
	dump_set(d, "origin", "linux.cgroupsPath");
	for (size_t i = 0; i < c->settings.n; i++) {
		dump_item(d, "limit");
		dump_set(d, "file", c->settings.v[i].file);
		dump_set(d, "value", c->settings.v[i].value);
		dump_set(d, "origin", c->settings.v[i].origin);
	}
	for (size_t i = 0; i < c->rules.n; i++) {
		const struct plan_device_rule *r = &c->rules.v[i];

		dump_item(d, "rule");
		dump_set(d, "devices", r->allow ? "allow" : "deny");
		dump_setf(d, "node", "%c %s:%s", r->type,
			  r->major < 0 ? "*" : arena_printf(d->a, "%lld", (long long)r->major),
			  r->minor < 0 ? "*" : arena_printf(d->a, "%lld", (long long)r->minor));
		dump_setf(d, "access", "0x%x", r->access);
		dump_set(d, "origin", r->origin);
	}
}

static void dump_caps(struct dump *d, const char *set, uint64_t caps)
{
	const char *text = "";

	for (int i = 0; i < 64; i++) {
		char *name = (caps & (UINT64_C(1) << i)) != 0 ? cap_to_name(i) : NULL;
		if (name == NULL)
			continue;
		text = arena_printf(d->a, "%s%s%s", text, text[0] != '\0' ? "," : "", name);
		(void)cap_free(name);
	}
	dump_item(d, "caps");
	dump_set(d, "set", set);
	dump_set(d, "caps", text[0] != '\0' ? text : "none");
	dump_set(d, "origin", "process.capabilities");
}

static void dump_process(struct dump *d, const struct plan *p)
{
	const struct plan_process *pr = &p->process;
	const struct plan_creds *c = &p->creds;
	const char *args = "";

	for (const char **v = pr->argv; v != NULL && *v != NULL; v++)
		args = arena_printf(d->a, "%s%s%s", args, args[0] != '\0' ? " " : "", *v);
	dump_item(d, "process");
	dump_set(d, "args", args);
	dump_set(d, "cwd", pr->cwd);
	dump_set(d, "terminal", pr->terminal ? "yes" : NULL);
	dump_setf(d, "user", "%u:%u", c->uid, c->gid);
	dump_set(d, "no-new-privileges", c->no_new_privs ? "yes" : NULL);
	dump_set(d, "apparmor", c->apparmor);
	dump_set(d, "selinux", c->selinux);
	dump_set(d, "origin", "process");
	for (size_t i = 0; i < pr->n_env; i++) {
		dump_item(d, "env");
		dump_set(d, "value", pr->env[i]);
		dump_set(d, "origin", "process.env");
	}
	if (c->caps.set) {
		dump_caps(d, "bounding", c->caps.bounding);
		dump_caps(d, "effective", c->caps.effective);
		dump_caps(d, "permitted", c->caps.permitted);
		dump_caps(d, "inheritable", c->caps.inheritable);
		dump_caps(d, "ambient", c->caps.ambient);
	}
	for (size_t i = 0; i < pr->n_rlimit; i++) {
		dump_item(d, "rlimit");
		dump_set(d, "type", pr->rlimit[i].name);
		dump_setf(d, "soft", "%llu", (unsigned long long)pr->rlimit[i].limit.rlim_cur);
		dump_setf(d, "hard", "%llu", (unsigned long long)pr->rlimit[i].limit.rlim_max);
		dump_set(d, "origin", "process.rlimits");
	}
}

static void dump_rest(struct dump *d, const struct plan *p)
{
	static const char *const kinds[HOOK_KINDS] = {"prestart",	 "createRuntime",
						      "createContainer", "startContainer",
						      "poststart",	 "poststop"};

	for (size_t i = 0; i < p->n_sysctl; i++) {
		dump_item(d, "sysctl");
		dump_set(d, "key", p->sysctl[i].key);
		dump_set(d, "value", p->sysctl[i].value);
		dump_set(d, "origin", "linux.sysctl");
	}
	for (size_t i = 0; i < p->n_netdev; i++) {
		dump_item(d, "netdev");
		dump_set(d, "name", p->netdev[i].name);
		dump_set(d, "inside", p->netdev[i].inside);
		dump_set(d, "origin", p->netdev[i].origin);
	}
	if (p->seccomp.profile != NULL) {
		dump_item(d, "seccomp");
		dump_set(d, "default", oci_seccomp_action_name(p->seccomp.profile->default_action));
		dump_setf(d, "rules", "%zu", p->seccomp.profile->n_syscalls);
		dump_set(d, "listener", p->seccomp.listener_path);
		dump_set(d, "origin", "linux.seccomp");
	}
	for (int k = 0; k < HOOK_KINDS; k++)
		for (size_t i = 0; i < p->hooks[k].n; i++) {
			dump_item(d, "hook");
			dump_set(d, "kind", kinds[k]);
			dump_set(d, "path", p->hooks[k].v[i].path);
			dump_setf(d, "origin", "hooks.%s[%zu]", kinds[k], i);
		}
}

const char *plan_dump(const struct plan *p, enum dump_style style, size_t *out_len)
{
	struct dump d = {.a = p->arena, .style = style};

	if (style == DUMP_JSON)
		dump_text(&d, "[");
	dump_ns(&d, p);
	dump_mounts(&d, p);
	dump_devices(&d, p);
	dump_cgroup(&d, p);
	dump_process(&d, p);
	dump_rest(&d, p);
	dump_close(&d);
	dump_text(&d, style == DUMP_JSON ? "\n]\n" : "");
	d.v[d.n] = '\0';
	*out_len = d.n;
	return d.v;
}
