/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "systemd/property.h"

static bool property_numbers_fit(const struct property *p, uint64_t max)
{
	for (size_t i = 0; i < p->n_numbers; i++)
		if (p->numbers[i] > max)
			return false;
	return true;
}

bool property_is_whole(const struct property *p)
{
	switch (p->type) {
	case PROPERTY_BOOL:
		return p->n_strings == 0 && p->n_numbers == 1 && property_numbers_fit(p, 1);
	case PROPERTY_I32:
		return p->n_strings == 0 && p->n_numbers == 1 && property_numbers_fit(p, INT32_MAX);
	case PROPERTY_U32:
		return p->n_strings == 0 && p->n_numbers == 1 &&
		       property_numbers_fit(p, UINT32_MAX);
	case PROPERTY_U64:
		return p->n_strings == 0 && p->n_numbers == 1;
	case PROPERTY_STRING:
		return p->n_strings == 1 && p->n_numbers == 0;
	case PROPERTY_STRINGS:
		return p->n_numbers == 0;
	case PROPERTY_BYTES:
		return p->n_strings == 0 && property_numbers_fit(p, UINT8_MAX);
	case PROPERTY_PAIRS:
		return p->n_numbers == 0 && p->n_strings % 2 == 0;
	case PROPERTY_RATES:
		return p->n_strings == p->n_numbers;
	}
	return false;
}
