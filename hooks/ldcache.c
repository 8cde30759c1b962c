/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/ldcache.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

#define CACHE_OLD_MAGIC "ld.so-1.7.0"
#define CACHE_MAGIC "glibc-ld.so.cache1.1"
#define CACHE_MAX_ENTRIES 200000
#define CACHE_MAX_LEVELS 64 /* names of glibc-hwcaps: glibc knows four a machine */
#define CACHE_MAX_SECTIONS 64

/* Layout, all numbers of the machine's own byte order. */
struct cache_old_header {
	char magic[sizeof(CACHE_OLD_MAGIC) - 1];
	char pad;
	uint32_t n;
};
#define CACHE_OLD_ENTRY 12

struct cache_header {
	char magic[sizeof(CACHE_MAGIC) - 1];
	uint32_t n, strings;
	uint8_t order, pad[3];
	uint32_t extension;
	uint32_t unused[3];
};

struct cache_entry {
	int32_t flags;
	uint32_t name, path; /* offsets from this header */
	uint32_t osversion;
	uint64_t hwcap;
};

#define CACHE_EXTENSION_MAGIC 0xeaa42174u
struct cache_extension {
	uint32_t magic, n;
};
enum { CACHE_GENERATOR, CACHE_HWCAPS };
struct cache_section {
	uint32_t tag, flags, offset, size;
};

/* An entry's hwcap of which the upper half is this and a level of the ISA: the low half is the
 * number of a glibc-hwcaps name. */
#define CACHE_HWCAP_NAMED (UINT64_C(1) << 62)
#define CACHE_HWCAP_ISA 0x3ffu

#define CACHE_ORDER (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 2 : 3)

int32_t ldcache_flags(int machine, int elf_class)
{
	static const struct {
		int machine, elf_class;
		int32_t flags;
	} known[] = {
		{EM_X86_64, 64, 0x0300},  {EM_X86_64, 32, 0x0800},    {EM_386, 32, 0},
		{EM_AARCH64, 64, 0x0a00}, {EM_PPC64, 64, 0x0500},     {EM_S390, 64, 0x0400},
		{EM_RISCV, 64, 0x1000},	  {EM_LOONGARCH, 64, 0x1200},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].machine == machine && known[i].elf_class == elf_class)
			return known[i].flags | LDCACHE_LIBC6;
	return -1;
}

/* ---- reading ---- */

struct cache_text {
	const char *v; /* from the header on */
	size_t len;
	const char **hwcaps;
	uint32_t n_hwcaps;
	struct err *e;
};

static int cache_bad(const struct cache_text *t, const char *what)
{
	return err_set(t->e, EBADMSG, "ld.so.cache: %s lies outside of it or contradicts itself",
		       what);
}

/* NULL: it does not end within the text, or is longer than max with its NUL. All entries may share
 * one string, which is looked through for each of them. */
static const char *cache_string(const struct cache_text *t, uint32_t at, size_t max)
{
	if (at >= t->len)
		return NULL;
	return memchr(t->v + at, '\0', t->len - at < max ? t->len - at : max) != NULL ? t->v + at
										      : NULL;
}

static int cache_hwcaps(struct cache_text *t, const struct cache_section *s, struct arena *a)
{
	t->n_hwcaps = s->size / (uint32_t)sizeof(uint32_t);
	if (t->n_hwcaps > CACHE_MAX_LEVELS)
		return cache_bad(t, "the list of glibc-hwcaps");
	t->hwcaps = arena_array(a, t->n_hwcaps, sizeof(*t->hwcaps));
	for (uint32_t i = 0; i < t->n_hwcaps; i++) {
		uint32_t at;

		memcpy(&at, t->v + s->offset + i * sizeof(at), sizeof(at));
		t->hwcaps[i] = cache_string(t, at, NAME_MAX + 1);
		if (t->hwcaps[i] == NULL)
			return cache_bad(t, "a name of glibc-hwcaps");
	}
	return 0;
}

