/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/num.h"
#include "systemd/property.h"

/*
 * All that will be done for one container, decided before anything is done. Builders (one file an
 * area) fill it out of the config, the host and the command's options; nothing in it is changed
 * afterwards, neither by the parent nor by the container's init, which inherits it by the clone.
 * Everything it points at lives in the arena. Whatever can be refused is refused while building.
 *
 * "origin" says who asked for an item ("mounts[3]", "default", "annotation ..."); errors and
 * `greffon plan` show it.
 */

struct oci_config;
struct host;
struct graft_edits;
struct graft_veil;

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* ---- namespaces and identity maps (plan/ns.c, plan/idmap.c) ---- */

struct plan_idmap_entry {
	uint32_t inside, outside, count;
};

struct plan_idmap {
	struct plan_idmap_entry *v;
	size_t n, cap;
};

struct plan_join {
	int type; /* CLONE_NEW* */
	const char *path;
	const char *origin;
};

struct plan_ns {
	int create; /* CLONE_NEW* of the namespaces to make */
	int joined; /* CLONE_NEW* of those in join */
	struct plan_join *join;
	size_t n_join;
	struct plan_idmap uid, gid; /* of a new user namespace */
	bool deny_setgroups; /* unprivileged single mapping: "deny" before gid_map (CVE-2014-8989)
			      */
	const char *newuidmap, *newgidmap; /* the programs that write the maps; NULL: we do */
	bool bridge; /* a process of its own joins the namespaces and gives birth to init, see
			apply/clone.h */
	const char *hostname, *domainname;
	struct opt_i64 boottime_s, boottime_ns, monotonic_s, monotonic_ns; /* time offsets */
};

/* ---- mounts (plan/mount.c, plan/mountopt.c, plan/mask.c) ---- */

/* When, hence in which process and world, a step happens. */
enum plan_stage {
	AT_HOST,    /* the runtime, before the clone */
	AT_MAPPED,  /* init or the runtime, once the user namespace has its maps */
	AT_ROOT,    /* init, new mount namespace, host tree still visible */
	AT_PIVOTED, /* init, the rootfs is "/" */
	AT_START,   /* init, after `start` */
};

enum plan_mount_verb {
	MOUNT_BIND,   /* source is a tree of the host or below the rootfs's own world */
	MOUNT_FS,     /* a new file system instance */
	MOUNT_CGROUP, /* the container's view of the cgroup hierarchies */
	MOUNT_FILE,   /* a file of the plan's content, made at source in the container */
	MOUNT_VEIL,   /* hides a part of what is at target, if anything is */
};

struct plan_mount {
	enum plan_mount_verb verb;
	enum plan_stage
		open_at; /* AT_HOST for bind sources; AT_ROOT for file systems of new namespaces */
	const char *source;  /* absolute for MOUNT_BIND */
	const char *content; /* of MOUNT_FILE: content_len bytes */
	size_t content_len;
	const struct graft_veil *veil; /* of MOUNT_VEIL */
	const char *target;	       /* as in the config; resolved in the rootfs */
	const char *fstype;	       /* for MOUNT_FS */
	const char *data; /* "mode=755,size=64k": options of the file system, comma separated */
	uint64_t attr_set, attr_clr;	     /* MOUNT_ATTR_*, of the top mount */
	uint64_t rec_attr_set, rec_attr_clr; /* MOUNT_ATTR_*, of the whole tree (r* options) */
	unsigned int
		sb_flags; /* MS_* that belong to the superblock (sync, dirsync, lazytime, ...) */
	unsigned long propagation;	       /* MS_PRIVATE and so on, | MS_REC; 0: the default */
	bool recursive;			       /* rbind */
	bool source_nofollow, target_nofollow; /* a last component that is a link: not followed */
	bool copy_up;	   /* tmpcopyup: the new tmpfs starts with what the rootfs has there */
	bool ro_late;	   /* a new tmpfs that is read-only once all below it is in place */
	bool remount;	   /* changes what is mounted at target */
	const char *label; /* an SELinux label that the root of the new file system gets, where it
			      can't stand in data; or NULL */
	bool copy_symlink; /* a source that is a link: the link is made again instead of a mount */
	bool idmap_recursive;
	struct plan_idmap uid, gid; /* idmapped mount; n == 0: none */
	bool idmap_own;		    /* idmapped with the container's own user namespace */
	int16_t slot;		    /* index into struct mount_slots */
	const char *origin;
};

