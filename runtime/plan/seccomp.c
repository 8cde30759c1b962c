/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/seccomp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "libocispec/oci.h"
#include "plan/annotation.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* 5.19 */
#endif

/* errno values end at 4095 (MAX_ERRNO); a filter cuts larger ones. */
#define SECCOMP_MAX_ERRNO 4095

static const struct {
	const char *name;
	unsigned int flag;
} seccomp_flags[] = {
	{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
	{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

static int seccomp_flag(const char *name, size_t i, unsigned int *flags, struct err *e)
{
	for (size_t k = 0; k < ARRAY_LEN(seccomp_flags); k++)
		if (strcmp(name, seccomp_flags[k].name) == 0) {
			*flags |= seccomp_flags[k].flag;
			return 0;
		}
	return err_set(e, EINVAL, "linux.seccomp.flags[%zu]: unknown flag '%s'", i, name);
}

/* config-linux.md: an errno for an action that gives none is an error. */
static bool seccomp_takes_errno(enum oci_seccomp_action action)
{
	return action == OCI_SECCOMP_ERRNO || action == OCI_SECCOMP_TRACE;
}

static int seccomp_rule(const struct oci_syscall *s, struct err *e)
{
	if (s->n_names == 0)
		return err_set(e, EINVAL, ".names: must not be empty");
	for (size_t i = 0; i < s->n_names; i++)
		if (s->names[i][0] == '\0')
			return err_set(e, EINVAL, ".names[%zu]: must not be empty", i);
	if (s->errno_ret.set && !seccomp_takes_errno(s->action))
		return err_set(e, EINVAL,
			       ".errnoRet: is for SCMP_ACT_ERRNO and SCMP_ACT_TRACE only");
	if (s->errno_ret.v > SECCOMP_MAX_ERRNO)
		return err_set(e, ERANGE, ".errnoRet: must be 0 to %d", SECCOMP_MAX_ERRNO);
	for (size_t i = 0; i < s->n_args; i++)
		if (s->args[i].index.v > 5)
			return err_set(e, ERANGE, ".args[%zu].index: must be 0 to 5, got %llu", i,
				       (unsigned long long)s->args[i].index.v);
	return 0;
}

/* crun has been told of the listener by these before the specification knew it. */
static const char *seccomp_receiver(const struct plan *p, const struct plan_input *in)
{
	const char *own = in->options->seccomp_receiver;

	return own != NULL && own[0] != '\0' ? own
					     : annotation_path(p, in->host, "seccomp.receiver",
							       "use linux.seccomp.listenerPath");
}

static int seccomp_listener(const struct plan *p, const struct plan_input *in,
			    struct plan_seccomp *out, struct err *e)
{
	const struct oci_seccomp *s = out->profile;
	const char *path = s->listener_path;

	if (s->listener_metadata != NULL && path == NULL)
		return err_set(e, EINVAL, "linux.seccomp.listenerMetadata: needs listenerPath");
	/* config-linux.md: ignored when no rule notifies */
	if (!out->notify)
		return 0;
	if (path == NULL)
		path = seccomp_receiver(p, in);
	if (path == NULL)
		return err_set(
			e, EINVAL,
			"linux.seccomp.listenerPath: is required for the action SCMP_ACT_NOTIFY");
	if (path[0] != '/')
		return err_set(e, EINVAL,
			       "linux.seccomp.listenerPath: must be an absolute path, got '%.200s'",
			       path);
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return err_set(e, ENAMETOOLONG,
			       "linux.seccomp.listenerPath: is longer than %zu bytes",
			       sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	out->listener_path = path;
	out->listener_metadata = s->listener_metadata;
	return 0;
}

static int seccomp_default(const struct oci_seccomp *s, struct err *e)
{
	if (s->default_action == OCI_SECCOMP_NOTIFY)
		return err_set(e, EINVAL,
			       "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY would also stop the "
			       "runtime itself");
	if (s->default_errno_ret.set && !seccomp_takes_errno(s->default_action))
		return err_set(e, EINVAL,
			       "linux.seccomp.defaultErrnoRet: is for SCMP_ACT_ERRNO and "
			       "SCMP_ACT_TRACE only");
	if (s->default_errno_ret.v > SECCOMP_MAX_ERRNO)
		return err_set(e, ERANGE, "linux.seccomp.defaultErrnoRet: must be 0 to %d",
			       SECCOMP_MAX_ERRNO);
	return 0;
}

int plan_seccomp_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_seccomp *s = in->config->linux != NULL ? in->config->linux->seccomp : NULL;
	struct plan_seccomp *out = &p->seccomp;

	if (s == NULL)
		return 0;
	if (seccomp_default(s, e) < 0)
		return -e->code;
	for (size_t i = 0; i < s->n_flags; i++)
		if (seccomp_flag(s->flags[i], i, &out->flags, e) < 0)
			return -e->code;
	/* the peers' default: a filter costs nothing in speculation by itself */
	if (s->flags == NULL)
		out->flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	for (size_t i = 0; i < s->n_syscalls; i++) {
		struct err why = {0};
		if (seccomp_rule(&s->syscalls[i], &why) < 0)
			return err_set(e, why.code, "linux.seccomp.syscalls[%zu]%s", i, why.text);
		out->notify = out->notify || s->syscalls[i].action == OCI_SECCOMP_NOTIFY;
	}
	/* the kernel takes it only with a listener; a profile may carry it for the day it has one
	 */
	if (!out->notify)
		out->flags &= ~(unsigned int)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	out->profile = s;
	return seccomp_listener(p, in, out, e);
}
