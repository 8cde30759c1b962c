/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

#include "base/log.h"
#include "host/cgroupfs.h"
#include "host/lsm.h"
#include "libocispec/oci.h"
#include "plan/annotation.h"
#include "plan/idmap.h"
#include "plan/mountopt.h"
#include "plan/plan.h"

/* What is known of one entry while it is planned. */
struct mount_entry {
	const struct oci_mount *cfg;
	struct mountopt opt;
	const char *target; /* without "//", "." and "..", for the rules on names only */
};

/* Lexically clean, absolute: for comparing only, the kernel gets the path as it was given. */
static const char *mount_clean(struct arena *a, const char *path)
{
	char *out = arena_alloc(a, strlen(path) + 2);
	size_t n = 0;

	while (*path != '\0') {
		path += strspn(path, "/");
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.') {
			while (n > 0 && out[--n] != '/')
				continue;
		} else if (len > 0 && !(len == 1 && path[0] == '.')) {
			out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
		path += len;
	}
	if (n == 0)
		out[n++] = '/';
	out[n] = '\0';
	return out;
}

/* Itself or below; both are clean. */
static bool mount_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* lxcfs puts files of its own over these; anything else below /proc could fake what programs read
 * there (CVE-2019-16884, CVE-2023-27561). */
static bool mount_allowed_below_proc(const char *target)
{
	static const char *const files[] = {
		"cpuinfo",
		"diskstats",
		"meminfo",
		"stat",
		"swaps",
		"uptime",
		"loadavg",
		"slabinfo",
		"net/dev",
		"sys/kernel/ns_last_pid",
		"sys/crypto/fips_enabled",
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (strcmp(target + strlen("/proc/"), files[i]) == 0)
			return true;
	return false;
}

static int mount_check_target(const struct mount_entry *m, struct err *e)
{
	const char *given = m->cfg->destination;
	bool proc = m->cfg->type != NULL && strcmp(m->cfg->type, "proc") == 0;

	if (given == NULL || given[0] == '\0')
		return err_set(e, EINVAL, ".destination: must not be empty");
	if (strlen(given) >= 4096)
		return err_set(e, ENAMETOOLONG, ".destination: is longer than 4095 bytes");
	if (strcmp(m->target, "/") == 0)
		return err_set(e, EINVAL,
			       ".destination: '/' can't be mounted on; that is root.path");
	if (strcmp(m->target, "/proc") == 0 && !proc && !m->opt.bind && !m->opt.remount)
		return err_set(e, EINVAL,
			       ".destination: only a proc file system may be mounted on '/proc'");
	if (strncmp(m->target, "/proc/", 6) == 0 &&
	    !(m->opt.bind && mount_allowed_below_proc(m->target)))
		return err_set(e, EINVAL,
			       ".destination: '%s' is inside '/proc', nothing may be mounted there",
			       given);
	return 0;
}

/* crun's "uids=0-1-10#10-11-10;gids=@0-0-1": triples of first id in the file system, first id it is
 * seen as, how many; '@': the second is an id of the container's user namespace. */
static int mount_idmap_triple(struct plan *p, const char *text, size_t n,
			      const struct plan_idmap *own, struct plan_idmap *out, struct err *e)
{
	uint64_t v[3];
	char *copy = arena_strndup(p->arena, text, n), *at = copy;
	bool relative = *at == '@';

	at += relative;
	for (int i = 0; i < 3; i++) {
		char *end = at + strcspn(at, "-");
		bool more = *end == '-';

		*end = '\0';
		if (more != (i < 2) || num_u64(at, UINT32_MAX, &v[i]) < 0)
			return err_set(e, EINVAL, "'%.*s' is not of the form '0-1000-1'", (int)n,
				       text);
		at = end + 1;
	}
	uint32_t outside = (uint32_t)v[1];
	if (relative && v[2] > 0) {
		outside = idmap_outside(own, (uint32_t)v[1]);
		uint32_t last = idmap_outside(own, (uint32_t)(v[1] + v[2] - 1));
		if (outside == (uint32_t)-1 || last - outside != v[2] - 1)
			return err_set(e, EINVAL,
				       "'%s' is not one range of the container's user namespace",
				       text);
	}
	*ARENA_PUSH(p->arena, out) =
		(struct plan_idmap_entry){(uint32_t)v[0], outside, (uint32_t)v[2]};
	return 0;
}

static int mount_idmap_spec(struct plan *p, const char *spec, struct plan_mount *out, struct err *e)
{
	while (*spec != '\0') {
		size_t n = strcspn(spec, ";");
		bool uids = strncmp(spec, "uids=", 5) == 0;

		if (!uids && strncmp(spec, "gids=", 5) != 0)
			return err_set(
				e, EINVAL,
				".options: idmap: '%s' starts with neither 'uids=' nor 'gids='",
				spec);
		for (size_t at = 5; at < n;) {
			size_t len = strcspn(spec + at, "#;");
			int r = mount_idmap_triple(p, spec + at, len,
						   uids ? &p->ns.uid : &p->ns.gid,
						   uids ? &out->uid : &out->gid, e);
			if (r < 0)
				return err_at(e, ".options: idmap");
			at += len + 1;
		}
		spec += n + (spec[n] == ';');
	}
	return 0;
}

static int mount_idmap(struct plan *p, const struct mount_entry *m, struct plan_mount *out,
		       struct err *e)
{
	const struct oci_mount *cfg = m->cfg;
	bool mapped = cfg->n_uid_mappings > 0 || cfg->n_gid_mappings > 0;

	if (!m->opt.idmap && !mapped)
		return 0;
	if (out->verb != MOUNT_BIND)
		return err_set(e, EINVAL, ".options: idmap: only bind mounts can be mapped");
	out->idmap_recursive = m->opt.idmap_recursive;
	if (m->opt.idmap_spec != NULL) {
		int r = mount_idmap_spec(p, m->opt.idmap_spec, out, e);
		if (r < 0)
			return r;
	} else if (mapped) {
		int r = plan_idmap_build(&out->uid, p->arena, cfg->uid_mappings,
					 cfg->n_uid_mappings, e);
		if (r < 0)
			return err_at(e, ".uidMappings");
		r = plan_idmap_build(&out->gid, p->arena, cfg->gid_mappings, cfg->n_gid_mappings,
				     e);
		if (r < 0)
			return err_at(e, ".gidMappings");
	} else if (p->ns.uid.n > 0) {
		out->uid = p->ns.uid;
		out->gid = p->ns.gid;
	} else if ((p->ns.joined & CLONE_NEWUSER) != 0) {
		out->idmap_own = true;
		return 0;
	} else {
		return err_set(
			e, EINVAL,
			".options: 'idmap' needs uidMappings and gidMappings, or a user namespace");
	}
	if (out->uid.n == 0 || out->gid.n == 0)
		return err_set(e, EINVAL, ".%s: is missing, both kinds of mappings are needed",
			       out->uid.n == 0 ? "uidMappings" : "gidMappings");
	return 0;
}

/*
 * The SELinux label goes into the data of what can carry one: not of proc and sysfs, whose labels
 * the policy gives, and not of mqueue, whose superblock is as old as the IPC namespace: that one's
 * root is labelled. Quoted, since categories are separated by commas.
 */
static void mount_label(struct plan *p, const char *kind, struct plan_mount *out)
{
	if (p->mounts.label == NULL || out->verb != MOUNT_FS || strcmp(out->fstype, "proc") == 0 ||
	    strcmp(out->fstype, "sysfs") == 0)
		return;
	if (strcmp(out->fstype, "mqueue") == 0) {
		out->label = out->remount ? NULL : p->mounts.label;
		return;
	}
	out->data = arena_printf(p->arena, "%s%s%s=\"%s\"", out->data == NULL ? "" : out->data,
				 out->data == NULL ? "" : ",", kind, p->mounts.label);
}

static int mount_source(struct plan *p, const struct mount_entry *m, struct plan_mount *out,
			struct err *e)
{
	const char *source = m->cfg->source;

	if (out->verb != MOUNT_BIND) {
		out->source = source != NULL && source[0] != '\0' ? source : out->fstype;
		return 0;
	}
	if (source == NULL || source[0] == '\0')
		return err_set(e, EINVAL, ".source: is required for a bind mount");
	out->source =
		source[0] == '/' ? source : arena_printf(p->arena, "%s/%s", p->bundle, source);
	if (m->opt.data != NULL)
		return err_set(e, EINVAL,
			       ".options[%zu]: '%s' is no mount option, and bind mounts can't have "
			       "any of a file system's",
			       m->opt.data_index, m->cfg->options[m->opt.data_index]);
	return 0;
}

static int mount_kind(const struct mount_entry *m, struct plan_mount *out, struct err *e)
{
	const char *type = m->cfg->type;

	if (m->opt.bind) {
		out->verb = MOUNT_BIND;
		out->open_at = AT_HOST;
		return 0;
	}
	if (type == NULL || type[0] == '\0') {
		if (!m->opt.remount)
			return err_set(e, EINVAL,
				       ".type: is required unless the mount is a bind or remount");
		type = "none";
	}
	out->open_at = AT_ROOT;
	out->fstype = type;
	/* A bare cgroup2 mount without a cgroup namespace would be the host's whole hierarchy. */
	bool cgroup = strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0;
	out->verb = cgroup && !m->opt.remount ? MOUNT_CGROUP : MOUNT_FS;
	return 0;
}

static void mount_words(struct plan *p, const struct mount_entry *m, struct plan_mount *out)
{
	/* Where a link must not be followed or the name is judged, only the clean name is used:
	 * "/proc/." would follow a link "/proc". */
	bool strict = mount_is_below(m->target, "/proc") || strcmp(m->target, "/dev") == 0 ||
		      (out->verb == MOUNT_FS &&
		       (strcmp(out->fstype, "sysfs") == 0 || strcmp(out->fstype, "proc") == 0));
	out->target = strict ? m->target : m->cfg->destination;
	if (out->target[0] != '/')
		out->target = arena_printf(p->arena, "/%s", out->target);
	out->data = m->opt.data;
	out->attr_set = m->opt.attr_set;
	out->attr_clr = m->opt.attr_clr;
	out->rec_attr_set = m->opt.rec_attr_set;
	out->rec_attr_clr = m->opt.rec_attr_clr;
	out->sb_flags = m->opt.sb_flags;
	out->propagation = m->opt.propagation;
	out->recursive = m->opt.recursive;
	out->remount = m->opt.remount;
	out->copy_up = m->opt.copy_up;
	/* as with runc: a read-only /dev has its nodes, what is mounted below has its directory */
	out->ro_late = out->verb == MOUNT_FS && !out->remount &&
		       strcmp(out->fstype, "tmpfs") == 0 &&
		       ((out->attr_set | out->rec_attr_set) & MOUNT_ATTR_RDONLY) != 0;
	out->copy_symlink = m->opt.copy_symlink;
	out->source_nofollow = m->opt.source_nofollow;
	out->target_nofollow = m->opt.target_nofollow;
}

static int mount_one(struct plan *p, const struct oci_mount *cfg, const char *label_kind, size_t i,
		     struct err *e)
{
	struct mount_entry m = {.cfg = cfg};
	struct plan_mount *out = ARENA_PUSH(p->arena, &p->mounts);

	mountopt_parse(cfg->options, cfg->n_options, p->arena, &m.opt);
	if (cfg->type != NULL && strcmp(cfg->type, "bind") == 0)
		m.opt.bind = true;
	m.target = mount_clean(p->arena, cfg->destination == NULL ? "" : cfg->destination);
	int r = mount_check_target(&m, e);
	if (r == 0)
		r = mount_kind(&m, out, e);
	if (r == 0)
		r = mount_source(p, &m, out, e);
	if (r == 0)
		r = mount_idmap(p, &m, out, e);
	if (r < 0)
		return r;
	if (m.opt.copy_up && (out->verb != MOUNT_FS || strcmp(out->fstype, "tmpfs") != 0))
		return err_set(e, EINVAL, ".options: 'tmpcopyup' is for a tmpfs only");
	mount_words(p, &m, out);
	out->slot = (int16_t)(i + 1); /* 0 is the rootfs */
	out->origin = arena_printf(p->arena, "mounts[%zu]", i);
	mount_label(p, label_kind, out);
	return 0;
}

/* The pre-pivot propagation is always recursive: a shared mount below "/" would carry the
 * container's mounts back to the host. */
static int mount_propagation(struct plan *p, const char *word, struct err *e)
{
	struct mountopt opt;

	p->mounts.root_propagation = MS_SLAVE | MS_REC;
	p->mounts.propagation_origin = "default";
	if (word == NULL || word[0] == '\0')
		return 0;
	p->mounts.propagation_origin = "linux.rootfsPropagation";
	mountopt_parse(&word, 1, p->arena, &opt);
	if (opt.propagation == 0)
		return err_set(
			e, EINVAL,
			"linux.rootfsPropagation: '%s' is unknown; one of shared, slave, private, "
			"unbindable, perhaps with an r before it",
			word);
	unsigned long kind = opt.propagation & ~(unsigned long)MS_REC;
	if (kind ==
	    MS_UNBINDABLE) /* such a mount could not be cloned while the rootfs is put together */
		p->mounts.root_propagation = MS_PRIVATE | MS_REC;
	else
		p->mounts.root_propagation = kind | MS_REC;
	if (kind == MS_SHARED || kind == MS_UNBINDABLE)
		p->mounts.final_propagation = opt.propagation;
	if (p->mounts.no_pivot && kind == MS_PRIVATE)
		return err_set(e, EINVAL,
			       "linux.rootfsPropagation: '%s' is not safe together with --no-pivot",
			       word);
	return 0;
}

static const char *mount_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static void mount_cgroup_views(struct plan *p, const struct host_cgroups *c)
{
	bool own = p->cgroup.stay || p->cgroup.path == NULL || p->cgroup.manager == CGROUP_DISABLED;

	if (c == NULL || c->n == 0)
		return;
	p->mounts.cgroup = arena_array(p->arena, c->n, sizeof(*p->mounts.cgroup));
	for (size_t i = 0; i < c->n; i++) {
		const struct host_hierarchy *h = &c->v[i];
		struct plan_cgroup_view *view = &p->mounts.cgroup[p->mounts.n_cgroup++];

		if (!own)
			view->source = plan_cgroup_dir(&p->cgroup, h, p->arena);
		else
			view->source = arena_printf(p->arena, "%s%s", h->mount,
						    h->own == NULL ? "/" : h->own);
		size_t n = strlen(view->source);
		while (n > 1 && view->source[n - 1] == '/')
			n--;
		view->whole = n == strlen(h->mount);
		view->name = c->mode == CGROUP_V2 ? NULL : mount_base(h->mount);
		view->controllers = h->controllers;
	}
}

static int mount_context_kind(const struct plan *p, const char **out, struct err *e)
{
	static const char *const kinds[] = {"context", "fscontext", "defcontext", "rootcontext"};
	const char *asked = annotation_get(p, "mount_context_type");

	*out = kinds[0];
	if (asked == NULL)
		return 0;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		if (strcmp(asked, kinds[k]) == 0) {
			*out = kinds[k];
			return 0;
		}
	}
	return err_set(e, EINVAL,
		       "annotations.run.oci.mount_context_type: '%s' is unknown; one of context, "
		       "fscontext, defcontext, rootcontext",
		       asked);
}

