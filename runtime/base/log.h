/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/*
 * Where messages go. Errors go to standard error always (conmon reads it) and to the --log file if
 * one was given (containerd's shim reads it); warnings and debug lines to the file, or to standard
 * error without one. Standard output is the container's and never written here.
 */
struct log_sink {
	int fd; /* of --log; FD_NONE: none. Borrowed */
	enum log_format format;
	enum log_level
		level; /* the most talkative level that is written; LOG_LEVEL_WARNING by default */
};

/* Sets the process-wide sink. */
void log_setup(const struct log_sink *sink);

/* The one error line of a command; on standard error it starts with "greffon: ". */
void log_error(const struct err *e);
void log_warn(const char *fmt, ...) PRINTF(1, 2);
void log_debug(const char *fmt, ...) PRINTF(1, 2);
