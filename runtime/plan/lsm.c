/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/lsm.h"

#include <string.h>

#include "base/io.h"
#include "host/host.h"
#include "libocispec/oci.h"

/* The module's own answer: "Y" or "N". */
static bool lsm_has_apparmor(const struct host *h)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;

	return io_read_file(h->root, "sys/module/apparmor/parameters/enabled", 64, &a, &text,
			    NULL) == 0 &&
	       text[0] == 'Y';
}

/* A kernel registers selinuxfs only when it runs with SELinux; whether it is mounted is another
 * matter. */
static bool lsm_has_selinux(const struct host *h)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *text;

	return io_read_file(h->root, "proc/filesystems", 65536, &a, &text, NULL) == 0 &&
	       strstr(text, "\tselinuxfs\n") != NULL;
}

int lsm_build(struct plan *p, const struct oci_process *o, const struct host *h, struct err *e)
{
	const char *apparmor = o->apparmor_profile, *selinux = o->selinux_label;

	/* without the module every program is what "unconfined" asks for */
	if (apparmor != NULL && apparmor[0] != '\0') {
		if (lsm_has_apparmor(h))
			p->creds.apparmor = apparmor;
		else if (strcmp(apparmor, "unconfined") != 0)
			return err_set(e, ENOTSUP,
				       "process.apparmorProfile: AppArmor is not enabled on this "
				       "host, '%.200s' "
				       "can't be applied",
				       apparmor);
	}
	if (selinux == NULL || selinux[0] == '\0')
		return 0;
	if (!lsm_has_selinux(h))
		return err_set(e, ENOTSUP,
			       "process.selinuxLabel: SELinux is not enabled on this host, "
			       "'%.200s' can't be applied",
			       selinux);
	p->creds.selinux = selinux;
	p->creds.keyring_label = selinux;
	return 0;
}
