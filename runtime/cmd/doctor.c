/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "cmd/check.h"
#include "cmd/document.h"
#include "cmd/graft.h"
#include "cmd/hardening.h"
#include "hooks/cdi.h"
#include "hooks/tree.h"
#include "host/cgroupfs.h"
#include "host/host.h"
#include "host/lsm.h"

/* What a node lacks, and how to mend it. Changes nothing; everything is read below the root of
 * struct host, but the kernel's calls and limits, which only a live node has. */

struct doctor {
	struct checks c;
	struct host h;
	struct tree t;
	struct graft_inventory inv;
	bool kernel; /* what the kernel shows of itself is there */
	bool caller; /* who called is known: on a live node, and where a tree has his status */
};

/* ---- the kernel ---- */

/* What greffon goes another way without; the fast way needs all of them. */
static const struct {
	unsigned int major, minor;
	const char *what;
} doctor_calls[] = {
	{5, 2, "fsopen, open_tree"},
	{5, 3, "clone3, pidfd_open"},
	{5, 6, "openat2"},
	{5, 7, "clone into a cgroup (v2)"},
	{5, 9, "close_range"},
	{5, 12, "mount_setattr, idmapped mounts"},
	{5, 14, "kill of a whole cgroup"},
};

static bool doctor_is_before(unsigned int major, unsigned int minor, unsigned int m, unsigned int n)
{
	return major < m || (major == m && minor < n);
}

static void doctor_kernel(struct doctor *d)
{
	const char *release = tree_read(&d->t, "proc/sys/kernel/osrelease");
	const char *missing = NULL;
	unsigned int major, minor;

	if (release == NULL && d->h.captured) /* of the devices alone */
		return;
	d->kernel = true;
	if (release == NULL || sscanf(release, "%u.%u", &major, &minor) != 2) {
		check_add(&d->c, CHECK_WARN, "kernel", NULL, "its release can't be read");
		return;
	}
	if (doctor_is_before(major, minor, 4, 18)) {
		check_add(&d->c, CHECK_FAIL, "kernel", "boot 4.18 or later, best 5.14 or later",
			  "Linux %s is older than 4.18", release);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(doctor_calls); i++)
		if (doctor_is_before(major, minor, doctor_calls[i].major, doctor_calls[i].minor))
			missing = missing == NULL ? doctor_calls[i].what
						  : arena_printf(d->c.a, "%s, %s", missing,
								 doctor_calls[i].what);
	if (missing != NULL)
		check_add(&d->c, CHECK_WARN, "kernel",
			  "boot 5.14 or later, unless the distribution has them in its own",
			  "Linux %s has no %s: other ways are slower or leave a wider window",
			  release, missing);
	else
		check_add(&d->c, CHECK_OK, "kernel", NULL, "Linux %s", release);
}

static void doctor_hardening(struct doctor *d)
{
	const char *missing = d->h.captured ? NULL : hardening_missing(d->c.a);

	if (d->h.captured)
		return;
	if (missing != NULL)
		check_add(&d->c, CHECK_WARN, "kernel",
			  "a newer kernel, or the filter of the container that this runs in",
			  "these calls are missing or refused: %s", missing);
	else
		check_add(&d->c, CHECK_OK, "kernel", NULL,
			  "has every call that protections are built on");
}

static void doctor_seccomp(struct doctor *d)
{
	const char *actions = tree_read(&d->t, "proc/sys/kernel/seccomp/actions_avail");

	if (actions == NULL)
		check_add(&d->c, CHECK_WARN, "seccomp", "a kernel with CONFIG_SECCOMP_FILTER",
			  "the kernel has no filters: a config with linux.seccomp is refused");
	else
		check_add(&d->c, CHECK_OK, "seccomp", NULL, "filters%s",
			  strstr(actions, "user_notif") != NULL ? ", also with an agent (notify)"
								: " without notify");
}

static void doctor_lsm(struct doctor *d)
{
	const char *list = tree_read(&d->t, "sys/kernel/security/lsm");

	check_add(&d->c, CHECK_OK, "lsm", NULL, "%s%s%s",
		  lsm_has_apparmor(&d->h)  ? "AppArmor"
		  : lsm_has_selinux(&d->h) ? "SELinux"
					   : "neither AppArmor nor SELinux: labels are refused",
		  list != NULL ? "; all: " : "", list != NULL ? list : "");
}

/* ---- user namespaces ---- */

