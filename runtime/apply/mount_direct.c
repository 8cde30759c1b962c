/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/mount_direct.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "apply/mount_fs.h"
#include "apply/mount_legacy.h"
#include "apply/mount_open.h"

#define DIRECT_DATA_MAX 4096 /* mount(2) cuts off what is longer, without a word */

/* All that mount(2) can say; not nosymfollow, which kernels before 5.10 ignore. */
#define DIRECT_ATTR                                                                                \
	(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME |            \
	 MOUNT_ATTR_NODIRATIME)

struct mount_direct mount_direct_new(const struct plan *p, const struct procfs *pf)
{
	/* a namespace that was joined has processes, which could exchange a name */
	return (struct mount_direct){(p->ns.create & CLONE_NEWNS) != 0 ? pf : NULL, false};
}

static bool direct_mount(struct mount_direct *d, const char *source, int at, const char *name,
			 const char *type, unsigned long flags, const char *data)
{
	char target[32 + NAME_MAX];
	int n = snprintf(target, sizeof(target), "self/fd/%d%s%s", at, name != NULL ? "/" : "",
			 name != NULL ? name : "");

	if (n < 0 || (size_t)n >= sizeof(target))
		return false;
	d->there = d->there || fchdir(d->pf->fd) == 0;
	return d->there && mount(source, target, type, flags, data) == 0;
}

/*
 * Whose superblock mount(2)'s flags don't reach: it gives MS_RDONLY to it as well as to the mount,
 * and a superblock of sysfs or of a tmpfs may be read-only only where the config says so of all of
 * it. That of cgroup2 is there already, one for all, and keeps its own.
 */
static bool direct_may_be_readonly(const struct plan_mount *m)
{
	return strcmp(m->fstype, "cgroup2") == 0;
}

static bool direct_knows(const char *type)
{
	static const char *const types[] = {"proc",   "sysfs",	"tmpfs",
					    "devpts", "mqueue", "cgroup2"};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

/* The options mean the same when they are taken as one text: without quotes, and without those of
 * security modules and mpol, which have parsers of their own for a text. */
static bool direct_is_plain(const char *data)
{
	return data == NULL || (strpbrk(data, "\"\\") == NULL && strstr(data, "context") == NULL &&
				strstr(data, "mpol") == NULL && strstr(data, "smack") == NULL);
}

static bool direct_can(const struct plan_mount *m)
{
	uint64_t attr = m->attr_set | m->rec_attr_set;

	return m->verb == MOUNT_FS && !m->remount && !m->ro_late && !m->copy_up &&
	       m->sb_flags == 0 && m->propagation == 0 && m->label == NULL && m->uid.n == 0 &&
	       !m->idmap_own && direct_knows(m->fstype) && direct_is_plain(m->data) &&
	       (attr & ~(uint64_t)(DIRECT_ATTR | MOUNT_ATTR_RDONLY)) == 0 &&
	       ((attr & MOUNT_ATTR_RDONLY) == 0 || direct_may_be_readonly(m));
}

bool mount_direct_fs(struct mount_direct *d, const struct plan_mount *m, int at, const char *name)
{
	const char *data = m->data != NULL ? m->data : "";
	char extra[64], text[DIRECT_DATA_MAX];

	if (d->pf == NULL || !direct_can(m))
		return false;
	/* what a tmpfs takes over from a directory, it takes from one that is open */
	if (name != NULL && mount_fs_takes_over(m))
		return false;
	extra[0] = '\0';
	if (name == NULL)
		(void)mount_fs_extra(m, at, extra);
	int n = snprintf(text, sizeof(text), "%s%s%s", data,
			 data[0] != '\0' && extra[0] != '\0' ? "," : "", extra);
	if (n < 0 || (size_t)n >= sizeof(text))
		return false;
	return direct_mount(d, m->source, at, name, m->fstype,
			    mount_legacy_flags(m->attr_set | m->rec_attr_set), text);
}

bool mount_direct_bind(struct mount_direct *d, const char *source, int at, const char *name)
{
	return d->pf != NULL && direct_mount(d, source, at, name, NULL, MS_BIND, NULL);
}
