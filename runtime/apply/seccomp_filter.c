/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "apply/seccomp.h"
#include "apply/seccomp_cache.h"
#include "apply/seccomp_enosys.h"
#include "libocispec/oci.h"

/* From about so many rules on a binary tree (libseccomp 2.5) is shorter to walk than a list. */
#define FILTER_TREE_RULES 32
#define FILTER_X32_BIT 0x40000000u
/* Instructions of the choice among n architectures. */
#define FILTER_DISPATCH(n) (2 * (n) + 5)

static const struct {
	enum oci_seccomp_arch arch;
	uint32_t scmp;
} filter_archs[] = {
	{OCI_ARCH_X86, SCMP_ARCH_X86},
	{OCI_ARCH_X86_64, SCMP_ARCH_X86_64},
	{OCI_ARCH_X32, SCMP_ARCH_X32},
	{OCI_ARCH_ARM, SCMP_ARCH_ARM},
	{OCI_ARCH_AARCH64, SCMP_ARCH_AARCH64},
#ifdef SCMP_ARCH_LOONGARCH64
	{OCI_ARCH_LOONGARCH64, SCMP_ARCH_LOONGARCH64},
#endif
#ifdef SCMP_ARCH_M68K
	{OCI_ARCH_M68K, SCMP_ARCH_M68K},
#endif
	{OCI_ARCH_MIPS, SCMP_ARCH_MIPS},
	{OCI_ARCH_MIPS64, SCMP_ARCH_MIPS64},
	{OCI_ARCH_MIPS64N32, SCMP_ARCH_MIPS64N32},
	{OCI_ARCH_MIPSEL, SCMP_ARCH_MIPSEL},
	{OCI_ARCH_MIPSEL64, SCMP_ARCH_MIPSEL64},
	{OCI_ARCH_MIPSEL64N32, SCMP_ARCH_MIPSEL64N32},
	{OCI_ARCH_PPC, SCMP_ARCH_PPC},
	{OCI_ARCH_PPC64, SCMP_ARCH_PPC64},
	{OCI_ARCH_PPC64LE, SCMP_ARCH_PPC64LE},
	{OCI_ARCH_S390, SCMP_ARCH_S390},
	{OCI_ARCH_S390X, SCMP_ARCH_S390X},
#ifdef SCMP_ARCH_SH
	{OCI_ARCH_SH, SCMP_ARCH_SH},
	{OCI_ARCH_SHEB, SCMP_ARCH_SHEB},
#endif
	{OCI_ARCH_PARISC, SCMP_ARCH_PARISC},
	{OCI_ARCH_PARISC64, SCMP_ARCH_PARISC64},
	{OCI_ARCH_RISCV64, SCMP_ARCH_RISCV64},
};

struct filter {
	const struct oci_seccomp *profile;
	scmp_filter_ctx ctx;
	uint32_t default_action;
	uint32_t arch[ARRAY_LEN(filter_archs) + 1]; /* the native one first */
	size_t n_arch;
	uint32_t bad_arch; /* the answer to any other */
	bool strict;	   /* unknown names are errors */
	size_t n_unknown;
};

static uint32_t filter_action(enum oci_seccomp_action action, const struct opt_u64 *err)
{
	uint32_t number = err->set ? (uint32_t)err->v : EPERM;

	switch (action) {
	case OCI_SECCOMP_KILL:
	case OCI_SECCOMP_KILL_THREAD:
		return SCMP_ACT_KILL_THREAD;
	case OCI_SECCOMP_KILL_PROCESS:
		return SCMP_ACT_KILL_PROCESS;
	case OCI_SECCOMP_TRAP:
		return SCMP_ACT_TRAP;
	case OCI_SECCOMP_ERRNO:
		return SCMP_ACT_ERRNO(number);
	case OCI_SECCOMP_TRACE:
		return SCMP_ACT_TRACE(number);
	case OCI_SECCOMP_ALLOW:
		return SCMP_ACT_ALLOW;
	case OCI_SECCOMP_LOG:
		return SCMP_ACT_LOG;
	case OCI_SECCOMP_NOTIFY:
		return SCMP_ACT_NOTIFY;
	case OCI_SECCOMP_NO_ACTION:
		break;
	}
	return SCMP_ACT_KILL_PROCESS;
}

