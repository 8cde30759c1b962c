/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

/*
 * What an ELF file says to the dynamic loader (gABI, chapter 5; symbol versions: LSB core, "Symbol
 * Versioning"), read as data: nothing of it is mapped or run. Files come from images, so every
 * offset and count is checked, and what is kept of a file is bounded (256 KiB; 1 MiB of symbols).
 */

/* A library and the versions of its symbols that are used (DT_VERNEED). */
struct elf_need {
	const char *library;  /* "libc.so.6" */
	const char **version; /* "GLIBC_2.34" */
	size_t n;
};

struct elf {
	int class;   /* 32 or 64 */
	int machine; /* EM_* */
	bool dynamic;
	const char *interpreter;	      /* PT_INTERP; NULL: none */
	const char *soname, *rpath, *runpath; /* NULL: none */
	const char **needed;		      /* DT_NEEDED, in order */
	size_t n_needed;
	struct elf_need *need;
	size_t n_need;
	const char **define; /* the versions it offers (DT_VERDEF), its own name left out */
	size_t n_define;
	bool versym; /* its symbols have versions (DT_VERSYM) */
	bool verdef; /* there is DT_VERDEF, even if it holds no more than its own name */
};

/* Reads an open file (pread only). -ENOEXEC: no ELF file of this machine's byte order; -EBADMSG: it
 * contradicts itself or names too much; e says what. Strings are in the arena. */
int elf_read(int fd, struct arena *a, struct elf *out, struct err *e);

/* Names of the dynamic symbols that begin with one of the prefixes. A weak one that is not defined
 * is in neither list: the program runs without it. */
struct elf_symbols {
	const char **defined, **undefined;
	size_t n_defined, n_undefined;
};
int elf_symbols(int fd, const char *const *prefixes, size_t n, struct arena *a,
		struct elf_symbols *out, struct err *e);
