/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench: times the commands of several OCI runtimes side by side.
 *
 *	bench --bundles DIR --rootfs DIR --state DIR [OPTIONS] NAME=PATH... [floor=PATH]
 *
 * Every round calls each runtime once, in an order shuffled from a fixed seed: a change of the
 * machine's mood meets all of them, and none always inherits the same predecessor's leftovers (the
 * kernel takes network namespaces and cgroups apart after the command has ended).
 *
 * A sample is CLOCK_MONOTONIC from before posix_spawn to after wait4, so process creation, exec and
 * dynamic linking are in it, as they are for an engine. The peak RSS is wait4's ru_maxrss: the
 * largest of the command and the children it waited for. A vforked child starts with its parent's
 * peak, so this program must stay smaller than what it measures: it is linked statically and
 * prints its own peak. The kernel counts pages per CPU in batches: small numbers are rough.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ARGS = 12, MAX_PATH = 512, TIME_OUT_S = 30 };

/* What the signal handlers share with the rest. */
static volatile sig_atomic_t stop_signal;
static volatile pid_t running;

extern char **environ;

static void on_stop(int sig)
{
	stop_signal = sig;
}

/* A command that hangs is ended; the handler itself re-arms, as it may come before the pid. */
static void on_alarm(int sig)
{
	(void)sig;
	if (running > 0)
		(void)kill(running, SIGKILL);
	else
		(void)alarm(1);
}

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- one command ---------------------------------------------------------------------------- */

struct command {
	const char *argv[MAX_ARGS];
	size_t n;
};

static void command_add(struct command *c, const char *word)
{
	if (c->n + 1 < MAX_ARGS)
		c->argv[c->n++] = word;
}

static void gap_wait(const struct bench *b)
{
	struct timespec t = {.tv_sec = b->gap_ms / 1000, .tv_nsec = b->gap_ms % 1000 * 1000000L};

	if (b->gap_ms && !stop_signal)
		(void)nanosleep(&t, NULL);
}

