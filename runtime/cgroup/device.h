/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/arena.h"
#include "plan/plan.h"

/*
 * What a list of rules comes to: one default and the exceptions to it, with their access bits merged, so that
 * "allow r" and "allow w" of one device together allow "rw". Both the v1 files and the v2 program are made of it.
 */
struct device_state {
	bool allow; /* what holds for devices that no exception names */
	struct device_exception {
		char type; /* 'b' or 'c' */
		int64_t major, minor; /* -1: any */
		unsigned int access;
	} *v;
	size_t n, cap;
};

void device_state_build(struct device_state *s, const struct plan_device_rules *rules, struct arena *a);

/* Instructions of a BPF_PROG_TYPE_CGROUP_DEVICE program (Linux 4.15) for the state. */
struct bpf_insn;
const struct bpf_insn *device_program(const struct device_state *s, struct arena *a, size_t *out_n);

/* Loads and attaches the program to the v2 directory. Where exactly one is attached already it is replaced in one
 * step (BPF_F_REPLACE, 5.6); since all attached programs have to allow, adding one would only ever narrow. */
int device_attach(int dir, const struct device_state *s, struct arena *a, struct err *e);

/* Writes devices.deny and devices.allow of the v1 directory. */
int device_write_v1(const char *dir, const struct device_state *s, struct err *e);
