/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/* Device rules as one default and the exceptions to it: the form of cgroup v1, and of a unit's
 * DeviceAllow. */
struct device_state {
	bool allow; /* what holds for devices that no exception names */
	struct device_exception {
		char type;	      /* 'b' or 'c' */
		int64_t major, minor; /* -1: any */
		unsigned int access;
	} * v;
	size_t n, cap;
};

/* -ENOTSUP: a rule excepts a part of an exception, which this form can't express. */
int device_state_build(struct device_state *s, const struct plan_device_rules *rules,
		       struct arena *a, struct err *e);
