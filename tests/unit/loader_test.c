/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "hooks/elf.h"
#include "hooks/ldcache.h"

/* The machine's own libraries and cache are the best fixtures: ldconfig and the linker made them.
 */

static struct arena a;
static struct err e;

static void reset(void)
{
	arena_done(&a);
	e = (struct err){0};
}

TestSuite(elf, .fini = reset);
TestSuite(ldcache, .fini = reset);

static bool any(const char *const *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i], name) == 0)
			return true;
	return false;
}

static int libc_open(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], *path = NULL;

	while (path == NULL && fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, "/libc.so.6") != NULL)
			path = strchr(line, '/');
	fclose(maps);
	if (path == NULL)
		return -1;
	path[strcspn(path, "\n")] = '\0';
	return open(path, O_RDONLY | O_CLOEXEC);
}

Test(elf, reads_what_the_c_library_offers)
{
	autoclose int fd = libc_open();
	struct elf f;

	if (fd < 0)
		cr_skip("this program does not run on glibc");
	cr_assert_eq(elf_read(fd, &a, &f, &e), 0, "%s", e.text);
	cr_assert_str_eq(f.soname, "libc.so.6");
	cr_assert_eq(f.class, (int)sizeof(void *) * 8);
	cr_assert(f.dynamic);
	cr_assert(any(f.define, f.n_define, "GLIBC_PRIVATE"));
	cr_assert_not(any(f.define, f.n_define, "libc.so.6"), "its own name is no version");
	cr_assert_gt(f.n_need, 0);
	cr_assert(f.versym && f.verdef);
}

Test(elf, reads_what_a_program_needs)
{
	autoclose int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct elf f;
	bool libc = false;

	cr_assert_eq(elf_read(fd, &a, &f, &e), 0, "%s", e.text);
	cr_assert_not_null(f.interpreter);
	cr_assert_null(f.soname);
	cr_assert_gt(f.n_needed, 0);
	for (size_t i = 0; i < f.n_need; i++)
		libc = libc || (strcmp(f.need[i].library, "libc.so.6") == 0 && f.need[i].n > 0);
	cr_assert(libc);
	cr_assert(f.versym);
	cr_assert_not(f.verdef, "it asks for versions and offers none");
}

Test(elf, lists_symbols_by_prefix)
{
	static const char *const prefix[] = {"mallo", "qsor"};
	autoclose int fd = libc_open();
	struct elf_symbols s;

	if (fd < 0)
		cr_skip("this program does not run on glibc");
	cr_assert_eq(elf_symbols(fd, prefix, 2, &a, &s, &e), 0, "%s", e.text);
	cr_assert(any(s.defined, s.n_defined, "malloc"));
	cr_assert(any(s.defined, s.n_defined, "qsort"));
	cr_assert_not(any(s.defined, s.n_defined, "free"));

	autoclose int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	cr_assert_eq(elf_symbols(self, prefix, 2, &a, &s, &e), 0, "%s", e.text);
	cr_assert(any(s.undefined, s.n_undefined, "malloc"));
}

/* A file in memory. */
static int file_of(const void *v, size_t n)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	cr_assert_eq(write(fd, v, n), (ssize_t)n);
	return fd;
}

Test(elf, refuses_what_is_none)
{
	struct elf f;
	autoclose int text =
		file_of("#!/bin/sh\necho this is a script, not a library, and long enough\n", 64);
	autoclose int empty = file_of("", 0);

	cr_assert_eq(elf_read(text, &a, &f, &e), -ENOEXEC);
	cr_assert_eq(elf_read(empty, &a, &f, &e), -ENOEXEC);
	autoclose int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(elf_read(folder, &a, &f, &e), -ENOEXEC);
}

