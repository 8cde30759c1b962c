/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/library.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "hooks/elf.h"
#include "hooks/ldcache.h"
#include "host/host.h"
#include "sys/path.h"

#define LIBRARY_CACHE "/etc/ld.so.cache"
#define LIBRARY_CACHE_MAX ((size_t)16 << 20)

/* A tree with libraries: the host's or the image's. */
struct library_tree {
	int root;
	struct ldcache cache; /* empty: it has none, or none that can be read */
};

enum library_fate { LIBRARY_CHECKING, LIBRARY_TAKEN, LIBRARY_REFUSED };

/* A host file on its way into the container. */
struct library_file {
	enum graft_domain domain;
	enum library_fate fate;
	const char *path, *name; /* on the host; what the loader looks for */
	const char *alias; /* "libcuda.so", for programs that ask without a version; NULL: none */
	const char *why;
	struct elf elf;
	bool program;
};

struct library_work {
	struct library_tree host, image;
	struct graft_edits *ed;
	struct arena *a;
	const char *folder;
	struct library_files {
		struct library_file **v;
		size_t n, cap;
	} file;
	int machine, class; /* the node's own: EM_*, 64 */
};

/* What belongs to the C library comes from the image or not at all. */
static bool library_is_libc(const char *name)
{
	static const char *const own[] = {"libc.so.6",	    "libm.so.6",       "libdl.so.2",
					  "librt.so.1",	    "libpthread.so.0", "libutil.so.1",
					  "libresolv.so.2", "libanl.so.1"};

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcmp(name, own[i]) == 0)
			return true;
	return strncmp(name, "ld-linux", 8) == 0 || strncmp(name, "ld64.so", 7) == 0;
}

static void library_tree_open(struct library_tree *t, int root, struct arena *a)
{
	struct err why = {0};
	struct stat st;
	char *text;
	size_t len;
	autoclose int fd =
		path_open(root, LIBRARY_CACHE, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, NULL);

	*t = (struct library_tree){.root = root};
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    io_read_all(fd, LIBRARY_CACHE_MAX, a, &text, &len) == 0 &&
	    ldcache_parse(text, len, a, &t->cache, &why) < 0)
		t->cache = (struct ldcache){0};
}

static const char *library_triplet(int machine)
{
	switch (machine) {
	case EM_X86_64:
		return "x86_64-linux-gnu";
	case EM_AARCH64:
		return "aarch64-linux-gnu";
	case EM_PPC64:
		return "powerpc64le-linux-gnu";
	case EM_RISCV:
		return "riscv64-linux-gnu";
	case EM_386:
		return "i386-linux-gnu";
	default:
		return ".";
	}
}

static int library_machine(void)
{
#if defined(__aarch64__)
	return EM_AARCH64;
#elif defined(__powerpc64__)
	return EM_PPC64;
#elif defined(__riscv)
	return EM_RISCV;
#else
	return EM_X86_64;
#endif
}

/* Reads path of the tree if it is ELF of the wanted kind. */
static bool library_read(const struct library_work *w, const struct library_tree *t,
			 const char *path, struct elf *out)
{
	struct err why = {0};
	autoclose int fd =
		path_open(t->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, NULL);

	return fd >= 0 && elf_read(fd, w->a, out, &why) == 0 && out->class == w->class &&
	       out->machine == w->machine;
}

/* The folders that a loader looks through without being told, and those of distributions'
 * ld.so.conf. The first that has the name. */
static const char *library_in_folders(const struct library_work *w, const struct library_tree *t,
				      const char *name, struct elf *out)
{
	static const char *const folders[] = {
		"/lib/%s",  "/usr/lib/%s",	 "/lib64",	   "/usr/lib64",      "/lib",
		"/usr/lib", "/usr/local/lib/%s", "/usr/local/lib", "/usr/lib/wsl/lib"};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		const char *mark = strstr(folders[i], "%s");
		const char *path =
			mark == NULL ? arena_printf(w->a, "%s/%s", folders[i], name)
				     : arena_printf(w->a, "%.*s%s/%s", (int)(mark - folders[i]),
						    folders[i], library_triplet(w->machine), name);
		if (library_read(w, t, path, out))
			return path;
	}
	return NULL;
}

