/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>

#include "cgroup/device.h"
#include "sys/sys.h"

#define DEVICE_PROGRAM_NAME "greffon_device" /* 15 bytes at most */

_Static_assert((int)PLAN_ACCESS_MKNOD == (int)BPF_DEVCG_ACC_MKNOD &&
		       (int)PLAN_ACCESS_READ == (int)BPF_DEVCG_ACC_READ &&
		       (int)PLAN_ACCESS_WRITE == (int)BPF_DEVCG_ACC_WRITE,
	       "the plan has the access bits of the kernel");

/* Registers of the program: r1 is the context, the others are loaded once. */
enum {
	DEV_TYPE = BPF_REG_2,
	DEV_ACCESS = BPF_REG_3,
	DEV_MAJOR = BPF_REG_4,
	DEV_MINOR = BPF_REG_5,
	DEV_WORK = BPF_REG_6
};

struct device_code {
	struct arena *a;
	struct bpf_insn *v;
	size_t n, cap;
};

static void device_emit(struct device_code *c, struct bpf_insn insn)
{
	*ARENA_PUSH(c->a, c) = insn;
}

/* "if (reg OP value) jump to the next rule", whose distance device_rule_code() fills in. */
static void device_unless(struct device_code *c, unsigned int op, unsigned int reg, int32_t value)
{
	device_emit(c, (struct bpf_insn){.code = (uint8_t)(BPF_JMP | op | BPF_K),
					 .dst_reg = (uint8_t)(reg & 0xf),
					 .off = -1,
					 .imm = value});
}

static void device_return(struct device_code *c, bool allow)
{
	device_emit(c, (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K,
					 .dst_reg = BPF_REG_0,
					 .imm = allow});
	device_emit(c, (struct bpf_insn){.code = BPF_JMP | BPF_EXIT});
}

/* access_type holds type in its low and access in its high half (struct bpf_cgroup_dev_ctx). */
static void device_prologue(struct device_code *c)
{
#define DEVICE_LOAD(reg, member)                                                                   \
	((struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,                                      \
			   .dst_reg = (reg),                                                       \
			   .src_reg = BPF_REG_1,                                                   \
			   .off = offsetof(struct bpf_cgroup_dev_ctx, member)})
	device_emit(c, DEVICE_LOAD(DEV_TYPE, access_type));
	device_emit(c, DEVICE_LOAD(DEV_ACCESS, access_type));
	device_emit(c, (struct bpf_insn){.code = BPF_ALU | BPF_AND | BPF_K,
					 .dst_reg = DEV_TYPE,
					 .imm = 0xffff});
	device_emit(c, (struct bpf_insn){.code = BPF_ALU | BPF_RSH | BPF_K,
					 .dst_reg = DEV_ACCESS,
					 .imm = 16});
	device_emit(c, DEVICE_LOAD(DEV_MAJOR, major));
	device_emit(c, DEVICE_LOAD(DEV_MINOR, minor));
#undef DEVICE_LOAD
}

