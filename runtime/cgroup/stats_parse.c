/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/stats_parse.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"

#define STATS_MAX_TEXT (1024 * 1024)
#define STATS_MAX_RANGE 65536 /* more processors than any kernel has */

const struct cgroup_dir *stats_dir(const struct cgroup *c, const char *controller)
{
	const struct cgroup_dir *v2 = NULL;

	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].v2)
			v2 = &c->v[i];
		else if (cgroup_dir_has(&c->v[i], controller))
			return &c->v[i];
	}
	return v2;
}

char *stats_text(const struct stats_source *s, const char *file)
{
	char *text;

	if (s->dir == NULL ||
	    io_read_file(AT_FDCWD, arena_printf(s->a, "%s/%s", s->dir->path, file), STATS_MAX_TEXT,
			 s->a, &text, NULL) < 0)
		return NULL;
	return text;
}

/* Cuts *p at the next of the separators and returns what was before it; NULL at the end. Empty
 * words are skipped. */
static char *stats_cut(char **p, const char *separators)
{
	char *word = *p + strspn(*p, separators);

	if (*word == '\0')
		return NULL;
	*p = word + strcspn(word, separators);
	if (**p != '\0')
		*(*p)++ = '\0';
	return word;
}

static int stats_value(const char *word, uint64_t *out)
{
	if (word != NULL && strcmp(word, "max") == 0) {
		*out = STATS_NO_LIMIT;
		return 0;
	}
	return num_u64(word, UINT64_MAX, out);
}

int stats_number(const struct stats_source *s, const char *file, uint64_t *out)
{
	char *text = stats_text(s, file);

	return text == NULL || stats_value(stats_cut(&text, " \n"), out) < 0 ? -ENOENT : 0;
}

void stats_pairs(const struct stats_source *s, const char *file, struct stats_counts *out)
{
	char *text = stats_text(s, file), *line;
	uint64_t value;

	while (text != NULL && (line = stats_cut(&text, "\n")) != NULL) {
		const char *key = stats_cut(&line, " =");

		if (stats_value(stats_cut(&line, " ="), &value) == 0)
			*ARENA_PUSH(s->a, out) = (struct stats_count){key, value};
	}
}

uint64_t stats_pair(const struct stats_counts *c, const char *key)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->v[i].key, key) == 0)
			return c->v[i].value;
	return 0;
}

void stats_list(const struct stats_source *s, const char *file, struct stats_numbers *out)
{
	char *text = stats_text(s, file), *word;
	uint64_t value;

	while (text != NULL && (word = stats_cut(&text, " \n")) != NULL)
		if (num_u64(word, UINT64_MAX, &value) == 0)
			*ARENA_PUSH(s->a, out) = value;
}

void stats_ranges(const struct stats_source *s, const char *file, struct stats_numbers *out)
{
	char *text = stats_text(s, file), *word;
	uint64_t first, last;

	while (text != NULL && (word = stats_cut(&text, ",\n")) != NULL) {
		const char *from = stats_cut(&word, "-"), *to = stats_cut(&word, "-");

		if (num_u64(from, STATS_MAX_RANGE, &first) < 0 ||
		    num_u64(to != NULL ? to : from, STATS_MAX_RANGE, &last) < 0)
			continue;
		for (; first <= last; first++)
			*ARENA_PUSH(s->a, out) = first;
	}
}

/* "avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
static void stats_pressure_line(char *line, struct stats_pressure_line *out)
{
	char *word;

	while ((word = stats_cut(&line, " ")) != NULL) {
		const char *key = stats_cut(&word, "=");

		if (key == NULL)
			continue;
		/* copied into JSON as numbers: nothing but digits and a point may pass */
		bool number = *word != '\0' && word[strspn(word, "0123456789.")] == '\0';
		if (strcmp(key, "total") == 0)
			(void)num_u64(word, UINT64_MAX, &out->total);
		else if (number && strcmp(key, "avg10") == 0)
			out->avg10 = word;
		else if (number && strcmp(key, "avg60") == 0)
			out->avg60 = word;
		else if (number && strcmp(key, "avg300") == 0)
			out->avg300 = word;
	}
}

void stats_pressure(const struct stats_source *s, const char *file, struct stats_pressure *out)
{
	char *text = stats_text(s, file), *line;

	while (text != NULL && (line = stats_cut(&text, "\n")) != NULL) {
		const char *kind = stats_cut(&line, " ");

		if (kind == NULL)
			continue;
		out->set = true;
		stats_pressure_line(line, strcmp(kind, "full") == 0 ? &out->full : &out->some);
	}
}

static int stats_device(char *word, struct stats_io_entry *out)
{
	if (word == NULL)
		return -EINVAL;
	const char *major = stats_cut(&word, ":"), *minor = stats_cut(&word, ":");
	int r = num_u64(major, UINT32_MAX, &out->major);

	return r < 0 ? r : num_u64(minor, UINT32_MAX, &out->minor);
}