/* As the tree's own loader would find it. */
static const char *library_find(const struct library_work *w, const struct library_tree *t,
				const char *name, struct elf *out)
{
	const struct ldcache_entry *x =
		ldcache_find(&t->cache, ldcache_flags(w->machine, w->class), name);

	if (strchr(name, '/') != NULL)
		return NULL;
	if (x != NULL && library_read(w, t, x->path, out))
		return x->path;
	return library_in_folders(w, t, name, out);
}

/* "libcuda.so" with version "580.95": libcuda.so.580.95 in a folder that has a libcuda.so.*, or in
 * the usual ones; without a version: what the host's loader has for the name, or for one that
 * begins with it. */
static const char *library_of_driver(const struct library_work *w, const struct graft_library *l,
				     struct elf *out)
{
	int32_t flags = ldcache_flags(w->machine, w->class);
	size_t n = strlen(l->name);
	const char *file =
		l->version == NULL ? l->name : arena_printf(w->a, "%s.%s", l->name, l->version);

	for (size_t i = 0; i < w->host.cache.n; i++) {
		const struct ldcache_entry *x = &w->host.cache.v[i];
		const char *slash = strrchr(x->path, '/');

		if (x->flags != flags || strncmp(x->name, l->name, n) != 0 ||
		    (x->name[n] != '.' && x->name[n] != '\0') || slash == NULL)
			continue;
		const char *path = l->version == NULL
					   ? x->path
					   : arena_printf(w->a, "%.*s/%s", (int)(slash - x->path),
							  x->path, file);
		if (library_read(w, &w->host, path, out))
			return path;
	}
	return library_in_folders(w, &w->host, file, out);
}

static const char *library_program(const struct library_work *w, const char *name, struct elf *out)
{
	static const char *const folders[] = {"/usr/bin", "/bin",	    "/usr/sbin",
					      "/sbin",	  "/usr/local/bin", "/usr/lib/wsl/lib"};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		const char *path = arena_printf(w->a, "%s/%s", folders[i], name);
		if (library_read(w, &w->host, path, out))
			return path;
	}
	return NULL;
}

static struct library_file *library_taken(const struct library_work *w, const char *name)
{
	for (size_t i = 0; i < w->file.n; i++)
		if (!w->file.v[i]->program && strcmp(w->file.v[i]->name, name) == 0)
			return w->file.v[i];
	return NULL;
}

static bool library_offers(const struct elf *f, const char *version)
{
	for (size_t i = 0; i < f->n_define; i++)
		if (strcmp(f->define[i], version) == 0)
			return true;
	return false;
}

/* Every version that f needs is offered. The provider is one of the grafted, or the image's. */
static bool library_fits(struct library_work *w, const struct library_file *f)
{
	for (size_t i = 0; i < f->elf.n_need; i++) {
		const struct elf_need *need = &f->elf.need[i];
		const struct library_file *grafted = library_taken(w, need->library);
		struct elf image;

		if (grafted == NULL && library_find(w, &w->image, need->library, &image) == NULL)
			continue; /* refused already, or nobody has it: the loader's own error */
		for (size_t k = 0; k < need->n; k++) {
			if (library_offers(grafted != NULL ? &grafted->elf : &image,
					   need->version[k]))
				continue;
			graft_note_add(&w->ed->note, w->a, f->domain, "GLIBC",
				       "%s needs %s of %s, which the image's does not offer; it is "
				       "left out, use an image with a "
				       "newer C library",
				       f->path, need->version[k], need->library);
			return false;
		}
	}
	return true;
}

static bool library_take(struct library_work *w, struct library_file *f);

/* A library that f asks for: the image's own where it has one, else the host's. */
static bool library_depend(struct library_work *w, const struct library_file *f, const char *name)
{
	struct library_file *have = library_taken(w, name);
	struct elf elf;

	if (have != NULL)
		return have->fate != LIBRARY_REFUSED;
	if (library_find(w, &w->image, name, &elf) != NULL)
		return true;
	const char *path = library_is_libc(name) ? NULL : library_find(w, &w->host, name, &elf);
	if (path == NULL) {
		graft_note_add(
			&w->ed->note, w->a, f->domain, "LIBRARY",
			"%s needs %s, which neither the image nor the host has; it is left out",
			f->path, name);
		return false;
	}
	have = arena_new(w->a, struct library_file);
	*have = (struct library_file){
		.domain = f->domain,
		.path = path,
		.name = name,
		.elf = elf,
		.why = arena_printf(w->a, "needed by %s", f->name),
	};
	return library_take(w, have);
}

