/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <linux/mount.h>
#include <sys/mount.h>

#include "plan_fixture.h"

/* Builds with the mounts given as the inside of the array. */
static int build(struct plan_fixture *f, const char *mounts)
{
	struct arena a = {0};

	plan_fixture(f, arena_printf(&a, ",\"mounts\":[%s]", mounts));
	cr_assert_not_null(f->in.config, "%s", f->e.text);
	return plan_mount_build(&f->plan, &f->in, &f->e);
}

static void refused(const char *mounts, const char *text)
{
	struct plan_fixture f;

	cr_assert_lt(build(&f, mounts), 0, "accepted: %s", mounts);
	cr_assert_not_null(strstr(f.e.text, text), "'%s' is not in '%s'", text, f.e.text);
}

Test(plan_mount, keeps_the_order_of_the_config)
{
	struct plan_fixture f;

	cr_assert_eq(
		build(&f,
		      "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
		      "{\"destination\":\"/d\",\"source\":\"x\",\"options\":[\"rbind\",\"ro\"]},"
		      "{\"destination\":\"/t\",\"type\":\"tmpfs\",\"options\":[\"mode=755\"]}"),
		0, "%s", f.e.text);
	cr_assert_eq(f.plan.mounts.n, 3);
	const struct plan_mount *m = f.plan.mounts.v;
	cr_assert_eq(m[0].verb, MOUNT_FS);
	cr_assert_eq(m[1].verb, MOUNT_BIND);
	cr_assert_eq(m[1].open_at, AT_HOST);
	cr_assert_str_eq(m[1].source, "/bundle/x");
	cr_assert(m[1].recursive);
	cr_assert_eq(m[1].attr_set, MOUNT_ATTR_RDONLY);
	cr_assert_eq(m[1].slot, 2);
	cr_assert_str_eq(m[2].data, "mode=755");
	cr_assert_str_eq(m[2].source, "tmpfs");
	cr_assert_str_eq(m[2].origin, "mounts[2]");
	cr_assert_eq(f.plan.mounts.root_propagation, MS_SLAVE | MS_REC);
}

Test(plan_mount, refuses_destinations)
{
	refused("{\"destination\":\"\",\"type\":\"tmpfs\"}",
		"mounts[0].destination: must not be empty");
	refused("{\"destination\":\"./.\",\"type\":\"tmpfs\"}", "'/' can't be mounted on");
	refused("{\"destination\":\"/a/../\",\"type\":\"tmpfs\"}", "'/' can't be mounted on");
	refused("{\"destination\":\"/x\",\"source\":\"a\"}", "mounts[0].type: is required");
}

/* runtime-spec config.md "Mounts": a relative one is taken as relative to "/". */
Test(plan_mount, a_relative_destination_is_below_the_root)
{
	struct plan_fixture f;

	cr_assert_eq(build(&f, "{\"destination\":\"x/y\",\"type\":\"tmpfs\"},"
			       "{\"destination\":\"dev/\",\"source\":\"/dev\",\"type\":\"bind\"}"),
		     0, "%s", f.e.text);
	cr_assert_str_eq(f.plan.mounts.v[0].target, "/x/y");
	cr_assert_str_eq(f.plan.mounts.v[1].target, "/dev");
	refused("{\"destination\":\"proc/self/attr\",\"type\":\"tmpfs\"}", "is inside '/proc'");
}

Test(plan_mount, guards_proc)
{
	struct plan_fixture f;

	refused("{\"destination\":\"/proc\",\"type\":\"tmpfs\"}", "only a proc file system");
	refused("{\"destination\":\"/proc/self/attr\",\"source\":\"/x\",\"options\":[\"bind\"]}",
		"is inside '/proc'");
	refused("{\"destination\":\"/sys/../proc//sys/kernel/core_pattern\",\"source\":\"/x\","
		"\"options\":[\"bind\"]}",
		"is inside '/proc'");
	refused("{\"destination\":\"/proc/meminfo\",\"type\":\"tmpfs\"}", "is inside '/proc'");
	cr_assert_eq(build(&f, "{\"destination\":\"/proc/./meminfo\",\"source\":\"/lxcfs/meminfo\","
			       "\"options\":[\"bind\"]}"),
		     0);
	cr_assert_str_eq(f.plan.mounts.v[0].target, "/proc/meminfo");
	cr_assert_eq(build(&f, "{\"destination\":\"/procedures\",\"type\":\"tmpfs\"}"), 0);
}

Test(plan_mount, a_link_named_with_a_dot_is_not_followed_for_proc_and_sysfs)
{
	struct plan_fixture f;

	cr_assert_eq(build(&f, "{\"destination\":\"/sys/.\",\"type\":\"sysfs\"}"), 0);
	cr_assert_str_eq(f.plan.mounts.v[0].target, "/sys");
}

