/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdlib.h>
#include <string.h>

#include "apply/creds.h"
#include "base/io.h"
#include "base/log.h"
#include "sys/sys.h"

#define LABELS_KEY_USR_SEARCH 0x00080000ul /* KEY_USR_SEARCH of keyctl(3) */

static int labels_write(const struct procfs *pf, const char *attr, const char *value, struct err *e)
{
	struct err why = {0};

	if (procfs_write(pf, attr, value, &why) == 0)
		return 0;
	/* podman tells a refused label by the back-quoted path */
	return err_set(e, why.code, "write `/proc/%s`: %s", attr, err_name(why.code));
}

/* Read back, since a write that does nothing would be a hole. The kernel adds the mode:
 * "name (enforce)". */
static int labels_verify(const struct procfs *pf, const char *attr, const char *label,
			 struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	size_t n = strlen(label);
	char *now;
	int r = procfs_read(pf, attr, 65536, &a, &now, e);

	if (r < 0)
		return r;
	if (strncmp(now, label, n) == 0 && strchr(" \n", now[n]) != NULL)
		return 0;
	return err_set(e, EPERM, "`/proc/%s` is '%.100s' after it was written", attr, now);
}

static int labels_exec(const struct procfs *pf, const char *attr, const char *value,
		       const char *label, struct err *e)
{
	int r = labels_write(pf, attr, value, e);

	return r < 0 ? r : labels_verify(pf, attr, label, e);
}

static int labels_apparmor(const struct plan *p, const struct procfs *pf, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	const char *profile = p->creds.apparmor, *attr = "thread-self/attr/apparmor/exec";
	struct err why = {0};

	/* With several modules the unqualified file may belong to another one; the folder is of
	 * Linux 5.8. */
	autoclose int folder = procfs_openat(pf, "thread-self/attr/apparmor", O_PATH, &why);
	if (folder == -ENOENT && p->creds.selinux == NULL)
		attr = "thread-self/attr/exec";
	int r = labels_exec(pf, attr, arena_printf(&a, "exec %s", profile), profile, e);
	if (r == -ENOENT)
		return err_set(
			e, ENOENT,
			"process.apparmorProfile: '%.200s' is not loaded in the kernel, write "
			"`/proc/%s` says; load it with apparmor_parser -r FILE",
			profile, attr);
	return r < 0 ? err_at(e, "process.apparmorProfile: '%.200s'", profile) : 0;
}

/* r, and what was being written where the kernel's word does not tell that the label is to blame.
 */
static int labels_selinux(const char *attr, const char *label, int r, struct err *e)
{
	if (r == -EINVAL)
		return err_set(e, EINVAL,
			       "process.selinuxLabel: '%.200s' is no label of the loaded policy, "
			       "write `/proc/%s` says",
			       label, attr);
	return r < 0 ? err_at(e, "process.selinuxLabel: '%.200s'", label) : 0;
}

int creds_labels(const struct plan *p, const struct procfs *pf, struct err *e)
{
	if (p->creds.apparmor != NULL) {
		int r = labels_apparmor(p, pf, e);
		if (r < 0)
			return r;
	}
	const char *label = p->creds.selinux, *attr = "thread-self/attr/exec";
	return label == NULL
		       ? 0
		       : labels_selinux(attr, label, labels_exec(pf, attr, label, label, e), e);
}

/* Lets processes of the same user find the keyring by its name, which is how exec joins it
 * (keyrings(7)). */
static void labels_keyring_search(long id)
{
	char text[256] = "";
	long n = sys_keyctl(KEYCTL_DESCRIBE, (unsigned long)id, (unsigned long)(uintptr_t)text,
			    sizeof(text) - 1, 0);
	const char *perm = text; /* "keyring;uid;gid;perm;name" */

	for (int i = 0; i < 3 && perm != NULL; i++)
		perm = strchr(perm, ';') != NULL ? strchr(perm, ';') + 1 : NULL;
	if (n < 0 || perm == NULL)
		return;
	unsigned long bits = strtoul(perm, NULL, 16);
	if ((bits & LABELS_KEY_USR_SEARCH) == 0)
		(void)sys_keyctl(KEYCTL_SETPERM, (unsigned long)id, bits | LABELS_KEY_USR_SEARCH, 0,
				 0);
}

int creds_keyring(const struct plan *p, const struct procfs *pf, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	const char *name = arena_printf(&a, "_ses.%s", p->id);

	const char *label = p->creds.keyring_label, *attr = "thread-self/attr/keycreate";
	if (label != NULL) {
		int r = labels_selinux(attr, label, labels_write(pf, attr, label, e), e);
		if (r < 0)
			return r;
	}
	long id = sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)(uintptr_t)name, 0, 0, 0);
	if (id == -ENOSYS)
		return 0; /* a kernel without keyrings has nothing to share */
	if (id == -EPERM || id == -EDQUOT || id == -EACCES) {
		log_warn("no new session keyring (%s); see --no-new-keyring", err_name((int)-id));
		return 0;
	}
	if (id < 0)
		return err_sys(e, (int)-id, "a new session keyring '%s'", name);
	labels_keyring_search(id);
	return 0;
}
