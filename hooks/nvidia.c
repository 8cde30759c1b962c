/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/num.h"
#include "hooks/tree.h"

/*
 * NVIDIA GPUs as the kernel driver shows them in /proc/driver/nvidia, without NVML. Majors come
 * from /proc/devices: nvidia-uvm's and nvidia-caps' change from boot to boot.
 */

#define NVIDIA_PROC "proc/driver/nvidia"
#define NVIDIA_MAJOR 195 /* Documentation/admin-guide/devices.txt */

/* The value of a line "KEY: value" of a driver's text, without white space around it. */
static const char *nvidia_field(struct arena *a, const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line != NULL && *line != '\0';) {
		size_t n = strcspn(line, "\n");
		if (n > len && strncmp(line, key, len) == 0 && line[len] == ':') {
			const char *v = line + len + 1;
			v += strspn(v, " \t");
			size_t m = strcspn(v, "\n");
			while (m > 0 && (v[m - 1] == ' ' || v[m - 1] == '\t'))
				m--;
			return arena_strndup(a, v, m);
		}
		line += n + (line[n] == '\n');
	}
	return NULL;
}

/* Before the GPU is opened for the first time its UUID reads as question marks. */
static bool nvidia_is_uuid(const char *s)
{
	return s != NULL && strncmp(s, "GPU-", 4) == 0 && strchr(s, '?') == NULL;
}

/* "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build": the first
 * word that is digits and dots. */
static const char *nvidia_version(const struct tree *t)
{
	const char *text = tree_read(t, NVIDIA_PROC "/version");

	for (const char *p = text; p != NULL && *p != '\0' && *p != '\n';) {
		size_t n = strcspn(p, " \t\n");
		size_t digits = strspn(p, "0123456789.");
		if (n > 2 && digits == n && memchr(p, '.', n) != NULL &&
		    isdigit((unsigned char)p[0]))
			return arena_strndup(t->a, p, n);
		p += n;
		p += strspn(p, " \t");
	}
	return NULL;
}

/* The mode and owner that nvidia-modprobe gives the nodes it makes. */
static void nvidia_params(const struct tree *t, struct graft_node *n)
{
	static const struct {
		const char *key;
		uint64_t max;
	} keys[] = {{"DeviceFileMode", 0777},
		    {"DeviceFileUID", UINT32_MAX - 1},
		    {"DeviceFileGID", UINT32_MAX - 1}};
	uint64_t v[3] = {0666, 0, 0};

	if (!n->missing)
		return;
	const char *text = tree_read(t, NVIDIA_PROC "/params");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *field = nvidia_field(t->a, text, keys[i].key);
		uint64_t number;
		if (field != NULL && num_u64(field, keys[i].max, &number) == 0)
			v[i] = number;
	}
	n->mode = (mode_t)v[0];
	n->uid = (uid_t)v[1];
	n->gid = (gid_t)v[2];
}

static void nvidia_node(const struct tree *t, const char *name, unsigned int major,
			unsigned int minor, struct graft_node *out)
{
	tree_node_of(t, "/dev", name, makedev(major, minor), out);
	nvidia_params(t, out);
}

/* at: the function's folder in sysfs */
static void nvidia_drm(const struct tree *t, struct graft_device *dev, const char *at)
{
	struct tree_list drm = tree_list(t, "%s/drm", at);

	for (size_t i = 0; i < drm.n; i++) {
		struct graft_node node;
		dev_t number;

		if (!tree_dev(t, &number, "%s/drm/%s/dev", at, drm.v[i]))
			continue;
		tree_node_of(t, "/dev/dri", drm.v[i], number, &node);
		if (!node.missing)
			inventory_node(dev, t->a, GRAFT_ROLE_DRM, &node);
	}
}

/* functions: the folder of all of PCI's */
static void nvidia_gpu(const struct tree *t, const struct tree *functions,
		       struct graft_inventory *inv, unsigned int major, const char *bdf)
{
	const char *text = tree_read(t, NVIDIA_PROC "/gpus/%s/information", bdf);
	const char *excluded = nvidia_field(t->a, text, "GPU Excluded");
	const char *field = nvidia_field(t->a, text, "Device Minor");
	struct graft_node node;
	uint64_t minor;

