/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hooks/graft.h"

/*
 * The Container Device Interface: files by which a vendor tells engines what a device needs. Three
 * uses of them:
 *   greffon graft cdi          inventory -> documents (hooks/cdi_emit.c)
 *   greffon graft cdi --check  documents against the node (hooks/cdi_check.c)
 *   create, where the policy asks: names -> edits of the config (hooks/cdi_apply.c)
 * The specification and its versions: tags.cncf.io/container-device-interface, SPEC.md.
 */

/* the order of these is their meaning */
/* clang-format off */
#define OJ_AS_STRUCTS
#include "libocispec/json_expand.h"
#include "hooks/cdi.def"
/* clang-format on */

/* ---- documents (hooks/cdi.c) ---- */

/* Reads and checks one document. -EINVAL with the JSON path, or with what is wrong: an unknown
 * member, a name, a version that is not known or older than what the document uses. */
int cdi_parse(const char *text, size_t len, struct arena *a, struct cdi_spec **out, struct err *e);

/* The checks alone. */
int cdi_validate(const struct cdi_spec *s, struct arena *a, struct err *e);

/* The lowest version that has all that the document uses; *why: which part of it needs that. */
const char *cdi_required_version(const struct cdi_spec *s, struct arena *a, const char **why);

/* Whether there is such a version, and the order of two that there are. */
bool cdi_version_exists(const char *version);
bool cdi_version_is_lower(const char *x, const char *y);

bool cdi_is_vendor(const char *s, size_t n);
bool cdi_is_class(const char *s, size_t n);
bool cdi_is_device_name(const char *s, size_t n);

/* "VENDOR/CLASS=NAME" into its kind and its name. */
bool cdi_split_name(const char *qualified, struct arena *a, const char **kind, const char **name);

/* ---- folders of documents (hooks/cdi_dir.c) ---- */

struct cdi_file {
	const char *path;
	size_t dir;		     /* index of its folder: the higher wins */
	const struct cdi_spec *spec; /* NULL: it could not be read */
	struct err why;		     /* ... and why not */
};

struct cdi_files {
	struct cdi_file *v; /* by folder, then by name */
	size_t n, cap;
	const char **dirs;
	size_t n_dirs;
};

/* Reads NAME.json of each folder that exists. A file that can't be read, or that is YAML, is in the
 * list with the reason. Folders and files must be root's alone (hooks/trust.h): -EPERM for a
 * folder. */
int cdi_read_dirs(const struct host *h, const char **dirs, size_t n_dirs, struct arena *a,
		  struct cdi_files *out, struct err *e);

/* The device of a qualified name, and the file it is in. -ENODEV: there is none, with the files
 * that could not be read; -EINVAL: malformed, or in two files of one folder. */
int cdi_find(const struct cdi_files *files, const char *qualified, struct arena *a,
	     const struct cdi_file **file, const struct cdi_device **device, struct err *e);

/* The remedy for a file that is no longer right: the command that makes it anew. */
const char *cdi_remedy(const struct cdi_file *file, struct arena *a);

/* ---- names into a config (hooks/cdi_apply.c) ---- */

/* "mounts[3]" of the edited config and where it came from: "cdi nvidia.com/gpu=0 (FILE)", or
 * "mounts[2]" of the config as it was. */
struct cdi_origin {
	const char *place, *origin;
};

struct cdi_result {
	struct oci_config *config; /* an edited copy; NULL: nothing was asked for */
	struct cdi_origins {
		struct cdi_origin *v;
		size_t n, cap;
	} origin;
	/* for the record: what exec and update have to repeat */
	struct graft_edit_devices device;
	struct graft_edit_mounts mount;
	struct graft_edit_envs env;
	struct graft_gids gid;
	struct graft_notes note;
	const struct graft_policy *policy;
};

/*
 * Whether c asks for CDI devices: by annotations cdi.k8s.io/KEY, or by mounts of /dev/null below
 * /var/run/nvidia-container-devices/cdi. Reads no file.
 */
bool cdi_is_asked(const struct oci_config *c);

/*
 * Carries out what c asks for, where policy->cdi.resolve says so, in the order of the CDI
 * specification: variables, devices with their rules (what is missing of a node is taken from the
 * host's, and what is given is compared with it), network interfaces, mounts (one in place of
 * another of the same destination, then by depth), hooks, resctrl, groups. c is not changed.
 * -EACCES the policy, -ENODEV no such device or node, -ESTALE a number that is not the node's.
 */
int cdi_apply(const struct host *h, const struct oci_config *c, const struct graft_policy *policy,
	      struct arena *a, struct cdi_result *out, struct err *e);

/* text with the first place of the edited config that it names replaced by that one's origin. */
const char *cdi_origin_of(const struct cdi_result *cdi, const char *text, struct arena *a);

/* ---- an inventory as documents (hooks/cdi_emit.c) ---- */

struct cdi_emit_options {
	const char *vendor;   /* "greffon.org" */
	const char *version;  /* NULL: the lowest that does */
	unsigned int domains; /* GRAFT_BIT */
};

struct cdi_specs {
	struct cdi_spec *v;
	size_t n, cap;
};

/*
 * One document a domain that has devices, and one a pair of a GPU domain and rdma: each GPU with
 * the adapter that near-gpu gives it. A device has an entry for each of its names, and "all" stands
 * for all of them. What a device brings is what graft_edit() says for a request of that name, so an
 * engine that resolves it grants the same. The policy's device rules, capabilities and power
 * switches hold; its "enable" is about containers and does not.
 */
int cdi_emit(const struct host *h, const struct graft_inventory *inv,
	     const struct graft_policy *policy, const struct cdi_emit_options *o, struct arena *a,
	     struct cdi_specs *out, struct graft_notes *notes, struct err *e);

/* "VENDOR-CLASS.json", as the specification names files. */
const char *cdi_file_name(const struct cdi_spec *s, struct arena *a);

/* ---- documents against the node (hooks/cdi_check.c) ---- */

struct cdi_finding {
	const char *file;
	const char *device; /* "nvidia.com/gpu=0"; NULL: of all devices of the file */
	const char *text;   /* what is wrong */
	const char *remedy;
	bool unread; /* the file could not be looked into */
};

struct cdi_findings {
	struct cdi_finding *v;
	size_t n, cap;
};

/* Nodes that are gone or have another number by now, sources of mounts and hooks that are gone. */
void cdi_check(const struct host *h, const struct cdi_files *files, struct arena *a,
	       struct cdi_findings *out);
