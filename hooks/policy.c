/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "hooks/tree.h"
#include "hooks/trust.h"
#include "hooks/values.h"
#include "host/host.h"
#include "libocispec/json.h"
#include "sys/path.h"

/* the order of these is their meaning */
/* clang-format off */
#define OJ_AS_STRUCTS
#include "libocispec/json_expand.h"
#include "hooks/policy.def"
#define OJ_AS_TABLES
#define OJ_ALLOW_UNKNOWN false
#include "libocispec/json_expand.h"
#include "hooks/policy.def"
/* clang-format on */

#define POLICY_FILE_MAX ((size_t)1 << 20)

struct policy_reader {
	const struct host *h;
	struct arena *a;
	struct graft_policy *out;
	struct err *e;
	bool scan;   /* nothing is parsed: it is only asked whether */
	bool always; /* ... a file may have that member */
};

static int policy_open(const struct policy_reader *q, int at, const char *name, int flags,
		       const char *path, struct stat *st)
{
	int fd = openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT
			       ? -ENOENT
			       : graft_refuse(q->e, EPERM, GRAFT_DOMAINS, "POLICY", "%s: %s", path,
					      errno == ELOOP ? "is a link" : err_name(errno));
	int r = fstat(fd, st) < 0 ? err_sys(q->e, errno, "%s", path)
				  : trust_check_stat(q->h, st, path, q->e);
	if (r < 0)
		fd_done(&fd);
	return r < 0 ? r : fd;
}

/* ---- one file's words into the policy ---- */

static int policy_bad(const struct policy_reader *q, const char *path, const char *field,
		      const char *what, const char *value)
{
	return graft_refuse(q->e, EINVAL, GRAFT_DOMAINS, "POLICY", "%s: %s: %s '%.60s'", path,
			    field, what, value);
}

static void policy_append(struct arena *a, const char ***list, size_t *n, const char **more,
			  size_t n_more)
{
	const char **v = arena_array(a, *n + n_more, sizeof(*v));

	if (more == NULL)
		return;
	if (*n > 0)
		memcpy(v, *list, *n * sizeof(*v));
	if (n_more > 0)
		memcpy(v + *n, more, n_more * sizeof(*v));
	*list = v;
	*n += n_more;
}

static int policy_enable(struct policy_reader *q, const struct policy_doc *d, const char *path)
{
	for (size_t i = 0; i < d->n_enable; i++) {
		int domain = graft_domain_find(d->enable[i], strlen(d->enable[i]));
		if (strcmp(d->enable[i], "memlock") == 0)
			continue; /* bounded by memlockMax */
		if (domain < 0)
			return policy_bad(q, path, "enable", "there is no graft", d->enable[i]);
		q->out->enable |= GRAFT_BIT(domain);
	}
	return 0;
}

static int policy_curtain(struct policy_reader *q, const struct policy_doc *d, const char *path)
{
	for (size_t i = 0; i < d->n_curtain; i++) {
		int domain = graft_domain_find(d->curtain[i], strlen(d->curtain[i]));
		if (domain != GRAFT_GPU && domain != GRAFT_RDMA)
			return policy_bad(q, path, "curtain", "is there for gpu and rdma, not for",
					  d->curtain[i]);
		q->out->curtain |= GRAFT_BIT(domain);
	}
	return 0;
}

static int policy_devices(struct policy_reader *q, const struct policy_doc *d, const char *path)
{
	for (size_t i = 0; i < d->n_devices; i++) {
		const struct policy_doc_rule *rule = &d->devices[i];
		int domain = graft_domain_find(rule->key, strlen(rule->key));
		if (domain < 0)
			return policy_bad(q, path, "devices", "there is no graft", rule->key);
		struct graft_rule *to = &q->out->rule[domain];
		policy_append(q->a, &to->allow, &to->n_allow, rule->allow, rule->n_allow);
		policy_append(q->a, &to->deny, &to->n_deny, rule->deny, rule->n_deny);
	}
	return 0;
}

