/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cgroup/device.h"

static int device_write_rule(int fd, const struct device_exception *x)
{
	char rule[80], major[24] = "*", minor[24] = "*";

	if (x->major >= 0)
		(void)snprintf(major, sizeof(major), "%lld", (long long)x->major);
	if (x->minor >= 0)
		(void)snprintf(minor, sizeof(minor), "%lld", (long long)x->minor);
	int n = snprintf(rule, sizeof(rule), "%c %s:%s %s%s%s", x->type, major, minor,
			 (x->access & PLAN_ACCESS_READ) != 0 ? "r" : "", (x->access & PLAN_ACCESS_WRITE) != 0 ? "w" : "",
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

/* A new cgroup has its parent's rules: first everything is set to the default, then the exceptions. */
int device_write_v1(const char *dir, const struct device_state *s, struct err *e)
{
	autoclose int reset = device_open_v1(dir, s->allow ? "devices.allow" : "devices.deny", e);
	autoclose int except = FD_NONE;

	if (reset < 0)
		return reset;
	if (write(reset, "a", 1) != 1)
		return err_sys(e, errno, "linux.resources.devices: %s/devices.%s", dir, s->allow ? "allow" : "deny");
	if (s->n > 0) {
		except = device_open_v1(dir, s->allow ? "devices.deny" : "devices.allow", e);
		if (except < 0)
			return except;
	}
	for (size_t i = 0; i < s->n; i++) {
		int r = device_write_rule(except, &s->v[i]);
		if (r < 0)
			return err_sys(e, -r, "linux.resources.devices: rule for %c %lld:%lld", s->v[i].type,
				       (long long)s->v[i].major, (long long)s->v[i].minor);
	}
	return 0;
}
