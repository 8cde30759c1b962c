/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>
#include <string.h>

#include "plan/unit.h"

#define UNIT_CPUS_MAX 8192 /* CONFIG_NR_CPUS of any distribution */
#define UNIT_INFINITY UINT64_MAX

/* What a value of a control file is as a property. */
struct unit_limit {
	const char *file;
	const char *property;
	void (*add)(struct plan *p, const struct unit_limit *l, const struct plan_setting *s,
		    const char *value);
};

/* A number, "max" or -1. */
static void limit_number(struct plan *p, const struct unit_limit *l, const struct plan_setting *s,
			 const char *value)
{
	uint64_t n = UNIT_INFINITY;

	if (strcmp(value, "max") != 0 && strcmp(value, "-1") != 0 &&
	    num_u64(value, UINT64_MAX, &n) < 0)
		return; /* the kernel says what is wrong with it */
	unit_add_number(p, l->property, PROPERTY_U64, n, s->origin);
}

/* A limit that older releases do not have. */
static void limit_new(struct plan *p, const struct unit_limit *l, const struct plan_setting *s,
		      const char *value)
{
	size_t n = p->cgroup.unit.properties.n;

	limit_number(p, l, s, value);
	if (p->cgroup.unit.properties.n > n)
		p->cgroup.unit.properties.v[n].optional = true;
}

/* 252: weight 0 is "idle". */
static void limit_idle(struct plan *p, const struct unit_limit *l, const struct plan_setting *s,
		       const char *value)
{
	if (strcmp(value, "1") == 0)
		limit_new(p, l, s, "0");
}

static void limit_oom_group(struct plan *p, const struct unit_limit *l,
			    const struct plan_setting *s, const char *value)
{
	size_t n = p->cgroup.unit.properties.n;

	unit_add_string(p, l->property, strcmp(value, "1") == 0 ? "kill" : "continue", s->origin);
	p->cgroup.unit.properties.v[n].optional = true; /* of scopes since 253 */
}

/*
 * Quota and period in microseconds. systemd keeps a quota as whole percents, that is 10 ms of a
 * second, and forgets the rest when it reads the unit again: rounded up here, as a limit below the
 * one asked for would be worse than one above it.
 */
static void limit_quota(struct plan *p, const struct plan_setting *s, int64_t quota,
			uint64_t period)
{
	uint64_t per_second = UNIT_INFINITY, step = 10000, product;

	if (period == 0)
		return;
	if (quota > 0) {
		if (__builtin_mul_overflow((uint64_t)quota, 1000000, &product))
			return;
		per_second = product / period + (product % period != 0);
		per_second = (per_second + step - 1) / step * step;
	}
	unit_add_number(p, "CPUQuotaPeriodUSec", PROPERTY_U64, period, s->origin);
	p->cgroup.unit.properties.v[p->cgroup.unit.properties.n - 1].optional = true; /* 242 */
	unit_add_number(p, "CPUQuotaPerSecUSec", PROPERTY_U64, per_second, s->origin);
}

/* cpu.max: "QUOTA PERIOD", where the second may be missing. */
static void limit_cpu_max(struct plan *p, const struct unit_limit *l, const struct plan_setting *s,
			  const char *value)
{
	char *rest = arena_strdup(p->arena, value);
	const char *first = strsep(&rest, " ");
	int64_t quota = -1;
	uint64_t period = 100000;

	(void)l;
	if (strcmp(first, "max") != 0 && num_i64(first, 1, INT64_MAX, &quota) < 0)
		return;
	if (rest == NULL || num_u64(rest, UINT64_MAX, &period) == 0)
		limit_quota(p, s, quota, period);
}

/* The v1 quota, with the period among the other settings or else the kernel's own. */
static void limit_cfs_quota(struct plan *p, const struct unit_limit *l,
			    const struct plan_setting *s, const char *value)
{
	const struct plan_settings *all = &p->cgroup.settings;
	int64_t quota;
	uint64_t period = 100000;

	(void)l;
	if (num_i64(value, -1, INT64_MAX, &quota) < 0)
		return;
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].file, "cpu.cfs_period_us") == 0)
			(void)num_u64(all->v[i].value, UINT64_MAX, &period);
	limit_quota(p, s, quota, period);
}

/* "0-3" or "8" into the bits; false: another form, which the kernel may know. */
static bool limit_range(char *text, uint64_t *bytes, size_t *n_bytes)
{
	uint64_t from, to;
	const char *first = strsep(&text, "-");

	if (num_u64(first, UNIT_CPUS_MAX - 1, &from) < 0)
		return false;
	to = from;
	if (text != NULL && num_u64(text, UNIT_CPUS_MAX - 1, &to) < 0)
		return false;
	for (uint64_t i = from; i <= to; i++) {
		bytes[i / 8] |= UINT64_C(1) << (i % 8);
		if (i / 8 >= *n_bytes)
			*n_bytes = i / 8 + 1;
	}
	return true;
}

/* "0-3,8" as a mask, CPU 0 the lowest bit of the first byte. */
static void limit_mask(struct plan *p, const struct unit_limit *l, const struct plan_setting *s,
		       const char *value)
{
	uint64_t *bytes = arena_array(p->arena, UNIT_CPUS_MAX / 8, sizeof(*bytes));
	char *rest = arena_strdup(p->arena, value);
	size_t n = 0;

	rest[strcspn(rest, "\n")] = '\0';
	for (char *range = strsep(&rest, ","); range != NULL; range = strsep(&rest, ","))
		if (!limit_range(range, bytes, &n))
			return;
	struct property *new = unit_add(p, l->property, PROPERTY_BYTES, s->origin);
	new->optional = true; /* 244 */
	new->numbers = bytes;
	new->n_numbers = n;
}