static void device_rule_code(struct device_code *c, const struct plan_device_rule *r)
{
	size_t from = c->n;

	if (r->type != 'a')
		device_unless(c, BPF_JNE, DEV_TYPE,
			      r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (r->major >= 0)
		device_unless(c, BPF_JNE, DEV_MAJOR, (int32_t)r->major);
	if (r->minor >= 0)
		device_unless(c, BPF_JNE, DEV_MINOR, (int32_t)r->minor);
	if (r->access != PLAN_ACCESS_ALL && r->allow) {
		/* granted here, and not asked for any more; the rules before decide about the rest
		 */
		device_emit(c, (struct bpf_insn){.code = BPF_ALU | BPF_AND | BPF_K,
						 .dst_reg = DEV_ACCESS,
						 .imm = (int32_t)(~r->access & PLAN_ACCESS_ALL)});
		device_unless(c, BPF_JNE, DEV_ACCESS, 0);
	} else if (r->access != PLAN_ACCESS_ALL) {
		device_emit(c, (struct bpf_insn){.code = BPF_ALU | BPF_MOV | BPF_X,
						 .dst_reg = DEV_WORK,
						 .src_reg = DEV_ACCESS});
		device_emit(c, (struct bpf_insn){.code = BPF_ALU | BPF_AND | BPF_K,
						 .dst_reg = DEV_WORK,
						 .imm = (int32_t)r->access});
		device_unless(c, BPF_JEQ, DEV_WORK, 0);
	}
	device_return(c, r->allow);
	for (size_t i = from; i < c->n; i++)
		if (c->v[i].off == -1)
			c->v[i].off = (int16_t)(c->n - i - 1);
}

const struct bpf_insn *device_program(const struct plan_device_rules *rules, struct arena *a,
				      size_t *out_n)
{
	struct device_code c = {.a = a};
	bool decided = false;

	device_prologue(&c);
	for (size_t i = rules->n; i-- > 0 && !decided;) {
		const struct plan_device_rule *r = &rules->v[i];

		device_rule_code(&c, r);
		/* what comes before a rule for everything is never asked, and the kernel refuses
		 * such code */
		decided = r->type == 'a' && r->major < 0 && r->minor < 0 &&
			  r->access == PLAN_ACCESS_ALL;
	}
	if (!decided)
		device_return(&c, true);
	*out_n = c.n;
	return c.v;
}

static int device_fd_of(uint32_t id)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	return sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
}

static bool device_is_ours(int program)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)program;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) == 0 &&
	       strcmp(info.name, DEVICE_PROGRAM_NAME) == 0;
}

/* A descriptor of our program that is attached to dir itself, FD_NONE when there is none. */
static int device_attached(int dir)
{
	uint32_t ids[64] = {0}; /* the kernel's own limit */
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)dir;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = 64;
	if (sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr)) < 0)
		return FD_NONE;
	for (uint32_t i = 0; i < attr.query.prog_cnt; i++) {
		autoclose int fd = device_fd_of(ids[i]);
		if (fd >= 0 && device_is_ours(fd))
			return fd_take(&fd);
	}
	return FD_NONE;
}

bool device_is_attached(const struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++) {
		autoclose int fd = c->v[i].v2 ? device_attached(c->v[i].fd) : FD_NONE;
		if (fd >= 0)
			return true;
	}
	return false;
}

/* command: BPF_PROG_ATTACH or _DETACH. replaced: FD_NONE, or what is swapped for program. */
static int device_change(int command, int dir, int program, int replaced)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)dir;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	if (command == BPF_PROG_ATTACH)
		attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (replaced >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)replaced;
	}
	return sys_bpf(command, &attr, sizeof(attr));
}

int device_attach(int dir, const struct plan_device_rules *rules, bool bare, struct arena *a,
		  struct err *e)
{
	size_t n;
	const struct bpf_insn *code = device_program(rules, a, &n);
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)code;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uint64_t)(uintptr_t) "GPL";
	memcpy(attr.prog_name, DEVICE_PROGRAM_NAME, sizeof(DEVICE_PROGRAM_NAME)); /* 4.15 */
	autoclose int program = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	if (program < 0)
		return err_sys(e, -program, "linux.resources.devices: loading the device program");
	autoclose int old = bare ? FD_NONE : device_attached(dir);
	int r = device_change(BPF_PROG_ATTACH, dir, program, old);
	if (r == -EINVAL && old >= 0) { /* before 5.6: both hold for a moment */
		r = device_change(BPF_PROG_ATTACH, dir, program, FD_NONE);
		if (r >= 0)
			r = device_change(BPF_PROG_DETACH, dir, old, FD_NONE);
	}
	return r < 0 ? err_sys(e, -r, "linux.resources.devices: attaching the device program") : 0;
}
