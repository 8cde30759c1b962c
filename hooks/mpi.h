/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/library.h"

/*
 * The host's MPI in the place of the image's, where ELF says that the application can't tell them
 * apart: the same family, the same number behind ".so.", and every MPI symbol that the
 * application's files ask for is there. What is known of the families:
 *   - MPICH's ABI initiative (MPICH 3.1, Intel MPI 5.0, Cray MPT 7.0, MVAPICH2 2.0 and later) has
 *     libmpi.so.12, which Debian calls libmpich.so.12; all of them export MPIR_Dup_fn, as mpi.h's
 *     MPI_DUP_FN is that name.
 *   - Open MPI is libmpi.so.12 (1.7 to 1.10), .so.20 (2.x) and .so.40 (3.x to 5.x): the number
 * alone would take 1.10 for MPICH. It exports ompi_mpi_comm_world, and applications refer to such
 *     objects.
 *   - MPI 5.0's standard ABI is libmpi_abi.so.N of any implementation, with MPI_Abi_get_version.
 */
enum mpi_family { MPI_UNKNOWN, MPI_MPICH, MPI_OPEN, MPI_STANDARD };

const char *mpi_family_name(enum mpi_family f);

/* Names, sorted once for mpi_names_have(). */
struct mpi_names {
	const char **v;
	size_t n, cap;
};
void mpi_names_sort(struct mpi_names *names);
bool mpi_names_have(const struct mpi_names *names, const char *name);

/* A library with MPI_Init in it. */
struct mpi_library {
	const char *path, *name; /* in its tree; the soname, without one the file's name */
	enum mpi_family family;
	unsigned int number; /* behind ".so."; 0: none */
	struct elf elf;
	const char *profile;   /* of the policy that names it; NULL: found */
	const char *const *as; /* the names it may stand for; NULL: those of its family */
	size_t n_as;
};

/* Names that belong to MPI: "libmpi.so.40", "libmpifort.so.12", "libmpi_gnu_123.so.12"; their
 * stems end at ".so". */
bool mpi_is_named(const char *name);
/* ... and the inner libraries of one, which only go together: "libopen-pal.so.40". */
bool mpi_is_kin(const char *name);

/* The number behind ".so." of a name. */
unsigned int mpi_number(const char *name);

/* What the file at path of t is; false: it is no library, or has no MPI_Init. name: what it was
 * asked for by, for files without a soname. */
bool mpi_library_read(const struct library_tree *t, const char *path, const char *name,
		      struct mpi_library *out);

/* MPI symbols that the file defines, and that it asks for (also objects that a program has copied
 * into itself). Either list may be NULL. */
void mpi_symbols(const struct library_tree *t, const char *path, struct mpi_names *defined,
		 struct mpi_names *wanted);

struct mpi_libraries {
	struct mpi_library *v;
	size_t n, cap;
};

/* The MPIs of the host: those of the profiles in their order, then those in the loader's cache, by
 * name. */
void mpi_host(const struct library_tree *host, const struct graft_mpi *asked,
	      struct mpi_libraries *out);

/* Whether l stands for the name: "libmpi.so.12" and "libmpich.so.12" are one ABI. */
bool mpi_serves(const struct mpi_library *l, const char *name);

/* Other names of the same part in the same family: "libmpichfort.so.12" for "libmpifort.so.12";
 * the name itself first. At most two. */
size_t mpi_part_names(const char *name, struct arena *a, const char *out[2]);

/* ---- the application (hooks/mpi_app.c) ---- */

/* A name of MPI that the application asks the loader for. */
struct mpi_asked {
	const char *name, *path; /* path NULL: the image has none */
	bool core;		 /* has MPI_Init, or would */
	struct mpi_library own;	 /* the image's, where it has one that is core */
};

struct mpi_app {
	const char *what;  /* for messages: its path, or "the image's loader cache" */
	bool whole;	   /* no ELF program that asks for MPI: whatever of it the cache has */
	bool open_symbols; /* some file refers to Open MPI's own objects */
	/* MPI symbols that its files, but MPI's own, ask for, and have (tools in between) */
	struct mpi_names wanted, defined;
	struct {
		struct mpi_asked *v;
		size_t n, cap;
	} ask;
	struct { /* lists of folders that are searched before the cache */
		struct mpi_folders {
			const char *list, *origin;
		} * v;
		size_t n, cap;
	} folders;
};

void mpi_app_read(const struct library_job *w, struct mpi_app *out);

/* ---- both together (hooks/mpi.c) ---- */

/* Takes the libraries that w->ed->mpi asks for. glibc: the image can run the host's libraries.
 * -ELIBBAD with the reason when it can't be and mode is host; a note when it is auto. */
int mpi_swap(struct library_job *w, bool glibc, struct err *e);

/* ---- what goes with them (hooks/mpi_plugins.c) ---- */

/* Folders of plugins of what was taken (Open MPI's and PMIx's components, UCX's modules), with what
 * those need in turn. */
void mpi_plugins(struct library_job *w);

/* A profile's further libraries, binds and variables; NULL: none. */
void mpi_profile(struct library_job *w, const struct graft_mpi_profile *p);

/* The profile of a name; NULL: none. */
const struct graft_mpi_profile *mpi_profile_find(const struct graft_mpi *asked, const char *name);

/* The light way: the image's MPI stays, its libfabric or UCX gets the profile's providers. -ELIBBAD
 * when one of them can't run in the image. */
int mpi_providers(struct library_job *w, const struct graft_mpi_profile *p, struct err *e);
