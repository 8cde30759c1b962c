/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/container.h"
#include "apply/criu.h"
#include "apply/criu_image.h"
#include "base/io.h"
#include "base/log.h"
#include "libocispec/oci.h"

#define CHECKPOINT_MOUNTINFO_MAX ((size_t)16 << 20)

struct checkpoint {
	const struct record *rec;
	const struct criu_options *o;
	struct arena a;
	struct criu_request r;
	char *mountinfo;		 /* the container's */
	struct criu_strings descriptors; /* of init's standard descriptors */
	struct plan p;			 /* namespaces only */
	int status_fd;
};

static int checkpoint_read(struct checkpoint *c, const char *file, char **out, struct err *e)
{
	int r = io_read_file(AT_FDCWD, file, CHECKPOINT_MOUNTINFO_MAX, &c->a, out, NULL);

	return r < 0 ? err_sys(e, -r, "%s", file) : 0;
}

static const char *checkpoint_proc(struct checkpoint *c, const char *name)
{
	return arena_printf(&c->a, "/proc/%d/%s", (int)c->rec->pid, name);
}

static int checkpoint_config(struct checkpoint *c, const struct store_entry *en, struct err *e)
{
	__attribute__((cleanup(host_done))) struct host h = {.root = FD_NONE};
	struct oci_config *config;
	const char *text;
	size_t len;
	int r = store_load_config(en, &c->a, &text, &len, e);

	if (r == 0)
		r = oci_config_parse(text, len, &c->a, &config, e);
	if (r == 0)
		r = host_open(&h, "/", &c->a, e);
	if (r < 0)
		return r;
	struct plan_input in = {.config = config, .host = &h};
	c->p.arena = &c->a;
	return plan_ns_build(&c->p, &in, e);
}

/* criu leaves these alone and expects them to be given on restore (3.11, 3.15). */
static int checkpoint_namespaces(struct checkpoint *c, struct err *e)
{
	static const struct {
		int type;
		const char *file, *name, *key;
	} kinds[] = {
		{CLONE_NEWNET, "ns/net", "net", "extRootNetNS"},
		{CLONE_NEWPID, "ns/pid", "pid", "extRootPidNS"},
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct stat st;

		if ((c->p.ns.joined & kinds[i].type) == 0)
			continue;
		if (stat(checkpoint_proc(c, kinds[i].file), &st) < 0)
			return err_sys(e, errno, "%s", checkpoint_proc(c, kinds[i].file));
		*ARENA_PUSH(&c->a, &c->r.external) =
			arena_printf(&c->a, "%s[%llu]:%s", kinds[i].name,
				     (unsigned long long)st.st_ino, kinds[i].key);
	}
	return 0;
}

/* Of a file that no mount of the container shows (the caller's standard output): its name for criu,
 * which has to be told of it. */
static const char *checkpoint_outside(struct checkpoint *c, int fd)
{
	const char *info = checkpoint_proc(c, arena_printf(&c->a, "fdinfo/%d", fd));
	const char *self = checkpoint_proc(c, arena_printf(&c->a, "fd/%d", fd));
	unsigned long long id;
	struct stat st;
	char *text;

	if (checkpoint_read(c, info, &text, NULL) < 0 || stat(self, &st) < 0)
		return NULL;
	const char *at = strstr(text, "mnt_id:");
	if (at == NULL || sscanf(at, "mnt_id: %llu", &id) != 1 || criu_has_mount(c->mountinfo, id))
		return NULL;
	return arena_printf(&c->a, "file[%llx:%llx]", id, (unsigned long long)st.st_ino);
}

static int checkpoint_descriptors(struct checkpoint *c, struct err *e)
{
	for (int fd = 0; fd < 3; fd++) {
		char name[PATH_MAX];
		ssize_t n = readlink(checkpoint_proc(c, arena_printf(&c->a, "fd/%d", fd)), name,
				     sizeof(name) - 1);
		const char *outside = NULL;

		if (n < 0 && errno != ENOENT)
			return err_sys(e, errno, "descriptor %d of process %d", fd,
				       (int)c->rec->pid);
		name[n < 0 ? 0 : n] = '\0';
		if (name[0] == '/')
			outside = checkpoint_outside(c, fd);
		if (outside != NULL)
			*ARENA_PUSH(&c->a, &c->r.external) = outside;
		*ARENA_PUSH(&c->a, &c->descriptors) =
			outside != NULL ? outside : arena_strdup(&c->a, name);
	}
	return 0;
}

