/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/num.h"
#include "libocispec/json.h"

/*
 * libgraft: what of a node's fabrics (GPUs, RDMA, interconnects, MPI) goes into a container.
 *
 *   host --discover--> inventory \
 *   config ----------> request    }--(pure)--> edits --> plan/graft.c, greffon graft plan, hooks
 *   /etc/greffon ----> policy    /
 *
 * Every struct here lives in the caller's arena, is filled once and never changed afterwards. The
 * order of all lists is that of the hardware (PCI address, then number), never that of a directory:
 * the same node, request and policy give the same edits, byte by byte.
 *
 * Errors of this library are one line that ends with its code in brackets ("[GRAFT-NOTFOUND]", see
 * greffon-graft(7)); the errno tells the class: EINVAL grammar or a bad policy file, EACCES refused
 * by policy, ENODEV no such device or no driver, ESTALE numbers that are no longer the host's,
 * ELIBBAD no library that fits, EPERM the container's user could not open it, ENOTSUP not in this
 * version.
 */

struct host;
struct oci_config;

/* ---- domains ---- */

/* What can be asked for on its own: annotation org.greffon.graft.NAME, policy key NAME. */
enum graft_domain {
	GRAFT_GPU,	/* "gpu": NVIDIA GPUs and their MIG instances */
	GRAFT_AMD,	/* "amd": AMD GPUs and their partitions */
	GRAFT_RDMA,	/* "rdma": verbs devices of any provider */
	GRAFT_CXI,	/* "cxi": Slingshot */
	GRAFT_HFI,	/* "hfi": Omni-Path's hfi1_N (its verbs side belongs to rdma) */
	GRAFT_XPMEM,	/* "xpmem" */
	GRAFT_KNEM,	/* "knem" */
	GRAFT_IMEX,	/* "imex": NVLink memory export channels */
	GRAFT_NVSWITCH, /* "nvswitch" */
	GRAFT_GDRCOPY,	/* "gdrcopy" */
	GRAFT_GDS,	/* "gds": GPUDirect Storage */
	GRAFT_MPI,	/* "mpi": libraries only, no device */
	GRAFT_PMI,	/* "pmi": the launcher's wiring, no device */
	GRAFT_DOMAINS
};

/* "gpu", "rdma", ...; the name in annotations, policy files and messages. GRAFT_DOMAINS: "cdi",
 * whose devices belong to no domain. */
const char *graft_domain_name(enum graft_domain d);

/* The domain of a name, or -1. */
int graft_domain_find(const char *name, size_t len);

/* A set of domains: bit GRAFT_BIT(d). Beside that of rdma, GRAFT_MAD: its umad and issm nodes too,
 * which few are granted. */
#define GRAFT_BIT(d) (1U << (d))
#define GRAFT_MAD GRAFT_BIT(GRAFT_DOMAINS)

/* ---- what the node has (hooks/inventory.c, one file a domain) ---- */

/* What a node is for, hence when it is granted. */
enum graft_role {
	GRAFT_ROLE_DEVICE, /* the device itself: with the device */
	GRAFT_ROLE_CAP,	   /* a MIG instance's two capability nodes: with the instance */
	GRAFT_ROLE_DRM,	   /* a GPU's card and render nodes: with graphics, display or video */
	GRAFT_ROLE_MAD,	   /* umad: on request, where policy allows (talks to the subnet manager) */
	GRAFT_ROLE_SM,	   /* issm: never granted, listed only */
	GRAFT_ROLE_CONTROL, /* of the domain: with any of its devices (nvidiactl, kfd, rdma_cm) */
	GRAFT_ROLE_COMPUTE, /* of the domain: with capability compute (nvidia-uvm) */
	GRAFT_ROLE_TOOLS,   /* of the domain: where policy allows (nvidia-uvm-tools profiles others)
			     */
	GRAFT_ROLE_DISPLAY, /* of the domain: with graphics or display (nvidia-modeset) */
};

