/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#define STAMP_SIZE 40

/* Now as RFC 3339 in UTC with nanoseconds ("2026-01-02T03:04:05.000000006Z"). Computed here: libc's
 * calendar reads the time zone's file for it. Returns out. */
const char *stamp_now(char out[static STAMP_SIZE]);
