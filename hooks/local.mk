# SPDX-License-Identifier: GPL-2.0-or-later
# libgraft. A domain a file.
libgreffon_a_SOURCES += \
	hooks/graft.h