/* A character device. */
struct graft_node {
	enum graft_role role;
	const char *path; /* on the host and in the container: "/dev/infiniband/uverbs0" */
	dev_t dev;	  /* as the driver says (sysfs, /proc/devices); the host's node agrees */
	mode_t mode;	  /* permission bits of the host's node */
	uid_t uid;
	gid_t gid;
	bool missing; /* the driver has it, /dev has not (made lazily by a setuid helper) */
};

struct graft_nodes {
	struct graft_node *v;
	size_t n, cap;
};

/* Where a device sits: what "near" is measured by. */
struct graft_place {
	const char *bdf; /* "0000:18:00.0"; NULL: not on PCI */
	/* the way from the root complex, bridges included: "pci0000:15/0000:15:01.0/0000:16:00.0"
	 */
	const char *path;
	int numa; /* -1: the firmware does not say */
};

struct graft_device {
	enum graft_domain domain;
	const char *name;   /* the kernel's: "nvidia0", "mlx5_0", "renderD128", "gpu0/gi7/ci0" */
	const char **alias; /* what requests may call it beside the name, the most usual first */
	size_t n_alias;
	const char *model;   /* for people: "NVIDIA H200"; NULL: unknown */
	const char *driver;  /* the kernel module that it is bound to; NULL: unknown */
	const char **netdev; /* rdma, cxi: network interfaces of the same function */
	size_t n_netdev;
	const char *folder; /* rdma: where in sysfs its devices of all classes lie; NULL: unknown */
	struct graft_place place;
	struct graft_nodes node; /* its own */
	int parent;		 /* index of the GPU of a MIG instance or partition; -1: none */
	bool active;		 /* rdma: some port is up; others: true */
	const char *unavailable; /* why it can't be granted now, with the remedy; NULL: it can */
	bool excluded;		 /* by the administrator's will */
};

/* A node that all devices of a domain share. */
struct graft_common {
	enum graft_domain domain;
	struct graft_node node;
};

/* Something of the host's file system that a domain's devices are used with. */
enum graft_file_kind {
	GRAFT_FILE_DATA,    /* configuration: /etc/cufile.json */
	GRAFT_FILE_LIBRARY, /* a library or a folder of them, at the same path inside */
	GRAFT_FILE_SOCKET,  /* of a daemon that all containers would share: where policy allows */
};

struct graft_file {
	enum graft_domain domain;
	enum graft_file_kind kind;
	const char *path; /* absolute */
};

/* "gpu driver 580.95.05", "rdma netns shared": for people, for library choices, and recorded. */
struct graft_fact {
	enum graft_domain domain;
	const char *key, *value;
};

/* Something a person should know; an error when the request is strict. */
struct graft_note {
	enum graft_domain domain;
	const char *code; /* "MEMLOCK", "LAZY", ... of greffon-graft(7) */
	const char *text; /* one sentence with the remedy */
};

struct graft_notes {
	struct graft_note *v;
	size_t n, cap;
};

/* A folder of /proc or /sys that shows every device of the node whatever a container was given. */
struct graft_view {
	enum graft_domain domain;
	const char *path; /* absolute: "/proc/driver/nvidia" */
	struct graft_view_entries {
		struct graft_view_entry {
			const char *path; /* below the folder: "gpus/0000:1b:00.0" */
			int owner;	  /* index of a device, or one of these */
		} * v;
		size_t n, cap;
	} entry;		    /* what is not named here is shown to nobody */
	const char *file, *content; /* a file of it that a container sees with another content */
};
enum { GRAFT_VIEW_ALL = -1, GRAFT_VIEW_NONE = -2 };

struct graft_inventory {
	struct graft_devices {
		struct graft_device *v; /* by domain, then PCI address, then number */
		size_t n, cap;
	} device;
	struct graft_commons {
		struct graft_common *v;
		size_t n, cap;
	} common;
	struct graft_files {
		struct graft_file *v;
		size_t n, cap;
	} file;
	struct graft_facts {
		struct graft_fact *v;
		size_t n, cap;
	} fact;
	struct graft_views {
		struct graft_view *v;
		size_t n, cap;
	} view;
	struct graft_notes note;
	unsigned int domains; /* GRAFT_BIT of those that were looked for */
};

