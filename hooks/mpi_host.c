/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hooks/mpi.h"

/* What MPI's own symbols begin with, those of Fortran and C++ among them. */
static const char *const mpi_prefixes[] = {"MPI_",     "PMPI_",	    "MPIX_",	"PMPIX_", "MPIR_",
					   "MPII_",    "ompi_",	    "mpi_",	"pmpi_",  "_ZN3MPI",
					   "_ZNK3MPI", "_ZTVN3MPI", "_ZTIN3MPI"};

const char *mpi_family_name(enum mpi_family f)
{
	static const char *const names[] = {"unknown", "MPICH", "Open MPI", "MPI standard ABI"};

	return names[f];
}

static int mpi_names_compare(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

void mpi_names_sort(struct mpi_names *names)
{
	size_t kept = 0;

	if (names->n > 1)
		qsort(names->v, names->n, sizeof(*names->v), mpi_names_compare);
	for (size_t i = 0; i < names->n; i++)
		if (kept == 0 || strcmp(names->v[kept - 1], names->v[i]) != 0)
			names->v[kept++] = names->v[i];
	names->n = kept;
}

bool mpi_names_have(const struct mpi_names *names, const char *name)
{
	return names->n > 0 &&
	       bsearch(&name, names->v, names->n, sizeof(*names->v), mpi_names_compare) != NULL;
}

bool mpi_is_named(const char *name)
{
	return (strncmp(name, "libmpi", 6) == 0 || strncmp(name, "libpmpi", 7) == 0) &&
	       strstr(name, ".so") != NULL;
}

bool mpi_is_kin(const char *name)
{
	static const char *const inner[] = {"libopen-rte.so", "libopen-pal.so", "liboshmem.so",
					    "libmca_common_", "libmpl.so",	"libopa.so"};

	for (size_t i = 0; i < ARRAY_LEN(inner); i++)
		if (strncmp(name, inner[i], strlen(inner[i])) == 0)
			return true;
	return mpi_is_named(name);
}

unsigned int mpi_number(const char *name)
{
	const char *p = strstr(name, ".so.");
	unsigned long n = p != NULL ? strtoul(p + 4, NULL, 10) : 0;

	return n > 100000 ? 0 : (unsigned int)n;
}

static int mpi_symbols_of(const struct library_tree *t, const char *path, struct elf_symbols *out)
{
	struct err why = {0};
	autoclose int fd = library_tree_fd(t, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? fd
		      : elf_symbols(fd, mpi_prefixes, ARRAY_LEN(mpi_prefixes), t->a, out, &why);
}

static bool mpi_defines(const struct elf_symbols *s, const char *name)
{
	for (size_t i = 0; i < s->n_defined; i++)
		if (strcmp(s->defined[i], name) == 0)
			return true;
	return false;
}

bool mpi_library_read(const struct library_tree *t, const char *path, const char *name,
		      struct mpi_library *out)
{
	struct elf_symbols s;

	*out = (struct mpi_library){.path = path};
	if (!library_tree_read(t, path, &out->elf) || mpi_symbols_of(t, path, &s) < 0 ||
	    !mpi_defines(&s, "MPI_Init"))
		return false;
	out->name = out->elf.soname != NULL ? out->elf.soname : name;
	out->number = mpi_number(out->name);
	/* an implementation's own library may have the standard's function beside its own ABI */
	if (strncmp(out->name, "libmpi_abi.so", 13) == 0)
		out->family = mpi_defines(&s, "MPI_Abi_get_version") ? MPI_STANDARD : MPI_UNKNOWN;
	else if (mpi_defines(&s, "ompi_mpi_comm_world"))
		out->family = MPI_OPEN;
	else if (mpi_defines(&s, "MPIR_Dup_fn"))
		out->family = MPI_MPICH;
	return true;
}

void mpi_symbols(const struct library_tree *t, const char *path, struct mpi_names *defined,
		 struct mpi_names *wanted)
{
	struct elf_symbols s;

	if (mpi_symbols_of(t, path, &s) < 0)
		return;
	for (size_t i = 0; defined != NULL && i < s.n_defined; i++)
		*ARENA_PUSH(t->a, defined) = s.defined[i];
	for (size_t i = 0; wanted != NULL && i < s.n_undefined; i++)
		*ARENA_PUSH(t->a, wanted) = s.undefined[i];
	/* a program that is not position independent has its own copy of an object */
	for (size_t i = 0; wanted != NULL && i < s.n_defined; i++)
		if (strncmp(s.defined[i], "ompi_mpi_", 9) == 0)
			*ARENA_PUSH(t->a, wanted) = s.defined[i];
}

/* ---- the host's ---- */

static void mpi_host_add(const struct library_tree *host, const char *path,
			 const struct graft_mpi_profile *p, struct mpi_libraries *out)
{
	const char *slash = strrchr(path, '/');
	struct mpi_library l;

	for (size_t i = 0; i < out->n; i++)
		if (strcmp(out->v[i].path, path) == 0)
			return;
	if (slash == NULL || !mpi_library_read(host, path, slash + 1, &l))
		return;
	if (p != NULL) {
		l.profile = p->name;
		l.as = p->as;
		l.n_as = p->n_as;
	}
	*ARENA_PUSH(host->a, out) = l;
}

static int mpi_host_compare(const void *x, const void *y)
{
	const struct mpi_library *lx = x, *ly = y;
	int r = strcmp(lx->name, ly->name);

	return r != 0 ? r : strcmp(lx->path, ly->path);
}

void mpi_host(const struct library_tree *host, const struct graft_mpi *asked,
	      struct mpi_libraries *out)
{
	int32_t flags = ldcache_flags(host->machine, host->class);
	size_t profiles;

	for (size_t i = 0; i < asked->n_profile; i++)
		for (size_t k = 0; k < asked->profile[i].n_libs; k++)
			if (asked->profile[i].kind == GRAFT_MPI_LIBRARIES)
				mpi_host_add(host, asked->profile[i].libs[k], &asked->profile[i],
					     out);
	profiles = out->n;
	for (size_t i = 0; !asked->named && i < host->cache.n; i++) {
		const struct ldcache_entry *x = &host->cache.v[i];

		/* "libmpi.so" is for the linker, and leads to one that has a number */
		if (x->flags == flags && mpi_is_named(x->name) && mpi_number(x->name) > 0)
			mpi_host_add(host, x->path, NULL, out);
	}
	if (out->n - profiles > 1)
		qsort(out->v + profiles, out->n - profiles, sizeof(*out->v), mpi_host_compare);
}

/* ---- names ---- */

size_t mpi_part_names(const char *name, struct arena *a, const char *out[2])
{
	/* upstream's and Debian's names of MPICH's parts */
	static const char *const pairs[][2] = {{"libmpi.so", "libmpich.so"},
					       {"libmpifort.so", "libmpichfort.so"},
					       {"libmpicxx.so", "libmpichcxx.so"}};

	out[0] = name;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		for (size_t k = 0; k < 2; k++) {
			size_t n = strlen(pairs[i][k]);
			if (strncmp(name, pairs[i][k], n) != 0 || name[n] != '.')
				continue;
			out[1] = arena_printf(a, "%s%s", pairs[i][!k], name + n);
			return 2;
		}
	return 1;
}

bool mpi_serves(const struct mpi_library *l, const char *name)
{
	static const char *const stems[] = {
		[MPI_MPICH] = "libmpi", [MPI_OPEN] = "libmpi.so", [MPI_STANDARD] = "libmpi_abi.so"};

	for (size_t i = 0; i < l->n_as; i++)
		if (strcmp(l->as[i], name) == 0)
			return true;
	if (l->n_as > 0 || l->family == MPI_UNKNOWN)
		return false;
	return l->number == mpi_number(name) &&
	       strncmp(name, stems[l->family], strlen(stems[l->family])) == 0;
}
