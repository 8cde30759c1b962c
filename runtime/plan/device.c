/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/device.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "host/host.h"
#include "libocispec/oci.h"

/* runtime-spec config-linux.md "Default Devices"; /dev/console is made with the terminal. */
static const struct {
	const char *path;
	unsigned int major, minor;
} device_defaults[] = {
	{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
	{"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

static const struct plan_link device_links[] = {
	{"/dev/fd", "/proc/self/fd"},	    {"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
	{"/dev/ptmx", "pts/ptmx"},	    {"/dev/core", "/proc/kcore"},
};

static bool device_is(const char *path, const char *name)
{
	while (path[0] == '/' && path[1] == '/')
		path++;
	return strcmp(path, name) == 0;
}

bool plan_device_dev_is_bound(const struct plan *p)
{
	for (size_t i = 0; i < p->mounts.n; i++)
		if (p->mounts.v[i].verb == MOUNT_BIND && strcmp(p->mounts.v[i].target, "/dev") == 0)
			return true;
	return false;
}

static int device_type(const struct oci_device *d, mode_t *out, struct err *e)
{
	if (d->type != NULL && strlen(d->type) == 1) {
		switch (d->type[0]) {
		case 'c':
		case 'u':
			*out = S_IFCHR;
			return 0;
		case 'b':
			*out = S_IFBLK;
			return 0;
		case 'p':
			*out = S_IFIFO;
			return 0;
		default:
			break;
		}
	}
	return err_set(e, EINVAL, ".type: '%s' is not one of c, b, u, p",
		       d->type == NULL ? "" : d->type);
}

static int device_check_numbers(const struct oci_device *d, struct err *e)
{
	if (!d->major.set || !d->minor.set)
		return err_set(e, EINVAL, ".%s: is required for type '%s'",
			       d->major.set ? "minor" : "major", d->type);
	if (d->major.v < 0 || d->major.v > 0xfff || d->minor.v < 0 || d->minor.v > 0xfffff)
		return err_set(e, EINVAL, ".major: %lld:%lld are no device numbers of Linux",
			       (long long)d->major.v, (long long)d->minor.v);
	return 0;
}

static int device_check(const struct oci_device *d, mode_t type, struct err *e)
{
	if (d->path == NULL || d->path[0] != '/')
		return err_set(e, EINVAL, ".path: must be an absolute path, got '%s'",
			       d->path == NULL ? "" : d->path);
	if (strncmp(d->path, "/proc/", 6) == 0 || strncmp(d->path, "/sys/", 5) == 0)
		return err_set(e, EINVAL, ".path: '%s' can't hold a device", d->path);
	if (d->file_mode.set && (d->file_mode.v & ~(uint64_t)(S_IFMT | 07777)) != 0)
		return err_set(e, EINVAL, ".fileMode: %llu is no mode",
			       (unsigned long long)d->file_mode.v);
	return type == S_IFIFO ? 0 : device_check_numbers(d, e);
}

static int device_one(const struct oci_device *d, bool bind, struct plan_node *out, struct err *e)
{
	mode_t type = 0;
	int r = device_type(d, &type, e);

	if (r == 0)
		r = device_check(d, type, e);
	if (r < 0)
		return r;
	*out = (struct plan_node){
		.path = d->path,
		.mode = type | (d->file_mode.set ? (mode_t)(d->file_mode.v & 07777) : 0666),
		.uid = (uid_t)d->uid.v,
		.gid = (gid_t)d->gid.v,
		.bind = bind && type != S_IFIFO,
	};
	if (type != S_IFIFO)
		out->dev = makedev((unsigned int)d->major.v, (unsigned int)d->minor.v);
	return 0;
}

struct plan_node *plan_device_find(struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->nodes.n; i++)
		if (device_is(path, p->nodes.v[i].path))
			return &p->nodes.v[i];
	return NULL;
}

/* The config's word holds against a default; two of its own entries must agree. */
static int device_add(struct plan *p, const struct plan_node *node, struct err *e)
{
	struct plan_node *have = plan_device_find(p, node->path);

	if (have == NULL) {
		*ARENA_PUSH(p->arena, &p->nodes) = *node;
		return 0;
	}
	if (strcmp(have->origin, "default") != 0 &&
	    (have->dev != node->dev || ((have->mode ^ node->mode) & S_IFMT) != 0))
		return err_set(e, EINVAL, ".path: '%s' is another device in %s", node->path,
			       have->origin);
	*have = *node;
	return 0;
}

static void device_add_links(struct plan *p, const struct host *h)
{
	p->nodes.link = arena_array(p->arena, ARRAY_LEN(device_links), sizeof(*p->nodes.link));
	for (size_t i = 0; i < ARRAY_LEN(device_links); i++) {
		if (strcmp(device_links[i].path, "/dev/core") == 0 &&
		    faccessat(h->root, "proc/kcore", F_OK, 0) < 0)
			continue;
		p->nodes.link[p->nodes.n_link++] = device_links[i];
	}
}

bool plan_device_binds(const struct plan *p, const struct host *h)
{
	return plan_has_ns(p, CLONE_NEWUSER) || h->in_userns || h->euid != 0;
}

int plan_device_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_linux *l = in->config->linux;
	bool bind = plan_device_binds(p, in->host);

	if (plan_device_dev_is_bound(p))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(device_defaults); i++)
		*ARENA_PUSH(p->arena, &p->nodes) = (struct plan_node){
			.path = device_defaults[i].path,
			.mode = S_IFCHR | 0666,
			.dev = makedev(device_defaults[i].major, device_defaults[i].minor),
			.bind = bind,
			.origin = "default",
		};
	for (size_t i = 0; l != NULL && i < l->n_devices; i++) {
		struct plan_node node;
		int r = device_one(&l->devices[i], bind, &node, e);

		node.origin = arena_printf(p->arena, "linux.devices[%zu]", i);
		if (r == 0)
			r = device_add(p, &node, e);
		if (r < 0)
			return err_at(e, "linux.devices[%zu]", i);
	}
	device_add_links(p, in->host);
	return 0;
}
