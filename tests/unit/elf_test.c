/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hooks/elf.h"

/* Files that no linker makes: as an image may have them. */

static struct arena a;
static struct err e;

static void reset(void)
{
	arena_done(&a);
	e = (struct err){0};
}

TestSuite(elf_made, .fini = reset);

#define BODY 4096

/* Two headers and a dynamic section; what it names lies from BODY on, and addresses are offsets. */
struct made {
	Elf64_Ehdr h;
	Elf64_Phdr p[2];
	Elf64_Dyn d[128];
	size_t n;
};

static void add(struct made *m, int64_t tag, uint64_t value)
{
	m->d[m->n++] = (Elf64_Dyn){.d_tag = tag, .d_un.d_val = value};
}

static int made_open(struct made *m, const void *body, size_t n)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	memcpy(m->h.e_ident, ELFMAG, SELFMAG);
	m->h.e_ident[EI_CLASS] = ELFCLASS64;
	m->h.e_ident[EI_DATA] = ELFDATA2LSB;
	m->h.e_machine = EM_X86_64;
	m->h.e_phoff = offsetof(struct made, p);
	m->h.e_phnum = 2;
	m->h.e_phentsize = sizeof(Elf64_Phdr);
	m->p[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_filesz = BODY + n};
	m->p[1] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
			       .p_offset = offsetof(struct made, d),
			       .p_filesz = m->n * sizeof(Elf64_Dyn)};
	cr_assert_eq(pwrite(fd, m, sizeof(*m), 0), (ssize_t)sizeof(*m));
	cr_assert_eq(pwrite(fd, body, n, BODY), (ssize_t)n);
	return fd;
}

static long peak(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

/* 2000 records of 16 bytes that share one entry, and each says that it has 65535. */
Test(elf_made, needed_versions_cost_no_more_than_they_are)
{
	enum { N = 2000 };
	struct made m = {0};
	struct elf f;
	char *body = calloc(1, N * 16 + 64);

	for (size_t i = 0; i < N; i++) {
		Elf64_Verneed v = {.vn_version = 1, .vn_cnt = 65535, .vn_file = 1, .vn_next = 16};
		v.vn_aux = (Elf64_Word)((N - i) * 16);
		memcpy(body + i * 16, &v, sizeof(v));
	}
	memcpy(body + N * 16 + 32, "\0libc.so.6", 11);
	add(&m, DT_STRTAB, BODY + N * 16 + 32);
	add(&m, DT_STRSZ, 16);
	add(&m, DT_VERNEED, BODY);
	add(&m, DT_VERNEEDNUM, N);
	autoclose int fd = made_open(&m, body, N * 16 + 64);
	long before = peak();
	cr_assert_eq(elf_read(fd, &a, &f, &e), -EBADMSG);
	cr_assert_lt(peak() - before, 8L << 10, "%ld KiB", peak() - before);
	free(body);
}

Test(elf_made, offered_versions_cost_no_more_than_they_are)
{
	struct made m = {0};
	struct elf f;
	static char body[65536];

	add(&m, DT_STRTAB, BODY);
	add(&m, DT_STRSZ, 16);
	add(&m, DT_VERDEF, BODY);
	add(&m, DT_VERDEFNUM, 65536);
	autoclose int fd = made_open(&m, body, sizeof(body));
	cr_assert_eq(elf_read(fd, &a, &f, &e), -EBADMSG);
}

/* Big C++ libraries have tables of strings of many megabytes; their few names are at the end. */
Test(elf_made, of_a_big_table_only_the_names_are_kept)
{
	size_t size = (size_t)24 << 20;
	struct made m = {0};
	struct elf f;
	char *body = malloc(size);

	memset(body, 'x', size);
	memcpy(body + size - 32, "\0libbig.so.1\0libm.so.6", 23);
	memset(body + size - 9, 'y', 9);
	add(&m, DT_NEEDED, size - 31 + 12);
	add(&m, DT_NEEDED, size - 9);
	add(&m, DT_SONAME, size - 31);
	add(&m, DT_STRTAB, BODY);
	add(&m, DT_STRSZ, size);
	autoclose int fd = made_open(&m, body, size);
	free(body);
	cr_assert_eq(elf_read(fd, &a, &f, &e), 0, "%s", e.text);
	cr_assert_str_eq(f.soname, "libbig.so.1");
	cr_assert_eq(f.n_needed, 2);
	cr_assert_str_eq(f.needed[0], "libm.so.6");
	cr_assert_str_eq(f.needed[1], "yyyyyyyyy", "the table's end ends a string");
}

/* A string longer than what is read at once, and one that is needed over and over. */
Test(elf_made, long_strings_are_read_and_bounded)
{
	struct made m = {0}, many = {0};
	struct elf f;
	char body[20001];

	memset(body, 'p', 20000);
	body[20000] = '\0';
	add(&m, DT_RPATH, 1);
	add(&m, DT_STRTAB, BODY);
	add(&m, DT_STRSZ, sizeof(body));
	autoclose int fd = made_open(&m, body, sizeof(body));
	cr_assert_eq(elf_read(fd, &a, &f, &e), 0, "%s", e.text);
	cr_assert_str_eq(f.rpath, body + 1);

	for (size_t i = 0; i < 100; i++)
		add(&many, DT_NEEDED, 1 + i);
	add(&many, DT_STRTAB, BODY);
	add(&many, DT_STRSZ, sizeof(body));
	autoclose int all = made_open(&many, body, sizeof(body));
	cr_assert_eq(elf_read(all, &a, &f, &e), -EBADMSG);
}

struct made_symbols {
	uint32_t hash[4];
	Elf64_Sym s[4];
	char strings[48];
};

/* A program that asks at run time whether there is a function: if (&MPIX_Query_cuda_support). */
Test(elf_made, a_weak_symbol_may_be_missing)
{
	static const char *const prefix[] = {"MPI"};
	struct made m = {0};
	struct made_symbols body = {
		.hash = {0, 4},
		.s = {{0},
		      {.st_name = 1, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)},
		      {.st_name = 10, .st_info = ELF64_ST_INFO(STB_WEAK, STT_FUNC)},
		      {.st_name = 34, .st_info = ELF64_ST_INFO(STB_WEAK, STT_FUNC), .st_shndx = 1}},
		.strings = "\0MPI_Init\0MPIX_Query_cuda_support\0MPI_Send",
	};
	struct elf_symbols s;

	add(&m, DT_STRTAB, BODY + offsetof(struct made_symbols, strings));
	add(&m, DT_STRSZ, sizeof(body.strings));
	add(&m, DT_SYMTAB, BODY + offsetof(struct made_symbols, s));
	add(&m, DT_HASH, BODY);
	autoclose int fd = made_open(&m, &body, sizeof(body));
	cr_assert_eq(elf_symbols(fd, prefix, 1, &a, &s, &e), 0, "%s", e.text);
	cr_assert_eq(s.n_undefined, 1);
	cr_assert_str_eq(s.undefined[0], "MPI_Init");
	cr_assert_eq(s.n_defined, 1);
	cr_assert_str_eq(s.defined[0], "MPI_Send");
}