static struct scmp_arg_cmp filter_compare(const struct oci_seccomp_arg *a)
{
	static const enum scmp_compare ops[] = {
		[OCI_SECCOMP_NE] = SCMP_CMP_NE,
		[OCI_SECCOMP_LT] = SCMP_CMP_LT,
		[OCI_SECCOMP_LE] = SCMP_CMP_LE,
		[OCI_SECCOMP_EQ] = SCMP_CMP_EQ,
		[OCI_SECCOMP_GE] = SCMP_CMP_GE,
		[OCI_SECCOMP_GT] = SCMP_CMP_GT,
		[OCI_SECCOMP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
	};

	/* MASKED_EQ: the value is the mask, the second one what has to be left */
	return (struct scmp_arg_cmp){(unsigned int)a->index.v, ops[a->op], a->value.v,
				     a->value_two.v};
}

static bool filter_repeats_index(const struct oci_syscall *s)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < s->n_args; i++) {
		if ((seen & (1u << s->args[i].index.v)) != 0)
			return true;
		seen |= 1u << s->args[i].index.v;
	}
	return false;
}

static int filter_add(scmp_filter_ctx ctx, uint32_t action, int nr, const struct oci_syscall *s)
{
	struct scmp_arg_cmp args[6];

	/* libseccomp takes one comparison an argument; with several of one, all are alternatives,
	 * as with the peers */
	if (filter_repeats_index(s)) {
		for (size_t i = 0; i < s->n_args; i++) {
			args[0] = filter_compare(&s->args[i]);
			int r = seccomp_rule_add_array(ctx, action, nr, 1, args);
			if (r < 0)
				return r;
		}
		return 0;
	}
	for (size_t i = 0; i < s->n_args && i < ARRAY_LEN(args); i++)
		args[i] = filter_compare(&s->args[i]);
	return seccomp_rule_add_array(ctx, action, nr, (unsigned int)s->n_args, args);
}

static int filter_rule(struct filter *f, size_t i, struct err *e)
{
	const struct oci_syscall *rule = &f->profile->syscalls[i];
	uint32_t action = filter_action(rule->action, &rule->errno_ret);

	if (action == f->default_action)
		return 0; /* says nothing, and libseccomp refuses it */
	for (size_t k = 0; k < rule->n_names; k++) {
		int nr = seccomp_syscall_resolve_name(rule->names[k]);
		if (nr == __NR_SCMP_ERROR) {
			f->n_unknown++;
			if (f->strict)
				return err_set(e, EINVAL,
					       "linux.seccomp.syscalls[%zu].names[%zu]: unknown "
					       "system call '%.80s'",
					       i, k, rule->names[k]);
			continue;
		}
		int r = filter_add(f->ctx, action, nr, rule);
		if (r == -EEXIST)
			return err_set(e, EINVAL,
				       "linux.seccomp.syscalls[%zu].args: '%s' with these "
				       "arguments has another action in "
				       "an earlier rule",
				       i, rule->names[k]);
		if (r < 0)
			return err_sys(e, -r, "linux.seccomp.syscalls[%zu]: rule for '%s'", i,
				       rule->names[k]);
	}
	return 0;
}

/* An architecture that no process of this machine can have is left out: its part of the program
 * would never run, and a profile may list all there are. */
static bool filter_runs_here(uint32_t native, uint32_t arch)
{
	switch (native) {
	case SCMP_ARCH_X86_64:
		return arch == SCMP_ARCH_X86 || arch == SCMP_ARCH_X32 || arch == SCMP_ARCH_X86_64;
	case SCMP_ARCH_AARCH64:
		return arch == SCMP_ARCH_ARM || arch == SCMP_ARCH_AARCH64;
	default:
		return true;
	}
}

