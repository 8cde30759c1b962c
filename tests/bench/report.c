/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const bench_op_names[OPS] = {"run",	 "create", "start", "delete",
					 "life", "exec",   "state"};

static int by_value(const void *a, const void *b)
{
	const float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

void bench_sort(struct bench *b)
{
	for (size_t i = 0; i < b->n_runtimes; i++)
		for (enum op op = OP_RUN; op < OPS; op++)
			qsort(b->runtimes[i].of[op].ms, b->runtimes[i].of[op].n, sizeof(float),
			      by_value);
}

/* The value below which `percent` of the sorted samples lie, interpolated. */
static double samples_at(const struct samples *s, double percent)
{
	const double at = percent / 100 * (s->n - 1);
	const unsigned low = (unsigned)at;

	if (low + 1 >= s->n)
		return (double)s->ms[s->n - 1];
	return (double)s->ms[low] + (at - low) * (double)(s->ms[low + 1] - s->ms[low]);
}

static bool samples_good(const struct runtime *rt, enum op op)
{
	return rt->of[op].n > 0 && !rt->failed[op];
}

const struct runtime *bench_find(const struct bench *b, const char *name)
{
	for (size_t i = 0; i < b->n_runtimes; i++)
		if (strcmp(b->runtimes[i].name, name) == 0)
			return &b->runtimes[i];
	return NULL;
}

static void ratio_print(const struct runtime *rt, const struct runtime *to, enum op op)
{
	if (to && samples_good(to, op))
		(void)printf(" %9.2f", samples_at(&rt->of[op], 50) / samples_at(&to->of[op], 50));
	else
		(void)printf(" %9s", "-");
}

void bench_print(const struct bench *b)
{
	const struct runtime *ref = bench_find(b, b->ref), *floor = bench_find(b, "floor");
	char over[64];

	(void)snprintf(over, sizeof(over), "/ %s", ref ? ref->name : "-");
	(void)printf("%s (%u rounds after %u to warm up, ", b->title, b->rounds, b->warmup);
	if (b->gap_ms)
		(void)printf("one each %u ms; ms)\n", b->gap_ms);
	else
		(void)printf("back to back; ms)\n");
	(void)printf("  %-7s %-12s %8s %8s %8s %9s %9s %9s\n", "op", "runtime", "median", "p10",
		     "p90", over, "/ floor", "peak KiB");
	for (enum op op = OP_RUN; op < OPS; op++)
		for (size_t i = 0; i < b->n_runtimes; i++) {
			const struct runtime *rt = &b->runtimes[i];
			const struct samples *s = &rt->of[op];

			if (rt->failed[op])
				(void)printf("  %-7s %-12s failed\n", bench_op_names[op], rt->name);
			if (!samples_good(rt, op))
				continue;
			(void)printf("  %-7s %-12s %8.2f %8.2f %8.2f", bench_op_names[op], rt->name,
				     samples_at(s, 50), samples_at(s, 10), samples_at(s, 90));
			ratio_print(rt, ref, op);
			ratio_print(rt, floor, op);
			(void)printf(" %9ld\n", s->max_rss_kib);
		}
	(void)fflush(stdout);
}

/* One object: {"title", "gap_ms", "rounds", "ops": {OP: {RUNTIME: {"median_ms", ...}}}}. The names
 * come from the command line, where only plain words are let in. */
int bench_print_json(const struct bench *b)
{
	FILE *f = fopen(b->json, "we");
	const char *op_comma = "";

	if (!f)
		return -1;
	(void)fprintf(f, "{\"title\":\"%s\",\"gap_ms\":%u,\"rounds\":%u,\"ops\":{", b->title,
		      b->gap_ms, b->rounds);
	for (enum op op = OP_RUN; op < OPS; op++) {
		const char *comma = "";

		(void)fprintf(f, "%s\"%s\":{", op_comma, bench_op_names[op]);
		op_comma = ",";
		for (size_t i = 0; i < b->n_runtimes; i++) {
			const struct runtime *rt = &b->runtimes[i];
			const struct samples *s = &rt->of[op];

			if (!samples_good(rt, op))
				continue;
			(void)fprintf(
				f,
				"%s\"%s\":{\"median_ms\":%.4f,\"p10_ms\":%.4f,\"p90_ms\":%.4f,"
				"\"n\":%u,\"peak_rss_kib\":%ld}",
				comma, rt->name, samples_at(s, 50), samples_at(s, 10),
				samples_at(s, 90), s->n, s->max_rss_kib);
			comma = ",";
		}
		(void)fputs("}", f);
	}
	(void)fputs("}}\n", f);
	return fclose(f) == 0 ? 0 : -1;
}
