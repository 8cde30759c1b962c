/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ELF_TABLE_MAX ((size_t)16 << 20)
#define ELF_ITEMS_MAX 65536
#define ELF_SEGMENTS_MAX 128
#define ELF_WINDOW ((size_t)4096)
/* What is kept of one file, in bytes: real ones stay below a tenth of the first, and Open MPI's
 * Fortran bindings come to a quarter of the second. */
#define ELF_KEPT_MAX ((size_t)256 << 10)
#define ELF_SYMBOLS_MAX ((size_t)1 << 20)
#define ELF_KEPT_EACH                                                                              \
	(sizeof(char *) + 16) /* beside its text: a pointer, and the arena's rounding */

/* A loaded piece of the file: where its addresses lie in it. */
struct elf_segment {
	uint64_t address, offset, size;
};

/* What was read last: tables are read item by item, and lie close together. */
struct elf_window {
	uint64_t at;
	size_t size;
	char v[ELF_WINDOW];
};

struct elf_file {
	int fd;
	uint64_t size;
	bool wide; /* 64 bits */
	struct arena *a;
	struct elf_segment load[ELF_SEGMENTS_MAX];
	size_t n_load;
	struct elf_segment dynamic, interpreter;
	size_t n_dynamic, n_needed, room; /* room: what may still be kept of it */
	uint64_t strings, strings_size, symbols, hash, gnu_hash, verneed, n_verneed, verdef,
		n_verdef, versym;
	uint64_t soname, rpath, runpath; /* offsets into the strings; 0: none */
	uint64_t text;			 /* where the strings are in the file */
	struct elf_window table, names;
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

/* Before anything is allocated for it: an image's file of some KB could else cost gigabytes. */
static int elf_take(struct elf_file *f, size_t count, size_t size)
{
	if (count > f->room / size)
		return err_set(f->e, EBADMSG, "the ELF file names more than any real one");
	f->room -= count * size;
	return 0;
}

static int elf_look(struct elf_file *f, struct elf_window *w, uint64_t offset, size_t n,
		    const char *what)
{
	uint64_t end;

	if (__builtin_add_overflow(offset, n, &end) || end > f->size)
		return elf_bad(f, what);
	if (w->size > 0 && offset >= w->at && end <= w->at + w->size)
		return 0;
	w->at = offset / ELF_WINDOW * ELF_WINDOW;
	if (end > w->at + ELF_WINDOW)
		w->at = offset;
	size_t size = f->size - w->at < ELF_WINDOW ? (size_t)(f->size - w->at) : ELF_WINDOW;
	int r = elf_pread(f, w->at, w->v, size, what);
	w->size = r == 0 ? size : 0;
	return r;
}

/* An item of a table: smaller than a window. */
static int elf_at(struct elf_file *f, uint64_t offset, void *out, size_t n, const char *what)
{
	int r = elf_look(f, &f->table, offset, n, what);

	if (r == 0)
		memcpy(out, f->table.v + (offset - f->table.at), n);
	return r;
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
	const struct {
		int64_t tag;
		uint64_t *to;
	} known[] = {
		{DT_STRTAB, &f->strings},    {DT_STRSZ, &f->strings_size},
		{DT_SYMTAB, &f->symbols},    {DT_HASH, &f->hash},
		{DT_GNU_HASH, &f->gnu_hash}, {DT_VERSYM, &f->versym},
		{DT_VERNEED, &f->verneed},   {DT_VERNEEDNUM, &f->n_verneed},
		{DT_VERDEF, &f->verdef},     {DT_VERDEFNUM, &f->n_verdef},
		{DT_SONAME, &f->soname},     {DT_RPATH, &f->rpath},
		{DT_RUNPATH, &f->runpath},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].tag == tag)
			*known[i].to = value;
}

