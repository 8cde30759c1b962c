/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/device.h"

/* A rule for all devices and all access is a new beginning. */
static bool device_is_reset(const struct plan_device_rule *r)
{
	return r->access == PLAN_ACCESS_ALL && r->type == 'a' && r->major < 0 && r->minor < 0;
}

static void device_except(struct device_state *s, struct arena *a, char type, const struct plan_device_rule *r)
{
	for (size_t i = 0; i < s->n; i++) {
		struct device_exception *x = &s->v[i];
		if (x->type != type || x->major != r->major || x->minor != r->minor)
			continue;
		x->access = r->allow != s->allow ? x->access | r->access : x->access & ~r->access;
		return;
	}
	if (r->allow != s->allow)
		*ARENA_PUSH(a, s) = (struct device_exception){type, r->major, r->minor, r->access};
}

/* A rule that agrees with the default takes its bits from every exception it covers: a later "deny c 1:*" ends an
 * earlier "allow c 1:3". */
static void device_withdraw(struct device_state *s, char type, const struct plan_device_rule *r)
{
	for (size_t i = 0; i < s->n; i++) {
		struct device_exception *x = &s->v[i];
		if (x->type == type && (r->major < 0 || r->major == x->major) &&
		    (r->minor < 0 || r->minor == x->minor))
			x->access &= ~r->access;
	}
}

void device_state_build(struct device_state *s, const struct plan_device_rules *rules, struct arena *a)
{
	*s = (struct device_state){.allow = true};
	for (size_t i = 0; i < rules->n; i++) {
		const struct plan_device_rule *r = &rules->v[i];

		if (device_is_reset(r)) {
			*s = (struct device_state){.allow = r->allow};
			continue;
		}
		for (const char *type = "bc"; *type != '\0'; type++) {
			if (r->type != 'a' && r->type != *type)
				continue;
			if (r->allow == s->allow)
				device_withdraw(s, *type, r);
			else
				device_except(s, a, *type, r);
		}
	}
	size_t kept = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].access != 0)
			s->v[kept++] = s->v[i];
	s->n = kept;
}