static int cache_extension(struct cache_text *t, uint32_t at, struct arena *a, struct ldcache *out)
{
	struct cache_extension x;
	struct cache_section s;

	if (at == 0)
		return 0;
	if (at > t->len || t->len - at < sizeof(x))
		return cache_bad(t, "the extension");
	memcpy(&x, t->v + at, sizeof(x));
	if (x.magic != CACHE_EXTENSION_MAGIC || x.n > CACHE_MAX_SECTIONS ||
	    x.n > (t->len - at - sizeof(x)) / sizeof(s))
		return cache_bad(t, "the extension");
	for (uint32_t i = 0; i < x.n; i++) {
		memcpy(&s, t->v + at + sizeof(x) + i * sizeof(s), sizeof(s));
		if (s.offset > t->len || s.size > t->len - s.offset ||
		    (s.tag == CACHE_GENERATOR && s.size > PATH_MAX))
			return cache_bad(t, "a section of the extension");
		if (s.tag == CACHE_GENERATOR)
			out->generator = arena_strndup(a, t->v + s.offset, s.size);
		else if (s.tag == CACHE_HWCAPS && cache_hwcaps(t, &s, a) < 0)
			return -t->e->code;
	}
	return 0;
}

static int cache_entry(const struct cache_text *t, size_t at, struct ldcache_entry *out)
{
	struct cache_entry c;

	memcpy(&c, t->v + at, sizeof(c));
	*out = (struct ldcache_entry){
		.flags = c.flags,
		.osversion = c.osversion,
		.name = cache_string(t, c.name, NAME_MAX + 1),
		.path = cache_string(t, c.path, PATH_MAX),
	};
	if (out->name == NULL || out->path == NULL)
		return cache_bad(t, "a name");
	uint32_t upper = (uint32_t)(c.hwcap >> 32);
	if ((upper & ~CACHE_HWCAP_ISA) != CACHE_HWCAP_NAMED >> 32) {
		out->hwcap = c.hwcap;
		return 0;
	}
	if ((uint32_t)c.hwcap >= t->n_hwcaps)
		return cache_bad(t, "a number of glibc-hwcaps");
	out->hwcaps = t->hwcaps[(uint32_t)c.hwcap];
	out->isa = upper & CACHE_HWCAP_ISA;
	return 0;
}

/* The older table in front, if there is one, is passed over. */
static int cache_find_header(struct cache_text *t, struct cache_header *h)
{
	struct cache_old_header old;

	if (t->len >= sizeof(old) && memcmp(t->v, CACHE_OLD_MAGIC, sizeof(old.magic)) == 0) {
		memcpy(&old, t->v, sizeof(old));
		size_t skip = sizeof(old) + (size_t)old.n * CACHE_OLD_ENTRY;
		skip = (skip + 7) & ~(size_t)7;
		if (skip > t->len)
			return cache_bad(t, "the older table");
		t->v += skip;
		t->len -= skip;
	}
	if (t->len < sizeof(*h))
		return err_set(t->e, EBADMSG, "ld.so.cache: is of no format that greffon knows");
	memcpy(h, t->v, sizeof(*h));
	if (memcmp(h->magic, CACHE_MAGIC, sizeof(h->magic)) != 0 ||
	    ((h->order & 3) != 0 && (h->order & 3) != CACHE_ORDER))
		return err_set(t->e, EBADMSG, "ld.so.cache: is of no format that greffon knows");
	return 0;
}

int ldcache_parse(const char *text, size_t len, struct arena *a, struct ldcache *out, struct err *e)
{
	struct cache_text t = {.v = text, .len = len, .e = e};
	struct cache_header h;

	*out = (struct ldcache){0};
	int r = cache_find_header(&t, &h);
	if (r < 0)
		return r;
	if (h.n > CACHE_MAX_ENTRIES || h.n > (t.len - sizeof(h)) / sizeof(struct cache_entry))
		return cache_bad(&t, "the table");
	r = cache_extension(&t, h.extension, a, out);
	out->v = arena_array(a, h.n, sizeof(*out->v));
	for (uint32_t i = 0; r == 0 && i < h.n; i++)
		r = cache_entry(&t, sizeof(h) + i * sizeof(struct cache_entry), &out->v[out->n++]);
	return r;
}

/* ---- order ---- */

static bool cache_digit(char c)
{
	return c >= '0' && c <= '9';
}

static uint32_t cache_number(const char **s)
{
	uint32_t n = 0;

	while (cache_digit(**s))
		n = n * 10 + (uint32_t)(*(*s)++ - '0');
	return n;
}

