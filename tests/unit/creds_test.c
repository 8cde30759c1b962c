/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process_fixture.h"

#include "base/log.h"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))
#define PROCESS(more) "'process':{'cwd':'/','args':['x']" more "}"
#define USER(u) PROCESS(",'user':" u)
#define CAPS(c) PROCESS(",'capabilities':" c)
#define USERNS                                                                                     \
	",'linux':{'namespaces':[{'type':'user'}],'uidMappings':[{'containerID':0,'hostID':1000,'" \
	"size':10}],"                                                                              \
	"'gidMappings':[{'containerID':0,'hostID':1000,'size':10}]}"

Test(creds, no_list_means_no_capability)
{
	FIXTURE(f, PROCESS(""));
	BUILDS(f, plan_creds_build);
	cr_assert_not(f.plan.creds.caps.set);
	cr_assert_eq(f.plan.creds.caps.bounding, 0);
	cr_assert_eq(f.plan.creds.caps.permitted, 0);
}

Test(creds, the_five_sets_are_five_sets)
{
	FIXTURE(f, CAPS("{'bounding':['CAP_CHOWN','CAP_KILL','CAP_SETUID'],'permitted':['CAP_CHOWN'"
			",'CAP_KILL'],"
			"'effective':['CAP_KILL'],'inheritable':['CAP_CHOWN'],'ambient':['CAP_"
			"CHOWN']}"));
	BUILDS(f, plan_creds_build);
	cr_assert_eq(f.plan.creds.caps.bounding, BIT(CAP_CHOWN) | BIT(CAP_KILL) | BIT(CAP_SETUID));
	cr_assert_eq(f.plan.creds.caps.permitted, BIT(CAP_CHOWN) | BIT(CAP_KILL));
	cr_assert_eq(f.plan.creds.caps.effective, BIT(CAP_KILL));
	cr_assert_eq(f.plan.creds.caps.inheritable, BIT(CAP_CHOWN));
	cr_assert_eq(f.plan.creds.caps.ambient, BIT(CAP_CHOWN));
}

Test(creds, inheritable_is_never_invented)
{
	FIXTURE(f, CAPS("{'bounding':['CAP_CHOWN'],'permitted':['CAP_CHOWN'],'effective':['CAP_"
			"CHOWN']}"));
	BUILDS(f, plan_creds_build);
	cr_assert_eq(f.plan.creds.caps.inheritable, 0);
	cr_assert_eq(f.plan.creds.caps.ambient, 0);
}

Test(creds, unknown_and_ungrantable_names_are_dropped)
{
	FIXTURE(f, CAPS("{'bounding':['CAP_FOO','12','CHOWN','CAP_SYS_RESOURCE','CAP_KILL']}"));
	f.host.cap_bounding &= ~BIT(CAP_SYS_RESOURCE);
	BUILDS(f, plan_creds_build);
	cr_assert_eq(f.plan.creds.caps.bounding, BIT(CAP_KILL));
}

Test(creds, a_new_user_namespace_has_what_the_host_lacks)
{
	FIXTURE(f, CAPS("{'bounding':['CAP_SYS_RESOURCE']}") USERNS);
	f.host.cap_bounding = 0;
	BUILDS(f, plan_creds_build);
	cr_assert_eq(f.plan.creds.caps.bounding, BIT(CAP_SYS_RESOURCE));
}

Test(creds, sets_the_kernel_would_refuse)
{
	REFUSES(CAPS("{'bounding':['CAP_KILL'],'effective':['CAP_KILL']}"), plan_creds_build,
		"process.capabilities.effective: must also be in permitted: cap_kill");
	REFUSES(CAPS("{'inheritable':['CAP_KILL']}"), plan_creds_build,
		"process.capabilities.inheritable");
	FIXTURE(f,
		CAPS("{'bounding':['CAP_KILL'],'permitted':['CAP_KILL'],'ambient':['CAP_KILL']}"));
	BUILDS(f, plan_creds_build);
	cr_assert_eq(f.plan.creds.caps.ambient, 0);
}