/* One hierarchy as MOUNT_CGROUP shows it. */
struct plan_cgroup_view {
	const char *source; /* the container's own directory, absolute on the host */
	const char *name;   /* "cpu,cpuacct": directory below the target; NULL: the target itself
			       (cgroup v2) */
	const char *controllers; /* v1: each that is not the name itself gets a link */
	bool whole;		 /* source is the hierarchy's root: never writable */
};

struct plan_mounts {
	struct plan_mount *v;
	size_t n, cap;
	struct plan_cgroup_view *cgroup;
	size_t n_cgroup;
	unsigned long root_propagation;	 /* MS_SLAVE | MS_REC by default: of the old root in the new
					    namespace */
	unsigned long final_propagation; /* of "/" after the pivot; 0: leave */
	const char *propagation_origin;
	bool root_readonly;
	bool no_pivot;
	const char *label; /* linux.mountLabel, already in the data of the mounts that take it */
};

/* Paths hidden or made read-only. */
struct plan_masks {
	const char **masked;
	size_t n_masked;
	const char **readonly;
	size_t n_readonly;
};

/* ---- device nodes inside (plan/device.c) ---- */

struct plan_node {
	const char *path;
	mode_t mode; /* with S_IFCHR, S_IFBLK or S_IFIFO */
	dev_t dev;
	uid_t uid;
	gid_t gid;
	bool bind; /* bind the host's node of the same path: user namespace, or mknod refused */
	const char *origin;
};

struct plan_link {
	const char *path, *target;
};

struct plan_nodes {
	struct plan_node *v;
	size_t n, cap;
	struct plan_link *link; /* /dev/fd, /dev/stdin, /dev/ptmx, ... */
	size_t n_link;
};

/* ---- cgroup (plan/cgroup.c) ---- */

enum plan_cgroup_manager { CGROUP_FS, CGROUP_SYSTEMD, CGROUP_DISABLED };

struct plan_device_rule {
	bool allow;
	char type;	      /* 'a', 'b', 'c' */
	int64_t major, minor; /* -1: any */
	unsigned int access;  /* PLAN_ACCESS_* */
	const char *origin;
};

/* As the kernel numbers them for a device program (BPF_DEVCG_ACC_*). */
enum { PLAN_ACCESS_MKNOD = 1, PLAN_ACCESS_READ = 2, PLAN_ACCESS_WRITE = 4, PLAN_ACCESS_ALL = 7 };

/* One value for one control file, in the order of writing. */
struct plan_setting {
	const char *controller; /* v1: the hierarchy; v2: what has to be enabled; "" for cgroup.* */
	/* "memory.max"; of "A|B" the first file that exists, with the value of the same place */
	const char *file;
	const char *value;
	bool v2;
	bool optional;	    /* the file may be missing (ENOENT is no error) */
	const char *origin; /* "linux.resources.memory.limit" */
};

/* The systemd unit that owns the cgroup (plan/unit.c); only with CGROUP_SYSTEMD. */
struct plan_unit {
	const char *name;     /* "libpod-ID.scope"; NULL: no unit */
	const char *slice;    /* "machine.slice", in which it lies */
	const char *subgroup; /* the processes live in this cgroup below the unit's; NULL: in it */
	bool user;	      /* of the user's own manager, not the system's */
	struct properties properties; /* in the order of setting */
	bool devices_exact; /* DeviceAllow says all that the device rules say, so no program of our
			       own is needed */
};

struct plan_cgroup {
	enum plan_cgroup_manager manager;
	const char *path; /* below each hierarchy's mount point, without leading '/'; with systemd
			     as it should become, the unit's real one is known once it runs */
	bool relative;	  /* path is below the runtime's own place in each hierarchy instead */
	const char *origin;
	bool path_given; /* by linux.cgroupsPath */
	struct plan_unit unit;
	bool stay; /* no path, no limits and no right to make one: stay in the caller's cgroup */
	struct plan_settings {
		struct plan_setting *v;
		size_t n, cap;
	} settings;
	struct plan_device_rules { /* defaults included, last match wins; none: nothing is
				      restricted */
		struct plan_device_rule *v;
		size_t n, cap;
	} rules;
	bool has_limits;    /* anything but default device rules was asked for */
	bool chown_to_root; /* delegate to the container's root (v2), who is owner outside */
	uid_t owner;
	struct opt_i64 memory_limit; /* for "memory limit too low" diagnostics */
};