/* In order of need, so that a circle of libraries ends: one that is being looked at counts as
 * taken. */
static bool library_take(struct library_work *w, struct library_file *f)
{
	bool fits = true;

	f->fate = LIBRARY_CHECKING;
	*ARENA_PUSH(w->a, &w->file) = f;
	for (size_t i = 0; fits && i < f->elf.n_needed; i++)
		fits = library_depend(w, f, f->elf.needed[i]);
	fits = fits && library_fits(w, f);
	f->fate = fits ? LIBRARY_TAKEN : LIBRARY_REFUSED;
	return fits;
}

static void library_ask(struct library_work *w, const struct graft_library *l)
{
	struct library_file *f = arena_new(w->a, struct library_file);

	*f = (struct library_file){.domain = l->domain, .program = l->program, .why = l->why};
	f->path = l->program ? library_program(w, l->name, &f->elf)
			     : library_of_driver(w, l, &f->elf);
	if (f->path == NULL) {
		if (!l->optional)
			graft_note_add(&w->ed->note, w->a, l->domain, "LIBRARY",
				       "%s%s%s is not on this node (for %s); the image has to "
				       "bring its own",
				       l->name, l->version != NULL ? "." : "",
				       l->version != NULL ? l->version : "", l->why);
		return;
	}
	f->name = f->elf.soname != NULL && !l->program ? f->elf.soname : strrchr(f->path, '/') + 1;
	f->alias = l->program || strcmp(l->name, f->name) == 0 ? NULL : l->name;
	if (strchr(f->name, '/') == NULL && (l->program || library_taken(w, f->name) == NULL))
		(void)library_take(w, f);
}

static void library_mounts(struct library_work *w, struct ldcache_entry *entry, size_t *n)
{
	for (size_t i = 0; i < w->file.n; i++) {
		const struct library_file *f = w->file.v[i];
		const char *target =
			f->program ? f->path : arena_printf(w->a, "%s/%s", w->folder, f->name);
		struct ldcache_entry x = {.flags = ldcache_flags(w->machine, w->class),
					  .name = f->name,
					  .path = target};

		if (f->fate != LIBRARY_TAKEN)
			continue;
		*ARENA_PUSH(w->a, &w->ed->mount) = (struct graft_edit_mount){
			.domain = f->domain,
			.source = f->path,
			.target = target,
			.soname = f->program ? NULL : f->name,
			.elf_class = f->program ? 0 : w->class,
			.exec = true,
			.why = f->why,
		};
		if (f->program)
			continue;
		entry[(*n)++] = x;
		x.name = f->alias;
		if (f->alias != NULL)
			entry[(*n)++] = x;
	}
}

void graft_libraries(const struct host *h, int image, const char *folder, struct arena *a,
		     struct graft_edits *ed)
{
	struct library_work w = {
		.ed = ed, .a = a, .folder = folder, .machine = library_machine(), .class = 64};
	struct ldcache merged;
	struct elf libc;
	size_t n = 0;

	if (ed->library.n == 0)
		return;
	library_tree_open(&w.host, h->root, a);
	library_tree_open(&w.image, image, a);
	if (library_find(&w, &w.image, "libc.so.6", &libc) == NULL) {
		graft_note_add(&ed->note, a, ed->library.v[0].domain, "GLIBC",
			       "the image has no glibc of this machine, so no library of the host "
			       "can run in it: devices only");
		return;
	}
	for (size_t i = 0; i < ed->library.n; i++)
		library_ask(&w, &ed->library.v[i]);
	struct ldcache_entry *entry = arena_array(a, 2 * w.file.n, sizeof(*entry));
	library_mounts(&w, entry, &n);
	if (n == 0)
		return;
	ldcache_merge(&w.image.cache, entry, n, a, &merged);
	ed->cache.text = ldcache_write(&merged, a, &ed->cache.len);
}
