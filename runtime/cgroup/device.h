/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/cgroup.h"
#include "plan/device_state.h"

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

/* Writes devices.deny and devices.allow of the v1 directory. */
int device_write_v1(const char *dir, const struct device_state *s, enum device_when when,
		    struct arena *a, struct err *e);

/* Instructions of a BPF_PROG_TYPE_CGROUP_DEVICE program (Linux 4.15), which asks the rules from
 * last to first. */
struct bpf_insn;
const struct bpf_insn *device_program(const struct plan_device_rules *rules, struct arena *a,
				      size_t *out_n);

/* Loads and attaches the program to the v2 directory. One of ours that is attached already, known
 * by its name beside systemd's, is replaced in one step (BPF_F_REPLACE, 5.6); since all attached
 * programs have to allow, adding one would only ever narrow. bare: the directory was made just now
 * and has none. */
int device_attach(int dir, const struct plan_device_rules *rules, bool bare, struct arena *a,
		  struct err *e);

/* Whether a program of ours is attached to the container's v2 cgroup. */
bool device_is_attached(const struct cgroup *c);
