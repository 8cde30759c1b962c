/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/annotation.h"

#include "process_fixture.h"

#define NOTE(key, value) "'annotations':{'" key "':'" value "'}"
#define NOTIFIES                                                                                   \
	"'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW',"                                    \
	"'syscalls':[{'names':['mkdir'],'action':'SCMP_ACT_NOTIFY'}]}},"

Test(annotation, both_prefixes)
{
	FIXTURE(f, NOTE("org.greffon.x", "1"));
	FIXTURE(g, NOTE("run.oci.x", "2"));
	FIXTURE(h, NOTE("run.oci.xx", "3"));
	cr_assert_str_eq(annotation_get(&f.plan, "x"), "1");
	cr_assert_str_eq(annotation_get(&g.plan, "x"), "2");
	cr_assert_null(annotation_get(&h.plan, "x"));
}

Test(annotation, what_there_is_not_is_refused)
{
	REFUSES(NOTE("run.oci.handler", "wasm"), plan_annotation_build, "'run.oci.handler'");
	REFUSES(NOTE("run.oci.handler", "krun"), plan_annotation_build, "no handlers");
	REFUSES(NOTE("run.oci.seccomp.plugins", "/x.so"), plan_annotation_build, "seccomp.plugins");
	REFUSES(NOTE("run.oci.seccomp_bpf_data", "AA=="), plan_annotation_build,
		"seccomp_bpf_data");
	REFUSES(NOTE("run.oci.systemd.force_cgroup_v1", "/sys/fs/cgroup"), plan_annotation_build,
		"force_cgroup_v1");
	REFUSES(NOTE("run.oci.delegate-cgroup", "a"), plan_annotation_build, "delegate-cgroup");
}

Test(annotation, others_are_left_alone)
{
	FIXTURE(f, "'annotations':{'io.podman.annotations.init':'TRUE','run.oci.unknown':'x',"
		   "'krun.cpus':'2','module.wasm.image/variant':'compat'}");
	BUILDS(f, plan_annotation_build);
}

/* An image may have brought it: nothing of root's is opened for it. */
Test(annotation, a_path_has_no_effect_as_root)
{
	FIXTURE(f, NOTE("run.oci.pidfd_receiver", "/run/x.sock"));
	f.host.euid = 0;
	BUILDS(f, plan_annotation_build);
	cr_assert_null(f.plan.pidfd_socket);
	FIXTURE(g, "'hooks':{}," NOTE("run.oci.hooks.stdout", "/etc/passwd"));
	g.host.euid = 0;
	BUILDS(g, plan_hook_build);
	cr_assert_null(g.plan.hook_stdout);
	FIXTURE(h, NOTIFIES NOTE("run.oci.seccomp.receiver", "/run/x.sock"));
	h.host.euid = 0;
	cr_assert_eq(plan_seccomp_build(&h.plan, &h.in, &h.e), -EINVAL);
}

Test(annotation, a_path_is_the_users_own_without_root)
{
	FIXTURE(f, NOTE("run.oci.pidfd_receiver", "/run/x.sock"));
	f.host.euid = 1000;
	BUILDS(f, plan_annotation_build);
	cr_assert_str_eq(f.plan.pidfd_socket, "/run/x.sock");
	FIXTURE(g, "'hooks':{},'annotations':{'run.oci.hooks.stdout':'/tmp/o',"
		   "'run.oci.hooks.stderr':'relative'}");
	g.host.in_userns = true; /* root of a user namespace */
	BUILDS(g, plan_hook_build);
	cr_assert_str_eq(g.plan.hook_stdout, "/tmp/o");
	cr_assert_null(g.plan.hook_stderr);
	FIXTURE(h, NOTIFIES NOTE("run.oci.seccomp.receiver", "/run/x.sock"));
	h.host.euid = 1000;
	BUILDS(h, plan_seccomp_build);
	cr_assert_str_eq(h.plan.seccomp.listener_path, "/run/x.sock");
}

Test(annotation, a_seccomp_receiver_of_the_environment)
{
	FIXTURE(f, NOTIFIES "'process':{'cwd':'/'}");
	f.options.seccomp_receiver = "/run/env.sock";
	BUILDS(f, plan_seccomp_build);
	cr_assert_str_eq(f.plan.seccomp.listener_path, "/run/env.sock");
	FIXTURE(g, "'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','listenerPath':'/own',"
		   "'syscalls':[{'names':['mkdir'],'action':'SCMP_ACT_NOTIFY'}]}}");
	g.options.seccomp_receiver = "/run/env.sock";
	BUILDS(g, plan_seccomp_build);
	cr_assert_str_eq(g.plan.seccomp.listener_path, "/own", "the config's comes first");
}

#define TIME "'linux':{'namespaces':[{'type':'time'}]},"

/* plan_ns_build() has run for the fixture already: once more, to see what it says. */
static int offsets(struct fixture *f)
{
	f->plan.ns = (struct plan_ns){0};
	return plan_ns_build(&f->plan, &f->in, &f->e);
}

Test(annotation, time_offsets)
{
	FIXTURE(f, TIME NOTE("run.oci.timens_offset", "monotonic 10 5\\nboottime -20 0"));
	cr_assert_eq(offsets(&f), 0, "%s", f.e.text);
	cr_assert_eq(f.plan.ns.monotonic_s.v, 10);
	cr_assert_eq(f.plan.ns.monotonic_ns.v, 5);
	cr_assert_eq(f.plan.ns.boottime_s.v, -20);
	FIXTURE(g, TIME NOTE("run.oci.timens_offset", " 7 1 2 "));
	cr_assert(g.plan.ns.boottime_s.set && g.plan.ns.boottime_s.v == 1);
	cr_assert(!g.plan.ns.monotonic_s.set);
}

static void refuses_offset(const char *linux_part, const char *value)
{
	FIXTURE(f, "");
	char *json = arena_printf(&f.arena, "{\"ociVersion\":\"1.2.0\",\"linux\":%s}", linux_part);
	struct plan_annotation note = {"run.oci.timens_offset", value};

	cr_assert_eq(oci_config_parse(json, strlen(json), &f.arena, &f.config, &f.e), 0);
	f.in.config = f.config;
	f.plan.annotation = &note;
	f.plan.n_annotation = 1;
	cr_assert_eq(offsets(&f), -EINVAL, "'%s'", value);
	cr_assert_not_null(strstr(f.e.text, "timens_offset"), "%s", f.e.text);
}

Test(annotation, time_offsets_that_can_not_be)
{
	static const char time[] = "{\"namespaces\":[{\"type\":\"time\"}]}";

	refuses_offset("{}", "monotonic 1 0");
	refuses_offset(time, "realtime 1 0");
	refuses_offset(time, "monotonic 1");
	refuses_offset(time, "monotonic x 0");
	refuses_offset(time, "monotonic 1 1000000000");
	refuses_offset(time, "monotonic 1 -1");
	refuses_offset(time, "monotonic 99999999999999999999 0");
	refuses_offset("{\"namespaces\":[{\"type\":\"time\"}],\"timeOffsets\":{\"monotonic\":{}}}",
		       "monotonic 1 0");
}
