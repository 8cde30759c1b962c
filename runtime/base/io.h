/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

/* Writes all n bytes, retrying EINTR and short writes. 0 or -errno. */
int io_write_all(int fd, const void *buf, size_t n);

/* Reads at most max bytes of fd to its end into *out (arena, NUL-terminated). 0, -EFBIG when there
 * is more than max, or -errno. *out_len may be NULL. */
int io_read_all(int fd, size_t max, struct arena *a, char **out, size_t *out_len);

/* The same of a regular file, at its start, of which fstat(2) has told the size: one read, unless
 * it has changed since. */
int io_read_sized(int fd, off_t told, size_t max, struct arena *a, char **out, size_t *out_len);

/* io_read_all() of a file of procfs, sysfs or cgroupfs that the kernel shows as one record (status
 * and cgroup of a process, cgroup.controllers; not mountinfo, uid_map or cgroup.procs): a read that
 * does not fill the buffer has got the rest of it (seq_file.c), and none follows to see the end. */
int io_read_whole(int fd, size_t max, struct arena *a, char **out);

/* Opens `at`/name as io_read_file() does, for a name that is known to be one of procfs, sysfs or
 * cgroupfs: its kind and size need not be asked for. */
enum io_virtual { IO_RECORDS, IO_ONE_RECORD };
int io_read_virtual(int at, const char *name, enum io_virtual how, size_t max, struct arena *a,
		    char **out);

/* Opens `at`/name read-only (O_CLOEXEC | O_NONBLOCK | O_NOCTTY, so that no fifo or tty can hold us)
 * and reads it as io_read_all(). Refuses anything but a regular file with -EINVAL unless it is on
 * procfs, sysfs or cgroupfs (whose files are regular to stat). */
int io_read_file(int at, const char *name, size_t max, struct arena *a, char **out,
		 size_t *out_len);

/* The same for a file that the caller names on the command line, which may be a pipe too (the
 * shell's <(...)) and is waited for. */
int io_read_given(const char *name, size_t max, struct arena *a, char **out, size_t *out_len);

/* Reads a control file of procfs, sysfs or cgroupfs that the kernel writes whole in one read(2)
 * (not mountinfo) into buf, NUL-terminated: three calls. Length or -errno; -EFBIG when it does not
 * fit. */
ssize_t io_read_control(int at, const char *name, char *buf, size_t size);

/* Opens `at`/name write-only and writes s in one write(2), as the kernel's control files want it. A
 * short write is -EIO. 0 or -errno. */
int io_write_file(int at, const char *name, const char *s);

/* Replaces `at`/name atomically: temporary file (O_EXCL, mode), full write, rename. With fsync when
 * the content must survive a crash of the machine (state on a disk). 0 or -errno; nothing left on
 * failure. */
enum io_sync { IO_NO_SYNC, IO_SYNC };
int io_replace(int at, const char *name, const void *buf, size_t n, mode_t mode, enum io_sync sync);

/* The two halves of io_replace(), for a caller that has time to spare before the moment of the
 * change: the temporary file, and its rename. Both by the same process. 0 or -errno; nothing left
 * on failure. */
int io_stage(int at, const char *name, const void *buf, size_t n, mode_t mode, enum io_sync sync);
int io_commit(int at, const char *name);
