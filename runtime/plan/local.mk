# SPDX-License-Identifier: GPL-2.0-or-later
libgreffon_a_SOURCES += \
	runtime/plan/build.c runtime/plan/plan.h \
	runtime/plan/cdi.c runtime/plan/cdi.h \
	runtime/plan/cgroup.c \
	runtime/plan/convert.c runtime/plan/convert.h \
	runtime/plan/creds.c \
	runtime/plan/dump.c runtime/plan/dump.h \
	runtime/plan/dump_out.c runtime/plan/dump_out.h runtime/plan/dump_process.c \
	runtime/plan/env.c runtime/plan/env.h \
	runtime/plan/exec.c runtime/plan/exec.h \
	runtime/plan/hook.c \
	runtime/plan/limits.c runtime/plan/limits.h \
	runtime/plan/lsm.c runtime/plan/lsm.h \
	runtime/plan/ns.c runtime/plan/idmap.h \
	runtime/plan/process.c \
	runtime/plan/sched.c runtime/plan/sched.h \
	runtime/plan/seccomp.c \
	runtime/plan/sysctl.c
libgreffon_a_SOURCES += \
	runtime/plan/device.c runtime/plan/device.h \
	runtime/plan/graft.c runtime/plan/graft.h \
	runtime/plan/graft_hot.c runtime/plan/graft_hot.h runtime/plan/graft_merge.h \
	runtime/plan/graft_process.c \
	runtime/plan/mask.c \
	runtime/plan/mount.c \
	runtime/plan/mountopt.c runtime/plan/mountopt.h
libgreffon_a_SOURCES += \
	runtime/plan/annotation.c runtime/plan/annotation.h \
	runtime/plan/netdev.c \
	runtime/plan/rdt.c \
	runtime/plan/ready.c runtime/plan/ready.h
libgreffon_a_SOURCES += \
	runtime/plan/device_state.c runtime/plan/device_state.h \
	runtime/plan/unit.c runtime/plan/unit.h \
	runtime/plan/unit_annotation.c \
	runtime/plan/unit_devices.c \
	runtime/plan/unit_limits.c
