# SPDX-License-Identifier: GPL-2.0-or-later
# One criterion program a module: tests/unit/<module>_test.c. A static executable can't load criterion,
# so the tests are linked dynamically against the same objects.
UNIT_TESTS = tests/unit/num_test

if HAVE_CRITERION
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
TEST_LIBS = $(LIBGREFFON) $(CRITERION_LIBS)
TEST_CC = $(AM_CFLAGS) $(CRITERION_CFLAGS)
TEST_LINK = -pie

tests_unit_num_test_SOURCES = tests/unit/num_test.c
tests_unit_num_test_CFLAGS = $(TEST_CC)
tests_unit_num_test_LDFLAGS = $(TEST_LINK)
tests_unit_num_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/options_test
tests_unit_options_test_SOURCES = tests/unit/options_test.c
tests_unit_options_test_CFLAGS = $(TEST_CC)
tests_unit_options_test_LDFLAGS = $(TEST_LINK)
tests_unit_options_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/criu_test
tests_unit_criu_test_SOURCES = tests/unit/criu_test.c tests/unit/plan_fixture.h
tests_unit_criu_test_CFLAGS = $(TEST_CC)
tests_unit_criu_test_LDFLAGS = $(TEST_LINK)
tests_unit_criu_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/record_test
tests_unit_record_test_SOURCES = tests/unit/record_test.c
tests_unit_record_test_CFLAGS = $(TEST_CC)
tests_unit_record_test_LDFLAGS = $(TEST_LINK)
tests_unit_record_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/signal_test
tests_unit_signal_test_SOURCES = tests/unit/signal_test.c
tests_unit_signal_test_CFLAGS = $(TEST_CC)
tests_unit_signal_test_LDFLAGS = $(TEST_LINK)
tests_unit_signal_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/store_test
tests_unit_store_test_SOURCES = tests/unit/store_test.c
tests_unit_store_test_CFLAGS = $(TEST_CC)
tests_unit_store_test_LDFLAGS = $(TEST_LINK)
tests_unit_store_test_LDADD = $(TEST_LIBS)
OCISPEC_TESTS = tests/unit/ocispec_test tests/unit/ocispec_types_test tests/unit/ocispec_roundtrip_test \
	tests/unit/ocispec_schema_test
OCISPEC_CC = $(TEST_CC) -DTOP_SRCDIR=\"$(abs_top_srcdir)\"
UNIT_TESTS += $(OCISPEC_TESTS)
EXTRA_DIST += tests/golden/spec
tests_unit_ocispec_test_SOURCES = tests/unit/ocispec_test.c
tests_unit_ocispec_test_CFLAGS = $(OCISPEC_CC)
tests_unit_ocispec_test_LDFLAGS = $(TEST_LINK)
tests_unit_ocispec_test_LDADD = $(TEST_LIBS)
tests_unit_ocispec_types_test_SOURCES = tests/unit/ocispec_types_test.c
tests_unit_ocispec_types_test_CFLAGS = $(OCISPEC_CC)
tests_unit_ocispec_types_test_LDFLAGS = $(TEST_LINK)
tests_unit_ocispec_types_test_LDADD = $(TEST_LIBS)
tests_unit_ocispec_roundtrip_test_SOURCES = tests/unit/ocispec_roundtrip_test.c
tests_unit_ocispec_roundtrip_test_CFLAGS = $(OCISPEC_CC)
tests_unit_ocispec_roundtrip_test_LDFLAGS = $(TEST_LINK)
tests_unit_ocispec_roundtrip_test_LDADD = $(TEST_LIBS)
tests_unit_ocispec_schema_test_SOURCES = tests/unit/ocispec_schema_test.c
tests_unit_ocispec_schema_test_CFLAGS = $(OCISPEC_CC)
tests_unit_ocispec_schema_test_LDFLAGS = $(TEST_LINK)
tests_unit_ocispec_schema_test_LDADD = $(TEST_LIBS)

