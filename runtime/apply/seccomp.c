/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/seccomp.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "apply/seccomp_cache.h"
#include "base/log.h"
#include "libocispec/oci.h"
#include "sys/sys.h"

/* x32 calls of an x86-64 kernel have this bit in their number. */
#define SECCOMP_X32_BIT 0x40000000u
/* Above the highest number of any architecture for years to come; the search goes down from here. */
#define SECCOMP_TOP_NR 1024
/* libseccomp(3), SCMP_FLTATR_CTL_OPTIMIZE 2: a binary tree pays from about here on. */
#define SECCOMP_TREE_RULES 32

static const struct {
	enum oci_seccomp_arch arch;
	uint32_t scmp;
} seccomp_archs[] = {
	{OCI_ARCH_X86, SCMP_ARCH_X86},		 {OCI_ARCH_X86_64, SCMP_ARCH_X86_64},
	{OCI_ARCH_X32, SCMP_ARCH_X32},		 {OCI_ARCH_ARM, SCMP_ARCH_ARM},
	{OCI_ARCH_AARCH64, SCMP_ARCH_AARCH64},	 {OCI_ARCH_MIPS, SCMP_ARCH_MIPS},
	{OCI_ARCH_MIPS64, SCMP_ARCH_MIPS64},	 {OCI_ARCH_MIPS64N32, SCMP_ARCH_MIPS64N32},
	{OCI_ARCH_MIPSEL, SCMP_ARCH_MIPSEL},	 {OCI_ARCH_MIPSEL64, SCMP_ARCH_MIPSEL64},
	{OCI_ARCH_MIPSEL64N32, SCMP_ARCH_MIPSEL64N32}, {OCI_ARCH_PPC, SCMP_ARCH_PPC},
	{OCI_ARCH_PPC64, SCMP_ARCH_PPC64},	 {OCI_ARCH_PPC64LE, SCMP_ARCH_PPC64LE},
	{OCI_ARCH_S390, SCMP_ARCH_S390},	 {OCI_ARCH_S390X, SCMP_ARCH_S390X},
	{OCI_ARCH_PARISC, SCMP_ARCH_PARISC},	 {OCI_ARCH_PARISC64, SCMP_ARCH_PARISC64},
	{OCI_ARCH_RISCV64, SCMP_ARCH_RISCV64},
};

int seccomp_slot_new(const struct plan *p, struct seccomp_slot **out, struct err *e)
{
	*out = NULL;
	if (p->seccomp.profile == NULL)
		return 0;
	void *m = mmap(NULL, sizeof(**out), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		return err_sys(e, errno, "memory for the seccomp program");
	*out = m;
	(*out)->listener = -1;
	return 0;
}

static uint32_t seccomp_action(enum oci_seccomp_action action, const struct opt_u64 *err)
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

static struct scmp_arg_cmp seccomp_compare(const struct oci_seccomp_arg *a)
{
	static const enum scmp_compare ops[] = {
		[OCI_SECCOMP_NE] = SCMP_CMP_NE, [OCI_SECCOMP_LT] = SCMP_CMP_LT, [OCI_SECCOMP_LE] = SCMP_CMP_LE,
		[OCI_SECCOMP_EQ] = SCMP_CMP_EQ, [OCI_SECCOMP_GE] = SCMP_CMP_GE, [OCI_SECCOMP_GT] = SCMP_CMP_GT,
		[OCI_SECCOMP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
	};

	/* MASKED_EQ: the value is the mask, the second one what has to be left */
	return (struct scmp_arg_cmp){(unsigned int)a->index.v, ops[a->op], a->value.v, a->value_two.v};
}

static bool seccomp_has_repeated_index(const struct oci_syscall *s)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < s->n_args; i++) {
		if ((seen & (1u << s->args[i].index.v)) != 0)
			return true;
		seen |= 1u << s->args[i].index.v;
	}
	return false;
}

static int seccomp_add(scmp_filter_ctx f, uint32_t action, int nr, const struct oci_syscall *s)
{
	struct scmp_arg_cmp args[6];

	/* libseccomp takes one comparison an argument; several of one are alternatives, as with the peers */
	if (seccomp_has_repeated_index(s)) {
		for (size_t i = 0; i < s->n_args; i++) {
			args[0] = seccomp_compare(&s->args[i]);
			int r = seccomp_rule_add_array(f, action, nr, 1, args);
			if (r < 0 && r != -EEXIST)
				return r;
		}
		return 0;
	}
	for (size_t i = 0; i < s->n_args && i < ARRAY_LEN(args); i++)
		args[i] = seccomp_compare(&s->args[i]);
	int r = seccomp_rule_add_array(f, action, nr, (unsigned int)s->n_args, args);
	return r == -EEXIST ? 0 : r;
}

static bool seccomp_is_strict(const struct plan *p)
{
	for (size_t i = 0; i < p->n_annotation; i++)
		if (strcmp(p->annotation[i].key, "run.oci.seccomp_fail_unknown_syscall") == 0)
			return strcmp(p->annotation[i].value, "0") != 0;
	return false;
}