/*
 * Looks for the given domains (GRAFT_BIT) below h->root and nowhere else; opens nothing of the
 * others. Absent drivers are no error. Whatever a tree holds is read within bounds (a file 64 KiB,
 * a folder 4096 names); what contradicts itself (sysfs against /dev) makes the device unavailable,
 * with the reason. -errno only when the tree as such can't be read.
 */
int graft_discover(const struct host *h, unsigned int domains, struct arena *a,
		   struct graft_inventory *out, struct err *e);

/* The value of a fact, or NULL. */
const char *graft_fact_find(const struct graft_inventory *inv, enum graft_domain d,
			    const char *key);

/* PCI steps between two devices through their nearest common bridge; beyond a root complex
 * GRAFT_FAR, and GRAFT_FARTHER on another NUMA node; GRAFT_UNKNOWN without PCI. */
enum { GRAFT_FAR = 1000, GRAFT_FARTHER = 2000, GRAFT_UNKNOWN = 3000 };
unsigned int graft_distance(const struct graft_place *x, const struct graft_place *y);

/* ---- what is asked for (hooks/request.c) ---- */

/* How far a source is trusted: policy decides by it. */
enum graft_trust {
	GRAFT_FROM_POLICY,     /* the administrator's "always" */
	GRAFT_FROM_ANNOTATION, /* the engine's caller; also the /dev/null mounts of device plugins
				*/
	GRAFT_FROM_ENV,	       /* perhaps baked into the image by a stranger */
};

/* One value of one key, with who said it. */
struct graft_want {
	const char *value;  /* NULL: not asked */
	const char *source; /* "annotation org.greffon.graft.gpu", "env NVIDIA_VISIBLE_DEVICES" */
	enum graft_trust trust;
	const char *narrow; /* a lower source's list, which may only take away; NULL: none */
	const char *narrow_source;
	bool optional; /* a node without such devices is none to refuse, but to tell */
};

/* Driver capabilities, as NVIDIA_DRIVER_CAPABILITIES names them. */
enum {
	GRAFT_CAP_COMPUTE = 1 << 0,
	GRAFT_CAP_UTILITY = 1 << 1,
	GRAFT_CAP_VIDEO = 1 << 2,
	GRAFT_CAP_GRAPHICS = 1 << 3,
	GRAFT_CAP_DISPLAY = 1 << 4,
	GRAFT_CAP_NGX = 1 << 5,
	GRAFT_CAP_COMPAT32 = 1 << 6,
};

struct graft_request {
	struct graft_want want[GRAFT_DOMAINS];
	struct graft_want caps;	   /* "compute,utility" */
	struct graft_want memlock; /* bytes or "unlimited" */
	struct graft_want limit;   /* "mlx5_0:hca_handle=4,hca_object=5000;..." */
	struct graft_want profile;
	struct graft_want record; /* a file that the record of the run goes to */
	bool none;		  /* org.greffon.graft.none=true: whatever else is asked */
	bool strict;		  /* notes are errors */
	/* config mounts that are requests (/dev/null on /var/run/nvidia-container-devices/X) */
	size_t *mount;
	size_t n_mount;
	struct graft_notes note;
};

/*
 * Reads the requests of a config: annotations org.greffon.graft.*, mounts of /dev/null, and the
 * environment (NVIDIA_VISIBLE_DEVICES, AMD_VISIBLE_DEVICES, MELLANOX_VISIBLE_DEVICES, ...). Touches
 * no file. Sources are kept in *out as they are: which of them may speak is the policy's matter.
 * -EINVAL for an unknown key.
 */
struct graft_policy;
int graft_request_read(const struct oci_config *c, const struct graft_policy *policy,
		       struct arena *a, struct graft_request *out, struct err *e);

/* The same of options of `greffon update --graft`, trusted like annotations; what the policy gives
 * to every container it has given already. */
int graft_request_options(const struct oci_map_entry *want, size_t n,
			  const struct graft_policy *policy, struct arena *a,
			  struct graft_request *out, struct err *e);

/* The domains that a request can't be answered without; 0: nothing is asked. */
unsigned int graft_request_domains(const struct graft_request *r);

/* ---- what is allowed (hooks/policy.c, hooks/policy.def) ---- */