static int mount_label_allowed(struct plan *p, const char *label, const struct host *h,
			       struct err *e)
{
	if (label == NULL || label[0] == '\0')
		return 0;
	if (strchr(label, '"') != NULL)
		return err_set(e, EINVAL, "linux.mountLabel: must not hold a quotation mark");
	if (!lsm_has_selinux(h))
		return err_set(e, ENOTSUP,
			       "linux.mountLabel: SELinux is not enabled on this host, '%.200s' "
			       "can't be applied",
			       label);
	p->mounts.label = label;
	return 0;
}

int plan_mount_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_config *c = in->config;
	const char *label_kind = NULL;
	int r = mount_propagation(p, c->linux == NULL ? NULL : c->linux->rootfs_propagation, e);

	if (r == 0)
		r = mount_context_kind(p, &label_kind, e);
	if (r < 0)
		return r;
	r = mount_label_allowed(p, c->linux == NULL ? NULL : c->linux->mount_label, in->host, e);
	if (r < 0)
		return r;
	if (c->n_mounts > 0 && !plan_has_ns(p, CLONE_NEWNS))
		return err_set(e, EINVAL,
			       "mounts: need a mount namespace, linux.namespaces has none");
	if (c->n_mounts >= INT16_MAX)
		return err_set(e, EINVAL, "mounts: has %zu entries, %d can be had", c->n_mounts,
			       INT16_MAX - 1);
	for (size_t i = 0; i < c->n_mounts; i++)
		if (mount_one(p, &c->mounts[i], label_kind, i, e) < 0)
			return err_at(e, "mounts[%zu]", i);
	mount_cgroup_views(p, in->host->cgroups);
	return 0;
}