/* Says why a command failed, with the last line it wrote. */
static void failure_print(const struct bench *b, const struct command *c, int status)
{
	char text[4096];
	ssize_t n = pread(b->log, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	for (; n > 0 && text[n - 1] == '\n'; n--)
		text[n - 1] = '\0';
	const char *line = strrchr(text, '\n');
	(void)fprintf(stderr, "bench: '%s", c->argv[0]);
	for (size_t i = 1; i < c->n; i++)
		(void)fprintf(stderr, " %s", c->argv[i]);
	(void)fprintf(stderr, "' %s %d: %s\n",
		      WIFSIGNALED(status) ? "died of signal" : "exited with",
		      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		      line ? line + 1 : text);
}

/* Runs one command to its end. Returns 0 with *out_ms and *out_rss set, or -1 when it failed, which
 * has then been said. Children get their own process group: an interrupt from the terminal reaches
 * this program only, which lets the command finish and then cleans up. */
static int command_run(struct bench *b, struct command *c, double *out_ms, long *out_rss)
{
	struct timespec from, to;
	struct rusage usage;
	pid_t pid;
	int status = 0;

	c->argv[c->n] = NULL;
	if (ftruncate(b->log, 0) < 0)
		die("truncate the log");
	(void)alarm(TIME_OUT_S);
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	int r = posix_spawn(&pid, c->argv[0], &b->files, &b->attributes, (char **)c->argv, environ);
	if (r != 0) {
		errno = r;
		die(c->argv[0]);
	}
	running = pid;
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			die("wait4");
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	running = 0;
	(void)alarm(0);
	if (status != 0) {
		failure_print(b, c, status);
		return -1;
	}
	*out_ms =
		(double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	*out_rss = usage.ru_maxrss;
	return 0;
}

/* ---- the operations of a runtime ------------------------------------------------------------ */

/* Begins `RUNTIME [FLAG] --root STATE/NAME WORD`. */
static void runtime_command(const struct bench *b, const struct runtime *rt, struct command *c,
			    char root[static MAX_PATH], const char *word)
{
	(void)snprintf(root, MAX_PATH, "%s/%s", b->state, rt->name);
	*c = (struct command){.n = 0};
	command_add(c, rt->path);
	if (b->flag)
		command_add(c, b->flag);
	command_add(c, "--root");
	command_add(c, root);
	command_add(c, word);
}

/* Waits for the gap, runs, and keeps the sample unless this is a warm-up round. */
static int op_run(struct bench *b, struct runtime *rt, enum op op, struct command *c, bool keep)
{
	struct samples *s = &rt->of[op];
	double ms;
	long rss;

	gap_wait(b);
	if (command_run(b, c, &ms, &rss) < 0) {
		rt->failed[op] = true;
		b->failures++;
		return -1;
	}
	if (keep && s->n < b->rounds) {
		s->ms[s->n++] = (float)ms;
		s->max_rss_kib = rss > s->max_rss_kib ? rss : s->max_rss_kib;
	}
	return 0;
}

static void run_once(struct bench *b, struct runtime *rt, bool keep)
{
	char root[MAX_PATH], bundle[MAX_PATH], id[MAX_PATH];
	struct command c = {.n = 0};

	(void)snprintf(id, sizeof(id), "%s-run-%s", b->id, rt->name);
	(void)snprintf(bundle, sizeof(bundle), "%s/run-%s", b->bundles, rt->name);
	if (rt->is_floor) {
		command_add(&c, rt->path);
		command_add(&c, b->rootfs);
		command_add(&c, id);
		command_add(&c, "/bin/true");
	} else {
		runtime_command(b, rt, &c, root, "run");
		command_add(&c, "--bundle");
		command_add(&c, bundle);
		command_add(&c, id);
	}
	(void)op_run(b, rt, OP_RUN, &c, keep);
}

static pid_t pid_read(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	(void)read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	(void)unlink(path);
	long pid = strtol(text, NULL, 10);
	return pid > 1 ? (pid_t)pid : 0;
}

/* `create` with a pid file; *out_init is the container's init, which is reparented to us. */
static int create_once(struct bench *b, struct runtime *rt, const char *bundle, const char *id,
		       bool keep, pid_t *out_init)
{
	char root[MAX_PATH], pid_file[MAX_PATH];
	struct command c;

	(void)snprintf(pid_file, sizeof(pid_file), "%s/%s.pid", b->state, id);
	runtime_command(b, rt, &c, root, "create");
	command_add(&c, "--bundle");
	command_add(&c, bundle);
	command_add(&c, "--pid-file");
	command_add(&c, pid_file);
	command_add(&c, id);
	int r = op_run(b, rt, OP_CREATE, &c, keep);
	*out_init = pid_read(pid_file);
	return r;
}

static int id_command(struct bench *b, struct runtime *rt, enum op op, const char *id, bool keep)
{
	char root[MAX_PATH];
	struct command c;

	runtime_command(b, rt, &c, root, bench_op_names[op]);
	command_add(&c, id);
	if (op == OP_EXEC)
		command_add(&c, "/bin/true");
	return op_run(b, rt, op, &c, keep);
}

static void delete_by_force(struct bench *b, struct runtime *rt, const char *id, pid_t init)
{
	char root[MAX_PATH];
	struct command c;
	double ms;
	long rss;

	if (init > 0) {
		(void)kill(init, SIGKILL);
		(void)waitpid(init, NULL, 0);
	}
	runtime_command(b, rt, &c, root, "delete");
	command_add(&c, "--force");
	command_add(&c, id);
	(void)command_run(b, &c, &ms, &rss);
}

/* The three samples of this round are the newest. */
static void life_keep(const struct bench *b, struct runtime *rt)
{
	static const enum op parts[] = {OP_CREATE, OP_START, OP_DELETE};
	struct samples *sum = &rt->of[OP_LIFE];
	float ms = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct samples *s = &rt->of[parts[i]];

		ms += s->ms[s->n - 1];
		if (s->max_rss_kib > sum->max_rss_kib)
			sum->max_rss_kib = s->max_rss_kib;
	}
	if (sum->n < b->rounds)
		sum->ms[sum->n++] = ms;
}

/* create, start, wait for the program's end as an engine's monitor does, delete. */
static void lifecycle_once(struct bench *b, struct runtime *rt, bool keep)
{
	char bundle[MAX_PATH], id[MAX_PATH];
	pid_t init = 0;

	(void)snprintf(id, sizeof(id), "%s-life-%s", b->id, rt->name);
	(void)snprintf(bundle, sizeof(bundle), "%s/run-%s", b->bundles, rt->name);
	if (create_once(b, rt, bundle, id, keep, &init) < 0 ||
	    id_command(b, rt, OP_START, id, keep) < 0) {
		rt->failed[OP_CREATE] = rt->failed[OP_START] = rt->failed[OP_DELETE] = true;
		rt->failed[OP_LIFE] = true;
		delete_by_force(b, rt, id, init);
		return;
	}
	(void)alarm(TIME_OUT_S);
	running = init;
	while (init > 0 && waitpid(init, NULL, 0) < 0 && errno == EINTR)
		;
	running = 0;
	(void)alarm(0);
	if (id_command(b, rt, OP_DELETE, id, keep) < 0)
		delete_by_force(b, rt, id, 0);
	else if (keep)
		life_keep(b, rt);
}

/* ---- the container of exec and state -------------------------------------------------------- */

static void live_id(const struct bench *b, const struct runtime *rt, char id[static MAX_PATH])
{
	(void)snprintf(id, MAX_PATH, "%s-live-%s", b->id, rt->name);
}

static void live_make(struct bench *b, struct runtime *rt)
{
	char bundle[MAX_PATH], id[MAX_PATH];

	live_id(b, rt, id);
	(void)snprintf(bundle, sizeof(bundle), "%s/live-%s", b->bundles, rt->name);
	rt->live = true;
	if (create_once(b, rt, bundle, id, false, &rt->init) < 0 ||
	    id_command(b, rt, OP_START, id, false) < 0)
		rt->failed[OP_EXEC] = rt->failed[OP_STATE] = true;
}

static void live_remove(struct bench *b, struct runtime *rt)
{
	char id[MAX_PATH];

	if (!rt->live)
		return;
	live_id(b, rt, id);
	delete_by_force(b, rt, id, rt->init);
	rt->live = false;
}

/* ---- rounds --------------------------------------------------------------------------------- */

/* Fisher and Yates over a xorshift generator: the same order each time the bench is run. */
static void order_shuffle(struct bench *b, size_t order[static MAX_RUNTIMES])
{
	for (size_t i = 0; i < b->n_runtimes; i++)
		order[i] = i;
	for (size_t i = b->n_runtimes; i > 1; i--) {
		b->seed ^= b->seed << 13;
		b->seed ^= b->seed >> 17;
		b->seed ^= b->seed << 5;
		size_t j = b->seed % i, held = order[j];
		order[j] = order[i - 1];
		order[i - 1] = held;
	}
}

static void op_once(struct bench *b, struct runtime *rt, enum op op, bool keep)
{
	if (rt->failed[op] || (rt->is_floor && op != OP_RUN))
		return;
	switch (op) {
	case OP_RUN:
		run_once(b, rt, keep);
		break;
	case OP_CREATE:
		lifecycle_once(b, rt, keep);
		break;
	case OP_EXEC:
	case OP_STATE: {
		char id[MAX_PATH];

		live_id(b, rt, id);
		(void)id_command(b, rt, op, id, keep);
		break;
	}
	case OP_START: /* timed with create */
	case OP_DELETE:
	case OP_LIFE:
	case OPS:
		break;
	}
}

static void op_rounds(struct bench *b, enum op op)
{
	size_t order[MAX_RUNTIMES];

	for (unsigned round = 0; round < b->warmup + b->rounds; round++) {
		order_shuffle(b, order);
		for (size_t i = 0; i < b->n_runtimes && !stop_signal; i++)
			op_once(b, &b->runtimes[order[i]], op, round >= b->warmup);
	}
}

static void bench_measure(struct bench *b)
{
	const bool live = b->wanted[OP_EXEC] || b->wanted[OP_STATE];

	for (enum op op = OP_RUN; op <= OP_CREATE; op++)
		if (b->wanted[op])
			op_rounds(b, op);
	for (size_t i = 0; live && i < b->n_runtimes && !stop_signal; i++)
		if (!b->runtimes[i].is_floor)
			live_make(b, &b->runtimes[i]);
	for (enum op op = OP_EXEC; op <= OP_STATE; op++)
		if (b->wanted[op])
			op_rounds(b, op);
	for (size_t i = 0; i < b->n_runtimes; i++)
		live_remove(b, &b->runtimes[i]);
}

/* ---- the command line ----------------------------------------------------------------------- */

static _Noreturn void usage(void)
{
	(void)fputs(
		"usage: bench --bundles DIR --rootfs DIR --state DIR [--id PREFIX] [--rounds N]\n"
		"             [--warmup N] [--gap MS] [--ops run,lifecycle,exec,state]\n"
		"             [--title WORD] [--ref NAME] [--json FILE] [--flag WORD] "
		"NAME=PATH...\n"
		"DIR of --bundles holds run-NAME/ and, for exec and state, live-NAME/\n"
		"the WORD of --flag is a global flag for each runtime\n"
		"a NAME of 'floor' is called as PATH ROOTFS CGROUP PROGRAM\n",
		stderr);
	exit(2);
}

static unsigned number_parse(const char *text, unsigned max)
{
	char *end;

	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (errno || end == text || *end || v > max)
		usage();
	return (unsigned)v;
}

static void ops_parse(struct bench *b, const char *text)
{
	static const struct {
		const char *word;
		enum op op;
	} words[] = {
		{"run", OP_RUN}, {"lifecycle", OP_CREATE}, {"exec", OP_EXEC}, {"state", OP_STATE}};

	memset(b->wanted, 0, sizeof(b->wanted));
	while (*text) {
		size_t len = strcspn(text, ","), i = 0;

		while (i < 4 && (strlen(words[i].word) != len || strncmp(words[i].word, text, len)))
			i++;
		if (i == 4)
			usage();
		b->wanted[words[i].op] = true;
		text += len + (text[len] == ',');
	}
}

static bool word_is_plain(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789._-")] == '\0';
}

static void runtime_add(struct bench *b, char *word)
{
	char *path = strchr(word, '=');

	if (!path || b->n_runtimes == MAX_RUNTIMES)
		usage();
	*path++ = '\0';
	if (!word_is_plain(word))
		usage();
	struct runtime *rt = &b->runtimes[b->n_runtimes++];
	*rt = (struct runtime){.name = word, .path = path, .is_floor = strcmp(word, "floor") == 0};
	for (enum op op = OP_RUN; op < OPS; op++) {
		rt->of[op].ms = calloc(b->rounds ? b->rounds : 1, sizeof(float));
		if (!rt->of[op].ms)
			die("allocate");
	}
}

static void options_parse(struct bench *b, int argc, char **argv)
{
	static const struct option options[] = {
		{"bundles", 1, NULL, 'b'}, {"rootfs", 1, NULL, 'f'}, {"state", 1, NULL, 's'},
		{"id", 1, NULL, 'i'},	   {"rounds", 1, NULL, 'n'}, {"warmup", 1, NULL, 'w'},
		{"gap", 1, NULL, 'g'},	   {"ops", 1, NULL, 'o'},    {"title", 1, NULL, 't'},
		{"json", 1, NULL, 'j'},	   {"ref", 1, NULL, 'r'},    {"flag", 1, NULL, 'F'},
		{NULL, 0, NULL, 0}};
	const char **const texts[128] = {
		['b'] = &b->bundles, ['f'] = &b->rootfs, ['s'] = &b->state, ['i'] = &b->id,
		['t'] = &b->title,   ['j'] = &b->json,	 ['r'] = &b->ref,   ['F'] = &b->flag};

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == '?')
			usage();
		if (texts[c])
			*texts[c] = optarg;
		else if (c == 'n')
			b->rounds = number_parse(optarg, MAX_ROUNDS);
		else if (c == 'w')
			b->warmup = number_parse(optarg, MAX_ROUNDS);
		else if (c == 'g')
			b->gap_ms = number_parse(optarg, 60000);
		else
			ops_parse(b, optarg);
	}
	for (; optind < argc; optind++)
		runtime_add(b, argv[optind]);
	if (!b->bundles || !b->rootfs || !b->state || b->n_runtimes == 0 || b->rounds == 0 ||
	    !word_is_plain(b->title) || !word_is_plain(b->id))
		usage();
	if (!b->ref || !bench_find(b, b->ref))
		b->ref = b->runtimes[0].name;
}

