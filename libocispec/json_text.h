/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * What the tokenizer lets pass and RFC 8259 does not: bad UTF-8 (overlong forms, surrogates, beyond
 * U+10FFFF), a byte order mark, and \u escapes of half a surrogate pair, which become a '?'
 * silently. NULL, or what is wrong, with its byte offset in *at.
 */
const char *oj_text_check(const char *text, size_t len, size_t *at);

/* Where byte `at` is, both from 1; columns count bytes. */
void oj_text_place(const char *text, size_t len, size_t at, size_t *line, size_t *column);

/* The first 60 bytes or so of s for a message: printable ASCII, anything else as \xNN, "..." when
 * cut. */
void oj_text_show(char *out, size_t size, const char *s, size_t len);
