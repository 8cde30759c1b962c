/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/creds.h"
#include "base/io.h"
#include "base/log.h"
#include "sys/sys.h"

/* /sys is the container's by now: whether a security module is there shows in procfs. */
static int labels_write(const struct procfs *pf, const char *attr, const char *value, struct err *e)
{
	struct err why = {0};

	if (procfs_write(pf, attr, value, &why) == 0)
		return 0;
	/* podman tells a refused label by the back-quoted path */
	return err_set(e, why.code, "write `/proc/%s`: %s", attr, err_name(why.code));
}

static bool labels_has(const struct procfs *pf, const char *dir)
{
	autoclose int fd = procfs_openat(pf, dir, O_PATH | O_DIRECTORY, NULL);

	return fd >= 0;
}

static int labels_apparmor(const struct plan *p, const struct procfs *pf, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	const char *value = arena_printf(&a, "exec %s", p->creds.apparmor);

	/* With several modules the unqualified file may belong to another one (Linux 5.8 has the folder). */
	if (labels_has(pf, "thread-self/attr/apparmor"))
		return labels_write(pf, "thread-self/attr/apparmor/exec", value, e) < 0 ?
			       err_at(e, "process.apparmorProfile: '%s'", p->creds.apparmor) :
			       0;
	return err_set(e, ENOTSUP, "process.apparmorProfile: AppArmor is not enabled on this host, '%s' can't be applied",
		       p->creds.apparmor);
}

/* /proc/self/attr/current exists with any module; only SELinux answers with a context of colons. */
static bool labels_selinux_on(const struct procfs *pf)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;

	return procfs_read(pf, "thread-self/attr/current", 4096, &a, &text, NULL) == 0 && strchr(text, ':') != NULL;
}

int creds_labels(const struct plan *p, const struct procfs *pf, struct err *e)
{
	if (p->creds.apparmor != NULL) {
		int r = labels_apparmor(p, pf, e);
		if (r < 0)
			return r;
	}
	if (p->creds.selinux == NULL)
		return 0;
	if (!labels_selinux_on(pf))
		return err_set(e, ENOTSUP, "process.selinuxLabel: SELinux is not enabled on this host, '%s' can't be applied",
			       p->creds.selinux);
	return labels_write(pf, "thread-self/attr/exec", p->creds.selinux, e) < 0 ? err_at(e, "process.selinuxLabel") : 0;
}

int creds_keyring(const struct plan *p, const struct procfs *pf, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	const char *name = arena_printf(&a, "_ses.%s", p->id);

	if (p->creds.keyring_label != NULL && labels_selinux_on(pf) &&
	    labels_write(pf, "thread-self/attr/keycreate", p->creds.keyring_label, e) < 0)
		return err_at(e, "process.selinuxLabel");
	long id = sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)(uintptr_t)name, 0, 0, 0);
	if (id == -ENOSYS)
		return 0; /* a kernel without keyrings has nothing to share */
	if (id == -EPERM || id == -EDQUOT || id == -EACCES) {
		log_warn("no new session keyring (%s); see --no-new-keyring", err_name((int)-id));
		return 0;
	}
	return id < 0 ? err_sys(e, (int)-id, "a new session keyring '%s'", name) : 0;
}
