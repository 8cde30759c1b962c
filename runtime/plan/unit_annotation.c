/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <string.h>

#include "plan/unit.h"

#define UNIT_PREFIX "org.systemd.property."

/*
 * What a config may set of a unit, with the type that the bus wants. Left out is all that names a
 * program, a file or another unit to start or stop, since annotations may come from whoever makes a
 * pod (CVE-2024-3154), and what the runtime itself decides (Slice, Delegate, PIDs, devices).
 */
static const struct {
	const char *name;
	enum property_type type;
} unit_allowed[] = {
	{"After", PROPERTY_STRINGS},
	{"Before", PROPERTY_STRINGS},
	{"CollectMode", PROPERTY_STRING},
	{"CoredumpReceive", PROPERTY_BOOL},
	{"CPUAccounting", PROPERTY_BOOL},
	{"CPUQuotaPerSecUSec", PROPERTY_U64},
	{"CPUQuotaPeriodUSec", PROPERTY_U64},
	{"CPUWeight", PROPERTY_U64},
	{"DefaultDependencies", PROPERTY_BOOL},
	{"Description", PROPERTY_STRING},
	{"FinalKillSignal", PROPERTY_I32},
	{"IOAccounting", PROPERTY_BOOL},
	{"IOWeight", PROPERTY_U64},
	{"IPAccounting", PROPERTY_BOOL},
	{"KillMode", PROPERTY_STRING},
	{"KillSignal", PROPERTY_I32},
	{"ManagedOOMMemoryPressure", PROPERTY_STRING},
	{"ManagedOOMMemoryPressureLimit", PROPERTY_U32},
	{"ManagedOOMPreference", PROPERTY_STRING},
	{"ManagedOOMSwap", PROPERTY_STRING},
	{"MemoryAccounting", PROPERTY_BOOL},
	{"MemoryHigh", PROPERTY_U64},
	{"MemoryLow", PROPERTY_U64},
	{"MemoryMax", PROPERTY_U64},
	{"MemoryMin", PROPERTY_U64},
	{"MemorySwapMax", PROPERTY_U64},
	{"OOMPolicy", PROPERTY_STRING},
	{"RestartKillSignal", PROPERTY_I32},
	{"RuntimeMaxUSec", PROPERTY_U64},
	{"RuntimeRandomizedExtraUSec", PROPERTY_U64},
	{"SendSIGHUP", PROPERTY_BOOL},
	{"SendSIGKILL", PROPERTY_BOOL},
	{"StartupCPUWeight", PROPERTY_U64},
	{"StartupIOWeight", PROPERTY_U64},
	{"TasksAccounting", PROPERTY_BOOL},
	{"TasksMax", PROPERTY_U64},
	{"TimeoutStopUSec", PROPERTY_U64},
};

/* A value in GVariant's text form while it is read. */
struct unit_value {
	struct plan *p;
	const char *rest;
};

static void value_blank(struct unit_value *v)
{
	v->rest += strspn(v->rest, " \t");
}

static bool value_take(struct unit_value *v, const char *word)
{
	size_t n = strlen(word);

	value_blank(v);
	if (strncmp(v->rest, word, n) != 0)
		return false;
	v->rest += n;
	return true;
}

/* 'text' or "text"; a backslash takes the next character as it is. */
static bool value_string(struct unit_value *v, const char **out)
{
	value_blank(v);
	char quote = *v->rest;
	if (quote != '\'' && quote != '"')
		return false;
	char *text = arena_alloc(v->p->arena, strlen(v->rest) + 1), *to = text;
	const char *s = v->rest + 1;
	for (; *s != '\0' && *s != quote; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		*to++ = *s;
	}
	if (*s != quote)
		return false;
	v->rest = s + 1;
	*out = text;
	return true;
}

