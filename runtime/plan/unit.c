/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/unit.h"

#include <string.h>
#include <sys/stat.h>

#include "host/cgroupfs.h"
#include "libocispec/oci.h"

#define UNIT_NAME_MAX 255 /* with suffix; systemd's own limit */
#define UNIT_SUBGROUP "run.oci.systemd.subgroup"

struct property *unit_add(struct plan *p, const char *name, enum property_type type,
			  const char *origin)
{
	struct property *new = ARENA_PUSH(p->arena, &p->cgroup.unit.properties);

	*new = (struct property){.name = name, .type = type, .origin = origin};
	return new;
}

void unit_add_number(struct plan *p, const char *name, enum property_type type, uint64_t value,
		     const char *origin)
{
	struct property *new = unit_add(p, name, type, origin);

	new->numbers = arena_array(p->arena, 1, sizeof(*new->numbers));
	new->numbers[0] = value;
	new->n_numbers = 1;
}

void unit_add_string(struct plan *p, const char *name, const char *value, const char *origin)
{
	struct property *new = unit_add(p, name, PROPERTY_STRING, origin);

	new->strings = arena_array(p->arena, 1, sizeof(*new->strings));
	new->strings[0] = value;
	new->n_strings = 1;
}

/* What systemd takes in a name; the rest is written as "\x2b", as systemd-escape(1) has it. */
static const char *unit_escape(struct arena *a, const char *name)
{
	static const char digits[] = "0123456789abcdef";
	char *out = arena_alloc(a, strlen(name) * 4 + 1), *to = out;

	for (const char *s = name; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || strchr(":-_.\\@", c) != NULL;

		if (plain) {
			*to++ = (char)c;
			continue;
		}
		*to++ = '\\';
		*to++ = 'x';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	return out;
}

static bool unit_has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n > k && strcmp(name + n - k, suffix) == 0;
}

/* "a-b.slice" is a.slice/a-b.slice, "-.slice" the root (systemd.slice(5)). */
static int unit_slice_path(const char *slice, struct arena *a, const char **out, struct err *e)
{
	const char *path = "";
	size_t n = strlen(slice) - strlen(".slice");

	*out = "";
	if (strcmp(slice, "-.slice") == 0)
		return 0;
	for (size_t i = 0; i <= n; i++) {
		if (slice[i] != '-' && i != n)
			continue;
		if (i == 0 || slice[i - 1] == '-')
			return err_set(e, EINVAL,
				       "linux.cgroupsPath: the slice '%s' has an empty component",
				       slice);
		path = arena_printf(a, "%s%.*s.slice/", path, (int)i, slice);
	}
	*out = path;
	return 0;
}

static int unit_slice(struct plan *p, const char *slice, const char **out_path, struct err *e)
{
	struct plan_unit *u = &p->cgroup.unit;

	if (slice[0] == '\0')
		slice = u->user ? "user.slice" : "system.slice";
	else if (strcmp(slice, "-") == 0)
		slice = "-.slice";
	if (!unit_has_suffix(slice, ".slice") || strcmp(slice, unit_escape(p->arena, slice)) != 0)
		return err_set(e, EINVAL,
			       "linux.cgroupsPath: '%.200s' is not the name of a slice; the "
			       "systemd driver "
			       "wants SLICE:PREFIX:NAME such as system.slice:greffon:%.40s",
			       slice, p->id);
	u->slice = slice;
	return unit_slice_path(slice, p->arena, out_path, e);
}

/* Splits SLICE:PREFIX:NAME, SLICE:NAME or NAME. */
static int unit_parts(struct plan *p, const char *path, const char *part[static 3], struct err *e)
{
	const char *first = strchr(path, ':');
	const char *second = first != NULL ? strchr(first + 1, ':') : NULL;

	part[0] = first != NULL ? arena_strndup(p->arena, path, (size_t)(first - path)) : "";
	part[1] = second != NULL ? arena_strndup(p->arena, first + 1, (size_t)(second - first - 1))
				 : "";
	part[2] = second != NULL ? second + 1 : first != NULL ? first + 1 : path;
	if (strchr(path, '/') != NULL || part[2][0] == '\0' || strchr(part[2], ':') != NULL)
		return err_set(e, EINVAL,
			       "linux.cgroupsPath: the systemd driver wants SLICE:PREFIX:NAME such "
			       "as "
			       "system.slice:greffon:%.40s, got '%.200s'",
			       p->id, path);
	return 0;
}

