/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/netdev.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "sys/netlink.h"
#include "sys/sys.h"

/* The longest address of an interface's that is kept (IPv6). */
#define NETDEV_ADDRESS_MAX 16

/* How often a dump of addresses that changed meanwhile is asked for again. */
#define NETDEV_TRIES 16

struct netdev_address {
	uint8_t family, prefix;
	uint32_t flags, metric;
	size_t n, n_peer, n_broadcast;
	char local[NETDEV_ADDRESS_MAX], peer[NETDEV_ADDRESS_MAX], broadcast[NETDEV_ADDRESS_MAX];
};

struct netdev_link {
	int index;
	unsigned int flags; /* IFF_* */
	char name[IFNAMSIZ];
};

struct netdev_one {
	struct netdev_link link; /* in the runtime's namespace */
	struct {
		struct netdev_address *v;
		size_t n, cap;
	} addresses;
	struct arena *arena;
	int inside_index; /* in the container's, once it is there */
	bool moved;
};

static int netdev_take_link(const struct netlink_message *m, void *arg)
{
	struct netdev_link *out = arg;
	struct ifinfomsg info;
	size_t n;

	if (m->type != RTM_NEWLINK || m->len < sizeof(info))
		return 0;
	memcpy(&info, m->body, sizeof(info));
	const char *name = netlink_find(m, sizeof(info), IFLA_IFNAME, &n);
	if (name == NULL || n == 0 || n > IFNAMSIZ || name[n - 1] != '\0')
		return -EBADMSG;
	out->index = info.ifi_index;
	out->flags = info.ifi_flags;
	memcpy(out->name, name, n);
	return 0;
}

/* The link of a name, or with name NULL of out->index. -ENODEV: there is none. */
static int netdev_get(int sock, const char *name, struct netdev_link *out)
{
	struct ifinfomsg info = {.ifi_index = name == NULL ? out->index : 0};
	struct netlink_request q;

	netlink_begin(&q, RTM_GETLINK, NLM_F_ACK, &info, sizeof(info));
	if (name != NULL)
		netlink_put(&q, IFLA_IFNAME, name, strlen(name) + 1);
	return netlink_talk(sock, &q, netdev_take_link, out);
}

static size_t netdev_copy(char to[static NETDEV_ADDRESS_MAX], const struct netlink_message *m,
			  uint16_t type)
{
	size_t n = 0;
	const void *from = netlink_find(m, sizeof(struct ifaddrmsg), type, &n);

	if (from == NULL || n > NETDEV_ADDRESS_MAX)
		return 0;
	memcpy(to, from, n);
	return n;
}

static uint32_t netdev_u32(const struct netlink_message *m, uint16_t type, uint32_t absent)
{
	size_t n;
	uint32_t v = absent;
	const void *p = netlink_find(m, sizeof(struct ifaddrmsg), type, &n);

	if (p != NULL && n == sizeof(v))
		memcpy(&v, p, sizeof(v));
	return v;
}

/* Only permanent addresses of global scope move (config-linux.md "Network Devices"): what the
 * kernel or a lease made belongs to the place where the interface was. */
static int netdev_take_address(const struct netlink_message *m, void *arg)
{
	struct netdev_one *d = arg;
	struct netdev_address a = {0};
	struct ifaddrmsg info;

	if (m->type != RTM_NEWADDR || m->len < sizeof(info))
		return 0;
	memcpy(&info, m->body, sizeof(info));
	a.flags = netdev_u32(m, IFA_FLAGS, info.ifa_flags);
	if ((int)info.ifa_index != d->link.index || info.ifa_scope != RT_SCOPE_UNIVERSE ||
	    (a.flags & IFA_F_PERMANENT) == 0)
		return 0;
	a.family = info.ifa_family;
	a.prefix = info.ifa_prefixlen;
	a.metric = netdev_u32(m, IFA_RT_PRIORITY, 0);
	a.n_peer = netdev_copy(a.peer, m, IFA_ADDRESS);
	a.n = netdev_copy(a.local, m, IFA_LOCAL);
	if (a.n == 0) { /* IPv6 without a peer has IFA_ADDRESS only */
		a.n = a.n_peer;
		memcpy(a.local, a.peer, sizeof(a.local));
		a.n_peer = 0;
	}
	a.n_broadcast = netdev_copy(a.broadcast, m, IFA_BROADCAST);
	if (a.n > 0)
		*ARENA_PUSH(d->arena, &d->addresses) = a;
	return 0;
}

