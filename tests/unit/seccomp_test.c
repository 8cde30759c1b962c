/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process_fixture.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "apply/seccomp.h"

#define PROFILE(body) "'linux':{'seccomp':{" body "}}"
#define DENY "'defaultAction':'SCMP_ACT_ERRNO'"
#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))
#define AMD64_NR(name) seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name)
#define I386_NR(name) seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, name)

/* ---- what the kernel does with a program: classic BPF, as far as the kernel admits it for filters
 * ---- */

static uint32_t alu(uint16_t code, uint32_t a, uint32_t operand)
{
	switch (BPF_OP(code)) {
	case BPF_AND:
		return a & operand;
	case BPF_OR:
		return a | operand;
	case BPF_RSH:
		return a >> operand;
	case BPF_LSH:
		return a << operand;
	default:
		cr_assert_fail("instruction 0x%x", code);
	}
	return 0;
}

static bool jumps(uint16_t code, uint32_t a, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	case BPF_JSET:
		return (a & k) != 0;
	default:
		cr_assert_fail("instruction 0x%x", code);
	}
	return false;
}

static uint32_t run(const struct seccomp_slot *s, const struct seccomp_data *d)
{
	uint32_t a = 0, mem[BPF_MEMWORDS] = {0};

	for (unsigned int pc = 0; pc < s->n; pc++) {
		const struct sock_filter *i = &s->insn[pc];
		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			if (BPF_MODE(i->code) == BPF_MEM) {
				a = mem[i->k];
				break;
			}
			cr_assert_eq(BPF_MODE(i->code), BPF_ABS);
			cr_assert_leq(i->k + 4, sizeof(*d));
			memcpy(&a, (const char *)d + i->k, 4);
			break;
		case BPF_ST:
			mem[i->k] = a;
			break;
		case BPF_ALU:
			a = alu(i->code, a, i->k);
			break;
		case BPF_JMP:
			pc += BPF_OP(i->code) == BPF_JA ? i->k
			      : jumps(i->code, a, i->k) ? i->jt
							: i->jf;
			break;
		case BPF_RET:
			return i->k;
		default:
			cr_assert_fail("instruction 0x%x", i->code);
		}
	}
	cr_assert_fail("the program runs off its end");
	return 0;
}

static uint32_t call(const struct seccomp_slot *s, uint32_t arch, int nr, uint64_t arg0,
		     uint64_t arg1)
{
	struct seccomp_data d = {.nr = nr, .arch = arch, .args = {arg0, arg1}};

	return run(s, &d);
}

static uint32_t amd64(const struct seccomp_slot *s, const char *name, uint64_t arg0)
{
	int nr = AMD64_NR(name);

	cr_assert_geq(nr, 0, "%s", name);
	return call(s, AUDIT_ARCH_X86_64, nr, arg0, 0);
}

static bool native_is_amd64(void)
{
	if (seccomp_arch_native() == SCMP_ARCH_X86_64)
		return true;
	cr_log_warn("skipped: the sample calls are those of x86-64");
	return false;
}

static void slot_done(struct seccomp_slot **s)
{
	if (*s != NULL)
		(void)munmap(*s, sizeof(**s));
}

#define COMPILE(f, slot, body)                                                                     \
	FIXTURE(f, PROFILE(body));                                                                 \
	__attribute__((cleanup(slot_done))) struct seccomp_slot *slot = NULL;                      \
	BUILDS(f, plan_seccomp_build);                                                             \
	cr_assert_eq(seccomp_slot_new(&f.plan, &slot, &f.e), 0);                                   \
	cr_assert_eq(seccomp_compile(&f.plan, FD_NONE, slot, &f.e), 0, "%s", f.e.text)

/* ---- planning ---- */

