/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "hooks/mpi.h"
#include "libocispec/oci.h"

#define MPI_FILES_MAX                                                                              \
	512 /* of one application: an image's libraries may need each other at will                \
	     */
#define MPI_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* A file of the application's, in the order in which the loader meets them. */
struct app_file {
	const char *path;
	struct elf elf;
};

struct app_walk {
	const struct library_tree *t;
	struct mpi_app *out;
	const char *preset; /* LD_LIBRARY_PATH of the process; NULL: none */
	struct {
		struct app_file *v;
		size_t n, cap;
	} file;
	struct mpi_names seen; /* as they came */
};

static const char *app_env(const struct oci_process *p, const char *name)
{
	const char *value = NULL;
	size_t n = strlen(name);

	for (size_t i = 0; p != NULL && i < p->n_env; i++)
		if (strncmp(p->env[i], name, n) == 0 && p->env[i][n] == '=')
			value = p->env[i] + n + 1;
	return value;
}

/* ---- which file it is ---- */

static bool app_is_program(const struct library_tree *t, const char *path)
{
	struct stat st;
	autoclose int fd = library_tree_fd(t, path, O_PATH | O_CLOEXEC);

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

/* As execvpe(3) in the container finds args[0]. NULL: not there. */
static const char *app_program(const struct library_tree *t, const struct oci_process *p)
{
	const char *name = p->args[0], *cwd = p->cwd != NULL ? p->cwd : "/";
	const char *list = app_env(p, "PATH");

	if (strchr(name, '/') != NULL) {
		const char *path = name[0] == '/' ? name : arena_printf(t->a, "%s/%s", cwd, name);
		return app_is_program(t, path) ? path : NULL;
	}
	if (list == NULL)
		list = MPI_PATH;
	for (int i = 0; i < 256 && *list != '\0'; i++) {
		size_t n = strcspn(list, ":");
		const char *path = arena_printf(t->a, "%s%s%.*s/%s", list[0] == '/' ? "" : cwd,
						list[0] == '/' ? "" : "/", (int)n, list, name);
		if (app_is_program(t, path))
			return path;
		list += n + (list[n] == ':');
	}
	return NULL;
}

/* ---- what it asks for ---- */

static void app_folders(struct app_walk *w, const char *list, const char *origin)
{
	if (list != NULL)
		*ARENA_PUSH(w->t->a, &w->out->folders) = (struct mpi_folders){list, origin};
}

static const char *app_find(const struct app_walk *w, const struct app_file *f, const char *name,
			    struct elf *out)
{
	const struct app_file *program = &w->file.v[0];
	const char *path = NULL;

	if (name[0] == '/')
		return library_tree_read(w->t, name, out) ? name : NULL;
	if (f->elf.runpath == NULL) {
		path = library_tree_search(w->t, f->elf.rpath, f->path, name, out);
		if (path == NULL && program->elf.runpath == NULL)
			path = library_tree_search(w->t, program->elf.rpath, program->path, name,
						   out);
	}
	if (path == NULL)
		path = library_tree_search(w->t, w->preset, NULL, name, out);
	if (path == NULL)
		path = library_tree_search(w->t, f->elf.runpath, f->path, name, out);
	return path != NULL ? path : library_tree_find(w->t, name, out);
}

/* The image may lack the library: then the name has to tell. */
static bool app_is_core_name(const char *name)
{
	static const char *const stems[] = {"libmpi.so.", "libmpich.so.", "libmpi_abi.so."};

	for (size_t i = 0; i < ARRAY_LEN(stems); i++)
		if (strncmp(name, stems[i], strlen(stems[i])) == 0)
			return true;
	return false;
}

static struct mpi_asked *app_ask(struct app_walk *w, const char *name, const char *path)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash != NULL ? slash + 1 : name;

	for (size_t i = 0; i < w->out->ask.n; i++)
		if (strcmp(w->out->ask.v[i].name, base) == 0)
			return &w->out->ask.v[i];
	struct mpi_asked *x = ARENA_PUSH(w->t->a, &w->out->ask);
	*x = (struct mpi_asked){.name = base, .path = path};
	x->core =
		path != NULL ? mpi_library_read(w->t, path, base, &x->own) : app_is_core_name(base);
	/* a needed name that is a path is found there and nowhere else */
	if (slash != NULL)
		app_folders(w, arena_strndup(w->t->a, name, (size_t)(slash - name)), NULL);
	return x;
}

