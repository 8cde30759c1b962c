/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"

/*
 * A target is one file with this function, which libFuzzer (--enable-fuzz) or tests/fuzz/replay.c
 * calls: an input of any bytes must do no harm, and what FUZZ_HOLDS says must hold.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_HOLDS(condition)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* The input as a string of its own, so that a sanitizer sees a read beyond its end. */
static inline char *fuzz_text(struct arena *a, const uint8_t *data, size_t size)
{
	return arena_strndup(a, (const char *)data, size);
}

/* Warnings about what an input holds are of no interest. */
static inline void fuzz_quiet(void)
{
	log_setup(&(struct log_sink){FD_NONE, LOG_TEXT, LOG_LEVEL_ERROR});
}
