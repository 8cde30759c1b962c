# SPDX-License-Identifier: GPL-2.0-or-later
libgreffon_a_SOURCES += \
	libocispec/json.c libocispec/json.h libocispec/json_expand.h \
	libocispec/json_level.c libocispec/json_level.h \
	libocispec/json_text.c libocispec/json_text.h \
	libocispec/json_tree.c libocispec/json_tree.h \
	libocispec/json_write.c \
	libocispec/oci.def libocispec/oci.h \
	libocispec/oci_tables.c