static void limit_rate(struct plan *p, const char *property, const struct plan_setting *s,
		       const char *device, uint64_t value)
{
	struct property *new = unit_add(p, property, PROPERTY_RATES, s->origin);

	new->optional = true; /* 252 knows no BlockIO* on v2, and newer ones none at all */
	new->strings = arena_array(p->arena, 1, sizeof(*new->strings));
	new->numbers = arena_array(p->arena, 1, sizeof(*new->numbers));
	new->strings[0] = arena_printf(p->arena, "/dev/block/%s", device);
	new->numbers[0] = value;
	new->n_strings = new->n_numbers = 1;
}

/* "MAJOR:MINOR VALUE" */
static void limit_device(struct plan *p, const struct unit_limit *l, const struct plan_setting *s,
			 const char *value)
{
	char *rest = arena_strdup(p->arena, value);
	const char *device = strsep(&rest, " ");
	uint64_t n;

	if (rest != NULL && num_u64(rest, UINT64_MAX, &n) == 0)
		limit_rate(p, l->property, s, device, n);
}

/* "WEIGHT", or "MAJOR:MINOR WEIGHT" */
static void limit_weight(struct plan *p, const struct unit_limit *l, const struct plan_setting *s,
			 const char *value)
{
	static const struct unit_limit device = {.property = "IODeviceWeight"};

	if (strchr(value, ':') != NULL)
		limit_device(p, &device, s, value);
	else
		limit_number(p, l, s, value);
}

/* io.max: lines of "MAJOR:MINOR rbps=N wiops=max ..." */
static void limit_io_max(struct plan *p, const struct unit_limit *l, const struct plan_setting *s,
			 const char *value)
{
	static const struct {
		const char *key, *property;
	} keys[] = {
		{"rbps=", "IOReadBandwidthMax"},
		{"wbps=", "IOWriteBandwidthMax"},
		{"riops=", "IOReadIOPSMax"},
		{"wiops=", "IOWriteIOPSMax"},
	};
	char *lines = arena_strdup(p->arena, value);

	(void)l;
	for (char *line = strsep(&lines, "\n"); line != NULL; line = strsep(&lines, "\n")) {
		const char *device = strsep(&line, " ");
		for (char *word = strsep(&line, " "); word != NULL; word = strsep(&line, " "))
			for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
				size_t n = strlen(keys[i].key);
				uint64_t rate = UNIT_INFINITY;
				if (strncmp(word, keys[i].key, n) == 0 &&
				    (strcmp(word + n, "max") == 0 ||
				     num_u64(word + n, UINT64_MAX, &rate) == 0))
					limit_rate(p, keys[i].property, s, device, rate);
			}
	}
}

/* systemd's own files, in systemd.resource-control(5); v1's where v2 has another name. */
static const struct unit_limit unit_limit_table[] = {
	{"memory.max", "MemoryMax", limit_number},
	{"memory.high", "MemoryHigh", limit_number},
	{"memory.low", "MemoryLow", limit_number},
	{"memory.min", "MemoryMin", limit_new},
	{"memory.swap.max", "MemorySwapMax", limit_number},
	{"memory.zswap.max", "MemoryZSwapMax", limit_new},
	{"memory.oom.group", "OOMPolicy", limit_oom_group},
	{"memory.limit_in_bytes", "MemoryLimit", limit_number},
	{"cpu.weight", "CPUWeight", limit_number},
	{"cpu.idle", "CPUWeight", limit_idle},
	{"cpu.max", NULL, limit_cpu_max},
	{"cpu.shares", "CPUShares", limit_number},
	{"cpu.cfs_quota_us", NULL, limit_cfs_quota},
	{"cpuset.cpus", "AllowedCPUs", limit_mask},
	{"cpuset.mems", "AllowedMemoryNodes", limit_mask},
	{"pids.max", "TasksMax", limit_number},
	{"io.weight", "IOWeight", limit_weight},
	{"io.max", NULL, limit_io_max},
	{"blkio.weight", "BlockIOWeight", limit_number},
	{"blkio.weight_device", "BlockIODeviceWeight", limit_device},
	{"blkio.throttle.read_bps_device", "BlockIOReadBandwidth", limit_device},
	{"blkio.throttle.write_bps_device", "BlockIOWriteBandwidth", limit_device},
};

/* "A|B" with the values "x|y": the last pair, which is the one without a scheduler's name in it. */
static const char *unit_last(const struct plan_setting *s, const char **out_value)
{
	const char *bar = strrchr(s->file, '|');

	*out_value = s->value;
	if (bar == NULL)
		return s->file;
	const char *value = strrchr(s->value, '|');
	*out_value = value != NULL ? value + 1 : s->value;
	return bar + 1;
}

void unit_limits(struct plan *p)
{
	for (size_t i = 0; i < p->cgroup.settings.n; i++) {
		const struct plan_setting *s = &p->cgroup.settings.v[i];
		const char *value, *file = unit_last(s, &value);

		for (size_t k = 0; k < ARRAY_LEN(unit_limit_table); k++)
			if (strcmp(unit_limit_table[k].file, file) == 0)
				unit_limit_table[k].add(p, &unit_limit_table[k], s, value);
	}
}
