/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "cgroup/device.h"
#include "sys/sys.h"

enum { R = PLAN_ACCESS_READ, W = PLAN_ACCESS_WRITE, M = PLAN_ACCESS_MKNOD, RWM = PLAN_ACCESS_ALL };

/* The meaning, as plainly as it can be said. */
static bool means(const struct plan_device_rules *rules, char type, int64_t major, int64_t minor,
		  unsigned int access)
{
	for (unsigned int bit = 1; bit <= RWM; bit <<= 1) {
		bool allow = true;

		for (size_t i = 0; i < rules->n; i++) {
			const struct plan_device_rule *r = &rules->v[i];
			if ((r->type == 'a' || r->type == type) &&
			    (r->major < 0 || r->major == major) &&
			    (r->minor < 0 || r->minor == minor) && (r->access & bit) != 0)
				allow = r->allow;
		}
		if ((access & bit) != 0 && !allow)
			return false;
	}
	return true;
}

/* Just the instructions that device_program() may use; anything else fails the test. */
static bool interpret(const struct bpf_insn *code, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t reg[11] = {0};

	for (size_t pc = 0, steps = 0; steps < 10000; pc++, steps++) {
		cr_assert_lt(pc, n, "ran off the end");
		const struct bpf_insn *i = &code[pc];
		uint64_t imm = (uint64_t)(int64_t)i->imm;

		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W: {
			uint32_t v;
			cr_assert_eq(i->src_reg, BPF_REG_1);
			memcpy(&v, (const char *)ctx + i->off, sizeof(v));
			reg[i->dst_reg] = v;
			break;
		}
		case BPF_ALU | BPF_AND | BPF_K:
			reg[i->dst_reg] = (uint32_t)(reg[i->dst_reg] & (uint32_t)i->imm);
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			reg[i->dst_reg] = (uint32_t)reg[i->dst_reg] >> i->imm;
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
			reg[i->dst_reg] = (uint32_t)reg[i->src_reg];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			reg[i->dst_reg] = imm;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			pc += reg[i->dst_reg] != imm ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += reg[i->dst_reg] == imm ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return reg[0] != 0;
		default:
			cr_assert_fail("instruction 0x%x", i->code);
		}
	}
	cr_assert_fail("does not end");
	return false;
}

static bool state_allows(const struct device_state *s, char type, int64_t major, int64_t minor,
			 unsigned int access)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct device_exception *x = &s->v[i];
		if (x->type != type || (x->major >= 0 && x->major != major) ||
		    (x->minor >= 0 && x->minor != minor))
			continue;
		/* as the kernel's devcgroup: one exception has to grant all of it, or bites on any
		 * of it */
		if (s->allow ? (x->access & access) != 0 : (access & ~x->access) == 0)
			return !s->allow;
	}
	return s->allow;
}

static void show(const struct plan_device_rules *rules, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < rules->n && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s %c %d:%d %u; ",
				      rules->v[i].allow ? "allow" : "deny", rules->v[i].type,
				      (int)rules->v[i].major, (int)rules->v[i].minor,
				      rules->v[i].access);
}

/* All devices and accesses that the rules below can tell apart. */
static void check(const struct plan_device_rules *rules)
{
	autoarena struct arena a = {0};
	struct device_state s;
	struct err e = {0};
	size_t n;
	const struct bpf_insn *code = device_program(rules, &a, &n);
	bool v1 = device_state_build(&s, rules, &a, &e) == 0;
	char text[512];

	show(rules, text, sizeof(text));
	cr_assert(v1 || e.code == ENOTSUP);
	for (int t = 0; t < 2; t++)
		for (uint32_t major = 1; major <= 3; major++)
			for (uint32_t minor = 0; minor <= 3; minor++)
				for (unsigned int access = 1; access <= RWM; access++) {
					struct bpf_cgroup_dev_ctx ctx = {
						.access_type =
							access << 16 |
							(uint32_t)(t == 0 ? BPF_DEVCG_DEV_BLOCK
									  : BPF_DEVCG_DEV_CHAR),
						.major = major,
						.minor = minor,
					};
					char type = t == 0 ? 'b' : 'c';
					bool want = means(rules, type, major, minor, access);
					cr_assert_eq(interpret(code, n, &ctx), want,
						     "program of [%s]: %c %u:%u %u", text, type,
						     major, minor, access);
					/* v1 may be stricter where two exceptions would be needed,
					 * never laxer */
					if (v1 && state_allows(&s, type, major, minor, access))
						cr_assert(want,
							  "v1 state of [%s] allows %c %u:%u %u",
							  text, type, major, minor, access);
				}
}

static struct plan_device_rule rule_of(size_t k)
{
	static const char types[] = "abc";
	static const int64_t numbers[][2] = {{-1, -1}, {1, -1}, {-1, 3}, {1, 3}, {2, 0}};
	static const unsigned int access[] = {RWM, R | W, M, R};

	return (struct plan_device_rule){
		.allow = k % 2 == 0,
		.type = types[k / 2 % 3],
		.major = numbers[k / 6 % 5][0],
		.minor = numbers[k / 6 % 5][1],
		.access = access[k / 30 % 4],
		.origin = "test",
	};
}
#define RULES 120u

