/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/sysctl.h"

int sysctl_apply(const struct plan *p, const struct procfs *pf, struct err *e)
{
	for (size_t i = 0; i < p->n_sysctl; i++) {
		const struct plan_sysctl *s = &p->sysctl[i];
		struct err why = {0};

		if (procfs_write(pf, s->path, s->value, &why) == 0)
			continue;
		if (why.code == ENOENT) /* "no such file" would be taken for the program's */
			return err_set(e, ENOENT,
				       "linux.sysctl: '%.200s' is not a parameter of this kernel",
				       s->key);
		(void)err_take(e, &why);
		return err_at(e, "linux.sysctl: '%.200s'", s->key);
	}
	return 0;
}