static int elf_dynamic_entry(struct elf_file *f, size_t i, int64_t *tag, uint64_t *value)
{
	union {
		Elf32_Dyn d32;
		Elf64_Dyn d64;
	} d;
	size_t size = f->wide ? sizeof(d.d64) : sizeof(d.d32);
	int r = elf_at(f, f->dynamic.offset + i * size, &d, size, "the dynamic section");

	if (r < 0)
		return r;
	*tag = f->wide ? d.d64.d_tag : d.d32.d_tag;
	*value = f->wide ? d.d64.d_un.d_val : d.d32.d_un.d_val;
	return 0;
}

/* Up to DT_NULL. Of DT_NEEDED's only the number: where the strings are may be said behind them. */
static int elf_dynamic(struct elf_file *f)
{
	size_t n = f->dynamic.size / (f->wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn));
	int64_t tag;
	uint64_t value;

	if (n > ELF_ITEMS_MAX)
		return elf_bad(f, "the dynamic section");
	for (; f->n_dynamic < n; f->n_dynamic++) {
		int r = elf_dynamic_entry(f, f->n_dynamic, &tag, &value);

		if (r < 0)
			return r;
		if (tag == DT_NULL)
			break;
		if (tag == DT_NEEDED)
			f->n_needed++;
		else
			elf_dynamic_value(f, tag, value);
	}
	return 0;
}

static int elf_strings(struct elf_file *f)
{
	int r = elf_locate(f, f->strings, f->strings_size, &f->text, "the string table");

	return r == 0 && f->strings_size > f->size - f->text ? elf_bad(f, "the string table") : r;
}

/* A copy: the whole table may be megabytes. What the table's end cuts off ends there. */
static int elf_string(struct elf_file *f, uint64_t string, const char **out, const char *what)
{
	const char *nul = NULL;
	size_t n = 0;

	if (string >= f->strings_size)
		return elf_bad(f, what);
	for (uint64_t left = f->strings_size - string; nul == NULL && n < left && n <= f->room;) {
		uint64_t at = f->text + string + n;
		int r = elf_look(f, &f->names, at, 1, what);

		if (r < 0)
			return r;
		const char *begin = f->names.v + (at - f->names.at);
		size_t seen = f->names.size - (size_t)(at - f->names.at);
		seen = seen < left - n ? seen : (size_t)(left - n);
		nul = memchr(begin, '\0', seen);
		n += nul != NULL ? (size_t)(nul - begin) : seen;
	}
	int r = elf_take(f, 1, n + ELF_KEPT_EACH);
	if (r < 0)
		return r;
	char *text = arena_alloc(f->a, n + 1);
	*out = text;
	if (n > ELF_WINDOW)
		return elf_pread(f, f->text + string, text, n, what);
	r = elf_look(f, &f->names, f->text + string, n, what);
	if (r == 0)
		memcpy(text, f->names.v + (f->text + string - f->names.at), n);
	return r;
}

/* Both tables of versions are chains of relative offsets; a step of 0 ends one. Records may lie
 * anywhere, share what they point to and claim what they like, so all draw on one account. */
static int elf_need_one(struct elf_file *f, uint64_t at, const Elf64_Verneed *v,
			struct elf_need *out)
{
	static const char what[] = "a needed version";
	int r = elf_string(f, v->vn_file, &out->library, what);

	if (r == 0)
		r = elf_take(f, v->vn_cnt, sizeof(*out->version) + sizeof(Elf64_Vernaux));
	if (r < 0)
		return r;
	out->version = arena_array(f->a, v->vn_cnt, sizeof(*out->version));
	at += v->vn_aux;
	for (unsigned int i = 0; i < v->vn_cnt; i++) {
		Elf64_Vernaux x = {0};

		r = elf_at(f, at, &x, sizeof(x), what);
		/* a weak one may be missing */
		if (r == 0 && (x.vna_flags & VER_FLG_WEAK) == 0)
			r = elf_string(f, x.vna_name, &out->version[out->n++], what);
		if (r < 0 || x.vna_next == 0)
			break;
		at += x.vna_next;
	}
	return r;
}

