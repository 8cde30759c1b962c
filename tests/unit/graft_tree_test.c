/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/sysmacros.h>

#include "graft_fixture.h"
#include "hooks/capture.h"

static struct tree open_tree_of(struct graft_fixture *f)
{
	struct tree t;

	tree_open(&t, &f->host, &f->arena);
	return t;
}

Test(graft_tree, text_has_no_bytes_that_a_terminal_obeys)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_file(&f, "sys/a", "  \033[2Jred\x9b line\nnext\t\n\n");
	struct tree t = open_tree_of(&f);
	cr_assert_str_eq(tree_read(&t, "sys/%s", "a"), "?[2Jred? line\nnext");
	fixture_done(&f);
}

Test(graft_tree, links_stay_in_the_tree)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_file(&f, "sys/in", "in");
	fixture_link(&f, "sys/absolute", "/sys/in");
	fixture_link(&f, "sys/above", "../../../../../../etc/passwd");
	fixture_link(&f, "sys/passwd", "/etc/passwd");
	fixture_link(&f, "sys/loop", "loop");
	fixture_link(&f, "sys/self", "/proc/self/root/etc/passwd");
	struct tree t = open_tree_of(&f);
	cr_assert_str_eq(tree_read(&t, "sys/absolute"), "in");
	cr_assert_null(tree_read(&t, "sys/above"));
	cr_assert_null(tree_read(&t, "sys/passwd"));
	cr_assert_null(tree_read(&t, "sys/loop"));
	cr_assert_null(tree_read(&t, "sys/self"));
	cr_assert_null(tree_read(&t, "../../../../etc/passwd"));
	fixture_done(&f);
}

Test(graft_tree, reading_is_bounded, .timeout = 20)
{
	struct graft_fixture f;
	char *large;

	fixture_new(&f);
	cr_assert_eq(mkfifo(fixture_path(&f, "sys/fifo"), 0644), 0);
	cr_assert_eq(mkdir(fixture_path(&f, "sys/folder"), 0755), 0);
	large = arena_alloc(&f.arena, 70000);
	memset(large, 'x', 70000);
	fixture_bytes(&f, "sys/large", large, 70000);
	fixture_file(&f, "sys/huge", "");
	cr_assert_eq(truncate(fixture_path(&f, "sys/huge"), (off_t)1 << 40), 0);
	struct tree t = open_tree_of(&f);
	cr_assert_null(tree_read(&t, "sys/fifo"));
	cr_assert_null(tree_read(&t, "sys/folder"));
	cr_assert_null(tree_read(&t, "sys/large"));
	cr_assert_null(tree_read(&t, "sys/huge"));
	cr_assert_eq(tree_number(&t, "sys/large"), -1);
	fixture_done(&f);
}

/* On the node itself a read that does not fill the buffer ends an attribute. */
Test(graft_tree, attributes_of_the_node_are_read_to_their_end, .timeout = 20)
{
	static const size_t sizes[] = {4094, 4095, 4096, 4097, 60000};
	struct graft_fixture f;
	char *text;

	fixture_new(&f);
	f.host.captured = false;
	text = arena_alloc(&f.arena, 70001);
	memset(text, 'x', 70000);
	fixture_bytes(&f, "sys/large", text, 70000);
	fixture_file(&f, "sys/a", "  \033[2Jred? line\n");
	fixture_file(&f, "sys/empty", "");
	cr_assert_eq(mkdir(fixture_path(&f, "sys/folder"), 0755), 0);
	struct tree t = open_tree_of(&f);
	cr_assert_str_eq(tree_read(&t, "sys/a"), "?[2Jred? line");
	cr_assert_str_eq(tree_read(&t, "sys/empty"), "");
	cr_assert_null(tree_read(&t, "sys/folder"));
	cr_assert_null(tree_read(&t, "sys/large"));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		fixture_bytes(&f, "sys/sized", text, sizes[i]);
		cr_assert_eq(strlen(tree_read(&t, "sys/sized")), sizes[i]);
	}
	fixture_done(&f);
}

