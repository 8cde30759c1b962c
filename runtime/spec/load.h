/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "libocispec/oci.h"

/* A bundle as a command found it. All memory in the caller's arena. */
struct bundle {
	const char *path; /* absolute, links of the caller's path resolved */
	const char *text; /* config.json as it was read, once: later edits have no effect */
	size_t len;
	struct oci_config *config;
};

/*
 * Resolves path (NULL or "": the working directory), changes to it (hooks run there, relative paths
 * of the config start there) and reads config.json, or the file named by config (NULL:
 * config.json). e names
 * --bundle or the config's field.
 */
int bundle_load(struct bundle *b, const char *path, const char *config, struct arena *a,
		struct err *e);