Test(seccomp, a_bad_profile_names_its_field)
{
#define RULE(r) PROFILE(DENY ",'syscalls':[{" r "}]")
	REFUSES(PROFILE("'defaultAction':'SCMP_ACT_NOTIFY'"), plan_seccomp_build,
		"linux.seccomp.defaultAction");
	REFUSES(PROFILE(DENY ",'defaultErrnoRet':4096"), plan_seccomp_build,
		"linux.seccomp.defaultErrnoRet");
	REFUSES(PROFILE("'defaultAction':'SCMP_ACT_ALLOW','defaultErrnoRet':1"), plan_seccomp_build,
		"linux.seccomp.defaultErrnoRet");
	REFUSES(PROFILE(DENY ",'flags':['X']"), plan_seccomp_build, "linux.seccomp.flags[0]");
	REFUSES(RULE("'names':['read'],'action':'SCMP_ACT_NOTIFY'"), plan_seccomp_build,
		"linux.seccomp.listenerPath");
	REFUSES(PROFILE(DENY ",'listenerPath':'x','syscalls':[{'names':['read'],'action':'SCMP_ACT_"
			     "NOTIFY'}]"),
		plan_seccomp_build, "linux.seccomp.listenerPath: must be an absolute path");
	REFUSES(RULE("'names':['read'],'action':'SCMP_ACT_ERRNO','errnoRet':4096"),
		plan_seccomp_build, "linux.seccomp.syscalls[0].errnoRet");
	REFUSES(RULE("'names':['read'],'action':'SCMP_ACT_ALLOW','errnoRet':1"), plan_seccomp_build,
		"linux.seccomp.syscalls[0].errnoRet");
	REFUSES(RULE("'names':['read',''],'action':'SCMP_ACT_ALLOW'"), plan_seccomp_build,
		"linux.seccomp.syscalls[0].names[1]");
	REFUSES(RULE("'names':['read'],'action':'SCMP_ACT_ALLOW','args':[{'index':6,'value':0,'op':"
		     "'SCMP_CMP_EQ'}]"),
		plan_seccomp_build, "linux.seccomp.syscalls[0].args[0].index");
}

Test(seccomp, a_listener_nobody_speaks_to_is_ignored)
{
	FIXTURE(f, PROFILE(DENY ",'listenerPath':'x','listenerMetadata':'y'"));
	BUILDS(f, plan_seccomp_build);
	cr_assert_not(f.plan.seccomp.notify);
	cr_assert_null(f.plan.seccomp.listener_path);
}

