# SPDX-License-Identifier: GPL-2.0-or-later
libgreffon_a_SOURCES += \
	runtime/host/cgroupfs.c runtime/host/cgroupfs.h \
	runtime/host/host.c runtime/host/host.h \
	runtime/host/lsm.c runtime/host/lsm.h
