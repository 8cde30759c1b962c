# SPDX-License-Identifier: GPL-2.0-or-later
libgreffon_a_SOURCES += \
	runtime/apply/report.c runtime/apply/report.h \
	runtime/apply/sync.c runtime/apply/sync.h
libgreffon_a_SOURCES += \
	runtime/apply/ring.c runtime/apply/ring.h \
	runtime/apply/seal.c runtime/apply/seal.h \
	runtime/apply/tty.c runtime/apply/tty.h runtime/apply/tty_relay.c