static void doctor_userns(struct doctor *d)
{
	static const struct {
		const char *path, *bad, *why;
	} switches[] = {
		{"proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces"},
		{"proc/sys/kernel/unprivileged_userns_clone", "0",
		 "kernel.unprivileged_userns_clone"},
		{"proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
		 "kernel.apparmor_restrict_unprivileged_userns"},
	};
	bool fine = true;

	for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
		const char *value = tree_read(&d->t, "%s", switches[i].path);
		if (value == NULL || strcmp(value, switches[i].bad) != 0)
			continue;
		fine = false;
		check_add(&d->c, CHECK_WARN, "userns",
			  i == 0 ? "sysctl user.max_user_namespaces=15000, also in /etc/sysctl.d"
				 : arena_printf(d->c.a, "sysctl %s=%s, also in /etc/sysctl.d",
						switches[i].why, i == 1 ? "1" : "0"),
			  "%s is %s: users can't make containers without root", switches[i].why,
			  value);
	}
	if (fine)
		check_add(&d->c, CHECK_OK, "userns", NULL, "users may make user namespaces");
}

/* "NAME:FIRST:COUNT" for the caller, by name or number. */
static bool doctor_has_range(struct doctor *d, const char *path, const char *name)
{
	const char *text = tree_read(&d->t, "%s", path);
	const char *number = arena_printf(d->c.a, "%u", d->h.euid);

	for (const char *p = text; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, ":\n"), line = strcspn(p, "\n");

		if (p[n] == ':' && ((n == strlen(name) && strncmp(p, name, n) == 0) ||
				    (n == strlen(number) && strncmp(p, number, n) == 0)))
			return true;
		p += line + (p[line] == '\n');
	}
	return false;
}

static void doctor_subids(struct doctor *d)
{
	static const char *const files[] = {"etc/subuid", "etc/subgid"};

	if (!d->caller || d->h.euid == 0)
		return;
	const char *name = d->h.captured ? arena_printf(d->c.a, "%u", d->h.euid)
					 : document_user(d->h.euid, d->c.a);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (doctor_has_range(d, files[i], name))
			check_add(&d->c, CHECK_OK, "userns", NULL, "/%s has a range for %s",
				  files[i], name);
		else
			check_add(&d->c, CHECK_WARN, "userns",
				  arena_printf(d->c.a, "usermod --add-%ss 100000-165535 %s",
					       files[i] + strlen("etc/"), name),
				  "/%s has no range for %s: one id only in a container", files[i],
				  name);
}

/* ---- cgroups ---- */

static const char *const doctor_controllers[] = {"cpu", "memory", "pids"};

/* In words separated by blanks. */
static bool doctor_has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p != NULL && (p = strstr(p, word)) != NULL; p += n)
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

static const struct host_hierarchy *doctor_v2(const struct doctor *d)
{
	for (size_t i = 0; i < d->h.cgroups->n; i++)
		if (d->h.cgroups->v[i].v2)
			return &d->h.cgroups->v[i];
	return NULL;
}

static bool doctor_has_controller(struct doctor *d, const char *name)
{
	const struct host_hierarchy *v2 = doctor_v2(d);

	if (cgroupfs_find(d->h.cgroups, name) != NULL)
		return true;
	return v2 != NULL &&
	       doctor_has_word(tree_read(&d->t, "%s/cgroup.controllers", v2->mount + 1), name);
}

static void doctor_cgroup_controllers(struct doctor *d)
{
	const struct host_hierarchy *v2 = doctor_v2(d);
	const char *missing = NULL;

	/* a captured tree may have the mount table alone */
	if (d->h.captured && v2 != NULL && !tree_exists(&d->t, "%s", v2->mount + 1))
		return;
	for (size_t i = 0; i < ARRAY_LEN(doctor_controllers); i++)
		if (!doctor_has_controller(d, doctor_controllers[i]))
			missing = missing == NULL ? doctor_controllers[i]
						  : arena_printf(d->c.a, "%s, %s", missing,
								 doctor_controllers[i]);
	if (missing != NULL)
		check_add(&d->c, CHECK_WARN, "cgroup",
			  "take them out of cgroup_disable= on the kernel's command line",
			  "no controller %s: such limits are refused", missing);
}

/* A plain user's cgroups are what somebody has given him. */
static void doctor_delegation(struct doctor *d)
{
	const struct host_hierarchy *v2 = doctor_v2(d);
	static const char remedy[] =
		"log in through systemd (loginctl enable-linger), with Delegate=yes for "
		"user@.service, see docs/rootless.md";

	if (!d->caller || d->h.euid == 0 || d->h.captured)
		return;
	if (v2 == NULL || d->h.cgroups->mode != CGROUP_V2)
		check_add(&d->c, CHECK_WARN, "cgroup",
			  "boot with systemd.unified_cgroup_hierarchy=1",
			  "only cgroup v2 can be delegated: no limits without root");
	else if (faccessat(d->h.root,
			   arena_printf(d->c.a, "%s%s/cgroup.procs", v2->mount + 1, v2->own), W_OK,
			   AT_EACCESS) < 0)
		check_add(&d->c, CHECK_WARN, "cgroup", remedy,
			  "the cgroup %s is not delegated to you: no limits without root", v2->own);
	else
		check_add(&d->c, CHECK_OK, "cgroup", NULL, "%s is delegated to you", v2->own);
}

