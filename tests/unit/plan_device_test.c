/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "plan_fixture.h"

static int build(struct plan_fixture *f, const char *devices)
{
	struct arena a = {0};

	plan_fixture(f, arena_printf(&a, ",\"linux\":{\"devices\":[%s]}", devices));
	cr_assert_not_null(f->in.config, "%s", f->e.text);
	return plan_device_build(&f->plan, &f->in, &f->e);
}

static void refused(const char *devices, const char *text)
{
	struct plan_fixture f;

	cr_assert_lt(build(&f, devices), 0, "accepted: %s", devices);
	cr_assert_not_null(strstr(f.e.text, text), "'%s' is not in '%s'", text, f.e.text);
}

static const struct plan_node *find(const struct plan_fixture *f, const char *path)
{
	for (size_t i = 0; i < f->plan.nodes.n; i++)
		if (strcmp(f->plan.nodes.v[i].path, path) == 0)
			return &f->plan.nodes.v[i];
	return NULL;
}

Test(plan_device, defaults_are_those_of_the_spec)
{
	struct plan_fixture f;

	cr_assert_eq(build(&f, ""), 0);
	cr_assert_eq(f.plan.nodes.n, 6);
	const struct plan_node *n = find(&f, "/dev/null");
	cr_assert_eq(n->dev, makedev(1, 3));
	cr_assert_eq(n->mode, S_IFCHR | 0666);
	cr_assert_null(find(&f, "/dev/console"));
	cr_assert_geq(f.plan.nodes.n_link, 5);
}

Test(plan_device, the_config_overrides_a_default)
{
	struct plan_fixture f;

	cr_assert_eq(build(&f, "{\"path\":\"/dev/"
			       "null\",\"type\":\"c\",\"major\":1,\"minor\":3,\"fileMode\":384,"
			       "\"uid\":7,\"gid\":8}"),
		     0, "%s", f.e.text);
	cr_assert_eq(f.plan.nodes.n, 6);
	const struct plan_node *n = find(&f, "/dev/null");
	cr_assert_eq(n->mode, S_IFCHR | 0600);
	cr_assert_eq(n->uid, 7);
	cr_assert_str_eq(n->origin, "linux.devices[0]");
}

Test(plan_device, types)
{
	struct plan_fixture f;

	cr_assert_eq(build(&f, "{\"path\":\"/dev/u\",\"type\":\"u\",\"major\":10,\"minor\":229},"
			       "{\"path\":\"/dev/b\",\"type\":\"b\",\"major\":8,\"minor\":0},"
			       "{\"path\":\"/dev/p\",\"type\":\"p\"}"),
		     0, "%s", f.e.text);
	cr_assert(S_ISCHR(find(&f, "/dev/u")->mode));
	cr_assert(S_ISBLK(find(&f, "/dev/b")->mode));
	cr_assert(S_ISFIFO(find(&f, "/dev/p")->mode));
	refused("{\"path\":\"/dev/x\",\"type\":\"z\"}", "linux.devices[0].type: 'z'");
}

Test(plan_device, refuses_nonsense)
{
	refused("{\"path\":\"x\",\"type\":\"c\",\"major\":1,\"minor\":1}",
		"must be an absolute path");
	refused("{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1}", ".minor: is required");
	refused("{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":-1,\"minor\":1}",
		"no device numbers");
	refused("{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,\"minor\":1},"
		"{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,\"minor\":2}",
		"linux.devices[1].path: '/dev/x' is another device in linux.devices[0]");
}

Test(plan_device, a_user_namespace_binds)
{
	struct plan_fixture f;

	plan_fixture(&f, "");
	f.plan.ns.create |= CLONE_NEWUSER;
	cr_assert_eq(plan_device_build(&f.plan, &f.in, &f.e), 0);
	cr_assert(find(&f, "/dev/zero")->bind);
}

Test(plan_device, the_hosts_dev_is_left_alone)
{
	struct plan_fixture f;
	struct plan_mount dev = {.verb = MOUNT_BIND, .target = "/dev"};

	plan_fixture(&f, "");
	f.plan.mounts.v = &dev;
	f.plan.mounts.n = 1;
	cr_assert_eq(plan_device_build(&f.plan, &f.in, &f.e), 0);
	cr_assert_eq(f.plan.nodes.n + f.plan.nodes.n_link, 0);
}
