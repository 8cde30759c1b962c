# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzz targets. tests/fuzz/run replays the seeds, and changes of them, with whatever compiler there is; with
# --enable-fuzz (clang) the same files are libFuzzer programs as well: tests/fuzz/TARGET_fuzz CORPUS...
FUZZ_CC = $(AM_CFLAGS) -I$(top_srcdir)/tests/fuzz -DTOP_SRCDIR=\"$(abs_top_srcdir)\"
TESTS += tests/fuzz/run
EXTRA_DIST += tests/fuzz/run tests/fuzz/seeds
FUZZ_COMMON = tests/fuzz/fuzz.h tests/fuzz/files.h
check_PROGRAMS += \
	tests/fuzz/cdi_replay \
	tests/fuzz/config_replay \
	tests/fuzz/documents_replay \
	tests/fuzz/record_replay \
	tests/fuzz/cgroupfs_replay \
	tests/fuzz/stats_replay \
	tests/fuzz/mountopt_replay \
	tests/fuzz/netlink_replay \
	tests/fuzz/options_replay \
	tests/fuzz/elf_replay \
	tests/fuzz/ldcache_replay \
	tests/fuzz/seccomp_replay
tests_fuzz_cdi_replay_SOURCES = tests/fuzz/cdi.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_cdi_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_cdi_replay_LDFLAGS = -pie
tests_fuzz_cdi_replay_LDADD = $(LIBGREFFON)
tests_fuzz_config_replay_SOURCES = tests/fuzz/config.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_config_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_config_replay_LDFLAGS = -pie
tests_fuzz_config_replay_LDADD = $(LIBGREFFON)
tests_fuzz_documents_replay_SOURCES = tests/fuzz/documents.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_documents_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_documents_replay_LDFLAGS = -pie
tests_fuzz_documents_replay_LDADD = $(LIBGREFFON)
tests_fuzz_record_replay_SOURCES = tests/fuzz/record.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_record_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_record_replay_LDFLAGS = -pie
tests_fuzz_record_replay_LDADD = $(LIBGREFFON)
tests_fuzz_cgroupfs_replay_SOURCES = tests/fuzz/cgroupfs.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_cgroupfs_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_cgroupfs_replay_LDFLAGS = -pie
tests_fuzz_cgroupfs_replay_LDADD = $(LIBGREFFON)
tests_fuzz_stats_replay_SOURCES = tests/fuzz/stats.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_stats_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_stats_replay_LDFLAGS = -pie
tests_fuzz_stats_replay_LDADD = $(LIBGREFFON)
tests_fuzz_mountopt_replay_SOURCES = tests/fuzz/mountopt.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_mountopt_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_mountopt_replay_LDFLAGS = -pie
tests_fuzz_mountopt_replay_LDADD = $(LIBGREFFON)
tests_fuzz_netlink_replay_SOURCES = tests/fuzz/netlink.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_netlink_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_netlink_replay_LDFLAGS = -pie
tests_fuzz_netlink_replay_LDADD = $(LIBGREFFON)
tests_fuzz_options_replay_SOURCES = tests/fuzz/options.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_options_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_options_replay_LDFLAGS = -pie
tests_fuzz_options_replay_LDADD = $(LIBGREFFON)
tests_fuzz_elf_replay_SOURCES = tests/fuzz/elf.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_elf_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_elf_replay_LDFLAGS = -pie
tests_fuzz_elf_replay_LDADD = $(LIBGREFFON)
tests_fuzz_ldcache_replay_SOURCES = tests/fuzz/ldcache.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_ldcache_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_ldcache_replay_LDFLAGS = -pie
tests_fuzz_ldcache_replay_LDADD = $(LIBGREFFON)
tests_fuzz_seccomp_replay_SOURCES = tests/fuzz/seccomp.c tests/fuzz/replay.c $(FUZZ_COMMON)
tests_fuzz_seccomp_replay_CFLAGS = $(FUZZ_CC)
tests_fuzz_seccomp_replay_LDFLAGS = -pie
tests_fuzz_seccomp_replay_LDADD = $(LIBGREFFON)

