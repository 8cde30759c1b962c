/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/creds.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "sys/sys.h"

/* Drops every capability from the bounding set that the plan does not list. */
static int creds_bounding(uint64_t keep, struct err *e)
{
	for (int cap = 0; cap < 64; cap++) {
		if ((keep & (UINT64_C(1) << cap)) != 0)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap) < 0) {
			if (errno == EINVAL)
				return 0; /* beyond the last one of this kernel */
			return err_sys(e, errno, "process.capabilities.bounding: dropping capability %d", cap);
		}
	}
	return 0;
}

static int creds_ids(const struct plan_creds *c, struct err *e)
{
	int r;

	/* always set, also to none: what the caller had must not be inherited (CVE-2022-36109 and its kin) */
	if (!c->keep_groups && !c->no_setgroups) {
		r = sys_setgroups(c->n_groups, c->groups);
		if (r < 0)
			return err_sys(e, -r, "process.user.additionalGids: setgroups");
	}
	r = sys_setresgid(c->gid);
	if (r < 0)
		return r == -EINVAL ? err_set(e, EINVAL, "process.user.gid: %u is not mapped in the user namespace", c->gid) :
				      err_sys(e, -r, "process.user.gid: %u", c->gid);
	r = sys_setresuid(c->uid);
	if (r < 0)
		return r == -EINVAL ? err_set(e, EINVAL, "process.user.uid: %u is not mapped in the user namespace", c->uid) :
				      err_sys(e, -r, "process.user.uid: %u", c->uid);
	return 0;
}

static int creds_sets(const struct plan_caps *caps, struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(caps->effective >> (32 * i)),
			.permitted = (uint32_t)(caps->permitted >> (32 * i)),
			.inheritable = (uint32_t)(caps->inheritable >> (32 * i)),
		};
	int r = sys_capset(&head, data);
	if (r < 0)
		return err_sys(e, -r, "process.capabilities: capset");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(e, errno, "process.capabilities.ambient: clearing");
	for (int cap = 0; cap < 64; cap++)
		if ((caps->ambient & (UINT64_C(1) << cap)) != 0 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return err_sys(e, errno, "process.capabilities.ambient: raising capability %d", cap);
	return 0;
}

int creds_apply(const struct plan *p, struct err *e)
{
	const struct plan_creds *c = &p->creds;
	int r = 0;

	if (c->umask.set)
		(void)umask((mode_t)c->umask.v);
	if (c->caps.set)
		r = creds_bounding(c->caps.bounding, e);
	/* without this the change of uid would empty the permitted set */
	if (r == 0 && c->caps.set && prctl(PR_SET_KEEPCAPS, 1) < 0)
		r = err_sys(e, errno, "prctl PR_SET_KEEPCAPS");
	if (r == 0)
		r = creds_ids(c, e);
	if (r == 0 && c->caps.set && prctl(PR_SET_KEEPCAPS, 0) < 0)
		r = err_sys(e, errno, "prctl PR_SET_KEEPCAPS");
	if (r == 0 && c->caps.set)
		r = creds_sets(&c->caps, e);
	if (r == 0 && c->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_sys(e, errno, "process.noNewPrivileges");
	return r;
}

/* ---- reading back ---- */

static const char *creds_line(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at != NULL && (at == status || at[-1] == '\n') ? at + strlen(name) : NULL;
}

static int creds_same_caps(const char *status, const char *name, uint64_t want, struct err *e)
{
	const char *at = creds_line(status, name);
	uint64_t have = at != NULL ? strtoull(at, NULL, 16) : ~want;

	return have == want ? 0 :
			      err_set(e, EPERM, "process.capabilities: %s is %016llx after it was set to %016llx", name,
				      (unsigned long long)have, (unsigned long long)want);
}

int creds_verify(const struct plan *p, const struct procfs *pf, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	const struct plan_creds *c = &p->creds;
	char *status;
	int r = procfs_read(pf, "self/status", 65536, &a, &status, e);

	if (r < 0)
		return r;
	uid_t ids[3];
	gid_t gids[3];
	if (getresuid(&ids[0], &ids[1], &ids[2]) < 0 || getresgid(&gids[0], &gids[1], &gids[2]) < 0)
		return err_sys(e, errno, "process.user: reading ids back");
	for (int i = 0; i < 3; i++)
		if (ids[i] != c->uid || gids[i] != c->gid)
			return err_set(e, EPERM, "process.user: is %u:%u after it was set to %u:%u", ids[i], gids[i], c->uid,
				       c->gid);
	const char *nnp = creds_line(status, "NoNewPrivs:");
	if (c->no_new_privs && (nnp == NULL || strtoul(nnp, NULL, 10) != 1))
		return err_set(e, EPERM, "process.noNewPrivileges: is not set after it was set");
	if (!c->caps.set)
		return 0;
	r = creds_same_caps(status, "CapInh:", c->caps.inheritable, e);
	if (r == 0)
		r = creds_same_caps(status, "CapPrm:", c->caps.permitted, e);
	if (r == 0)
		r = creds_same_caps(status, "CapEff:", c->caps.effective, e);
	if (r == 0)
		r = creds_same_caps(status, "CapBnd:", c->caps.bounding, e);
	return r == 0 ? creds_same_caps(status, "CapAmb:", c->caps.ambient, e) : r;
}
