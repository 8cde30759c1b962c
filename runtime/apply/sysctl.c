/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/sysctl.h"

int sysctl_apply(const struct plan *p, const struct procfs *pf, struct err *e)
{
	for (size_t i = 0; i < p->n_sysctl; i++)
		if (procfs_write(pf, p->sysctl[i].path, p->sysctl[i].value, e) < 0)
			return err_at(e, "linux.sysctl: '%s'", p->sysctl[i].key);
	return 0;
}
