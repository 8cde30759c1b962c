/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/log.h"
#include "plan/device_state.h"
#include "plan/unit.h"

static const char *unit_access(struct arena *a, unsigned int access)
{
	return arena_printf(a, "%s%s%s", (access & PLAN_ACCESS_READ) != 0 ? "r" : "",
			    (access & PLAN_ACCESS_WRITE) != 0 ? "w" : "",
			    (access & PLAN_ACCESS_MKNOD) != 0 ? "m" : "");
}

/*
 * "/dev/char/195:0" (by its numbers since 240: the link need not exist), "char-195" or "char-*". A
 * minor of any major can't be said: all devices of the type.
 */
static const char *unit_device(struct arena *a, const struct device_exception *x, bool *exact)
{
	const char *type = x->type == 'b' ? "block" : "char";

	if (x->major < 0) {
		*exact = *exact && x->minor < 0;
		return arena_printf(a, "%s-*", type);
	}
	if (x->minor < 0)
		return arena_printf(a, "%s-%lld", type, (long long)x->major);
	return arena_printf(a, "/dev/%s/%lld:%lld", type, (long long)x->major, (long long)x->minor);
}

/* All that some rule allows: what later rules take away again is left to a program. */
static void unit_all_allowed(struct device_state *s, const struct plan_device_rules *rules,
			     struct arena *a)
{
	*s = (struct device_state){0};
	for (size_t i = 0; i < rules->n; i++) {
		const struct plan_device_rule *r = &rules->v[i];

		for (const char *type = "bc"; r->allow && *type != '\0'; type++)
			if (r->type == 'a' || r->type == *type)
				*ARENA_PUSH(a, s) = (struct device_exception){*type, r->major,
									      r->minor, r->access};
	}
}

void unit_devices(struct plan *p)
{
	struct plan_unit *u = &p->cgroup.unit;
	const struct plan_device_rules *rules = &p->cgroup.rules;
	struct device_state s;
	struct err why = {0};
	const char *origin = "linux.resources.devices";

	u->devices_exact = true;
	if (rules->n == 0)
		return;
	if (device_state_build(&s, rules, p->arena, &why) < 0) {
		log_debug("%s; the unit's DeviceAllow is wider, a device program narrows it",
			  why.text);
		unit_all_allowed(&s, rules, p->arena);
		u->devices_exact = false;
	} else if (s.allow) {
		u->devices_exact = s.n == 0;
		s.n = 0;
	}
	unit_add_string(p, "DevicePolicy", s.allow ? "auto" : "strict", origin);
	/* an empty list first: without it an update would add to the old one */
	struct property *list = unit_add(p, "DeviceAllow", PROPERTY_PAIRS, origin);
	list = unit_add(p, "DeviceAllow", PROPERTY_PAIRS, origin);
	list->strings = arena_array(p->arena, s.n * 2 + 1, sizeof(*list->strings));
	for (size_t i = 0; i < s.n; i++) {
		list->strings[list->n_strings++] =
			unit_device(p->arena, &s.v[i], &u->devices_exact);
		list->strings[list->n_strings++] = unit_access(p->arena, s.v[i].access);
	}
}
