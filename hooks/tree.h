/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdarg.h>

#include "hooks/graft.h"

/*
 * Bounded reading of a node's /sys, /proc, /dev and /etc below struct host's root, which may be a
 * captured and so perhaps hostile tree: no link leads out of it (openat2 with RESOLVE_IN_ROOT), no
 * fifo holds us, a file ends at 64 KiB and a folder at 4096 names. Paths have no leading '/' unless
 * they are those of nodes.
 *
 * Device nodes can't be kept in an archive that everybody may unpack. A captured tree has a file
 * nodes.tsv instead, a line a node: PATH, c or b, MAJOR, MINOR, MODE (octal), UID, GID, separated
 * by tabs. It is read for captured trees only.
 */

struct tree_list {
	const char **v;
	size_t n, cap;
};

/* Who wants to know what was looked at (hooks/capture.c): path, and whether the names in it were.
 */
struct tree_watch {
	void (*saw)(void *arg, const char *path, bool names);
	void *arg;
};

/* The folders of the nodes last asked for. */
struct tree_folders {
	struct tree_folder {
		const char *path;
		int fd; /* FD_NONE: there is none of that path */
	} v[3];		/* /dev, /dev/dri and /dev/infiniband at the same time */
	size_t next;	/* to be replaced */
};

struct tree {
	int root;	/* borrowed, but of a folder that tree_in() opened */
	const char *at; /* the way there from the whole tree's root; NULL: this is the whole tree */
	bool captured;
	struct arena *a;
	struct tree_folders *folder;	/* NULL: none is kept */
	const struct tree_watch *watch; /* NULL: nobody */
	struct graft_nodes node;	/* of nodes.tsv */
	struct tree_majors {		/* "Character devices:" of /proc/devices */
		struct tree_major {
			const char *name;
			unsigned int major;
		} * v;
		size_t n, cap;
	} major;
};

/* Reads /proc/devices, and nodes.tsv of a captured tree. What is malformed in them is left out. */
void tree_open(struct tree *t, const struct host *h, struct arena *a);

/* Closes what is kept open: folders, once nodes were asked for, and what tree_in() opened. */
void tree_done(struct tree *t);

#define autotree __attribute__((cleanup(tree_done)))

/* A folder as a tree of its own, for what lies below it: no link leads out of it, and each way is
 * short. Of nodes only the whole tree knows. root < 0: there is no such folder. */
struct tree tree_in(const struct tree *t, const char *fmt, ...) PRINTF(2, 3);

/* DIR joined with the text of a link in it, components ".." taken back. NULL: it leads above the
 * root. */
const char *tree_join(struct arena *a, const char *dir, const char *text);

/* The text of a file without white space at its ends; bytes that a terminal would obey are '?'.
 * NULL: there is none, or it is no regular file, or too large. */
const char *tree_read(const struct tree *t, const char *fmt, ...) PRINTF(2, 3);

/* The value of a file that holds one number, in any of the kernel's notations; -1 without. */
int64_t tree_number(const struct tree *t, const char *fmt, ...) PRINTF(2, 3);

bool tree_exists(const struct tree *t, const char *fmt, ...) PRINTF(2, 3);

/* The names in a folder, numbers in them compared as numbers; none when there is no such folder. */
struct tree_list tree_list(const struct tree *t, const char *fmt, ...) PRINTF(2, 3);

/* Where a link points to, as a path from the root ("sys/devices/pci0000:00/..."): sysfs's own links
 * need no more than their text. NULL: no link, or it leads above the root. */
const char *tree_link(const struct tree *t, const char *fmt, ...) PRINTF(2, 3);

/* The last component of what a link's text says: the name of a driver. NULL: no link. */
const char *tree_link_base(const struct tree *t, const char *fmt, ...) PRINTF(2, 3);

/* All character devices directly in dir ("/dev/infiniband"), by name. */
struct graft_nodes tree_nodes(const struct tree *t, const char *dir);

/* The number in a sysfs attribute "dev" ("231:192"). */
bool tree_dev(const struct tree *t, dev_t *out, const char *fmt, ...) PRINTF(3, 4);

/* The major number of a driver, or -1. */
int tree_major(const struct tree *t, const char *driver);

/* The character device at path ("/dev/kfd"): false when there is none. */
bool tree_node(const struct tree *t, const char *path, struct graft_node *out);

/* The node of dev in folder dir ("/dev/infiniband") whatever it is called; `name`, the kernel's
 * own, first. When there is none *out is a missing one by that name, with mode 0600. */
void tree_node_of(const struct tree *t, const char *dir, const char *name, dev_t dev,
		  struct graft_node *out);

/* ---- hooks/place.c ---- */

/* The place of what lies at sysfs path ("sys/devices/pci0000:00/.../mlx5_0"); NULL: no place. */
struct graft_place place_of(const struct tree *t, const char *path);

/* By PCI address, those without behind, then by name as tree_list() has it. */
int place_compare(const struct graft_place *x, const char *x_name, const struct graft_place *y,
		  const char *y_name);

/* ---- the domains: each appends to *inv; what is not there leaves it as it is ---- */

void nvidia_discover(const struct tree *t, struct graft_inventory *inv, unsigned int domains);
void nvidia_mig_discover(const struct tree *t, struct graft_inventory *inv);
/* What the driver shows of all GPUs, the folders of which are `gpus`; after the two above. */
void nvidia_view_discover(const struct tree *t, struct graft_inventory *inv,
			  const struct tree_list *gpus);
/* IMEX channels, NVSwitch, GDRCopy, GPUDirect Storage. */
void nvidia_extra_discover(const struct tree *t, struct graft_inventory *inv, unsigned int domains);
void amd_discover(const struct tree *t, struct graft_inventory *inv);
void rdma_discover(const struct tree *t, struct graft_inventory *inv, unsigned int domains);
void fabric_discover(const struct tree *t, struct graft_inventory *inv, unsigned int domains);

/* ---- shared by them (hooks/inventory.c) ---- */

struct graft_device *inventory_add(struct graft_inventory *inv, struct arena *a,
				   enum graft_domain d, const char *name);
void inventory_alias(struct graft_device *dev, struct arena *a, const char *alias);
void inventory_alias_first(struct graft_device *dev, struct arena *a, const char *alias);
void inventory_file(struct graft_inventory *inv, struct arena *a, enum graft_domain d,
		    enum graft_file_kind kind, const char *path);
/* graft_discover() under the eyes of somebody; NULL: of nobody. */
int inventory_discover(const struct host *h, unsigned int domains, struct arena *a,
		       const struct tree_watch *watch, struct graft_inventory *out, struct err *e);
/* Devices from index `from` on, in the order of graft.h. */
void inventory_sort(struct graft_inventory *inv, size_t from);
void inventory_fact(struct graft_inventory *inv, struct arena *a, enum graft_domain d,
		    const char *key, const char *value);
void inventory_common(struct graft_inventory *inv, struct arena *a, enum graft_domain d,
		      enum graft_role role, const struct graft_node *node);
struct graft_view *inventory_view(struct graft_inventory *inv, struct arena *a, enum graft_domain d,
				  const char *path);
/* owner: the index of a device, or GRAFT_VIEW_* */
void inventory_view_entry(struct graft_view *view, struct arena *a, const char *path, int owner);
/* Appends the node with its role to the device's. */
void inventory_node(struct graft_device *dev, struct arena *a, enum graft_role role,
		    const struct graft_node *node);
