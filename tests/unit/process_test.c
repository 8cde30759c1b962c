/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process_fixture.h"

#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/personality.h>

#include "plan/sched.h"

#define PROCESS(more) "'process':{'cwd':'/','args':['/bin/true']" more "}"

Test(process, env_entries_have_a_name_and_a_value)
{
	REFUSES(PROCESS(",'env':['A=1','B']"), plan_process_build, "process.env[1]");
	REFUSES(PROCESS(",'env':['=x']"), plan_process_build, "process.env[0]");
}

Test(process, the_last_of_equal_env_names_wins)
{
	FIXTURE(f, PROCESS(",'env':['A=1','AB=2','A=3','HOME=','A=']"));
	BUILDS(f, plan_process_build);
	cr_assert_eq(f.plan.process.n_env, 3);
	cr_assert_str_eq(f.plan.process.env[0], "A=");
	cr_assert_str_eq(f.plan.process.env[1], "AB=2");
	cr_assert_null(f.plan.process.env[3]);
	cr_assert(f.plan.process.home_missing);
}

Test(process, two_hundred_thousand_env_entries_are_no_trouble)
{
	FIXTURE(f, PROCESS(""));
	size_t n = 200000;
	const char **env = arena_array(&f.arena, n, sizeof(*env));

	for (size_t i = 0; i < n; i++)
		env[i] = arena_printf(&f.arena, "V%zu=%zu", i / 2, i);
	f.config->process->env = env;
	f.config->process->n_env = n;
	BUILDS(f, plan_process_build);
	cr_assert_eq(f.plan.process.n_env, n / 2);
	cr_assert_str_eq(f.plan.process.env[99], "V99=199");
}

Test(process, listen_fds_are_told_and_kept)
{
	FIXTURE(f, PROCESS(",'env':['LISTEN_PID=77','HOME=/h']"));
	f.options.listen_fds = 2;
	f.options.preserve_fds = 3;
	BUILDS(f, plan_process_build);
	cr_assert_eq(f.plan.process.preserve_fds, 5);
	cr_assert_str_eq(f.plan.process.env[0], "LISTEN_PID=1");
	cr_assert_str_eq(f.plan.process.env[2], "LISTEN_FDS=2");
	cr_assert_not(f.plan.process.home_missing);
}

Test(process, args_and_cwd_are_checked)
{
	REFUSES("'process':{'cwd':'/'}", plan_process_build, "process.args");
	REFUSES("'process':{'cwd':'/','args':[]}", plan_process_build, "process.args");
	REFUSES("'process':{'cwd':'/','args':['']}", plan_process_build, "process.args[0]");
	REFUSES("'process':{'cwd':'a','args':['x']}", plan_process_build, "process.cwd");
	REFUSES("'process':{'cwd':'','args':['x']}", plan_process_build, "process.cwd");
	FIXTURE(none, "");
	BUILDS(none, plan_process_build);
	cr_assert_null(none.plan.process.argv);
}

Test(process, what_execve_would_refuse_is_refused_early)
{
	FIXTURE(f, PROCESS(""));
	char *big = arena_alloc(&f.arena, 131073);

	memset(big, 'x', 131072);
	f.config->process->args[0] = big;
	cr_assert_eq(plan_process_build(&f.plan, &f.in, &f.e), -E2BIG);
	cr_assert_not_null(strstr(f.e.text, "process.args[0]: argument list too long"));
}

Test(process, rlimits)
{
	REFUSES(PROCESS(",'rlimits':[{'type':'RLIMIT_X','soft':1,'hard':1}]"), plan_process_build,
		"process.rlimits[0].type");
	REFUSES(PROCESS(",'rlimits':[{'type':'RLIMIT_CORE','soft':2,'hard':1}]"),
		plan_process_build, "process.rlimits[0].type");
	REFUSES(PROCESS(",'rlimits':[{'type':'RLIMIT_CORE','soft':1,'hard':1},{'type':'RLIMIT_CORE'"
			",'soft':1,'hard':1}]"),
		plan_process_build, "process.rlimits[1].type");
	FIXTURE(f, PROCESS(",'rlimits':[{'type':'RLIMIT_NOFILE','soft':1,'hard':"
			   "18446744073709551615}]"));
	BUILDS(f, plan_process_build);
	cr_assert_eq(f.plan.process.rlimit[0].resource, RLIMIT_NOFILE);
	cr_assert_eq(f.plan.process.rlimit[0].limit.rlim_max, RLIM64_INFINITY);
}

Test(process, numbers_out_of_range_name_their_field)
{
	REFUSES(PROCESS(",'oomScoreAdj':1001"), plan_process_build, "process.oomScoreAdj");
	REFUSES(PROCESS(",'oomScoreAdj':-1001"), plan_process_build, "process.oomScoreAdj");
	REFUSES(PROCESS(",'terminal':true,'consoleSize':{'height':65536,'width':1}"),
		plan_process_build, "process.consoleSize");
	REFUSES(PROCESS(",'ioPriority':{'class':'IOPRIO_CLASS_X'}"), plan_process_build,
		"process.ioPriority.class");
	REFUSES(PROCESS(",'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':8}"),
		plan_process_build, "process.ioPriority.priority");
	FIXTURE(f, PROCESS(",'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':7}"));
	BUILDS(f, plan_process_build);
	cr_assert_eq(f.plan.process.ioprio.v, (IOPRIO_CLASS_BE << 13) | 7);
}

