/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/library.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "hooks/mpi.h"
#include "hooks/verbs.h"
#include "host/host.h"

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

/* A cache has thousands of names, of which nearly all differ in the first letters: no call for
 * those.
 */
static bool library_begins(const char *s, const char *with)
{
	while (*with != '\0' && *s == *with) {
		s++;
		with++;
	}
	return *with == '\0';
}

static const char *library_folder_of(const struct library_job *w, const char *path)
{
	return arena_strndup(w->a, path, (size_t)(strrchr(path, '/') - path));
}

/* The file in the folder of the loader's name for a library, or else in that of what the name leads
 * to: Debian's own packages keep drivers in folders that only such links know. */
static const char *library_beside_link(const struct library_job *w, const char *link,
				       const char *file, struct elf *out)
{
	const char *path = arena_printf(w->a, "%s/%s", library_folder_of(w, link), file);

	if (library_tree_read(&w->host, path, out))
		return path;
	const char *real = library_tree_real(&w->host, link);
	if (real == NULL)
		return NULL;
	path = arena_printf(w->a, "%s/%s", library_folder_of(w, real), file);
	return library_tree_read(&w->host, path, out) ? path : NULL;
}

/* Where the host's loader has a library of which name is the beginning: the file in that folder,
 * or, when file is NULL, that library itself. *link: the loader's name for it. */
static const char *library_beside(const struct library_job *w, const char *name, const char *file,
				  struct elf *out, const char **link)
{
	int32_t flags = ldcache_flags(w->host.machine, w->host.class);
	size_t n = strlen(name);

	for (size_t i = 0; i < w->host.cache.n; i++) {
		const struct ldcache_entry *x = &w->host.cache.v[i];
		const char *path = x->path;

		if (x->flags != flags || !library_begins(x->name, name) ||
		    (x->name[n] != '.' && x->name[n] != '\0') || strchr(x->path, '/') == NULL)
			continue;
		*link = x->path;
		if (file != NULL)
			path = library_beside_link(w, x->path, file, out);
		else if (!library_tree_read(&w->host, path, out))
			path = NULL;
		if (path != NULL)
			return path;
	}
	return NULL;
}

/* The name without the folder that may stand before it. */
static const char *library_base(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash != NULL ? slash + 1 : name;
}

/* A file of the driver, NAME.VERSION, in its folder or in the one below that the name has. */
static const char *library_in_driver(const struct library_job *w, const char *file, struct elf *out)
{
	const char *path = arena_printf(w->a, "%s/%s", w->driver, library_base(file));

	if (library_tree_read(&w->host, path, out))
		return path;
	if (library_base(file) == file)
		return NULL;
	path = arena_printf(w->a, "%s/%s", w->driver, file);
	return library_tree_read(&w->host, path, out) ? path : NULL;
}

/* "libcuda.so" with version "580.95": libcuda.so.580.95 in the folder that the driver's others were
 * found in, in a folder that has a libcuda.so.*, or in the usual ones; without a version: what the
 * host's loader has for the name, or for one that begins with it. */
static const char *library_of_driver(struct library_job *w, const struct graft_library *l,
				     struct elf *out)
{
	const char *file =
		l->version == NULL ? NULL : arena_printf(w->a, "%s.%s", l->name, l->version);
	const char *base = library_base(l->name), *link = NULL;
	const char *path =
		file != NULL && w->driver != NULL ? library_in_driver(w, file, out) : NULL;

	if (path != NULL)
		return path;
	path = library_beside(w, base, file == NULL ? NULL : library_base(file), out, &link);
	/* what a driver may lack is not looked for where none of it is */
	if (path == NULL && (w->driver == NULL || !l->optional))
		path = link = library_tree_in_folders(
			&w->host, file != NULL ? library_base(file) : base, out);
	if (path != NULL && file != NULL && w->driver == NULL) {
		w->driver = library_folder_of(w, path);
		w->loader = library_folder_of(w, link);
	}
	return path;
}

static const char *library_program(const struct library_job *w, const char *name, struct elf *out)
{
	static const char *const folders[] = {"/usr/bin", "/bin",	    "/usr/sbin",
					      "/sbin",	  "/usr/local/bin", "/usr/lib/wsl/lib"};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		const char *path = arena_printf(w->a, "%s/%s", folders[i], name);
		if (library_tree_read(&w->host, path, out))
			return path;
	}
	return NULL;
}

