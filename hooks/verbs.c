/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "hooks/mpi.h"
#include "host/host.h"
#include "sys/path.h"

#define VERBS_LIBRARY "libibverbs.so.1"
#define VERBS_PRIVATE "IBVERBS_PRIVATE_"
#define VERBS_CONFIG "/etc/libibverbs.d"

/* The name of the provider for a kernel driver: rdma-core, providers/. */
static const char *verbs_provider(const char *driver)
{
	static const char *const names[][2] = {
		{"mlx5_core", "mlx5"},	  {"mlx4_core", "mlx4"},       {"hfi1", "hfi1verbs"},
		{"ib_qib", "ipathverbs"}, {"iw_cxgb4", "cxgb4"},       {"hns3", "hns"},
		{"rdma_rxe", "rxe"},	  {"ib_mthca", "mthca"},       {"ice", "irdma"},
		{"i40e", "irdma"},	  {"bnxt_en", "bnxt_re"},      {"qede", "qedr"},
		{"mana", "mana"},	  {"vmw_pvrdma", "vmw_pvrdma"}};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i][0], driver) == 0)
			return names[i][1];
	return driver;
}

/* The first granted device's provider that the tree lacks; NULL: it has all, and *pabi is set.
 * Without libibverbs that is "libibverbs" itself. */
static const char *verbs_lacks(const struct library_job *w, const struct library_tree *t,
			       const char **pabi)
{
	struct elf elf, provider;
	const char *path = library_tree_find(t, VERBS_LIBRARY, &elf);

	*pabi = NULL;
	for (size_t i = 0; path != NULL && i < elf.n_define; i++)
		if (strncmp(elf.define[i], VERBS_PRIVATE, strlen(VERBS_PRIVATE)) == 0)
			*pabi = elf.define[i] + strlen(VERBS_PRIVATE);
	if (*pabi == NULL)
		return "libibverbs";
	for (size_t i = 0; i < w->ed->verbs.n_driver; i++) {
		const char *name = verbs_provider(w->ed->verbs.driver[i]);
		const char *file =
			arena_printf(w->a, "%.*s/libibverbs/lib%s-rdmav%s.so",
				     (int)(strrchr(path, '/') - path), path, name, *pabi);
		if (!library_tree_read(t, file, &provider))
			return name;
	}
	return NULL;
}

static int verbs_failed(struct library_job *w, const char *code, const char *problem, struct err *e)
{
	if (w->ed->verbs.libs == GRAFT_VERBS_HOST)
		return graft_refuse(e, ELIBBAD, GRAFT_RDMA, code, "%s: %s", w->ed->verbs.source,
				    problem);
	graft_note_add(&w->ed->note, w->a, GRAFT_RDMA, code, "%s", problem);
	return 0;
}

/* Reading stops at the first that does not fit: half a set is none. */
static int verbs_set(struct library_job *w, const char *why, struct err *e)
{
	static const char *const names[] = {VERBS_LIBRARY, "librdmacm.so.1", "libibumad.so.3"};
	size_t files = w->file.n;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct library_file *f = arena_new(w->a, struct library_file);

		*f = (struct library_file){.domain = GRAFT_RDMA, .name = names[i], .why = why};
		f->path = library_tree_find(&w->host, names[i], &f->elf);
		if (f->path == NULL || library_taken(w, f->name) != NULL || library_take(w, f))
			continue;
		w->file.n = files;
		return verbs_failed(w, f->code, f->problem, e);
	}
	mpi_plugins(w);
	autoclose int fd =
		path_open(w->h->root, VERBS_CONFIG, O_PATH | O_DIRECTORY | O_CLOEXEC, NULL);
	if (fd >= 0)
		*ARENA_PUSH(w->a, &w->ed->mount) = (struct graft_edit_mount){
			.domain = GRAFT_RDMA,
			.source = VERBS_CONFIG,
			.target = VERBS_CONFIG,
			.why = why,
		};
	return 0;
}

int verbs_take(struct library_job *w, bool glibc, struct err *e)
{
	const struct graft_verbs *v = &w->ed->verbs;
	const char *own, *theirs;

	if (v->libs == GRAFT_VERBS_NONE)
		return 0;
	if (!glibc)
		return v->libs == GRAFT_VERBS_AUTO
			       ? 0
			       : verbs_failed(w, "GLIBC",
					      "the image has no glibc of this machine, which the "
					      "host's libibverbs needs",
					      e);
	const char *lacks = verbs_lacks(w, &w->image, &own);
	if (lacks == NULL && v->libs == GRAFT_VERBS_AUTO) {
		library_left(w, GRAFT_RDMA, "the host's libibverbs",
			     arena_printf(w->a,
					  "the image's (PABI %s) has providers for all devices",
					  own));
		return 0;
	}
	const char *missing = verbs_lacks(w, &w->host, &theirs);
	if (missing == NULL)
		return verbs_set(w,
				 lacks == NULL ? arena_printf(w->a, "%s: libs=host", v->source)
					       : arena_printf(w->a, "%s: the image lacks %s",
							      v->source, lacks),
				 e);
	/* an image without verbs may not want any */
	if (v->libs == GRAFT_VERBS_AUTO && own == NULL)
		return 0;
	return verbs_failed(
		w, "PABI",
		arena_printf(w->a,
			     "neither the image (PABI %s, without %s) nor the host (PABI "
			     "%s, without %s) has a provider for each device; install "
			     "rdma-core's providers in the image",
			     own != NULL ? own : "none", lacks != NULL ? lacks : "none",
			     theirs != NULL ? theirs : "none", missing),
		e);
}
