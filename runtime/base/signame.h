/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The number of a signal given as number (0 to 64), name with or without SIG in any case, or RTMIN,
 * RTMIN+n, RTMAX, RTMAX-n. -EINVAL: no such signal. */
int signame_parse(const char *s);
