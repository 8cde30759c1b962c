/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "fuzz.h"

/* A folder of this process for targets that read files; made on first use, removed at the end. */
static char files_path[] = "/tmp/greffon-fuzz-XXXXXX";
static int files_fd = FD_NONE;

static inline void files_remove(void)
{
	if (fork() == 0) {
		(void)execl("/bin/rm", "rm", "-rf", files_path, (char *)NULL);
		_exit(1);
	}
}

static inline int files_dir(void)
{
	if (files_fd >= 0)
		return files_fd;
	FUZZ_HOLDS(mkdtemp(files_path) != NULL);
	(void)atexit(files_remove);
	files_fd = open(files_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_HOLDS(files_fd >= 0);
	return files_fd;
}

static inline void files_write(const char *name, const void *data, size_t size)
{
	autoclose int fd =
		openat(files_dir(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_HOLDS(fd >= 0 && io_write_all(fd, data, size) == 0);
}
