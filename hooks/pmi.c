/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/pmi.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "host/host.h"
#include "sys/path.h"

#define PMI_MUNGE "/run/munge/munge.socket.2"

struct pmi {
	const struct host *h;
	char *const *env;
	uid_t user;
	struct arena *a;
	struct graft_edits *ed;
	struct err *e;
};

static const char *pmi_value(const struct pmi *p, const char *name)
{
	size_t n = strlen(name);

	for (char *const *v = p->env; v != NULL && *v != NULL; v++)
		if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
			return *v + n + 1;
	return NULL;
}

/* ---- variables ---- */

/* Of the launcher, and only of it: whatever else the caller has is not the job's. */
static bool pmi_is_allowed(const struct pmi *p, const char *name)
{
	static const struct {
		const char *prefix;
		bool pmix; /* for PMIx only: Open MPI's launcher, PRRTE */
	} allowed[] = {
		{"PMI_", false},   {"PMI2_", false},	 {"PMIX_", false},
		{"SLURM_", false}, {"SLURMD_", false},	 {"SLINGSHOT_", false},
		{"PALS_", false},  {"MPI_LOCAL", false}, {"MPIR_CVAR_", false},
		{"OMPI_", true},   {"PRTE_", true},
	};

	/* a token that acts for the user; the place of a file that the image does not have */
	if (strncmp(name, "SLURM_JWT", 9) == 0 || strncmp(name, "SLURM_CONF=", 11) == 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if ((p->ed->pmi == GRAFT_PMI_PMIX || !allowed[i].pmix) &&
		    strncmp(name, allowed[i].prefix, strlen(allowed[i].prefix)) == 0)
			return true;
	return false;
}

static void pmi_variables(struct pmi *p)
{
	const char *source = p->ed->request->want[GRAFT_PMI].source;

	for (char *const *v = p->env; v != NULL && *v != NULL; v++) {
		const char *equals = strchr(*v, '=');

		if (equals == NULL || !pmi_is_allowed(p, *v))
			continue;
		*ARENA_PUSH(p->a, &p->ed->env) = (struct graft_edit_env){
			arena_strndup(p->a, *v, (size_t)(equals - *v)), equals + 1,
			arena_printf(p->a, "%s: of the job", source), true};
	}
}

static void pmi_missing(struct pmi *p)
{
	bool slurm = p->ed->pmi == GRAFT_PMI_SLURM;
	bool launched =
		pmi_value(p, "PMIX_NAMESPACE") != NULL ||
		(slurm && (pmi_value(p, "PMI_RANK") != NULL || pmi_value(p, "PMI_ID") != NULL ||
			   pmi_value(p, "SLURM_PROCID") != NULL));

	if (!launched)
		graft_note_add(&p->ed->note, p->a, GRAFT_PMI, "PMI",
			       "the runtime's environment has no %s, so each process will be a job "
			       "of its own; start the runtime as a task of the job (srun --mpi=%s)",
			       slurm ? "PMI_RANK, SLURM_PROCID or PMIX_NAMESPACE"
				     : "PMIX_NAMESPACE",
			       slurm ? "pmi2" : "pmix");
}

/* ---- PMI-1 and PMI-2: a socket that the launcher has left open ---- */

static void pmi_socket(struct pmi *p)
{
	const char *value = pmi_value(p, "PMI_FD");
	struct stat st;
	uint64_t fd;

	if (value == NULL)
		return;
	/* what the runtime has opened itself is marked to be closed, and is no socket */
	if (num_u64(value, 65535, &fd) == 0 && fd > 2) {
		int flags = fcntl((int)fd, F_GETFD);

		if (flags >= 0 && (flags & FD_CLOEXEC) == 0 && fstat((int)fd, &st) == 0 &&
		    S_ISSOCK(st.st_mode)) {
			p->ed->pmi_fd = (int)fd;
			return;
		}
	}
	graft_note_add(&p->ed->note, p->a, GRAFT_PMI, "PMI",
		       "PMI_FD=%.20s is no socket that the runtime was started with; what starts "
		       "it has to leave it open, or use a port (mpiexec -pmi-port)",
		       value);
}

/* ---- folders ---- */

static bool pmi_trusts(const struct pmi *p, uid_t uid)
{
	return uid == 0 || uid == p->h->euid || uid == p->user;
}

/* Whether somebody else could have put path there, or could exchange it. */
static const char *pmi_foreign(const struct pmi *p, const char *path)
{
	for (const char *end = path; *end != '\0';) {
		struct stat st;

		end += 1 + strcspn(end + 1, "/");
		const char *part = arena_strndup(p->a, path, (size_t)(end - path));
		autoclose int fd = path_open_nofollow(p->h->root, part, O_PATH | O_CLOEXEC, NULL);
		if (fd < 0 || fstat(fd, &st) < 0)
			return arena_printf(p->a, "'%s' is not there", part);
		if (!pmi_trusts(p, st.st_uid))
			return arena_printf(p->a, "'%s' belongs to user %u", part, st.st_uid);
		if (!S_ISLNK(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
		    (st.st_mode & S_ISVTX) == 0)
			return arena_printf(p->a, "'%s' may be written by others", part);
	}
	return NULL;
}

static bool pmi_has_mount(const struct pmi *p, const char *path)
{
	for (size_t i = 0; i < p->ed->mount.n; i++) {
		const struct graft_edit_mount *m = &p->ed->mount.v[i];
		size_t n = strlen(m->target);
		if (m->job && strncmp(path, m->target, n) == 0 &&
		    (path[n] == '/' || path[n] == '\0'))
			return true;
	}
	return false;
}

static int pmi_folder(struct pmi *p, const char *variable)
{
	const char *value = pmi_value(p, variable);
	struct stat st;

	if (value == NULL || value[0] == '\0')
		return 0;
	size_t n = strlen(value);
	while (n > 1 && value[n - 1] == '/')
		n--;
	const char *path = arena_strndup(p->a, value, n);
	autoclose int fd =
		path[0] == '/' ? path_open(p->h->root, path, O_PATH | O_DIRECTORY | O_CLOEXEC, NULL)
			       : -ENOENT;
	if (fd < 0 || fstat(fd, &st) < 0) {
		graft_note_add(&p->ed->note, p->a, GRAFT_PMI, "PMI",
			       "%s=%.200s is no folder of this node; the PMIx server can't be "
			       "reached through it",
			       variable, value);
		return 0;
	}
	if (pmi_has_mount(p, path))
		return 0;
	const char *foreign = pmi_foreign(p, path);
	/* a server's folder is nobody's but its user's; this is also what keeps "/etc" out */
	if (foreign == NULL && (st.st_mode & S_IRWXO) != 0)
		foreign = arena_printf(p->a, "'%s' is open to everybody (mode %04o)", path,
				       (unsigned int)st.st_mode & 07777);
	if (foreign != NULL)
		return graft_refuse(p->e, EPERM, GRAFT_PMI, "POLICY",
				    "%s of the runtime's environment: %s; it is not mounted into "
				    "containers",
				    variable, foreign);
	*ARENA_PUSH(p->a, &p->ed->mount) = (struct graft_edit_mount){
		.domain = GRAFT_PMI,
		.source = path,
		.target = path,
		.job = true,
		.why = arena_printf(p->a, "%s of the job", variable),
	};
	return 0;
}

static void pmi_munge(struct pmi *p)
{
	struct stat st;
	autoclose int fd = path_open(p->h->root, PMI_MUNGE, O_PATH | O_CLOEXEC, NULL);

	if (p->ed->pmi != GRAFT_PMI_SLURM)
		return;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		graft_note_add(&p->ed->note, p->a, GRAFT_PMI, "PMI",
			       "%s is not on this node; what speaks to Slurm itself won't work in "
			       "the container",
			       PMI_MUNGE);
		return;
	}
	*ARENA_PUSH(p->a, &p->ed->mount) = (struct graft_edit_mount){
		.domain = GRAFT_PMI,
		.source = PMI_MUNGE,
		.target = PMI_MUNGE,
		.optional = true,
		.why = "Slurm's authentication",
	};
}

int graft_pmi(const struct host *h, char *const *env, uid_t user, struct arena *a,
	      struct graft_edits *ed, struct err *e)
{
	static const char *const folders[] = {"PMIX_SERVER_TMPDIR", "PMIX_DSTORE_ESH_BASE_PATH",
					      "PMIX_DSTORE_21_BASE_PATH", "PALS_SPOOL_DIR"};
	struct pmi p = {h, env, user, a, ed, e};
	int r = 0;

	if (ed->pmi == GRAFT_PMI_OFF || h->captured)
		return 0;
	pmi_variables(&p);
	pmi_missing(&p);
	pmi_socket(&p);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(folders); i++)
		r = pmi_folder(&p, folders[i]);
	if (r == 0)
		pmi_munge(&p);
	return r;
}