Test(plan_mount, bind_mounts_take_no_data)
{
	refused("{\"destination\":\"/x\",\"source\":\"/y\",\"options\":[\"bind\",\"size=1\"]}",
		"mounts[0].options[1]: 'size=1'");
	refused("{\"destination\":\"/x\",\"options\":[\"bind\"]}", "mounts[0].source: is required");
	refused("{\"destination\":\"/x\",\"source\":\"/y\",\"options\":[\"bind\",\"tmpcopyup\"]}",
		"'tmpcopyup' is for a tmpfs only");
}

Test(plan_mount, id_maps)
{
	struct plan_fixture f;
	const char *map = "[{\"containerID\":0,\"hostID\":5,\"size\":2}]";
	struct arena a = {0};

	cr_assert_eq(
		build(&f,
		      arena_printf(
			      &a,
			      "{\"destination\":\"/x\",\"source\":\"/y\",\"options\":[\"bind\"],"
			      "\"uidMappings\":%s,\"gidMappings\":%s}",
			      map, map)),
		0, "%s", f.e.text);
	cr_assert_eq(f.plan.mounts.v[0].uid.n, 1);
	cr_assert_eq(f.plan.mounts.v[0].uid.v[0].outside, 5);
	refused(arena_printf(&a,
			     "{\"destination\":\"/x\",\"source\":\"/y\",\"options\":[\"bind\"],"
			     "\"uidMappings\":%s}",
			     map),
		"gidMappings: is missing");
	refused("{\"destination\":\"/x\",\"source\":\"/y\",\"options\":[\"bind\",\"idmap\"]}",
		"or a user namespace");
	refused("{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"idmap\"]}",
		"only bind mounts");
	cr_assert_eq(build(&f, "{\"destination\":\"/x\",\"source\":\"/y\",\"options\":[\"bind\","
			       "\"idmap=uids=0-1-10#10-21-10;gids=0-100-10\"]}"),
		     0, "%s", f.e.text);
	cr_assert_eq(f.plan.mounts.v[0].uid.n, 2);
	cr_assert_eq(f.plan.mounts.v[0].uid.v[1].outside, 21);
	cr_assert_eq(f.plan.mounts.v[0].gid.v[0].outside, 100);
	refused("{\"destination\":\"/x\",\"source\":\"/"
		"y\",\"options\":[\"bind\",\"idmap=uids=0-1\"]}",
		"is not of the form");
}

Test(plan_mount, relative_id_maps_go_through_the_containers_own)
{
	struct plan_fixture f;
	struct plan_idmap_entry own = {0, 1000, 100};

	plan_fixture(&f,
		     ",\"mounts\":[{\"destination\":\"/x\",\"source\":\"/y\",\"options\":[\"bind\","
		     "\"idmap=uids=@0-5-10;gids=@0-0-1\"]}]");
	f.plan.ns.uid = f.plan.ns.gid = (struct plan_idmap){&own, 1, 1};
	cr_assert_eq(plan_mount_build(&f.plan, &f.in, &f.e), 0, "%s", f.e.text);
	cr_assert_eq(f.plan.mounts.v[0].uid.v[0].outside, 1005);
	cr_assert_eq(f.plan.mounts.v[0].gid.v[0].outside, 1000);
}

