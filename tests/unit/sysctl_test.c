/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process_fixture.h"

#define WITH(namespaces, sysctl) "'linux':{'namespaces':[" namespaces "],'sysctl':{" sysctl "}}"
#define IPC "{'type':'ipc'}"
#define NET "{'type':'network'}"
#define UTS "{'type':'uts'}"

Test(sysctl, needs_the_namespace_it_belongs_to)
{
	REFUSES(WITH("", "'net.ipv4.ip_forward':'1'"), plan_sysctl_build,
		"needs a network namespace");
	REFUSES(WITH(NET, "'kernel.shmmax':'1'"), plan_sysctl_build, "needs a ipc namespace");
	REFUSES(WITH(NET, "'fs.mqueue.msg_max':'1'"), plan_sysctl_build, "needs a ipc namespace");
	REFUSES(WITH(NET, "'kernel.domainname':'x'"), plan_sysctl_build, "needs a uts namespace");
	REFUSES(WITH(NET, "'user.max_net_namespaces':'1'"), plan_sysctl_build,
		"needs a user namespace");
	FIXTURE(f, WITH(NET "," IPC "," UTS,
			"'net.ipv4.ip_forward':'1','kernel.shmmax':'2','fs.mqueue.msg_max':'3',"
			"'kernel.domainname':'d'"));
	BUILDS(f, plan_sysctl_build);
	cr_assert_eq(f.plan.n_sysctl, 4);
	cr_assert_str_eq(f.plan.sysctl[0].path, "sys/net/ipv4/ip_forward");
	cr_assert_str_eq(f.plan.sysctl[2].value, "3");
}

Test(sysctl, every_ipc_key_of_the_spec)
{
	static const char *const keys[] = {"msgmax", "msgmnb",		"msgmni",
					   "sem",    "shmall",		"shmmax",
					   "shmmni", "shm_rmid_forced", "auto_msgmni"};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char json[256];
		(void)snprintf(json, sizeof(json), WITH(IPC, "'kernel.%s':'1'"), keys[i]);
		FIXTURE(f, json);
		BUILDS(f, plan_sysctl_build);
	}
}

/* CVE-2022-0811 and what else would leave the container. */
Test(sysctl, the_hosts_own_are_refused)
{
	static const char *const keys[] = {
		"kernel.core_pattern",
		"net/../kernel/core_pattern",
		"net.ipv4/../../kernel/core_pattern",
		"kernel.hostname",
		"vm.overcommit_memory",
		"fs.file-max",
		"net",
		"net.",
		"net..x",
		".net",
		"/net/x",
		"net/./x",
		"",
		"kernel.shmmaxx",
		"kernel.shmmax.x",
		"netx.y",
		"net/ipv4/",
		"kernel/pid_max",
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char json[256];
		(void)snprintf(json, sizeof(json), WITH(NET "," IPC "," UTS, "'%s':'1'"), keys[i]);
		FIXTURE(f, json);
		cr_assert_eq(plan_sysctl_build(&f.plan, &f.in, &f.e), -EINVAL, "'%s'", keys[i]);
		cr_assert_eq(strncmp(f.e.text, "linux.sysctl: ", 14), 0, "%s", f.e.text);
	}
}

Test(sysctl, the_first_separator_is_the_separator)
{
	FIXTURE(f, WITH(NET, "'net/ipv4/conf/ib0.8001/rp_filter':'1','net.ipv4.conf.eth0/"
			     "100.rp_filter':'2'"));
	BUILDS(f, plan_sysctl_build);
	cr_assert_str_eq(f.plan.sysctl[0].path, "sys/net/ipv4/conf/ib0.8001/rp_filter");
	cr_assert_str_eq(f.plan.sysctl[1].path, "sys/net/ipv4/conf/eth0.100/rp_filter");
}

Test(sysctl, a_joined_namespace_may_be_the_hosts_by_another_name)
{
	char json[512];

	(void)snprintf(
		json, sizeof(json),
		WITH("{'type':'network','path':'/proc/%d/ns/net'}", "'net.ipv4.ip_forward':'1'"),
		(int)getpid());
	FIXTURE(f, json);
	cr_assert_eq(plan_sysctl_build(&f.plan, &f.in, &f.e), -EINVAL);
	cr_assert_not_null(strstr(f.e.text, "would change the host"));
}

Test(sysctl, values)
{
	REFUSES(WITH(IPC, "'kernel.sem':'1\\nkernel.x=1'"), plan_sysctl_build, "newline");
	FIXTURE(f, WITH(IPC, "'kernel.sem':'1'"));
	char *value = arena_alloc(&f.arena, 5000);
	memset(value, '1', 4097);
	f.config->linux->sysctl[0].value = value;
	cr_assert_eq(plan_sysctl_build(&f.plan, &f.in, &f.e), -EINVAL);
	value[4096] = '\0';
	BUILDS(f, plan_sysctl_build);
}

Test(sysctl, domainname_is_said_once)
{
	REFUSES("'domainname':'a'," WITH(UTS, "'kernel.domainname':'b'"), plan_sysctl_build,
		"contradicts");
}
