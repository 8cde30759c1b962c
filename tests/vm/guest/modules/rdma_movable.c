// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lets an RDMA device move between network namespaces whose driver can't say that it may: Soft-RoCE
 * lacks disassociate_ucontext and has attributes of its ports, for either of which
 * ib_device_set_netns_put() refuses (drivers/infiniband/core/device.c). Everything else of the move
 * is the kernel's own. For tests: what a program holds open of the device is not taken from it.
 */
#include <linux/module.h>
#include <rdma/ib_verbs.h>

static char *device = "rxe0";
module_param(device, charp, 0444);

static void movable_disassociate(struct ib_ucontext *context) {}

static int __init movable_init(void)
{
	struct ib_device *dev = ib_device_get_by_name(device, RDMA_DRIVER_UNKNOWN);

	if (!dev)
		return -ENODEV;
	dev->ops.disassociate_ucontext = movable_disassociate;
	dev->ops.port_groups = NULL;
	ib_device_put(dev);
	return 0;
}
module_init(movable_init); /* and no exit: the device calls into it from now on */

MODULE_DESCRIPTION("network namespaces for RDMA devices that can't be moved");
MODULE_LICENSE("GPL");
