/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>

#include "apply/seal.h"
#include "base/io.h"
#include "base/log.h"
#include "cgroup/update.h"
#include "cmd/target.h"
#include "cmd/update_graft.h"
#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/graft.h"

#define UPDATE_MAX_TEXT (1024 * 1024)

struct update_options {
	const char *resources;
	const char *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_share, *cpu_rt_period,
		*cpu_rt_runtime, *cpuset_cpus, *cpuset_mems, *cpu_idle, *memory,
		*memory_reservation, *memory_swap, *pids_limit;
	const char *l3_cache_schema, *mem_bw_schema;
	struct cmd_list graft, ungraft;
};

#define UPDATE_OPTION(name, letter, member, value, help)                                           \
	{                                                                                          \
		name, letter, CMD_STRING, offsetof(struct update_options, member), value, help     \
	}

static const struct cmd_option update_options[] = {
	UPDATE_OPTION(
		"resources", 'r', resources, "FILE",
		"JSON of linux.resources, - for standard input; the other options are ignored"),
	UPDATE_OPTION("blkio-weight", 0, blkio_weight, "WEIGHT", "share of block I/O, 10 to 1000"),
	UPDATE_OPTION("cpu-period", 0, cpu_period, "US", "CPU time period, in microseconds"),
	UPDATE_OPTION("cpu-quota", 0, cpu_quota, "US", "CPU time within a period, -1 for no limit"),
	UPDATE_OPTION("cpu-burst", 0, cpu_burst, "US", "unused CPU time that may be spent later"),
	UPDATE_OPTION("cpu-share", 0, cpu_share, "SHARES",
		      "share of CPU time against other containers"),
	UPDATE_OPTION("cpu-rt-period", 0, cpu_rt_period, "US",
		      "period of realtime scheduling (cgroup v1)"),
	UPDATE_OPTION("cpu-rt-runtime", 0, cpu_rt_runtime, "US",
		      "realtime time within a period (cgroup v1)"),
	UPDATE_OPTION("cpuset-cpus", 0, cpuset_cpus, "LIST", "CPUs to use, such as 0-3,8"),
	UPDATE_OPTION("cpuset-mems", 0, cpuset_mems, "LIST", "memory nodes to use"),
	UPDATE_OPTION("cpu-idle", 0, cpu_idle, "0|1", "run only where a CPU would be idle"),
	UPDATE_OPTION("memory", 0, memory, "BYTES", "memory limit, with k, m, g or t; -1 for none"),
	UPDATE_OPTION("memory-reservation", 0, memory_reservation, "BYTES",
		      "memory kept when it is short"),
	UPDATE_OPTION("memory-swap", 0, memory_swap, "BYTES",
		      "limit of memory and swap together, -1 for none"),
	UPDATE_OPTION("pids-limit", 0, pids_limit, "N", "number of tasks, -1 for no limit"),
	UPDATE_OPTION("l3-cache-schema", 0, l3_cache_schema, "SCHEMA", "L3 cache of Intel RDT"),
	UPDATE_OPTION("mem-bw-schema", 0, mem_bw_schema, "SCHEMA", "memory bandwidth of Intel RDT"),
	{"graft", 0, CMD_LIST, offsetof(struct update_options, graft), "KEY=VALUE",
	 "graft devices such as gpu=0 into the running container"},
	{"ungraft", 0, CMD_LIST, offsetof(struct update_options, ungraft), "KEY[=VALUE]",
	 "take what was grafted out of it again"},
	{"kernel-memory", 0, CMD_IGNORED_VALUE, 0, "BYTES",
	 "ignored: kernels have no such limit any more"},
	{"kernel-memory-tcp", 0, CMD_IGNORED_VALUE, 0, "BYTES",
	 "ignored: kernels have no such limit any more"},
	{0},
};

static bool update_given(const char *s)
{
	return s != NULL && s[0] != '\0';
}

static int update_i64(const char *name, const char *s, int64_t min, struct opt_i64 *out,
		      struct err *e)
{
	if (!update_given(s))
		return 0;
	int r = num_i64(s, min, INT64_MAX, &out->v);
	if (r < 0)
		return err_set(e, -r, "--%s: must be a whole number from %lld, got '%.100s'", name,
			       (long long)min, s);
	out->set = true;
	return 0;
}

static int update_u64(const char *name, const char *s, struct opt_u64 *out, struct err *e)
{
	if (!update_given(s))
		return 0;
	int r = num_u64(s, UINT64_MAX, &out->v);
	if (r < 0)
		return err_set(e, -r, "--%s: must be a whole number not below 0, got '%.100s'",
			       name, s);
	out->set = true;
	return 0;
}

