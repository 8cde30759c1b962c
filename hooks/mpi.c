/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/mpi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* One MPI of the image on its way out. */
struct swap {
	struct library_job *w;
	const struct mpi_app *app;
	const struct mpi_libraries *host;
	const struct mpi_asked *core;
	enum mpi_family family;
	const char *code, *problem; /* of the first candidate of the family, whom a profile names */
	const char *last;	    /* of the last one */
	struct mpi_names have, want;
};

static void swap_failed(struct swap *s, const char *code, const char *problem)
{
	s->last = problem;
	if (s->problem != NULL)
		return;
	s->code = code;
	s->problem = problem;
}

static const char *swap_library(const struct swap *s, const struct mpi_library *l)
{
	return arena_printf(s->w->a, "%s (%s)", l->path, mpi_family_name(l->family));
}

/* ---- families ---- */

/* What the application was built for: the image's own library tells, and the program where the
 * image has none. False: they contradict each other, or do not tell. */
static bool swap_family(struct swap *s)
{
	const struct mpi_asked *c = s->core;

	s->family = c->own.family;
	if (c->path == NULL)
		s->family = s->app->open_symbols			 ? MPI_OPEN
			    : strncmp(c->name, "libmpi_abi.so", 13) == 0 ? MPI_STANDARD
									 : MPI_MPICH;
	s->code = "MPIFAM";
	if (s->family == MPI_UNKNOWN)
		s->problem = arena_printf(s->w->a,
					  "%s shows the marks of no MPI family that greffon knows, "
					  "so nothing can be said to fit",
					  c->path);
	/* the other way round nothing follows: a program may do without Open MPI's objects */
	else if (s->app->open_symbols && s->family != MPI_OPEN)
		s->problem = arena_printf(s->w->a, "%s is not Open MPI, but %s was built for that",
					  c->path != NULL ? c->path : c->name, s->app->what);
	return s->problem == NULL;
}

static void swap_no_family(struct swap *s)
{
	const char *list = "none";

	for (size_t i = 0; i < s->host->n; i++)
		list = i == 0 ? swap_library(s, &s->host->v[i])
			      : arena_printf(s->w->a, "%s, %s", list,
					     swap_library(s, &s->host->v[i]));
	s->code = "MPIFAM";
	s->problem = arena_printf(s->w->a,
				  "%s needs %s of the family %s, and the host's MPI is another: "
				  "%s",
				  s->app->what, s->core->name, mpi_family_name(s->family), list);
}

/* ---- symbols ---- */

/* A library's own, and those of the parts that it asks for: implementations are split. */
static void swap_defined(struct swap *s, const char *path, const struct elf *elf, int depth)
{
	const struct library_tree *host = &s->w->host;

	mpi_symbols(host, path, &s->have, NULL);
	for (size_t i = 0; depth < 4 && i < elf->n_needed; i++) {
		const char *list = elf->runpath != NULL ? elf->runpath : elf->rpath;
		struct elf part;

		if (!mpi_is_kin(elf->needed[i]))
			continue;
		const char *at = library_tree_search(host, list, path, elf->needed[i], &part);
		if (at == NULL)
			at = library_tree_find(host, elf->needed[i], &part);
		if (at != NULL)
			swap_defined(s, at, &part, depth + 1);
	}
}

/* Nobody tells what will be asked for: all that the image's own offers. */
static void swap_want_whole(struct swap *s)
{
	struct mpi_names own = {0};

	mpi_symbols(&s->w->image, s->core->path, &own, NULL);
	for (size_t i = 0; i < own.n; i++)
		if (strncmp(own.v[i], "MPI_", 4) == 0 || strncmp(own.v[i], "PMPI_", 5) == 0)
			*ARENA_PUSH(s->w->a, &s->want) = own.v[i];
}

