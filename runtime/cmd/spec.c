/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/json.h"
#include "cmd/cmd.h"

struct spec_options {
	const char *bundle, *file;
	bool rootless;
};

static const struct cmd_option spec_options[] = {
	{"bundle", 'b', CMD_STRING, offsetof(struct spec_options, bundle), "DIR",
	 "folder to write to (default: the working directory)"},
	{"file", 'f', CMD_STRING, offsetof(struct spec_options, file), "FILE",
	 "name (default: config.json)"},
	{"rootless", 0, CMD_FLAG, offsetof(struct spec_options, rootless), NULL,
	 "for a user without privileges: own user namespace, the host's network"},
	{0},
};

/* Words of one list in one string, separated by spaces. */
static void spec_words(struct json *j, const char *key, const char *words)
{
	json_open(j, key, '[');
	while (*words != '\0') {
		size_t n = strcspn(words, " ");

		json_string(j, NULL, arena_strndup(j->a, words, n));
		words += n + (words[n] == ' ');
	}
	json_close(j, ']');
}

static void spec_process(struct json *j)
{
	static const char caps[] = "CAP_AUDIT_WRITE CAP_KILL CAP_NET_BIND_SERVICE";

	json_open(j, "process", '{');
	json_bool(j, "terminal", true);
	json_open(j, "user", '{');
	json_int(j, "uid", 0);
	json_int(j, "gid", 0);
	json_close(j, '}');
	spec_words(j, "args", "sh");
	spec_words(j, "env",
		   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=xterm");
	json_string(j, "cwd", "/");
	json_open(j, "capabilities", '{');
	spec_words(j, "bounding", caps);
	spec_words(j, "effective", caps);
	spec_words(j, "permitted", caps);
	json_close(j, '}');
	json_open(j, "rlimits", '[');
	json_open(j, NULL, '{');
	json_string(j, "type", "RLIMIT_NOFILE");
	json_int(j, "hard", 1024);
	json_int(j, "soft", 1024);
	json_close(j, '}');
	json_close(j, ']');
	json_bool(j, "noNewPrivileges", true);
	json_close(j, '}');
}

struct spec_mount {
	const char *destination, *type, *source, *options;
};

static void spec_mounts(struct json *j, bool rootless)
{
	static const struct spec_mount root[] = {
		{"/proc", "proc", "proc", ""},
		{"/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"},
		{"/dev/pts", "devpts", "devpts",
		 "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5"},
		{"/dev/shm", "tmpfs", "shm", "nosuid noexec nodev mode=1777 size=65536k"},
		{"/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev"},
		{"/sys", "sysfs", "sysfs", "nosuid noexec nodev ro"},
		{"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid noexec nodev relatime ro"},
	};
	/* group 5 has no mapping; a new sysfs needs a network namespace of one's own */
	static const struct spec_mount pts = {"/dev/pts", "devpts", "devpts",
					      "nosuid noexec newinstance ptmxmode=0666 mode=0620"};
	static const struct spec_mount sys = {"/sys", "none", "/sys",
					      "rbind nosuid noexec nodev ro"};

	json_open(j, "mounts", '[');
	for (size_t i = 0; i < ARRAY_LEN(root); i++) {
		const struct spec_mount *m = &root[i];

		if (rootless && strcmp(m->destination, pts.destination) == 0)
			m = &pts;
		else if (rootless && strcmp(m->destination, sys.destination) == 0)
			m = &sys;
		json_open(j, NULL, '{');
		json_string(j, "destination", m->destination);
		json_string(j, "type", m->type);
		json_string(j, "source", m->source);
		if (m->options[0] != '\0')
			spec_words(j, "options", m->options);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void spec_mapping(struct json *j, const char *key, uint32_t host)
{
	json_open(j, key, '[');
	json_open(j, NULL, '{');
	json_int(j, "containerID", 0);
	json_uint(j, "hostID", host);
	json_int(j, "size", 1);
	json_close(j, '}');
	json_close(j, ']');
}

static void spec_namespaces(struct json *j, bool rootless)
{
	struct statfs fs;
	/* on version 1 the cgroup mount shows the container's part without one */
	bool v2 = statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
	const char *const types[] = {
		"pid", "ipc", "uts", "mount", rootless ? "user" : "network", v2 ? "cgroup" : NULL};

	json_open(j, "namespaces", '[');
	for (size_t i = 0; i < ARRAY_LEN(types) && types[i] != NULL; i++) {
		json_open(j, NULL, '{');
		json_string(j, "type", types[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void spec_linux(struct json *j, bool rootless)
{
	json_open(j, "linux", '{');
	if (rootless) {
		spec_mapping(j, "uidMappings", geteuid());
		spec_mapping(j, "gidMappings", getegid());
	} else {
		json_open(j, "resources", '{');
		json_open(j, "devices", '[');
		json_open(j, NULL, '{');
		json_bool(j, "allow", false);
		json_string(j, "access", "rwm");
		json_close(j, '}');
		json_close(j, ']');
		json_close(j, '}');
	}
	spec_namespaces(j, rootless);
	spec_words(j, "maskedPaths",
		   "/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys "
		   "/proc/latency_stats /proc/sched_debug "
		   "/proc/scsi /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap "
		   "/sys/firmware");
	spec_words(j, "readonlyPaths",
		   "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger");
	json_close(j, '}');
}

static const char *spec_text(bool rootless, struct arena *a, size_t *out_len)
{
	struct json j = {.a = a, .style = JSON_PRETTY};

	json_open(&j, NULL, '{');
	json_string(&j, "ociVersion", "1.3.0");
	spec_process(&j);
	json_open(&j, "root", '{');
	json_string(&j, "path", "rootfs");
	json_bool(&j, "readonly", true);
	json_close(&j, '}');
	json_string(&j, "hostname", "greffon");
	spec_mounts(&j, rootless);
	spec_linux(&j, rootless);
	json_close(&j, '}');
	return json_end(&j, out_len);
}

static int spec_run(const struct cmd_global *g, const void *options, int n, char **operands,
		    struct err *e)
{
	const struct spec_options *o = options;
	const char *name = o->file != NULL ? o->file : "config.json";
	autoclose int dir =
		open(o->bundle != NULL ? o->bundle : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t len;
	const char *text = spec_text(o->rootless, g->arena, &len);

	(void)n;
	(void)operands;
	if (dir < 0)
		return err_sys(e, errno, "--bundle '%s'", o->bundle != NULL ? o->bundle : ".");
	autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return err_set(e, EEXIST,
			       "'%s' exists already and is not overwritten; remove it first", name);
	if (fd < 0)
		return err_sys(e, errno, "'%s'", name);
	int r = io_write_all(fd, text, len);
	if (r == 0)
		return 0;
	(void)unlinkat(dir, name, 0);
	return err_sys(e, -r, "'%s': write error", name);
}

const struct cmd cmd_spec = {
	.name = "spec",
	.args = "",
	.summary = "write a config.json to start from",
	.options = spec_options,
	.options_size = sizeof(struct spec_options),
	.order = CMD_PERMUTE,
	.min_operands = 0,
	.max_operands = 0,
	.failure_status = 1,
	.run = spec_run,
};