Test(graft_tree, a_folder_is_a_tree_of_its_own)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_file(&f, "sys/secret", "out");
	fixture_file(&f, "sys/devices/pci0/nic/guid", "in");
	fixture_link(&f, "sys/devices/pci0/nic/driver", "../../../bus/mlx5_core");
	fixture_link(&f, "sys/devices/pci0/nic/out", "../../../secret");
	fixture_link(&f, "sys/devices/pci0/nic/absolute", "/guid");
	fixture_link(&f, "sys/nic", "devices/pci0/nic");
	struct tree t = open_tree_of(&f);
	autotree struct tree nic = tree_in(&t, "sys/devices/%s", "pci0/nic");
	cr_assert_geq(nic.root, 0);
	cr_assert_str_eq(tree_read(&nic, "guid"), "in");
	cr_assert_str_eq(tree_read(&nic, "absolute"), "in");
	cr_assert_null(tree_read(&nic, "out"));
	cr_assert_null(tree_read(&nic, "../../../secret"));
	cr_assert_str_eq(tree_link(&nic, "driver"), "sys/bus/mlx5_core");
	cr_assert_str_eq(tree_link_base(&nic, "driver"), "mlx5_core");
	cr_assert_eq(tree_list(&nic, ".").n, 4);
	autotree struct tree linked = tree_in(&t, "sys/nic");
	cr_assert_str_eq(tree_read(&linked, "guid"), "in");
	autotree struct tree none = tree_in(&t, "sys/nothing");
	cr_assert_lt(none.root, 0);
	cr_assert_null(tree_read(&none, "guid"));
	cr_assert_null(tree_link(&none, "driver"));
	cr_assert_eq(tree_list(&none, ".").n, 0);
	fixture_done(&f);
}

Test(graft_tree, a_folder_lists_numbers_as_numbers_and_no_odd_names)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_file(&f, "sys/d/uverbs10", "");
	fixture_file(&f, "sys/d/uverbs9", "");
	fixture_file(&f, "sys/d/.hidden", "");
	fixture_file(&f, "sys/d/two words", "");
	fixture_file(&f, "sys/d/\033]0;x", "");
	struct tree t = open_tree_of(&f);
	struct tree_list l = tree_list(&t, "sys/d");
	cr_assert_eq(l.n, 2);
	cr_assert_str_eq(l.v[0], "uverbs9");
	cr_assert_str_eq(l.v[1], "uverbs10");
	fixture_done(&f);
}

Test(graft_tree, a_folder_ends_at_4096_names)
{
	struct graft_fixture f;

	fixture_new(&f);
	for (int i = 0; i < 5000; i++)
		fixture_file(&f, arena_printf(&f.arena, "sys/d/n%d", i), "");
	struct tree t = open_tree_of(&f);
	cr_assert_eq(tree_list(&t, "sys/d").n, 4096);
	fixture_done(&f);
}

Test(graft_tree, malformed_numbers_are_none)
{
	static const char *const bad[] = {"231",    "231:",	 ":1",	"-1:2", "231:1:2",
					  "4096:0", "1:1048576", "a:b", ""};
	struct graft_fixture f;
	dev_t dev;

	fixture_new(&f);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		fixture_file(&f, "sys/dev", bad[i]);
		struct tree t = open_tree_of(&f);
		cr_assert_not(tree_dev(&t, &dev, "sys/dev"), "'%s'", bad[i]);
	}
	fixture_file(&f, "sys/dev", "231:192\n");
	struct tree t = open_tree_of(&f);
	cr_assert(tree_dev(&t, &dev, "sys/dev"));
	cr_assert_eq(dev, makedev(231, 192));
	fixture_done(&f);
}

