/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/lsm.h"

#include <string.h>

#include "host/host.h"
#include "host/lsm.h"
#include "libocispec/oci.h"

static int lsm_apparmor(struct plan *p, const char *profile, const struct host *h, struct err *e)
{
	bool unconfined = strcmp(profile, "unconfined") == 0;

	if (!lsm_has_apparmor(h)) {
		/* without the module every program is what "unconfined" asks for */
		return unconfined ? 0
				  : err_set(e, ENOTSUP,
					    "process.apparmorProfile: AppArmor is not enabled on "
					    "this host, '%.200s' can't be applied",
					    profile);
	}
	if (!unconfined && lsm_apparmor_loaded(h, profile) == LSM_NOT_LOADED)
		return err_set(
			e, ENOENT,
			"process.apparmorProfile: '%.200s' is not loaded in the kernel; load "
			"it with apparmor_parser -r FILE",
			profile);
	p->creds.apparmor = profile;
	return 0;
}

int lsm_build(struct plan *p, const struct oci_process *o, const struct host *h, struct err *e)
{
	const char *selinux = o->selinux_label;
	int r = 0;

	if (o->apparmor_profile != NULL && o->apparmor_profile[0] != '\0')
		r = lsm_apparmor(p, o->apparmor_profile, h, e);
	if (r < 0 || selinux == NULL || selinux[0] == '\0')
		return r;
	if (!lsm_has_selinux(h))
		return err_set(e, ENOTSUP,
			       "process.selinuxLabel: SELinux is not enabled on this host, "
			       "'%.200s' can't be applied",
			       selinux);
	p->creds.selinux = selinux;
	p->creds.keyring_label = selinux;
	return 0;
}
