/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "graft_fixture.h"

#define CARD "sys/devices/pci0000:15/0000:15:01.0"

static void node(struct graft_fixture *f)
{
	fixture_new(f);
	fixture_file(f, "proc/devices", "Character devices:\n231 infiniband_verbs\n");
}

/* A uverbs of a folder, and the RDMA device that it says it is of. */
static void uverbs(struct graft_fixture *f, const char *folder, unsigned int n, const char *ibdev)
{
	const char *name = arena_printf(&f->arena, "uverbs%u", n);
	const char *dir = arena_printf(&f->arena, "%s/infiniband_verbs/%s", folder, name);

	fixture_file(f, arena_printf(&f->arena, "%s/dev", dir),
		     arena_printf(&f->arena, "231:%u\n", 192 + n));
	fixture_file(f, arena_printf(&f->arena, "%s/ibdev", dir), ibdev);
	fixture_link(f, arena_printf(&f->arena, "sys/class/infiniband_verbs/%s", name),
		     arena_printf(&f->arena, "/%s", dir));
}

static void ibdev(struct graft_fixture *f, const char *folder, const char *name)
{
	const char *dir = arena_printf(&f->arena, "%s/infiniband/%s", folder, name);

	fixture_file(f, arena_printf(&f->arena, "%s/node_guid", dir), name);
	fixture_file(f, arena_printf(&f->arena, "%s/ports/1/state", dir), "4: ACTIVE\n");
	fixture_link(f, arena_printf(&f->arena, "sys/class/infiniband/%s", name),
		     arena_printf(&f->arena, "/%s", dir));
}

static void umad(struct graft_fixture *f, const char *folder, unsigned int n, const char *of)
{
	const char *dir = arena_printf(&f->arena, "%s/infiniband_mad/umad%u", folder, n);

	fixture_file(f, arena_printf(&f->arena, "%s/dev", dir),
		     arena_printf(&f->arena, "231:%u\n", n));
	fixture_file(f, arena_printf(&f->arena, "%s/ibdev", dir), of);
	fixture_link(f, arena_printf(&f->arena, "sys/class/infiniband_mad/umad%u", n),
		     arena_printf(&f->arena, "/%s", dir));
}

static void function(struct graft_fixture *f, const char *folder, const char *driver)
{
	fixture_file(f, arena_printf(&f->arena, "%s/numa_node", folder), "0\n");
	fixture_link(f, arena_printf(&f->arena, "%s/driver", folder),
		     arena_printf(&f->arena, "/sys/bus/pci/drivers/%s", driver));
	fixture_link(f, arena_printf(&f->arena, "sys/bus/pci/devices/%s", strrchr(folder, '/') + 1),
		     arena_printf(&f->arena, "/%s", folder));
}

static const struct graft_device *device(const struct graft_fixture *f, const char *name)
{
	for (size_t i = 0; i < f->inv.device.n; i++)
		if (strcmp(f->inv.device.v[i].name, name) == 0)
			return &f->inv.device.v[i];
	cr_assert_fail("no '%s'", name);
	return NULL;
}

static bool called(const struct graft_device *dev, const char *alias)
{
	for (size_t i = 0; i < dev->n_alias; i++)
		if (strcmp(dev->alias[i], alias) == 0)
			return true;
	return false;
}

static size_t nodes(const struct graft_device *dev, enum graft_role role)
{
	size_t n = 0;

	for (size_t i = 0; i < dev->node.n; i++)
		n += dev->node.v[i].role == role;
	return n;
}