static bool swap_symbols(struct swap *s, const struct mpi_library *l)
{
	const char *list = "";
	size_t missing = 0;

	mpi_names_sort(&s->have);
	mpi_names_sort(&s->want);
	for (size_t i = 0; i < s->want.n; i++) {
		if (mpi_names_have(&s->have, s->want.v[i]))
			continue;
		if (++missing <= 5)
			list = arena_printf(s->w->a, "%s%s%s", list, missing > 1 ? ", " : "",
					    s->want.v[i]);
	}
	if (missing == 0)
		return true;
	swap_failed(s, "MPISYM",
		    arena_printf(s->w->a, "%s lacks %zu symbol%s that %s: %s%s", swap_library(s, l),
				 missing, missing == 1 ? "" : "s",
				 s->app->whole ? "the image's own has"
					       : arena_printf(s->w->a, "%s asks for", s->app->what),
				 list, missing > 5 ? ", ..." : ""));
	return false;
}

/* ---- parts beside the core: Fortran, C++ ---- */

/* The host's file for a part: among the profile's, beside the core, or where its loader finds it.
 */
static const char *swap_part(const struct swap *s, const struct mpi_library *l, const char *name,
			     struct elf *out)
{
	const struct library_tree *host = &s->w->host;
	const struct graft_mpi_profile *p = mpi_profile_find(&s->w->ed->mpi, l->profile);
	const char *names[2];
	size_t n = mpi_part_names(name, s->w->a, names);

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; p != NULL && k < p->n_libs; k++) {
			const char *base = strrchr(p->libs[k], '/');
			if (base != NULL && strcmp(base + 1, names[i]) == 0 &&
			    library_tree_read(host, p->libs[k], out))
				return p->libs[k];
		}
		const char *path =
			arena_printf(s->w->a, "%.*s/%s", (int)(strrchr(l->path, '/') - l->path),
				     l->path, names[i]);
		if (library_tree_read(host, path, out))
			return path;
		path = p == NULL ? library_tree_find(host, names[i], out) : NULL;
		if (path != NULL)
			return path;
	}
	return NULL;
}

static struct library_file *swap_file(const struct swap *s, const char *path, const char *name,
				      const struct elf *elf, const char *why)
{
	struct library_file *f = arena_new(s->w->a, struct library_file);
	const char *names[2];
	size_t n = mpi_part_names(name, s->w->a, names);

	*f = (struct library_file){
		.domain = GRAFT_MPI, .path = path, .name = name, .elf = *elf, .why = why};
	f->alias = arena_array(s->w->a, 2, sizeof(*f->alias));
	if (n > 1)
		f->alias[f->n_alias++] = names[1];
	if (elf->soname != NULL && strcmp(elf->soname, name) != 0 &&
	    (n < 2 || strcmp(elf->soname, names[1]) != 0) && strchr(elf->soname, '/') == NULL)
		f->alias[f->n_alias++] = elf->soname;
	return f;
}

/* Parts that the host has come along; the image's own stay if the new core carries them. */
static void swap_parts(struct swap *s, const struct mpi_library *l, struct library_files *take)
{
	for (size_t i = 0; i < s->app->ask.n; i++) {
		const struct mpi_asked *x = &s->app->ask.v[i];
		struct elf elf;

		if (x->core || (s->app->whole && mpi_number(x->name) != mpi_number(s->core->name)))
			continue;
		const char *path = swap_part(s, l, x->name, &elf);
		if (path != NULL) {
			swap_defined(s, path, &elf, 4);
			*ARENA_PUSH(s->w->a, take) =
				swap_file(s, path, x->name, &elf,
					  arena_printf(s->w->a, "goes with %s", l->name));
		} else if (x->path != NULL) {
			mpi_symbols(&s->w->image, x->path, &s->have, &s->want);
			library_left(s->w, GRAFT_MPI, x->path, "the host has no such part");
		}
	}
}

/* ---- one candidate ---- */