Test(seccomp, flags)
{
	FIXTURE(absent, PROFILE(DENY));
	BUILDS(absent, plan_seccomp_build);
	cr_assert_eq(absent.plan.seccomp.flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	FIXTURE(empty, PROFILE(DENY ",'flags':[]"));
	BUILDS(empty, plan_seccomp_build);
	cr_assert_eq(empty.plan.seccomp.flags, 0);
	FIXTURE(some,
		PROFILE(DENY ",'flags':['SECCOMP_FILTER_FLAG_LOG','SECCOMP_FILTER_FLAG_TSYNC',"
			     "'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']"));
	BUILDS(some, plan_seccomp_build);
	cr_assert_eq(some.plan.seccomp.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC);
}

/* ---- programs ---- */

Test(seccomp, an_allow_list_with_architectures)
{
	if (!native_is_amd64())
		return;
	COMPILE(f, s,
		DENY
		",'architectures':['SCMP_ARCH_X86_64','SCMP_ARCH_X86','SCMP_ARCH_X32'],'syscalls':["
		"{'names':['read','write','openat2','no_such_call'],'action':'SCMP_ACT_ALLOW'},"
		"{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errnoRet':13},"
		"{'names':['keyctl'],'action':'SCMP_ACT_KILL_PROCESS'},{'names':['ptrace'],'action'"
		":'SCMP_ACT_TRAP'},"
		"{'names':['bpf'],'action':'SCMP_ACT_LOG'},{'names':['acct'],'action':'SCMP_ACT_"
		"TRACE','errnoRet':9},"
		"{'names':['reboot'],'action':'SCMP_ACT_KILL'}]");
	cr_assert_eq(amd64(s, "read", 0), SECCOMP_RET_ALLOW);
	cr_assert_eq(amd64(s, "openat2", 0), SECCOMP_RET_ALLOW);
	cr_assert_eq(amd64(s, "mkdir", 0), ERRNO(13));
	cr_assert_eq(amd64(s, "keyctl", 0), SECCOMP_RET_KILL_PROCESS);
	cr_assert_eq(amd64(s, "ptrace", 0) & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_TRAP);
	cr_assert_eq(amd64(s, "bpf", 0), SECCOMP_RET_LOG);
	cr_assert_eq(amd64(s, "acct", 0), SECCOMP_RET_TRACE | 9);
	cr_assert_eq(amd64(s, "reboot", 0), SECCOMP_RET_KILL_THREAD);
	cr_assert_eq(amd64(s, "chroot", 0), ERRNO(EPERM));
	cr_assert_eq(call(s, AUDIT_ARCH_I386, I386_NR("read"), 0, 0), SECCOMP_RET_ALLOW);
	cr_assert_eq(call(s, AUDIT_ARCH_I386, I386_NR("mkdir"), 0, 0), ERRNO(13));
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, 0x40000000, 0, 0), SECCOMP_RET_ALLOW,
		     "read of x32");
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, 0x40000000 | AMD64_NR("mkdir"), 0, 0), ERRNO(13));
	cr_assert_eq(call(s, AUDIT_ARCH_AARCH64, 63, 0, 0), SECCOMP_RET_KILL_PROCESS);
}

Test(seccomp, other_architectures_are_killed_without_a_list)
{
	if (!native_is_amd64())
		return;
	COMPILE(f, s, DENY ",'syscalls':[{'names':['read'],'action':'SCMP_ACT_ALLOW'}]");
	cr_assert_eq(amd64(s, "read", 0), SECCOMP_RET_ALLOW);
	cr_assert_eq(call(s, AUDIT_ARCH_I386, I386_NR("read"), 0, 0), SECCOMP_RET_KILL_PROCESS);
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, 0x40000000, 0, 0), SECCOMP_RET_KILL_PROCESS);
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, 0x40000000 | 900, 0, 0), SECCOMP_RET_KILL_PROCESS);
}

Test(seccomp, calls_newer_than_the_profile_are_absent)
{
	if (!native_is_amd64())
		return;
	COMPILE(f, s,
		DENY ",'architectures':['SCMP_ARCH_X86','SCMP_ARCH_X32'],'syscalls':["
		     "{'names':['read','pidfd_open'],'action':'SCMP_ACT_ALLOW'}]");
	int top = AMD64_NR("pidfd_open"); /* 434 everywhere */
	cr_assert_eq(top, 434);
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, top, 0, 0), SECCOMP_RET_ALLOW);
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, top - 1, 0, 0), ERRNO(EPERM));
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, top + 1, 0, 0), ERRNO(ENOSYS));
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, 4000, 0, 0), ERRNO(ENOSYS));
	cr_assert_eq(call(s, AUDIT_ARCH_I386, top, 0, 0), SECCOMP_RET_ALLOW);
	cr_assert_eq(call(s, AUDIT_ARCH_I386, top + 1, 0, 0), ERRNO(ENOSYS));
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, 0x40000000 | top, 0, 0), SECCOMP_RET_ALLOW);
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, 0x40000000 | (top + 1), 0, 0), ERRNO(ENOSYS));
	/* short profiles do not make the calls of an old kernel look absent */
	COMPILE(g, t, DENY ",'syscalls':[{'names':['read'],'action':'SCMP_ACT_ALLOW'}]");
	cr_assert_eq(amd64(t, "rseq", 0), ERRNO(EPERM));
	cr_assert_eq(amd64(t, "pidfd_open", 0), ERRNO(ENOSYS));
}

