/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steps IMAGE OUT COMMAND...: runs COMMAND one instruction at a time, and its children, and writes
 * the offsets that were executed in the program whose path ends with IMAGE: a line each, "1 OFFSET"
 * of children, "0 OFFSET" of the first process. For tests/bench/layout.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS_IMAGE (8ul << 20) /* bytes, more than the program has */
#define STEPS_PROCESSES 8
#define STEPS_OPTIONS                                                                              \
	(PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |     \
	 PTRACE_O_EXITKILL)

struct process {
	pid_t pid;
	unsigned long from, to; /* of the mapping that it was last in */
	unsigned long base;	/* of the image, 0: of another one */
};

static unsigned char executed[2][STEPS_IMAGE];
static struct process processes[STEPS_PROCESSES];
static const char *image;

static struct process *process_of(pid_t pid)
{
	struct process *p = processes;

	while (p < processes + STEPS_PROCESSES - 1 && p->pid != pid && p->pid != 0)
		p++;
	p->pid = pid;
	return p;
}

/* What is mapped where p is. */
static void process_look(struct process *p, unsigned long at)
{
	char name[64], line[4096], path[4096];
	unsigned long from, to, offset, start = 0;

	(void)snprintf(name, sizeof(name), "/proc/%d/maps", (int)p->pid);
	FILE *maps = fopen(name, "r");
	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		path[0] = '\0';
		if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %4095s", &from, &to, &offset, path) < 3)
			continue;
		start = offset == 0 ? from : start;
		if (at < from || at >= to)
			continue;
		size_t n = strlen(path), m = strlen(image);
		*p = (struct process){p->pid, from, to, 0};
		if (n >= m && strcmp(path + n - m, image) == 0)
			p->base = start;
		break;
	}
	if (maps != NULL)
		(void)fclose(maps);
}

/* Notes where pid stopped; the signal to go on with. */
static int process_note(pid_t pid, int status)
{
	struct process *p = process_of(pid);
	struct user_regs_struct regs;
	int signal = WSTOPSIG(status);

	if (status >> 16 != 0) { /* of ptrace itself */
		*p = (struct process){.pid = pid};
		return 0;
	}
	if (ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0) {
		if (regs.rip < p->from || regs.rip >= p->to)
			process_look(p, regs.rip);
		if (p->base != 0 && regs.rip - p->base < STEPS_IMAGE)
			executed[p != processes][regs.rip - p->base] = 1;
	}
	return signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 4)
		return 2;
	image = argv[1];
	pid_t first = fork(), pid;
	if (first == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, 0, 0);
		(void)raise(SIGSTOP);
		(void)execvp(argv[3], argv + 3);
		_exit(127);
	}
	if (waitpid(first, &status, 0) < 0 ||
	    ptrace(PTRACE_SETOPTIONS, first, 0, STEPS_OPTIONS) < 0)
		return 1;
	for (pid = first; pid > 0; pid = waitpid(-1, &status, __WALL)) {
		if (WIFSTOPPED(status))
			(void)ptrace(PTRACE_SINGLESTEP, pid, 0, process_note(pid, status));
		else if (pid == first)
			break;
	}
	FILE *out = fopen(argv[2], "w");
	for (unsigned long i = 0; out != NULL && i < 2 * STEPS_IMAGE; i++)
		if (executed[i / STEPS_IMAGE][i % STEPS_IMAGE] != 0)
			(void)fprintf(out, "%lu %lx\n", i / STEPS_IMAGE, i % STEPS_IMAGE);
	return out == NULL || fclose(out) != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}
