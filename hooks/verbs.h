/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/library.h"

/*
 * libibverbs and its providers share a private interface that has a number (PABI, the symbol
 * version IBVERBS_PRIVATE_N; the provider's file is called libNAME-rdmavN.so). A provider loads
 * only into the libibverbs of its own number, so the host's come as one set (libibverbs, librdmacm,
 * libibumad, all providers, /etc/libibverbs.d) or not at all: with w->ed->verbs.libs AUTO where the
 * image has no provider for a granted device, with HOST in any case.
 *
 * glibc: the image can run the host's libraries. -ELIBBAD when HOST can't be had.
 */
int verbs_take(struct library_job *w, bool glibc, struct err *e);