Test(seccomp, other_defaults_stay_as_they_are_for_new_calls)
{
	if (!native_is_amd64())
		return;
	COMPILE(f, s,
		"'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['mkdir'],'action':'SCMP_"
		"ACT_ERRNO'}]");
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, 4000, 0, 0), SECCOMP_RET_ALLOW);
	cr_assert_eq(amd64(s, "mkdir", 0), ERRNO(EPERM));
	COMPILE(g, t,
		"'defaultAction':'SCMP_ACT_KILL_PROCESS','syscalls':[{'names':['read'],'action':'"
		"SCMP_ACT_ALLOW'}]");
	cr_assert_eq(call(t, AUDIT_ARCH_X86_64, 4000, 0, 0), SECCOMP_RET_KILL_PROCESS);
}

Test(seccomp, comparisons)
{
	static const struct {
		const char *op;
		uint64_t hit, miss;
	} cases[] = {
		/* against 0x100000005: both halves matter (CVE-2019-9893) */
		{"SCMP_CMP_EQ", 0x100000005, 5},
		{"SCMP_CMP_NE", 5, 0x100000005},
		{"SCMP_CMP_LT", 0xffffffff, 0x100000005},
		{"SCMP_CMP_LT", 0x100000004, 0x100000006},
		{"SCMP_CMP_LE", 0x100000005, 0x100000006},
		{"SCMP_CMP_GE", 0x100000005, 0xffffffff},
		{"SCMP_CMP_GT", 0x200000000, 0x100000005},
		{"SCMP_CMP_GT", 0x100000006, 6},
	};

	if (!native_is_amd64())
		return;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char body[512];
		(void)snprintf(
			body, sizeof(body),
			PROFILE(DENY
				",'syscalls':[{'names':['personality'],'action':'SCMP_ACT_ALLOW',"
				"'args':[{'index':0,'value':4294967301,'op':'%s'}]}]"),
			cases[i].op);
		FIXTURE(f, body);
		__attribute__((cleanup(slot_done))) struct seccomp_slot *s = NULL;
		BUILDS(f, plan_seccomp_build);
		cr_assert_eq(seccomp_slot_new(&f.plan, &s, &f.e), 0);
		cr_assert_eq(seccomp_compile(&f.plan, FD_NONE, s, &f.e), 0, "%s", f.e.text);
		cr_assert_eq(amd64(s, "personality", cases[i].hit), SECCOMP_RET_ALLOW, "%zu %s", i,
			     cases[i].op);
		cr_assert_eq(amd64(s, "personality", cases[i].miss), ERRNO(EPERM), "%zu %s", i,
			     cases[i].op);
	}
	/* clone without new namespaces, as the default profiles have it */
	COMPILE(f, s,
		DENY
		",'syscalls':[{'names':['clone'],'action':'SCMP_ACT_ALLOW',"
		"'args':[{'index':0,'value':2114060288,'valueTwo':0,'op':'SCMP_CMP_MASKED_EQ'}]}]");
	cr_assert_eq(amd64(s, "clone", 0x11), SECCOMP_RET_ALLOW);
	cr_assert_eq(amd64(s, "clone", 0x10000011), ERRNO(EPERM));
}

Test(seccomp, arguments_of_one_index_are_alternatives_of_several_all_needed)
{
	if (!native_is_amd64())
		return;
	COMPILE(f, s,
		DENY ",'syscalls':[{'names':['socket'],'action':'SCMP_ACT_ALLOW','args':["
		     "{'index':0,'value':1,'op':'SCMP_CMP_EQ'},{'index':0,'value':2,'op':'SCMP_CMP_"
		     "EQ'}]},"
		     "{'names':['socketpair'],'action':'SCMP_ACT_ALLOW','args':["
		     "{'index':0,'value':1,'op':'SCMP_CMP_EQ'},{'index':1,'value':2,'op':'SCMP_CMP_"
		     "EQ'}]}]");
	cr_assert_eq(amd64(s, "socket", 1), SECCOMP_RET_ALLOW);
	cr_assert_eq(amd64(s, "socket", 2), SECCOMP_RET_ALLOW);
	cr_assert_eq(amd64(s, "socket", 3), ERRNO(EPERM));
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, AMD64_NR("socketpair"), 1, 2), SECCOMP_RET_ALLOW);
	cr_assert_eq(call(s, AUDIT_ARCH_X86_64, AMD64_NR("socketpair"), 1, 3), ERRNO(EPERM));
}