	if (field == NULL || num_u64(field, 253, &minor) < 0)
		return;
	const char *name = arena_printf(t->a, "nvidia%u", (unsigned int)minor);
	struct graft_device *dev = inventory_add(inv, t->a, GRAFT_GPU, name);
	dev->model = nvidia_field(t->a, text, "Model");
	dev->driver = "nvidia";
	const char *at = tree_link(functions, "%s", bdf);
	dev->place = place_of(t, at);
	dev->place.bdf = bdf;
	const char *uuid = nvidia_field(t->a, text, "GPU UUID");
	if (nvidia_is_uuid(uuid))
		inventory_alias(dev, t->a, uuid);
	inventory_alias(dev, t->a, bdf);
	nvidia_node(t, name, major, (unsigned int)minor, &node);
	inventory_node(dev, t->a, GRAFT_ROLE_DEVICE, &node);
	if (at != NULL)
		nvidia_drm(t, dev, at);
	dev->excluded = excluded != NULL && strcmp(excluded, "Yes") == 0;
	if (dev->excluded)
		dev->unavailable = "the administrator excluded it from use";
}

/* NVML's index, hence that of NVIDIA_VISIBLE_DEVICES, is the order of PCI addresses without the
 * excluded ones; it comes first among the aliases. */
static void nvidia_index(const struct tree *t, struct graft_inventory *inv, size_t from)
{
	unsigned int index = 0;

	for (size_t i = from; i < inv->device.n; i++)
		if (inv->device.v[i].unavailable == NULL)
			inventory_alias_first(&inv->device.v[i], t->a,
					      arena_printf(t->a, "%u", index++));
}

static void nvidia_commons(const struct tree *t, struct graft_inventory *inv, unsigned int major)
{
	struct graft_node node;
	int uvm = tree_major(t, "nvidia-uvm");

	nvidia_node(t, "nvidiactl", major, 255, &node);
	inventory_common(inv, t->a, GRAFT_GPU, GRAFT_ROLE_CONTROL, &node);
	nvidia_node(t, "nvidia-modeset", major, 254, &node);
	if (!node.missing)
		inventory_common(inv, t->a, GRAFT_GPU, GRAFT_ROLE_DISPLAY, &node);
	if (uvm < 0)
		return;
	nvidia_node(t, "nvidia-uvm", (unsigned int)uvm, 0, &node);
	inventory_common(inv, t->a, GRAFT_GPU, GRAFT_ROLE_COMPUTE, &node);
	nvidia_node(t, "nvidia-uvm-tools", (unsigned int)uvm, 1, &node);
	inventory_common(inv, t->a, GRAFT_GPU, GRAFT_ROLE_TOOLS, &node);
}

static void nvidia_facts(const struct tree *t, struct graft_inventory *inv)
{
	static const char *const sockets[] = {
		"/run/nvidia-persistenced/socket",
		"/run/nvidia-fabricmanager/socket",
	};

	inventory_fact(inv, t->a, GRAFT_GPU, "driver", nvidia_version(t));
	inventory_fact(inv, t->a, GRAFT_GPU, "gpudirect",
		       tree_exists(t, "sys/module/nvidia_peermem") ? "peermem" : NULL);
	for (size_t i = 0; i < ARRAY_LEN(sockets); i++)
		if (tree_exists(t, "%s", sockets[i] + 1))
			inventory_file(inv, t->a, GRAFT_GPU, GRAFT_FILE_SOCKET, sockets[i]);
}