static void doctor_rdma_cgroup(struct doctor *d)
{
	const struct host_hierarchy *v2 = doctor_v2(d);
	bool any = false;

	for (size_t i = 0; i < d->inv.device.n; i++)
		any = any || d->inv.device.v[i].domain == GRAFT_RDMA;
	if (!any)
		return;
	if (!doctor_has_controller(d, "rdma"))
		check_add(&d->c, CHECK_WARN, "rdma", "a kernel with CONFIG_CGROUP_RDMA",
			  "no cgroup controller rdma: org.greffon.graft.rdma.limit is refused");
	else if (v2 != NULL && cgroupfs_find(d->h.cgroups, "rdma") == NULL &&
		 !doctor_has_word(tree_read(&d->t, "%s/cgroup.subtree_control", v2->mount + 1),
				  "rdma"))
		check_add(&d->c, CHECK_WARN, "rdma",
			  arena_printf(d->c.a,
				       "greffon as root enables it when a limit is asked for; "
				       "otherwise: echo +rdma > %s/cgroup.subtree_control",
				       v2->mount),
			  "the cgroup controller rdma is not enabled below the root");
	else
		check_add(&d->c, CHECK_OK, "rdma", NULL, "the cgroup controller rdma is there");
}

static void doctor_cgroup(struct doctor *d)
{
	static const char *const modes[] = {[CGROUP_NONE] = "none",
					    [CGROUP_V1] = "v1",
					    [CGROUP_HYBRID] = "v1 and v2",
					    [CGROUP_V2] = "v2"};
	enum cgroup_mode mode = d->h.cgroups->mode;

	if (mode == CGROUP_NONE) {
		check_add(&d->c, CHECK_FAIL, "cgroup",
			  "mount -t cgroup2 none /sys/fs/cgroup, or use --cgroup-manager disabled",
			  "no hierarchy is mounted: no limits and no device rules");
		return;
	}
	check_add(&d->c, CHECK_OK, "cgroup", NULL, "%s%s", modes[mode],
		  tree_exists(&d->t, "run/systemd/system") ? ", systemd is there" : "");
	doctor_cgroup_controllers(d);
	doctor_delegation(d);
	doctor_rdma_cgroup(d);
}

/* ---- limits, grafts ---- */

static void doctor_memlock(struct doctor *d)
{
	struct rlimit lock;

	if (d->h.captured || getrlimit(RLIMIT_MEMLOCK, &lock) < 0)
		return;
	if (lock.rlim_max == RLIM_INFINITY)
		check_add(&d->c, CHECK_OK, "memlock", NULL, "unlimited for this caller");
	else
		check_add(&d->c, CHECK_OK, "memlock", NULL,
			  "%llu bytes for this caller; of a service: LimitMEMLOCK in its unit",
			  (unsigned long long)lock.rlim_max);
}

/* One line a file: a GPU that changed its number is in dozens of a vendor's devices. */
static void doctor_cdi_file(struct doctor *d, const struct cdi_findings *f, size_t first)
{
	const struct cdi_finding *x = &f->v[first];
	size_t more = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->v[i].file, x->file) != 0)
			continue;
		if (i < first)
			return;
		more += i > first;
	}
	char *text = arena_printf(d->c.a, "%s: %s%s%s", x->file, x->device != NULL ? x->device : "",
				  x->device != NULL ? ": " : "", x->text);
	/* what a file says goes to a terminal */
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	if (more > 0)
		text = arena_printf(d->c.a, "%s (and %zu more: greffon graft cdi --check)", text,
				    more);
	check_add(&d->c, x->unread ? CHECK_WARN : CHECK_FAIL, "cdi", x->remedy, "%s", text);
}

/* What `greffon graft cdi --check` finds. Nothing is said of a node without such files. */
static void doctor_cdi(struct doctor *d, const struct graft_policy *policy)
{
	struct cdi_files files = {0};
	struct cdi_findings found = {0};
	struct err why = {0};

	if (cdi_read_dirs(&d->h, policy->cdi.dirs, policy->cdi.n_dirs, d->c.a, &files, &why) < 0) {
		check_add(&d->c, CHECK_WARN, "cdi", NULL, "%s", why.text);
		return;
	}
	cdi_check(&d->h, &files, d->c.a, &found);
	for (size_t i = 0; i < found.n; i++)
		doctor_cdi_file(d, &found, i);
	if (files.n > 0 && found.n == 0)
		check_add(&d->c, CHECK_OK, "cdi", NULL, "%zu CDI files, none of them stale",
			  files.n);
}