static bool library_is_called(const struct library_file *f, const char *name)
{
	if (strcmp(f->name, name) == 0)
		return true;
	for (size_t i = 0; i < f->n_alias; i++)
		if (strcmp(f->alias[i], name) == 0)
			return true;
	return false;
}

struct library_file *library_taken(const struct library_job *w, const char *name)
{
	for (size_t i = 0; i < w->file.n; i++)
		if (!w->file.v[i]->program && w->file.v[i]->folder == NULL &&
		    library_is_called(w->file.v[i], name))
			return w->file.v[i];
	return NULL;
}

void library_left(struct library_job *w, enum graft_domain d, const char *what, const char *why)
{
	for (size_t i = 0; i < w->ed->left.n; i++)
		if (strcmp(w->ed->left.v[i].what, what) == 0)
			return;
	*ARENA_PUSH(w->a, &w->ed->left) = (struct graft_left){d, what, why};
}

/* As the loader has it (glibc, elf/dl-version.c): a library that defines no versions serves any,
 * with a warning. Without even a table of its symbols' versions an assertion of the loader fails.
 */
static bool library_offers(const struct elf *f, const char *name, const char *version)
{
	if (f->versym && !f->verdef && !library_is_libc(name))
		return true;
	for (size_t i = 0; i < f->n_define; i++)
		if (strcmp(f->define[i], version) == 0)
			return true;
	return false;
}

static void library_unfit(struct library_job *w, struct library_file *f, const char *version,
			  const char *of, bool grafted)
{
	f->code = "GLIBC";
	f->problem = arena_printf(w->a, "%s needs %s of %s, which %s does not offer", f->path,
				  version, of, grafted ? "the host's" : "the image's");
	f->remedy = grafted ? NULL
		    : library_is_libc(of)
			    ? ", use an image with a newer C library"
			    : arena_printf(w->a, ", use an image with a newer %s", of);
}

/* Every version that f needs is offered. The provider is one of the grafted, or the image's. */
static bool library_fits(struct library_job *w, struct library_file *f)
{
	for (size_t i = 0; i < f->elf.n_need; i++) {
		const struct elf_need *need = &f->elf.need[i];
		const struct library_file *grafted = library_taken(w, need->library);
		struct elf image;

		if (grafted == NULL && library_tree_find(&w->image, need->library, &image) == NULL)
			continue; /* refused already, or nobody has it: the loader's own error */
		for (size_t k = 0; k < need->n; k++) {
			if (library_offers(grafted != NULL ? &grafted->elf : &image, need->library,
					   need->version[k]))
				continue;
			library_unfit(w, f, need->version[k], need->library, grafted != NULL);
			return false;
		}
	}
	return true;
}

/* As the host's loader finds it for f. */
static const char *library_on_host(const struct library_job *w, const struct library_file *f,
				   const char *name, struct elf *out)
{
	const char *list = f->elf.runpath != NULL ? f->elf.runpath : f->elf.rpath;
	const char *path = library_tree_search(&w->host, list, f->path, name, out);

	return path != NULL ? path : library_tree_find(&w->host, name, out);
}