bool stats_io_v1(const struct stats_source *s, const char *file, struct stats_io_list *out)
{
	char *text = stats_text(s, file), *line;
	size_t before = out->n;

	while (text != NULL && (line = stats_cut(&text, "\n")) != NULL) {
		struct stats_io_entry x = {.op = ""};
		char *first = stats_cut(&line, " "), *second = stats_cut(&line, " "),
		     *third = stats_cut(&line, " ");

		if (third != NULL)
			x.op = second;
		if (stats_device(first, &x) == 0 &&
		    num_u64(third != NULL ? third : second, UINT64_MAX, &x.value) == 0)
			*ARENA_PUSH(s->a, out) = x;
	}
	return out->n > before;
}

void stats_io_v2(const struct stats_source *s, struct stats_io_list out[STATS_IO_KINDS])
{
	static const struct {
		const char *key, *op;
		enum stats_io_kind kind;
	} keys[] = {{"rbytes", "Read", STATS_IO_BYTES},	   {"wbytes", "Write", STATS_IO_BYTES},
		    {"dbytes", "Discard", STATS_IO_BYTES}, {"rios", "Read", STATS_IO_OPS},
		    {"wios", "Write", STATS_IO_OPS},	   {"dios", "Discard", STATS_IO_OPS}};
	char *text = stats_text(s, "io.stat"), *line, *word;

	while (text != NULL && (line = stats_cut(&text, "\n")) != NULL) {
		struct stats_io_entry x = {0};

		if (stats_device(stats_cut(&line, " "), &x) < 0)
			continue;
		while ((word = stats_cut(&line, " ")) != NULL) {
			const char *key = stats_cut(&word, "=");

			for (size_t i = 0; key != NULL && i < ARRAY_LEN(keys); i++) {
				if (strcmp(key, keys[i].key) != 0 ||
				    num_u64(word, UINT64_MAX, &x.value) < 0)
					continue;
				x.op = keys[i].op;
				*ARENA_PUSH(s->a, &out[keys[i].kind]) = x;
			}
		}
	}
}

void stats_rdma(const struct stats_source *s, const char *file, struct stats_rdma *out)
{
	char *text = stats_text(s, file), *line, *word;

	while (text != NULL && (line = stats_cut(&text, "\n")) != NULL) {
		struct stats_rdma_entry x = {.device = stats_cut(&line, " ")};

		while ((word = stats_cut(&line, " ")) != NULL) {
			const char *key = stats_cut(&word, "=");

			if (key != NULL && strcmp(key, "hca_handle") == 0)
				(void)stats_value(word, &x.handles);
			else if (key != NULL && strcmp(key, "hca_object") == 0)
				(void)stats_value(word, &x.objects);
		}
		if (x.device != NULL)
			*ARENA_PUSH(s->a, out) = x;
	}
}

void stats_keyed(const struct stats_source *s, const char *prefix, struct stats_usages *out)
{
	struct stats_counts current = {0}, max = {0};

	stats_pairs(s, arena_printf(s->a, "%s.current", prefix), &current);
	stats_pairs(s, arena_printf(s->a, "%s.max", prefix), &max);
	for (size_t i = 0; i < current.n; i++)
		*ARENA_PUSH(s->a, out) = (struct stats_usage){
			.key = current.v[i].key,
			.usage = current.v[i].value,
			.limit = stats_pair(&max, current.v[i].key),
		};
}

/* size: "2MB". v1 and v2 name the files differently. */
static void stats_hugetlb_size(const struct stats_source *s, const char *size,
			       struct stats_usages *out)
{
	struct stats_usage x = {.key = size};
	const char *base = arena_printf(s->a, "hugetlb.%s", size);

	if (s->dir->v2) {
		struct stats_counts events = {0};

		(void)stats_number(s, arena_printf(s->a, "%s.current", base), &x.usage);
		(void)stats_number(s, arena_printf(s->a, "%s.max", base), &x.limit);
		stats_pairs(s, arena_printf(s->a, "%s.events", base), &events);
		x.failcnt = stats_pair(&events, "max");
	} else {
		(void)stats_number(s, arena_printf(s->a, "%s.usage_in_bytes", base), &x.usage);
		(void)stats_number(s, arena_printf(s->a, "%s.limit_in_bytes", base), &x.limit);
		(void)stats_number(s, arena_printf(s->a, "%s.max_usage_in_bytes", base), &x.max);
		(void)stats_number(s, arena_printf(s->a, "%s.failcnt", base), &x.failcnt);
	}
	*ARENA_PUSH(s->a, out) = x;
}

void stats_hugetlb(const struct stats_source *s, struct stats_usages *out)
{
	DIR *d = s->dir == NULL ? NULL : opendir(s->dir->path);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		const char *size = entry->d_name + strlen("hugetlb.");
		const char *end = s->dir->v2 ? ".current" : ".usage_in_bytes";

		if (strncmp(entry->d_name, "hugetlb.", strlen("hugetlb.")) != 0)
			continue;
		size_t n = strcspn(size, ".");
		/* "hugetlb.2MB.rsvd.current" counts reservations */
		if (strcmp(size + n, end) == 0)
			stats_hugetlb_size(s, arena_strndup(s->a, size, n), out);
	}
	if (d != NULL)
		(void)closedir(d);
}
