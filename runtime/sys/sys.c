/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/sys.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

static int sys_result(long r)
{
	return r < 0 ? -errno : (int)r;
}

int sys_openat2(int at, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
	long r;

	do
		r = syscall(SYS_openat2, at, path, &how, sizeof(how));
	while (r < 0 && errno == EINTR);
	return sys_result(r);
}

int sys_faccessat2(int at, const char *path, int mode, int flags)
{
	return sys_result(syscall(SYS_faccessat2, at, path, mode, flags));
}

int sys_open_tree(int at, const char *path, unsigned int flags)
{
	return sys_result(syscall(SYS_open_tree, at, path, flags));
}

int sys_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned int flags)
{
	return sys_result(syscall(SYS_move_mount, from, from_path, to, to_path, flags));
}

int sys_fsopen(const char *fstype)
{
	return sys_result(syscall(SYS_fsopen, fstype, FSOPEN_CLOEXEC));
}

int sys_fsconfig(int fs, unsigned int command, const char *key, const void *value, int aux)
{
	return sys_result(syscall(SYS_fsconfig, fs, command, key, value, aux));
}

int sys_fsmount(int fs, unsigned int attr_flags)
{
	return sys_result(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attr_flags));
}

int sys_mount_setattr(int at, const char *path, unsigned int flags, const struct mount_attr *attr)
{
	return sys_result(syscall(SYS_mount_setattr, at, path, flags, attr, sizeof(*attr)));
}

int sys_open_tree_attr(int at, const char *path, unsigned int flags, const struct mount_attr *attr)
{
	return sys_result(syscall(SYS_open_tree_attr, at, path, flags, attr, sizeof(*attr)));
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
	return sys_result(syscall(SYS_pivot_root, new_root, put_old));
}

pid_t sys_clone3(const struct clone_args *args)
{
	return sys_result(syscall(SYS_clone3, args, sizeof(*args)));
}

int sys_pidfd_open(pid_t pid, unsigned int flags)
{
	return sys_result(syscall(SYS_pidfd_open, pid, flags));
}

int sys_pidfd_send_signal(int pidfd, int signal)
{
	return sys_result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int sys_pidfd_getfd(int pidfd, int fd)
{
	return sys_result(syscall(SYS_pidfd_getfd, pidfd, fd, 0));
}

int sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	return sys_result(syscall(SYS_close_range, first, last, flags));
}

int sys_execveat(int at, const char *path, char *const argv[], char *const envp[], int flags)
{
	return sys_result(syscall(SYS_execveat, at, path, argv, envp, flags));
}

int sys_seccomp(unsigned int operation, unsigned int flags, void *args)
{
	return sys_result(syscall(SYS_seccomp, operation, flags, args));
}

int sys_bpf(int command, void *attr, unsigned int size)
{
	return sys_result(syscall(SYS_bpf, command, attr, size));
}

int sys_setns(int fd, int types)
{
	return sys_result(syscall(SYS_setns, fd, types));
}

long sys_keyctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	long r = syscall(SYS_keyctl, operation, a, b, c, d);
	return r < 0 ? -errno : r;
}

int sys_sched_setattr(pid_t pid, const void *attr, unsigned int flags)
{
	return sys_result(syscall(SYS_sched_setattr, pid, attr, flags));
}

int sys_ioprio_set(int which, int who, int ioprio)
{
	return sys_result(syscall(SYS_ioprio_set, which, who, ioprio));
}

int sys_set_mempolicy(int mode, const unsigned long *nodes, unsigned long max_node)
{
	return sys_result(syscall(SYS_set_mempolicy, mode, nodes, max_node));
}

int sys_signal_default(int n)
{
	/* as the kernel has it: handler, flags, restorer and mask, all zero */
	static const struct {
		unsigned long handler, flags, restorer, mask;
	} action = {0};

	return sys_result(syscall(SYS_rt_sigaction, n, &action, NULL, 8));
}

int sys_capset(const void *header, const void *data)
{
	return sys_result(syscall(SYS_capset, header, data));
}

int sys_capget(void *header, void *data)
{
	return sys_result(syscall(SYS_capget, header, data));
}

int sys_setresuid(uid_t uid)
{
	return sys_result(syscall(SYS_setresuid, uid, uid, uid));
}

int sys_setresgid(gid_t gid)
{
	return sys_result(syscall(SYS_setresgid, gid, gid, gid));
}

int sys_setgroups(size_t n, const gid_t *groups)
{
	return sys_result(syscall(SYS_setgroups, n, groups));
}

pid_t sys_waitid_pidfd(int pidfd, int *out_status, int options)
{
	siginfo_t info = {0};
	long r;

	do
		r = syscall(SYS_waitid, P_PIDFD, pidfd, &info, options | WEXITED, NULL);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (info.si_pid == 0)
		return 0;
	if (info.si_code == CLD_EXITED)
		*out_status = (info.si_status & 0xff) << 8;
	else
		*out_status = info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
	return info.si_pid;
}