static int netdev_addresses(int sock, struct netdev_one *d)
{
	struct ifaddrmsg any = {.ifa_family = AF_UNSPEC};
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < NETDEV_TRIES; i++) {
		struct netlink_request q;

		d->addresses.n = 0;
		netlink_begin(&q, RTM_GETADDR, NLM_F_DUMP, &any, sizeof(any));
		r = netlink_talk(sock, &q, netdev_take_address, d);
	}
	return r;
}

static int netdev_add_address(int sock, int index, const struct netdev_address *a)
{
	/* what the kernel computes anew */
	const uint32_t own = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED |
			     IFA_F_SECONDARY | IFA_F_PERMANENT;
	struct ifaddrmsg info = {.ifa_family = a->family,
				 .ifa_prefixlen = a->prefix,
				 .ifa_scope = RT_SCOPE_UNIVERSE,
				 .ifa_index = (uint32_t)index};
	uint32_t flags = a->flags & ~own;
	struct netlink_request q;

	netlink_begin(&q, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &info,
		      sizeof(info));
	netlink_put(&q, IFA_LOCAL, a->local, a->n);
	if (a->n_peer > 0)
		netlink_put(&q, IFA_ADDRESS, a->peer, a->n_peer);
	if (a->n_broadcast > 0)
		netlink_put(&q, IFA_BROADCAST, a->broadcast, a->n_broadcast);
	if (a->metric > 0)
		netlink_put(&q, IFA_RT_PRIORITY, &a->metric, sizeof(a->metric));
	netlink_put(&q, IFA_FLAGS, &flags, sizeof(flags));
	return netlink_talk(sock, &q, NULL, NULL);
}

/* Moves the link to the network namespace of ns, as name. The kernel closes it on the way. */
static int netdev_send(int sock, int index, int ns, const char *name)
{
	struct ifinfomsg info = {.ifi_index = index};
	uint32_t fd = (uint32_t)ns;
	struct netlink_request q;

	netlink_begin(&q, RTM_NEWLINK, NLM_F_ACK, &info, sizeof(info));
	netlink_put(&q, IFLA_NET_NS_FD, &fd, sizeof(fd));
	netlink_put(&q, IFLA_IFNAME, name, strlen(name) + 1);
	return netlink_talk(sock, &q, NULL, NULL);
}

static int netdev_rename(int sock, int index, const char *name)
{
	struct ifinfomsg info = {.ifi_index = index};
	struct netlink_request q;

	netlink_begin(&q, RTM_NEWLINK, NLM_F_ACK, &info, sizeof(info));
	netlink_put(&q, IFLA_IFNAME, name, strlen(name) + 1);
	return netlink_talk(sock, &q, NULL, NULL);
}

static int netdev_up(int sock, int index)
{
	struct ifinfomsg info = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct netlink_request q;

	netlink_begin(&q, RTM_NEWLINK, NLM_F_ACK, &info, sizeof(info));
	return netlink_talk(sock, &q, NULL, NULL);
}

/* Addresses before "up", so that nothing is sent from a half configured interface. */
static int netdev_settle(int sock, int index, const struct netdev_one *d, bool up, struct err *e)
{
	for (size_t i = 0; i < d->addresses.n; i++) {
		int r = netdev_add_address(sock, index, &d->addresses.v[i]);
		if (r < 0)
			return err_sys(e, -r, "address %zu of %zu", i + 1, d->addresses.n);
	}
	int r = up ? netdev_up(sock, index) : 0;
	return r < 0 ? err_sys(e, -r, "setting it up") : 0;
}

int netdev_open(const struct plan *p, struct arena *a, struct netdev_move *m, struct err *e)
{
	if (p->n_netdev == 0)
		return 0;
	m->host = netlink_open(NETLINK_ROUTE);
	if (m->host < 0)
		return err_sys(e, -m->host, "linux.netDevices: rtnetlink socket");
	m->host_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (m->host_ns < 0)
		return err_sys(e, errno, "linux.netDevices: the runtime's network namespace");
	m->v = arena_array(a, p->n_netdev, sizeof(*m->v));
	m->n = p->n_netdev;
	for (size_t i = 0; i < m->n; i++) {
		m->v[i].arena = a;
		int r = netdev_get(m->host, p->netdev[i].name, &m->v[i].link);
		if (r == -ENODEV)
			return err_set(e, ENODEV,
				       "%s: the runtime's network namespace has no such interface "
				       "(no such device)",
				       p->netdev[i].origin);
		if (r == 0)
			r = netdev_addresses(m->host, &m->v[i]);
		if (r < 0)
			return err_sys(e, -r, "%s: looking it up", p->netdev[i].origin);
	}
	return 0;
}