Test(graft_tree, a_node_is_found_by_its_number)
{
	struct graft_fixture f;
	struct graft_node n;

	fixture_new(&f);
	fixture_file(&f, "nodes.tsv",
		     "/dev/x/wrong\tc\t1\t1\t0666\t0\t0\n/dev/x/other-name\tc\t231\t5\t0640\t3\t4\n"
		     "/dev/x/below/it\tc\t231\t6\t0666\t0\t0\n/dev/x/block\tb\t231\t7\t0666\t0\t0\n"
		     "garbage\n");
	struct tree t = open_tree_of(&f);
	tree_node_of(&t, "/dev/x", "wrong", makedev(231, 5), &n);
	cr_assert_str_eq(n.path, "/dev/x/other-name");
	cr_assert_eq(n.mode, 0640);
	cr_assert_eq(n.gid, 4);
	tree_node_of(&t, "/dev/x", "it", makedev(231, 6), &n);
	cr_assert(n.missing);
	cr_assert_str_eq(n.path, "/dev/x/it");
	tree_node_of(&t, "/dev/x", "block", makedev(231, 7), &n);
	cr_assert(n.missing);
	fixture_done(&f);
}

Test(graft_tree, nodes_of_the_node_itself_are_not_a_files_word)
{
	struct graft_fixture f;
	struct graft_node n;

	fixture_new(&f);
	fixture_file(&f, "nodes.tsv", "/dev/null\tc\t195\t0\t0666\t0\t0\n");
	f.host.captured = false;
	struct tree t = open_tree_of(&f);
	cr_assert_not(tree_node(&t, "/dev/null", &n));
	fixture_done(&f);
}

static struct graft_place at(const char *path, int numa)
{
	return (struct graft_place){.path = path, .numa = numa};
}

Test(graft_tree, distances)
{
	struct graft_place gpu =
		at("pci0000:15/0000:15:01.0/0000:16:00.0/0000:17:00.0/0000:18:00.0", 0);
	struct graft_place nic =
		at("pci0000:15/0000:15:01.0/0000:16:00.0/0000:17:02.0/0000:1a:00.0", 0);
	struct graft_place port = at("pci0000:15/0000:15:02.0/0000:1b:00.0", 0);
	struct graft_place root = at("pci0000:25/0000:25:01.0/0000:26:00.0", 0);
	struct graft_place numa = at("pci0000:95/0000:95:01.0/0000:96:00.0", 1);
	struct graft_place blind = at("pci0000:95/0000:95:01.0/0000:96:00.0", -1);
	struct graft_place none = at(NULL, 0);

	cr_assert_eq(graft_distance(&gpu, &gpu), 0);
	cr_assert_eq(graft_distance(&gpu, &nic), 4);
	cr_assert_eq(graft_distance(&nic, &gpu), 4);
	cr_assert_eq(graft_distance(&gpu, &port), 6);
	cr_assert_eq(graft_distance(&gpu, &root), GRAFT_FAR);
	cr_assert_eq(graft_distance(&gpu, &numa), GRAFT_FARTHER);
	struct graft_place other = at("pci0000:15/0000:15:01.0", -1);
	cr_assert_eq(graft_distance(&blind, &other), GRAFT_FARTHER);
	cr_assert_eq(graft_distance(&gpu, &none), GRAFT_UNKNOWN);
}

Test(graft_tree, a_place_is_the_last_function_of_a_path)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_file(&f, "sys/devices/pci10000:e1/10000:e1:00.0/10000:e2:00.1/numa_node", "1\n");
	struct tree t = open_tree_of(&f);
	struct graft_place p =
		place_of(&t, "sys/devices/pci10000:e1/10000:e1:00.0/10000:e2:00.1/infiniband/m");
	cr_assert_str_eq(p.bdf, "10000:e2:00.1");
	cr_assert_str_eq(p.path, "pci10000:e1/10000:e1:00.0/10000:e2:00.1");
	cr_assert_eq(p.numa, 1);
	p = place_of(&t, "sys/devices/virtual/infiniband/rxe0");
	cr_assert_null(p.bdf);
	cr_assert_eq(p.numa, -1);
	cr_assert_null(place_of(&t, NULL).bdf);
	fixture_done(&f);
}

