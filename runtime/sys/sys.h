/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The only place of raw system calls: one wrapper a call, each returns its result or -errno.
 * Interrupted calls are repeated where repeating is right. The kernel release in which a call
 * appeared stands beside it.
 */

int sys_openat2(int at, const char *path, uint64_t flags, uint64_t mode,
		uint64_t resolve);				   /* 5.6 */
int sys_faccessat2(int at, const char *path, int mode, int flags); /* 5.8 */
int sys_open_tree(int at, const char *path, unsigned int flags);   /* 5.2 */
int sys_move_mount(int from, const char *from_path, int to, const char *to_path,
		   unsigned int flags); /* 5.2 */
int sys_fsopen(const char *fstype);	/* 5.2 */
int sys_fsconfig(int fs, unsigned int command, const char *key, const void *value,
		 int aux);			  /* 5.2 */
int sys_fsmount(int fs, unsigned int attr_flags); /* 5.2 */
int sys_mount_setattr(int at, const char *path, unsigned int flags,
		      const struct mount_attr *attr); /* 5.12 */
int sys_open_tree_attr(int at, const char *path, unsigned int flags,
		       const struct mount_attr *attr); /* 6.15 */
int sys_pivot_root(const char *new_root, const char *put_old);
pid_t sys_clone3(const struct clone_args *args);				/* 5.3 */
int sys_pidfd_open(pid_t pid, unsigned int flags);				/* 5.3 */
int sys_pidfd_send_signal(int pidfd, int signal);				/* 5.1 */
int sys_pidfd_getfd(int pidfd, int fd);						/* 5.6 */
int sys_close_range(unsigned int first, unsigned int last, unsigned int flags); /* 5.9 */
int sys_execveat(int at, const char *path, char *const argv[], char *const envp[], int flags);
int sys_seccomp(unsigned int operation, unsigned int flags, void *args);
int sys_bpf(int command, void *attr, unsigned int size);
int sys_setns(int fd, int types);
long sys_keyctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int sys_sched_setattr(pid_t pid, const void *attr, unsigned int flags);
int sys_ioprio_set(int which, int who, int ioprio);
int sys_set_mempolicy(int mode, const unsigned long *nodes,
		      unsigned long max_node); /* mode | flags */
int sys_signal_default(int n); /* SIG_DFL also for 32 and 33, which libc's signal() refuses */
int sys_capset(const void *header, const void *data);
int sys_capget(void *header, void *data);
int sys_setresuid(
	uid_t uid); /* all three ids; this thread only, so no signal to threads we don't have */
int sys_setresgid(gid_t gid);
int sys_setgroups(size_t n, const gid_t *groups);
pid_t sys_waitid_pidfd(int pidfd, int *out_status,
		       int options); /* out_status as wait(2)'s; P_PIDFD: 5.4 */
