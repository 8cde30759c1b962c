/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/creds.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/log.h"
#include "sys/sys.h"

/* self/status with the longest list of groups the kernel takes (65536 of at most 11 bytes). */
#define CREDS_STATUS_MAX ((size_t)1 << 20)

/* Drops these from the bounding set. */
static int creds_bounding(uint64_t drop, struct err *e)
{
	for (int cap = 0; cap < 64; cap++) {
		if ((drop & (UINT64_C(1) << cap)) == 0 || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			return 0; /* beyond the last one of this kernel */
		return err_sys(
			e, errno,
			"process.capabilities.bounding: dropping capability %d needs CAP_SETPCAP",
			cap);
	}
	return 0;
}

static int creds_ids(const struct plan_creds *c, struct err *e)
{
	int r;

	/* always set, also to none: what the caller had must not be inherited (CVE-2022-36109 and
	 * its kin) */
	if (!c->keep_groups && !c->no_setgroups) {
		r = sys_setgroups(c->n_groups, c->groups);
		if (r == -EINVAL)
			return err_set(e, EINVAL,
				       "process.user.additionalGids: one is not mapped in the user "
				       "namespace");
		if (r < 0)
			return err_sys(e, -r, "process.user.additionalGids: setgroups");
	}
	r = sys_setresgid(c->gid);
	if (r == -EINVAL)
		return err_set(e, EINVAL,
			       "process.user.gid: %u is not mapped in the user namespace", c->gid);
	if (r < 0)
		return err_sys(e, -r, "process.user.gid: %u", c->gid);
	r = sys_setresuid(c->uid);
	if (r == -EINVAL)
		return err_set(e, EINVAL,
			       "process.user.uid: %u is not mapped in the user namespace", c->uid);
	return r < 0 ? err_sys(e, -r, "process.user.uid: %u", c->uid) : 0;
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
		return err_sys(e, -r,
			       "process.capabilities: capset (the runtime itself may lack one of "
			       "permitted)");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(e, errno, "process.capabilities.ambient: clearing");
	/* A runtime under SECBIT_NO_CAP_AMBIENT_RAISE may raise none: less than asked for, never
	 * more. */
	for (int cap = 0; cap < 64; cap++)
		if ((caps->ambient & (UINT64_C(1) << cap)) != 0 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			log_warn("process.capabilities.ambient: capability %d can't be raised: %s",
				 cap, err_name(errno));
	return 0;
}

static int creds_change(const struct plan_creds *c, struct err *e)
{
	int r = creds_bounding(c->bounding_now & ~c->caps.bounding, e);

	/* without this the change from user 0 to another would empty the permitted set */
	bool keep = c->uid != 0;
	if (r == 0 && keep && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		r = err_sys(e, errno, "prctl PR_SET_KEEPCAPS");
	if (r == 0)
		r = creds_ids(c, e);
	if (r < 0)
		return r;
	if (c->umask.set)
		(void)umask((mode_t)c->umask.v);
	if (keep && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return err_sys(e, errno, "prctl PR_SET_KEEPCAPS");
	r = creds_sets(&c->caps, e);
	if (r == 0 && c->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_sys(e, errno, "process.noNewPrivileges");
	return r;
}

int creds_apply(const struct plan *p, struct err *e)
{
	struct err why = {0};

	if (creds_change(&p->creds, &why) == 0)
		return 0;
	if (p->seccomp.profile == NULL || p->creds.no_new_privs)
		return err_take(e, &why);
	return err_set(e, why.code,
		       "%s (without noNewPrivileges the seccomp filter is loaded before this, and "
		       "has to allow it)",
		       why.text);
}

/* ---- reading back ---- */

/* The value of a line of self/status; name is "\nUid:". */
static const char *creds_line(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at != NULL ? at + strlen(name) : NULL;
}

/* "Uid:	real	effective	saved	file system": all four. */
static int creds_same_ids(const char *status, const char *name, uint32_t want, struct err *e)
{
	const char *at = creds_line(status, name);
	char *end = NULL;

	for (int i = 0; i < 4; i++, at = end) {
		unsigned long have = at != NULL ? strtoul(at, &end, 10) : 0;
		if (at == NULL || end == at || have != want)
			return err_set(e, EPERM, "process.user: %s is %lu after it was set to %u",
				       name + 1, have, want);
	}
	return 0;
}

static int creds_compare_gids(const void *x, const void *y)
{
	gid_t a = *(const gid_t *)x, b = *(const gid_t *)y;

	return (a > b) - (a < b);
}

/* The kernel shows the list sorted. */
static int creds_same_groups(const char *status, const struct plan_creds *c, struct arena *a,
			     struct err *e)
{
	const char *at = creds_line(status, "\nGroups:");
	gid_t *want = arena_array(a, c->n_groups + 1, sizeof(*want));
	size_t n = 0;

	if (c->n_groups > 0) {
		memcpy(want, c->groups, c->n_groups * sizeof(*want));
		qsort(want, c->n_groups, sizeof(*want), creds_compare_gids);
	}
	while (at != NULL && *at != '\n' && *at != '\0') {
		char *end;
		if (*at == ' ' || *at == '\t') {
			at++;
			continue;
		}
		unsigned long have = strtoul(at, &end, 10);
		if (end == at || n >= c->n_groups || have != want[n])
			return err_set(e, EPERM,
				       "process.user.additionalGids: group %lu is still there",
				       have);
		n++;
		at = end;
	}
	return at != NULL && n == c->n_groups
		       ? 0
		       : err_set(e, EPERM,
				 "process.user.additionalGids: %zu groups of %zu were set", n,
				 c->n_groups);
}

/* may_miss: what is not there was warned about; anything more than wanted never passes. */
static int creds_same_caps(const char *status, const char *name, uint64_t want, uint64_t may_miss,
			   struct err *e)
{
	const char *at = creds_line(status, name);
	uint64_t have = at != NULL ? strtoull(at, NULL, 16) : ~want;

	if ((have | (want & may_miss)) == want)
		return 0;
	return err_set(e, EPERM, "process.capabilities: %s is %016llx after it was set to %016llx",
		       name + 1, (unsigned long long)have, (unsigned long long)want);
}

int creds_verify(const struct plan *p, const struct procfs *pf, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	const struct plan_creds *c = &p->creds;
	const struct plan_caps *caps = &c->caps;
	char *status;
	int r = procfs_read_whole(pf, "self/status", CREDS_STATUS_MAX, &a, &status, e);

	if (r == 0)
		r = creds_same_ids(status, "\nUid:", c->uid, e);
	if (r == 0)
		r = creds_same_ids(status, "\nGid:", c->gid, e);
	if (r == 0 && !c->keep_groups && !c->no_setgroups)
		r = creds_same_groups(status, c, &a, e);
	if (r == 0)
		r = creds_same_caps(status, "\nCapInh:", caps->inheritable, 0, e);
	if (r == 0)
		r = creds_same_caps(status, "\nCapPrm:", caps->permitted, 0, e);
	if (r == 0)
		r = creds_same_caps(status, "\nCapEff:", caps->effective, 0, e);
	/* a listed capability that the runtime's bounding set never had can't come back */
	if (r == 0)
		r = creds_same_caps(status, "\nCapBnd:", caps->bounding, ~UINT64_C(0), e);
	if (r == 0)
		r = creds_same_caps(status, "\nCapAmb:", caps->ambient, ~UINT64_C(0), e);
	if (r < 0 || !c->no_new_privs)
		return r;
	const char *nnp = creds_line(status, "\nNoNewPrivs:");
	return nnp != NULL && strtoul(nnp, NULL, 10) == 1
		       ? 0
		       : err_set(e, EPERM, "process.noNewPrivileges: is not set after it was set");
}