/* What the letters after a size mean: "", "b", "k", "KiB", "GB", ...; powers of 1024. 0: nothing.
 */
static int64_t update_unit(const char *s)
{
	static const char letters[] = "bkmgtp";
	/* the bit that makes an ASCII letter lower case */
	const char *at = *s != '\0' ? strchr(letters, *s | 0x20) : letters;
	int64_t factor = 1;

	if (at == NULL || *at == '\0')
		return 0;
	if (*s != '\0' && s[1] != '\0' && strcmp(s + 1, "b") != 0 && strcmp(s + 1, "B") != 0 &&
	    strcmp(s + 1, "iB") != 0)
		return 0;
	for (const char *l = letters; l < at; l++)
		factor *= 1024;
	return factor;
}

/* A size with or without a unit, or -1 for no limit. */
static int update_bytes(struct arena *a, const char *name, const char *s, struct opt_i64 *out,
			struct err *e)
{
	int64_t value;

	if (!update_given(s))
		return 0;
	size_t digits = strspn(s, "-0123456789");
	int64_t factor = update_unit(s + digits);
	if (factor == 0 || num_i64(arena_strndup(a, s, digits), -1, INT64_MAX, &value) < 0 ||
	    (value == -1 && s[digits] != '\0') || __builtin_mul_overflow(value, factor, &value))
		return err_set(e, EINVAL,
			       "--%s: must be a size such as 512m or 2g, or -1, got '%.100s'", name,
			       s);
	*out = (struct opt_i64){true, value};
	return 0;
}

static int update_cpu(const struct update_options *o, struct arena *a, struct oci_cpu *c,
		      struct err *e)
{
	int r = update_u64("cpu-share", o->cpu_share, &c->shares, e);

	if (r == 0)
		r = update_u64("cpu-period", o->cpu_period, &c->period, e);
	if (r == 0)
		r = update_i64("cpu-quota", o->cpu_quota, -1, &c->quota, e);
	if (r == 0)
		r = update_u64("cpu-burst", o->cpu_burst, &c->burst, e);
	if (r == 0)
		r = update_u64("cpu-rt-period", o->cpu_rt_period, &c->realtime_period, e);
	if (r == 0)
		r = update_i64("cpu-rt-runtime", o->cpu_rt_runtime, -1, &c->realtime_runtime, e);
	if (r == 0)
		r = update_i64("cpu-idle", o->cpu_idle, 0, &c->idle, e);
	c->cpus = arena_strdup(a, o->cpuset_cpus);
	c->mems = arena_strdup(a, o->cpuset_mems);
	return r;
}

static int update_memory(const struct update_options *o, struct arena *a, struct oci_memory *m,
			 struct err *e)
{
	int r = update_bytes(a, "memory", o->memory, &m->limit, e);

	if (r == 0)
		r = update_bytes(a, "memory-reservation", o->memory_reservation, &m->reservation,
				 e);
	if (r == 0)
		r = update_bytes(a, "memory-swap", o->memory_swap, &m->swap, e);
	return r;
}

static int update_from_options(const struct update_options *o, struct arena *a,
			       struct oci_resources **out, struct err *e)
{
	struct oci_resources *res = arena_new(a, struct oci_resources);

	res->cpu = arena_new(a, struct oci_cpu);
	res->memory = arena_new(a, struct oci_memory);
	res->pids = arena_new(a, struct oci_pids);
	res->block_io = arena_new(a, struct oci_block_io);
	int r = update_cpu(o, a, res->cpu, e);
	if (r == 0)
		r = update_memory(o, a, res->memory, e);
	if (r == 0)
		r = update_i64("pids-limit", o->pids_limit, -1, &res->pids->limit, e);
	if (r == 0)
		r = update_u64("blkio-weight", o->blkio_weight, &res->block_io->weight, e);
	*out = res;
	return r;
}

static int update_from_file(const char *name, struct arena *a, struct oci_resources **out,
			    struct err *e)
{
	char *text;
	size_t len;
	int r = strcmp(name, "-") == 0 ? io_read_all(STDIN_FILENO, UPDATE_MAX_TEXT, a, &text, &len)
				       : io_read_given(name, UPDATE_MAX_TEXT, a, &text, &len);

	if (r < 0)
		return err_sys(e, -r, "--resources: '%.300s'", name);
	r = oci_resources_parse(text, len, a, out, e);
	return r < 0 ? err_at(e, "--resources") : 0;
}

