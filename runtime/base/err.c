/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes below 0x20 and DEL could move a terminal's cursor or fake a second log line. */
static void err_clean(struct err *e)
{
	e->len = (uint32_t)strnlen(e->text, sizeof(e->text) - 1);
	for (uint32_t i = 0; i < e->len; i++) {
		unsigned char c = (unsigned char)e->text[i];

		if (c < 0x20 || c == 0x7f)
			e->text[i] = '?';
	}
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	if (e == NULL)
		return -code;
	e->code = code;

	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	err_clean(e);
	return -code;
}

const char *err_name(int code)
{
	static char text[96];
	const char *name = strerrordesc_np(code);

	if (name == NULL) {
		(void)snprintf(text, sizeof(text), "unknown error %d", code);
		return text;
	}
	(void)snprintf(text, sizeof(text), "%s", name);
	/* Callers match "no such process" and the like in lower case; an acronym ("RFS ...") stays.
	 */
	if (isupper((unsigned char)text[0]) && !isupper((unsigned char)text[1]))
		text[0] = (char)tolower((unsigned char)text[0]);
	return text;
}

int err_sys(struct err *e, int code, const char *fmt, ...)
{
	if (e == NULL)
		return -code;
	e->code = code;

	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(e->text))
		(void)snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %s", err_name(code));
	err_clean(e);
	return -code;
}

int err_at(struct err *e, const char *fmt, ...)
{
	if (e == NULL)
		return -EINVAL;

	struct err old = *e;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(e->text)) {
		const char *join = old.text[0] == '.' || old.text[0] == '[' ? "" : ": ";
		(void)snprintf(e->text + n, sizeof(e->text) - (size_t)n, "%s%s", join, old.text);
	}
	err_clean(e);
	return -e->code;
}

int err_take(struct err *e, const struct err *from)
{
	if (e != NULL)
		*e = *from;
	return -from->code;
}