/* Whatever byte is wrong and wherever it ends: an answer or an error, and never a read outside. */
Test(elf, survives_every_damage)
{
	static const char *const prefix[] = {""};
	autoclose int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char head[4096];
	struct elf_symbols s;
	struct elf f;

	cr_assert_eq(pread(exe, head, sizeof(head), 0), (ssize_t)sizeof(head));
	for (size_t i = 4; i < 1024; i++) {
		char changed[4096];

		memcpy(changed, head, sizeof(head));
		changed[i] = (char)(changed[i] ^ 0xff);
		autoclose int fd = file_of(changed, i % 3 == 0 ? i : sizeof(changed));
		(void)elf_read(fd, &a, &f, &e);
		(void)elf_symbols(fd, prefix, 1, &a, &s, &e);
		arena_done(&a);
	}
}

static const char *system_cache(size_t *len)
{
	char *text;

	if (io_read_file(AT_FDCWD, "/etc/ld.so.cache", (size_t)16 << 20, &a, &text, len) < 0)
		cr_skip("/etc/ld.so.cache is not there");
	return text;
}

static void same(const struct ldcache *x, const struct ldcache *y)
{
	cr_assert_eq(x->n, y->n);
	for (size_t i = 0; i < x->n; i++) {
		cr_assert_str_eq(x->v[i].name, y->v[i].name);
		cr_assert_str_eq(x->v[i].path, y->v[i].path);
		cr_assert_eq(x->v[i].flags, y->v[i].flags);
		cr_assert_eq(x->v[i].hwcap, y->v[i].hwcap);
		cr_assert_eq(x->v[i].hwcaps == NULL, y->v[i].hwcaps == NULL);
	}
}

Test(ldcache, keeps_the_order_of_ldconfig)
{
	size_t len, written;
	const char *text = system_cache(&len);
	struct ldcache read, merged, again;

	cr_assert_eq(ldcache_parse(text, len, &a, &read, &e), 0, "%s", e.text);
	cr_assert_gt(read.n, 0);
	ldcache_merge(&read, NULL, 0, &a, &merged);
	same(&read, &merged);
	const char *out = ldcache_write(&merged, &a, &written, &e);
	cr_assert_eq(ldcache_parse(out, written, &a, &again, &e), 0, "%s", e.text);
	same(&read, &again);
	cr_assert_eq(read.generator == NULL, again.generator == NULL);
	if (read.generator != NULL)
		cr_assert_str_eq(read.generator, again.generator);
}

Test(ldcache, replaces_a_library_whole)
{
	struct ldcache_entry v[] = {
		{.flags = 0x303, .name = "libb.so.10", .path = "/usr/lib/libb.so.10"},
		{.flags = 0x303, .name = "libb.so.9", .path = "/usr/lib/libb.so.9"},
		{.flags = 0x303,
		 .hwcaps = "x86-64-v3",
		 .name = "liba.so.1",
		 .path = "/usr/lib/glibc-hwcaps/x86-64-v3/liba.so.1"},
		{.flags = 0x303, .name = "liba.so.1", .path = "/usr/lib/liba.so.1"},
		{.flags = 0x003, .name = "liba.so.1", .path = "/usr/lib32/liba.so.1"},
	};
	struct ldcache_entry add[] = {
		{.flags = 0x303, .name = "liba.so.1", .path = "/graft/liba.so.1"},
		{.flags = 0x303, .name = "libc10.so", .path = "/graft/libc10.so"}};
	struct ldcache image = {.v = v, .n = 5}, out, again;
	size_t len;

	ldcache_merge(&image, add, 2, &a, &out);
	cr_assert_eq(out.n, 5);
	const char *text = ldcache_write(&out, &a, &len, &e);
	cr_assert_eq(ldcache_parse(text, len, &a, &again, &e), 0, "%s", e.text);
	cr_assert_str_eq(again.v[0].name, "libc10.so");
	cr_assert_str_eq(again.v[1].name, "libb.so.10", "numbers count as numbers");
	cr_assert_str_eq(ldcache_find(&again, 0x303, "liba.so.1")->path, "/graft/liba.so.1");
	cr_assert_str_eq(ldcache_find(&again, 0x003, "liba.so.1")->path, "/usr/lib32/liba.so.1");
	cr_assert_null(ldcache_find(&again, 0xa03, "liba.so.1"));
}

