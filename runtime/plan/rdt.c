/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/plan.h"

/* Where the kernel's documentation (resctrl.rst) has it, and all tools expect it. */
#define RDT_ROOT "sys/fs/resctrl"

static bool rdt_has(const struct host *h, const char *file)
{
	return faccessat(h->root, file, F_OK, 0) == 0;
}

/* A group is a directory of resctrl, which has some of its own. */
static bool rdt_is_group(const char *s)
{
	static const char *const own[] = {".", "..", "info", "mon_groups", "mon_data"};

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcmp(s, own[i]) == 0)
			return false;
	return s[0] != '\0' && strlen(s) < 256 && strpbrk(s, "/\n") == NULL;
}

static int rdt_line(struct plan_rdt *r, const char *line, const char *field, struct err *e)
{
	if (strchr(line, '\n') != NULL)
		return err_set(e, EINVAL, "linux.intelRdt.%s: must be one line", field);
	const char *colon = strchr(line, ':');
	if (colon == NULL || colon == line || strchr(colon, '=') == NULL)
		return err_set(e, EINVAL,
			       "linux.intelRdt.%s: '%.100s' is not of the form L3:0=ff;1=ff", field,
			       line);
	r->line[r->n_line++] = line;
	return 0;
}

/* config-linux.md "intelRdt": lines of l3CacheSchema for MB give way to memBwSchema. */
static int rdt_l3(struct plan *p, const struct oci_intel_rdt *o, struct err *e)
{
	for (const char *s = o->l3_cache_schema; s != NULL && *s != '\0';) {
		size_t n = strcspn(s, "\n");
		const char *line = arena_strndup(p->arena, s, n);
		bool bandwidth = strncmp(line, "MB:", 3) == 0 && o->mem_bw_schema != NULL;
		int r = n == 0 || bandwidth ? 0 : rdt_line(&p->rdt, line, "l3CacheSchema", e);

		if (r < 0)
			return r;
		s += n + (s[n] == '\n');
	}
	return 0;
}

static int rdt_lines(struct plan *p, const struct oci_intel_rdt *o, struct err *e)
{
	struct plan_rdt *rdt = &p->rdt;
	size_t most = o->n_schemata + 1;

	for (const char *s = o->l3_cache_schema; s != NULL; s = strchr(s, '\n'), s += s != NULL)
		most++;
	rdt->line = arena_array(p->arena, most, sizeof(*rdt->line));
	int r = rdt_l3(p, o, e);
	if (r == 0 && o->mem_bw_schema != NULL && o->mem_bw_schema[0] != '\0') {
		if (strncmp(o->mem_bw_schema, "MB:", 3) != 0)
			return err_set(e, EINVAL,
				       "linux.intelRdt.memBwSchema: must start with MB:");
		r = rdt_line(rdt, o->mem_bw_schema, "memBwSchema", e);
	}
	for (size_t i = 0; r == 0 && i < o->n_schemata; i++)
		r = rdt_line(rdt, o->schemata[i], "schemata", e);
	return r;
}

/* What the processor lacks would only be told by a refused write. */
static int rdt_check_host(const struct plan *p, const struct host *h, const struct oci_intel_rdt *o,
			  struct err *e)
{
	if (!rdt_has(h, RDT_ROOT "/schemata"))
		return err_set(
			e, ENOENT,
			"linux.intelRdt: resctrl is not mounted on this host; on a processor "
			"that has it: mount -t resctrl resctrl /" RDT_ROOT);
	if (o->l3_cache_schema != NULL && !rdt_has(h, RDT_ROOT "/info/L3") &&
	    !rdt_has(h, RDT_ROOT "/info/L3CODE"))
		return err_set(
			e, ENOTSUP,
			"linux.intelRdt.l3CacheSchema: this processor can't share out its L3 "
			"cache");
	if (o->mem_bw_schema != NULL && !rdt_has(h, RDT_ROOT "/info/MB"))
		return err_set(e, ENOTSUP,
			       "linux.intelRdt.memBwSchema: this processor can't share out memory "
			       "bandwidth");
	if (p->rdt.monitor && !rdt_has(h, RDT_ROOT "/info/L3_MON"))
		return err_set(
			e, ENOTSUP,
			"linux.intelRdt.enableMonitoring: this processor can't monitor cache "
			"and bandwidth");
	if (p->rdt.named && p->rdt.n_line == 0 &&
	    !rdt_has(h, arena_printf(p->arena, RDT_ROOT "/%s/schemata", p->rdt.group)))
		return err_set(e, ENOENT,
			       "linux.intelRdt.closID: there is no class '%s', and no schema to "
			       "make it with",
			       p->rdt.group);
	return 0;
}

int plan_rdt_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_intel_rdt *o =
		in->config->linux != NULL ? in->config->linux->intel_rdt : NULL;
	struct plan_rdt *rdt = &p->rdt;

	if (o == NULL)
		return 0;
	rdt->named = o->clos_id != NULL && o->clos_id[0] != '\0';
	rdt->group = rdt->named ? o->clos_id : p->id;
	rdt->monitor = o->enable_monitoring.v;
	rdt->origin = "linux.intelRdt";
	if (strcmp(rdt->group, "/") == 0)
		rdt->group = "."; /* the default group is resctrl's own directory */
	else if (!rdt_is_group(rdt->group))
		return err_set(e, EINVAL,
			       "linux.intelRdt.closID: '%.100s' is not the name of a class; '/' is "
			       "the default one",
			       rdt->group);
	int r = rdt_lines(p, o, e);
	return r == 0 ? rdt_check_host(p, in->host, o, e) : r;
}
