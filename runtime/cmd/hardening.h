/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "base/json.h"

/*
 * What the kernel has of the calls that protection is built on. Without one greffon goes another
 * way, which is slower or has a wider window; --strict makes that an error. Asked of the kernel
 * itself: a filter around the runtime (a nested container's) counts as well.
 */

/* A pair "org.greffon.host.hardening.NAME": "true" or "false" each, into an open object. */
void hardening_write(struct json *j, struct arena *a);

/* All that is missing, comma separated, or NULL. Arena memory. */
const char *hardening_missing(struct arena *a);

/* 0, or -ENOTSUP with e naming --strict and all that is missing. */
int hardening_check(struct err *e);
