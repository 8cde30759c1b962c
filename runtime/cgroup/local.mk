# SPDX-License-Identifier: GPL-2.0-or-later
libgreffon_a_SOURCES += \
	runtime/cgroup/cgroup.h \
	runtime/cgroup/create.c \
	runtime/cgroup/delegate.c runtime/cgroup/delegate.h \
	runtime/cgroup/destroy.c \
	runtime/cgroup/device.c runtime/cgroup/device.h \
	runtime/cgroup/device_bpf.c \
	runtime/cgroup/device_v1.c \
	runtime/cgroup/enter.c \
	runtime/cgroup/freeze.c \
	runtime/cgroup/kill.c \
	runtime/cgroup/oom.c runtime/cgroup/oom.h \
	runtime/cgroup/rdt.c runtime/cgroup/rdt.h runtime/cgroup/rdt_stats.c \
	runtime/cgroup/settings.c runtime/cgroup/settings.h \
	runtime/cgroup/stats.c runtime/cgroup/stats.h \
	runtime/cgroup/stats_parse.c runtime/cgroup/stats_parse.h \
	runtime/cgroup/stats_write.c \
	runtime/cgroup/systemd.c runtime/cgroup/systemd.h \
	runtime/cgroup/unit.c runtime/cgroup/unit.h \
	runtime/cgroup/update.c runtime/cgroup/update.h \
	runtime/cgroup/v2.c runtime/cgroup/v2.h