/* A whole number with or without a GVariant type before it. */
static bool value_number(struct unit_value *v, uint64_t *out)
{
	static const char *const types[] = {"uint64", "int64", "uint32", "int32",
					    "uint16", "int16", "byte"};
	char digits[24];

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (value_take(v, types[i]))
			break;
	value_blank(v);
	size_t n = strspn(v->rest, "0123456789");
	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, v->rest, n);
	digits[n] = '\0';
	v->rest += n;
	return num_u64(digits, UINT64_MAX, out) == 0;
}

static bool value_bool(struct unit_value *v, uint64_t *out)
{
	*out = value_take(v, "true");
	return *out == 1 || value_take(v, "false");
}

/* ['a', 'b'] or @as []. */
static bool value_strings(struct unit_value *v, struct property *out)
{
	struct {
		const char **v;
		size_t n, cap;
	} list = {0};

	(void)value_take(v, "@as");
	if (!value_take(v, "["))
		return false;
	while (!value_take(v, "]")) {
		if ((list.n > 0 && !value_take(v, ",")) ||
		    !value_string(v, ARENA_PUSH(v->p->arena, &list)))
			return false;
	}
	out->strings = list.v;
	out->n_strings = list.n;
	return true;
}

static bool value_read(struct unit_value *v, struct property *out)
{
	bool read = false;

	out->numbers = arena_array(v->p->arena, 1, sizeof(*out->numbers));
	out->strings = arena_array(v->p->arena, 1, sizeof(*out->strings));
	if (out->type == PROPERTY_STRINGS) {
		read = value_strings(v, out);
	} else if (out->type == PROPERTY_STRING) {
		read = value_string(v, &out->strings[0]);
		out->n_strings = 1;
	} else {
		read = out->type == PROPERTY_BOOL ? value_bool(v, &out->numbers[0])
						  : value_number(v, &out->numbers[0]);
		out->n_numbers = 1;
	}
	value_blank(v);
	return read && *v->rest == '\0';
}

/* "TimeoutStopSec" in seconds is the bus's "TimeoutStopUSec" in microseconds. */
static const char *unit_bus_name(struct arena *a, const char *name, bool *out_seconds)
{
	size_t n = strlen(name);

	*out_seconds = n > 3 && strcmp(name + n - 3, "Sec") == 0 &&
		       (n == 4 || strcmp(name + n - 4, "USec") != 0);
	return *out_seconds ? arena_printf(a, "%.*sUSec", (int)n - 3, name) : name;
}

static int unit_annotate(struct plan *p, const struct plan_annotation *a, struct err *e)
{
	bool seconds;
	const char *name = unit_bus_name(p->arena, a->key + strlen(UNIT_PREFIX), &seconds);
	struct property new = {.name = name,
			       .origin = arena_printf(p->arena, "annotations.%s", a->key)};
	struct unit_value v = {p, a->value};
	size_t i = 0;

	while (i < ARRAY_LEN(unit_allowed) && strcmp(unit_allowed[i].name, name) != 0)
		i++;
	if (i == ARRAY_LEN(unit_allowed))
		return err_set(e, EPERM,
			       "annotations.%.100s: a container may not set this property of its "
			       "unit; see greffon(1) for those it may",
			       a->key);
	new.type = unit_allowed[i].type;
	if (!value_read(&v, &new) || !property_is_whole(&new) ||
	    (seconds && __builtin_mul_overflow(new.numbers[0], 1000000, &new.numbers[0])))
		return err_set(e, EINVAL,
			       "annotations.%.100s: '%.100s' is not a value for it, such as true, "
			       "'text', "
			       "uint64 5 or ['a', 'b']",
			       a->key, a->value);
	*ARENA_PUSH(p->arena, &p->cgroup.unit.properties) = new;
	return 0;
}

int unit_annotations(struct plan *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->n_annotation; i++)
		if (strncmp(p->annotation[i].key, UNIT_PREFIX, strlen(UNIT_PREFIX)) == 0)
			r = unit_annotate(p, &p->annotation[i], e);
	return r;
}