/* glibc's loader has an int for a number, and searches by halves: these are -1294967296 and 1. */
Test(ldcache, numbers_wrap_as_the_loader_has_them)
{
	static const char *const order[] = {"libt-5.so", "libt-4294967297.so",
					    "libt-3000000000.so"};
	struct ldcache_entry v[] = {{.flags = 0x303, .name = order[2], .path = "/1"},
				    {.flags = 0x303, .name = order[0], .path = "/2"},
				    {.flags = 0x303, .name = order[1], .path = "/3"},
				    {.flags = 0x303, .name = order[0], .path = "/4"}};
	struct ldcache image = {.v = v, .n = 4}, out;

	ldcache_merge(&image, NULL, 0, &a, &out);
	cr_assert_eq(out.n, 4);
	for (size_t i = 0; i < 3; i++)
		cr_assert_str_eq(out.v[i == 0 ? 0 : i + 1].name, order[i]);
	cr_assert_str_eq(out.v[0].path, "/2", "of one name the first stays first");
	cr_assert_str_eq(out.v[1].path, "/4");
}

Test(ldcache, letters_have_the_sign_of_the_machine)
{
	struct ldcache_entry v[] = {{.flags = 0x303, .name = "libt\xc3\xa9.so", .path = "/1"},
				    {.flags = 0x303, .name = "libtz.so", .path = "/2"}};
	struct ldcache image = {.v = v, .n = 2}, out;

	ldcache_merge(&image, NULL, 0, &a, &out);
	cr_assert_str_eq(out.v[0].path, CHAR_MIN < 0 ? "/2" : "/1");
}

Test(ldcache, levels_of_hardware_survive)
{
	struct ldcache_entry v[] = {
		{.flags = 0x303,
		 .hwcaps = "x86-64-v3",
		 .isa = 3,
		 .name = "liba.so.1",
		 .path = "/v3/liba.so.1"},
		{.flags = 0x303,
		 .hwcaps = "x86-64-v2",
		 .name = "liba.so.1",
		 .path = "/v2/liba.so.1"},
		{.flags = 0x303, .name = "liba.so.1", .path = "/usr/lib/liba.so.1"},
	};
	struct ldcache image = {.v = v, .n = 3}, out, again;
	size_t len;

	ldcache_merge(&image, NULL, 0, &a, &out);
	const char *text = ldcache_write(&out, &a, &len, &e);
	cr_assert_eq(ldcache_parse(text, len, &a, &again, &e), 0, "%s", e.text);
	cr_assert_str_eq(again.v[0].hwcaps, "x86-64-v2");
	cr_assert_str_eq(again.v[0].path, "/v2/liba.so.1");
	cr_assert_eq(again.v[0].isa, 0);
	cr_assert_str_eq(again.v[1].hwcaps, "x86-64-v3");
	cr_assert_eq(again.v[1].isa, 3);
	cr_assert_null(again.v[2].hwcaps);
}

Test(ldcache, survives_every_damage)
{
	size_t len;
	const char *text = system_cache(&len);
	char *changed = malloc(len);
	struct ldcache c;
	struct arena b = {0};

	for (size_t i = 0; i < len; i += 1 + i / 64) {
		memcpy(changed, text, len);
		changed[i] = (char)(changed[i] ^ 0xff);
		(void)ldcache_parse(changed, i % 2 == 0 ? len : i, &b, &c, &e);
		arena_done(&b);
	}
	free(changed);
}

Test(ldcache, knows_the_machines)
{
	cr_assert_eq(ldcache_flags(62, 64), 0x303);
	cr_assert_eq(ldcache_flags(183, 64), 0xa03);
	cr_assert_eq(ldcache_flags(3, 32), 3);
	cr_assert_eq(ldcache_flags(40, 32), -1);
}

#define HWCAP_AT (48 + 16) /* of the first entry */

