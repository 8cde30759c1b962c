/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cmd/check.h"
#include "cmd/graft.h"
#include "host/host.h"

void check_add(struct checks *c, enum check_level level, const char *area, const char *remedy,
	       const char *fmt, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*ARENA_PUSH(c->a, c) = (struct check_item){level, area, arena_strdup(c->a, text), remedy};
}

size_t check_count(const struct checks *c, enum check_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->v[i].level == level;
	return n;
}

static void check_policy(struct checks *c, const struct graft_policy *p)
{
	const char *list = "";

	for (int d = 0; d < GRAFT_DOMAINS; d++)
		if ((p->enable & GRAFT_BIT(d)) != 0)
			list = arena_printf(c->a, "%s%s%s", list, list[0] != '\0' ? ", " : "",
					    graft_domain_name((enum graft_domain)d));
	if (list[0] != '\0')
		check_add(c, CHECK_OK, "policy", NULL, "%s enables %s", p->source, list);
	else
		check_add(c, CHECK_WARN, "policy",
			  "name the grafts in \"enable\" of /etc/greffon/graft.json, see "
			  "greffon.conf(5)",
			  "nothing is enabled (%s)", p->source);
}

static bool check_lacks_others(const struct graft_device *d)
{
	return d->node.n > 0 && !d->node.v[0].missing && graft_node_wants_group(&d->node.v[0]);
}

static void check_domain(struct checks *c, const struct graft_inventory *inv, enum graft_domain d)
{
	size_t n = 0, lazy = 0, idle = 0;
	const struct graft_device *closed = NULL;
	const char *area = graft_domain_name(d);

	for (size_t i = 0; i < inv->device.n; i++) {
		const struct graft_device *dev = &inv->device.v[i];
		if (dev->domain != d)
			continue;
		if (dev->unavailable != NULL) {
			check_add(c, dev->excluded ? CHECK_OK : CHECK_FAIL, area, NULL, "'%s': %s",
				  dev->name, dev->unavailable);
			continue;
		}
		n++;
		idle += !dev->active;
		lazy += dev->node.n > 0 && dev->node.v[0].missing;
		if (check_lacks_others(dev))
			closed = dev;
	}
	if (n > 0)
		check_add(c, CHECK_OK, area, NULL, "%zu can be granted", n);
	if (idle > 0)
		check_add(c, CHECK_WARN, area, NULL, "%zu of them without an active port", idle);
	if (lazy > 0)
		check_add(c, CHECK_WARN, area, "nvidia-modprobe -u -c 0 makes them",
			  "%zu without a node in /dev yet", lazy);
	if (closed != NULL)
		check_add(c, CHECK_WARN, area,
			  "a rootless one needs its user in it (--group-add keep-groups)",
			  "%s has mode %04o and group %u: a container gets that group",
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

static void check_rdma(struct checks *c, const struct host *h, const struct graft_inventory *inv)
{
	const char *netns = graft_fact_find(inv, GRAFT_RDMA, "netns");
	struct rlimit lock;

	if (!check_has(inv, GRAFT_RDMA))
		return;
	if (netns != NULL)
		check_add(c, CHECK_OK, "rdma", NULL, "network namespace mode is %s", netns);
	if (h->captured || getrlimit(RLIMIT_MEMLOCK, &lock) < 0 || lock.rlim_max == RLIM_INFINITY)
		return;
	check_add(c, CHECK_WARN, "rdma",
		  "ask for org.greffon.graft.memlock, or set LimitMEMLOCK=infinity in the "
		  "engine's unit",
		  "RLIMIT_MEMLOCK is %" PRIu64 " bytes here: registering more memory fails",
		  (uint64_t)lock.rlim_max);
}

static bool check_has_file(const struct graft_inventory *inv, const char *path)
{
	for (size_t i = 0; i < inv->file.n; i++)
		if (strcmp(inv->file.v[i].path, path) == 0)
			return true;
	return false;
}

static void check_gpu(struct checks *c, const struct graft_inventory *inv)
{
	const char *driver = graft_fact_find(inv, GRAFT_GPU, "driver");
	bool uvm = false;

	for (size_t i = 0; i < inv->common.n; i++)
		uvm = uvm || inv->common.v[i].node.role == GRAFT_ROLE_COMPUTE;
	if (driver == NULL)
		return;
	check_add(c, CHECK_OK, "gpu", NULL, "driver %s", driver);
	if (!uvm)
		check_add(c, CHECK_FAIL, "gpu", "nvidia-modprobe -u -c 0 loads it",
			  "the module nvidia-uvm is not loaded, CUDA won't start");
	if (!check_has_file(inv, "/run/nvidia-persistenced/socket"))
		check_add(c, CHECK_WARN, "gpu",
			  "start it: systemctl enable --now nvidia-persistenced",
			  "nvidia-persistenced does not run: the driver sets a GPU up again for "
			  "each job");
	if (check_has(inv, GRAFT_RDMA) && graft_fact_find(inv, GRAFT_GPU, "gpudirect") == NULL)
		check_add(c, CHECK_WARN, "gpu", "modprobe nvidia_peermem loads it",
			  "the module nvidia_peermem is not loaded: GPUDirect RDMA works through "
			  "dma-buf only");
}

void graft_checks(struct checks *c, const struct host *h, const struct graft_inventory *inv,
		  const struct graft_policy *policy)
{
	if (policy != NULL)
		check_policy(c, policy);
	check_gpu(c, inv);
	for (int d = 0; d < GRAFT_DOMAINS; d++)
		check_domain(c, inv, (enum graft_domain)d);
	check_rdma(c, h, inv);
	for (size_t i = 0; i < inv->note.n; i++)
		check_add(c, CHECK_FAIL, graft_domain_name(inv->note.v[i].domain), NULL, "%s",
			  inv->note.v[i].text);
	if (inv->device.n == 0)
		check_add(c, CHECK_WARN, "graft", NULL,
			  "no GPU, RDMA device or other fabric was found on this node");
}

const char *graft_check_text(const struct host *h, const struct graft_inventory *inv,
			     const struct graft_policy *policy, struct arena *a, size_t *wrong,
			     size_t *out_len)
{
	static const char *const words[] = {"ok", "advice", "wrong"};
	struct checks c = {.a = a};
	const char *text = "";

	graft_checks(&c, h, inv, policy);
	for (size_t i = 0; i < c.n; i++)
		text = arena_printf(a, "%s%-7s %-9s %s%s%s\n", text, words[c.v[i].level],
				    c.v[i].area, c.v[i].text, c.v[i].remedy != NULL ? "; " : "",
				    c.v[i].remedy != NULL ? c.v[i].remedy : "");
	*wrong = check_count(&c, CHECK_FAIL);
	*out_len = strlen(text);
	return text;
}