static int seccomp_rules(const struct plan *p, scmp_filter_ctx f, uint32_t default_action, struct err *e)
{
	const struct oci_seccomp *s = p->seccomp.profile;
	size_t unknown = 0;

	for (size_t i = 0; i < s->n_syscalls; i++) {
		const struct oci_syscall *rule = &s->syscalls[i];
		uint32_t action = seccomp_action(rule->action, &rule->errno_ret);

		if (action == default_action)
			continue; /* says nothing, and libseccomp refuses it */
		for (size_t k = 0; k < rule->n_names; k++) {
			int nr = seccomp_syscall_resolve_name(rule->names[k]);
			if (nr == __NR_SCMP_ERROR && seccomp_is_strict(p))
				return err_set(e, EINVAL, "linux.seccomp.syscalls[%zu].names[%zu]: unknown system call '%s'", i, k,
					       rule->names[k]);
			if (nr == __NR_SCMP_ERROR) {
				unknown++;
				continue;
			}
			int r = seccomp_add(f, action, nr, rule);
			if (r < 0)
				return err_sys(e, -r, "linux.seccomp.syscalls[%zu]: rule for '%s'", i, rule->names[k]);
		}
	}
	if (unknown > 0)
		log_debug("linux.seccomp: %zu names of system calls are unknown to libseccomp here and left out", unknown);
	return 0;
}

static int seccomp_add_archs(const struct oci_seccomp *s, scmp_filter_ctx f, struct err *e)
{
	for (size_t i = 0; i < s->n_architectures; i++)
		for (size_t k = 0; k < ARRAY_LEN(seccomp_archs); k++) {
			if (seccomp_archs[k].arch != s->architectures[i])
				continue;
			int r = seccomp_arch_add(f, seccomp_archs[k].scmp);
			if (r < 0 && r != -EEXIST)
				return err_sys(e, -r, "linux.seccomp.architectures[%zu]: '%s'", i,
					       oci_seccomp_arch_name(s->architectures[i]));
		}
	return 0;
}

/* ---- the answer ENOSYS for system calls newer than libseccomp ---- */

static unsigned int seccomp_highest(uint32_t arch)
{
	for (int nr = SECCOMP_TOP_NR; nr > 0; nr--) {
		char *name = seccomp_syscall_resolve_num_arch(arch, nr);
		if (name == NULL)
			continue;
		free(name);
		return (unsigned int)nr;
	}
	return 0;
}

/*
 * glibc falls back to an older call on ENOSYS and gives up on EPERM, which is what a profile's default answers for
 * calls it has never heard of. So a number above all that libseccomp knows is answered with ENOSYS, before the
 * filter proper. Only for the native architecture: x32 and 32-bit numbers are other tables.
 */
static unsigned int seccomp_enosys(struct sock_filter *out, uint32_t default_action)
{
	uint32_t arch = seccomp_arch_native();
	unsigned int top = seccomp_highest(arch);
	const unsigned int nr_at = offsetof(struct seccomp_data, nr), arch_at = offsetof(struct seccomp_data, arch);

	if ((default_action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO || top == 0)
		return 0;
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, arch_at),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, nr_at),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SECCOMP_X32_BIT, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, top, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	memcpy(out, code, sizeof(code));
	return ARRAY_LEN(code);
}

/* libseccomp writes a program to a descriptor only. */
static int seccomp_export(scmp_filter_ctx f, struct seccomp_slot *slot, unsigned int n, struct err *e)
{
	autoclose int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_sys(e, errno, "memfd for the seccomp program");
	int r = seccomp_export_bpf(f, fd);
	if (r < 0)
		return err_sys(e, -r, "linux.seccomp: exporting the program");
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "memfd for the seccomp program");
	size_t bytes = (size_t)st.st_size;
	if (n * sizeof(slot->insn[0]) + bytes > sizeof(slot->insn))
		return err_set(e, E2BIG, "linux.seccomp: the program has more than %d instructions", BPF_MAXINSNS);
	if (pread(fd, slot->insn + n, bytes, 0) != (ssize_t)bytes)
		return err_sys(e, EIO, "memfd for the seccomp program");
	slot->n = n + (unsigned int)(bytes / sizeof(slot->insn[0]));
	return 0;
}

int seccomp_compile(const struct plan *p, int cache, struct seccomp_slot *slot, struct err *e)
{
	const struct oci_seccomp *s = p->seccomp.profile;
	uint32_t action = seccomp_action(s->default_action, &s->default_errno_ret);
	scmp_filter_ctx f = seccomp_init(action);

	if (f == NULL)
		return err_set(e, EINVAL, "linux.seccomp.defaultAction: '%s' is not known to libseccomp here",
			       oci_seccomp_action_name(s->default_action));
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);
	if (s->n_syscalls > SECCOMP_TREE_RULES)
		(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	int r = seccomp_add_archs(s, f, e);
	if (r == 0)
		r = seccomp_rules(p, f, action, e);
	if (r == 0)
		r = seccomp_export(f, slot, seccomp_enosys(slot->insn, action), e);
	seccomp_release(f);
	if (r == 0)
		seccomp_cache_store(p, cache, slot);
	return r;
}

int seccomp_install(const struct plan *p, struct seccomp_slot *slot, struct err *e)
{
	struct sock_fprog program = {.len = (unsigned short)slot->n, .filter = slot->insn};
	unsigned int flags = p->seccomp.flags;

	if (p->seccomp.notify)
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int r = sys_seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
	/* only the flag we added ourselves may be dropped for an old kernel */
	if (r == -EINVAL && p->seccomp.profile->flags == NULL)
		r = sys_seccomp(SECCOMP_SET_MODE_FILTER, flags & ~(unsigned int)SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
	if (r < 0)
		return err_sys(e, -r, "linux.seccomp: loading the program");
	if (p->seccomp.notify)
		__atomic_store_n(&slot->listener, r, __ATOMIC_RELEASE);
	return 0;
}