if FUZZ
noinst_PROGRAMS = \
	tests/fuzz/cdi_fuzz \
	tests/fuzz/config_fuzz \
	tests/fuzz/documents_fuzz \
	tests/fuzz/record_fuzz \
	tests/fuzz/cgroupfs_fuzz \
	tests/fuzz/stats_fuzz \
	tests/fuzz/mountopt_fuzz \
	tests/fuzz/netlink_fuzz \
	tests/fuzz/options_fuzz \
	tests/fuzz/elf_fuzz \
	tests/fuzz/ldcache_fuzz \
	tests/fuzz/seccomp_fuzz
tests_fuzz_cdi_fuzz_SOURCES = tests/fuzz/cdi.c $(FUZZ_COMMON)
tests_fuzz_cdi_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_cdi_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_cdi_fuzz_LDADD = $(LIBGREFFON)
tests_fuzz_config_fuzz_SOURCES = tests/fuzz/config.c $(FUZZ_COMMON)
tests_fuzz_config_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_config_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_config_fuzz_LDADD = $(LIBGREFFON)
tests_fuzz_documents_fuzz_SOURCES = tests/fuzz/documents.c $(FUZZ_COMMON)
tests_fuzz_documents_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_documents_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_documents_fuzz_LDADD = $(LIBGREFFON)
tests_fuzz_record_fuzz_SOURCES = tests/fuzz/record.c $(FUZZ_COMMON)
tests_fuzz_record_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_record_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_record_fuzz_LDADD = $(LIBGREFFON)
tests_fuzz_cgroupfs_fuzz_SOURCES = tests/fuzz/cgroupfs.c $(FUZZ_COMMON)
tests_fuzz_cgroupfs_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_cgroupfs_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_cgroupfs_fuzz_LDADD = $(LIBGREFFON)
tests_fuzz_stats_fuzz_SOURCES = tests/fuzz/stats.c $(FUZZ_COMMON)
tests_fuzz_stats_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_stats_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_stats_fuzz_LDADD = $(LIBGREFFON)
tests_fuzz_mountopt_fuzz_SOURCES = tests/fuzz/mountopt.c $(FUZZ_COMMON)
tests_fuzz_mountopt_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_mountopt_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_mountopt_fuzz_LDADD = $(LIBGREFFON)
tests_fuzz_netlink_fuzz_SOURCES = tests/fuzz/netlink.c $(FUZZ_COMMON)
tests_fuzz_netlink_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_netlink_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_netlink_fuzz_LDADD = $(LIBGREFFON)
tests_fuzz_options_fuzz_SOURCES = tests/fuzz/options.c $(FUZZ_COMMON)
tests_fuzz_options_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_options_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_options_fuzz_LDADD = $(LIBGREFFON)
tests_fuzz_elf_fuzz_SOURCES = tests/fuzz/elf.c $(FUZZ_COMMON)
tests_fuzz_elf_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_elf_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_elf_fuzz_LDADD = $(LIBGREFFON)
tests_fuzz_ldcache_fuzz_SOURCES = tests/fuzz/ldcache.c $(FUZZ_COMMON)
tests_fuzz_ldcache_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_ldcache_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_ldcache_fuzz_LDADD = $(LIBGREFFON)
tests_fuzz_seccomp_fuzz_SOURCES = tests/fuzz/seccomp.c $(FUZZ_COMMON)
tests_fuzz_seccomp_fuzz_CFLAGS = $(FUZZ_CC)
tests_fuzz_seccomp_fuzz_LDFLAGS = -pie -fsanitize=fuzzer
tests_fuzz_seccomp_fuzz_LDADD = $(LIBGREFFON)
endif