static const char *swap_why(const struct swap *s, const struct mpi_library *l)
{
	return arena_printf(
		s->w->a, "%s: %s %u, as %s%s%s", s->w->ed->mpi.source, mpi_family_name(l->family),
		l->number,
		s->core->path == NULL ? arena_printf(s->w->a, "%s asks for", s->app->what)
				      : arena_printf(s->w->a, "the image's %s", s->core->path),
		l->profile != NULL ? "; profile " : "", l->profile != NULL ? l->profile : "");
}

/* Taking is all or nothing: what a candidate that fails has brought is forgotten. */
static bool swap_take(struct swap *s, const struct mpi_library *l, struct library_files *take)
{
	size_t files = s->w->file.n, lefts = s->w->ed->left.n;
	bool fits = true;

	for (size_t i = 0; fits && i < take->n; i++) {
		struct library_file *f = take->v[i];

		if (library_taken(s->w, f->name) == NULL)
			fits = library_take(s->w, f);
		if (!fits)
			swap_failed(s, f->code, f->problem);
	}
	if (!fits) {
		s->w->file.n = files;
		s->w->ed->left.n = lefts;
		library_left(s->w, GRAFT_MPI, l->path, s->last);
	}
	return fits;
}

static bool swap_try(struct swap *s, const struct mpi_library *l)
{
	struct library_files take = {0};

	s->have = s->want = (struct mpi_names){0};
	*ARENA_PUSH(s->w->a, &take) = swap_file(s, l->path, s->core->name, &l->elf, swap_why(s, l));
	swap_defined(s, l->path, &l->elf, 0);
	for (size_t i = 0; i < s->app->defined.n; i++)
		*ARENA_PUSH(s->w->a, &s->have) = s->app->defined.v[i];
	for (size_t i = 0; i < s->app->wanted.n; i++)
		*ARENA_PUSH(s->w->a, &s->want) = s->app->wanted.v[i];
	if (s->app->whole)
		swap_want_whole(s);
	swap_parts(s, l, &take);
	if (!swap_symbols(s, l)) {
		library_left(s->w, GRAFT_MPI, l->path, s->last);
		return false;
	}
	return swap_take(s, l, &take);
}

static bool swap_core(struct swap *s)
{
	if (!swap_family(s))
		return false;
	for (size_t i = 0; i < s->host->n; i++) {
		const struct mpi_library *l = &s->host->v[i];

		if (l->family != s->family || !mpi_serves(l, s->core->name)) {
			library_left(s->w, GRAFT_MPI, l->path,
				     arena_printf(s->w->a, "is %s %u and can't stand for %s of %s",
						  mpi_family_name(l->family), l->number,
						  s->core->name, mpi_family_name(s->family)));
			continue;
		}
		if (swap_try(s, l)) {
			mpi_profile(s->w, mpi_profile_find(&s->w->ed->mpi, l->profile));
			return true;
		}
	}
	if (s->problem == NULL)
		swap_no_family(s);
	return false;
}

/* ---- all of them ---- */

/* A run path or LD_LIBRARY_PATH that has a library of the image's under the name would win over the
 * cache, for the application's files and for the host's own. */
static void mpi_over(struct library_job *w, struct library_file *f, const char *list,
		     const char *origin)
{
	for (size_t i = 0; i <= f->n_alias; i++) {
		const char *name = i == 0 ? f->name : f->alias[i - 1];
		struct elf elf;
		const char *path = library_tree_search(&w->image, list, origin, name, &elf);
		bool have = path == NULL;

		for (size_t k = 0; k < f->n_over; k++)
			have = have || strcmp(f->over[k], path) == 0;
		if (have)
			continue;
		const char **v = arena_array(w->a, f->n_over + 1, sizeof(*v));
		if (f->n_over > 0)
			memcpy(v, f->over, f->n_over * sizeof(*v));
		v[f->n_over++] = path;
		f->over = v;
	}
}

