/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/rdma_move.h"

#include <fcntl.h>
#include <rdma/rdma_netlink.h>
#include <string.h>

#include "base/log.h"
#include "hooks/tree.h"
#include "host/host.h"
#include "state/record.h"
#include "sys/netlink.h"
#include "sys/sys.h"

#define RDMA_GET RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_GET)
#define RDMA_SET RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_SET)
#define RDMA_TRIES 16 /* how often a dump that changed meanwhile is asked for again */

struct rdma_one {
	uint32_t index; /* the kernel's number, the same in every network namespace */
	bool moved;
};

struct rdma_wanted {
	const char *device;
	uint32_t index;
	bool found;
};

static int rdma_take(const struct netlink_message *m, void *arg)
{
	struct rdma_wanted *w = arg;
	size_t n, n_index;
	const char *name = netlink_find(m, 0, RDMA_NLDEV_ATTR_DEV_NAME, &n);
	const void *index = netlink_find(m, 0, RDMA_NLDEV_ATTR_DEV_INDEX, &n_index);

	if (m->type != RDMA_GET || name == NULL || index == NULL || n_index != sizeof(w->index))
		return 0;
	if (n == 0 || n != strlen(w->device) + 1 || memcmp(name, w->device, n) != 0)
		return 0;
	memcpy(&w->index, index, sizeof(w->index));
	w->found = true;
	return 0;
}

int rdma_move_find(int sock, const char *device, uint32_t *out_index)
{
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < RDMA_TRIES; i++) {
		struct rdma_wanted w = {.device = device};
		struct netlink_request q;

		netlink_begin(&q, RDMA_GET, NLM_F_DUMP, "", 0);
		r = netlink_talk(sock, &q, rdma_take, &w);
		if (r == 0 && !w.found)
			r = -ENODEV;
		*out_index = w.index;
	}
	return r;
}

int rdma_move_send(int sock, uint32_t index, int ns)
{
	uint32_t fd = (uint32_t)ns;
	struct netlink_request q;

	netlink_begin(&q, RDMA_SET, NLM_F_ACK, "", 0);
	netlink_put(&q, RDMA_NLDEV_ATTR_DEV_INDEX, &index, sizeof(index));
	netlink_put(&q, RDMA_NLDEV_NET_NS_FD, &fd, sizeof(fd));
	return netlink_talk(sock, &q, NULL, NULL);
}

int rdma_move_open(const struct plan *p, struct arena *a, struct rdma_move *m, struct err *e)
{
	if (p->n_rdma == 0)
		return 0;
	m->host = netlink_open(NETLINK_RDMA);
	if (m->host < 0)
		return err_sys(e, -m->host, "%s: rdma netlink socket", p->rdma[0].origin);
	m->host_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (m->host_ns < 0)
		return err_sys(e, errno, "%s: the runtime's network namespace", p->rdma[0].origin);
	m->v = arena_array(a, p->n_rdma, sizeof(*m->v));
	m->n = p->n_rdma;
	for (size_t i = 0; i < m->n; i++) {
		int r = rdma_move_find(m->host, p->rdma[i].device, &m->v[i].index);
		if (r < 0)
			return err_sys(e, -r, "%s: looking up '%s'", p->rdma[i].origin,
				       p->rdma[i].device);
	}
	return 0;
}

/* What the kernel says when it will not, and what can be done about it. */
static int rdma_refused(const struct plan_rdma *pr, int code, struct err *e)
{
	const char *why =
		code == EOPNOTSUPP ? "its driver can't move it; leave 'move' out and use the "
				     "host's network"
		: code == EBUSY	   ? "somebody uses it; end what has it open"
		: code == EEXIST   ? "the container's network namespace has a device of that "
				     "name"
				   : err_name(code);

	/* the origin begins with the graft's name */
	return err_set(e, code, "%s: moving '%s': %s [GRAFT-NETNS]", pr->origin, pr->device, why);
}

/* The move gives the device a uverbs of the lowest free number: the same one, unless somebody made
 * or removed a device meanwhile. */
