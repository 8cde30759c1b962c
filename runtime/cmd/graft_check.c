/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cmd/graft.h"
#include "host/host.h"

struct check {
	struct arena *a;
	const char *text;
	size_t wrong;
};

enum check_level { CHECK_OK, CHECK_ADVICE, CHECK_WRONG };

PRINTF(4, 5)
static void check_say(struct check *c, enum check_level level, enum graft_domain d, const char *fmt,
		      ...)
{
	static const char *const words[] = {"ok", "advice", "wrong"};
	char line[1200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->wrong += level == CHECK_WRONG;
	c->text = arena_printf(c->a, "%s%-7s %-9s %s\n", c->text, words[level],
			       d == GRAFT_DOMAINS ? "policy" : graft_domain_name(d), line);
}

static void check_policy(struct check *c, const struct graft_policy *p)
{
	const char *list = "";

	for (int d = 0; d < GRAFT_DOMAINS; d++)
		if ((p->enable & GRAFT_BIT(d)) != 0)
			list = arena_printf(c->a, "%s%s%s", list, list[0] != '\0' ? ", " : "",
					    graft_domain_name((enum graft_domain)d));
	if (list[0] != '\0')
		check_say(c, CHECK_OK, GRAFT_DOMAINS, "%s enables %s", p->source, list);
	else
		check_say(c, CHECK_ADVICE, GRAFT_DOMAINS,
			  "nothing is enabled (%s); name the grafts in \"enable\" of "
			  "/etc/greffon/graft.json, see greffon.conf(5)",
			  p->source);
}

static bool check_lacks_others(const struct graft_device *d)
{
	return d->node.n > 0 && !d->node.v[0].missing && (d->node.v[0].mode & 0006) != 0006;
}

static void check_domain(struct check *c, const struct graft_inventory *inv, enum graft_domain d)
{
	size_t n = 0, lazy = 0, idle = 0;
	const struct graft_device *closed = NULL;

	for (size_t i = 0; i < inv->device.n; i++) {
		const struct graft_device *dev = &inv->device.v[i];
		if (dev->domain != d)
			continue;
		if (dev->unavailable != NULL) {
			check_say(c, CHECK_WRONG, d, "'%s': %s", dev->name, dev->unavailable);
			continue;
		}
		n++;
		idle += !dev->active;
		lazy += dev->node.n > 0 && dev->node.v[0].missing;
		if (check_lacks_others(dev))
			closed = dev;
	}
	if (n > 0)
		check_say(c, CHECK_OK, d, "%zu can be granted", n);
	if (idle > 0)
		check_say(c, CHECK_ADVICE, d, "%zu of them without an active port", idle);
	if (lazy > 0)
		check_say(c, CHECK_ADVICE, d,
			  "%zu without a node in /dev yet; nvidia-modprobe -u -c 0 makes them",
			  lazy);
	if (closed != NULL)
		check_say(c, CHECK_ADVICE, d,
			  "%s has mode %04o and group %u: a container gets that group; a rootless "
			  "one needs its user in it (--group-add keep-groups)",
			  closed->node.v[0].path, (unsigned int)closed->node.v[0].mode,
			  closed->node.v[0].gid);
}

static bool check_has(const struct graft_inventory *inv, enum graft_domain d)
{
	for (size_t i = 0; i < inv->device.n; i++)
		if (inv->device.v[i].domain == d)
			return true;
	return false;
}

static void check_rdma(struct check *c, const struct host *h, const struct graft_inventory *inv)
{
	const char *netns = graft_fact_find(inv, GRAFT_RDMA, "netns");
	struct rlimit lock;

	if (!check_has(inv, GRAFT_RDMA))
		return;
	if (netns != NULL)
		check_say(c, CHECK_OK, GRAFT_RDMA, "network namespace mode is %s", netns);
	if (h->captured || getrlimit(RLIMIT_MEMLOCK, &lock) < 0 || lock.rlim_max == RLIM_INFINITY)
		return;
	check_say(c, CHECK_ADVICE, GRAFT_RDMA,
		  "RLIMIT_MEMLOCK is %" PRIu64
		  " bytes here: registering more memory fails; ask for "
		  "org.greffon.graft.memlock, or set LimitMEMLOCK=infinity in the engine's unit",
		  (uint64_t)lock.rlim_max);
}

static void check_gpu(struct check *c, const struct graft_inventory *inv)
{
	const char *driver = graft_fact_find(inv, GRAFT_GPU, "driver");
	bool uvm = false;

	for (size_t i = 0; i < inv->common.n; i++)
		uvm = uvm || inv->common.v[i].node.role == GRAFT_ROLE_COMPUTE;
	if (driver == NULL)
		return;
	check_say(c, CHECK_OK, GRAFT_GPU, "driver %s", driver);
	if (!uvm)
		check_say(
			c, CHECK_WRONG, GRAFT_GPU,
			"the module nvidia-uvm is not loaded, CUDA won't start; nvidia-modprobe -u "
			"-c 0 loads it");
	if (check_has(inv, GRAFT_RDMA) && graft_fact_find(inv, GRAFT_GPU, "gpudirect") == NULL)
		check_say(c, CHECK_ADVICE, GRAFT_GPU,
			  "the module nvidia_peermem is not loaded: GPUDirect RDMA works through "
			  "dma-buf only");
}

const char *graft_check_text(const struct host *h, const struct graft_inventory *inv,
			     const struct graft_policy *policy, struct arena *a, size_t *wrong,
			     size_t *out_len)
{
	struct check c = {a, "", 0};

	check_policy(&c, policy);
	check_gpu(&c, inv);
	for (int d = 0; d < GRAFT_DOMAINS; d++)
		check_domain(&c, inv, (enum graft_domain)d);
	check_rdma(&c, h, inv);
	for (size_t i = 0; i < inv->note.n; i++)
		check_say(&c, CHECK_WRONG, inv->note.v[i].domain, "%s", inv->note.v[i].text);
	if (inv->device.n == 0)
		check_say(&c, CHECK_ADVICE, GRAFT_DOMAINS,
			  "no GPU, RDMA device or other fabric was found on this node");
	*wrong = c.wrong;
	*out_len = strlen(c.text);
	return c.text;
}
