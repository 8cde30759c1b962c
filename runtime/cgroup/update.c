/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/update.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "cgroup/device.h"
#include "cgroup/settings.h"
#include "cgroup/stats_parse.h"
#include "cgroup/unit.h"
#include "libocispec/oci.h"

#define UPDATE_MAX_TEXT 65536

/* Files with one entry a line, by first word, and what puts an entry back that was not there
 * before. */
static const struct update_keyed {
	const char *prefix; /* of the file's name */
	const char *unset;
} update_keyed[] = {
	{"io.max", "rbps=max wbps=max riops=max wiops=max"},
	{"io.latency", "target=0"},
	{"io.weight", "default"},
	{"io.bfq.weight", "default"},
	{"blkio.throttle.", "0"},
	{"blkio.weight_device", "0"},
	{"blkio.bfq.weight_device", "0"},
	{"rdma.max", "hca_handle=max hca_object=max"},
	{"misc.max", "max"},
	{"dmem.", "max"},
	{"net_prio.ifpriomap", "0"},
};

/* A setting on its way, and how to go back. */
struct update_step {
	const struct plan_setting *s;
	const struct cgroup_dir *dir;
	const char *file; /* that there is */
	const char *old;  /* NULL: can't be put back */
	bool written;
};

static const struct update_keyed *update_find_keyed(const char *file, const char *value)
{
	/* "io.bfq.weight" takes a single number too */
	if (strchr(value, ' ') == NULL)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(update_keyed); i++)
		if (strncmp(file, update_keyed[i].prefix, strlen(update_keyed[i].prefix)) == 0)
			return &update_keyed[i];
	return NULL;
}

/* The line of text that starts with the same word as entry, else one that unsets it. */
static const char *update_old_entry(struct arena *a, char *text, const char *entry,
				    const char *unset)
{
	size_t n = strcspn(entry, " ");

	for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n"))
		if (strncmp(line, entry, n) == 0 && line[n] == ' ')
			return line;
	return arena_printf(a, "%.*s %s", (int)n, entry, unset);
}

/* A plain value as the kernel takes it back: "default 100" of io.weight and io.bfq.weight as "100".
 */
static const char *update_old_value(struct arena *a, char *text)
{
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, "default ", 8) == 0)
		text += 8;
	return arena_strdup(a, text);
}

/* The former value of a setting: of the file itself, or of the entries (one a line) that it
 * changes. */
static const char *update_old(struct arena *a, const struct update_step *step, const char *value)
{
	const char *path = arena_printf(a, "%s/%s", step->dir->path, step->file), *old = NULL;
	const struct update_keyed *keyed = update_find_keyed(step->file, value);
	char *text, *entries = arena_strdup(a, value);

	if (io_read_file(AT_FDCWD, path, UPDATE_MAX_TEXT, a, &text, NULL) < 0)
		return NULL;
	if (keyed == NULL)
		return update_old_value(a, text);
	for (char *entry = strsep(&entries, "\n"); entry != NULL; entry = strsep(&entries, "\n")) {
		if (entry[0] == '\0')
			continue;
		const char *one = update_old_entry(a, arena_strdup(a, text), entry, keyed->unset);
		old = old == NULL ? one : arena_printf(a, "%s\n%s", old, one);
	}
	return old;
}

static int update_prepare(const struct cgroup *c, const struct plan_setting *s, struct arena *a,
			  struct update_step *step, struct err *e)
{
	*step = (struct update_step){.s = s, .dir = settings_dir(c, s)};
	if (step->dir == NULL)
		return s->optional ? 0
				   : err_set(e, ENOTSUP,
					     "%s: the controller '%s' is not available to this "
					     "container",
					     s->origin, s->controller);
	struct settings_choice choice = SETTINGS_CHOICE(s);
	while (step->file == NULL && settings_next(&choice)) {
		if (access(arena_printf(a, "%s/%s", step->dir->path, choice.file), F_OK) < 0)
			continue;
		step->file = arena_strdup(a, choice.file);
		step->old = update_old(a, step, choice.value);
	}
	return 0;
}

static int update_fail(const struct update_step *step, int r, struct err *e)
{
	const char *file = step->file != NULL ? step->file : step->s->file;

	if (r == -ENOENT)
		return err_set(e, ENOENT, "%s: this kernel has no %s", step->s->origin, file);
	return err_set(e, -r, "%s: the kernel refuses '%s' for %s/%s: %s", step->s->origin,
		       step->s->value, step->dir->path, file, err_name(-r));
}

/*
 * Some values are bounded by others (memory by memory and swap, burst by quota, quota and period by
 * the parent's share), so which has to be written first depends on both and on what was there. What
 * is refused with EINVAL is tried again after all others, for as long as that helps.
 */