static void filter_collect_archs(struct filter *f)
{
	uint32_t native = seccomp_arch_native();

	f->arch[f->n_arch++] = native;
	for (size_t i = 0; i < f->profile->n_architectures; i++)
		for (size_t k = 0; k < ARRAY_LEN(filter_archs); k++) {
			uint32_t arch = filter_archs[k].scmp;
			bool known = false;
			if (filter_archs[k].arch != f->profile->architectures[i])
				continue;
			for (size_t j = 0; j < f->n_arch; j++)
				known = known || f->arch[j] == arch;
			if (!known && filter_runs_here(native, arch))
				f->arch[f->n_arch++] = arch;
		}
}

static int filter_attributes(struct filter *f, struct err *e)
{
	size_t names = 0;

	for (size_t i = 0; i < f->profile->n_syscalls; i++)
		names += f->profile->syscalls[i].n_names;
	if (names > FILTER_TREE_RULES)
		(void)seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* int 0x80 and x32 without a rule of their own: the process, not only the thread */
	f->bad_arch = SCMP_ACT_KILL_PROCESS;
	int r = seccomp_attr_set(f->ctx, SCMP_FLTATR_ACT_BADARCH, f->bad_arch);
	if (r < 0) { /* before Linux 4.14 */
		f->bad_arch = SCMP_ACT_KILL_THREAD;
		r = seccomp_attr_set(f->ctx, SCMP_FLTATR_ACT_BADARCH, f->bad_arch);
	}
	return r < 0 ? err_sys(e, -r, "linux.seccomp: the answer to other architectures") : 0;
}

/* Writes the program behind the n instructions that slot has. */
static int filter_export(scmp_filter_ctx ctx, struct seccomp_slot *slot, unsigned int n,
			 struct err *e)
{
	size_t room = sizeof(slot->insn) - n * sizeof(slot->insn[0]), bytes = room;
#if SCMP_VER_MAJOR > 2 || (SCMP_VER_MAJOR == 2 && SCMP_VER_MINOR >= 6)
	int r = seccomp_export_bpf_mem(ctx, slot->insn + n, &bytes);

	if (r < 0 && r != -ERANGE)
		return err_sys(e, -r, "linux.seccomp: exporting the program");
	if (r == -ERANGE)
		bytes = room + 1;
#else
	autoclose int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_sys(e, errno, "memfd for the seccomp program");
	int r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return err_sys(e, -r, "linux.seccomp: exporting the program");
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "memfd for the seccomp program");
	bytes = (size_t)st.st_size;
	if (bytes <= room && pread(fd, slot->insn + n, bytes, 0) != (ssize_t)bytes)
		return err_sys(e, EIO, "memfd for the seccomp program");
#endif
	if (bytes > room)
		return err_set(e, E2BIG,
			       "linux.seccomp.syscalls: the rules take more than the %d "
			       "instructions of a program",
			       BPF_MAXINSNS);
	slot->n = n + (unsigned int)(bytes / sizeof(slot->insn[0]));
	return 0;
}

/* The rules for one architecture, behind the n instructions that slot has. */
static int filter_one_arch(struct filter *f, uint32_t arch, struct seccomp_slot *slot,
			   unsigned int n, struct err *e)
{
	f->ctx = seccomp_init(f->default_action);
	if (f->ctx == NULL)
		return err_set(e, EINVAL,
			       "linux.seccomp.defaultAction: '%s' is not known to libseccomp here",
			       oci_seccomp_action_name(f->profile->default_action));
	int r = 0;
	if (arch != seccomp_arch_native()) {
		r = seccomp_arch_add(f->ctx, arch);
		if (r == 0)
			r = seccomp_arch_remove(f->ctx, seccomp_arch_native());
		if (r < 0)
			(void)err_sys(e, -r, "linux.seccomp.architectures: architecture 0x%x",
				      arch);
	}
	if (r == 0)
		r = filter_attributes(f, e);
	f->n_unknown = 0;
	for (size_t i = 0; r == 0 && i < f->profile->n_syscalls; i++)
		r = filter_rule(f, i, e);
	if (r == 0)
		r = filter_export(f->ctx, slot, n, e);
	seccomp_release(f->ctx);
	return r;
}