/* The socket of the container's network namespace: a socket belongs to the one it was made in. */
static int netdev_enter(struct netdev_move *m, int netns_fd, struct err *e)
{
	m->inside_ns = fcntl(netns_fd, F_DUPFD_CLOEXEC, 3);
	if (m->inside_ns < 0)
		return err_sys(e, errno, "linux.netDevices: the container's network namespace");
	m->inside = netlink_open_in(NETLINK_ROUTE, m->inside_ns, m->host_ns);
	return m->inside < 0
		       ? err_sys(e, -m->inside,
				 "linux.netDevices: rtnetlink in the container's network namespace")
		       : 0;
}

/*
 * The kernel moves first and renames then, so a name that is taken leaves the interface there under
 * its old one: asked for before. A template would be filled in twice when the old name is taken
 * there, hence a passing name that nothing else has.
 */
static int netdev_move_one(struct netdev_move *m, struct netdev_one *d,
			   const struct plan_netdev *pd, struct err *e)
{
	struct netdev_link there = {0};
	char passing[IFNAMSIZ];
	const char *name = pd->inside;

	if (pd->template) {
		(void)snprintf(passing, sizeof(passing), "gf.%x", (unsigned int)d->link.index);
		name = passing;
	}
	int r = netdev_get(m->inside, name, &there);
	if (r == 0)
		return err_set(e, EEXIST,
			       "%s.name: '%s' is taken in the container's network namespace (file "
			       "exists)",
			       pd->origin, name);
	r = netdev_send(m->host, d->link.index, m->inside_ns, name);
	if (r < 0)
		return err_sys(e, -r, "%s: moving it into the container's network namespace",
			       pd->origin);
	d->moved = true;
	/* by name: the number may be another's there and then changes on the way */
	r = netdev_get(m->inside, name, &there);
	d->inside_index = there.index;
	if (r == 0 && pd->template)
		r = netdev_rename(m->inside, there.index, pd->inside);
	if (r < 0)
		return err_sys(e, -r, "%s.name: '%s'", pd->origin, pd->inside);
	r = netdev_settle(m->inside, there.index, d, true, e);
	return r < 0 ? err_at(e, "%s", pd->origin) : 0;
}

int netdev_apply(const struct plan *p, struct netdev_move *m, int netns_fd, struct err *e)
{
	int r = netdev_enter(m, netns_fd, e);

	for (size_t i = 0; r == 0 && i < m->n; i++)
		r = netdev_move_one(m, &m->v[i], &p->netdev[i], e);
	if (r < 0)
		netdev_undo(p, m);
	return r;
}

static int netdev_return(struct netdev_move *m, struct netdev_one *d, struct err *e)
{
	struct netdev_link back = {.index = d->inside_index};
	int r = netdev_send(m->inside, d->inside_index, m->host_ns, d->link.name);

	if (r == 0)
		r = netdev_get(m->host, d->link.name, &back);
	if (r < 0)
		return err_sys(e, -r, "moving it");
	return netdev_settle(m->host, back.index, d, (d->link.flags & IFF_UP) != 0, e);
}

void netdev_undo(const struct plan *p, struct netdev_move *m)
{
	for (size_t i = m->n; m->inside >= 0 && i > 0; i--) {
		struct netdev_one *d = &m->v[i - 1];
		struct err why = {0};

		if (!d->moved)
			continue;
		d->moved = false;
		if (netdev_return(m, d, &why) < 0)
			log_warn("%s: bringing the interface back: %s", p->netdev[i - 1].origin,
				 why.text);
	}
}

void netdev_done(struct netdev_move *m)
{
	fd_done(&m->host);
	fd_done(&m->inside);
	fd_done(&m->host_ns);
	fd_done(&m->inside_ns);
}
