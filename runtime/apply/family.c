/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/family.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"

/* A process may be in a system call of a slow file system. */
#define FAMILY_STEP_MS 5
#define FAMILY_STEPS (5000 / FAMILY_STEP_MS)

/* At most max children of the calling thread, the only one of its process. -errno: no list. */
static ssize_t family_children(pid_t *v, size_t max)
{
	char text[4096];
	ssize_t n = io_read_control(AT_FDCWD, "/proc/thread-self/children", text, sizeof(text));
	size_t count = 0;

	if (n == -EFBIG) /* the first of them will do: it is asked again when they are gone */
		text[sizeof(text) - 1] = '\0';
	else if (n < 0)
		return n;
	for (char *s = text, *end; count < max; s = end) {
		long pid = strtol(s, &end, 10);
		if (end == s || *end != ' ')
			break;
		v[count++] = (pid_t)pid;
	}
	return (ssize_t)count;
}

/* The numbers in /proc are those that kill(2) takes here. */
static bool family_has_proc(void)
{
	char link[16], own[16];
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);

	if (n <= 0)
		return false;
	link[n] = '\0';
	(void)snprintf(own, sizeof(own), "%d", (int)getpid());
	return strcmp(link, own) == 0;
}

void family_open(struct family *f)
{
	int was = 0;

	if (f->limit_s == 0 || !family_has_proc() || prctl(PR_GET_CHILD_SUBREAPER, &was) < 0)
		return;
	ssize_t n = family_children(f->known, FAMILY_KNOWN);
	/* more than can be kept apart: then nobody else's may be killed */
	if (n < 0 || n == FAMILY_KNOWN || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return;
	f->n_known = (size_t)n;
	f->was_reaper = was != 0;
	f->open = true;
}

static bool family_is_known(const struct family *f, pid_t pid)
{
	for (size_t i = 0; i < f->n_known; i++)
		if (f->known[i] == pid)
			return true;
	return false;
}

/* Kills the new children and reaps those that are dead. How many there were. A child that is not
 * reaped keeps its number, so no other process can be hit. */
static size_t family_kill(const struct family *f)
{
	pid_t v[2 * FAMILY_KNOWN];
	ssize_t n = family_children(v, ARRAY_LEN(v));
	size_t found = 0;

	for (ssize_t i = 0; i < n; i++) {
		if (family_is_known(f, v[i]))
			continue;
		found++;
		(void)kill(v[i], SIGKILL);
		(void)waitpid(v[i], NULL, WNOHANG);
	}
	return found;
}

void family_done(struct family *f, bool end)
{
	struct timespec nap = {.tv_nsec = FAMILY_STEP_MS * 1000000L};
	size_t left = 0;

	if (!f->open)
		return;
	for (int i = 0; end && i < FAMILY_STEPS && (left = family_kill(f)) > 0; i++)
		(void)nanosleep(&nap, NULL);
	if (left > 0)
		log_warn("%zu processes of a hook do not end although they were killed", left);
	(void)prctl(PR_SET_CHILD_SUBREAPER, f->was_reaper ? 1 : 0);
	f->open = false;
}
