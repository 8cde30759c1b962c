/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ELF_TABLE_MAX ((size_t)16 << 20)
#define ELF_ITEMS_MAX 65536
#define ELF_SEGMENTS_MAX 128
#define ELF_WINDOW ((size_t)4096)
#define ELF_SMALL 64

/* A loaded piece of the file: where its addresses lie in it. */
struct elf_segment {
	uint64_t address, offset, size;
};

struct elf_file {
	int fd;
	uint64_t size;
	bool wide; /* 64 bits */
	struct arena *a;
	struct elf_segment load[ELF_SEGMENTS_MAX];
	size_t n_load;
	struct elf_segment dynamic, interpreter;
	uint64_t strings, strings_size, symbols, hash, gnu_hash, verneed, n_verneed, verdef,
		n_verdef;
	bool versym;
	uint64_t soname, rpath, runpath; /* offsets into the strings; 0: none */
	const char *text;		 /* the strings, with a NUL behind them */
	uint64_t window_at;		 /* what was read last */
	size_t window_size;
	unsigned char window[ELF_WINDOW];
	struct err *e;
};

static int elf_bad(struct elf_file *f, const char *what)
{
	return err_set(f->e, EBADMSG, "%s of the ELF file lies outside of it or contradicts itself",
		       what);
}

static int elf_pread(struct elf_file *f, uint64_t offset, void *out, size_t n, const char *what)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = pread(f->fd, (char *)out + done, n - done, (off_t)(offset + done));
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return err_sys(f->e, r < 0 ? errno : EIO, "reading %s", what);
		done += (size_t)r;
	}
	return 0;
}

static int elf_at(struct elf_file *f, uint64_t offset, void *out, size_t n, const char *what)
{
	uint64_t end;

	if (__builtin_add_overflow(offset, n, &end) || end > f->size)
		return elf_bad(f, what);
	if (n > ELF_SMALL)
		return elf_pread(f, offset, out, n, what);
	/* tables are read item by item, and lie close together */
	if (f->window_size == 0 || offset < f->window_at || end > f->window_at + f->window_size) {
		size_t size =
			f->size - offset < ELF_WINDOW ? (size_t)(f->size - offset) : ELF_WINDOW;
		int r = elf_pread(f, offset, f->window, size, what);

		f->window_size = r == 0 ? size : 0;
		f->window_at = offset;
		if (r < 0)
			return r;
	}
	memcpy(out, f->window + (offset - f->window_at), n);
	return 0;
}

/* The file's offset of an address, with at least n bytes of the file behind it. */
static int elf_locate(struct elf_file *f, uint64_t address, uint64_t n, uint64_t *out,
		      const char *what)
{
	for (size_t i = 0; i < f->n_load; i++) {
		const struct elf_segment *s = &f->load[i];

		if (address < s->address || address - s->address > s->size ||
		    s->size - (address - s->address) < n)
			continue;
		if (__builtin_add_overflow(s->offset, address - s->address, out))
			break;
		return 0;
	}
	return elf_bad(f, what);
}

static bool elf_is_native(const unsigned char *ident)
{
	unsigned int order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

	return memcmp(ident, ELFMAG, SELFMAG) == 0 && ident[EI_DATA] == order &&
	       (ident[EI_CLASS] == ELFCLASS32 || ident[EI_CLASS] == ELFCLASS64);
}