/* One entry and a section of n_levels names, all the same ones; as an image may have it. */
static char *made_cache(size_t name, size_t path, uint32_t n_levels, size_t *len)
{
	enum { HEAD = 48, ENTRY = 24, EXTENSION = HEAD + ENTRY, LEVELS = EXTENSION + 24 };
	uint32_t strings = LEVELS + n_levels * 4;
	uint32_t entry[6] = {0x303, strings, strings + (uint32_t)name + 1, 0, 0, 0};
	uint32_t extension[6] = {0xeaa42174, 1, 1, 0, LEVELS, n_levels * 4};
	uint32_t n = 1, at = EXTENSION;

	*len = strings + name + path + 2;
	char *v = arena_alloc(&a, *len);
	memcpy(v, "glibc-ld.so.cache1.1", 20);
	memcpy(v + 20, &n, sizeof(n));
	memcpy(v + 32, &at, sizeof(at));
	memcpy(v + HEAD, entry, sizeof(entry));
	memcpy(v + EXTENSION, extension, sizeof(extension));
	for (uint32_t i = 0; i < n_levels; i++)
		memcpy(v + LEVELS + i * 4, &strings, sizeof(strings));
	memset(v + strings, 'l', name);
	memset(v + strings + name + 1, '/', path);
	return v;
}

/* What is longer than a file's name or path can't be one, and would be read for each entry. */
Test(ldcache, bounds_what_entries_may_share)
{
	static const struct {
		size_t name, path;
		uint32_t n_levels;
		int r;
	} is[] = {{255, 4095, 64, 0},
		  {256, 1, 0, -EBADMSG},
		  {1, 4096, 0, -EBADMSG},
		  {1, 1, 65, -EBADMSG}};
	struct ldcache c;
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(is); i++) {
		const char *text = made_cache(is[i].name, is[i].path, is[i].n_levels, &len);
		cr_assert_eq(ldcache_parse(text, len, &a, &c, &e), is[i].r, "%zu: %s", i, e.text);
	}
}

Test(ldcache, writes_no_more_than_its_file_system_has)
{
	static char path[4001];
	struct ldcache c = {.n = 5000};
	size_t len;

	memset(path, 'p', sizeof(path) - 1);
	c.v = arena_array(&a, c.n, sizeof(*c.v));
	for (size_t i = 0; i < c.n; i++)
		c.v[i] = (struct ldcache_entry){.flags = 0x303, .name = "liba.so.1", .path = path};
	cr_assert_null(ldcache_write(&c, &a, &len, &e));
	cr_assert_eq(e.code, EFBIG);
	c.n = 4000;
	cr_assert_not_null(ldcache_write(&c, &a, &len, &e));
}

/* Other bits of the upper half make it one of the loaders of old, which had 64 of their own. */
Test(ldcache, knows_a_named_level_by_the_upper_half)
{
	static const struct {
		uint64_t hwcap;
		unsigned int isa;
		bool named;
	} is[] = {{UINT64_C(0x4000000000000000), 0, true},
		  {UINT64_C(0x4000000400000000), 4, true},
		  {UINT64_C(0x400003ff00000000), 0x3ff, true},
		  {UINT64_C(0x4000040000000000), 0, false},
		  {UINT64_C(0xc000000000000000), 0, false},
		  {UINT64_C(0x0000000400000000), 0, false}};
	struct ldcache c;
	size_t len, written;

	for (size_t i = 0; i < ARRAY_LEN(is); i++) {
		char *text = made_cache(9, 9, 1, &len);
		memcpy(text + HWCAP_AT, &is[i].hwcap, sizeof(is[i].hwcap));
		cr_assert_eq(ldcache_parse(text, len, &a, &c, &e), 0, "%s", e.text);
		cr_assert_eq(c.v[0].hwcaps != NULL, is[i].named, "%zu", i);
		cr_assert_eq(c.v[0].isa, is[i].isa, "%zu", i);
		const char *again = ldcache_write(&c, &a, &written, &e);
		cr_assert_arr_eq(again + HWCAP_AT, &is[i].hwcap, sizeof(is[i].hwcap));
	}
}
