/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/*
 * The dynamic loader's cache, /etc/ld.so.cache, in the format that glibc has written since 2.2
 * ("glibc-ld.so.cache1.1", perhaps behind an older table), with the extensions of 2.33. An image's
 * cache is data from strangers: every offset is checked. Nothing of the image runs, unlike with
 * ldconfig.
 */

/* Kinds of library in an entry's flags: the low byte is the C library (3: glibc), the next the
 * machine. */
#define LDCACHE_LIBC6 3

/* The biggest that is written: the file system that it goes to has no more. */
#define LDCACHE_MAX ((size_t)16 << 20)

struct ldcache_entry {
	int32_t flags;	    /* LDCACHE_LIBC6 | machine */
	uint32_t osversion; /* 0: any kernel */
	uint64_t hwcap;	    /* without a name: bits as the loader of old knew them */
	const char *hwcaps; /* name of a glibc-hwcaps folder ("x86-64-v3"); NULL: none */
	unsigned int isa;   /* with a name: the level that the file itself is marked with */
	const char *name;   /* what programs ask for: the soname */
	const char *path;
};

struct ldcache {
	struct ldcache_entry *v; /* in the order the loader searches */
	size_t n;
	const char *generator; /* who wrote it; NULL: not said */
};

/* The flags of a library of an ELF machine and class (EM_*, 32 or 64), as glibc's loader there
 * looks for them; -1: greffon does not know the machine. */
int32_t ldcache_flags(int machine, int elf_class);

/* Strings stay in text, which has to outlive *out. -EBADMSG: no cache of this format and byte
 * order, or it contradicts itself, or has a longer name or path than a file system. */
int ldcache_parse(const char *text, size_t len, struct arena *a, struct ldcache *out,
		  struct err *e);

/* The entries of both: one of `add` replaces all of the same name and flags. */
void ldcache_merge(const struct ldcache *image, const struct ldcache_entry *add, size_t n,
		   struct arena *a, struct ldcache *out);

/* The file's bytes, in the arena. NULL: more than LDCACHE_MAX (each entry has its own copy of what
 * an image's entries may share); e says so, with EFBIG. */
const char *ldcache_write(const struct ldcache *c, struct arena *a, size_t *out_len, struct err *e);

/* The first entry for a name, as the loader finds it without hardware levels; NULL: none. */
const struct ldcache_entry *ldcache_find(const struct ldcache *c, int32_t flags, const char *name);