/* Where the manager's own tree begins: the root, but for a user's manager. Known for certain only
 * once the unit runs. */
static const char *unit_manager_root(const struct plan *p, const struct host *h)
{
	static const char service[] = "/user@";

	if (!p->cgroup.unit.user)
		return "";
	for (size_t i = 0; i < h->cgroups->n; i++) {
		const char *at = strstr(h->cgroups->v[i].own, service);
		const char *end = at != NULL ? strstr(at, ".service") : NULL;
		if (end != NULL)
			return arena_printf(
				p->arena, "%.*s/",
				(int)(end + strlen(".service") - h->cgroups->v[i].own - 1),
				h->cgroups->v[i].own + 1);
	}
	return arena_printf(p->arena, "user.slice/user-%u.slice/user@%u.service/", h->euid,
			    h->euid);
}

static const char *unit_annotation(const struct plan *p, const char *key)
{
	for (size_t i = 0; i < p->n_annotation; i++)
		if (strcmp(p->annotation[i].key, key) == 0)
			return p->annotation[i].value;
	return NULL;
}

/* One component: what leads elsewhere is refused. */
static int unit_subgroup(struct plan *p, const struct host *h, struct err *e)
{
	const char *name = unit_annotation(p, UNIT_SUBGROUP);

	/* a hierarchy of v1 needs none: there a cgroup with processes may have others below it */
	if (name == NULL || name[0] == '\0' || h->cgroups->mode != CGROUP_V2)
		return 0;
	if (strchr(name, '/') != NULL || name[0] == '.' || strlen(name) > UNIT_NAME_MAX ||
	    strchr(name, '\n') != NULL)
		return err_set(e, EINVAL, "annotations.%s: '%.100s' is not the name of one cgroup",
			       UNIT_SUBGROUP, name);
	if (unit_has_suffix(p->cgroup.unit.name, ".slice"))
		return err_set(
			e, EINVAL,
			"annotations.%s: linux.cgroupsPath names a slice, which is not delegated",
			UNIT_SUBGROUP);
	p->cgroup.unit.subgroup = name;
	return 0;
}

/* sd_booted(3). A user's manager may be reached from a container that has another process 1. */
static int unit_check_host(const struct plan *p, const struct host *h, struct err *e)
{
#ifndef HAVE_SYSTEMD
	(void)p;
	(void)h;
	return err_set(e, ENOTSUP,
		       "--systemd-cgroup: this build has no systemd driver (--disable-systemd, or "
		       "no libsystemd); use --cgroup-manager cgroupfs");
#else
	struct stat st;

	if (p->cgroup.unit.user || fstatat(h->root, "run/systemd/system", &st, 0) == 0)
		return 0;
	return err_set(e, ENOTSUP,
		       "--systemd-cgroup: systemd is not process 1 here (no /run/systemd/system); "
		       "use --cgroup-manager cgroupfs");
#endif
}

/* The path that the unit will have; of a slice without the '/' that its own path ends with. */
static void unit_path(struct plan *p, const struct host *h, const char *slice_path)
{
	const struct plan_unit *u = &p->cgroup.unit;
	bool slice = unit_has_suffix(u->name, ".slice");
	const char *path = arena_printf(p->arena, "%s%s", unit_manager_root(p, h), slice_path);

	if (slice)
		p->cgroup.path = arena_strndup(p->arena, path, strlen(path) - 1);
	else
		p->cgroup.path = arena_printf(p->arena, "%s%s%s%s", path, u->name,
					      u->subgroup != NULL ? "/" : "",
					      u->subgroup != NULL ? u->subgroup : "");
}

