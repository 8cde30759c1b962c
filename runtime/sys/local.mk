# SPDX-License-Identifier: GPL-2.0-or-later
libgreffon_a_SOURCES += \
	runtime/sys/path.h \
	runtime/sys/procfs.c runtime/sys/procfs.h \
	runtime/sys/sys.c runtime/sys/sys.h \
	runtime/sys/tmpfs.c runtime/sys/tmpfs.h
libgreffon_a_SOURCES += \
	runtime/sys/path.c \
	runtime/sys/path_walk.c runtime/sys/path_walk.h
libgreffon_a_SOURCES += runtime/sys/netlink.c runtime/sys/netlink.h
