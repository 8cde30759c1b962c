/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/mount_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/xattr.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "apply/mount_open.h"
#include "base/log.h"
#include "sys/procfs.h"
#include "sys/sys.h"

#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

#define FS_VALUE_MAX 255 /* fsconfig(2) takes no longer string */

/* One "key=value" or "key" of the options. */
struct fs_option {
	char key[64];
	char value[FS_VALUE_MAX + 1];
	bool has_value;
};

/* Takes the next option off *data; commas inside quotes belong to the value and quotes around a
 * value are taken away, as the parser of mount(2) does. 1, 0 at the end, -E2BIG when fsconfig can't
 * take it. */
static int fs_next(const char **data, struct fs_option *o)
{
	const char *s = *data + strspn(*data, ",");
	size_t n = 0, key;
	bool quoted = false;

	if (*s == '\0')
		return 0;
	while (s[n] != '\0' && (quoted || s[n] != ','))
		quoted ^= s[n++] == '"';
	*data = s + n;
	key = strcspn(s, "=");
	o->has_value = key < n;
	if (key > n)
		key = n;
	size_t len = o->has_value ? n - key - 1 : 0;
	const char *value = s + key + (o->has_value ? 1 : 0);
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	if (key >= sizeof(o->key) || len > FS_VALUE_MAX)
		return -E2BIG;
	memcpy(o->key, s, key);
	o->key[key] = '\0';
	memcpy(o->value, value, len);
	o->value[len] = '\0';
	return 1;
}

static bool fs_has_option(const char *data, const char *name)
{
	struct fs_option o;

	while (data != NULL && fs_next(&data, &o) == 1)
		if (strcmp(o.key, name) == 0)
			return true;
	return false;
}

bool mount_fs_takes_over(const struct plan_mount *m)
{
	return strcmp(m->fstype, "tmpfs") == 0 && !fs_has_option(m->data, "mode");
}

const char *mount_fs_extra(const struct plan_mount *m, int target, char buf[static 64])
{
	struct stat st;
	int n = 0;

	buf[0] = '\0';
	if (!mount_fs_takes_over(m) || fstat(target, &st) < 0)
		return buf;
	n = snprintf(buf, 64, "mode=%o", (unsigned int)st.st_mode & 07777);
	if (st.st_uid != 0 && st.st_uid != 65534 && !fs_has_option(m->data, "uid"))
		n += snprintf(buf + n, (size_t)(64 - n), ",uid=%u", st.st_uid);
	if (st.st_gid != 0 && st.st_gid != 65534 && !fs_has_option(m->data, "gid"))
		(void)snprintf(buf + n, (size_t)(64 - n), ",gid=%u", st.st_gid);
	return buf;
}

/* The kernel's own words about a refused option, from the context's log: "e tmpfs: Unknown
 * parameter 'x'". */
static int fs_refused(int fs, const char *what, int code, struct err *e)
{
	char log[256];
	ssize_t n = read(fs, log, sizeof(log) - 1);

	if (n <= 2)
		return err_sys(e, code, ".options: %s", what);
	log[n] = '\0';
	log[strcspn(log, "\n")] = '\0';
	return err_set(e, code, ".options: %s: %s", what, log + 2);
}

static int fs_label_refused(const char *label, int code, struct err *e)
{
	return code == EINVAL
		       ? err_set(e, code,
				 "linux.mountLabel: '%.200s' is no label of the loaded policy",
				 label)
		       : err_sys(e, code, "linux.mountLabel: '%.200s'", label);
}

static int fs_set(const struct plan *p, const struct plan_mount *m, int fs,
		  const struct fs_option *o, struct err *e)
{
	int r = sys_fsconfig(fs, o->has_value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, o->key,
			     o->has_value ? o->value : NULL, 0);

	/* Engines ask for the tty group 5 always; a namespace with a single id has none. */
	if (r == -EINVAL && strcmp(m->fstype, "devpts") == 0 && strcmp(o->key, "gid") == 0 &&
	    plan_has_ns(p, CLONE_NEWUSER)) {
		log_debug("%s: gid=%s is not mapped in the user namespace and left out", m->origin,
			  o->value);
		return 0;
	}
	if (r == -EINVAL && p->mounts.label != NULL && strstr(o->key, "context") != NULL)
		return fs_label_refused(p->mounts.label, EINVAL, e);
	return r < 0 ? fs_refused(fs, o->key, -r, e) : 0;
}

/* -ENOSYS without e: an option is too long for fsconfig(2). */
static int fs_options(const struct plan *p, const struct plan_mount *m, int fs, const char *data,
		      struct err *e)
{
	struct fs_option o;
	int r;