int unit_name(struct plan *p, const struct plan_input *in, const char *path, struct err *e)
{
	struct plan_unit *u = &p->cgroup.unit;
	const char *part[3] = {"", "", ""}, *slice_path;

	u->user = in->options->systemd_user;
	if (path == NULL)
		path = arena_printf(p->arena, ":greffon:%s", p->id);
	int r = unit_check_host(p, in->host, e);
	if (r == 0)
		r = unit_parts(p, path, part, e);
	if (r == 0)
		r = unit_slice(p, part[0], &slice_path, e);
	if (r < 0)
		return r;
	u->name = unit_escape(p->arena, part[2]);
	if (unit_has_suffix(u->name, ".slice"))
		r = unit_slice_path(u->name, p->arena, &slice_path, e);
	else
		u->name = arena_printf(p->arena, "%s%s%s.scope", unit_escape(p->arena, part[1]),
				       part[1][0] != '\0' ? "-" : "", u->name);
	if (r == 0 && strlen(u->name) > UNIT_NAME_MAX)
		r = err_set(e, ENAMETOOLONG,
			    "linux.cgroupsPath: the unit's name '%.60s...' has more than %d bytes",
			    u->name, UNIT_NAME_MAX);
	if (r == 0)
		r = unit_subgroup(p, in->host, e);
	if (r == 0)
		unit_path(p, in->host, slice_path);
	return r;
}

/* Without what an annotation gives in its place. */
static void unit_default(struct plan *p, const struct property *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool given = false;

		for (size_t k = 0; k < p->cgroup.unit.properties.n; k++)
			given = given ||
				strcmp(p->cgroup.unit.properties.v[k].name, from[i].name) == 0;
		if (given)
			continue;
		*ARENA_PUSH(p->arena, &p->cgroup.unit.properties) = from[i];
	}
}

static void unit_defaults(struct plan *p, const struct host *h)
{
	static uint64_t yes[] = {1}, no[] = {0};
	bool scope = !unit_has_suffix(p->cgroup.unit.name, ".slice");
	const char *io = h->cgroups->mode == CGROUP_V2 ? "IOAccounting" : "BlockIOAccounting";
	const char **words = arena_array(p->arena, 3, sizeof(*words));
	const char *place = "linux.cgroupsPath";

	words[0] = arena_printf(p->arena, "greffon container %s", p->id);
	words[1] = p->cgroup.unit.slice;
	words[2] = "inactive-or-failed"; /* 236: a failed one does not stay and block its name */
#define UNIT_YES(name_, why)                                                                       \
	{                                                                                          \
		.name = (name_), .type = PROPERTY_BOOL, .numbers = yes, .n_numbers = 1,            \
		.optional = true, .origin = (why)                                                  \
	}
	struct property all[] = {
		{.name = "Description",
		 .type = PROPERTY_STRING,
		 .strings = &words[0],
		 .n_strings = 1,
		 .origin = "default"},
		/* a slice lies where its name says, and wants the one that it lies in */
		{.name = scope ? "Slice" : "Wants",
		 .type = scope ? PROPERTY_STRING : PROPERTY_STRINGS,
		 .strings = &words[1],
		 .n_strings = 1,
		 .origin = place},
		{.name = "DefaultDependencies",
		 .type = PROPERTY_BOOL,
		 .numbers = no,
		 .n_numbers = 1,
		 .origin = "default"},
		{.name = "CollectMode",
		 .type = PROPERTY_STRING,
		 .optional = true,
		 .strings = &words[2],
		 .n_strings = 1,
		 .origin = "default"},
		UNIT_YES("CPUAccounting", "default"),
		UNIT_YES("MemoryAccounting", "default"),
		UNIT_YES("TasksAccounting", "default"),
		UNIT_YES(io, "default"),
		UNIT_YES("Delegate", "default"), /* last: a slice has none */
	};
#undef UNIT_YES
	unit_default(p, all, ARRAY_LEN(all) - (scope ? 0 : 1));
}

int plan_unit_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	int r = p->cgroup.manager == CGROUP_SYSTEMD ? unit_annotations(p, e) : 0;

	if (r < 0 || p->cgroup.manager != CGROUP_SYSTEMD)
		return r;
	unit_defaults(p, in->host);
	unit_limits(p);
	unit_devices(p);
	return 0;
}

/* What is fixed when a unit starts is left out. */
void plan_unit_update(struct plan *p)
{
	struct properties *all = &p->cgroup.unit.properties;
	size_t kept = 0;

	*all = (struct properties){0};
	unit_limits(p);
	if (p->cgroup.rules.n > 0)
		unit_devices(p);
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].name, "OOMPolicy") != 0)
			all->v[kept++] = all->v[i];
	all->n = kept;
}