/* Signals, the log and what every child starts with: empty signal mask, default dispositions of
 * the signals that a caller may have ignored, no input, no output, errors to the log. */
static void bench_prepare(struct bench *b)
{
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction stop = {.sa_handler = on_stop}, hang = {.sa_handler = on_alarm};
	sigset_t none, defaults;

	(void)sigemptyset(&none);
	(void)sigemptyset(&defaults);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		if (sigaction(stops[i], &stop, NULL) < 0 || sigaddset(&defaults, stops[i]) < 0)
			die("sigaction");
	(void)sigaction(SIGALRM, &hang, NULL);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		die("become a subreaper");
	b->log = memfd_create("log", MFD_CLOEXEC);
	if (b->log < 0)
		die("memfd_create");
	if (posix_spawn_file_actions_init(&b->files) ||
	    posix_spawn_file_actions_addopen(&b->files, 0, "/dev/null", O_RDONLY, 0) ||
	    posix_spawn_file_actions_addopen(&b->files, 1, "/dev/null", O_WRONLY, 0) ||
	    posix_spawn_file_actions_adddup2(&b->files, b->log, 2) ||
	    posix_spawnattr_init(&b->attributes) ||
	    posix_spawnattr_setflags(&b->attributes, POSIX_SPAWN_SETPGROUP |
							     POSIX_SPAWN_SETSIGMASK |
							     POSIX_SPAWN_SETSIGDEF) ||
	    posix_spawnattr_setpgroup(&b->attributes, 0) ||
	    posix_spawnattr_setsigmask(&b->attributes, &none) ||
	    posix_spawnattr_setsigdefault(&b->attributes, &defaults))
		die("prepare posix_spawn");
}

int main(int argc, char **argv)
{
	static struct bench b = {
		.id = "bench", .title = "bench", .rounds = 20, .warmup = 2, .seed = 2463534242u};
	struct rusage self;

	ops_parse(&b, "run,lifecycle,exec,state");
	options_parse(&b, argc, argv);
	bench_prepare(&b);
	bench_measure(&b);
	(void)getrusage(RUSAGE_SELF, &self);
	if (stop_signal)
		return 128 + stop_signal;
	bench_sort(&b);
	bench_print(&b);
	if (b.json && bench_print_json(&b) < 0)
		die(b.json);
	(void)printf("  (this program's own peak while measuring, the least that could be "
		     "measured: %ld KiB)\n\n",
		     self.ru_maxrss);
	return b.failures ? 1 : 0;
}
