/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/capability.h>

#include "base/io.h"
#include "cmd/cmd.h"
#include "cmd/document.h"
#include "cmd/hardening.h"
#include "cmd/version.h"
#include "host/cgroupfs.h"
#include "host/lsm.h"
#include "plan/mountopt.h"
#include "sys/sys.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* 5.19 */
#endif

static void features_strings(struct json *j, const char *key, const char *const *v, size_t n)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < n; i++)
		json_string(j, NULL, v[i]);
	json_close(j, ']');
}

static void features_enabled(struct json *j, const char *key, bool enabled)
{
	json_open(j, key, '{');
	json_bool(j, "enabled", enabled);
	json_close(j, '}');
}

static void features_mount_options(struct json *j)
{
	const char *name;

	json_open(j, "mountOptions", '[');
	for (size_t i = 0; (name = mountopt_name(&i)) != NULL;)
		json_string(j, NULL, name);
	json_close(j, ']');
}

static void features_namespaces(struct json *j)
{
	static const char *const all[] = {"cgroup", "ipc",  "mount", "network",
					  "pid",    "time", "user",  "uts"};

	features_strings(j, "namespaces", all, ARRAY_LEN(all));
}

static void features_capabilities(struct json *j)
{
	json_open(j, "capabilities", '[');
	for (cap_value_t i = 0; i <= CAP_LAST_CAP; i++) {
		char *name = cap_to_name(i);

		/* what libcap has no name for is a bare number */
		if (name == NULL || !isalpha((unsigned char)name[0])) {
			(void)cap_free(name);
			continue;
		}
		for (char *p = name; *p != '\0'; p++)
			*p = (char)toupper((unsigned char)*p);
		json_string(j, NULL, name);
		(void)cap_free(name);
	}
	json_close(j, ']');
}

