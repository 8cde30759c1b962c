/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process_fixture.h"

#define NET "'linux':{'namespaces':[{'type':'network'}],'netDevices':{"
#define END "}}"

static void refuses(const char *devices, const char *says)
{
	char json[512];

	(void)snprintf(json, sizeof(json), NET "%s" END, devices);
	REFUSES(json, plan_netdev_build, says);
}

Test(netdev_plan, names_and_templates)
{
	FIXTURE(f, NET "'ib0':{},'eth1':{'name':'net%d'},'eth2.100':{'name':''}" END);
	f.host.euid = 0;
	BUILDS(f, plan_netdev_build);
	cr_assert_eq(f.plan.n_netdev, 3);
	cr_assert_str_eq(f.plan.netdev[0].inside, "ib0");
	cr_assert(!f.plan.netdev[0].template);
	cr_assert(f.plan.netdev[1].template);
	cr_assert_str_eq(f.plan.netdev[2].inside, "eth2.100");
	cr_assert_str_eq(f.plan.netdev[1].origin, "linux.netDevices.eth1");
}

Test(netdev_plan, what_is_no_name_is_refused)
{
	refuses("'a/b':{}", "'a/b' is not the name");
	refuses("'e':{'name':'..'}", "linux.netDevices.e.name");
	refuses("'e':{'name':'a:1'}", "linux.netDevices.e.name");
	refuses("'e':{'name':'a b'}", "linux.netDevices.e.name");
	refuses("'e':{'name':'abcdefghijklmnop'}", "linux.netDevices.e.name");
	refuses("'e':{'name':'%d'}", "linux.netDevices.e.name");
	refuses("'e':{'name':'a%dx'}", "linux.netDevices.e.name");
	refuses("'e':{'name':'a%d%d'}", "linux.netDevices.e.name");
	refuses("'e':{'name':'a%s'}", "linux.netDevices.e.name");
	refuses("'e%d':{}", "is not the name");
}

Test(netdev_plan, what_can_not_move_is_refused)
{
	refuses("'lo':{}", "loopback");
	refuses("'e':{'name':'lo'}", "'lo' is taken");
	refuses("'e':{'name':'x'},'f':{'name':'x'}", "also the name of linux.netDevices.e");
	REFUSES("'linux':{'netDevices':{'e':{}}}", plan_netdev_build, "need a network namespace");
	REFUSES("'linux':{'namespaces':[{'type':'network','path':'/proc/self/ns/net'}],"
		"'netDevices':{'e':{}}}",
		plan_netdev_build, "runtime's own network namespace");
}

Test(netdev_plan, a_rootless_runtime_can_not)
{
	FIXTURE(f, NET "'e':{}" END);
	f.host.euid = 1000;
	cr_assert_eq(plan_netdev_build(&f.plan, &f.in, &f.e), -EPERM);
	cr_assert_not_null(strstr(f.e.text, "rootless"));
}