enum graft_env { GRAFT_ENV_IGNORE, GRAFT_ENV_RESTRICT, GRAFT_ENV_ACCEPT };

/* Shell patterns over a device's name and aliases; no allow list: all; deny wins. */
struct graft_rule {
	const char **allow, **deny;
	size_t n_allow, n_deny;
};

struct graft_limit {
	const char *device; /* "*": every granted one */
	struct opt_u64 handles, objects;
};

/* A named set of requests and variables that annotation "profile" asks for. */
struct graft_profile {
	const char *name;
	const struct oci_map_entry *want; /* keys as in annotations, without the prefix */
	size_t n_want;
	const struct oci_map_entry *env;
	size_t n_env;
};

enum graft_mpi_kind {
	GRAFT_MPI_LIBRARIES, /* an MPI that takes the place of the image's */
	GRAFT_MPI_OFI,	     /* providers for the image's libfabric */
	GRAFT_MPI_UCX,	     /* modules for the image's UCX */
};

/* An MPI of the node that the administrator describes. All paths are absolute, on the host. */
struct graft_mpi_profile {
	const char *name;
	enum graft_mpi_kind kind;
	const char **libs; /* the MPI's own; or the providers */
	size_t n_libs;
	const char **as; /* sonames that it may stand for; none: those of its family and number */
	size_t n_as;
	const char **deps; /* further libraries, where the image has none */
	size_t n_deps;
	bool force;	    /* ... or whatever it has */
	const char **binds; /* mounted read-only at the same place */
	size_t n_binds;
	const struct oci_map_entry *env;
	size_t n_env;
};

/* Whether greffon itself resolves CDI names, which engines have done already (hooks/cdi.h). */
struct graft_policy_cdi {
	bool resolve;
	bool hooks;	   /* hooks of a CDI file may run */
	const char **dirs; /* absolute; the later wins */
	size_t n_dirs;
	struct graft_rule rule; /* over qualified names: "nvidia.com/gpu=0" */
};

struct graft_policy {
	const char *source;  /* the file, or "no policy file" */
	unsigned int enable; /* GRAFT_BIT of the domains that may be granted at all */
	enum graft_env env;
	struct graft_rule rule[GRAFT_DOMAINS];
	unsigned int curtain;	      /* GRAFT_BIT of the domains that never come without */
	unsigned int caps;	      /* GRAFT_CAP_* that may be granted */
	bool mad, uvm_tools, sockets; /* nodes with power over others: false by default */
	uint64_t memlock_max; /* bytes; UINT64_MAX: unlimited; 0: the config's own limit stays */
	struct graft_limit *limit; /* rdma.max of granted devices where no one asks */
	size_t n_limit;
	const struct oci_map_entry
		*always; /* requests of every container, keys as in annotations */
	size_t n_always;
	struct graft_profile *profile;
	size_t n_profile;
	const char **record; /* folders that records may be written below */
	size_t n_record;
	bool record_any; /* the runtime is not the node's root: the caller's own rights bound it */
	struct graft_mpi_profile *mpi;
	size_t n_mpi;
	struct graft_policy_cdi cdi;
};

/*
 * Reads /etc/greffon/graft.json and /etc/greffon/graft.d/NAME.json (in the order of the names;
 * later words win, lists are appended). Each has to be a regular file of root that nobody else may
 * write, in folders of the same kind, reached through no link; content and owner are taken from the
 * same descriptor. Without a file nothing may be granted when the runtime is the node's root, and
 * everything otherwise: the user's own rights bound it. -EINVAL, -EPERM with the file's name.
 */
int graft_policy_load(const struct host *h, struct arena *a, struct graft_policy *out,
		      struct err *e);

/* Whether these files might have something for who asks for nothing, the member `always`: 1, or 0,
 * for which none of them is parsed. Errors as above. */
int graft_policy_always(const struct host *h, struct arena *a, struct err *e);

/* ---- what will be done (hooks/edits.c) ---- */

struct graft_edit_device {
	enum graft_domain domain;
	struct graft_node node;
	const char *owner; /* the device it belongs to: "mlx5_0"; NULL: shared by the domain */
	const char *why;   /* "annotation org.greffon.graft.rdma: 2 PCI steps from nvidia0" */
};