static int rdma_check(const struct plan_rdma *pr, const struct host *h, struct err *e)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	struct tree t = {.root = h->root, .a = &a};
	struct tree_list all = tree_list(&t, "sys/class/infiniband_verbs");
	dev_t now;

	for (size_t i = 0; i < all.n; i++) {
		const char *of = tree_read(&t, "sys/class/infiniband_verbs/%s/ibdev", all.v[i]);
		if (of == NULL || strcmp(of, pr->device) != 0 ||
		    !tree_dev(&t, &now, "sys/class/infiniband_verbs/%s/dev", all.v[i]))
			continue;
		if (now == pr->verbs)
			return 0;
		break;
	}
	return err_set(e, ESTALE,
		       "%s: by the move '%s' has got another node than the container's; try again "
		       "[GRAFT-STALE]",
		       pr->origin, pr->device);
}

int rdma_move_apply(const struct plan *p, const struct host *h, struct rdma_move *m, int netns_fd,
		    struct err *e)
{
	int r = 0;

	m->inside_ns = fcntl(netns_fd, F_DUPFD_CLOEXEC, 3);
	if (m->inside_ns < 0)
		return err_sys(e, errno, "%s: the container's network namespace",
			       p->rdma[0].origin);
	m->inside = netlink_open_in(NETLINK_RDMA, m->inside_ns, m->host_ns);
	if (m->inside < 0)
		return err_sys(e, -m->inside,
			       "%s: rdma netlink in the container's network namespace",
			       p->rdma[0].origin);
	for (size_t i = 0; r == 0 && i < m->n; i++) {
		r = rdma_move_send(m->host, m->v[i].index, m->inside_ns);
		m->v[i].moved = r == 0;
		r = r < 0 ? rdma_refused(&p->rdma[i], -r, e) : rdma_check(&p->rdma[i], h, e);
	}
	if (r < 0)
		rdma_move_undo(p, m);
	m->applied = r == 0;
	return r;
}

/* The kernel moves a device out of the caller's own network namespace only, whatever the socket's
 * is (rdma_dev_change_netns(), -ENODEV). */
static int rdma_send_home(const struct rdma_move *m, uint32_t index)
{
	int r = sys_setns(m->inside_ns, CLONE_NEWNET);

	if (r < 0)
		return r;
	r = rdma_move_send(m->inside, index, m->host_ns);
	int back = sys_setns(m->host_ns, CLONE_NEWNET);
	return r < 0 ? r : back;
}

void rdma_move_undo(const struct plan *p, struct rdma_move *m)
{
	for (size_t i = m->n; m->inside >= 0 && i > 0; i--) {
		struct rdma_one *d = &m->v[i - 1];
		int r = d->moved ? rdma_send_home(m, d->index) : 0;

		d->moved = false;
		if (r < 0)
			log_warn("%s: bringing '%s' back: %s", p->rdma[i - 1].origin,
				 p->rdma[i - 1].device, err_name(-r));
	}
}

void rdma_move_done(struct rdma_move *m)
{
	fd_done(&m->host);
	fd_done(&m->inside);
	fd_done(&m->host_ns);
	fd_done(&m->inside_ns);
}

/* ---- when the container is gone ---- */

static int rdma_return_one(const struct rdma_move *m, const char *device)
{
	uint32_t index;
	int r = rdma_move_find(m->inside, device, &index);

	/* it is home, or goes there with its namespace */
	return r == -ENODEV ? 0 : r < 0 ? r : rdma_send_home(m, index);
}

void rdma_move_return(const struct record *rec)
{
	struct rdma_move m = RDMA_MOVE_EMPTY;

	if (rec->n_moved == 0 || rec->moved_to == NULL)
		return;
	m.host_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	m.inside_ns = open(rec->moved_to, O_RDONLY | O_CLOEXEC);
	if (m.host_ns >= 0 && m.inside_ns >= 0)
		m.inside = netlink_open_in(NETLINK_RDMA, m.inside_ns, m.host_ns);
	/* without the namespace there is nothing to bring back from it */
	if (m.inside < 0 && access(rec->moved_to, F_OK) == 0)
		log_warn("bringing RDMA device '%s' back from '%s': the network namespace can't be "
			 "entered; use rdma dev set there",
			 rec->moved[0], rec->moved_to);
	for (size_t i = 0; m.inside >= 0 && i < rec->n_moved; i++) {
		int r = rdma_return_one(&m, rec->moved[i]);
		if (r < 0)
			log_warn("bringing RDMA device '%s' back from '%s': %s; use rdma dev set "
				 "there",
				 rec->moved[i], rec->moved_to, err_name(-r));
	}
	rdma_move_done(&m);
}
