/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/stamp.h"

#include <stdio.h>
#include <time.h>

const char *stamp_now(char out[static STAMP_SIZE])
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	/* Days since 0000-03-01 of the proleptic Gregorian calendar: with the year beginning in
	 * March, the leap day is its last, and months have 153 days in every five. */
	long days = now.tv_sec / 86400 + 719468, rest = now.tv_sec % 86400;
	long era = days / 146097, day_of_era = days % 146097;
	long year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	long day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	long month = (5 * day_of_year + 2) / 153;
	long day = day_of_year - (153 * month + 2) / 5 + 1;

	month += month < 10 ? 3 : -9;
	(void)snprintf(out, STAMP_SIZE, "%04ld-%02ld-%02ldT%02ld:%02ld:%02ld.%09ldZ",
		       year_of_era + era * 400 + (month <= 2), month, day, rest / 3600,
		       rest / 60 % 60, rest % 60, now.tv_nsec);
	return out;
}