/* Every file of a node, damaged in many ways: whatever comes out, it comes back. */
Test(graft_tree, damaged_nodes, .timeout = 60)
{
	static const char *const files[] = {
		"proc/devices",
		"proc/driver/nvidia/version",
		"proc/driver/nvidia/gpus/0000:01:00.0/information",
		"sys/class/infiniband_verbs/uverbs0/dev",
		"sys/class/infiniband_verbs/uverbs0/ibdev",
		"sys/class/infiniband/mlx5_0/ports/1/state",
		"nodes.tsv",
	};
	struct graft_fixture f;
	uint32_t seed = 1;

	fixture_new(&f);
	fixture_gpus(&f);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char *text;
		size_t n;
		cr_assert_eq(io_read_file(f.host.root, files[i], 65536, &f.arena, &text, &n), 0);
		for (int round = 0; round < 60; round++) {
			char *copy = arena_alloc(&f.arena, n + 1);
			memcpy(copy, text, n);
			for (int k = 0; k < 1 + round / 10; k++) {
				seed = seed * 1664525 + 1013904223;
				copy[seed % n] = (char)(seed >> 24);
			}
			fixture_bytes(&f, files[i], copy, n - (round % 7 == 0 ? n / 2 : 0));
			cr_assert_eq(fixture_discover(&f), 0);
			for (size_t d = 0; d < f.inv.device.n; d++)
				cr_assert_not_null(f.inv.device.v[d].name);
		}
		fixture_bytes(&f, files[i], text, n);
	}
	cr_assert_eq(fixture_discover(&f), 0);
	cr_assert_eq(f.inv.device.n, 3);
	fixture_done(&f);
}

Test(graft_tree, a_tree_without_sys_and_proc_is_an_error)
{
	struct graft_fixture f;

	fixture_new(&f);
	cr_assert_eq(fixture_discover(&f), -ENOENT);
	fixture_done(&f);
}

static const char *anonymized(const char *text)
{
	static const uint8_t key[ANONYMIZE_KEY] = {1};
	static struct arena a;

	return graft_anonymize(text, key, &a);
}

Test(capture, anonymizes_what_names_one_piece_of_hardware)
{
	const char *one = anonymized("x GPU-5fd4f087-86f3 0x499602d2 0c42:a103:0065:0001\n");

	cr_assert_eq(strlen(one), strlen("x GPU-5fd4f087-86f3 0x499602d2 0c42:a103:0065:0001\n"));
	cr_assert_null(strstr(one, "5fd4f087"));
	cr_assert_null(strstr(one, "499602d2"));
	cr_assert_null(strstr(one, "a103"));
	cr_assert_eq(one[14], '-');
	cr_assert_str_eq(anonymized("GPU-5FD4"), anonymized("GPU-5fd4"), "upper case is the same");
}

Test(capture, keeps_a_number_the_same_in_both_notations)
{
	const char *hex = anonymized("0x499602d2"), *decimal = anonymized("unique_id 1234567890\n");

	cr_assert_eq(strtoull(hex, NULL, 16), strtoull(decimal + 10, NULL, 10));
	cr_assert_neq(strtoull(hex, NULL, 16), 1234567890);
}

Test(capture, knows_a_guid_at_the_end_of_a_gid)
{
	const char *gid = anonymized("fe80:0000:0000:0000:0c42:a103:0065:0001");

	cr_assert_eq(strncmp(gid, "fe80:0000:0000:0000:", 20), 0);
	cr_assert_str_eq(gid + 20, anonymized("0c42:a103:0065:0001"));
}

Test(capture, leaves_everything_else)
{
	static const char text[] = "0x15b3 0000:18:00.1 GPU-???? 10:121 bGPU-5fd4 a0x123456789 "
				   "unique_id 0\nsimd_count 440\n";

	cr_assert_str_eq(anonymized(text), text);
	cr_assert_str_eq(anonymized(""), "");
}
