# SPDX-License-Identifier: GPL-2.0-or-later
libgreffon_a_SOURCES += \
	runtime/state/digest.c \
	runtime/state/graft.c runtime/state/graft.def runtime/state/graft.h \
	runtime/state/graft_doc.c runtime/state/graft_doc.h runtime/state/graft_join.c \
	runtime/state/folder.c runtime/state/folder.h \
	runtime/state/record.c runtime/state/record.def runtime/state/record.h \
	runtime/state/root.c \
	runtime/state/status.c runtime/state/status.h \
	runtime/state/store.c runtime/state/store.h
