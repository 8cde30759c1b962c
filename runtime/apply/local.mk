# SPDX-License-Identifier: GPL-2.0-or-later
libgreffon_a_SOURCES += \
	runtime/apply/birth.c runtime/apply/birth.h \
	runtime/apply/checkpoint.c \
	runtime/apply/clone.c runtime/apply/clone.h \
	runtime/apply/container.h \
	runtime/apply/create.c \
	runtime/apply/creds.c runtime/apply/creds.h \
	runtime/apply/criu.def runtime/apply/criu.h runtime/apply/criu_image.c runtime/apply/criu_image.h \
	runtime/apply/criu_message.c runtime/apply/criu_mounts.c runtime/apply/criu_run.c \
	runtime/apply/delete.c \
	runtime/apply/exec.c \
	runtime/apply/find.c \
	runtime/apply/hook.c runtime/apply/hook.h \
	runtime/apply/idmap.c runtime/apply/idmap.h \
	runtime/apply/init.c runtime/apply/init.h \
	runtime/apply/join.c runtime/apply/join.h \
	runtime/apply/labels.c \
	runtime/apply/notify.c \
	runtime/apply/process.c \
	runtime/apply/report.c runtime/apply/report.h \
	runtime/apply/restore.c \
	runtime/apply/ring.c runtime/apply/ring.h \
	runtime/apply/sched.c \
	runtime/apply/seal.c runtime/apply/seal.h \
	runtime/apply/seccomp.c runtime/apply/seccomp.h \
	runtime/apply/seccomp_cache.c runtime/apply/seccomp_cache.h \
	runtime/apply/seccomp_enosys.c runtime/apply/seccomp_enosys.h \
	runtime/apply/seccomp_filter.c \
	runtime/apply/start.c \
	runtime/apply/sync.c runtime/apply/sync.h \
	runtime/apply/sysctl.c runtime/apply/sysctl.h \
	runtime/apply/tail.c runtime/apply/tail.h \
	runtime/apply/tty.c runtime/apply/tty.h runtime/apply/tty_relay.c \
	runtime/apply/undo.c runtime/apply/undo.h
libgreffon_a_SOURCES += \
	runtime/apply/device.c \
	runtime/apply/mask.c \
	runtime/apply/mount.c runtime/apply/mount.h \
	runtime/apply/mount_cgroup.c runtime/apply/mount_cgroup.h \
	runtime/apply/mount_copyup.c runtime/apply/mount_copyup.h \
	runtime/apply/mount_file.c runtime/apply/mount_file.h \
	runtime/apply/mount_direct.c runtime/apply/mount_direct.h \
	runtime/apply/mount_fresh.c runtime/apply/mount_fresh.h \
	runtime/apply/mount_fs.c runtime/apply/mount_fs.h \
	runtime/apply/mount_idmap.c runtime/apply/mount_idmap.h \
	runtime/apply/mount_legacy.c runtime/apply/mount_legacy.h \
	runtime/apply/mount_open.c runtime/apply/mount_open.h \
	runtime/apply/root.c
libgreffon_a_SOURCES += runtime/apply/family.c runtime/apply/family.h \
	runtime/apply/hotgraft.c runtime/apply/hotmount.c runtime/apply/hotmount.h runtime/apply/exec.h \
	runtime/apply/netdev.c runtime/apply/netdev.h \
	runtime/apply/rdma_move.c runtime/apply/rdma_move.h \
	runtime/apply/ready.c runtime/apply/ready.h

# Runs before the C library is set up, hence apart from the others: no stack protector (there is no thread pointer),
# no call that the compiler makes up (memcpy), no sanitizer.
noinst_LIBRARIES += libseal.a
libseal_a_SOURCES = runtime/apply/seal_early.c runtime/apply/seal_early.h runtime/sys/raw.h
libseal_a_CFLAGS = $(AM_CFLAGS)
# after the builder's own CFLAGS, in which distributions ask for the stack protector
runtime/apply/libseal_a-seal_early.$(OBJEXT): override CFLAGS += $(EARLY_CFLAGS)

# A function of another file would be called through a table that is not relocated yet.
CLEANFILES += runtime/apply/seal_early.checked
runtime/apply/seal_early.checked: libseal.a
	@if $(NM) -u libseal.a | grep -vE '_start$$|:$$|^$$'; then echo "seal_early.c refers to the above" >&2; exit 1; fi
	@: >$@
all-local: runtime/apply/seal_early.checked