/* As glibc's loader does, to which the order has to make sense: numbers are compared as numbers,
 * but in an int that wraps, so is their difference, and a char has the sign that the machine gives
 * it. */
static int cache_compare_names(const char *x, const char *y)
{
	while (*x != '\0') {
		if (cache_digit(*x) && cache_digit(*y)) {
			uint32_t m = cache_number(&x), n = cache_number(&y);

			if (m != n)
				return (int32_t)(m - n) < 0 ? -1 : 1;
			continue;
		}
		if (cache_digit(*x) || cache_digit(*y))
			return cache_digit(*x) ? 1 : -1;
		if (*x != *y)
			return *x < *y ? -1 : 1;
		x++;
		y++;
	}
	return *x - *y;
}

/* The loader searches by halves from the greatest name down; of one name it takes the first that
 * fits, so levels of glibc-hwcaps stand before the others. */
static int cache_compare(const struct ldcache_entry *x, const struct ldcache_entry *y)
{
	int r = cache_compare_names(y->name, x->name);

	if (r != 0)
		return r;
	if (x->flags != y->flags)
		return x->flags < y->flags ? 1 : -1;
	if ((x->hwcaps != NULL) != (y->hwcaps != NULL))
		return x->hwcaps != NULL ? -1 : 1;
	if (x->hwcaps != NULL)
		r = strcmp(x->hwcaps, y->hwcaps);
	if (r != 0)
		return r;
	if (x->hwcap != y->hwcap)
		return x->hwcap < y->hwcap ? 1 : -1;
	if (x->osversion != y->osversion)
		return x->osversion < y->osversion ? 1 : -1;
	return 0;
}

/* Equal ones stay as they came: the order of the loader's folders. Differences that wrap may go in
 * a circle, with which qsort() may do anything. */
static void cache_sort(struct ldcache_entry *v, size_t n, struct arena *a)
{
	struct ldcache_entry *from = v, *to = arena_array(a, n, sizeof(*to));

	for (size_t run = 1; run < n; run *= 2) {
		for (size_t begin = 0; begin < n; begin += 2 * run) {
			size_t middle = begin + run < n ? begin + run : n;
			size_t end = middle + run < n ? middle + run : n;
			size_t x = begin, y = middle;

			for (size_t i = begin; i < end; i++) {
				bool left = y == end ||
					    (x < middle && cache_compare(&from[x], &from[y]) <= 0);
				to[i] = from[left ? x++ : y++];
			}
		}
		struct ldcache_entry *swap = from;
		from = to;
		to = swap;
	}
	if (from != v)
		memcpy(v, from, n * sizeof(*v));
}

static bool cache_is_replaced(const struct ldcache_entry *old, const struct ldcache_entry *add,
			      size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (old->flags == add[i].flags && strcmp(old->name, add[i].name) == 0)
			return true;
	return false;
}

void ldcache_merge(const struct ldcache *image, const struct ldcache_entry *add, size_t n,
		   struct arena *a, struct ldcache *out)
{
	*out = (struct ldcache){.generator = image->generator};
	out->v = arena_array(a, image->n + n, sizeof(*out->v));
	for (size_t i = 0; i < image->n; i++)
		if (!cache_is_replaced(&image->v[i], add, n))
			out->v[out->n++] = image->v[i];
	for (size_t i = 0; i < n; i++)
		out->v[out->n++] = add[i];
	cache_sort(out->v, out->n, a);
}

const struct ldcache_entry *ldcache_find(const struct ldcache *c, int32_t flags, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].hwcaps == NULL && c->v[i].flags == flags &&
		    strcmp(c->v[i].name, name) == 0)
			return &c->v[i];
	return NULL;
}

/* ---- writing ---- */

struct cache_out {
	char *v;
	size_t len;	/* of the whole file, known before */
	size_t strings; /* where the next string goes */
};

static uint32_t cache_put(struct cache_out *o, const char *s)
{
	size_t at = o->strings, n = strlen(s) + 1;

	memcpy(o->v + at, s, n);
	o->strings += n;
	return (uint32_t)at;
}

static int cache_compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of glibc-hwcaps in use, each once, in order: an entry holds the number of one. */
static size_t cache_levels(const struct ldcache *c, struct arena *a, const char ***out)
{
	size_t n = 0, kept = 0;

	*out = arena_array(a, c->n, sizeof(**out));
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].hwcaps != NULL)
			(*out)[n++] = c->v[i].hwcaps;
	if (n > 0)
		qsort(*out, n, sizeof(**out), cache_compare_strings);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || strcmp((*out)[kept - 1], (*out)[i]) != 0)
			(*out)[kept++] = (*out)[i];
	return kept;
}