Test(seccomp, the_tree_answers_as_the_list_does)
{
	char *names = calloc(1, 65536);

	if (!native_is_amd64() || names == NULL)
		return;
	/* every second call of the old table is allowed: far more than a list's 32 */
	for (int nr = 0; nr < 300; nr += 2) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);
		cr_assert_not_null(name, "%d", nr);
		(void)snprintf(names + strlen(names), 65536 - strlen(names), "%s'%s'",
			       *names != '\0' ? "," : "", name);
		free(name);
	}
	FIXTURE(f,
		arena_printf(&f.arena,
			     PROFILE(DENY ",'syscalls':[{'action':'SCMP_ACT_ALLOW','names':[%s]}]"),
			     names));
	free(names);
	__attribute__((cleanup(slot_done))) struct seccomp_slot *s = NULL;
	BUILDS(f, plan_seccomp_build);
	cr_assert_eq(seccomp_slot_new(&f.plan, &s, &f.e), 0);
	cr_assert_eq(seccomp_compile(&f.plan, FD_NONE, s, &f.e), 0, "%s", f.e.text);
	for (int nr = 0; nr < 300; nr++)
		cr_assert_eq(call(s, AUDIT_ARCH_X86_64, nr, 0, 0),
			     nr % 2 == 0 ? SECCOMP_RET_ALLOW : ERRNO(EPERM), "%d", nr);
}

Test(seccomp, unknown_names_and_contradictions)
{
#define UNKNOWN DENY ",'syscalls':[{'names':['no_such_call'],'action':'SCMP_ACT_ALLOW'}]"
	static const char *const bad[][2] = {
		{PROFILE(UNKNOWN) ",'annotations':{'run.oci.seccomp_fail_unknown_syscall':'1'}",
		 "linux.seccomp.syscalls[0].names[0]: unknown system call 'no_such_call'"},
		{PROFILE(DENY
			 ",'syscalls':[{'names':['personality'],'action':'SCMP_ACT_ALLOW','args':["
			 "{'index':0,'value':1,'op':'SCMP_CMP_EQ'}]},{'names':['personality'],'"
			 "action':'SCMP_ACT_TRAP',"
			 "'args':[{'index':0,'value':1,'op':'SCMP_CMP_EQ'}]}]"),
		 "linux.seccomp.syscalls[1].args"},
	};
	COMPILE(f, ignored, UNKNOWN);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		FIXTURE(g, bad[i][0]);
		__attribute__((cleanup(slot_done))) struct seccomp_slot *s = NULL;
		BUILDS(g, plan_seccomp_build);
		cr_assert_eq(seccomp_slot_new(&g.plan, &s, &g.e), 0);
		cr_assert_eq(seccomp_compile(&g.plan, FD_NONE, s, &g.e), -EINVAL);
		cr_assert_not_null(strstr(g.e.text, bad[i][1]), "%s", g.e.text);
		cr_assert_eq(s->n, 0);
	}
}

/* ---- cache ---- */

#define CACHED DENY ",'syscalls':[{'names':['read'],'action':'SCMP_ACT_ALLOW'}]"

