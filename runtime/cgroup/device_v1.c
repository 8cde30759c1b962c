/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "cgroup/device.h"

static int device_write_rule(int fd, const struct device_exception *x)
{
	char rule[80], major[24] = "*", minor[24] = "*";

	if (x->major >= 0)
		(void)snprintf(major, sizeof(major), "%lld", (long long)x->major);
	if (x->minor >= 0)
		(void)snprintf(minor, sizeof(minor), "%lld", (long long)x->minor);
	int n = snprintf(rule, sizeof(rule), "%c %s:%s %s%s%s", x->type, major, minor,
			 (x->access & PLAN_ACCESS_READ) != 0 ? "r" : "",
			 (x->access & PLAN_ACCESS_WRITE) != 0 ? "w" : "",
			 (x->access & PLAN_ACCESS_MKNOD) != 0 ? "m" : "");
	return write(fd, rule, (size_t)n) == n ? 0 : -errno;
}

static int device_open_v1(const char *dir, const char *file, struct err *e)
{
	char path[4200];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, errno, "linux.resources.devices: %s", path) : fd;
}

/* A new cgroup has its parent's rules: first everything is set to the default, then the exceptions.
 */
static int device_reset_v1(const char *dir, const struct device_state *s, struct err *e)
{
	autoclose int reset = device_open_v1(dir, s->allow ? "devices.allow" : "devices.deny", e);

	if (reset < 0)
		return reset;
	if (write(reset, "a", 1) != 1)
		return err_sys(e, errno, "linux.resources.devices: %s/devices.%s", dir,
			       s->allow ? "allow" : "deny");
	return 0;
}

static int device_write_rules(const char *dir, const char *file, const struct device_state *s,
			      struct err *e)
{
	if (s->n == 0)
		return 0;
	autoclose int fd = device_open_v1(dir, file, e);
	if (fd < 0)
		return fd;
	for (size_t i = 0; i < s->n; i++) {
		int r = device_write_rule(fd, &s->v[i]);
		if (r < 0)
			return err_sys(e, -r, "linux.resources.devices: %s for %c %lld:%lld", file,
				       s->v[i].type, (long long)s->v[i].major,
				       (long long)s->v[i].minor);
	}
	return 0;
}

static int64_t device_number(const char *s)
{
	uint64_t v;

	return num_u64(s, UINT32_MAX, &v) == 0 ? (int64_t)v : -1;
}

/* devices.list: "c 1:3 rwm" lines. A cgroup that allows by default shows nothing but "a *:* rwm".
 */
static int device_read_v1(const char *dir, struct device_state *out, struct arena *a)
{
	char *text;
	int r = io_read_file(AT_FDCWD, arena_printf(a, "%s/devices.list", dir), 1 << 20, a, &text,
			     NULL);

	if (r < 0)
		return r;
	*out = (struct device_state){0};
	for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n")) {
		const char *type = strsep(&line, " "), *major = strsep(&line, ":"),
			   *minor = strsep(&line, " ");

		if (type[0] == 'a')
			out->allow = true;
		if ((type[0] != 'b' && type[0] != 'c') || minor == NULL || line == NULL)
			continue;
		*ARENA_PUSH(a, out) = (struct device_exception){
			.type = type[0],
			.major = device_number(major),
			.minor = device_number(minor),
			.access = (strchr(line, 'r') != NULL ? PLAN_ACCESS_READ : 0u) |
				  (strchr(line, 'w') != NULL ? PLAN_ACCESS_WRITE : 0u) |
				  (strchr(line, 'm') != NULL ? PLAN_ACCESS_MKNOD : 0u),
		};
	}
	return 0;
}

/* What from has and without has not. */
static void device_difference(const struct device_state *from, const struct device_state *without,
			      struct arena *a, struct device_state *out)
{
	for (size_t i = 0; i < from->n; i++) {
		struct device_exception x = from->v[i];

		for (size_t k = 0; k < without->n; k++) {
			const struct device_exception *w = &without->v[k];
			if (x.type == w->type && x.major == w->major && x.minor == w->minor)
				x.access &= ~w->access;
		}
		if (x.access != 0)
			*ARENA_PUSH(a, out) = x;
	}
}

int device_write_v1(const char *dir, const struct device_state *s, enum device_when when,
		    struct arena *a, struct err *e)
{
	struct device_state old, more = {0}, less = {0};
	int r;

	if (when == DEVICE_LIVE && !s->allow && device_read_v1(dir, &old, a) == 0 && !old.allow) {
		device_difference(s, &old, a, &more);
		device_difference(&old, s, a, &less);
		r = device_write_rules(dir, "devices.allow", &more, e);
		return r < 0 ? r : device_write_rules(dir, "devices.deny", &less, e);
	}
	r = device_reset_v1(dir, s, e);
	return r < 0 ? r
		     : device_write_rules(dir, s->allow ? "devices.deny" : "devices.allow", s, e);
}