static uint64_t cache_hwcap(const struct ldcache_entry *x, const char *const *levels, size_t n)
{
	if (x->hwcaps == NULL)
		return x->hwcap;
	const char *const *level =
		bsearch(&x->hwcaps, levels, n, sizeof(*levels), cache_compare_strings);

	return CACHE_HWCAP_NAMED | (uint64_t)x->isa << 32 | (uint64_t)(level - levels);
}

/* Table, strings, extension: the order that ldconfig has. */
static size_t cache_size(const struct ldcache *c, const char *const *levels, size_t n_levels,
			 size_t *extension)
{
	size_t len = sizeof(struct cache_header) + c->n * sizeof(struct cache_entry);

	for (size_t i = 0; i < c->n; i++)
		len += strlen(c->v[i].name) + strlen(c->v[i].path) + 2;
	for (size_t i = 0; i < n_levels; i++)
		len += strlen(levels[i]) + 1;
	*extension = (len + 3) & ~(size_t)3;
	return *extension + sizeof(struct cache_extension) + 2 * sizeof(struct cache_section) +
	       n_levels * sizeof(uint32_t) + (c->generator != NULL ? strlen(c->generator) : 0);
}

static void cache_write_extension(struct cache_out *o, size_t at, const struct ldcache *c,
				  const char *const *levels, size_t n_levels)
{
	size_t said = c->generator != NULL ? strlen(c->generator) : 0;
	size_t body = at + sizeof(struct cache_extension) + 2 * sizeof(struct cache_section);
	struct cache_extension x = {.magic = CACHE_EXTENSION_MAGIC, .n = 2};
	struct cache_section s[2] = {
		{.tag = CACHE_GENERATOR,
		 .offset = (uint32_t)(body + n_levels * 4),
		 .size = (uint32_t)said},
		{.tag = CACHE_HWCAPS, .offset = (uint32_t)body, .size = (uint32_t)(n_levels * 4)},
	};

	memcpy(o->v + at, &x, sizeof(x));
	memcpy(o->v + at + sizeof(x), s, sizeof(s));
	for (size_t i = 0; i < n_levels; i++) {
		uint32_t name = cache_put(o, levels[i]);

		memcpy(o->v + body + i * 4, &name, sizeof(name));
	}
	if (said > 0)
		memcpy(o->v + s[0].offset, c->generator, said);
}

const char *ldcache_write(const struct ldcache *c, struct arena *a, size_t *out_len, struct err *e)
{
	const char **levels;
	size_t n_levels = cache_levels(c, a, &levels), extension;
	struct cache_out o = {.len = cache_size(c, levels, n_levels, &extension)};
	struct cache_header h = {
		.n = (uint32_t)c->n, .order = CACHE_ORDER, .extension = (uint32_t)extension};

	*out_len = 0;
	if (o.len > LDCACHE_MAX) {
		(void)err_set(e, EFBIG,
			      "ld.so.cache: with the libraries of the host it has %zu bytes, more "
			      "than %zu",
			      o.len, LDCACHE_MAX);
		return NULL;
	}
	o.v = arena_alloc(a, o.len);
	o.strings = sizeof(h) + c->n * sizeof(struct cache_entry);
	size_t strings = o.strings;
	for (size_t i = 0; i < c->n; i++) {
		const struct ldcache_entry *x = &c->v[i];
		struct cache_entry out = {
			.flags = x->flags,
			.osversion = x->osversion,
			.hwcap = cache_hwcap(x, levels, n_levels),
		};

		out.name = cache_put(&o, x->name);
		out.path = cache_put(&o, x->path);
		memcpy(o.v + sizeof(h) + i * sizeof(out), &out, sizeof(out));
	}
	cache_write_extension(&o, extension, c, levels, n_levels);
	memcpy(h.magic, CACHE_MAGIC, sizeof(h.magic));
	h.strings = (uint32_t)(o.strings - strings);
	memcpy(o.v, &h, sizeof(h));
	*out_len = o.len;
	return o.v;
}
