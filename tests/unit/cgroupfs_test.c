/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "host/cgroupfs.h"

static const struct host_cgroups *probe_dir(int root, struct arena *a)
{
	static struct host h;
	struct err e = {0};

	h = (struct host){.root = root, .arena = a};
	cr_assert_eq(cgroupfs_probe(&h, &e), 0, "%s", e.text);
	return h.cgroups;
}

static const struct host_cgroups *probe(const char *name, struct arena *a)
{
	autoclose int root = open(arena_printf(a, "%s/tests/hosts/%s", TOP_SRCDIR, name),
				  O_PATH | O_DIRECTORY | O_CLOEXEC);

	cr_assert_geq(root, 0, "%s", name);
	return probe_dir(root, a);
}

/* A host of this mountinfo and /proc/self/cgroup. */
static const struct host_cgroups *probe_text(const char *mountinfo, const char *own,
					     struct arena *a)
{
	char dir[] = "/tmp/cgroupfs_test.XXXXXX", path[64];

	cr_assert_not_null(mkdtemp(dir));
	autoclose int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(mkdirat(root, "proc", 0700), 0);
	cr_assert_eq(mkdirat(root, "proc/self", 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/proc/self", dir);
	autoclose int self = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(io_replace(self, "mountinfo", mountinfo, strlen(mountinfo), 0600, IO_NO_SYNC),
		     0);
	cr_assert_eq(io_replace(self, "cgroup", own, strlen(own), 0600, IO_NO_SYNC), 0);
	const struct host_cgroups *c = probe_dir(root, a);
	cr_assert_eq(unlinkat(self, "mountinfo", 0) + unlinkat(self, "cgroup", 0), 0);
	cr_assert_eq(unlinkat(root, "proc/self", AT_REMOVEDIR) +
			     unlinkat(root, "proc", AT_REMOVEDIR) + rmdir(dir),
		     0);
	return c;
}

Test(cgroupfs, reads_v1_with_controllers_mounted_together)
{
	autoarena struct arena a = {0};
	const struct host_cgroups *c = probe("cgroup-v1", &a);

	cr_assert_eq(c->mode, CGROUP_V1);
	cr_assert_eq(c->n, 11);
	const struct host_hierarchy *h = cgroupfs_find(c, "cpuacct");
	cr_assert_not_null(h);
	cr_assert_eq(h, cgroupfs_find(c, "cpu"));
	cr_assert_str_eq(h->mount, "/sys/fs/cgroup/cpu,cpuacct");
	cr_assert_str_eq(h->own, "/user.slice");
	cr_assert_str_eq(cgroupfs_find(c, "rdma")->own, "/");
	cr_assert_null(cgroupfs_find(c, "cp"));
	cr_assert_null(cgroupfs_find(c, "misc"));
	/* its options have release_agent= and xattr, which are no controllers */
	cr_assert_not_null(cgroupfs_find(c, "name=systemd"));
}

Test(cgroupfs, reads_a_hybrid_host)
{
	autoarena struct arena a = {0};
	const struct host_cgroups *c = probe("cgroup-hybrid", &a);
	size_t v2 = 0;

	cr_assert_eq(c->mode, CGROUP_HYBRID);
	cr_assert_eq(c->n, 10);
	for (size_t i = 0; i < c->n; i++) {
		v2 += c->v[i].v2;
		if (c->v[i].v2)
			cr_assert_str_eq(c->v[i].mount, "/sys/fs/cgroup/unified");
	}
	cr_assert_eq(v2, 1);
	cr_assert_str_eq(cgroupfs_find(c, "memory")->own, "/agent/3b452830");
}

Test(cgroupfs, reads_v2_and_none)
{
	autoarena struct arena a = {0};
	const struct host_cgroups *c = probe("cgroup-v2", &a);

	cr_assert_eq(c->mode, CGROUP_V2);
	cr_assert_eq(c->n, 1);
	cr_assert_str_eq(c->v[0].controllers, "");
	cr_assert_str_eq(c->v[0].own, "/user.slice/user-1000.slice/session-3.scope");
	c = probe("cgroup-none", &a);
	cr_assert_eq(c->mode, CGROUP_NONE);
	cr_assert_eq(c->n, 0);
}

Test(cgroupfs, finds_its_own_place_in_binds_of_a_part)
{
	autoarena struct arena a = {0};
	const struct host_cgroups *c = probe("cgroup-nested", &a);

	cr_assert_eq(c->mode, CGROUP_V1);
	cr_assert_str_eq(cgroupfs_find(c, "memory")->mount, "/sys/fs/cgroup/mem ory");
	cr_assert_str_eq(cgroupfs_find(c, "memory")->own, "/inner");
	cr_assert_str_eq(cgroupfs_find(c, "pids")->own, "/");
}

#define VIEW                                                                                       \
	"27 1 254:0 / / rw - ext4 /dev/vda rw\n"                                                   \
	"23 27 0:22 / /sys rw - sysfs sysfs rw\n"                                                  \
	"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"                                        \
	"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"                        \
	"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
#define OWN "4:memory:/\n0::/\n"

Test(cgroupfs, leaves_out_what_another_mount_hides)
{
	autoarena struct arena a = {0};

	cr_assert_eq(probe_text(VIEW, OWN, &a)->mode, CGROUP_HYBRID);
	/* cgroup2 over the whole of it */
	const struct host_cgroups *c =
		probe_text(VIEW "90 31 0:38 / /sys/fs/cgroup rw - cgroup2 none rw\n", OWN, &a);
	cr_assert_eq(c->mode, CGROUP_V2);
	cr_assert_eq(c->n, 1);
	cr_assert_str_eq(c->v[0].mount, "/sys/fs/cgroup");
	/* a new tmpfs with memory alone bound back */
	c = probe_text(VIEW "90 31 0:60 / /sys/fs/cgroup rw - tmpfs none rw\n"
			    "91 90 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
		       OWN, &a);
	cr_assert_eq(c->mode, CGROUP_V1);
	cr_assert_eq(c->n, 1);
	/* another sysfs over /sys hides all */
	cr_assert_eq(probe_text(VIEW "90 23 0:61 / /sys rw - sysfs none rw\n", OWN, &a)->mode,
		     CGROUP_NONE);
	cr_assert_eq(probe_text(VIEW "90 27 0:61 / /sys/fs rw - tmpfs none rw\n", OWN, &a)->mode,
		     CGROUP_HYBRID,
		     "a mount of the root that /sys lies over hides nothing of /sys");
	cr_assert_eq(probe_text(VIEW "90 23 0:61 / /sys/fs rw - tmpfs none rw\n", OWN, &a)->mode,
		     CGROUP_NONE);
}

Test(cgroupfs, survives_lines_that_are_none)
{
	autoarena struct arena a = {0};

	cr_assert_eq(probe_text("x\n\n1 2 3\n1 2 0:1 / /a rw - \n1 1 0:1 / /b rw - cgroup2\n5 5 "
				"0:1 / /c rw cgroup2 x rw\n",
				"\n::\n0\n0:\n0::\n", &a)
			     ->mode,
		     CGROUP_NONE);
}
