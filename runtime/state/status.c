/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/status.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "cgroup/cgroup.h"
#include "sys/sys.h"

#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC 0x50494446 /* Linux 6.9 */
#endif

const char *status_name(enum status s)
{
	switch (s) {
	case STATUS_CREATING:
		return "creating";
	case STATUS_CREATED:
		return "created";
	case STATUS_RUNNING:
		return "running";
	case STATUS_PAUSED:
		return "paused";
	case STATUS_STOPPED:
		return "stopped";
	}
	return "unknown";
}

const char *status_boot_id(void)
{
	static char id[40];

	if (id[0] != '\0')
		return id;
	autoclose int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, sizeof(id) - 1);
	id[n < 0 ? 0 : n] = '\0';
	id[strcspn(id, "\n")] = '\0';
	return id;
}

/* proc(5), stat: field 22, behind a command name that may hold spaces and parentheses. */
static int status_start_time(pid_t pid, uint64_t *out)
{
	char path[32], text[1024];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	char *p = strrchr(text, ')');
	for (int field = 2; p != NULL && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p == NULL)
		return -EIO;
	char *end = strchr(p + 1, ' ');
	if (end != NULL)
		*end = '\0';
	return num_u64(p + 1, UINT64_MAX, out);
}

/* Unique for the life of the kernel where pidfds have a file system of their own and 64-bit inodes.
 */
static uint64_t status_inode(int pidfd)
{
	struct statfs fs;
	struct stat st;

	if (sizeof(st.st_ino) < sizeof(uint64_t) || fstatfs(pidfd, &fs) < 0 ||
	    fs.f_type != PID_FS_MAGIC || fstat(pidfd, &st) < 0)
		return 0;
	return st.st_ino;
}

int status_identity(pid_t pid, int pidfd, uint64_t *out_start_time, uint64_t *out_pidfs_inode)
{
	int r = status_start_time(pid, out_start_time);
	if (r == 0)
		*out_pidfs_inode = status_inode(pidfd);
	return r;
}

int status_pidfd(const struct record *r)
{
	if (r->pid <= 0 || strcmp(r->boot_id, status_boot_id()) != 0)
		return -ESRCH;

	autoclose int pidfd = sys_pidfd_open(r->pid, 0);
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	struct stat st;

	if (pidfd < 0) /* EINVAL: the number is now that of a thread */
		return pidfd == -EINVAL ? -ESRCH : pidfd;
	/* a zombie's descriptor is readable */
	if (poll(&ended, 1, 0) != 0)
		return -ESRCH;
	if (r->pidfs_inode != 0) {
		if (fstat(pidfd, &st) < 0 || st.st_ino != r->pidfs_inode)
			return -ESRCH;
	} else {
		uint64_t start;
		if (status_start_time(r->pid, &start) < 0 || start != r->start_time)
			return -ESRCH;
	}
	return fd_take(&pidfd);
}

/* `create` holds the lock as long as it runs; without it, it was killed. */
static bool status_creator_lives(const struct store_entry *en)
{
	if (en->locked)
		return false;
	if (flock(en->dir, LOCK_SH | LOCK_NB) < 0)
		return true;
	(void)flock(en->dir, LOCK_UN);
	return false;
}

static bool status_has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)) != NULL; p += n)
		if ((p == list || p[-1] == ',') && (p[n] == '\0' || p[n] == ','))
			return true;
	return false;
}

/* The v1 freezer's directory, else the v2 one, as cgroup_freeze() chooses. */
static const struct record_cgroup *status_freezer(const struct record *r)
{
	const struct record_cgroup *found = NULL;

	for (size_t i = 0; i < r->n_cgroup; i++) {
		if (status_has_word(r->cgroup[i].controllers, "freezer"))
			return &r->cgroup[i];
		if (r->cgroup[i].v2)
			found = &r->cgroup[i];
	}
	return found;
}

/* Only the one directory that can freeze is opened. */
static bool status_frozen(const struct record *r)
{
	const struct record_cgroup *rc = status_freezer(r);
	autoarena struct arena a = {0};

	if (rc == NULL)
		return false;
	struct cgroup_dir dir = {
		.controllers = rc->controllers,
		.path = rc->path,
		.v2 = rc->v2,
		.fd = FD_NONE,
		.tasks = FD_NONE,
	};
	struct cgroup c = {.manager = r->manager, .v = &dir, .n = 1, .arena = &a};
	bool frozen = cgroup_reopen(&c, CGROUP_OPEN_DIRS, NULL) == 0 && cgroup_is_frozen(&c) == 1;
	cgroup_close(&c);
	return frozen;
}

/*
 * Whether init has the fifo open, as it does until it executes the program. A `start` that was
 * killed leaves the fifo of a program that runs. What can't be seen (an unprivileged caller and a
 * process that is not dumpable) is taken to wait.
 */
static bool status_waits(const struct record *r, const struct stat *fifo)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)r->pid);
	DIR *d = opendir(path);
	if (d == NULL)
		return true;
	bool waits = false;
	for (struct dirent *de = readdir(d); de != NULL && !waits; de = readdir(d)) {
		struct stat st;
		waits = de->d_name[0] != '.' && fstatat(dirfd(d), de->d_name, &st, 0) == 0 &&
			st.st_dev == fifo->st_dev && st.st_ino == fifo->st_ino;
	}
	(void)closedir(d);
	return waits;
}

enum status status_of(const struct store_entry *en, const struct record *r)
{
	if (r->creating && status_creator_lives(en))
		return STATUS_CREATING;

	autoclose int pidfd = status_pidfd(r);
	if (pidfd < 0)
		return STATUS_STOPPED;
	struct stat fifo;
	if (store_fifo_stat(en, &fifo) == 0 && status_waits(r, &fifo))
		return STATUS_CREATED;
	return status_frozen(r) ? STATUS_PAUSED : STATUS_RUNNING;
}