static void nvidia_gpus(const struct tree *t, struct graft_inventory *inv)
{
	size_t from = inv->device.n;
	struct tree_list gpus = tree_list(t, NVIDIA_PROC "/gpus");
	autotree struct tree functions = tree_in(t, "sys/bus/pci/devices");
	int major = tree_major(t, "nvidia");

	if (major < 0)
		major = tree_major(t, "nvidia-frontend"); /* before 550.40 */
	if (major < 0)
		major = NVIDIA_MAJOR;
	for (size_t i = 0; i < gpus.n; i++)
		nvidia_gpu(t, &functions, inv, (unsigned int)major, gpus.v[i]);
	if (inv->device.n == from)
		return;
	inventory_sort(inv, from);
	nvidia_index(t, inv, from);
	nvidia_commons(t, inv, (unsigned int)major);
	nvidia_facts(t, inv);
	nvidia_mig_discover(t, inv);
	nvidia_view_discover(t, inv, &gpus);
}

/* WSL 2: one node for all GPUs of the machine below, libraries where Windows puts them. */
static void nvidia_wsl(const struct tree *t, struct graft_inventory *inv)
{
	struct graft_node node;

	if (!tree_node(t, "/dev/dxg", &node))
		return;
	struct graft_device *dev = inventory_add(inv, t->a, GRAFT_GPU, "dxg");
	dev->model = "GPUs of the Windows host";
	dev->driver = "dxgkrnl";
	inventory_alias(dev, t->a, "0");
	inventory_node(dev, t->a, GRAFT_ROLE_DEVICE, &node);
	if (tree_exists(t, "usr/lib/wsl"))
		inventory_file(inv, t->a, GRAFT_GPU, GRAFT_FILE_LIBRARY, "/usr/lib/wsl");
}

static void nvidia_jetson_line(const struct tree *t, struct graft_inventory *inv,
			       struct graft_device **dev, char *line)
{
	char *path = line;
	const char *kind = strsep(&path, ",");
	struct graft_node node;

	if (path == NULL)
		return;
	path += strspn(path, " \t");
	path[strcspn(path, " \t\r")] = '\0';
	if (path[0] != '/' || strstr(path, "/../") != NULL)
		return;
	if (strcmp(kind, "dev") == 0 && tree_node(t, path, &node)) {
		if (*dev == NULL) {
			*dev = inventory_add(inv, t->a, GRAFT_GPU, "tegra");
			(*dev)->model = "Tegra";
			(*dev)->driver = "nvgpu";
			inventory_alias(*dev, t->a, "0");
		}
		inventory_node(*dev, t->a, GRAFT_ROLE_DEVICE, &node);
	} else if ((strcmp(kind, "lib") == 0 || strcmp(kind, "dir") == 0 ||
		    strcmp(kind, "sym") == 0) &&
		   tree_exists(t, "%s", path + 1)) {
		inventory_file(inv, t->a, GRAFT_GPU, GRAFT_FILE_LIBRARY, arena_strdup(t->a, path));
	}
}

/* Jetson: the board's package lists what belongs to its GPU, in lines "dev, /dev/nvmap". */
static void nvidia_jetson(const struct tree *t, struct graft_inventory *inv)
{
	static const char dir[] = "etc/nvidia-container-runtime/host-files-for-container.d";
	struct tree_list files = tree_list(t, "%s", dir);
	struct graft_device *dev = NULL;

	for (size_t i = 0; i < files.n; i++) {
		size_t len = strlen(files.v[i]);
		const char *text = len > 4 && strcmp(files.v[i] + len - 4, ".csv") == 0
					   ? tree_read(t, "%s/%s", dir, files.v[i])
					   : NULL;
		char *rest = arena_strdup(t->a, text);
		for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
			nvidia_jetson_line(t, inv, &dev, line);
	}
}

void nvidia_discover(const struct tree *t, struct graft_inventory *inv, unsigned int domains)
{
	size_t from = inv->device.n;

	if ((domains & GRAFT_BIT(GRAFT_GPU)) != 0) {
		nvidia_gpus(t, inv);
		if (inv->device.n == from)
			nvidia_jetson(t, inv);
		if (inv->device.n == from)
			nvidia_wsl(t, inv);
	}
	nvidia_extra_discover(t, inv, domains);
}