/* Two adapters, the second in another network namespace, where its name is the first one's. */
Test(graft_rdma, a_name_of_another_network_namespace)
{
	struct graft_fixture f;

	node(&f);
	fixture_file(&f, "nodes.tsv",
		     "/dev/infiniband/uverbs0\tc\t231\t192\t0666\t0\t0\n"
		     "/dev/infiniband/uverbs1\tc\t231\t193\t0666\t0\t0\n"
		     "/dev/infiniband/umad0\tc\t231\t0\t0600\t0\t0\n"
		     "/dev/infiniband/umad1\tc\t231\t1\t0600\t0\t0\n");
	for (unsigned int i = 0; i < 2; i++) {
		const char *folder = arena_printf(&f.arena, CARD "/0000:16:00.%u", i);
		function(&f, folder, "mlx5_core");
		uverbs(&f, folder, i, "mlx5_0\n");
		umad(&f, folder, i, "mlx5_0\n");
	}
	ibdev(&f, CARD "/0000:16:00.0", "mlx5_0");
	cr_assert_eq(fixture_discover(&f), 0, "%s", f.e.text);
	cr_assert_eq(f.inv.device.n, 2);
	const struct graft_device *ours = device(&f, "mlx5_0"), *theirs = device(&f, "uverbs1");
	cr_assert_null(ours->unavailable);
	cr_assert(called(ours, "uverbs0"));
	cr_assert(called(ours, "guid:mlx5_0"));
	cr_assert_eq(nodes(ours, GRAFT_ROLE_MAD), 1);
	cr_assert_not_null(strstr(theirs->unavailable, "another network namespace"));
	cr_assert_not(called(theirs, "guid:mlx5_0"));
	cr_assert_eq(nodes(theirs, GRAFT_ROLE_MAD), 1);
	fixture_done(&f);
}

/* A sub-function has its function's address, and is none of those that are counted. */
Test(graft_rdma, functions_are_counted_and_not_their_parts)
{
	struct graft_fixture f;

	node(&f);
	function(&f, CARD "/0000:16:00.0", "mlx5_core");
	function(&f, CARD "/0000:16:00.1", "mlx5_core");
	uverbs(&f, CARD "/0000:16:00.0", 0, "mlx5_0");
	uverbs(&f, CARD "/0000:16:00.0/mlx5_core.sf.4", 2, "mlx5_2");
	uverbs(&f, CARD "/0000:16:00.1", 1, "mlx5_1");
	ibdev(&f, CARD "/0000:16:00.0", "mlx5_0");
	ibdev(&f, CARD "/0000:16:00.0/mlx5_core.sf.4", "mlx5_2");
	ibdev(&f, CARD "/0000:16:00.1", "mlx5_1");
	umad(&f, CARD "/0000:16:00.0/mlx5_core.sf.4", 0, "mlx5_2");
	cr_assert_eq(fixture_discover(&f), 0, "%s", f.e.text);
	cr_assert(called(device(&f, "mlx5_0"), "mlx:0"));
	cr_assert(called(device(&f, "mlx5_1"), "mlx:1"));
	cr_assert_not(called(device(&f, "mlx5_2"), "mlx:1"));
	cr_assert(called(device(&f, "mlx5_2"), "0000:16:00.0"));
	cr_assert_eq(nodes(device(&f, "mlx5_0"), GRAFT_ROLE_MAD), 0);
	cr_assert_eq(nodes(device(&f, "mlx5_2"), GRAFT_ROLE_MAD), 1);
	fixture_done(&f);
}

/* Soft devices share a folder: there the name says whose a umad is. */
Test(graft_rdma, several_devices_of_one_folder)
{
	struct graft_fixture f;

	node(&f);
	for (unsigned int i = 0; i < 2; i++) {
		const char *name = arena_printf(&f.arena, "rxe%u", i);
		uverbs(&f, "sys/devices/virtual", i, name);
		ibdev(&f, "sys/devices/virtual", name);
	}
	umad(&f, "sys/devices/virtual", 0, "rxe1");
	cr_assert_eq(fixture_discover(&f), 0, "%s", f.e.text);
	cr_assert_eq(nodes(device(&f, "rxe0"), GRAFT_ROLE_MAD), 0);
	cr_assert_eq(nodes(device(&f, "rxe1"), GRAFT_ROLE_MAD), 1);
	fixture_done(&f);
}

Test(graft_rdma, a_port_without_a_state)
{
	struct graft_fixture f;

	node(&f);
	uverbs(&f, CARD "/0000:16:00.0", 0, "mlx4_0");
	fixture_file(&f, CARD "/0000:16:00.0/infiniband/mlx4_0/ports/1/link_layer", "Ethernet\n");
	fixture_file(&f, CARD "/0000:16:00.0/infiniband/mlx4_0/ports/2/state", "4: ACTIVE\n");
	fixture_link(&f, "sys/class/infiniband/mlx4_0", "/" CARD "/0000:16:00.0/infiniband/mlx4_0");
	cr_assert_eq(fixture_discover(&f), 0, "%s", f.e.text);
	cr_assert(device(&f, "mlx4_0")->active);
	cr_assert_str_eq(device(&f, "mlx4_0")->model, "Ethernet");
	fixture_done(&f);
}