static int update_write(struct update_step *steps, size_t n, struct err *e)
{
	bool again = true;

	for (size_t refused = n; again;) {
		size_t now = 0;

		again = false;
		for (size_t i = 0; i < n; i++) {
			struct update_step *step = &steps[i];

			if (step->written || step->dir == NULL)
				continue;
			int r = settings_write(step->dir, step->s);
			step->written = r == 0;
			if (r < 0 && (r != -EINVAL || refused == 0))
				return update_fail(step, r, e);
			now += r < 0;
		}
		if (now > 0) {
			again = true;
			/* no progress: the next failure is the answer */
			refused = now < refused ? now : 0;
		}
	}
	return 0;
}

/* In reverse, by the same rules of order. */
static void update_undo(const struct update_step *steps, size_t n, struct arena *a)
{
	struct update_step *back = arena_array(a, n, sizeof(*back));
	struct plan_setting *old = arena_array(a, n, sizeof(*old));
	struct err why = {0};
	size_t k = 0;

	for (size_t i = n; i-- > 0;) {
		if (!steps[i].written)
			continue;
		if (steps[i].old == NULL) {
			log_warn("%s can't be put back", steps[i].s->origin);
			continue;
		}
		old[k] = *steps[i].s;
		old[k].file = steps[i].file;
		old[k].value = steps[i].old;
		back[k] = (struct update_step){
			.s = &old[k], .dir = steps[i].dir, .file = steps[i].file};
		k++;
	}
	if (update_write(back, k, &why) < 0)
		log_warn("putting back what was changed: %s", why.text);
}

/* systemd knows some values less exactly than the kernel (a quota in whole percents) and has just
 * written its own: ours again. */
static int update_unit(const struct cgroup *c, const struct plan_cgroup *pc,
		       struct update_step *steps, struct err *e)
{
	int r = unit_set(c, &pc->unit.properties, e);

	for (size_t i = 0; i < pc->settings.n; i++)
		steps[i].written = false;
	return r < 0 ? r : update_write(steps, pc->settings.n, e);
}

static int update_devices(const struct cgroup *c, const struct plan_cgroup *pc, struct arena *a,
			  struct err *e)
{
	/* one of our own from before would go on narrowing */
	if (c->unit.name != NULL && !c->unit.user && pc->unit.devices_exact &&
	    !device_is_attached(c))
		return 0;
	return device_apply(c, &pc->rules, DEVICE_LIVE, a, e);
}

int cgroup_update(const struct cgroup *c, const struct plan_cgroup *pc, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	struct update_step *steps = arena_array(&a, pc->settings.n, sizeof(*steps));
	int r = 0;

	for (size_t i = 0; r == 0 && i < pc->settings.n; i++)
		r = update_prepare(c, &pc->settings.v[i], &a, &steps[i], e);
	if (r < 0)
		return r;
	r = update_write(steps, pc->settings.n, e);
	if (r == 0 && c->unit.name != NULL)
		r = update_unit(c, pc, steps, e);
	if (r == 0 && pc->rules.n > 0)
		r = update_devices(c, pc, &a, e);
	if (r < 0)
		update_undo(steps, pc->settings.n, &a);
	return r;
}

/* cpu.max holds "QUOTA PERIOD". */
static void update_complete_cpu(const struct stats_source *s, struct oci_cpu *cpu)
{
	char *text;
	int64_t quota;
	uint64_t period;

	if (cpu->quota.set == cpu->period.set || s->dir == NULL || !s->dir->v2 ||
	    (text = stats_text(s, "cpu.max")) == NULL)
		return;
	const char *first = strsep(&text, " "), *second = strsep(&text, "\n");
	if (!cpu->period.set && num_u64(second, UINT64_MAX, &period) == 0)
		cpu->period = (struct opt_u64){true, period};
	if (!cpu->quota.set && num_i64(first, 1, INT64_MAX, &quota) == 0)
		cpu->quota = (struct opt_i64){true, quota};
}

static int update_complete_memory(const struct stats_source *s, struct oci_memory *m, struct err *e)
{
	uint64_t now;
	bool v2 = s->dir != NULL && s->dir->v2;

	if (v2 && m->swap.set && m->swap.v > 0 && !m->limit.set &&
	    stats_number(s, "memory.max", &now) == 0 && now <= INT64_MAX)
		m->limit = (struct opt_i64){true, (int64_t)now};
	if (!m->check_before_update.v || !m->limit.set || m->limit.v <= 0)
		return 0;
	if (stats_number(s, v2 ? "memory.current" : "memory.usage_in_bytes", &now) == 0 &&
	    now > (uint64_t)m->limit.v)
		return err_set(e, EBUSY,
			       "linux.resources.memory.limit: %lld is below the %llu bytes in use",
			       (long long)m->limit.v, (unsigned long long)now);
	return 0;
}

int update_complete(const struct cgroup *c, struct oci_resources *res, struct arena *a,
		    struct err *e)
{
	struct stats_source cpu = {a, stats_dir(c, "cpu")}, memory = {a, stats_dir(c, "memory")};

	if (res->cpu != NULL)
		update_complete_cpu(&cpu, res->cpu);
	return res->memory != NULL ? update_complete_memory(&memory, res->memory, e) : 0;
}
