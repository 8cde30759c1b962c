/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"
#include "hooks/library_tree.h"

struct oci_process;

/* The container that libraries go into. */
struct graft_image {
	int root;	    /* O_PATH descriptor of the rootfs */
	const char *folder; /* where libraries go: absolute, in it, of the runtime's making */
	struct library_bind *bind; /* what the config mounts over the rootfs */
	size_t n_bind;
	const struct oci_process *process; /* what will run; NULL: not known */
};

/*
 * The host's files for ed->library, and what they need in turn, chosen so that they run beside the
 * image's own C library: each version of a symbol that one needs has to be offered by what the
 * image has (or by another of them). What can't be had, or does not fit, is left out with a note;
 * the C library itself is never exchanged. Then the host's MPI, where ed->mpi asks for it
 * (hooks/mpi.h). Nothing is executed.
 *
 * Adds to ed->mount: libraries to image->folder, programs to the host's own place; to ed->left what
 * was looked at and not taken; and sets ed->cache, the image's loader cache with the libraries and
 * those of ed->had in it. Reads below h->root and the image only; what both say is bounded and
 * checked. -ELIBBAD: the MPI that was asked for does not fit.
 */
int graft_libraries(const struct host *h, const struct graft_image *image, struct arena *a,
		    struct graft_edits *ed, struct err *e);

/* Whether that would look at anything. */
bool graft_libraries_asked(const struct graft_edits *ed);

/* ---- for hooks/mpi*.c, hooks/verbs.c ---- */

enum library_fate { LIBRARY_CHECKING, LIBRARY_TAKEN, LIBRARY_REFUSED };

/* A host file on its way into the container. */
struct library_file {
	enum graft_domain domain;
	enum library_fate fate;
	const char *path, *name; /* on the host; what the loader looks for */
	const char *folder;	 /* instead of the image's folder; NULL: that, and the cache */
	const char **alias;	 /* other names it is looked for by: "libcuda.so" */
	size_t n_alias;
	const char **over; /* files of the image that it is mounted over as well */
	size_t n_over;
	const char *why;
	const char *code, *problem; /* why it was refused, without an end; NULL: it was not */
	const char *remedy;	    /* ", use ..."; NULL: none is known */
	struct elf elf;
	bool program;
};

struct library_job {
	const struct host *h;
	const struct graft_image *to;
	struct library_tree host, image;
	const char *driver; /* the folder of the host's driver; NULL: not found yet */
	const char *loader; /* ... where the host's loader sees it, perhaps by links */
	struct graft_edits *ed;
	struct arena *a;
	struct library_files {
		struct library_file **v;
		size_t n, cap;
	} file;
};

/* Takes f (domain, path, name, why, elf are set) and what it needs; false: f->problem says why
 * neither. */
bool library_take(struct library_job *w, struct library_file *f);

/* The file that is on its way under a name, or NULL. */
struct library_file *library_taken(const struct library_job *w, const char *name);

/* What f asks for by name: taken from the host where the image has none. */
bool library_depend(struct library_job *w, struct library_file *f, const char *name);

/* Appends to ed->left. */
void library_left(struct library_job *w, enum graft_domain d, const char *what, const char *why);

/*
 * The host's files for ed->library where no image is known (CDI documents): what is found is
 * appended to out, each library at the host's own folder under the name that the loader looks for.
 * Whether an image can carry them nobody can tell then.
 */
void graft_library_files(const struct host *h, struct arena *a, const struct graft_edits *ed,
			 struct graft_edit_mounts *out, struct graft_notes *notes);
