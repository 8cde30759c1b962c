/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>

#include "hooks/graft.h"

int graft_refuse(struct err *e, int code, enum graft_domain d, const char *name, const char *fmt,
		 ...)
{
	char text[800];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (d == GRAFT_DOMAINS)
		return err_set(e, code, "graft: %s [GRAFT-%s]", text, name);
	return err_set(e, code, "graft %s: %s [GRAFT-%s]", graft_domain_name(d), text, name);
}

void graft_note_add(struct graft_notes *notes, struct arena *a, enum graft_domain d,
		    const char *code, const char *fmt, ...)
{
	char text[800];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*ARENA_PUSH(a, notes) = (struct graft_note){d, code, arena_strdup(a, text)};
}
