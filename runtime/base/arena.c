/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(16) char bytes[];
};

#define ARENA_BLOCK ((size_t)64 * 1024)

static _Noreturn void arena_oom(void)
{
	static const char line[] = "greffon: out of memory\n";

	(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	_exit(1);
}

void *arena_alloc(struct arena *a, size_t n)
{
	if (n > SIZE_MAX / 2)
		arena_oom();
	n = (n + 15) & ~(size_t)15;

	struct arena_block *b = a->block;
	if (b == NULL || b->size - b->used < n) {
		size_t size = n > ARENA_BLOCK ? n : ARENA_BLOCK;
		b = malloc(sizeof(*b) + size);
		if (b == NULL)
			arena_oom();
		b->used = 0;
		b->size = size;
		b->next = a->block;
		a->block = b;
	}
	void *p = b->bytes + b->used;
	b->used += n;
	/* here, not for the whole block: a page that is never used is never touched */
	return memset(p, 0, n);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		arena_oom();
	return arena_alloc(a, n);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	memcpy(copy, s, n);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s == NULL ? NULL : arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	struct arena_block *b = a->block;
	size_t room = b == NULL ? 0 : b->size - b->used;
	char *text = b == NULL ? NULL : b->bytes + b->used;
	va_list ap, again;

	/* most texts fit where the next allocation starts: they are formatted once */
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(text, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		arena_oom();
	if ((size_t)n < room) {
		size_t taken = ((size_t)n + 1 + 15) & ~(size_t)15;
		b->used += taken < room ? taken : room;
	} else {
		text = arena_alloc(a, (size_t)n + 1);
		(void)vsnprintf(text, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	return text;
}

void *arena_grow(struct arena *a, void *old, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return old;
	*cap = *cap == 0 ? 8 : *cap * 2;
	void *grown = arena_array(a, *cap, size);
	if (n > 0)
		memcpy(grown, old, n * size);
	return grown;
}

void arena_done(struct arena *a)
{
	while (a->block != NULL) {
		struct arena_block *b = a->block;
		a->block = b->next;
		free(b);
	}
}