	while ((r = fs_next(&data, &o)) == 1) {
		r = fs_set(p, m, fs, &o, e);
		if (r < 0)
			return r;
	}
	return r == -E2BIG ? -ENOSYS : r;
}

/* These have no superblock that would have to be read-only for a read-only mount. */
static bool fs_is_virtual(const char *type)
{
	static const char *const types[] = {"proc",    "sysfs", "tmpfs",   "devpts", "mqueue",
					    "cgroup2", "ramfs", "overlay", "bpf",    "devtmpfs"};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

/* iversion is the default of every file system that has it and silent concerns the kernel's log
 * alone: neither can be said to fsconfig(2). */
static int fs_flags(const struct plan_mount *m, int fs, struct err *e)
{
	static const struct {
		unsigned int flag;
		const char *name;
	} names[] = {{MS_SYNCHRONOUS, "sync"},
		     {MS_DIRSYNC, "dirsync"},
		     {MS_MANDLOCK, "mand"},
		     {MS_LAZYTIME, "lazytime"}};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if ((m->sb_flags & names[i].flag) == 0)
			continue;
		int r = sys_fsconfig(fs, FSCONFIG_SET_FLAG, names[i].name, NULL, 0);
		if (r < 0)
			return fs_refused(fs, names[i].name, -r, e);
	}
	if ((m->attr_set & MOUNT_ATTR_RDONLY) != 0 && !fs_is_virtual(m->fstype)) {
		int r = sys_fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0);
		if (r < 0)
			return fs_refused(fs, "ro", -r, e);
	}
	return 0;
}

static int fs_configure(const struct plan *p, const struct plan_mount *m, int fs, int target,
			struct err *e)
{
	char extra[64];
	int r;

	if (strlen(m->source) > FS_VALUE_MAX)
		return -ENOSYS;
	r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", m->source, 0);
	if (r < 0)
		return fs_refused(fs, "source", -r, e);
	r = fs_flags(m, fs, e);
	if (r == 0 && m->data != NULL)
		r = fs_options(p, m, fs, m->data, e);
	if (r == 0)
		r = fs_options(p, m, fs, mount_fs_extra(m, target, extra), e);
	return r;
}

static int fs_failed(const struct plan_mount *m, int code, struct err *e)
{
	if (code == ENODEV)
		return err_set(e, code, ".type: the kernel has no file system '%s'", m->fstype);
	if (code == EPERM && strcmp(m->fstype, "proc") == 0)
		return err_set(
			e, code,
			".type: a new 'proc' is not permitted where the caller's own /proc is "
			"partly covered, as in a container: uncover it (podman: "
			"--security-opt unmask=ALL), or share the caller's by leaving 'pid' "
			"out of linux.namespaces");
	return err_sys(e, code, "mounting '%s' of type '%s'", m->source, m->fstype);
}

int mount_fs_label(const struct plan_mount *m, int fd, struct err *e)
{
	char path[32];

	if (m->label == NULL || setxattr(procfs_fd_path(fd, path), XATTR_NAME_SELINUX, m->label,
					 strlen(m->label), 0) == 0)
		return 0;
	if (errno == EOPNOTSUPP) {
		log_debug("%s: the policy alone gives '%s' its label", m->origin, m->fstype);
		return 0;
	}
	return fs_label_refused(m->label, errno, e);
}

int mount_fs_new(const struct plan *p, const struct plan_mount *m, int target, struct err *e)
{
	uint64_t attr = m->rec_attr_set | m->attr_set;
	autoclose int fs = sys_fsopen(m->fstype);

	if (fs == -ENODEV && strchr(m->fstype, '.') != NULL)
		return -ENOSYS;
	if (fs < 0)
		return fs == -ENOSYS ? fs : fs_failed(m, -fs, e);
	int r = fs_configure(p, m, fs, target, e);
	if (r < 0)
		return r;
	r = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r == -EINVAL || r == -EACCES)
		return fs_refused(fs, m->fstype, -r, e);
	if (r < 0)
		return fs_failed(m, -r, e);
	if (m->ro_late) /* mount_finish() */
		attr &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	autoclose int fd = sys_fsmount(fs, (unsigned int)attr);
	if (fd < 0)
		return fs_failed(m, -fd, e);
	r = mount_fs_label(m, fd, e);
	if (r < 0)
		return r;
	r = mount_set(fd, 0, 0, 0, m->propagation);
	return r < 0 ? err_sys(e, -r, ".options: propagation") : fd_take(&fd);
}
