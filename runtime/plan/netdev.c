/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/if.h>
#include <string.h>

#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/plan.h"

/* What the kernel takes as an interface's name (dev_valid_name()), and no template but where the
 * caller looks for one. */
static bool netdev_is_name(const char *s, size_t n)
{
	if (n == 0 || n >= IFNAMSIZ || (n == 1 && s[0] == '.') ||
	    (n == 2 && s[0] == '.' && s[1] == '.'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] == '/' || s[i] == ':' || s[i] == '%' || (unsigned char)s[i] <= ' ' ||
		    s[i] == 0x7f)
			return false;
	return true;
}

/* The name inside: a plain one, or one with %d appended, which the kernel replaces by a number. */
static bool netdev_is_inside(const char *s, bool *out_template)
{
	size_t n = strlen(s);

	*out_template = n > 2 && n < IFNAMSIZ && strcmp(s + n - 2, "%d") == 0;
	return netdev_is_name(s, *out_template ? n - 2 : n);
}

static int netdev_one(struct plan *p, const struct oci_net_device *o, struct err *e)
{
	struct plan_netdev d = {
		.name = o->key,
		.inside = o->name != NULL && o->name[0] != '\0' ? o->name : o->key,
		.origin = arena_printf(p->arena, "linux.netDevices.%.64s", o->key),
	};

	if (!netdev_is_name(d.name, strlen(d.name)))
		return err_set(e, EINVAL,
			       "linux.netDevices: '%.64s' is not the name of an interface", d.name);
	if (!netdev_is_inside(d.inside, &d.template))
		return err_set(e, EINVAL,
			       "%s.name: '%.64s' is not the name of an interface (1 to %d bytes "
			       "without '/', ':' and blanks; %%d may be appended)",
			       d.origin, d.inside, IFNAMSIZ - 1);
	/* every network namespace has it, and it can't be renamed or moved */
	if (strcmp(d.name, "lo") == 0)
		return err_set(e, EINVAL, "%s: the loopback interface can't be moved", d.origin);
	if (strcmp(d.inside, "lo") == 0)
		return err_set(e, EEXIST, "%s.name: 'lo' is taken in every network namespace",
			       d.origin);
	for (size_t i = 0; i < p->n_netdev; i++)
		if (!d.template && strcmp(p->netdev[i].inside, d.inside) == 0)
			return err_set(e, EEXIST, "%s.name: '%s' is also the name of %s", d.origin,
				       d.inside, p->netdev[i].origin);
	p->netdev[p->n_netdev++] = d;
	return 0;
}

int plan_netdev_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_linux *l = in->config->linux;

	if (l == NULL || l->n_net_devices == 0)
		return 0;
	if (!plan_has_ns(p, CLONE_NEWNET))
		return err_set(e, EINVAL,
			       "linux.netDevices: need a network namespace in linux.namespaces");
	if (plan_joins_own(p, in->host, CLONE_NEWNET, "net"))
		return err_set(e, EINVAL,
			       "linux.netDevices: the container joins the runtime's own network "
			       "namespace, there is nowhere to move an interface to");
	if (in->host->euid != 0)
		return err_set(e, EPERM,
			       "linux.netDevices: moving an interface of the host needs "
			       "CAP_NET_ADMIN there, which a rootless runtime has not");
	p->netdev = arena_array(p->arena, l->n_net_devices, sizeof(*p->netdev));
	for (size_t i = 0; i < l->n_net_devices; i++) {
		int r = netdev_one(p, &l->net_devices[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}