static int policy_values(struct policy_reader *q, const struct policy_doc *d, const char *path)
{
	static const enum graft_env env[] = {
		[POLICY_ENV_IGNORE] = GRAFT_ENV_IGNORE,
		[POLICY_ENV_RESTRICT] = GRAFT_ENV_RESTRICT,
		[POLICY_ENV_ACCEPT] = GRAFT_ENV_ACCEPT,
	};

	if (d->env != POLICY_ENV_NONE)
		q->out->env = env[d->env];
	if (d->capabilities != NULL)
		q->out->caps = 0;
	for (size_t i = 0; i < d->n_capabilities; i++) {
		unsigned int cap = values_cap(d->capabilities[i], strlen(d->capabilities[i]));
		if (cap == 0)
			return policy_bad(q, path, "capabilities", "there is no capability",
					  d->capabilities[i]);
		q->out->caps |= cap;
	}
	if (d->memlock_max != NULL && values_bytes(d->memlock_max, &q->out->memlock_max) < 0)
		return policy_bad(q, path, "memlockMax",
				  "must be a number of bytes or 'unlimited', got", d->memlock_max);
	if (d->power != NULL && d->power->mad.set)
		q->out->mad = d->power->mad.v;
	if (d->power != NULL && d->power->uvm_tools.set)
		q->out->uvm_tools = d->power->uvm_tools.v;
	if (d->power != NULL && d->power->sockets.set)
		q->out->sockets = d->power->sockets.v;
	return 0;
}

static int policy_records(struct policy_reader *q, const struct policy_doc *d, const char *path)
{
	for (size_t i = 0; i < d->n_records; i++)
		if (d->records[i][0] != '/' || !values_path_is_plain(d->records[i]))
			return policy_bad(q, path, "recordFolders",
					  "must be absolute, without '.' and '..', got",
					  d->records[i]);
	policy_append(q->a, &q->out->record, &q->out->n_record, d->records, d->n_records);
	return 0;
}

static void policy_lists(struct policy_reader *q, const struct policy_doc *d)
{
	struct graft_policy *p = q->out;

	if (d->rdma_default != NULL) {
		p->limit = arena_array(q->a, d->n_rdma_default, sizeof(*p->limit));
		p->n_limit = d->n_rdma_default;
		for (size_t i = 0; i < p->n_limit; i++)
			p->limit[i] = (struct graft_limit){d->rdma_default[i].key,
							   d->rdma_default[i].handles,
							   d->rdma_default[i].objects};
	}
	if (d->always != NULL) {
		p->always = d->always;
		p->n_always = d->n_always;
	}
	if (d->n_profiles == 0)
		return;
	struct graft_profile *v =
		arena_array(q->a, p->n_profile + d->n_profiles, sizeof(*p->profile));
	/* the later file's profile is found first */
	for (size_t i = 0; i < d->n_profiles; i++)
		v[i] = (struct graft_profile){d->profiles[i].key, d->profiles[i].graft,
					      d->profiles[i].n_graft, d->profiles[i].env,
					      d->profiles[i].n_env};
	if (p->n_profile > 0)
		memcpy(v + d->n_profiles, p->profile, p->n_profile * sizeof(*v));
	p->profile = v;
	p->n_profile += d->n_profiles;
}

/* What is mounted has to be named in full: nothing is searched. */
static const char *policy_relative(const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i][0] != '/')
			return v[i];
	return NULL;
}