static void app_needed(struct app_walk *w, size_t i, const char *name)
{
	struct elf elf;

	for (size_t k = 0; k < w->seen.n; k++)
		if (strcmp(w->seen.v[k], name) == 0)
			return;
	if (w->seen.n >= MPI_FILES_MAX)
		return;
	*ARENA_PUSH(w->t->a, &w->seen) = name;
	const char *base = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
	const char *path = app_find(w, &w->file.v[i], name, &elf);
	/* what the core needs goes when it goes */
	if (mpi_is_named(base) && app_ask(w, name, path)->core)
		return;
	if (path == NULL || mpi_is_kin(base) != mpi_is_named(base))
		return;
	*ARENA_PUSH(w->t->a, &w->file) = (struct app_file){path, elf};
	if (!mpi_is_named(base))
		mpi_symbols(w->t, path, &w->out->defined, &w->out->wanted);
}

static void app_walk(struct app_walk *w, const char *path, const struct elf *elf)
{
	*ARENA_PUSH(w->t->a, &w->file) = (struct app_file){path, *elf};
	mpi_symbols(w->t, path, &w->out->defined, &w->out->wanted);
	for (size_t i = 0; i < w->file.n; i++) {
		/* by value: the list grows */
		const struct app_file f = w->file.v[i];

		app_folders(w, f.elf.rpath, f.path);
		app_folders(w, f.elf.runpath, f.path);
		for (size_t k = 0; k < f.elf.n_needed; k++)
			app_needed(w, i, f.elf.needed[k]);
	}
}

/* ---- without a program that tells ---- */

static void app_cached(struct app_walk *w, const char *name, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct elf elf;

	if (slash == NULL || !library_tree_read(w->t, path, &elf))
		return;
	(void)app_ask(w, name, path);
	/* a script may find it by a variable that it sets itself */
	app_folders(w, arena_strndup(w->t->a, path, (size_t)(slash - path)), NULL);
}

static void app_whole(struct app_walk *w)
{
	static const char *const usual[] = {"libmpi.so.40",   "libmpi.so.20",	 "libmpi.so.12",
					    "libmpich.so.12", "libmpi_abi.so.1", "libmpi_abi.so.0"};
	const struct ldcache *cache = &w->t->cache;
	int32_t flags = ldcache_flags(w->t->machine, w->t->class);
	struct elf elf;

	w->out->whole = true;
	w->out->what = "the image";
	w->out->wanted = w->out->defined = (struct mpi_names){0};
	for (size_t i = 0; i < cache->n && w->out->ask.n < 64; i++)
		if (cache->v[i].flags == flags && mpi_is_named(cache->v[i].name) &&
		    mpi_number(cache->v[i].name) > 0)
			app_cached(w, cache->v[i].name, cache->v[i].path);
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		const char *path = library_tree_in_folders(w->t, usual[i], &elf);
		if (path != NULL)
			app_cached(w, usual[i], path);
	}
}

void mpi_app_read(const struct library_job *job, struct mpi_app *out)
{
	const struct oci_process *p = job->to->process;
	struct app_walk w = {.t = &job->image, .out = out, .preset = app_env(p, "LD_LIBRARY_PATH")};
	struct elf elf;

	*out = (struct mpi_app){0};
	app_folders(&w, w.preset, NULL);
	if (p != NULL && p->n_args > 0)
		out->what = app_program(w.t, p);
	if (out->what != NULL && library_tree_read(w.t, out->what, &elf))
		app_walk(&w, out->what, &elf);
	if (out->ask.n == 0)
		app_whole(&w);
	mpi_names_sort(&out->wanted);
	for (size_t i = 0; i < out->wanted.n; i++)
		out->open_symbols = out->open_symbols || strncmp(out->wanted.v[i], "ompi_", 5) == 0;
}