/* ---- identity, capabilities, security attributes (plan/creds.c, plan/lsm.c) ---- */

struct plan_caps {
	uint64_t bounding, effective, inheritable, permitted, ambient; /* 1 << CAP_* */
	bool set; /* process.capabilities was given */
};

struct plan_creds {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t n_groups;
	bool keep_groups;  /* keep the caller's supplementary groups */
	bool no_setgroups; /* /proc/self/setgroups will be "deny" */
	struct opt_u64 umask;
	struct plan_caps caps;
	uint64_t bounding_now; /* at most what has to be dropped from, before; 1 << CAP_* */
	bool no_new_privs;
	const char *apparmor, *selinux; /* exec labels */
	bool new_keyring;
	const char *keyring_label;
};

/* ---- the process (plan/process.c, plan/sched.c) ---- */

struct plan_rlimit {
	int resource; /* RLIMIT_* */
	const char *name;
	struct rlimit64 limit;
};

struct plan_sched {
	bool set;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

struct plan_process {
	const char **argv; /* NULL-terminated; NULL when the config has no process */
	const char **env;  /* NULL-terminated */
	size_t n_env;
	size_t listen_pid; /* env[listen_pid - 1] is LISTEN_PID, known at the end; 0: none */
	bool home_missing; /* HOME is set from the container's passwd file, else "/" */
	const char *cwd;
	bool terminal;
	uint16_t rows, columns; /* 0: not given */
	struct plan_rlimit *rlimit;
	size_t n_rlimit;
	struct opt_i64 oom_score_adj;
	struct plan_sched sched;
	struct opt_i64 ioprio; /* as ioprio_set(2) takes it */
	struct opt_u64 personality;
	struct opt_i64 mempolicy; /* mode | flags */
	unsigned long *mempolicy_nodes;
	size_t mempolicy_bits;
	const char *cpus_initial, *cpus_final; /* exec only, list form "0-3,8" */
	unsigned int preserve_fds;	       /* 3 .. 3+N-1 stay open, LISTEN_FDS included */
	int launcher_fd; /* stays open too: PMI_FD, a socket that the caller left open; 0: none */
};

/* ---- seccomp (plan/seccomp.c, plan/seccomp_cache.c) ---- */

struct oci_seccomp;

struct plan_seccomp {
	const struct oci_seccomp *profile; /* NULL: no filter */
	unsigned int flags;		   /* SECCOMP_FILTER_FLAG_* */
	bool notify;			   /* some action is SCMP_ACT_NOTIFY */
	const char *listener_path, *listener_metadata;
};

/* ---- hooks, sysctls (plan/hook.c, plan/sysctl.c) ---- */

enum plan_hook_kind {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_KINDS
};

struct plan_hook {
	const char *path;
	const char **argv, **env; /* NULL-terminated; env NULL: not given */
	int timeout_s;		  /* 0: none */
	const char *origin;
};

struct plan_hooks {
	struct plan_hook *v;
	size_t n;
};

struct plan_sysctl {
	const char *key;  /* as in the config */
	const char *path; /* below /proc: "sys/net/ipv4/ip_forward" */
	const char *value;
};

/* ---- network interfaces that move into the container (plan/netdev.c) ---- */

struct plan_netdev {
	const char *name;   /* in the runtime's network namespace */
	const char *inside; /* in the container's; "eth%d": the kernel picks the number */
	bool template;	    /* inside ends in %d */
	const char *origin;
};

/* ---- RDMA devices that move into the container (plan/graft.c) ---- */

struct plan_rdma {
	const char *device; /* the kernel's name */
	dev_t verbs;	    /* of its uverbs node, which the device rules have */
	const char *origin;
};

/* ---- Intel RDT (plan/rdt.c) ---- */

struct plan_rdt {
	const char
		*group; /* directory of resctrl, "." for the default class; NULL: nothing is done */
	bool named;	/* by closID: it may be shared */
	bool monitor;	/* a monitoring group of the container's own */
	const char **line; /* of the schemata, in the order of writing */
	size_t n_line;
	const char *origin;
};

/* ---- the whole ---- */

struct plan_annotation {
	const char *key, *value;
};

struct plan {
	struct arena *arena;
	const char *id, *oci_version;
	const char *bundle; /* absolute */
	const char *rootfs; /* absolute, as given by the caller; NULL for exec */
	struct plan_ns ns;
	struct plan_mounts mounts;
	struct plan_masks masks;
	struct plan_nodes nodes;
	struct plan_cgroup cgroup;
	struct plan_creds creds;
	struct plan_process process;
	struct plan_seccomp seccomp;
	struct plan_hooks hooks[HOOK_KINDS];
	/* files the runtime's own hooks write to instead; NULL: kept for the error */
	const char *hook_stdout, *hook_stderr;
	const char *pidfd_socket; /* of an annotation: gets a pidfd of init; NULL: none */
	struct plan_sysctl *sysctl;
	size_t n_sysctl;
	bool notify; /* the container says by NOTIFY_SOCKET that it is ready, see apply/ready.h */
	struct plan_rdt rdt;
	struct plan_netdev *netdev;
	size_t n_netdev;
	struct plan_rdma *rdma;
	size_t n_rdma;
	struct plan_annotation *annotation;
	size_t n_annotation;
	const struct graft_edits
		*graft; /* merged into the above already; NULL: nothing was asked */
	/* the config with the edits of CDI files, which is what later commands have to see; NULL:
	 * as it was read */
	const struct oci_config *edited;
};

/* The folder of the container's NOTIFY_SOCKET where the caller's is of the abstract namespace or of
 * systemd's own name, which is what a systemd in the container binds: runc's. */
#define PLAN_NOTIFY_DIR "/run/notify"

/* What the command line adds to the config. */
struct plan_options {
	const char *id;
	const char *bundle; /* absolute */
	bool no_pivot, no_new_keyring;
	bool strict; /* what is left out with a warning is an error */
	unsigned int preserve_fds;
	unsigned int listen_fds;    /* of the caller's LISTEN_FDS */
	const char *listen_fdnames; /* of the caller's LISTEN_FDNAMES; NULL: none */
	const char
		*seccomp_receiver; /* of the caller's environment: where there is no listenerPath */
	const char *notify_dir; /* the caller waits for readiness: folder of the socket, absolute */
	const char *notify_socket; /* the caller's NOTIFY_SOCKET */
	enum plan_cgroup_manager manager;
	bool systemd_user;   /* the user's own systemd, not the system's */
	bool console_socket; /* --console-socket was given */
	bool detach;	     /* create, or run/exec --detach */
};

/* What every builder reads. */
struct plan_input {
	const struct oci_config *config;
	const struct host *host;
	const struct plan_options *options;
};

/* One builder an area: reads in, fills its part of p (p->arena is set, the parts of the builders
 * listed before it are filled). 0 or -errno with e naming the config's field. */
int plan_ns_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_process_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_creds_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_cgroup_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_mount_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_mask_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_device_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_seccomp_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_hook_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_sysctl_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_annotation_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_netdev_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_ready_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_rdt_build(struct plan *p, const struct plan_input *in, struct err *e);
int plan_graft_build(struct plan *p, const struct plan_input *in, struct err *e);
/* The unit's properties, of all limits and rules that the others have found. */
int plan_unit_build(struct plan *p, const struct plan_input *in, struct err *e);

/* The container joins, by path, the namespace of a type (CLONE_NEW*) in which the runtime itself
 * is. proc_name: its file below /proc/self/ns. */
bool plan_joins_own(const struct plan *p, const struct host *h, int type, const char *proc_name);

/* The outside (parent's) id of an inside one; the id itself without entries, (uint32_t)-1 when not
 * mapped. */
uint32_t idmap_outside(const struct plan_idmap *map, uint32_t inside);

/* The container's own directory in a hierarchy, absolute; not for one that stays. A relative path
 * lies beside the runtime's own cgroup on v2, which has processes and so may have no children with
 * controllers, and below it on v1. */
struct host_hierarchy;
const char *plan_cgroup_dir(const struct plan_cgroup *pc, const struct host_hierarchy *h,
			    struct arena *a);

/* CGROUP_SYSTEMD: for an update, what of the settings and device rules that
 * plan_cgroup_build() planned a running unit has properties for. */
void plan_unit_update(struct plan *p);

/* Runs the builders in that order. */
int plan_build(struct plan *p, struct arena *a, const struct plan_input *in, struct err *e);

/* Whether the runtime itself puts something into the container's network namespace. */
static inline bool plan_moves(const struct plan *p)
{
	return p->n_netdev + p->n_rdma > 0;
}

static inline bool plan_has_ns(const struct plan *p, int type)
{
	return ((p->ns.create | p->ns.joined) & type) != 0;
}