static void mpi_overs(struct library_job *w, const struct mpi_app *app)
{
	for (size_t i = 0; i < w->file.n; i++) {
		struct library_file *f = w->file.v[i];

		if (f->domain != GRAFT_MPI || f->fate != LIBRARY_TAKEN || !mpi_is_kin(f->name))
			continue;
		for (size_t k = 0; k < app->folders.n; k++)
			mpi_over(w, f, app->folders.v[k].list, app->folders.v[k].origin);
		for (size_t k = 0; k < w->file.n; k++) {
			const struct elf *elf = &w->file.v[k]->elf;
			mpi_over(w, f, elf->runpath != NULL ? elf->runpath : elf->rpath,
				 w->file.v[k]->path);
		}
	}
}

/* Auto leaves things as they are, and says why. */
static int mpi_refused(struct library_job *w, const char *code, const char *problem, struct err *e)
{
	const struct graft_mpi *asked = &w->ed->mpi;

	if (asked->mode == GRAFT_MPI_HOST)
		return graft_refuse(e, ELIBBAD, GRAFT_MPI, code, "%s: %s", asked->source, problem);
	graft_note_add(&w->ed->note, w->a, GRAFT_MPI, code, "%s; the image's own MPI stays",
		       problem);
	return 0;
}

static int mpi_cores(struct library_job *w, const struct mpi_app *app, struct err *e)
{
	struct mpi_libraries host = {0};
	size_t swapped = 0;
	int r = 0;

	mpi_host(&w->host, &w->ed->mpi, &host);
	const char *code = NULL, *problem = NULL;
	for (size_t i = 0; r == 0 && i < app->ask.n; i++) {
		struct swap s = {.w = w, .app = app, .host = &host, .core = &app->ask.v[i]};

		if (!s.core->core || library_taken(w, s.core->name) != NULL)
			continue;
		if (swap_core(&s)) {
			swapped++;
			continue;
		}
		if (code == NULL) {
			code = s.code;
			problem = s.problem;
		}
		/* of several in the image, the one in use is not known */
		if (!app->whole)
			r = mpi_refused(w, code, problem, e);
	}
	if (r == 0 && app->whole && swapped == 0 && problem != NULL)
		r = mpi_refused(w, code, problem, e);
	if (r < 0 || swapped == 0)
		return r;
	mpi_plugins(w);
	mpi_overs(w, app);
	return 0;
}

static bool mpi_is_musl(const struct library_job *w)
{
	static const char *const loaders[] = {
		"/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-aarch64.so.1",
		"/lib/ld-musl-powerpc64le.so.1", "/lib/ld-musl-riscv64.so.1"};

	for (size_t i = 0; i < ARRAY_LEN(loaders); i++) {
		autoclose int fd = library_tree_fd(&w->image, loaders[i], O_PATH | O_CLOEXEC);
		if (fd >= 0)
			return true;
	}
	return false;
}

int mpi_swap(struct library_job *w, bool glibc, struct err *e)
{
	const struct graft_mpi *asked = &w->ed->mpi;
	struct mpi_app app;

	if (!glibc && asked->mode == GRAFT_MPI_HOST)
		return mpi_refused(w, mpi_is_musl(w) ? "MUSL" : "GLIBC",
				   mpi_is_musl(w)
					   ? "the image's C library is musl, and the host's MPI "
					     "needs glibc; build the image on a distribution with "
					     "glibc"
					   : "the image has no glibc of this machine, which the "
					     "host's MPI needs",
				   e);
	if (!glibc)
		return 0;
	if (asked->named && asked->profile[0].kind != GRAFT_MPI_LIBRARIES)
		return mpi_providers(w, &asked->profile[0], e);
	mpi_app_read(w, &app);
	for (size_t i = 0; i < app.ask.n; i++)
		if (app.ask.v[i].core)
			return mpi_cores(w, &app, e);
	library_left(w, GRAFT_MPI, "the host's MPI",
		     "the image's program and loader cache know of no MPI");
	if (asked->mode == GRAFT_MPI_HOST)
		return mpi_refused(w, "NONE",
				   "neither the container's program nor the image's loader cache "
				   "knows of an MPI library; run ldconfig when the image is built",
				   e);
	return 0;
}
