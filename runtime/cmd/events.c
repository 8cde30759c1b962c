/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "cgroup/oom.h"
#include "cgroup/stats.h"
#include "cmd/document.h"
#include "cmd/target.h"

#define EVENTS_DEFAULT_MS 5000
#define EVENTS_MAX_MS (24 * 3600 * 1000)

struct events_options {
	const char *interval;
	bool stats;
};

static const struct cmd_option events_options[] = {
	{"interval", 0, CMD_STRING, offsetof(struct events_options, interval), "DURATION",
	 "time between two statistics: 5s (default), 500ms, 1m30s"},
	{"stats", 0, CMD_FLAG, offsetof(struct events_options, stats), NULL,
	 "show the statistics once and end"},
	{0},
};

/* "1m30s": whole numbers with the units ms, s, m and h. In ms, -EINVAL. */
static int events_interval(const char *s, struct err *e)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	const char *p = s;
	uint64_t total = 0;

	if (s == NULL)
		return EVENTS_DEFAULT_MS;
	while (*p != '\0') {
		uint64_t value, ms = 0;
		size_t digits = strspn(p, "0123456789"), letters = strspn(p + digits, "hms");
		char number[12] = "";

		if (digits > 0 && digits < sizeof(number))
			memcpy(number, p, digits);
		for (size_t i = 0; i < ARRAY_LEN(units); i++)
			if (strlen(units[i].name) == letters &&
			    memcmp(p + digits, units[i].name, letters) == 0)
				ms = units[i].ms;
		if (ms == 0 || num_u64(number, EVENTS_MAX_MS, &value) < 0)
			break;
		total += value * ms;
		p += digits + letters;
	}
	if (*p != '\0' || total == 0 || total > EVENTS_MAX_MS)
		return err_set(e, EINVAL,
			       "--interval: must be a duration above 0 such as 5s, got '%.100s'",
			       s);
	return (int)total;
}

static int events_stats(const struct target *t, struct err *e)
{
	autoarena struct arena a = {0};
	struct json j = {.a = &a, .style = JSON_COMPACT};
	struct stats s;
	int r = stats_read(&t->cgroup, &a, &s, e);

	if (r < 0)
		return r;
	s.rdt = &t->rdt;
	json_open(&j, NULL, '{');
	json_string(&j, "type", "stats");
	json_string(&j, "id", t->record->id);
	stats_write(&j, "data", &s);
	json_close(&j, '}');
	return document_print(&j, e);
}

static int events_oom(const struct target *t, struct err *e)
{
	autoarena struct arena a = {0};
	struct json j = {.a = &a, .style = JSON_COMPACT};

	json_open(&j, NULL, '{');
	json_string(&j, "type", "oom");
	json_string(&j, "id", t->record->id);
	json_close(&j, '}');
	return document_print(&j, e);
}

static int64_t events_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until the container's init ends. */
static int events_follow(const struct target *t, struct oom_watch *w, int pidfd, int interval,
			 struct err *e)
{
	int64_t next = events_now_ms() + interval;

	for (;;) {
		struct pollfd fds[] = {{.fd = w->fd, .events = POLLIN},
				       {.fd = pidfd, .events = POLLIN}};
		int64_t left = next - events_now_ms();
		int r = 0;

		if (poll(fds, ARRAY_LEN(fds), left > 0 ? (int)left : 0) < 0 && errno != EINTR)
			return err_sys(e, errno, "poll");
		/* before the end: it may be the reason of the end */
		if (oom_watch_take(w))
			r = events_oom(t, e);
		if (r < 0 || fds[1].revents != 0)
			return r;
		if (events_now_ms() < next)
			continue;
		next += interval;
		r = events_stats(t, e);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
	}
}

static int events_run(const struct cmd_global *g, const void *options, int n, char **operands,
		      struct err *e)
{
	const struct events_options *o = options;
	autotarget struct target t = TARGET_EMPTY;
	__attribute__((cleanup(oom_watch_done))) struct oom_watch w = OOM_WATCH_EMPTY;
	int interval = events_interval(o->interval, e);

	(void)n;
	if (interval < 0)
		return interval;
	int r = target_open(&t, g, operands[0], STORE_NO_LOCK, e);
	if (r < 0)
		return r;
	autoclose int pidfd = status_pidfd(t.record);
	if (t.status == STATUS_STOPPED || pidfd < 0)
		return err_set(e, ESRCH, "container with id %s is not running", t.record->id);
	if (t.cgroup.n == 0)
		return err_set(e, ENOENT, "container %s has no cgroup of its own to count in",
			       t.record->id);
	/* statistics of a host that has lost resctrl are those without it */
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)rdt_open(root, &t.rdt, NULL);
	if (o->stats)
		return events_stats(&t, e);
	r = oom_watch_open(&w, &t.cgroup, g->arena, e);
	return r < 0 ? r : events_follow(&t, &w, pidfd, interval, e);
}

const struct cmd cmd_events = {
	.name = "events",
	.args = "ID",
	.summary = "show statistics and out-of-memory events of a container as JSON",
	.options = events_options,
	.options_size = sizeof(struct events_options),
	.order = CMD_PERMUTE,
	.min_operands = 1,
	.max_operands = 1,
	.failure_status = 1,
	.run = events_run,
};