bool library_depend(struct library_job *w, struct library_file *f, const char *name)
{
	struct library_file *have = library_taken(w, name);
	/* parts of one MPI belong together */
	bool kin = f->domain == GRAFT_MPI && mpi_is_kin(name);
	struct elf elf;

	if (have == NULL && !kin && library_tree_find(&w->image, name, &elf) != NULL) {
		library_left(w, f->domain, name, "the image has its own");
		return true;
	}
	if (have == NULL) {
		const char *path = library_is_libc(name) ? NULL : library_on_host(w, f, name, &elf);
		if (path == NULL) {
			f->code = "LIBRARY";
			f->problem = arena_printf(w->a, "%s needs %s, which %s", f->path, name,
						  library_is_libc(name)
							  ? "is of the image's own C library, and "
							    "not there"
							  : "neither the image nor the host has");
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
		(void)library_take(w, have);
	}
	f->code = have->code;
	f->problem = have->problem;
	f->remedy = have->remedy;
	return have->fate != LIBRARY_REFUSED;
}

/* In order of need, so that a circle of libraries ends: one that is being looked at counts as
 * taken. What a refused one has brought is forgotten: some of it may need it in turn. It stays
 * itself, so that nobody asks for it again. */
bool library_take(struct library_job *w, struct library_file *f)
{
	size_t files = w->file.n, lefts = w->ed->left.n;
	bool fits = true;

	f->fate = LIBRARY_CHECKING;
	*ARENA_PUSH(w->a, &w->file) = f;
	for (size_t i = 0; fits && i < f->elf.n_needed; i++)
		fits = library_depend(w, f, f->elf.needed[i]);
	fits = fits && library_fits(w, f);
	f->fate = fits ? LIBRARY_TAKEN : LIBRARY_REFUSED;
	if (!fits) {
		w->file.n = files + 1;
		w->ed->left.n = lefts;
	}
	return fits;
}

/* A file that is named by its path goes to the same path, if the host has it. False: l is none. */
static bool library_data(const struct library_job *w, const struct graft_library *l,
			 struct graft_edit_mounts *out)
{
	struct stat st;

	if (l->name[0] != '/')
		return false;
	autoclose int fd = library_tree_fd(&w->host, l->name, O_PATH | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		*ARENA_PUSH(w->a, out) = (struct graft_edit_mount){
			.domain = l->domain, .source = l->name, .target = l->name, .why = l->why};
	return true;
}

static void library_ask(struct library_job *w, const struct graft_library *l)
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
	if (!l->program && strcmp(library_base(l->name), f->name) != 0) {
		f->alias = arena_new(w->a, const char *);
		f->alias[f->n_alias++] = library_base(l->name);
	}
	if (strchr(f->name, '/') != NULL || (!l->program && library_taken(w, f->name) != NULL))
		return;
	if (!library_take(w, f))
		graft_note_add(&w->ed->note, w->a, f->domain, f->code, "%s; %s is left out%s",
			       f->problem, f->name, f->remedy != NULL ? f->remedy : "");
}

static void library_mount(struct library_job *w, const struct library_file *f, const char *target,
			  const char *why)
{
	*ARENA_PUSH(w->a, &w->ed->mount) = (struct graft_edit_mount){
		.domain = f->domain,
		.source = f->path,
		.target = target,
		.soname = f->program ? NULL : f->name,
		.elf_class = f->program ? 0 : w->image.class,
		.exec = true,
		.why = why,
	};
}

static const char *library_target(const struct library_job *w, const struct library_file *f)
{
	if (f->program)
		return f->path;
	return arena_printf(w->a, "%s/%s", f->folder != NULL ? f->folder : w->to->folder, f->name);
}

struct library_entries {
	struct ldcache_entry *v;
	size_t n, cap;
};

static void library_mounts(struct library_job *w, struct library_entries *entry)
{
	for (size_t i = 0; i < w->file.n; i++) {
		const struct library_file *f = w->file.v[i];
		struct ldcache_entry x = {.flags = ldcache_flags(w->image.machine, w->image.class),
					  .name = f->name,
					  .path = library_target(w, f)};

		if (f->fate != LIBRARY_TAKEN)
			continue;
		library_mount(w, f, x.path, f->why);
		w->ed->mount.v[w->ed->mount.n - 1].alias = f->alias;
		w->ed->mount.v[w->ed->mount.n - 1].n_alias = f->n_alias;
		for (size_t k = 0; k < f->n_over; k++)
			library_mount(w, f, f->over[k],
				      arena_printf(w->a, "%s; found there past the cache", f->why));
		if (f->program || f->folder != NULL)
			continue;
		*ARENA_PUSH(w->a, entry) = x;
		for (size_t k = 0; k < f->n_alias; k++) {
			x.name = f->alias[k];
			*ARENA_PUSH(w->a, entry) = x;
		}
	}
}

/* Those of earlier grafts, which the cache goes on naming; a new one of the same name is preferred.
 */
static void library_had(struct library_job *w, struct library_entries *entry)
{
	size_t folder = strlen(w->to->folder);

	for (size_t i = 0; i < w->ed->had.n; i++) {
		const struct graft_edit_mount *m = &w->ed->had.v[i];
		struct ldcache_entry x = {.flags = ldcache_flags(w->image.machine, w->image.class),
					  .name = m->soname,
					  .path = m->target};

		if (m->soname == NULL || strncmp(m->target, w->to->folder, folder) != 0 ||
		    m->target[folder] != '/' || library_taken(w, m->soname) != NULL)
			continue;
		*ARENA_PUSH(w->a, entry) = x;
		for (size_t k = 0; k < m->n_alias; k++) {
			x.name = m->alias[k];
			*ARENA_PUSH(w->a, entry) = x;
		}
	}
}

static void library_job_open(struct library_job *w)
{
	w->host.host = FD_NONE;
	library_tree_open(&w->host, w->h->root, w->a);
	w->image.host = w->h->root;
	w->image.bind = w->to->bind;
	w->image.n_bind = w->to->n_bind;
	library_tree_open(&w->image, w->to->root, w->a);
}

/* Without the C library that the host's libraries are made for they can't run. */
static bool library_has_glibc(struct library_job *w)
{
	struct elf libc;

	if (library_tree_find(&w->image, "libc.so.6", &libc) != NULL)
		return true;
	if (w->ed->library.n > 0)
		graft_note_add(&w->ed->note, w->a, w->ed->library.v[0].domain, "GLIBC",
			       "the image has no glibc of this machine, so no library of the host "
			       "can run in it: devices only");
	return false;
}

bool graft_libraries_asked(const struct graft_edits *ed)
{
	return ed->library.n > 0 || ed->mpi.mode != GRAFT_MPI_OFF ||
	       ed->verbs.libs != GRAFT_VERBS_NONE;
}

int graft_libraries(const struct host *h, const struct graft_image *image, struct arena *a,
		    struct graft_edits *ed, struct err *e)
{
	struct library_job w = {.h = h, .to = image, .ed = ed, .a = a};
	struct library_entries entry = {0};
	struct ldcache merged;
	int r = 0;

	if (!graft_libraries_asked(ed) && ed->had.n == 0)
		return 0;
	library_job_open(&w);
	bool glibc = library_has_glibc(&w);
	for (size_t i = 0; glibc && i < ed->library.n; i++)
		if (!library_data(&w, &ed->library.v[i], &ed->mount))
			library_ask(&w, &ed->library.v[i]);
	r = verbs_take(&w, glibc, e);
	if (r == 0 && ed->mpi.mode != GRAFT_MPI_OFF)
		r = mpi_swap(&w, glibc, e);
	if (r < 0)
		return r;
	library_mounts(&w, &entry);
	library_had(&w, &entry);
	if (entry.n == 0)
		return 0;
	ldcache_merge(&w.image.cache, entry.v, entry.n, a, &merged);
	ed->cache.text = ldcache_write(&merged, a, &ed->cache.len, e);
	return ed->cache.text != NULL ? 0 : -e->code;
}

/* Nothing there changes a loader's cache, so what the host's loader has by links goes where they
 * are. */
static const char *library_file_folder(const struct library_job *w, const char *path)
{
	const char *folder = library_folder_of(w, path);

	return w->driver != NULL && strcmp(folder, w->driver) == 0 ? w->loader : folder;
}

static void library_file_mount(struct library_job *w, const struct graft_library *l,
			       const char *path, const char *name, struct graft_edit_mounts *out)
{
	*ARENA_PUSH(w->a, out) = (struct graft_edit_mount){
		.domain = l->domain,
		.source = path,
		.target = arena_printf(w->a, "%s/%s", library_file_folder(w, path), name),
		.exec = true,
		.why = l->why,
	};
}

static void library_file(struct library_job *w, const struct graft_library *l,
			 struct graft_edit_mounts *out, struct graft_notes *notes)
{
	struct elf elf = {0};
	const char *path =
		l->program ? library_program(w, l->name, &elf) : library_of_driver(w, l, &elf);

	if (path == NULL && !l->optional)
		graft_note_add(notes, w->a, l->domain, "LIBRARY",
			       "%s%s%s is not on this node (for %s)", l->name,
			       l->version != NULL ? "." : "", l->version != NULL ? l->version : "",
			       l->why);
	if (path == NULL)
		return;
	const char *file = strrchr(path, '/') + 1;
	const char *name = elf.soname != NULL && !l->program ? elf.soname : file;
	if (strchr(name, '/') != NULL)
		return;
	library_file_mount(w, l, path, name, out);
	/* programs that ask without a version */
	if (!l->program && strcmp(library_base(l->name), name) != 0)
		library_file_mount(w, l, path, library_base(l->name), out);
}

void graft_library_files(const struct host *h, struct arena *a, const struct graft_edits *ed,
			 struct graft_edit_mounts *out, struct graft_notes *notes)
{
	struct library_job w = {.h = h, .a = a};

	library_tree_open(&w.host, h->root, a);
	for (size_t i = 0; i < ed->library.n; i++)
		if (!library_data(&w, &ed->library.v[i], out))
			library_file(&w, &ed->library.v[i], out, notes);
}
