/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/signame.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/num.h"

/* The kernel's; the C library keeps the first two real-time signals for itself and starts at 34. */
#define SIGNAME_LAST 64

static int signame_realtime(const char *s)
{
	bool low = strncasecmp(s, "RTMIN", 5) == 0;
	uint64_t n = 0;

	if (!low && strncasecmp(s, "RTMAX", 5) != 0)
		return -EINVAL;
	if (s[5] != '\0') {
		if (s[5] != (low ? '+' : '-') ||
		    num_u64(s + 6, (uint64_t)(SIGRTMAX - SIGRTMIN), &n) < 0)
			return -EINVAL;
	}
	return low ? SIGRTMIN + (int)n : SIGRTMAX - (int)n;
}

int signame_parse(const char *s)
{
	static const struct {
		const char *name;
		int number;
	} alias[] = {{"IOT", SIGIOT}, {"CLD", SIGCHLD}, {"POLL", SIGPOLL}};
	uint64_t n;

	if (num_u64(s, SIGNAME_LAST, &n) == 0)
		return (int)n;
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *name = sigabbrev_np(i);
		if (name != NULL && strcasecmp(name, s) == 0)
			return i;
	}
	for (size_t i = 0; i < ARRAY_LEN(alias); i++)
		if (strcasecmp(alias[i].name, s) == 0)
			return alias[i].number;
	return signame_realtime(s);
}