static int policy_mpi(struct policy_reader *q, const struct policy_doc_mpi *d, const char *path)
{
	struct graft_policy *p = q->out;
	size_t n = d != NULL ? d->n_profiles : 0;
	struct graft_mpi_profile *v = arena_array(q->a, p->n_mpi + n, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		const struct policy_doc_mpi_profile *m = &d->profiles[i];
		const char *bad = policy_relative(m->libs, m->n_libs);

		bad = bad != NULL ? bad : policy_relative(m->deps, m->n_deps);
		bad = bad != NULL ? bad : policy_relative(m->binds, m->n_binds);
		if (bad != NULL)
			return policy_bad(q, path, arena_printf(q->a, "mpi.profiles.%s", m->key),
					  "must be an absolute path, got", bad);
		v[i] = (struct graft_mpi_profile){
			.name = m->key,
			.kind = m->kind == POLICY_MPI_OFI   ? GRAFT_MPI_OFI
				: m->kind == POLICY_MPI_UCX ? GRAFT_MPI_UCX
							    : GRAFT_MPI_LIBRARIES,
			.libs = m->libs,
			.n_libs = m->n_libs,
			.as = m->as,
			.n_as = m->n_as,
			.deps = m->deps,
			.n_deps = m->n_deps,
			.force = m->force.v,
			.binds = m->binds,
			.n_binds = m->n_binds,
			.env = m->env,
			.n_env = m->n_env,
		};
	}
	/* the later file's profile is found first */
	if (p->n_mpi > 0)
		memcpy(v + n, p->mpi, p->n_mpi * sizeof(*v));
	p->mpi = v;
	p->n_mpi += n;
	return 0;
}

static void policy_cdi(struct policy_reader *q, const struct policy_doc_cdi *d)
{
	struct graft_policy_cdi *to = &q->out->cdi;

	if (d == NULL)
		return;
	if (d->resolve != POLICY_RESOLVE_NONE)
		to->resolve = d->resolve == POLICY_RESOLVE_ON;
	if (d->dirs != NULL) {
		to->dirs = d->dirs;
		to->n_dirs = d->n_dirs;
	}
	if (d->hooks.set)
		to->hooks = d->hooks.v;
	policy_append(q->a, &to->rule.allow, &to->rule.n_allow, d->allow, d->n_allow);
	policy_append(q->a, &to->rule.deny, &to->rule.n_deny, d->deny, d->n_deny);
}

static int policy_parse(struct policy_reader *q, const char *text, size_t len, const char *path)
{
	struct err why = {0};
	void *doc;
	int r = oj_parse(&policy_doc_object, text, len, q->a, &doc, &why);

	if (r < 0)
		return graft_refuse(q->e, EINVAL, GRAFT_DOMAINS, "POLICY", "%s: %s", path,
				    why.text);
	const struct policy_doc *d = doc;
	if (d->version.v != 1)
		return graft_refuse(q->e, EINVAL, GRAFT_DOMAINS, "POLICY",
				    "%s: version: this greffon knows version 1", path);
	r = policy_enable(q, d, path);
	if (r == 0)
		r = policy_devices(q, d, path);
	if (r == 0)
		r = policy_curtain(q, d, path);
	if (r == 0)
		r = policy_values(q, d, path);
	if (r == 0)
		r = policy_records(q, d, path);
	if (r == 0)
		r = policy_mpi(q, d->mpi, path);
	if (r < 0)
		return r;
	policy_lists(q, d);
	policy_cdi(q, d->cdi);
	q->out->source = path;
	return 0;
}

/* Whether a text could have a member `always`; one in escapes counts as one. */
static bool policy_may_say_always(const char *text, size_t len)
{
	return memmem(text, len, "always", 6) != NULL || memchr(text, '\\', len) != NULL;
}

/* -ENOENT: there is none. */
static int policy_file(struct policy_reader *q, int dir, const char *name, const char *path)
{
	struct stat st;
	autoclose int fd = policy_open(q, dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, path, &st);
	char *text;
	size_t len;

	if (fd < 0)
		return fd;
	if (!S_ISREG(st.st_mode))
		return graft_refuse(q->e, EPERM, GRAFT_DOMAINS, "POLICY",
				    "%s: is not a regular file", path);
	int r = io_read_sized(fd, st.st_size, POLICY_FILE_MAX, q->a, &text, &len);
	if (r < 0)
		return graft_refuse(q->e, EINVAL, GRAFT_DOMAINS, "POLICY", "%s: %s", path,
				    r == -EFBIG ? "is larger than 1 MiB" : err_name(-r));
	if (q->scan) {
		q->always = q->always || policy_may_say_always(text, len);
		return 0;
	}
	return policy_parse(q, text, len, path);
}

