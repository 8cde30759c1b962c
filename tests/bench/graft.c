/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * graft HOST BUNDLE-WITHOUT BUNDLE-WITH ROUNDS: what a request for grafts adds to the planning of a
 * container, and what it costs not to make one. In one process, on trees that have just been read:
 * warm, without exec. One line of medians, in microseconds:
 *
 *	UNASKED PLAN-WITHOUT PLAN-WITH
 *
 * UNASKED is the time in graft_resolve(), the one call that a run without a request makes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "hooks/graft.h"
#include "host/host.h"
#include "plan/plan.h"
#include "spec/load.h"

struct bench {
	struct host host;
	struct bundle bundle;
};

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static _Noreturn void die(const struct err *e)
{
	fprintf(stderr, "graft: %s\n", e->text);
	exit(2);
}

static double resolve(const struct bench *b)
{
	autoarena struct arena a = {0};
	struct graft_edits *ed = NULL;
	struct err e = {0};
	double t = now();
	int r = graft_resolve(&b->host, b->bundle.config, &a, &ed, &e);

	t = now() - t;
	if (r < 0)
		die(&e);
	return t;
}

static double plan(const struct bench *b)
{
	autoarena struct arena a = {0};
	const struct plan_options o = {.id = "bench", .bundle = b->bundle.path};
	const struct plan_input in = {.config = b->bundle.config, .host = &b->host, .options = &o};
	struct err e = {0};
	struct plan p;
	double t = now();
	int r = plan_build(&p, &a, &in, &e);

	t = now() - t;
	if (r < 0)
		die(&e);
	return t;
}

static int ascending(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), ascending);
	return v[n / 2];
}

int main(int argc, char **argv)
{
	autoarena struct arena a = {0};
	struct bench without, with;
	struct err e = {0};
	size_t n = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;

	if (n == 0) {
		fputs("usage: graft HOST BUNDLE-WITHOUT BUNDLE-WITH ROUNDS\n", stderr);
		return 2;
	}
	if (host_open(&without.host, argv[1], &a, &e) < 0 ||
	    host_open(&with.host, argv[1], &a, &e) < 0 ||
	    bundle_load(&without.bundle, argv[2], NULL, &a, &e) < 0 ||
	    bundle_load(&with.bundle, argv[3], NULL, &a, &e) < 0)
		die(&e);
	/* its nodes are real ones and its libraries files: nothing is left out */
	without.host.captured = with.host.captured = false;
	double *unasked = arena_array(&a, n, sizeof(double));
	double *none = arena_array(&a, n, sizeof(double));
	double *all = arena_array(&a, n, sizeof(double));
	/* one after the other: the plan with grafts drives everything else out of the caches */
	for (size_t i = 0; i < n; i++)
		unasked[i] = resolve(&without);
	for (size_t i = 0; i < n; i++)
		none[i] = plan(&without);
	for (size_t i = 0; i < n; i++)
		all[i] = plan(&with);
	printf("%.1f %.1f %.1f\n", median(unasked, n), median(none, n), median(all, n));
	return 0;
}
