/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/json.h"
#include "state/status.h"

/* What state and list say about a container. */
struct document {
	const struct record *record;
	enum status status;
	pid_t pid;	   /* 0 when stopped */
	const char *owner; /* user name, or the number */
};

/* Reads the container's record and finds out its status. */
int document_load(const struct store_entry *en, struct arena *a, struct document *out,
		  struct err *e);

/* As one JSON object, with the keys that runc's callers decode. */
void document_write(struct json *j, const struct document *d);

/* Ends the document and writes it to standard output at once. */
int document_print(struct json *j, struct err *e);

/* The name of uid in /etc/passwd (no NSS, which a static program can't load), else the number. */
const char *document_user(uid_t uid, struct arena *a);
