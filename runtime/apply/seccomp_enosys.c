/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/seccomp_enosys.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>

#include "libocispec/oci.h"

/* x32 calls of an x86-64 kernel have this bit in their number. */
#define ENOSYS_X32_BIT 0x40000000u
/* The last number before Linux 5.1, from which on all architectures count together (403 is
 * clock_gettime64 of the 32-bit ones, 424 pidfd_send_signal of all). */
#define ENOSYS_OLD_NR 402u

/* Targets of jumps that are not known yet; no jump is that long. */
#define ENOSYS_TO_ANSWER 254
#define ENOSYS_TO_FILTER 255

/* Where the architecture's table starts. */
static uint32_t enosys_base(uint32_t arch)
{
	switch (arch) {
	case SCMP_ARCH_X32:
		return ENOSYS_X32_BIT;
	case SCMP_ARCH_MIPS:
	case SCMP_ARCH_MIPSEL:
		return 4000;
	case SCMP_ARCH_MIPS64:
	case SCMP_ARCH_MIPSEL64:
		return 5000;
	case SCMP_ARCH_MIPS64N32:
	case SCMP_ARCH_MIPSEL64N32:
		return 6000;
	default:
		return 0;
	}
}

static uint32_t enosys_newest(const struct oci_seccomp *s, uint32_t arch)
{
	uint32_t newest = enosys_base(arch) + ENOSYS_OLD_NR;

	for (size_t i = 0; i < s->n_syscalls; i++)
		for (size_t k = 0; k < s->syscalls[i].n_names; k++) {
			/* negative: unknown, or a call that this architecture does not have */
			int nr = seccomp_syscall_resolve_name_arch(arch, s->syscalls[i].names[k]);
			if (nr >= 0 && (uint32_t)nr > newest)
				newest = (uint32_t)nr;
		}
	return newest;
}

static bool enosys_has(const uint32_t *archs, size_t n, uint32_t arch)
{
	for (size_t i = 0; i < n; i++)
		if (archs[i] == arch)
			return true;
	return false;
}

/* One architecture: loads the number, answers or goes to the filter. Returns the instructions
 * written. */
static unsigned int enosys_arch(const struct oci_seccomp *s, uint32_t arch, bool x32,
				struct sock_filter *out)
{
	const struct sock_filter newer = BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, enosys_newest(s, arch),
						  ENOSYS_TO_ANSWER, ENOSYS_TO_FILTER);
	unsigned int n = 0;

	out[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						offsetof(struct seccomp_data, nr));
	if (arch != SCMP_ARCH_X86_64) {
		out[n++] = newer;
		return n;
	}
	/* the audit architecture of x32 is that of x86-64; without x32 the filter's own test kills
	 * it */
	out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ENOSYS_X32_BIT,
						x32 ? 1 : ENOSYS_TO_FILTER, 0);
	out[n++] = newer;
	if (x32)
		out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K,
							enosys_newest(s, SCMP_ARCH_X32),
							ENOSYS_TO_ANSWER, ENOSYS_TO_FILTER);
	return n;
}

static uint8_t enosys_distance(uint8_t target, unsigned int from, unsigned int answer)
{
	if (target == ENOSYS_TO_ANSWER)
		return (uint8_t)(answer - from - 1);
	return target == ENOSYS_TO_FILTER ? (uint8_t)(answer - from) : target;
}

unsigned int seccomp_enosys(const struct oci_seccomp *s, const uint32_t *archs, size_t n_archs,
			    struct sock_filter *out)
{
	unsigned int n = 0;

	out[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < n_archs; i++) {
		if (archs[i] == SCMP_ARCH_X32)
			continue;
		unsigned int test = n++;
		unsigned int body = enosys_arch(s, archs[i],
						enosys_has(archs, n_archs, SCMP_ARCH_X32), out + n);
		out[test] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, archs[i], 0,
							 (uint8_t)body);
		n += body;
	}
	out[n++] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1);
	for (unsigned int i = 1; i < n - 1; i++) {
		out[i].jt = enosys_distance(out[i].jt, i, n);
		out[i].jf = enosys_distance(out[i].jf, i, n);
	}
	out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	return n;
}