MOUNT_TESTS = tests/unit/mountopt_test tests/unit/path_test tests/unit/plan_device_test tests/unit/plan_mount_test
MOUNT_CC = $(TEST_CC) -I$(top_srcdir)/tests/unit
UNIT_TESTS += $(MOUNT_TESTS)
tests_unit_mountopt_test_SOURCES = tests/unit/mountopt_test.c
tests_unit_mountopt_test_CFLAGS = $(MOUNT_CC)
tests_unit_mountopt_test_LDFLAGS = $(TEST_LINK)
tests_unit_mountopt_test_LDADD = $(TEST_LIBS)
tests_unit_path_test_SOURCES = tests/unit/path_test.c
tests_unit_path_test_CFLAGS = $(MOUNT_CC)
tests_unit_path_test_LDFLAGS = $(TEST_LINK)
tests_unit_path_test_LDADD = $(TEST_LIBS)
tests_unit_plan_device_test_SOURCES = tests/unit/plan_device_test.c tests/unit/plan_fixture.h
tests_unit_plan_device_test_CFLAGS = $(MOUNT_CC)
tests_unit_plan_device_test_LDFLAGS = $(TEST_LINK)
tests_unit_plan_device_test_LDADD = $(TEST_LIBS)
tests_unit_plan_mount_test_SOURCES = tests/unit/plan_mount_test.c tests/unit/plan_fixture.h
tests_unit_plan_mount_test_CFLAGS = $(MOUNT_CC) -DTOP_SRCDIR=\"$(abs_top_srcdir)\"
tests_unit_plan_mount_test_LDFLAGS = $(TEST_LINK)
tests_unit_plan_mount_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/process_test
tests_unit_process_test_SOURCES = tests/unit/process_test.c tests/unit/process_fixture.h
tests_unit_process_test_CFLAGS = $(TEST_CC)
tests_unit_process_test_LDFLAGS = $(TEST_LINK)
tests_unit_process_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/creds_test
tests_unit_creds_test_SOURCES = tests/unit/creds_test.c tests/unit/process_fixture.h
tests_unit_creds_test_CFLAGS = $(TEST_CC)
tests_unit_creds_test_LDFLAGS = $(TEST_LINK)
tests_unit_creds_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/sysctl_test
tests_unit_sysctl_test_SOURCES = tests/unit/sysctl_test.c tests/unit/process_fixture.h
tests_unit_sysctl_test_CFLAGS = $(TEST_CC)
tests_unit_sysctl_test_LDFLAGS = $(TEST_LINK)
tests_unit_sysctl_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/hook_test
tests_unit_hook_test_SOURCES = tests/unit/hook_test.c tests/unit/process_fixture.h
tests_unit_hook_test_CFLAGS = $(TEST_CC)
tests_unit_hook_test_LDFLAGS = $(TEST_LINK)
tests_unit_hook_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/seccomp_test
tests_unit_seccomp_test_SOURCES = tests/unit/seccomp_test.c tests/unit/process_fixture.h
tests_unit_seccomp_test_CFLAGS = $(TEST_CC)
tests_unit_seccomp_test_LDFLAGS = $(TEST_LINK)
tests_unit_seccomp_test_LDADD = $(TEST_LIBS)

CGROUP_TESTS = tests/unit/cgroupfs_test tests/unit/cgroup_plan_test tests/unit/cgroup_update_test \
	tests/unit/convert_test tests/unit/device_rules_test
