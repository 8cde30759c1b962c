/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/sysmacros.h>

#include "hooks/tree.h"

/* Nodes whose major number the kernel chooses when the driver is loaded, so that a CDI file of
 * another boot names somebody else's device: nvidia-smi works, cuInit() fails with 999. */
static const struct {
	const char *prefix, *driver;
} stale_nodes[] = {
	{"/dev/nvidia-uvm", "nvidia-uvm"},
	{"/dev/nvidia-caps-imex-channels/", "nvidia-caps-imex-channels"},
	{"/dev/nvidia-caps/", "nvidia-caps"},
	{"/dev/nvidia-nvswitch", "nvidia-nvswitch"},
	{"/dev/nvidia-fs", "nvidia-fs"},
	{"/dev/gdrdrv", "gdrdrv"},
	{"/dev/kfd", "kfd"},
};

int graft_stale_check(const struct host *h, const char *path, dev_t dev, const char *origin,
		      struct arena *a, struct err *e)
{
	struct tree t;

	for (size_t i = 0; i < ARRAY_LEN(stale_nodes); i++) {
		if (strncmp(path, stale_nodes[i].prefix, strlen(stale_nodes[i].prefix)) != 0)
			continue;
		tree_open(&t, h, a);
		int number = tree_major(&t, stale_nodes[i].driver);
		if (number < 0 || major(dev) == (unsigned int)number)
			return 0;
		return graft_refuse(e, ESTALE, GRAFT_DOMAINS, "STALE",
				    "%s: '%s' has the major number %u, but the driver %s has %d "
				    "now; make the CDI file or the config anew",
				    origin, path, major(dev), stale_nodes[i].driver, number);
	}
	return 0;
}