static void doctor_grafts(struct doctor *d)
{
	struct graft_policy policy;
	struct err why = {0};
	bool readable = graft_policy_load(&d->h, d->c.a, &policy, &why) == 0;

	if (!readable)
		check_add(&d->c, CHECK_FAIL, "policy",
			  "until it is mended nothing is grafted, see greffon.conf(5)", "%s",
			  why.text);
	graft_checks(&d->c, &d->h, &d->inv, readable ? &policy : NULL);
	if (readable)
		doctor_cdi(d, &policy);
}

/* ---- printing ---- */

static const char *const doctor_words[] = {"ok", "warn", "fail"};

static const char *doctor_text(const struct checks *c)
{
	const char *text = "";

	for (size_t i = 0; i < c->n; i++) {
		const struct check_item *x = &c->v[i];
		text = arena_printf(c->a, "%s%-5s %-9s %s\n", text, doctor_words[x->level], x->area,
				    x->text);
		if (x->remedy != NULL)
			text = arena_printf(c->a, "%s%-5s %-9s mend: %s\n", text, "", "",
					    x->remedy);
	}
	return arena_printf(c->a, "%s%zu ok, %zu to look at, %zu wrong\n", text,
			    check_count(c, CHECK_OK), check_count(c, CHECK_WARN),
			    check_count(c, CHECK_FAIL));
}

static const char *doctor_json(const struct checks *c)
{
	struct json j = {.a = c->a, .style = JSON_PRETTY};
	size_t len;

	json_open(&j, NULL, '{');
	for (int level = CHECK_OK; level <= CHECK_FAIL; level++)
		json_uint(&j, doctor_words[level], check_count(c, (enum check_level)level));
	json_open(&j, "checks", '[');
	for (size_t i = 0; i < c->n; i++) {
		json_open(&j, NULL, '{');
		json_string(&j, "level", doctor_words[c->v[i].level]);
		json_string(&j, "area", c->v[i].area);
		json_string(&j, "text", c->v[i].text);
		if (c->v[i].remedy != NULL)
			json_string(&j, "remedy", c->v[i].remedy);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	return json_end(&j, &len);
}

/* ---- the command ---- */

struct doctor_options {
	const char *format, *host;
};

static int doctor_examine(struct doctor *d, const struct doctor_options *o, struct err *e)
{
	struct err why = {0};
	int r = host_open(&d->h, o->host != NULL ? o->host : "/", d->c.a, &why);

	if (r < 0 && d->h.root < 0)
		return err_take(e, &why);
	tree_open(&d->t, &d->h, d->c.a);
	d->caller = !d->h.captured || tree_exists(&d->t, "proc/self/status");
	r = graft_discover(&d->h, GRAFT_ALL_DEVICES, d->c.a, &d->inv, e);
	if (r < 0)
		return r;
	doctor_kernel(d);
	doctor_hardening(d);
	if (d->kernel) {
		doctor_seccomp(d);
		doctor_lsm(d);
		doctor_userns(d);
	}
	doctor_subids(d);
	if (d->h.cgroups == NULL)
		check_add(&d->c, CHECK_WARN, "cgroup", NULL, "%s", why.text);
	else
		doctor_cgroup(d);
	doctor_memlock(d);
	doctor_grafts(d);
	return 0;
}

static int doctor_run(const struct cmd_global *g, const void *options, int n, char **operands,
		      struct err *e)
{
	const struct doctor_options *o = options;
	struct doctor d = {.c.a = g->arena, .h.root = FD_NONE};
	bool json = o->format != NULL && strcmp(o->format, "json") == 0;

	(void)n;
	(void)operands;
	if (o->format != NULL && !json && strcmp(o->format, "text") != 0)
		return err_set(e, EINVAL, "--format: '%.100s' is neither text nor json", o->format);
	int r = doctor_examine(&d, o, e);
	tree_done(&d.t);
	host_done(&d.h);
	if (r < 0)
		return r;
	const char *text = json ? doctor_json(&d.c) : doctor_text(&d.c);
	r = io_write_all(STDOUT_FILENO, text, strlen(text));
	if (r < 0)
		return err_sys(e, -r, "standard output");
	return check_count(&d.c, CHECK_FAIL) > 0;
}

static const struct cmd_option doctor_options[] = {
	{"format", 'f', CMD_STRING, offsetof(struct doctor_options, format), "FORMAT",
	 "text (default) or json"},
	{"host", 0, CMD_STRING, offsetof(struct doctor_options, host), "DIR",
	 "look at the node whose captured tree is DIR"},
	{0},
};

const struct cmd cmd_doctor = {
	.name = "doctor",
	.args = "",
	.summary = "say what this node lacks for containers and grafts, and how to mend it",
	.options = doctor_options,
	.options_size = sizeof(struct doctor_options),
	.order = CMD_PERMUTE,
	.failure_status = 2,
	.run = doctor_run,
};
