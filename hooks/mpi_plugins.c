/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "hooks/mpi.h"
#include "hooks/tree.h"
#include "host/host.h"

/* Libraries that load others by name, from a folder beside them or in their run path. */
static const struct mpi_plugin {
	const char *library; /* what its name begins with */
	const char *folder;
	const char *sign; /* in the name of some file there: other things are called so too */
	bool beside;	  /* looked for beside the loaded file, else where it was built for */
} mpi_plugin_folders[] = {
	/* pkglibdir of Open MPI, upstream's and Debian's name */
	{"libmpi.so", "openmpi", "mca_", false},
	{"libmpi.so", "openmpi3", "mca_", false},
	{"libopen-pal.so", "openmpi", "mca_", false},
	{"libopen-pal.so", "openmpi3", "mca_", false},
	{"libpmix.so", "pmix", "mca_", false},
	{"libucs.so", "ucx", "libuct_", true},
	{"libfabric.so", "libfabric", "-fi.so", false},
	{"libibverbs.so", "libibverbs", "-rdmav", false},
};

/* ---- plugins ---- */

static void mpi_plugin_needs(struct library_job *w, const struct tree *t, enum graft_domain d,
			     const char *folder)
{
	struct tree_list names = tree_list(t, "%s", folder + 1);

	for (size_t i = 0; i < names.n; i++) {
		struct library_file f = {.domain = d,
					 .path = arena_printf(w->a, "%s/%s", folder, names.v[i]),
					 .name = names.v[i]};
		bool fits = true;

		if (strstr(names.v[i], ".so") == NULL ||
		    !library_tree_read(&w->host, f.path, &f.elf))
			continue;
		for (size_t k = 0; fits && k < f.elf.n_needed; k++)
			fits = library_depend(w, &f, f.elf.needed[k]);
		if (!fits)
			library_left(w, d, f.path, f.problem);
	}
}

/* "/lib/..." where /lib is a link to usr/lib: the name that the library was built with. */
static const char *mpi_without_link(const struct library_job *w, const struct tree *t,
				    const char *path)
{
	size_t n = strcspn(path + 1, "/");
	const char *to = tree_link(t, "/%.*s", (int)n, path + 1);

	return to != NULL ? arena_printf(w->a, "/%s%s", to + strspn(to, "/"), path + 1 + n) : path;
}

static bool mpi_has_mount(const struct library_job *w, const char *target)
{
	for (size_t i = 0; i < w->ed->mount.n; i++)
		if (strcmp(w->ed->mount.v[i].target, target) == 0)
			return true;
	return false;
}

static void mpi_plugin_try(struct library_job *w, const struct tree *t, const struct mpi_plugin *p,
			   const char *base, const struct library_file *f)
{
	const char *source = arena_printf(w->a, "%s/%s", base, p->folder);
	struct tree_list names =
		source[0] == '/' ? tree_list(t, "%s", source + 1) : (struct tree_list){0};

	bool any = false;

	for (size_t i = 0; !any && i < names.n; i++)
		any = strstr(names.v[i], p->sign) != NULL;
	if (!any)
		return;
	source = mpi_without_link(w, t, source);
	const char *target =
		p->beside ? arena_printf(w->a, "%s/%s", w->to->folder, p->folder) : source;
	if (mpi_has_mount(w, target))
		return;
	*ARENA_PUSH(w->a, &w->ed->mount) = (struct graft_edit_mount){
		.domain = f->domain,
		.source = source,
		.target = target,
		.exec = true,
		.why = arena_printf(w->a, "plugins of %s", f->path),
	};
	mpi_plugin_needs(w, t, f->domain, source);
}

/* The folder of the file that path is or leads to by its last link. */
static void mpi_plugin_bases(struct library_job *w, const struct tree *t,
			     const struct mpi_plugin *p, const struct library_file *f)
{
	const char *link = tree_link(t, "%s", f->path + 1);
	const char *list = f->elf.runpath != NULL ? f->elf.runpath : f->elf.rpath;
	const char *paths[] = {f->path, link != NULL ? arena_printf(w->a, "/%s", link) : NULL};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (paths[i] != NULL)
			mpi_plugin_try(w, t, p,
				       arena_strndup(w->a, paths[i],
						     (size_t)(strrchr(paths[i], '/') - paths[i])),
				       f);
	for (int i = 0; i < 64 && list != NULL && *list != '\0'; i++) {
		size_t n = strcspn(list, ":");
		mpi_plugin_try(w, t, p, arena_strndup(w->a, list, n), f);
		list += n + (list[n] == ':');
	}
}