CGROUP_CC = $(TEST_CC) -DTOP_SRCDIR=\"$(abs_top_srcdir)\"
UNIT_TESTS += $(CGROUP_TESTS)
EXTRA_DIST += tests/hosts
tests_unit_cgroupfs_test_SOURCES = tests/unit/cgroupfs_test.c
tests_unit_cgroupfs_test_CFLAGS = $(CGROUP_CC)
tests_unit_cgroupfs_test_LDFLAGS = $(TEST_LINK)
tests_unit_cgroupfs_test_LDADD = $(TEST_LIBS)
tests_unit_cgroup_plan_test_SOURCES = tests/unit/cgroup_plan_test.c
tests_unit_cgroup_plan_test_CFLAGS = $(CGROUP_CC)
tests_unit_cgroup_plan_test_LDFLAGS = $(TEST_LINK)
tests_unit_cgroup_plan_test_LDADD = $(TEST_LIBS)
tests_unit_cgroup_update_test_SOURCES = tests/unit/cgroup_update_test.c
tests_unit_cgroup_update_test_CFLAGS = $(CGROUP_CC)
tests_unit_cgroup_update_test_LDFLAGS = $(TEST_LINK)
tests_unit_cgroup_update_test_LDADD = $(TEST_LIBS)
tests_unit_convert_test_SOURCES = tests/unit/convert_test.c
tests_unit_convert_test_CFLAGS = $(CGROUP_CC)
tests_unit_convert_test_LDFLAGS = $(TEST_LINK)
tests_unit_convert_test_LDADD = $(TEST_LIBS)
tests_unit_device_rules_test_SOURCES = tests/unit/device_rules_test.c
tests_unit_device_rules_test_CFLAGS = $(CGROUP_CC)
tests_unit_device_rules_test_LDFLAGS = $(TEST_LINK)
tests_unit_device_rules_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/rdma_move_test
tests_unit_rdma_move_test_SOURCES = tests/unit/rdma_move_test.c
tests_unit_rdma_move_test_CFLAGS = $(TEST_CC)
tests_unit_rdma_move_test_LDFLAGS = $(TEST_LINK)
tests_unit_rdma_move_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/netlink_test
tests_unit_netlink_test_SOURCES = tests/unit/netlink_test.c
tests_unit_netlink_test_CFLAGS = $(TEST_CC)
tests_unit_netlink_test_LDFLAGS = $(TEST_LINK)
tests_unit_netlink_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/completion_test
tests_unit_completion_test_SOURCES = tests/unit/completion_test.c
tests_unit_completion_test_CFLAGS = $(TEST_CC) -DTOP_SRCDIR=\"$(abs_top_srcdir)\"
tests_unit_completion_test_LDFLAGS = $(TEST_LINK)
tests_unit_completion_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/netdev_plan_test
tests_unit_netdev_plan_test_SOURCES = tests/unit/netdev_plan_test.c
tests_unit_netdev_plan_test_CFLAGS = $(TEST_CC)
tests_unit_netdev_plan_test_LDFLAGS = $(TEST_LINK)
tests_unit_netdev_plan_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/rdt_test
tests_unit_rdt_test_SOURCES = tests/unit/rdt_test.c
tests_unit_rdt_test_CFLAGS = $(TEST_CC)
tests_unit_rdt_test_LDFLAGS = $(TEST_LINK)
tests_unit_rdt_test_LDADD = $(TEST_LIBS)
UNIT_TESTS += tests/unit/seal_test
tests_unit_seal_test_SOURCES = tests/unit/seal_test.c
tests_unit_seal_test_CFLAGS = $(TEST_CC)
tests_unit_seal_test_LDFLAGS = $(TEST_LINK)
tests_unit_seal_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/io_test
tests_unit_io_test_SOURCES = tests/unit/io_test.c
tests_unit_io_test_CFLAGS = $(TEST_CC)
tests_unit_io_test_LDFLAGS = $(TEST_LINK)
tests_unit_io_test_LDADD = $(TEST_LIBS)
SYSTEMD_TESTS = tests/unit/unit_plan_test tests/unit/wire_test
SYSTEMD_CC = $(TEST_CC) -DTOP_SRCDIR=\"$(abs_top_srcdir)\"
UNIT_TESTS += $(SYSTEMD_TESTS)
tests_unit_unit_plan_test_SOURCES = tests/unit/unit_plan_test.c
tests_unit_unit_plan_test_CFLAGS = $(SYSTEMD_CC)
tests_unit_unit_plan_test_LDFLAGS = $(TEST_LINK)
tests_unit_unit_plan_test_LDADD = $(TEST_LIBS)
tests_unit_wire_test_SOURCES = tests/unit/wire_test.c
tests_unit_wire_test_CFLAGS = $(SYSTEMD_CC)
tests_unit_wire_test_LDFLAGS = $(TEST_LINK)
tests_unit_wire_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/elf_test
tests_unit_elf_test_SOURCES = tests/unit/elf_test.c
tests_unit_elf_test_CFLAGS = $(TEST_CC)
tests_unit_elf_test_LDFLAGS = $(TEST_LINK)
tests_unit_elf_test_LDADD = $(TEST_LIBS)
UNIT_TESTS += tests/unit/loader_test
tests_unit_loader_test_SOURCES = tests/unit/loader_test.c
tests_unit_loader_test_CFLAGS = $(TEST_CC)
tests_unit_loader_test_LDFLAGS = $(TEST_LINK)
tests_unit_loader_test_LDADD = $(TEST_LIBS)

