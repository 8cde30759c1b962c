/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/plan.h"

/* Keys whose value belongs to a namespace; everything else is the node's own. A name that ends in
 * '/' stands for all below it. */
static const struct {
	const char *path;
	int ns;
	const char *ns_name, *proc_name;
} sysctl_allowed[] = {
	{"net/", CLONE_NEWNET, "network", "net"},
	{"fs/mqueue/", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/auto_msgmni", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/msgmax", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/msgmnb", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/msgmni", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/msg_next_id", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/sem", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/sem_next_id", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/shmall", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/shmmax", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/shmmni", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/shm_next_id", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/shm_rmid_forced", CLONE_NEWIPC, "ipc", "ipc"},
	{"kernel/domainname", CLONE_NEWUTS, "uts", "uts"},
	{"user/", CLONE_NEWUSER, "user", "user"},
};

/*
 * "net.ipv4.conf.eth0/100.rp_filter" or "net/ipv4/conf/eth0.100/rp_filter": whichever separator
 * comes first is the separator, the other one stands for itself (sysctl(8)); so an interface
 * "ib0.8001" can be named.
 */
static char *sysctl_path(struct arena *a, const char *key)
{
	char *path = arena_strdup(a, key);
	const char *first = strpbrk(key, "./");

	if (first == NULL || *first == '/')
		return path;
	for (char *p = path; *p != '\0'; p++)
		*p = *p == '.' ? '/' : (*p == '/' ? '.' : *p);
	return path;
}

static bool sysctl_is_clean(const char *path)
{
	if (path[0] == '\0' || path[0] == '/' || path[strlen(path) - 1] == '/')
		return false;
	for (const char *p = path; p != NULL;
	     p = strchr(p, '/') != NULL ? strchr(p, '/') + 1 : NULL) {
		size_t n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
	}
	return true;
}

static int sysctl_check(const struct plan *p, const struct host *h, const char *key,
			const char *path, struct err *e)
{
	if (!sysctl_is_clean(path))
		return err_set(e, EINVAL,
			       "linux.sysctl: '%.200s' is not the name of a kernel parameter", key);
	if (strcmp(path, "kernel/hostname") == 0)
		return err_set(e, EINVAL,
			       "linux.sysctl: 'kernel.hostname' is set by the property hostname");
	if (strcmp(path, "kernel/domainname") == 0 && p->ns.domainname != NULL)
		return err_set(
			e, EINVAL,
			"linux.sysctl: 'kernel.domainname' contradicts the property domainname");
	for (size_t i = 0; i < ARRAY_LEN(sysctl_allowed); i++) {
		size_t n = strlen(sysctl_allowed[i].path);
		bool below = sysctl_allowed[i].path[n - 1] == '/';
		if (below ? strncmp(path, sysctl_allowed[i].path, n) != 0
			  : strcmp(path, sysctl_allowed[i].path) != 0)
			continue;
		if (!plan_has_ns(p, sysctl_allowed[i].ns))
			return err_set(
				e, EINVAL,
				"linux.sysctl: '%s' needs a %s namespace, it would change the host",
				key, sysctl_allowed[i].ns_name);
		if (plan_joins_own(p, h, sysctl_allowed[i].ns, sysctl_allowed[i].proc_name))
			return err_set(e, EINVAL,
				       "linux.sysctl: '%s' would change the host, whose %s "
				       "namespace the container joins",
				       key, sysctl_allowed[i].ns_name);
		return 0;
	}
	return err_set(e, EINVAL,
		       "linux.sysctl: '%.200s' is not namespaced, it would change the host", key);
}

int plan_sysctl_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_linux *l = in->config->linux;

	if (l == NULL || l->n_sysctl == 0)
		return 0;
	p->sysctl = arena_array(p->arena, l->n_sysctl, sizeof(*p->sysctl));
	for (size_t i = 0; i < l->n_sysctl; i++) {
		const char *key = l->sysctl[i].key, *value = l->sysctl[i].value;
		const char *path = sysctl_path(p->arena, key);
		int r = sysctl_check(p, in->host, key, path, e);

		if (r < 0)
			return r;
		if (strlen(value) > 4096 || strchr(value, '\n') != NULL)
			return err_set(e, EINVAL,
				       "linux.sysctl: value of '%s' is longer than 4096 bytes or "
				       "has a newline",
				       key);
		p->sysctl[p->n_sysctl++] =
			(struct plan_sysctl){key, arena_printf(p->arena, "sys/%s", path), value};
	}
	return 0;
}
