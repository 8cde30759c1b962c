/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libocispec/json_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define OJ_SHOWN 60

/* Length of the well-formed sequence at s (Unicode 15, table 3-7), 0: there is none. */
static size_t text_sequence(const unsigned char *s, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (n == 0 || n > left)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* Offset of the first byte that is not UTF-8, or len. Eight bytes of ASCII at a time. */
static size_t text_utf8(const unsigned char *s, size_t len)
{
	size_t i = 0;

	while (i < len) {
		uint64_t word;

		if (len - i >= sizeof(word)) {
			memcpy(&word, s + i, sizeof(word));
			if ((word & UINT64_C(0x8080808080808080)) == 0) {
				i += sizeof(word);
				continue;
			}
		}
		size_t n = s[i] < 0x80 ? 1 : text_sequence(s + i, len - i);
		if (n == 0)
			return i;
		i += n;
	}
	return len;
}

/* The code unit of the escape \uXXXX at s, or -1. */
static int text_unit(const char *s, size_t left)
{
	int unit = 0;

	if (left < 6 || s[0] != '\\' || s[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		const char *digits = "0123456789abcdef", *d = strchr(digits, s[i] | 0x20);
		if (s[i] == '\0' || d == NULL || (s[i] < '0' || (s[i] > '9' && s[i] < 'A')))
			return -1; /* not an escape at all: the tokenizer will say so */
		unit = unit * 16 + (int)(d - digits);
	}
	return unit;
}

/* Offset of the first half of a surrogate pair without its other half, or len. */
static size_t text_surrogate(const char *text, size_t len)
{
	const char *end = text + len, *s = text;

	while ((s = memchr(s, '\\', (size_t)(end - s))) != NULL) {
		int unit = text_unit(s, (size_t)(end - s));
		if (unit >= 0xdc00 && unit < 0xe000)
			return (size_t)(s - text);
		if (unit >= 0xd800 && unit < 0xdc00) {
			int other = text_unit(s + 6, (size_t)(end - s) - 6);
			if (other < 0xdc00 || other >= 0xe000)
				return (size_t)(s - text);
			s += 6;
		}
		s += unit >= 0 ? 6 : 2;
		if (s >= end)
			break;
	}
	return len;
}

const char *oj_text_check(const char *text, size_t len, size_t *at)
{
	*at = 0;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return "a byte order mark is not allowed";
	*at = text_utf8((const unsigned char *)text, len);
	if (*at < len)
		return "not UTF-8";
	*at = text_surrogate(text, len);
	return *at < len ? "\\u escape of half a surrogate pair" : NULL;
}

void oj_text_place(const char *text, size_t len, size_t at, size_t *line, size_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < at && i < len; i++) {
		*column = text[i] == '\n' ? 1 : *column + 1;
		*line += text[i] == '\n';
	}
}

void oj_text_show(char *out, size_t size, const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 8 < size; i++) {
		unsigned char c = (unsigned char)s[i];

		if (n >= OJ_SHOWN) {
			n += (size_t)snprintf(out + n, size - n, "...");
			break;
		}
		if (c >= 0x20 && c < 0x7f)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
	}
	out[n] = '\0';
}