static int elf_needs(struct elf_file *f, struct elf *out)
{
	static const char what[] = "the needed versions";
	uint64_t at;

	if (f->verneed == 0 || f->n_verneed == 0)
		return 0;
	int r = elf_locate(f, f->verneed, sizeof(Elf64_Verneed), &at, what);
	if (r == 0)
		r = elf_take(f, f->n_verneed, sizeof(*out->need) + sizeof(Elf64_Verneed));
	if (r < 0)
		return r;
	out->need = arena_array(f->a, (size_t)f->n_verneed, sizeof(*out->need));
	for (uint64_t i = 0; r == 0 && i < f->n_verneed; i++) {
		Elf64_Verneed v = {0}; /* the same for both classes */

		r = elf_at(f, at, &v, sizeof(v), what);
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
	static const char what[] = "the offered versions";
	uint64_t at;

	if (f->verdef == 0 || f->n_verdef == 0)
		return 0;
	int r = elf_locate(f, f->verdef, sizeof(Elf64_Verdef), &at, what);
	if (r == 0)
		r = elf_take(f, f->n_verdef, sizeof(*out->define) + sizeof(Elf64_Verdef));
	if (r < 0)
		return r;
	out->define = arena_array(f->a, (size_t)f->n_verdef, sizeof(*out->define));
	for (uint64_t i = 0; i < f->n_verdef; i++) {
		Elf64_Verdef v = {0};
		Elf64_Verdaux x = {0};

		r = elf_at(f, at, &v, sizeof(v), what);
		if (r == 0)
			r = elf_at(f, at + v.vd_aux, &x, sizeof(x), what);
		if (r == 0 && (v.vd_flags & VER_FLG_BASE) == 0)
			r = elf_string(f, x.vda_name, &out->define[out->n_define++], what);
		if (r < 0 || v.vd_next == 0)
			break;
		at += v.vd_next;
	}
	return r;
}

static int elf_name(struct elf_file *f, uint64_t string, const char **out)
{
	return string == 0 || string >= f->strings_size
		       ? 0
		       : elf_string(f, string, out, "a name of the dynamic section");
}

static int elf_names(struct elf_file *f, struct elf *out)
{
	static const char what[] = "a needed library";
	int64_t tag;
	uint64_t value;
	int r = elf_name(f, f->soname, &out->soname);

	if (r == 0)
		r = elf_name(f, f->rpath, &out->rpath);
	if (r == 0)
		r = elf_name(f, f->runpath, &out->runpath);
	if (r == 0)
		r = elf_take(f, f->n_needed, sizeof(*out->needed));
	if (r < 0)
		return r;
	out->needed = arena_array(f->a, f->n_needed, sizeof(*out->needed));
	for (size_t i = 0; r == 0 && i < f->n_dynamic; i++) {
		r = elf_dynamic_entry(f, i, &tag, &value);
		/* a file that changes meanwhile has no more than were counted */
		if (r == 0 && tag == DT_NEEDED && out->n_needed < f->n_needed)
			r = elf_string(f, value, &out->needed[out->n_needed++], what);
	}
	return r;
}

static int elf_interpreter(struct elf_file *f, struct elf *out)
{
	if (f->interpreter.size == 0)
		return 0;
	if (f->interpreter.size > 4096)
		return elf_bad(f, "the interpreter's name");
	size_t n = (size_t)f->interpreter.size;
	char *name = arena_alloc(f->a, n + 1);
	out->interpreter = name;
	return elf_at(f, f->interpreter.offset, name, n, "the interpreter's name");
}

static int elf_open(struct elf_file *f, struct elf *out)
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
	r = elf_dynamic(f);
	return r == 0 ? elf_strings(f) : r;
}