struct graft_edit_mount {
	enum graft_domain domain;
	const char *source; /* absolute, on the host; never a path out of the image */
	const char *target; /* absolute, in the container */
	/* of a library (hooks/ldcache.c): what the loader looks for, and 32 or 64; NULL, 0: no
	 * library
	 */
	const char *soname;
	int elf_class;
	const char **alias; /* more names that the loader looks for */
	size_t n_alias;
	bool exec;     /* may be executed or mapped so; else noexec. Always ro, nosuid, nodev */
	bool optional; /* the source may vanish until it is opened: no error */
	bool job;      /* of the user's job: writable, and the user's own may be mounted */
	const char *why;
};

struct graft_edit_env {
	const char *name, *value;
	const char *why;
	bool job; /* the first process's alone: a launcher speaks to one task */
};

/* A host library or program that the granted devices want beside them. Which file that is, and
 * whether it can run in the image, is found out by the modules that read ELF (hooks/elf.c). */
struct graft_library {
	enum graft_domain domain;
	const char *name; /* "libcuda.so", "nvidia-smi", "vdpau/libvdpau_nvidia.so", "/PATH" */
	const char
		*version; /* the file must end with ".VERSION" (a driver's libraries); NULL: any */
	bool program;	  /* in the host's PATH folders, not a library */
	bool optional;	  /* the host may lack it */
	const char *why;  /* "capability compute" */
};

/* A folder of the container's /proc or /sys of which only a part is to be seen (hooks/curtain.h).
 */
struct graft_veil {
	enum graft_domain domain;
	const char *path;	   /* absolute */
	const char **show, **hide; /* below it */
	size_t n_show, n_hide;
	const char *file, *content; /* shown with this content; NULL: none */
	bool asked;		    /* by the request, not by the policy alone */
	const char *why;
};

/* An RDMA device that goes into the container's network namespace: another one can't use it then.
 */
struct graft_move {
	const char *device; /* the kernel's name */
	dev_t verbs;	    /* of its uverbs node */
	const char *why;
};

/* Something of the host that was looked at and not taken. */
struct graft_left {
	enum graft_domain domain;
	const char *what, *why;
};

enum graft_mpi_mode {
	GRAFT_MPI_OFF,
	GRAFT_MPI_AUTO, /* where it provably fits */
	GRAFT_MPI_HOST, /* or it is an error */
};

/* The MPI that is asked for. */
struct graft_mpi {
	enum graft_mpi_mode mode;
	bool named;	    /* one profile by name: it is the only one, and nothing is searched */
	const char *source; /* who asks */
	const struct graft_mpi_profile *profile;
	size_t n_profile;
};

enum graft_verbs_libs {
	GRAFT_VERBS_NONE,
	GRAFT_VERBS_AUTO, /* where the image has no provider for a device */
	GRAFT_VERBS_HOST,
};

/* Libraries for granted RDMA devices (hooks/verbs.c). */
struct graft_verbs {
	enum graft_verbs_libs libs;
	const char *source;  /* who asks */
	const char **driver; /* the kernel's, of each device that has one */
	size_t n_driver;
};

enum graft_pmi { GRAFT_PMI_OFF, GRAFT_PMI_SLURM, GRAFT_PMI_PMIX };

