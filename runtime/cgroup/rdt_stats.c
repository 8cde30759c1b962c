/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "cgroup/rdt.h"

#define RDT_FILE_MAX ((size_t)64 * 1024)

/* The first line of a file of resctrl; NULL: there is none. */
static const char *rdt_line_of(const struct rdt_group *g, struct arena *a, const char *rel)
{
	char *text;

	if (io_read_file(g->dir, rel, RDT_FILE_MAX, a, &text, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void rdt_number(struct json *j, const char *key, const char *text)
{
	uint64_t v;

	if (text != NULL && num_u64(text, UINT64_MAX, &v) == 0)
		json_uint(j, key, v);
}

struct rdt_info {
	const char *file;
	bool text;
};

static void rdt_info_write(struct json *j, const struct rdt_group *g, struct arena *a,
			   const char *key, const char *resource, const struct rdt_info *v,
			   size_t n)
{
	if (faccessat(g->dir, arena_printf(a, "info/%s", resource), F_OK, 0) < 0)
		return;
	json_open(j, key, '{');
	for (size_t i = 0; i < n; i++) {
		const char *s =
			rdt_line_of(g, a, arena_printf(a, "info/%s/%s", resource, v[i].file));
		if (v[i].text && s != NULL)
			json_string(j, v[i].file, s);
		else
			rdt_number(j, v[i].file, s);
	}
	json_close(j, '}');
}

/* The line of a resource in a group's schemata. */
static void rdt_schema_write(struct json *j, const struct rdt_group *g, struct arena *a,
			     const char *key, const char *group, const char *resource)
{
	char *text;
	size_t n = strlen(resource);

	if (io_read_file(g->dir, arena_printf(a, "%s/schemata", group), RDT_FILE_MAX, a, &text,
			 NULL) < 0)
		return;
	for (char *s = text; *s != '\0';) {
		s += strspn(s, " \n");
		size_t len = strcspn(s, "\n");
		if (strncmp(s, resource, n) == 0 && s[n] == ':') {
			json_string(j, key, arena_strndup(a, s, len));
			return;
		}
		s += len;
	}
}

struct rdt_domains {
	const char **v; /* "mon_L3_00" */
	size_t n, cap;
};

static int rdt_compare_names(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static void rdt_domains_read(const struct rdt_group *g, const char *rel, struct arena *a,
			     struct rdt_domains *out)
{
	autoclose int fd = openat(g->dir, rel, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL)
		return;
	(void)fd_take(&fd);
	for (const struct dirent *x = readdir(d); x != NULL; x = readdir(d))
		if (strncmp(x->d_name, "mon_", 4) == 0)
			*ARENA_PUSH(a, out) = arena_strdup(a, x->d_name);
	(void)closedir(d);
	if (out->n > 1)
		qsort(out->v, out->n, sizeof(*out->v), rdt_compare_names);
}

static void rdt_monitor_write(struct json *j, const struct rdt_group *g, struct arena *a,
			      const char *key, const char *const *files, size_t n)
{
	const char *data = arena_printf(a, "%s/mon_data", g->monitor);
	struct rdt_domains domains = {0};

	rdt_domains_read(g, data, a, &domains);
	if (domains.n == 0)
		return;
	json_open(j, key, '[');
	for (size_t i = 0; i < domains.n; i++) {
		json_open(j, NULL, '{');
		for (size_t k = 0; k < n; k++)
			rdt_number(j, files[k],
				   rdt_line_of(g, a,
					       arena_printf(a, "%s/%s/%s", data, domains.v[i],
							    files[k])));
		json_close(j, '}');
	}
	json_close(j, ']');
}

void rdt_stats_write(struct json *j, const char *key, const struct rdt_group *g)
{
	static const struct rdt_info l3[] = {
		{"cbm_mask", true}, {"min_cbm_bits", false}, {"num_closids", false}};
	static const struct rdt_info mb[] = {{"bandwidth_gran", false},
					     {"delay_linear", false},
					     {"min_bandwidth", false},
					     {"num_closids", false}};
	static const char *const bandwidth[] = {"mbm_total_bytes", "mbm_local_bytes"};
	static const char *const occupancy[] = {"llc_occupancy"};
	struct arena a __attribute__((cleanup(arena_done))) = {0};

	json_open(j, key, '{');
	if (g != NULL && g->name != NULL && g->dir >= 0) {
		rdt_info_write(j, g, &a, "l3_cache_info", "L3", l3, ARRAY_LEN(l3));
		rdt_schema_write(j, g, &a, "l3_cache_schema_root", ".", "L3");
		rdt_schema_write(j, g, &a, "l3_cache_schema", g->name, "L3");
		rdt_info_write(j, g, &a, "mem_bw_info", "MB", mb, ARRAY_LEN(mb));
		rdt_schema_write(j, g, &a, "mem_bw_schema_root", ".", "MB");
		rdt_schema_write(j, g, &a, "mem_bw_schema", g->name, "MB");
		if (g->monitor != NULL) {
			rdt_monitor_write(j, g, &a, "mbm_stats", bandwidth, ARRAY_LEN(bandwidth));
			rdt_monitor_write(j, g, &a, "cmt_stats", occupancy, ARRAY_LEN(occupancy));
		}
	}
	json_close(j, '}');
}