static size_t filter_find_arch(const struct filter *f, uint32_t arch)
{
	size_t i = 0;

	while (i < f->n_arch && f->arch[i] != arch)
		i++;
	return i;
}

/* Leads from the architecture of a call to its own program; start[] is where they are. out has room
 * for FILTER_DISPATCH() instructions, from `at` on. */
static void filter_dispatch(const struct filter *f, const unsigned int *start,
			    struct sock_filter *out, unsigned int at)
{
	const size_t x32 = filter_find_arch(f, SCMP_ARCH_X32);
	unsigned int n = 0;

#define FILTER_GO(i) (struct sock_filter) BPF_STMT(BPF_JMP | BPF_JA, start[i] - (at + n) - 1)
	out[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < f->n_arch; i++) {
		if (i == x32)
			continue;
		/* the audit architecture of x32 is that of x86-64 */
		bool both = f->arch[i] == SCMP_ARCH_X86_64 && x32 < f->n_arch;
		out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, f->arch[i], 0,
							both ? 4 : 1);
		if (both) {
			out[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
								offsetof(struct seccomp_data, nr));
			out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
								FILTER_X32_BIT, 0, 1);
			out[n] = FILTER_GO(x32);
			n++;
		}
		out[n] = FILTER_GO(i);
		n++;
	}
#undef FILTER_GO
	while (n < FILTER_DISPATCH(f->n_arch)) /* the answer to all others, also as filling */
		out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, f->bad_arch);
}

/*
 * A program for each architecture and a few instructions that choose one. libseccomp can do all of
 * them in one, but takes time with the square of the rules: three times as long for the default
 * profile of podman with the three architectures of an x86-64 machine.
 */
static int filter_build(struct filter *f, struct seccomp_slot *slot, struct err *e)
{
	unsigned int start[ARRAY_LEN(f->arch)], n = 0;
	int r = 0;

	filter_collect_archs(f);
	_Static_assert(SECCOMP_ENOSYS_MAX(ARRAY_LEN(f->arch)) < 250, "jumps of 8 bits");
	/* a default that is ENOSYS already needs no help */
	if ((f->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
	    f->default_action != SCMP_ACT_ERRNO(ENOSYS))
		n = seccomp_enosys(f->profile, f->arch, f->n_arch, slot->insn);
	if (f->n_arch == 1)
		return filter_one_arch(f, f->arch[0], slot, n, e);
	unsigned int dispatch = n;
	n += FILTER_DISPATCH((unsigned int)f->n_arch);
	for (size_t i = 0; r == 0 && i < f->n_arch; i++) {
		start[i] = n;
		r = filter_one_arch(f, f->arch[i], slot, n, e);
		n = slot->n;
	}
	if (r < 0) {
		slot->n = 0;
		return r;
	}
	filter_dispatch(f, start, slot->insn + dispatch, dispatch);
	return 0;
}

int seccomp_compile(const struct plan *p, int cache, struct seccomp_slot *slot, struct err *e)
{
	const struct oci_seccomp *s = p->seccomp.profile;
	struct filter f = {
		.profile = s,
		.default_action = filter_action(s->default_action, &s->default_errno_ret),
		.strict = seccomp_is_strict(p),
	};
	int r = filter_build(&f, slot, e);

	if (r < 0)
		return r;
	seccomp_warn_unknown(f.n_unknown);
	seccomp_cache_store(p, cache, slot, f.n_unknown);
	return 0;
}