/* The settings of the resources for this node, as at creation. */
static int update_plan(const struct target *t, struct oci_resources *res, struct plan *p,
		       struct arena *a, struct err *e)
{
	__attribute__((cleanup(host_done))) struct host h = {.root = FD_NONE};
	struct oci_linux l = {.resources = res,
			      .cgroups_path =
				      "/update"}; /* the directories are those of the record */
	struct oci_config config = {.linux = &l};
	/* the files of a unit's cgroup are the same; its properties come from them */
	struct plan_options options = {.id = t->record->id, .manager = CGROUP_FS};
	struct plan_input in = {.config = &config, .host = &h, .options = &options};
	int r = host_open(&h, "/", a, e);

	*p = (struct plan){.arena = a, .id = t->record->id};
	if (r == 0)
		r = plan_cgroup_build(p, &in, e);
	/* new rules know nothing of what was grafted beside the old ones */
	if (r == 0 && t->record->graft != NULL)
		plan_graft_rules(p, t->record->graft);
	if (r == 0 && t->record->manager == CGROUP_SYSTEMD)
		plan_unit_update(p);
	return r;
}

/* The schemata of the container's own group of resctrl. */
static int update_rdt(struct target *t, const struct update_options *o, struct err *e)
{
	const struct {
		const char *name, *line;
	} given[] = {{"l3-cache-schema", o->l3_cache_schema}, {"mem-bw-schema", o->mem_bw_schema}};
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		if (!update_given(given[i].line))
			continue;
		int r = strchr(given[i].line, '\n') != NULL ? err_set(e, EINVAL, "must be one line")
							    : 0;
		if (r == 0 && t->rdt.dir < 0)
			r = rdt_open(root, &t->rdt, e);
		if (r == 0)
			r = rdt_update(&t->rdt, &given[i].line, 1, e);
		if (r < 0)
			return err_at(e, "--%s", given[i].name);
	}
	return 0;
}

/* The container as every update needs it. */
static int update_open(struct target *t, const struct cmd_global *g, const char *id, struct err *e)
{
	int r = target_open(t, g, id, STORE_LOCK, e);

	if (r < 0)
		return r;
	if (t->status == STATUS_STOPPED || t->status == STATUS_CREATING)
		return err_set(e, ESRCH,
			       "cannot update a container that is %s: container not running",
			       status_name(t->status));
	if (t->cgroup.n == 0)
		return err_set(e, ENOENT, "cannot update: the container has no cgroup of its own");
	return 0;
}

/* One call is done or not done: what would need two undos is two calls. */
static int update_grafts(const struct cmd_global *g, const struct update_options *o, const char *id,
			 struct err *e)
{
	autotarget struct target t = TARGET_EMPTY;
	struct update_options limits = *o;

	limits.graft = limits.ungraft = (struct cmd_list){0};
	for (size_t i = 0; i < sizeof(limits); i++)
		if (((const char *)&limits)[i] != 0)
			return err_set(e, EINVAL,
				       "--graft and --ungraft can't be given with limits: call "
				       "update twice");
	if (o->graft.n > 0 && o->ungraft.n > 0)
		return err_set(e, EINVAL,
			       "--graft and --ungraft can't be given together: call update twice");
	int r = seal_self(g->argv, g->envp, e); /* it enters the container */
	if (r == 0)
		r = update_open(&t, g, id, e);
	return r < 0 ? r : update_graft(g, &t, &o->graft, &o->ungraft, e);
}

static int update_run(const struct cmd_global *g, const void *options, int n, char **operands,
		      struct err *e)
{
	const struct update_options *o = options;
	autotarget struct target t = TARGET_EMPTY;
	struct oci_resources *res = NULL;
	struct plan p;

	(void)n;
	if (o->graft.n + o->ungraft.n > 0)
		return update_grafts(g, o, operands[0], e);
	int r = o->resources != NULL ? update_from_file(o->resources, g->arena, &res, e)
				     : update_from_options(o, g->arena, &res, e);
	if (r == 0)
		r = update_open(&t, g, operands[0], e);
	if (r == 0)
		r = update_complete(&t.cgroup, res, g->arena, e);
	if (r == 0)
		r = update_plan(&t, res, &p, g->arena, e);
	if (r == 0)
		r = cgroup_update(&t.cgroup, &p.cgroup, e);
	if (r == 0 && res->n_devices > 0) {
		/* a later graft starts from them */
		t.record->rule = res->devices;
		t.record->n_rule = res->n_devices;
		r = store_write(&t.entry, t.record, e);
	}
	return r == 0 && o->resources == NULL ? update_rdt(&t, o, e) : r;
}

const struct cmd cmd_update = {
	.name = "update",
	.args = "ID",
	.summary = "change the limits of a container",
	.options = update_options,
	.options_size = sizeof(struct update_options),
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.run = update_run,
};