int elf_read(int fd, struct arena *a, struct elf *out, struct err *e)
{
	struct elf_file f = {.fd = fd, .a = a, .e = e, .room = ELF_KEPT_MAX};

	*out = (struct elf){0};
	int r = elf_open(&f, out);
	if (r < 0 || !out->dynamic)
		return r;
	out->versym = f.versym != 0;
	out->verdef = f.verdef != 0;
	r = elf_names(&f, out);
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
	for (uint32_t i = 0, bucket = 0; r == 0 && i < head[0]; i++) {
		r = elf_at(f, at + (uint64_t)i * 4, &bucket, sizeof(bucket), "the hash table");
		last = bucket > last ? bucket : last;
	}
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

/* The names of symbols lie all over the table, so it is read at once, with a NUL behind it. */
static int elf_text(struct elf_file *f, char **out)
{
	size_t n = (size_t)f->strings_size;

	if (f->strings_size > ELF_TABLE_MAX)
		return elf_bad(f, "the string table");
	*out = malloc(n + 1);
	if (*out == NULL)
		return err_sys(f->e, ENOMEM, "the string table");
	(*out)[n] = '\0';
	return elf_pread(f, f->text, *out, n, "the string table");
}

struct elf_list {
	const char **v;
	size_t n, cap;
};

static int elf_keep(struct elf_file *f, struct elf_list *list, const char *name)
{
	size_t n = strnlen(name, f->room);
	int r = elf_take(f, 1, n + ELF_KEPT_EACH);

	if (r == 0)
		*ARENA_PUSH(f->a, list) = arena_strndup(f->a, name, n);
	return r;
}

enum elf_symbol { ELF_DEFINED, ELF_UNDEFINED, ELF_OPTIONAL };

static int elf_symbol(struct elf_file *f, uint64_t at, uint64_t *name, enum elf_symbol *kind)
{
	union {
		Elf32_Sym s32;
		Elf64_Sym s64;
	} s;
	int r = elf_at(f, at, &s, f->wide ? sizeof(s.s64) : sizeof(s.s32), "the symbol table");

	if (r < 0)
		return r;
	*name = f->wide ? s.s64.st_name : s.s32.st_name;
	/* the binding has the same place in the byte in both classes */
	unsigned int bind = ELF64_ST_BIND(f->wide ? s.s64.st_info : s.s32.st_info);
	*kind = (f->wide ? s.s64.st_shndx : s.s32.st_shndx) != SHN_UNDEF ? ELF_DEFINED
		: bind == STB_WEAK					 ? ELF_OPTIONAL
									 : ELF_UNDEFINED;
	return *name < f->strings_size ? 0 : elf_bad(f, "the symbol table");
}

int elf_symbols(int fd, const char *const *prefixes, size_t n, struct arena *a,
		struct elf_symbols *out, struct err *e)
{
	struct elf_file f = {.fd = fd, .a = a, .e = e, .room = ELF_SYMBOLS_MAX};
	struct elf_list defined = {0}, undefined = {0};
	struct elf head = {0};
	autofree char *text = NULL;
	uint64_t at, name;
	uint32_t count = 0;
	enum elf_symbol kind;

	*out = (struct elf_symbols){0};
	int r = elf_open(&f, &head);
	if (r < 0 || !head.dynamic || f.symbols == 0)
		return r;
	size_t size = f.wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	r = elf_count(&f, &count);
	if (r == 0 && count > ELF_TABLE_MAX / size)
		r = elf_bad(&f, "the symbol table");
	if (r == 0)
		r = elf_locate(&f, f.symbols, count * size, &at, "the symbol table");
	if (r == 0)
		r = elf_text(&f, &text);
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		r = elf_symbol(&f, at + i * size, &name, &kind);
		if (r == 0 && kind != ELF_OPTIONAL && elf_has_prefix(text + name, prefixes, n))
			r = elf_keep(&f, kind == ELF_DEFINED ? &defined : &undefined, text + name);
	}
	*out = (struct elf_symbols){defined.v, undefined.v, defined.n, undefined.n};
	return r;
}