static int policy_folder(struct policy_reader *q, int etc)
{
	struct stat st;
	autoclose int dir =
		policy_open(q, etc, "graft.d", O_RDONLY | O_DIRECTORY, "/etc/greffon/graft.d", &st);

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	struct tree t = {.root = q->h->root, .a = q->a};
	struct tree_list names = tree_list(&t, "etc/greffon/graft.d");
	for (size_t i = 0; i < names.n; i++) {
		size_t n = strlen(names.v[i]);
		if (n < 6 || strcmp(names.v[i] + n - 5, ".json") != 0)
			continue;
		int r = policy_file(q, dir, names.v[i],
				    arena_printf(q->a, "/etc/greffon/graft.d/%s", names.v[i]));
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

static void policy_defaults(struct graft_policy *p)
{
	/* where the CDI specification has them; the later wins */
	static const char *dirs[] = {"/etc/cdi", "/var/run/cdi"};

	*p = (struct graft_policy){
		.source = "no policy file",
		.env = GRAFT_ENV_RESTRICT,
		.caps = GRAFT_CAP_COMPUTE | GRAFT_CAP_UTILITY | GRAFT_CAP_VIDEO | GRAFT_CAP_NGX |
			GRAFT_CAP_COMPAT32,
		.cdi = {.dirs = dirs, .n_dirs = ARRAY_LEN(dirs)},
	};
}

static int policy_etc(const struct host *h, struct err *e)
{
	struct stat st;
	int why = fstatat(h->root, "etc", &st, AT_SYMLINK_NOFOLLOW) < 0 ? errno
		  : S_ISDIR(st.st_mode)					? 0
									: ENOTDIR;

	return why == 0
		       ? trust_check_stat(h, &st, "/etc", e)
		       : graft_refuse(e, EPERM, GRAFT_DOMAINS, "POLICY", "/etc: %s", err_name(why));
}

/* -ENOENT is none of its errors. */
static int policy_files(struct policy_reader *q)
{
	/* the one call that a node without grafts pays */
	autoclose int dir =
		openat(q->h->root, "etc/greffon", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 && errno == ENOENT)
		return 0;
	if (dir < 0)
		return graft_refuse(q->e, EPERM, GRAFT_DOMAINS, "POLICY", "/etc/greffon: %s",
				    err_name(errno));
	int r = policy_etc(q->h, q->e);
	if (r == 0)
		r = trust_check(q->h, dir, "/etc/greffon", q->e);
	if (r == 0)
		r = policy_file(q, dir, "graft.json", "/etc/greffon/graft.json");
	return r == 0 || r == -ENOENT ? policy_folder(q, dir) : r;
}

int graft_policy_load(const struct host *h, struct arena *a, struct graft_policy *out,
		      struct err *e)
{
	struct policy_reader q = {.h = h, .a = a, .out = out, .e = e};

	policy_defaults(out);
	out->record_any = !host_is_privileged(h);
	int r = policy_files(&q);
	if (r < 0)
		return r;
	/* who is not the node's root can't grant what the node does not give him anyway */
	if (strcmp(out->source, "no policy file") == 0 && (h->euid != 0 || h->in_userns)) {
		out->enable = (1U << GRAFT_DOMAINS) - 1;
		out->memlock_max = UINT64_MAX;
		out->mad = out->uvm_tools = out->sockets = true;
	}
	return 0;
}

int graft_policy_always(const struct host *h, struct arena *a, struct err *e)
{
	struct policy_reader q = {.h = h, .a = a, .e = e, .scan = true};
	int r = policy_files(&q);

	return r < 0 ? r : q.always;
}