void mpi_plugins(struct library_job *w)
{
	struct tree t = {.root = w->h->root, .a = w->a};

	/* plugins bring libraries with plugins: the list grows */
	for (size_t i = 0; i < w->file.n; i++) {
		const struct library_file *f = w->file.v[i];

		if ((f->domain != GRAFT_MPI && f->domain != GRAFT_RDMA) || f->fate != LIBRARY_TAKEN)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(mpi_plugin_folders); k++)
			if (strncmp(f->name, mpi_plugin_folders[k].library,
				    strlen(mpi_plugin_folders[k].library)) == 0)
				mpi_plugin_bases(w, &t, &mpi_plugin_folders[k], f);
	}
}

/* ---- profiles ---- */

const struct graft_mpi_profile *mpi_profile_find(const struct graft_mpi *asked, const char *name)
{
	for (size_t i = 0; name != NULL && i < asked->n_profile; i++)
		if (strcmp(asked->profile[i].name, name) == 0)
			return &asked->profile[i];
	return NULL;
}

static void mpi_profile_env(struct library_job *w, const char *name, const char *value,
			    const char *profile)
{
	*ARENA_PUSH(w->a, &w->ed->env) =
		(struct graft_edit_env){name, value, arena_printf(w->a, "mpi profile %s", profile)};
}

static void mpi_profile_library(struct library_job *w, const struct graft_mpi_profile *p,
				const char *path)
{
	struct library_file *f = arena_new(w->a, struct library_file);
	const char *slash = strrchr(path, '/');
	struct elf image;

	*f = (struct library_file){.domain = GRAFT_MPI,
				   .path = path,
				   .why = arena_printf(w->a, "mpi profile %s", p->name)};
	if (slash == NULL || !library_tree_read(&w->host, path, &f->elf)) {
		graft_note_add(&w->ed->note, w->a, GRAFT_MPI, "LIBRARY",
			       "%s of the profile %s is no library of this machine; it is left out",
			       path, p->name);
		return;
	}
	f->name = f->elf.soname != NULL && strchr(f->elf.soname, '/') == NULL ? f->elf.soname
									      : slash + 1;
	if (library_taken(w, f->name) != NULL)
		return;
	if (!p->force && library_tree_find(&w->image, f->name, &image) != NULL)
		library_left(w, GRAFT_MPI, path, "the image has its own");
	else if (!library_take(w, f))
		graft_note_add(&w->ed->note, w->a, GRAFT_MPI, f->code, "%s; it is left out",
			       f->problem);
}

void mpi_profile(struct library_job *w, const struct graft_mpi_profile *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n_deps; i++)
		mpi_profile_library(w, p, p->deps[i]);
	for (size_t i = 0; i < p->n_binds; i++)
		if (!mpi_has_mount(w, p->binds[i]))
			*ARENA_PUSH(w->a, &w->ed->mount) = (struct graft_edit_mount){
				.domain = GRAFT_MPI,
				.source = p->binds[i],
				.target = p->binds[i],
				.exec = true,
				.why = arena_printf(w->a, "mpi profile %s", p->name),
			};
	for (size_t i = 0; i < p->n_env; i++)
		mpi_profile_env(w, p->env[i].key, p->env[i].value, p->name);
}

int mpi_providers(struct library_job *w, const struct graft_mpi_profile *p, struct err *e)
{
	bool ofi = p->kind == GRAFT_MPI_OFI;
	const char *folder = arena_printf(w->a, "%s/%s", w->to->folder, ofi ? "libfabric" : "ucx");

	for (size_t i = 0; i < p->n_libs; i++) {
		struct library_file *f = arena_new(w->a, struct library_file);
		const char *slash = strrchr(p->libs[i], '/');

		*f = (struct library_file){.domain = GRAFT_MPI,
					   .path = p->libs[i],
					   .folder = folder,
					   .why = arena_printf(w->a, "mpi profile %s", p->name)};
		f->name = slash != NULL ? slash + 1 : p->libs[i];
		if (!library_tree_read(&w->host, f->path, &f->elf))
			return graft_refuse(e, ELIBBAD, GRAFT_MPI, "LIBRARY",
					    "%s: %s of the profile %s is no library of this "
					    "machine",
					    w->ed->mpi.source, f->path, p->name);
		if (!library_take(w, f))
			return graft_refuse(e, ELIBBAD, GRAFT_MPI, f->code, "%s: %s",
					    w->ed->mpi.source, f->problem);
	}
	mpi_profile(w, p);
	mpi_profile_env(w, ofi ? "FI_PROVIDER_PATH" : "UCX_MODULE_DIR", folder, p->name);
	return 0;
}
