/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

struct arena_block;

/*
 * Bump allocator: everything of one document or one plan lives in one arena and dies with it.
 * Zeroed memory, aligned to 16 bytes. Out of memory ends the process with one line and status 1:
 * nothing that needs an undo allocates from an arena after its first external effect.
 */
struct arena {
	struct arena_block *block;
};

/* n zeroed bytes; never NULL, also for n = 0. */
void *arena_alloc(struct arena *a, size_t n);

/* As arena_alloc() for count * size bytes, with checked arithmetic. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* A NUL-terminated copy. NULL stays NULL. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);

char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

/* Returns all memory. The arena may be used again. */
void arena_done(struct arena *a);

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define autoarena __attribute__((cleanup(arena_done)))

/*
 * Growable array in an arena: `struct { T *v; size_t n, cap; }`. Returns the address of a new
 * zeroed element at the end. Growth doubles, the old copy stays in the arena.
 */
#define ARENA_PUSH(a, list)                                                                        \
	((list)->v = arena_grow((a), (list)->v, (list)->n, &(list)->cap, sizeof(*(list)->v)),      \
	 &(list)->v[(list)->n++])
void *arena_grow(struct arena *a, void *old, size_t n, size_t *cap, size_t size);