UNIT_TESTS += tests/unit/annotation_test
tests_unit_annotation_test_SOURCES = tests/unit/annotation_test.c
tests_unit_annotation_test_CFLAGS = $(TEST_CC)
tests_unit_annotation_test_LDFLAGS = $(TEST_LINK)
tests_unit_annotation_test_LDADD = $(TEST_LIBS)

GRAFT_TESTS = tests/unit/cdi_test tests/unit/graft_curtain_test tests/unit/graft_library_test tests/unit/graft_rdma_test tests/unit/graft_record_test tests/unit/graft_request_test tests/unit/graft_tree_test tests/unit/config_edit_test
UNIT_TESTS += $(GRAFT_TESTS)
tests_unit_graft_curtain_test_SOURCES = tests/unit/graft_curtain_test.c tests/unit/graft_fixture.h
tests_unit_graft_curtain_test_CFLAGS = $(MOUNT_CC)
tests_unit_graft_curtain_test_LDFLAGS = $(TEST_LINK)
tests_unit_graft_curtain_test_LDADD = $(TEST_LIBS)
tests_unit_graft_library_test_SOURCES = tests/unit/graft_library_test.c tests/unit/graft_fixture.h
tests_unit_graft_library_test_CFLAGS = $(MOUNT_CC)
tests_unit_graft_library_test_LDFLAGS = $(TEST_LINK)
tests_unit_graft_library_test_LDADD = $(TEST_LIBS)
tests_unit_graft_rdma_test_SOURCES = tests/unit/graft_rdma_test.c tests/unit/graft_fixture.h
tests_unit_graft_rdma_test_CFLAGS = $(MOUNT_CC)
tests_unit_graft_rdma_test_LDFLAGS = $(TEST_LINK)
tests_unit_graft_rdma_test_LDADD = $(TEST_LIBS)
tests_unit_graft_request_test_SOURCES = tests/unit/graft_request_test.c tests/unit/graft_fixture.h
tests_unit_graft_request_test_CFLAGS = $(MOUNT_CC)
tests_unit_graft_request_test_LDFLAGS = $(TEST_LINK)
tests_unit_graft_request_test_LDADD = $(TEST_LIBS)
tests_unit_config_edit_test_SOURCES = tests/unit/config_edit_test.c tests/unit/graft_fixture.h
tests_unit_config_edit_test_CFLAGS = $(MOUNT_CC)
tests_unit_config_edit_test_LDFLAGS = $(TEST_LINK)
tests_unit_config_edit_test_LDADD = $(TEST_LIBS)
tests_unit_graft_tree_test_SOURCES = tests/unit/graft_tree_test.c tests/unit/graft_fixture.h
tests_unit_graft_tree_test_CFLAGS = $(MOUNT_CC)
tests_unit_graft_tree_test_LDFLAGS = $(TEST_LINK)
tests_unit_graft_tree_test_LDADD = $(TEST_LIBS)
tests_unit_graft_record_test_SOURCES = tests/unit/graft_record_test.c
tests_unit_graft_record_test_CFLAGS = $(TEST_CC)
tests_unit_graft_record_test_LDFLAGS = $(TEST_LINK)
tests_unit_graft_record_test_LDADD = $(TEST_LIBS)
tests_unit_cdi_test_SOURCES = tests/unit/cdi_test.c tests/unit/graft_fixture.h
tests_unit_cdi_test_CFLAGS = $(MOUNT_CC)
tests_unit_cdi_test_LDFLAGS = $(TEST_LINK)
tests_unit_cdi_test_LDADD = $(TEST_LIBS)