static int only_file(const char *dir, char path[static 256])
{
	char command[128];

	(void)snprintf(command, sizeof(command), "ls -A %s", dir);
	FILE *ls = popen(command, "r");
	char name[128] = "";
	int n = 0;
	cr_assert_not_null(ls);
	while (fgets(name, sizeof(name), ls) != NULL) {
		name[strcspn(name, "\n")] = '\0';
		(void)snprintf(path, 256, "%s/%s", dir, name);
		n++;
	}
	(void)pclose(ls);
	return n;
}

Test(seccomp, the_cache_gives_back_what_was_compiled_and_nothing_else)
{
	char dir[] = "/tmp/greffon-seccomp-XXXXXX", path[256];
	COMPILE(f, s, CACHED);
	__attribute__((cleanup(slot_done))) struct seccomp_slot *hit = NULL;

	cr_assert_not_null(mkdtemp(dir));
	autoclose int cache = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(seccomp_slot_new(&f.plan, &hit, &f.e), 0);
	cr_assert_eq(seccomp_from_cache(&f.plan, cache, hit), 0);
	cr_assert_eq(seccomp_from_cache(&f.plan, FD_NONE, hit), 0);
	cr_assert_eq(seccomp_compile(&f.plan, cache, s, &f.e), 0);
	cr_assert_eq(only_file(dir, path), 1);
	cr_assert_eq(seccomp_from_cache(&f.plan, cache, hit), 1);
	cr_assert_eq(hit->n, s->n);
	cr_assert_eq(memcmp(hit->insn, s->insn, s->n * sizeof(s->insn[0])), 0);
	COMPILE(other, t, DENY ",'syscalls':[{'names':['write'],'action':'SCMP_ACT_ALLOW'}]");
	cr_assert_eq(seccomp_from_cache(&other.plan, cache, t), 0);
	/* every byte counts, so does the length */
	struct stat st;
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
	for (off_t at = 0; at < st.st_size; at++) {
		unsigned char byte, wrong;
		cr_assert_eq(pread(fd, &byte, 1, at), 1);
		wrong = byte ^ 0x10;
		cr_assert_eq(pwrite(fd, &wrong, 1, at), 1);
		cr_assert_eq(seccomp_from_cache(&f.plan, cache, hit), 0, "byte %lld",
			     (long long)at);
		cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
	}
	cr_assert_eq(seccomp_from_cache(&f.plan, cache, hit), 1);
	cr_assert_eq(fchmod(fd, 0666), 0);
	cr_assert_eq(seccomp_from_cache(&f.plan, cache, hit), 0, "writable by others");
	cr_assert_eq(fchmod(fd, 0600), 0);
	cr_assert_eq(ftruncate(fd, st.st_size - 8), 0);
	cr_assert_eq(seccomp_from_cache(&f.plan, cache, hit), 0, "cut short");
	(void)unlink(path);
	cr_assert_eq(symlink("/etc/passwd", path), 0);
	cr_assert_eq(seccomp_from_cache(&f.plan, cache, hit), 0, "a link");
	(void)unlink(path);
	cr_assert_eq(rmdir(dir), 0);
}

Test(seccomp, the_cache_keeps_64_programs)
{
	char dir[] = "/tmp/greffon-seccomp-XXXXXX", path[256];

	cr_assert_not_null(mkdtemp(dir));
	autoclose int cache = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 70; i++) {
		char body[256];
		(void)snprintf(body, sizeof(body), PROFILE(DENY ",'defaultErrnoRet':%d"), i + 1);
		FIXTURE(f, body);
		__attribute__((cleanup(slot_done))) struct seccomp_slot *s = NULL;
		BUILDS(f, plan_seccomp_build);
		cr_assert_eq(seccomp_slot_new(&f.plan, &s, &f.e), 0);
		cr_assert_eq(seccomp_compile(&f.plan, cache, s, &f.e), 0, "%s", f.e.text);
	}
	cr_assert_eq(only_file(dir, path), 64);
	while (only_file(dir, path) > 0)
		cr_assert_eq(unlink(path), 0);
	cr_assert_eq(rmdir(dir), 0);
}
