/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/stamp.h"

static struct log_sink log_sink = {FD_NONE, LOG_TEXT, LOG_LEVEL_WARNING};

static const char *const log_names[] = {"error", "warning", "debug"};

void log_setup(const struct log_sink *sink)
{
	log_sink = *sink;
}

/* Appends s to line[n..size) as the inside of a JSON string; the line is cut where it would
 * overflow. */
static size_t log_escape(char *line, size_t n, size_t size, const char *s)
{
	for (; *s != '\0' && n + 7 < size; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\') {
			line[n++] = '\\';
			line[n++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			n += (size_t)snprintf(line + n, size - n, "\\u%04x", c);
		} else {
			line[n++] = (char)c;
		}
	}
	return n;
}

/* One write(2) a line: several processes append to the same file. */
static void log_line(int fd, enum log_format format, enum log_level level, const char *msg)
{
	char line[2304], stamp[STAMP_SIZE];
	size_t n;

	(void)stamp_now(stamp);
	if (format == LOG_JSON) {
		n = (size_t)snprintf(line, sizeof(line), "{\"msg\":\"");
		n = log_escape(line, n, sizeof(line) - 128, msg);
		n += (size_t)snprintf(line + n, sizeof(line) - n,
				      "\",\"level\":\"%s\",\"time\":\"%s\"}\n", log_names[level],
				      stamp);
	} else if (fd == STDERR_FILENO) {
		n = (size_t)snprintf(line, sizeof(line), "greffon: %.2000s\n", msg);
	} else {
		n = (size_t)snprintf(line, sizeof(line), "time=\"%s\" level=%s msg=\"", stamp,
				     log_names[level]);
		n = log_escape(line, n, sizeof(line) - 8, msg);
		n += (size_t)snprintf(line + n, sizeof(line) - n, "\"\n");
	}
	(void)io_write_all(fd, line, n);
}

void log_error(const struct err *e)
{
	if (log_sink.fd >= 0)
		log_line(log_sink.fd, log_sink.format, LOG_LEVEL_ERROR, e->text);
	log_line(STDERR_FILENO, LOG_TEXT, LOG_LEVEL_ERROR, e->text);
}

PRINTF(2, 0) static void log_message(enum log_level level, const char *fmt, va_list ap)
{
	char msg[1500];

	if (level > log_sink.level)
		return;
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	if (log_sink.fd >= 0)
		log_line(log_sink.fd, log_sink.format, level, msg);
	else
		log_line(STDERR_FILENO, LOG_TEXT, level, msg);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message(LOG_LEVEL_WARNING, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}