/* root has the same capabilities without them; whoever else loses some has to hear it */
Test(creds, ambient_left_out_is_told_to_others_than_root)
{
	struct log_sink sink = {memfd_create("log", 0), LOG_TEXT, LOG_LEVEL_WARNING};
	char text[512] = {0};

	log_setup(&sink);
	FIXTURE(f,
		CAPS("{'bounding':['CAP_KILL'],'permitted':['CAP_KILL'],'ambient':['CAP_KILL']}"));
	BUILDS(f, plan_creds_build);
	cr_assert_eq(pread(sink.fd, text, sizeof(text) - 1, 0), 0, "%s", text);
	FIXTURE(g, PROCESS(",'user':{'uid':7,'gid':7},'capabilities':{'bounding':['CAP_KILL'],'"
			   "permitted':['CAP_KILL'],'ambient':['CAP_KILL']}"));
	BUILDS(g, plan_creds_build);
	cr_assert_gt(pread(sink.fd, text, sizeof(text) - 1, 0), 0);
	cr_assert_not_null(strstr(text, "process.capabilities.ambient: left out"));
	close(sink.fd);
}

Test(creds, ids)
{
	REFUSES(USER("{'uid':4294967295,'gid':0}"), plan_creds_build, "process.user.uid");
	REFUSES(USER("{'uid':0,'gid':4294967295}"), plan_creds_build, "process.user.gid");
	REFUSES(USER("{'uid':0,'gid':0,'additionalGids':[1,4294967295]}"), plan_creds_build,
		"process.user.additionalGids[1]");
	REFUSES(USER("{'uid':0,'gid':0,'umask':512}"), plan_creds_build, "process.user.umask");
	REFUSES(USER("{'uid':10,'gid':0}") USERNS, plan_creds_build,
		"process.user.uid: 10 is not mapped");
	REFUSES(USER("{'uid':0,'gid':10}") USERNS, plan_creds_build,
		"process.user.gid: 10 is not mapped");
	REFUSES(USER("{'uid':0,'gid':0,'additionalGids':[10]}") USERNS, plan_creds_build,
		"process.user.additionalGids[0]: 10 is not mapped");
	FIXTURE(f, USER("{'uid':4294967294,'gid':7,'additionalGids':[3,9],'umask':18}"));
	BUILDS(f, plan_creds_build);
	cr_assert_eq(f.plan.creds.uid, 4294967294u);
	cr_assert_eq(f.plan.creds.gid, 7);
	cr_assert_eq(f.plan.creds.n_groups, 2);
	cr_assert_eq(f.plan.creds.groups[1], 9);
	cr_assert(f.plan.creds.umask.set && f.plan.creds.umask.v == 022);
}

Test(creds, too_many_groups)
{
	FIXTURE(f, USER("{'uid':0,'gid':0}"));
	f.config->process->user->n_additional_gids = 70000;
	f.config->process->user->additional_gids = arena_array(&f.arena, 70000, sizeof(uint64_t));
	cr_assert_eq(plan_creds_build(&f.plan, &f.in, &f.e), -EINVAL);
}

