/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/cgroup.h"

/*
 * Device rules. What they mean, in both versions: a request for some of read, write and mknod of a
 * device is granted when for each of these the last rule that names both the device and the access
 * allows it; where no rule does, it is granted.
 */

/* Applies the rules to the container's v1 devices hierarchy, else to its v2 cgroup. DEVICE_LIVE:
 * processes may run, so what both the old and the new rules allow stays allowed throughout. */
enum device_when { DEVICE_NEW, DEVICE_LIVE };
int device_apply(const struct cgroup *c, const struct plan_device_rules *rules,
		 enum device_when when, struct arena *a, struct err *e);

/* The form of v1: one default and the exceptions to it. */
struct device_state {
	bool allow; /* what holds for devices that no exception names */
	struct device_exception {
		char type;	      /* 'b' or 'c' */
		int64_t major, minor; /* -1: any */
		unsigned int access;
	} * v;
	size_t n, cap;
};

/* -ENOTSUP: a rule excepts a part of an exception, which v1 can't express. */
int device_state_build(struct device_state *s, const struct plan_device_rules *rules,
		       struct arena *a, struct err *e);

/* Writes devices.deny and devices.allow of the v1 directory. */
int device_write_v1(const char *dir, const struct device_state *s, enum device_when when,
		    struct arena *a, struct err *e);

/* Instructions of a BPF_PROG_TYPE_CGROUP_DEVICE program (Linux 4.15), which asks the rules from
 * last to first. */
struct bpf_insn;
const struct bpf_insn *device_program(const struct plan_device_rules *rules, struct arena *a,
				      size_t *out_n);

/* Loads and attaches the program to the v2 directory. Where exactly one is attached already it is
 * replaced in one step (BPF_F_REPLACE, 5.6); since all attached programs have to allow, adding one
 * would only ever narrow. */
int device_attach(int dir, const struct plan_device_rules *rules, struct arena *a, struct err *e);