Test(plan_mount, labels_go_where_they_can)
{
	struct plan_fixture f;

	plan_fixture(&f, ",\"linux\":{\"mountLabel\":\"u:r:t:s0:c1,c2\"},\"mounts\":["
			 "{\"destination\":\"/proc\",\"type\":\"proc\"},"
			 "{\"destination\":\"/t\",\"type\":\"tmpfs\",\"options\":[\"mode=1\"]},"
			 "{\"destination\":\"/b\",\"source\":\"/b\",\"options\":[\"bind\"]}]");
	struct plan_annotation kind = {"run.oci.mount_context_type", "rootcontext"};
	f.plan.annotation = &kind;
	f.plan.n_annotation = 1;
	f.host.root = open(TOP_SRCDIR "/tests/hosts/fedora", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(plan_mount_build(&f.plan, &f.in, &f.e), 0, "%s", f.e.text);
	cr_assert_null(f.plan.mounts.v[0].data);
	cr_assert_str_eq(f.plan.mounts.v[1].data, "mode=1,rootcontext=\"u:r:t:s0:c1,c2\"");
	cr_assert_null(f.plan.mounts.v[2].data);
}

Test(plan_mount, root_propagation)
{
	struct plan_fixture f;

	plan_fixture(&f, ",\"linux\":{\"rootfsPropagation\":\"shared\"}");
	cr_assert_eq(plan_mount_build(&f.plan, &f.in, &f.e), 0);
	cr_assert_eq(f.plan.mounts.root_propagation, MS_SHARED | MS_REC);
	cr_assert_eq(f.plan.mounts.final_propagation, MS_SHARED);
	plan_fixture(&f, ",\"linux\":{\"rootfsPropagation\":\"unbindable\"}");
	cr_assert_eq(plan_mount_build(&f.plan, &f.in, &f.e), 0);
	cr_assert_eq(f.plan.mounts.root_propagation, MS_PRIVATE | MS_REC);
	plan_fixture(&f, ",\"linux\":{\"rootfsPropagation\":\"private\"}");
	f.plan.mounts.no_pivot = true;
	cr_assert_eq(plan_mount_build(&f.plan, &f.in, &f.e), -EINVAL);
	plan_fixture(&f, ",\"linux\":{\"rootfsPropagation\":\"bogus\"}");
	cr_assert_eq(plan_mount_build(&f.plan, &f.in, &f.e), -EINVAL);
}

Test(plan_mount, the_cgroup_view_is_the_containers_own)
{
	struct plan_fixture f;

	plan_fixture(&f, ",\"mounts\":[{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\"}]");
	f.hierarchy[0] =
		(struct host_hierarchy){"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "/", false};
	f.cgroups = (struct host_cgroups){CGROUP_V1, f.hierarchy, 1};
	f.plan.cgroup.path = "machine/c1";
	cr_assert_eq(plan_mount_build(&f.plan, &f.in, &f.e), 0);
	cr_assert_eq(f.plan.mounts.v[0].verb, MOUNT_CGROUP);
	cr_assert_str_eq(f.plan.mounts.cgroup[0].source, "/sys/fs/cgroup/cpu,cpuacct/machine/c1");
	cr_assert_str_eq(f.plan.mounts.cgroup[0].name, "cpu,cpuacct");
	cr_assert_not(f.plan.mounts.cgroup[0].whole);
}

Test(plan_mount, who_stays_in_the_root_cgroup_sees_it_read_only)
{
	struct plan_fixture f;

	plan_fixture(&f, "");
	f.hierarchy[0] = (struct host_hierarchy){"", "/sys/fs/cgroup", "/", true};
	f.cgroups = (struct host_cgroups){CGROUP_V2, f.hierarchy, 1};
	f.plan.cgroup.stay = true;
	cr_assert_eq(plan_mount_build(&f.plan, &f.in, &f.e), 0);
	cr_assert(f.plan.mounts.cgroup[0].whole);
	cr_assert_null(f.plan.mounts.cgroup[0].name);
	f.hierarchy[0].own = "/user.slice";
	f.plan.mounts = (struct plan_mounts){0};
	cr_assert_eq(plan_mount_build(&f.plan, &f.in, &f.e), 0);
	cr_assert_not(f.plan.mounts.cgroup[0].whole);
}

Test(plan_mount, needs_a_mount_namespace)
{
	struct plan_fixture f;

	plan_fixture(&f, ",\"mounts\":[{\"destination\":\"/t\",\"type\":\"tmpfs\"}]");
	f.plan.ns.create = 0;
	cr_assert_eq(plan_mount_build(&f.plan, &f.in, &f.e), -EINVAL);
	plan_fixture(&f, ",\"linux\":{\"maskedPaths\":[\"/proc/kcore\"]}");
	f.plan.ns.create = 0;
	cr_assert_eq(plan_mask_build(&f.plan, &f.in, &f.e), -EINVAL);
}

Test(plan_mask, each_path_once_and_absolute)
{
	struct plan_fixture f;

	plan_fixture(
		&f,
		",\"linux\":{\"maskedPaths\":[\"/a\",\"/b\",\"/a\"],\"readonlyPaths\":[\"/c\"]}");
	cr_assert_eq(plan_mask_build(&f.plan, &f.in, &f.e), 0);
	cr_assert_eq(f.plan.masks.n_masked, 2);
	cr_assert_eq(f.plan.masks.n_readonly, 1);
	plan_fixture(&f, ",\"linux\":{\"maskedPaths\":[\"a\"]}");
	cr_assert_eq(plan_mask_build(&f.plan, &f.in, &f.e), -EINVAL);
	cr_assert_str_eq(f.e.text, "linux.maskedPaths[0]: must be an absolute path, got 'a'");
	plan_fixture(&f, ",\"linux\":{\"readonlyPaths\":[\"//\"]}");
	cr_assert_eq(plan_mask_build(&f.plan, &f.in, &f.e), -EINVAL);
}
