/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup/device.h"

#include "cgroup/settings.h"

static bool device_restricts(const struct plan_device_rules *rules)
{
	bool deny = false;

	for (size_t i = 0; i < rules->n; i++) {
		const struct plan_device_rule *r = &rules->v[i];

		if (!r->allow)
			deny = true;
		else if (r->type == 'a' && r->major < 0 && r->minor < 0 &&
			 r->access == PLAN_ACCESS_ALL)
			deny = false;
	}
	return deny;
}

int device_apply(const struct cgroup *c, const struct plan_device_rules *rules,
		 enum device_when when, struct arena *a, struct err *e)
{
	static const struct plan_setting v1 = {.controller = "devices"}, v2 = {.v2 = true};
	const struct cgroup_dir *d = settings_dir(c, &v1);
	struct device_state s;

	if (rules->n == 0)
		return 0;
	if (d == NULL) {
		d = settings_dir(c, &v2);
		if (d == NULL || (when == DEVICE_NEW && !device_restricts(rules)))
			return 0;
		return device_attach(d->fd, rules, when == DEVICE_NEW && d->created, a, e);
	}
	int r = device_state_build(&s, rules, a, e);
	return r < 0 ? r : device_write_v1(d->path, &s, when, a, e);
}
