/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>

#include "hooks/capture.h"

#define ANONYMIZE_GUID 19	      /* "0c42:a103:0065:0001" */
#define ANONYMIZE_UNIQUE "unique_id " /* of the KFD's properties; decimal */
#define ANONYMIZE_DIGITS 8 /* shorter numbers behind 0x are those of models and classes */

/* Other hexadecimal digits for those of s, by their values only: "-" and ":" stay. */
static void anonymize_digits(char *s, size_t n, const uint8_t *key)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX c;
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		s[i] = (char)tolower((unsigned char)s[i]);
	SHA256Init(&c);
	SHA256Update(&c, key, ANONYMIZE_KEY);
	SHA256Update(&c, (const uint8_t *)s, n);
	SHA256Final(digest, &c);
	for (size_t i = 0; i < n; i++) {
		if (!isxdigit((unsigned char)s[i]))
			continue;
		s[i] = "0123456789abcdef"[digest[at / 2 % sizeof(digest)] >> 4 * (at % 2) & 15];
		at++;
	}
}

/* A number keeps its length, so its first digit is none that could be left out. */
static void anonymize_number(char *s, size_t n, const uint8_t *key)
{
	bool padded = s[0] == '0';

	anonymize_digits(s, n, key);
	if (!padded && s[0] == '0')
		s[0] = '1';
}

static size_t anonymize_span(const char *s, const char *also)
{
	size_t n = 0;

	while (s[n] != '\0' && (isxdigit((unsigned char)s[n]) || strchr(also, s[n]) != NULL))
		n++;
	return n;
}

static bool anonymize_is_guid(const char *s)
{
	for (size_t i = 0; i < ANONYMIZE_GUID; i++)
		if (i % 5 == 4 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
			return false;
	return !isxdigit((unsigned char)s[ANONYMIZE_GUID]) && s[ANONYMIZE_GUID] != ':';
}

/* The decimal form, changed as the hexadecimal one is. */
static void anonymize_decimal(char *out, size_t size, const char *s, const uint8_t *key)
{
	char hex[24];
	uint64_t v = strtoull(s, NULL, 10);
	int n = snprintf(hex, sizeof(hex), "%" PRIx64, v);

	if (n >= ANONYMIZE_DIGITS)
		anonymize_number(hex, (size_t)n, key);
	(void)snprintf(out, size, "%" PRIu64, (uint64_t)strtoull(hex, NULL, 16));
}

/* What is at s, where a word begins: its length there, its other form in out; 0: nothing of ours.
 */
static size_t anonymize_word(const char *s, const uint8_t *key, struct arena *a, char **out)
{
	size_t n = strlen(ANONYMIZE_UNIQUE), lead = 4;

	if (strncmp(s, ANONYMIZE_UNIQUE, n) == 0) {
		*out = arena_alloc(a, n + 24);
		memcpy(*out, s, n);
		anonymize_decimal(*out + n, 24, s + n, key);
		return n + strspn(s + n, "0123456789");
	}
	if (strncmp(s, "GPU-", 4) == 0 || strncmp(s, "MIG-", 4) == 0) {
		n = anonymize_span(s + lead, "-");
	} else if (strncmp(s, "0x", 2) == 0) {
		lead = 2;
		n = anonymize_span(s + lead, "");
		n = n < ANONYMIZE_DIGITS ? 0 : n;
	} else {
		lead = 0;
		n = anonymize_is_guid(s) ? ANONYMIZE_GUID : 0;
	}
	if (n == 0)
		return 0;
	*out = arena_strndup(a, s, lead + n);
	if (lead == 2)
		anonymize_number(*out + lead, n, key);
	else
		anonymize_digits(*out + lead, n, key);
	return lead + n;
}

char *graft_anonymize(const char *text, const uint8_t key[static ANONYMIZE_KEY], struct arena *a)
{
	char *out = arena_alloc(a, 3 * strlen(text) + 24), *to = out, *other = NULL;
	bool inside = false; /* of a word */

	for (const char *p = text; *p != '\0';) {
		size_t n = inside ? 0 : anonymize_word(p, key, a, &other);

		inside = n > 0 || isalnum((unsigned char)*p);
		if (n == 0) {
			*to++ = *p++;
			continue;
		}
		p += n;
		to = stpcpy(to, other);
	}
	return out;
}