struct graft_edits {
	const struct graft_request *request; /* as it was asked */
	const struct graft_inventory *inv;   /* what it was answered from; these two are NULL in */
	const struct graft_policy *policy;   /* what a record of an earlier process says */
	const char *record; /* absolute: where the record of the run is asked for; NULL: nowhere */
	struct graft_edit_devices {
		struct graft_edit_device *v;
		size_t n, cap;
	} device;
	struct graft_edit_mounts {
		struct graft_edit_mount *v;
		size_t n, cap;
	} mount, had; /* had: mounted by earlier grafts of the same container */
	struct graft_edit_envs {
		struct graft_edit_env *v;
		size_t n, cap;
	} env;
	struct graft_gids {
		gid_t *v; /* the host's numbers */
		size_t n, cap;
	} gid;
	struct graft_libraries {
		struct graft_library *v;
		size_t n, cap;
	} library;
	struct graft_limits {
		struct graft_limit *v;
		size_t n, cap;
	} limit;
	struct graft_cache { /* what the image's /etc/ld.so.cache has to be (hooks/library.c) */
		const char *text; /* NULL: as it is */
		size_t len;
	} cache;
	struct graft_verbs verbs;
	struct graft_mpi mpi; /* found out by hooks/mpi.c */
	enum graft_pmi pmi;   /* ... hooks/pmi.c */
	int pmi_fd;	      /* the launcher's socket, which stays open; 0: none */
	struct graft_veils {
		struct graft_veil *v;
		size_t n, cap;
	} veil;
	struct graft_moves {
		struct graft_move *v;
		size_t n, cap;
	} move;
	struct graft_lefts {
		struct graft_left *v;
		size_t n, cap;
	} left;
	bool limit_required; /* asked for by somebody: a node without the rdma controller fails */
	struct opt_u64 memlock; /* RLIMIT_MEMLOCK, soft and hard; UINT64_MAX: unlimited */
	const char *memlock_why;
	struct graft_notes note;
};

/*
 * The pure heart: inventory x request x policy -> edits. No file is touched. Everything that was
 * asked for and can't be had is an error; what only might surprise is a note (an error when the
 * request is strict).
 */
int graft_edit(const struct graft_inventory *inv, const struct graft_request *r,
	       const struct graft_policy *policy, struct arena *a, struct graft_edits *out,
	       struct err *e);

/* The pattern of the policy that lets a device be granted: "mlx5_*"; "all" where no list is kept.
 */
const char *graft_rule_of(const struct graft_inventory *inv, const struct graft_policy *policy,
			  const struct graft_device *dev);

/* Only a member of the node's group can open it. */
bool graft_node_wants_group(const struct graft_node *n);

/*
 * A config, or the CDI file that it came from, holds a device number for path. -ESTALE when the
 * driver that path belongs to has another one by now. Reads /proc/devices for paths of such
 * drivers, and nothing for others.
 */
int graft_stale_check(const struct host *h, const char *path, dev_t dev, const char *origin,
		      struct arena *a, struct err *e);

/*
 * All of it for one config (hooks/resolve.c), for the runtime and the hook alike: its device
 * numbers are checked, policy and request read, the domains asked for discovered. *out is NULL when
 * nothing is asked for.
 */
int graft_resolve(const struct host *h, const struct oci_config *c, struct arena *a,
		  struct graft_edits **out, struct err *e);

/* The same for what a running container is to get in addition; *out is never NULL then. */
int graft_resolve_options(const struct host *h, const struct oci_map_entry *want, size_t n,
			  struct arena *a, struct graft_edits **out, struct err *e);

/* In the state that greffon gives to a container's hooks when it has grafted itself: nothing is
 * left to be done. */
#define GRAFT_DONE "org.greffon.grafted"

/* When all notes are there: warnings to the log, or the first one as the error where the request is
 * strict. */
int graft_notes_tell(const struct graft_edits *ed, struct err *e);

/* O_PATH descriptor of what is mounted: what root mounts into containers only root may have
 * written. -ENOENT without an error: m is optional and gone. */
int graft_source_open(const struct host *h, const struct graft_edit_mount *m, struct err *e);

/* d: GRAFT_DOMAINS for what belongs to none. Sets e: "graft DOMAIN: TEXT [GRAFT-CODE]". Returns
 * -code. */
int graft_refuse(struct err *e, int code, enum graft_domain d, const char *name, const char *fmt,
		 ...) PRINTF(5, 6);

void graft_note_add(struct graft_notes *notes, struct arena *a, enum graft_domain d,
		    const char *code, const char *fmt, ...) PRINTF(5, 6);

/* The edits as one JSON object with a fixed order of keys (golden tests, graft plan --format json).
 */
const char *graft_edits_json(const struct graft_edits *ed, struct arena *a, size_t *out_len);
/* ... and as lines for people, a reason for each. */
const char *graft_edits_text(const struct graft_edits *ed, struct arena *a, size_t *out_len);
