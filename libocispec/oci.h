/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "libocispec/json.h"

/* The structs of oci.def: one a spec object, members named as the JSON keys in snake case. All
 * memory of a parsed document is the caller's arena. */
#define OJ_AS_STRUCTS
#include "libocispec/json_expand.h"
#include "libocispec/oci.def"

/* oj_parse() and oj_write() by type: 0 or -EINVAL with e starting with the JSON path. */
#define OCI_DOCUMENT(name, T)                                                                      \
	static inline int oci_##name##_parse(const char *text, size_t len, struct arena *a,        \
					     struct T **out, struct err *e)                        \
	{                                                                                          \
		return oj_parse(&T##_object, text, len, a, (void **)out, e);                       \
	}                                                                                          \
	static inline int oci_##name##_write(const struct T *x, enum oci_style style,              \
					     struct arena *a, const char **out, size_t *out_len)   \
	{                                                                                          \
		return oj_write(&T##_object, x, style, a, out, out_len);                           \
	}
OCI_DOCUMENT(config, oci_config)
OCI_DOCUMENT(process, oci_process)
OCI_DOCUMENT(resources, oci_resources)
OCI_DOCUMENT(state, oci_state)
OCI_DOCUMENT(features, oci_features)
OCI_DOCUMENT(container_process_state, oci_container_process_state)

/* A bare array of mounts. */
static inline int oci_mounts_parse(const char *text, size_t len, struct arena *a,
				   struct oci_mount **out, size_t *out_n, struct err *e)
{
	return oj_parse_array(&oci_mount_object, text, len, a, (void **)out, out_n, e);
}