static int elf_header(struct elf_file *f, struct elf *out, uint64_t *ph, unsigned int *n_ph)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr e32;
		Elf64_Ehdr e64;
	} h = {0};

	if (elf_at(f, 0, &h.e32, sizeof(h.e32), "the header") < 0 || !elf_is_native(h.ident))
		return err_set(f->e, ENOEXEC, "no ELF file of this byte order");
	f->wide = h.ident[EI_CLASS] == ELFCLASS64;
	if (f->wide && elf_at(f, 0, &h.e64, sizeof(h.e64), "the header") < 0)
		return -f->e->code;
	*ph = f->wide ? h.e64.e_phoff : h.e32.e_phoff;
	*n_ph = f->wide ? h.e64.e_phnum : h.e32.e_phnum;
	size_t entry = f->wide ? h.e64.e_phentsize : h.e32.e_phentsize;
	if (*n_ph > 0 && entry != (f->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return elf_bad(f, "the program header");
	out->class = f->wide ? 64 : 32;
	out->machine = h.e32.e_machine; /* at the same place in both */
	return 0;
}

static int elf_segments(struct elf_file *f, uint64_t at, unsigned int n)
{
	if (n > ELF_SEGMENTS_MAX)
		return elf_bad(f, "the program header");
	for (unsigned int i = 0; i < n; i++) {
		union {
			Elf32_Phdr p32;
			Elf64_Phdr p64;
		} h;
		size_t size = f->wide ? sizeof(h.p64) : sizeof(h.p32);
		int r = elf_at(f, at + i * size, &h, size, "the program header");

		if (r < 0)
			return r;
		struct elf_segment s = {
			.address = f->wide ? h.p64.p_vaddr : h.p32.p_vaddr,
			.offset = f->wide ? h.p64.p_offset : h.p32.p_offset,
			.size = f->wide ? h.p64.p_filesz : h.p32.p_filesz,
		};
		uint32_t type = h.p32.p_type; /* first in both */
		if (type == PT_LOAD)
			f->load[f->n_load++] = s;
		else if (type == PT_DYNAMIC)
			f->dynamic = s;
		else if (type == PT_INTERP)
			f->interpreter = s;
	}
	return 0;
}

static void elf_dynamic_value(struct elf_file *f, int64_t tag, uint64_t value)
{
	switch (tag) {
	case DT_STRTAB:
		f->strings = value;
		break;
	case DT_STRSZ:
		f->strings_size = value;
		break;
	case DT_SYMTAB:
		f->symbols = value;
		break;
	case DT_HASH:
		f->hash = value;
		break;
	case DT_GNU_HASH:
		f->gnu_hash = value;
		break;
	case DT_VERSYM:
		f->versym = true;
		break;
	case DT_VERNEED:
		f->verneed = value;
		break;
	case DT_VERNEEDNUM:
		f->n_verneed = value;
		break;
	case DT_VERDEF:
		f->verdef = value;
		break;
	case DT_VERDEFNUM:
		f->n_verdef = value;
		break;
	case DT_SONAME:
		f->soname = value;
		break;
	case DT_RPATH:
		f->rpath = value;
		break;
	case DT_RUNPATH:
		f->runpath = value;
		break;
	default:
		break;
	}
}

/* Calls value for each entry up to DT_NULL; DT_NEEDED's go to needed. */
static int elf_dynamic(struct elf_file *f, uint64_t **needed, size_t *n_needed)
{
	size_t size = f->wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	size_t n = f->dynamic.size / size;

	if (n > ELF_ITEMS_MAX)
		return elf_bad(f, "the dynamic section");
	*needed = arena_array(f->a, n, sizeof(**needed));
	for (size_t i = 0; i < n; i++) {
		union {
			Elf32_Dyn d32;
			Elf64_Dyn d64;
		} d;
		int r = elf_at(f, f->dynamic.offset + i * size, &d, size, "the dynamic section");

		if (r < 0)
			return r;
		int64_t tag = f->wide ? d.d64.d_tag : d.d32.d_tag;
		uint64_t value = f->wide ? d.d64.d_un.d_val : d.d32.d_un.d_val;
		if (tag == DT_NULL)
			break;
		if (tag == DT_NEEDED)
			(*needed)[(*n_needed)++] = value;
		else
			elf_dynamic_value(f, tag, value);
	}
	return 0;
}

static int elf_strings(struct elf_file *f)
{
	uint64_t offset;

	if (f->strings_size > ELF_TABLE_MAX)
		return elf_bad(f, "the string table");
	int r = elf_locate(f, f->strings, f->strings_size, &offset, "the string table");
	char *text = arena_alloc(f->a, (size_t)f->strings_size + 1);
	if (r == 0)
		r = elf_at(f, offset, text, (size_t)f->strings_size, "the string table");
	f->text = text;
	return r;
}

/* NULL: outside of the table. */
static const char *elf_string(const struct elf_file *f, uint64_t at)
{
	return at < f->strings_size ? f->text + at : NULL;
}

/* Both tables of versions are chains of relative offsets; a step of 0 ends one. */
static int elf_need_one(struct elf_file *f, uint64_t at, const Elf64_Verneed *v,
			struct elf_need *out)
{
	out->library = elf_string(f, v->vn_file);
	out->version = arena_array(f->a, v->vn_cnt, sizeof(*out->version));
	if (out->library == NULL)
		return elf_bad(f, "a needed version");
	at += v->vn_aux;
	for (unsigned int i = 0; i < v->vn_cnt; i++) {
		Elf64_Vernaux x;
		int r = elf_at(f, at, &x, sizeof(x), "a needed version");

		if (r < 0)
			return r;
		const char *name = elf_string(f, x.vna_name);
		if (name == NULL)
			return elf_bad(f, "a needed version");
		/* a weak one may be missing */
		if ((x.vna_flags & VER_FLG_WEAK) == 0)
			out->version[out->n++] = name;
		if (x.vna_next == 0)
			break;
		at += x.vna_next;
	}
	return 0;
}

static int elf_needs(struct elf_file *f, struct elf *out)
{
	uint64_t at;

	if (f->verneed == 0 || f->n_verneed == 0)
		return 0;
	if (f->n_verneed > ELF_ITEMS_MAX)
		return elf_bad(f, "the needed versions");
	int r = elf_locate(f, f->verneed, sizeof(Elf64_Verneed), &at, "the needed versions");
	out->need = arena_array(f->a, (size_t)f->n_verneed, sizeof(*out->need));
	for (uint64_t i = 0; r == 0 && i < f->n_verneed; i++) {
		Elf64_Verneed v; /* the same for both classes */

		r = elf_at(f, at, &v, sizeof(v), "the needed versions");
		if (r == 0)
			r = elf_need_one(f, at, &v, &out->need[out->n_need++]);
		if (r < 0 || v.vn_next == 0)
			break;
		at += v.vn_next;
	}
	return r;
}

static int elf_defines(struct elf_file *f, struct elf *out)
{
	uint64_t at;

	if (f->verdef == 0 || f->n_verdef == 0)
		return 0;
	if (f->n_verdef > ELF_ITEMS_MAX)
		return elf_bad(f, "the offered versions");
	int r = elf_locate(f, f->verdef, sizeof(Elf64_Verdef), &at, "the offered versions");
	out->define = arena_array(f->a, (size_t)f->n_verdef, sizeof(*out->define));
	for (uint64_t i = 0; r == 0 && i < f->n_verdef; i++) {
		Elf64_Verdef v;
		Elf64_Verdaux x;

		r = elf_at(f, at, &v, sizeof(v), "the offered versions");
		if (r == 0)
			r = elf_at(f, at + v.vd_aux, &x, sizeof(x), "the offered versions");
		if (r < 0)
			break;
		const char *name = elf_string(f, x.vda_name);
		if (name == NULL)
			return elf_bad(f, "an offered version");
		if ((v.vd_flags & VER_FLG_BASE) == 0)
			out->define[out->n_define++] = name;
		if (v.vd_next == 0)
			break;
		at += v.vd_next;
	}
	return r;
}

static int elf_names(struct elf_file *f, const uint64_t *needed, size_t n, struct elf *out)
{
	out->soname = f->soname == 0 ? NULL : elf_string(f, f->soname);
	out->rpath = f->rpath == 0 ? NULL : elf_string(f, f->rpath);
	out->runpath = f->runpath == 0 ? NULL : elf_string(f, f->runpath);
	out->needed = arena_array(f->a, n, sizeof(*out->needed));
	for (size_t i = 0; i < n; i++) {
		const char *name = elf_string(f, needed[i]);
		if (name == NULL)
			return elf_bad(f, "a needed library");
		out->needed[out->n_needed++] = name;
	}
	return 0;
}

static int elf_interpreter(struct elf_file *f, struct elf *out)
{
	if (f->interpreter.size == 0)
		return 0;
	if (f->interpreter.size > 4096)
		return elf_bad(f, "the interpreter's name");
	char *name = arena_alloc(f->a, (size_t)f->interpreter.size + 1);
	out->interpreter = name;
	return elf_at(f, f->interpreter.offset, name, (size_t)f->interpreter.size,
		      "the interpreter's name");
}

static int elf_open(struct elf_file *f, struct elf *out, uint64_t **needed, size_t *n_needed)
{
	struct stat st;
	uint64_t ph = 0;
	unsigned int n_ph = 0;

	if (fstat(f->fd, &st) < 0)
		return err_sys(f->e, errno, "the ELF file");
	if (!S_ISREG(st.st_mode))
		return err_set(f->e, ENOEXEC, "no regular file");
	f->size = (uint64_t)st.st_size;
	int r = elf_header(f, out, &ph, &n_ph);
	if (r == 0)
		r = elf_segments(f, ph, n_ph);
	if (r == 0)
		r = elf_interpreter(f, out);
	out->dynamic = f->dynamic.size > 0;
	if (r < 0 || !out->dynamic)
		return r;
	r = elf_dynamic(f, needed, n_needed);
	return r == 0 ? elf_strings(f) : r;
}

int elf_read(int fd, struct arena *a, struct elf *out, struct err *e)
{
	struct elf_file f = {.fd = fd, .a = a, .e = e};
	uint64_t *needed = NULL;
	size_t n = 0;

	*out = (struct elf){0};
	int r = elf_open(&f, out, &needed, &n);
	if (r < 0 || !out->dynamic)
		return r;
	out->versym = f.versym;
	out->verdef = f.verdef != 0;
	r = elf_names(&f, needed, n, out);
	if (r == 0)
		r = elf_needs(&f, out);
	return r == 0 ? elf_defines(&f, out) : r;
}

/* ---- symbols ---- */

/* How many there are is known by the hash tables alone: DT_HASH has a chain entry for each; in
 * DT_GNU_HASH the last one is the end of the chain that begins last. */
static int elf_count_gnu(struct elf_file *f, uint32_t *out)
{
	uint32_t head[4], last = 0;
	uint64_t at;
	int r = elf_locate(f, f->gnu_hash, sizeof(head), &at, "the hash table");

	if (r == 0)
		r = elf_at(f, at, head, sizeof(head), "the hash table");
	if (r < 0)
		return r;
	if (head[0] > ELF_TABLE_MAX / 4 || head[2] > ELF_TABLE_MAX / 8)
		return elf_bad(f, "the hash table");
	at += sizeof(head) + (uint64_t)head[2] * (f->wide ? 8 : 4);
	uint32_t *bucket = arena_array(f->a, head[0], sizeof(*bucket));
	r = elf_at(f, at, bucket, head[0] * sizeof(*bucket), "the hash table");
	for (uint32_t i = 0; r == 0 && i < head[0]; i++)
		last = bucket[i] > last ? bucket[i] : last;
	*out = head[1];
	if (r < 0 || last < head[1])
		return r;
	at += (uint64_t)head[0] * 4;
	for (uint32_t word = 0; r == 0 && (word & 1) == 0; last++) {
		if (last > ELF_TABLE_MAX / 4)
			return elf_bad(f, "the hash table");
		r = elf_at(f, at + (uint64_t)(last - head[1]) * 4, &word, sizeof(word),
			   "the hash table");
	}
	*out = last;
	return r;
}

static int elf_count(struct elf_file *f, uint32_t *out)
{
	uint32_t head[2];
	uint64_t at;

	*out = 0;
	if (f->hash == 0)
		return f->gnu_hash == 0 ? 0 : elf_count_gnu(f, out);
	int r = elf_locate(f, f->hash, sizeof(head), &at, "the hash table");
	if (r == 0)
		r = elf_at(f, at, head, sizeof(head), "the hash table");
	*out = r == 0 ? head[1] : 0;
	return r;
}

static bool elf_has_prefix(const char *name, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static int elf_table(struct elf_file *f, uint32_t count, void **out)
{
	size_t size = f->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	uint64_t at;

	if (count > ELF_TABLE_MAX / size)
		return elf_bad(f, "the symbol table");
	int r = elf_locate(f, f->symbols, count * size, &at, "the symbol table");
	*out = arena_array(f->a, count, size);
	return r == 0 ? elf_at(f, at, *out, count * size, "the symbol table") : r;
}

int elf_symbols(int fd, const char *const *prefixes, size_t n, struct arena *a,
		struct elf_symbols *out, struct err *e)
{
	struct elf_file f = {.fd = fd, .a = a, .e = e};
	struct elf head = {0};
	uint64_t *needed = NULL;
	size_t n_needed = 0;
	uint32_t count = 0;
	void *table = NULL;

	*out = (struct elf_symbols){0};
	int r = elf_open(&f, &head, &needed, &n_needed);
	if (r < 0 || !head.dynamic || f.symbols == 0)
		return r;
	r = elf_count(&f, &count);
	if (r == 0)
		r = elf_table(&f, count, &table);
	if (r < 0)
		return r;
	out->defined = arena_array(a, count, sizeof(*out->defined));
	out->undefined = arena_array(a, count, sizeof(*out->undefined));
	for (uint32_t i = 0; i < count; i++) {
		const Elf64_Sym *s64 = (const Elf64_Sym *)table + i;
		const Elf32_Sym *s32 = (const Elf32_Sym *)table + i;
		const char *name = elf_string(&f, f.wide ? s64->st_name : s32->st_name);

		if (name == NULL)
			return elf_bad(&f, "the symbol table");
		if (!elf_has_prefix(name, prefixes, n))
			continue;
		if ((f.wide ? s64->st_shndx : s32->st_shndx) == SHN_UNDEF)
			out->undefined[out->n_undefined++] = name;
		else
			out->defined[out->n_defined++] = name;
	}
	return 0;
}
