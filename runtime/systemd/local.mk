# SPDX-License-Identifier: GPL-2.0-or-later
libgreffon_a_SOURCES += \
	runtime/systemd/property.c runtime/systemd/property.h \
	runtime/systemd/wire.c runtime/systemd/wire.h

# The only program that is linked dynamically: libsystemd has no archive.
if HAVE_SYSTEMD
pkglibexec_PROGRAMS += greffon-systemd
endif
greffon_systemd_SOURCES = runtime/systemd/main.c runtime/systemd/bus.c runtime/systemd/bus.h
greffon_systemd_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
greffon_systemd_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections
greffon_systemd_LDADD = libgreffon.a $(SYSTEMD_LIBS)