/* A known flag is refused for its missing program (EFAULT), an unknown one for itself (EINVAL). */
static void features_seccomp_flags(struct json *j)
{
	static const struct {
		const char *name;
		unsigned long flag;
	} all[] = {
		{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
		{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
		{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
		{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
		 SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV | SECCOMP_FILTER_FLAG_NEW_LISTENER},
	};

	json_open(j, "knownFlags", '[');
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		json_string(j, NULL, all[i].name);
	json_close(j, ']');
	json_open(j, "supportedFlags", '[');
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (sys_seccomp(SECCOMP_SET_MODE_FILTER, (unsigned int)all[i].flag, NULL) ==
		    -EFAULT)
			json_string(j, NULL, all[i].name);
	json_close(j, ']');
}

static void features_seccomp(struct json *j)
{
	static const char *const operators[] = {"SCMP_CMP_EQ",	     "SCMP_CMP_GE", "SCMP_CMP_GT",
						"SCMP_CMP_LE",	     "SCMP_CMP_LT", "SCMP_CMP_NE",
						"SCMP_CMP_MASKED_EQ"};
	static const char *const actions[] = {
		"SCMP_ACT_ALLOW",	 "SCMP_ACT_ERRNO",	 "SCMP_ACT_KILL",
		"SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
		"SCMP_ACT_NOTIFY",	 "SCMP_ACT_TRACE",	 "SCMP_ACT_TRAP"};
	/* config-linux.md names them; which of them libseccomp was built with is not asked for: it
	 * knows all */
	static const char *const archs[] = {
		"SCMP_ARCH_AARCH64",  "SCMP_ARCH_ARM",	       "SCMP_ARCH_MIPS",
		"SCMP_ARCH_MIPS64",   "SCMP_ARCH_MIPS64N32",   "SCMP_ARCH_MIPSEL",
		"SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC",
		"SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC",	       "SCMP_ARCH_PPC64",
		"SCMP_ARCH_PPC64LE",  "SCMP_ARCH_RISCV64",     "SCMP_ARCH_S390",
		"SCMP_ARCH_S390X",    "SCMP_ARCH_X32",	       "SCMP_ARCH_X86",
		"SCMP_ARCH_X86_64",
	};

	json_open(j, "seccomp", '{');
	json_bool(j, "enabled", true);
	features_strings(j, "actions", actions, ARRAY_LEN(actions));
	features_strings(j, "operators", operators, ARRAY_LEN(operators));
	features_strings(j, "archs", archs, ARRAY_LEN(archs));
	features_seccomp_flags(j);
	json_close(j, '}');
}

static void features_memory_policy(struct json *j)
{
	static const char *const modes[] = {
		"MPOL_DEFAULT",	  "MPOL_BIND",		 "MPOL_INTERLEAVE",	    "MPOL_LOCAL",
		"MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE"};
	static const char *const flags[] = {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES",
					    "MPOL_F_STATIC_NODES"};

	json_open(j, "memoryPolicy", '{');
	features_strings(j, "modes", modes, ARRAY_LEN(modes));
	features_strings(j, "flags", flags, ARRAY_LEN(flags));
	json_close(j, '}');
}

/* What this build knows (features.md: "irrelevant to the actual availability of the features in the
 * host operating system"); only seccomp's supportedFlags ask the kernel. */
static void features_linux(struct json *j)
{
	bool systemd = false;

#ifdef HAVE_SYSTEMD
	systemd = true;
#endif
	json_open(j, "linux", '{');
	features_namespaces(j);
	features_capabilities(j);
	json_open(j, "cgroup", '{');
	json_bool(j, "v1", true);
	json_bool(j, "v2", true);
	json_bool(j, "systemd", systemd);
	json_bool(j, "systemdUser", systemd);
	json_bool(j, "rdma", true);
	json_close(j, '}');
	features_seccomp(j);
	features_enabled(j, "apparmor", true);
	features_enabled(j, "selinux", true);
	json_open(j, "intelRdt", '{');
	json_bool(j, "enabled", true);
	json_bool(j, "schemata", true);
	json_bool(j, "monitoring", true);
	json_close(j, '}');
	features_memory_policy(j);
	json_open(j, "mountExtensions", '{');
	features_enabled(j, "idmap", true);
	json_close(j, '}');
	features_enabled(j, "netDevices", true);
	json_close(j, '}');
}

static const char *features_bool(bool b)
{
	return b ? "true" : "false";
}

/* The controller, in its own v1 hierarchy or handed out by the root of v2. */
static bool features_has_rdma(const struct host *h)
{
	char text[4096];

	if (cgroupfs_find(h->cgroups, "rdma") != NULL)
		return true;
	for (size_t i = 0; i < h->cgroups->n; i++) {
		autoclose int dir = open(h->cgroups->v[i].mount, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (h->cgroups->v[i].v2 && dir >= 0 &&
		    io_read_control(dir, "cgroup.controllers", text, sizeof(text)) > 0 &&
		    strstr(text, "rdma") != NULL)
			return true;
	}
	return false;
}

/* The same for this kernel, as annotations: the document proper must not depend on it. */
static void features_host(struct json *j, struct arena *a)
{
	static const char *const cgroup[] = {
		[CGROUP_NONE] = "none",
		[CGROUP_V1] = "v1",
		[CGROUP_V2] = "v2",
		[CGROUP_HYBRID] = "hybrid",
	};
	__attribute__((cleanup(host_done))) struct host h = {.root = FD_NONE};
	struct mount_attr none = {0};
	uint32_t notify = SECCOMP_RET_USER_NOTIF;
	struct err e = {0};

	if (host_open(&h, "/", a, &e) < 0)
		return;
	json_string(j, "org.greffon.host.apparmor", features_bool(lsm_has_apparmor(&h)));
	json_string(j, "org.greffon.host.cgroup", cgroup[h.cgroups->mode]);
	hardening_write(j, a);
	json_string(j, "org.greffon.host.idmap",
		    features_bool(sys_mount_setattr(FD_NONE, "", 0, &none) != -ENOSYS));
	json_string(j, "org.greffon.host.rdma", features_bool(features_has_rdma(&h)));
	json_string(j, "org.greffon.host.seccomp.notify",
		    features_bool(sys_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &notify) == 0));
	json_string(j, "org.greffon.host.selinux", features_bool(lsm_has_selinux(&h)));
	json_string(j, "org.greffon.host.timens",
		    features_bool(access("/proc/self/ns/time", F_OK) == 0));
}

static void features_annotations(struct json *j, struct arena *a)
{
	/* All that let a config change something on the host's side. */
	static const char *const unsafe[] = {"org.criu.config", "org.greffon.",
					     "org.systemd.property.", "run.oci."};
	const struct scmp_version *v = seccomp_version();

	json_open(j, "annotations", '{');
	if (v != NULL)
		json_string(j, "io.github.seccomp.libseccomp.version",
			    arena_printf(a, "%u.%u.%u", v->major, v->minor, v->micro));
	json_string(j, "org.greffon.commit", version_commit());
	features_host(j, a);
	json_string(j, "org.greffon.version", PACKAGE_VERSION);
	json_string(j, "org.opencontainers.runc.checkpoint.enabled", "true");
	json_close(j, '}');
	features_strings(j, "potentiallyUnsafeConfigAnnotations", unsafe, ARRAY_LEN(unsafe));
}

static int features_run(const struct cmd_global *g, const void *options, int n, char **operands,
			struct err *e)
{
	static const char *const hooks[] = {"prestart",	      "createRuntime", "createContainer",
					    "startContainer", "poststart",     "poststop"};
	struct json j = {.a = g->arena, .style = JSON_PRETTY};

	(void)options;
	(void)n;
	(void)operands;
	json_open(&j, NULL, '{');
	json_string(&j, "ociVersionMin", "1.0.0");
	json_string(&j, "ociVersionMax", "1.3.0");
	features_strings(&j, "hooks", hooks, ARRAY_LEN(hooks));
	features_mount_options(&j);
	features_linux(&j);
	features_annotations(&j, g->arena);
	json_close(&j, '}');
	return document_print(&j, e);
}

const struct cmd cmd_features = {
	.name = "features",
	.args = "",
	.summary = "show what this build supports, and what of it this kernel has, as JSON",
	.options = NULL,
	.order = CMD_PERMUTE,
	.min_operands = 0,
	.max_operands = 0,
	.failure_status = 1,
	.run = features_run,
};