Test(creds, groups_kept_only_when_asked_for)
{
	static const struct {
		const char *annotation;
		bool keep;
	} cases[] = {
		{"'run.oci.keep_original_groups':'1'", true},
		{"'run.oci.keep_original_groups':'0'", false},
		{"'org.greffon.keep_original_groups':'true'", true},
		{"'run.oci.keep_original_groups':'1','org.greffon.keep_original_groups':'0'",
		 false},
		{"'other':'1'", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char json[512];
		(void)snprintf(json, sizeof(json), PROCESS("") ",'annotations':{%s}",
			       cases[i].annotation);
		FIXTURE(f, json);
		BUILDS(f, plan_creds_build);
		cr_assert_eq(f.plan.creds.keep_groups, cases[i].keep, "%s", cases[i].annotation);
	}
}

Test(creds, groups_where_setgroups_is_denied)
{
	FIXTURE(f, USER("{'uid':0,'gid':0,'additionalGids':[1]}"));
	f.plan.ns.deny_setgroups = true;
	cr_assert_eq(plan_creds_build(&f.plan, &f.in, &f.e), -EPERM);
	cr_assert_not_null(strstr(f.e.text, "process.user.additionalGids"));
}

/* A captured tree with no more than the files that tell of security modules. */
static void with_tree(struct fixture *f, const char *apparmor, const char *filesystems)
{
	char dir[] = "/tmp/greffon-creds-XXXXXX";
	static const char *const dirs[] = {"sys", "sys/module", "sys/module/apparmor",
					   "sys/module/apparmor/parameters", "proc"};

	cr_assert_not_null(mkdtemp(dir));
	fd_done(&f->host.root);
	f->host.root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		cr_assert_eq(mkdirat(f->host.root, dirs[i], 0755), 0);
	const char *const files[][2] = {{"sys/module/apparmor/parameters/enabled", apparmor},
					{"proc/filesystems", filesystems}};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		autoclose int fd =
			openat(f->host.root, files[i][0], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		cr_assert_eq(write(fd, files[i][1], strlen(files[i][1])),
			     (ssize_t)strlen(files[i][1]));
	}
}

static void without_tree(struct fixture *f)
{
	char path[64], link[64];
	static const char *const names[] = {"sys/module/apparmor/parameters/enabled",
					    "proc/filesystems"};
	static const char *const dirs[] = {"sys/module/apparmor/parameters", "sys/module/apparmor",
					   "sys/module", "sys", "proc"};

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", f->host.root);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	cr_assert_gt(n, 0);
	path[n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unlinkat(f->host.root, names[i], 0);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		(void)unlinkat(f->host.root, dirs[i], AT_REMOVEDIR);
	cr_assert_eq(rmdir(path), 0);
}

static int labels(const char *json, const char *apparmor, const char *filesystems, struct err *e,
		  struct plan_creds *out)
{
	FIXTURE(f, json);
	with_tree(&f, apparmor, filesystems);
	int r = plan_creds_build(&f.plan, &f.in, &f.e);
	*e = f.e;
	*out = f.plan.creds;
	without_tree(&f);
	return r;
}

Test(creds, a_label_the_host_cant_apply_is_an_error)
{
	static const char off[] = "nodev\tsysfs\n",
			  on[] = "nodev\tsysfs\nnodev\tselinuxfs\n\text4\n";
	struct err e = {0};
	struct plan_creds c;

	cr_assert_eq(labels(PROCESS(",'apparmorProfile':'p'"), "N\n", off, &e, &c), -ENOTSUP);
	cr_assert_not_null(
		strstr(e.text, "process.apparmorProfile: AppArmor is not enabled on this host"));
	cr_assert_eq(labels(PROCESS(",'apparmorProfile':'p'"), "Y\n", off, &e, &c), 0);
	cr_assert_not_null(c.apparmor);
	cr_assert_eq(labels(PROCESS(",'apparmorProfile':'unconfined'"), "N\n", off, &e, &c), 0);
	cr_assert_null(c.apparmor);
	cr_assert_eq(labels(PROCESS(",'selinuxLabel':'a:b:c'"), "Y\n", off, &e, &c), -ENOTSUP);
	cr_assert_not_null(
		strstr(e.text, "process.selinuxLabel: SELinux is not enabled on this host"));
	cr_assert_eq(labels(PROCESS(",'selinuxLabel':'a:b:c'"), "N\n", on, &e, &c), 0);
	cr_assert_not_null(c.selinux);
	cr_assert_eq(labels(PROCESS(",'apparmorProfile':'','selinuxLabel':''"), "N\n", off, &e, &c),
		     0);
}
