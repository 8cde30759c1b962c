/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MAX_RUNTIMES = 8, MAX_ROUNDS = 1000 };

/* OP_LIFE: create, start and delete of one container together. */
enum op { OP_RUN, OP_CREATE, OP_START, OP_DELETE, OP_LIFE, OP_EXEC, OP_STATE, OPS };

struct samples {
	float *ms; /* one a round, sorted when the rounds are over */
	unsigned n;
	long max_rss_kib;
};

struct runtime {
	const char *name, *path;
	bool is_floor;
	bool failed[OPS];
	bool live;  /* the container of exec and state was made */
	pid_t init; /* its init, ours to reap: this program is a subreaper */
	struct samples of[OPS];
};

struct bench {
	const char *bundles, *rootfs, *state, *id, *title, *json, *ref, *flag;
	unsigned rounds, warmup, gap_ms;
	bool wanted[OPS];
	struct runtime runtimes[MAX_RUNTIMES];
	size_t n_runtimes;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int log; /* the command's standard error, emptied before each */
	uint32_t seed;
	int failures;
};

/* The names of the operations, as runtimes and the results have them. */
extern const char *const bench_op_names[OPS];

/* The runtime called so on the command line, or NULL. */
const struct runtime *bench_find(const struct bench *b, const char *name);

/* Sorts every runtime's samples, which the two below expect. */
void bench_sort(struct bench *b);

/* The table for people, on standard output: medians and deciles in ms, ratios of medians. */
void bench_print(const struct bench *b);

/* The same as JSON in the file b->json. Returns 0, or -1 with errno when it can't be written. */
int bench_print_json(const struct bench *b);