Test(device_rules, mean_the_same_as_one_and_as_program)
{
	for (size_t k = 0; k < RULES; k++) {
		struct plan_device_rule v[] = {rule_of(k)};
		struct plan_device_rules rules = {v, 1, 1};
		check(&rules);
	}
}

Test(device_rules, mean_the_same_as_any_pair)
{
	for (size_t i = 0; i < RULES; i++)
		for (size_t k = 0; k < RULES; k++) {
			struct plan_device_rule v[] = {rule_of(i), rule_of(k)};
			struct plan_device_rules rules = {v, 2, 2};
			check(&rules);
		}
}

/* After "deny a", as all engines write it: every pair again, sampled by a fixed stride. */
Test(device_rules, mean_the_same_as_a_list_after_deny_all)
{
	for (size_t k = 0; k < (size_t)RULES * RULES * RULES; k += 173) {
		struct plan_device_rule v[] = {{.allow = false,
						.type = 'a',
						.major = -1,
						.minor = -1,
						.access = RWM,
						.origin = "test"},
					       rule_of(k % RULES),
					       rule_of(k / RULES % RULES),
					       rule_of(k / RULES / RULES)};
		struct plan_device_rules rules = {v, 4, 4};
		check(&rules);
	}
}

Test(device_rules, of_v1_refuse_a_hole_in_a_range)
{
	autoarena struct arena a = {0};
	struct plan_device_rule v[] = {{.allow = false,
					.type = 'a',
					.major = -1,
					.minor = -1,
					.access = RWM,
					.origin = "linux.resources.devices[0]"},
				       {.allow = true,
					.type = 'c',
					.major = 1,
					.minor = -1,
					.access = RWM,
					.origin = "linux.resources.devices[1]"},
				       {.allow = false,
					.type = 'c',
					.major = 1,
					.minor = 3,
					.access = R,
					.origin = "linux.resources.devices[2]"}};
	struct plan_device_rules rules = {v, 3, 3};
	struct device_state s;
	struct err e = {0};

	cr_assert_eq(device_state_build(&s, &rules, &a, &e), -ENOTSUP);
	cr_assert_eq(strncmp(e.text, "linux.resources.devices[2]: ", 28), 0, "%s", e.text);
	/* the whole range is none */
	v[2].minor = -1;
	v[2].access = RWM;
	cr_assert_eq(device_state_build(&s, &rules, &a, &e), 0);
	cr_assert_eq(s.n, 0);
}

Test(device_rules, take_the_empty_list_as_everything)
{
	struct plan_device_rules rules = {0};

	check(&rules);
}

static const char *unified(void)
{
	static const char *const mounts[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
	char path[64];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/cgroup.controllers", mounts[i]);
		if (access(path, F_OK) == 0)
			return mounts[i];
	}
	return NULL;
}

/* Exit status of a child in the cgroup that opens the node. */
static int open_in(const char *cgroup, const char *node)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		char path[128];
		(void)snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
		if (io_write_file(AT_FDCWD, path, "0") < 0)
			_exit(100);
		_exit(open(node, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

Test(device_rules, are_kept_by_the_kernel_and_replaced_in_one_step)
{
	autoarena struct arena a = {0};
	const char *mount = unified();
	struct err e = {0};
	struct plan_device_rule v[] = {{.allow = false,
					.type = 'a',
					.major = -1,
					.minor = -1,
					.access = RWM,
					.origin = "test"},
				       {.allow = true,
					.type = 'c',
					.major = 1,
					.minor = 3,
					.access = RWM,
					.origin = "test"},
				       {.allow = true,
					.type = 'c',
					.major = 1,
					.minor = 5,
					.access = R,
					.origin = "test"}};
	struct plan_device_rules rules = {v, 3, 3};

	if (geteuid() != 0 || mount == NULL)
		cr_skip_test("needs root and a cgroup2 mount");
	char *dir = arena_printf(&a, "%s/device-rules-test-%d", mount, (int)getpid());
	cr_assert_eq(mkdir(dir, 0755), 0, "%s", dir);
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int first = device_attach(fd, &rules, true, &a, &e);
	int null_before = open_in(dir, "/dev/null"), zero_before = open_in(dir, "/dev/zero"),
	    full_before = open_in(dir, "/dev/full");
	rules.n = 2;
	int second = first == 0 ? device_attach(fd, &rules, false, &a, &e) : 0;
	int null_after = open_in(dir, "/dev/null"), zero_after = open_in(dir, "/dev/zero");
	uint32_t ids[8];
	union bpf_attr attr = {.query = {.target_fd = (uint32_t)fd,
					 .attach_type = BPF_CGROUP_DEVICE,
					 .prog_ids = (uint64_t)(uintptr_t)ids,
					 .prog_cnt = 8}};
	int query = sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr));
	cr_assert_eq(rmdir(dir), 0);

	if (first == -EPERM || first == -ENOSYS)
		cr_skip_test("bpf(2) is not permitted here");
	cr_assert_eq(first, 0, "%s", e.text);
	cr_assert_eq(second, 0, "%s", e.text);
	cr_assert_eq(null_before, 0);
	cr_assert_eq(zero_before, 0);
	cr_assert_eq(full_before, EPERM);
	cr_assert_eq(null_after, 0);
	cr_assert_eq(zero_after, EPERM, "the second program did not take the place of the first");
	cr_assert_eq(query, 0);
	cr_assert_eq(attr.query.prog_cnt, 1, "programs pile up");
}