/* Only a cgroup of the container's own: in another one others would be frozen with it. */
static const char *checkpoint_freezer(const struct record *rec)
{
	for (size_t i = 0; i < rec->n_cgroup; i++) {
		const struct record_cgroup *g = &rec->cgroup[i];

		if ((g->created || rec->scope != NULL) &&
		    (strcmp(g->controllers, "freezer") == 0 || (g->v2 && rec->n_cgroup == 1)))
			return g->path;
	}
	return NULL;
}

static int checkpoint_plan(struct checkpoint *c, const struct store_entry *en, struct err *e)
{
	char *container, *host;
	int r = checkpoint_config(c, en, e);

	if (r == 0)
		r = checkpoint_read(c, checkpoint_proc(c, "mountinfo"), &c->mountinfo, e);
	if (r == 0)
		r = checkpoint_read(c, "/proc/self/mountinfo", &host, e);
	if (r < 0)
		return r;
	container = arena_strdup(&c->a, c->mountinfo);
	criu_external_mounts(container, host, plan_has_ns(&c->p, CLONE_NEWCGROUP), &c->a,
			     &c->r.external);
	r = checkpoint_namespaces(c, e);
	return r < 0 ? r : checkpoint_descriptors(c, e);
}

/* The one waiting for lazy pages may connect now. */
static int checkpoint_notified(void *context, const struct criu_answer *a, int fd, struct err *e)
{
	struct checkpoint *c = context;

	(void)fd;
	if (c->o->status_fd < 0 || strcmp(a->script, "status-ready") != 0)
		return 0;
	if (write(c->o->status_fd, "", 1) != 1)
		return err_sys(e, errno, "--status-fd");
	(void)close(c->o->status_fd); /* its other end waits for the end of file */
	return 0;
}

static int checkpoint_dump(struct checkpoint *c, struct err *e)
{
	struct criu_handlers h = {.notified = checkpoint_notified, .context = c};
	struct criu_answer answer = {0};
	struct timespec start;
	const char *program;
	int r = criu_find(c->o->program, &c->a, &program, e);

	if (r == 0)
		r = criu_check(program, &c->a, e);
	if (r < 0)
		return r;
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &start);
	if (plan_has_ns(&c->p, CLONE_NEWUSER))
		r = criu_image_admit(c->o->image, e);
	if (r == 0 && !c->o->pre_dump)
		r = criu_image_write(c->o->image, &c->descriptors, &c->a, e);
	if (r == 0)
		r = criu_run(program, &c->r, &h, &c->a, &answer, e);
	if (r < 0)
		criu_image_discard(c->o->image, &start);
	return r;
}

static void checkpoint_done(struct checkpoint *c)
{
	arena_done(&c->a);
}

int container_checkpoint(struct store_entry *en, const struct record *rec,
			 const struct criu_options *o, struct err *e)
{
	__attribute__((cleanup(checkpoint_done))) struct checkpoint c = {.rec = rec, .o = o};

	c.r = (struct criu_request){
		.type = o->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP,
		.o = o,
		.log = "dump.log",
		.pid = rec->pid,
		.root = rec->rootfs,
		.freezer = checkpoint_freezer(rec),
		.config = criu_config_file(rec->annotation, rec->n_annotation),
	};
	int r = checkpoint_plan(&c, en, e);
	if (r == 0)
		r = checkpoint_dump(&c, e);
	if (r < 0 || o->pre_dump || o->leave_running)
		return r;
	/* criu has killed it; what belonged to it goes as it goes with delete */
	store_unlock(en);
	return container_delete(en->store, rec->id, CONTAINER_DELETE_FORCE, e);
}
