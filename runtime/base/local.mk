# SPDX-License-Identifier: GPL-2.0-or-later
libgreffon_a_SOURCES += \
	runtime/base/arena.c runtime/base/arena.h \
	runtime/base/cleanup.c runtime/base/cleanup.h \
	runtime/base/err.c runtime/base/err.h \
	runtime/base/io.c runtime/base/io.h \
	runtime/base/log.c runtime/base/log.h \
	runtime/base/num.c runtime/base/num.h \
	runtime/base/json.c runtime/base/json.h \
	runtime/base/signame.c runtime/base/signame.h \
	runtime/base/stamp.c runtime/base/stamp.h \
	runtime/base/protobuf.c runtime/base/protobuf.h