Test(process, scheduler)
{
	REFUSES(PROCESS(",'scheduler':{'policy':'SCHED_FOO'}"), plan_process_build,
		"process.scheduler.policy");
	REFUSES(PROCESS(",'scheduler':{'policy':'SCHED_OTHER','nice':99}"), plan_process_build,
		"process.scheduler.nice");
	REFUSES(PROCESS(",'scheduler':{'policy':'SCHED_OTHER','priority':1}"), plan_process_build,
		"process.scheduler.priority");
	REFUSES(PROCESS(",'scheduler':{'policy':'SCHED_FIFO'}"), plan_process_build,
		"process.scheduler.priority");
	REFUSES(PROCESS(",'scheduler':{'policy':'SCHED_OTHER','runtime':1}"), plan_process_build,
		"process.scheduler");
	REFUSES(PROCESS(",'scheduler':{'policy':'SCHED_DEADLINE','runtime':9,'deadline':8,'period':"
			"10}"),
		plan_process_build, "process.scheduler");
	REFUSES(PROCESS(",'scheduler':{'policy':'SCHED_DEADLINE','runtime':7,'deadline':11,'period'"
			":10}"),
		plan_process_build, "process.scheduler");
	REFUSES(PROCESS(",'scheduler':{'policy':'SCHED_IDLE','flags':['X']}"), plan_process_build,
		"process.scheduler.flags[0]");
	FIXTURE(f, PROCESS(",'scheduler':{'policy':'SCHED_DEADLINE','runtime':1000000,'deadline':"
			   "2000000,"
			   "'period':3000000,'flags':['SCHED_FLAG_RESET_ON_FORK']}"));
	BUILDS(f, plan_process_build);
	cr_assert_eq(f.plan.process.sched.policy, 6);
	cr_assert_eq(f.plan.process.sched.flags, 1);
	cr_assert_eq(f.plan.process.sched.period, 3000000);
}

Test(process, personality_and_memory_policy)
{
	REFUSES(PROCESS("") ",'linux':{'personality':{'domain':'BSD'}}", plan_process_build,
		"linux.personality.domain");
	REFUSES(PROCESS("") ",'linux':{'personality':{'domain':'LINUX','flags':['A']}}",
		plan_process_build, "linux.personality.flags");
	REFUSES(PROCESS("") ",'linux':{'memoryPolicy':{'mode':'MPOL_X'}}", plan_process_build,
		"linux.memoryPolicy.mode");
	REFUSES(PROCESS("") ",'linux':{'memoryPolicy':{'mode':'MPOL_BIND'}}", plan_process_build,
		"linux.memoryPolicy.nodes");
	REFUSES(PROCESS("") ",'linux':{'memoryPolicy':{'mode':'MPOL_LOCAL','nodes':'0'}}",
		plan_process_build, "linux.memoryPolicy.nodes");
	REFUSES(PROCESS("") ",'linux':{'memoryPolicy':{'mode':'MPOL_BIND','nodes':'3-1'}}",
		plan_process_build, "linux.memoryPolicy.nodes");
	REFUSES(PROCESS("") ",'linux':{'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0','flags':["
			    "'MPOL_F_STATIC_NODES','MPOL_F_RELATIVE_NODES']}}",
		plan_process_build, "linux.memoryPolicy.flags");
	FIXTURE(f, PROCESS("") ",'linux':{'personality':{'domain':'LINUX32'},'memoryPolicy':{'mode'"
			       ":'MPOL_INTERLEAVE',"
			       "'nodes':'0-1,4097','flags':['MPOL_F_STATIC_NODES']}}");
	BUILDS(f, plan_process_build);
	cr_assert_eq(f.plan.process.personality.v, PER_LINUX32);
	cr_assert_eq(f.plan.process.mempolicy.v, MPOL_INTERLEAVE | MPOL_F_STATIC_NODES);
	cr_assert_eq(f.plan.process.mempolicy_nodes[0], 3);
	cr_assert_eq(f.plan.process.mempolicy_nodes[64], 2);
	cr_assert_eq(f.plan.process.mempolicy_bits, 4099);
}

Test(process, lists_of_cpus_and_nodes)
{
	static const char *const bad[] = {",",	 "1,",	 "-1",	  "1-",	  "2-1",
					  "a",	 "1 ",	 "70000", "1,,2", "99999999999999999999",
					  "0x1", "1-2-3"};
	unsigned long bits[1024] = {0};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_assert_lt(sched_list(bad[i], bits, 65536), 0, "'%s'", bad[i]);
	memset(bits, 0, sizeof(bits));
	cr_assert_eq(sched_list("0-2,8", bits, 65536), 9);
	cr_assert_eq(bits[0], 0x107);
}
