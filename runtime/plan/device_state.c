/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/device_state.h"

/* A rule for all devices and all access is a new beginning. */
static bool device_is_reset(const struct plan_device_rule *r)
{
	return r->access == PLAN_ACCESS_ALL && r->type == 'a' && r->major < 0 && r->minor < 0;
}

/* A rule against the default. The kernel asks that one exception alone grants all that is
 * requested, so "allow r" and "allow w" of one device are merged. */
static void device_except(struct device_state *s, struct arena *a, char type,
			  const struct plan_device_rule *r)
{
	for (size_t i = 0; i < s->n; i++) {
		struct device_exception *x = &s->v[i];

		if (x->type != type || x->major != r->major || x->minor != r->minor)
			continue;
		x->access |= r->access;
		return;
	}
	*ARENA_PUSH(a, s) = (struct device_exception){type, r->major, r->minor, r->access};
}

static bool device_covers(int64_t wide, int64_t narrow)
{
	return wide < 0 || wide == narrow;
}

/* A rule that agrees with the default takes its bits from every exception it covers: a later "deny
 * c 1:*" ends an earlier "allow c 1:3". The kernel can't take a part out of one ("deny c 1:3" after
 * "allow c 1:*"), and doing nothing would leave open what is to be closed. */
static int device_withdraw(struct device_state *s, char type, const struct plan_device_rule *r,
			   struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		struct device_exception *x = &s->v[i];

		if (x->type != type || (x->access & r->access) == 0)
			continue;
		if (device_covers(r->major, x->major) && device_covers(r->minor, x->minor))
			x->access &= ~r->access;
		else if ((device_covers(x->major, r->major) || r->major < 0) &&
			 (device_covers(x->minor, r->minor) || r->minor < 0))
			return err_set(e, ENOTSUP,
				       "%s: cgroup v1 can't except a part of an earlier rule for "
				       "%c %lld:%lld "
				       "(-1: any); list the devices one by one",
				       r->origin, type, (long long)x->major, (long long)x->minor);
	}
	return 0;
}

static int device_state_add(struct device_state *s, const struct plan_device_rule *r,
			    struct arena *a, struct err *e)
{
	int ret = 0;

	if (device_is_reset(r)) {
		*s = (struct device_state){.allow = r->allow};
		return 0;
	}
	for (const char *type = "bc"; ret == 0 && *type != '\0'; type++) {
		if (r->type != 'a' && r->type != *type)
			continue;
		if (r->allow == s->allow)
			ret = device_withdraw(s, *type, r, e);
		else
			device_except(s, a, *type, r);
	}
	return ret;
}

int device_state_build(struct device_state *s, const struct plan_device_rules *rules,
		       struct arena *a, struct err *e)
{
	size_t kept = 0;

	*s = (struct device_state){.allow = true};
	for (size_t i = 0; i < rules->n; i++) {
		int r = device_state_add(s, &rules->v[i], a, e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].access != 0)
			s->v[kept++] = s->v[i];
	s->n = kept;
	return 0;
}
