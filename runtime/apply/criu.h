/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "plan/plan.h"

/*
 * criu does checkpoint and restore; the runtime tells it what belongs to the host and not to the
 * image. It is spoken to over a socket (`criu swrk FD`, one protobuf message a packet, criu's
 * images/rpc.proto), as runc and libcriu do, and not by its command line: only so are the master of
 * the restored terminal and the pid of the restored init known while the container stands still.
 * No library is needed for that: messages are written and read by base/protobuf.h.
 */

enum criu_cgroups {
	CRIU_CGROUPS_SOFT = 3, /* criu_cg_mode */
	CRIU_CGROUPS_FULL = 4,
	CRIU_CGROUPS_STRICT = 5,
	CRIU_CGROUPS_IGNORE = 0,
};

enum criu_network_lock {
	CRIU_NETWORK_LOCK_DEFAULT, /* criu's own choice */
	CRIU_NETWORK_LOCK_IPTABLES,
	CRIU_NETWORK_LOCK_NFTABLES,
	CRIU_NETWORK_LOCK_SKIP,
};

/* What the command line of checkpoint and restore says. */
struct criu_options {
	const char *program; /* --criu: absolute; NULL: the first in the trusted folders */
	int image, work;     /* directories, open; borrowed */
	const char *image_path, *work_path; /* their names, absolute */
	const char *parent;		    /* images of the dump before, relative to image */
	bool leave_running, pre_dump, lazy_pages, auto_dedup, shell_job;
	bool tcp_established, tcp_skip_in_flight, tcp_close, link_remap, ext_unix_sk, file_locks;
	const char *page_server; /* address */
	uint16_t page_server_port;
	enum criu_cgroups cgroups;
	enum criu_network_lock network_lock;
	int empty_ns; /* CLONE_NEWNET or 0 */
	const char *lsm_profile, *lsm_mount_context;
	int status_fd; /* gets a NUL byte when the lazy pages can be asked for; FD_NONE: none */
};

enum criu_type { /* criu_req_type */
		 CRIU_DUMP = 1,
		 CRIU_RESTORE = 2,
		 CRIU_PRE_DUMP = 4,
		 CRIU_NOTIFY = 6,
		 CRIU_VERSION = 10,
};

struct criu_strings {
	const char **v;
	size_t n, cap;
};

struct criu_pair {
	const char *key, *value;
};

struct criu_pairs {
	struct criu_pair *v;
	size_t n, cap;
};

/* One request, decided before criu is started but for the cgroup roots. */
struct criu_request {
	enum criu_type type;
	const struct criu_options *o;
	const char *log; /* dump.log, restore.log */
	pid_t pid;	 /* of the container's init, to dump */
	const char *root, *freezer, *config;
	struct criu_strings external;	/* "mnt[/etc/hosts]:/srv/hosts" */
	struct criu_pairs join;		/* namespace's name, path */
	struct criu_pairs cgroup_roots; /* controller or NULL, path below the hierarchy's root */
	struct {
		struct criu_inherit {
			const char *key;
			int fd; /* ours; criu gets a copy under another number */
		} * v;
		size_t n, cap;
	} inherit;
};

/* What criu's process has open, besides the standard descriptors. */
enum { CRIU_SOCKET_FD = 3, CRIU_IMAGE_FD, CRIU_WORK_FD, CRIU_INHERIT_FD };

/* The request as one packet. */
void criu_encode(const struct criu_request *r, struct arena *a, const uint8_t **out, size_t *out_n);
/* The answer to a notification. */
void criu_encode_notified(bool success, struct arena *a, const uint8_t **out, size_t *out_n);

struct criu_answer {
	int type; /* enum criu_type */
	bool success;
	int error;	    /* errno, 0: not told */
	const char *text;   /* the first error */
	const char *script; /* of CRIU_NOTIFY: "post-restore" */
	pid_t pid;	    /* of the restored init; 0: not told */
	int version;	    /* 31701 for 3.17.1 */
};

/* Reads one packet of criu. -EBADMSG. */
int criu_decode(const uint8_t *packet, size_t n, struct arena *a, struct criu_answer *out,
		struct err *e);

/* The line of a criu log that tells why it gave up, without its time stamp, or NULL. */
const char *criu_log_reason(const char *log, struct arena *a);

/* ---- what is not of the image ---- */

/*
 * container, host: texts of mountinfo. Mounts of the container whose file system is mounted on the
 * host as well belong to the host, unless they lie within the container's own root: each becomes
 * "mnt[TARGET]:TARGET". own_cgroup_ns: its cgroup mounts are criu's to make again.
 */
void criu_external_mounts(char *container, char *host, bool own_cgroup_ns, struct arena *a,
			  struct criu_strings *out);

/* Whether mount id is one of the text's. */
bool criu_has_mount(const char *mountinfo, uint64_t id);

/* For restore: where the plan takes each of them from. host: text of mountinfo. root: O_PATH of the
 * rootfs, in which links of the targets are resolved. */
void criu_plan_mounts(const struct plan *p, int root, char *host, struct arena *a,
		      struct criu_strings *out);

/* ---- running it (criu_run.c) ---- */

struct cgroup;
struct criu_handlers {
	/* A moment criu tells about; fd: what came with it, borrowed, or FD_NONE. A failure ends
	 * the run. */
	int (*notified)(void *context, const struct criu_answer *a, int fd, struct err *e);
	/* World: criu's process before it is executed; may be NULL. */
	int (*prepare)(void *context, struct err *e);
	void *context;
	const struct cgroup *cgroup; /* to run in; NULL: the runtime's own */
	int namespaces;		     /* CLONE_NEWNS or 0 */
};

/* wanted (--criu), else the first in the system's folders; it must be root's and only root's to
 * change. -ENOENT names the package. */
int criu_find(const char *wanted, struct arena *a, const char **out, struct err *e);

/* -ENOTSUP: it is older than 3.16. */
int criu_check(const char *program, struct arena *a, struct err *e);

/* Runs criu for the request to its end. On failure e holds criu's own reason. *out: its last
 * answer.
 */
int criu_run(const char *program, struct criu_request *r, const struct criu_handlers *h,
	     struct arena *a, struct criu_answer *out, struct err *e);

/* The configuration file of criu: the annotation org.criu.config (empty: none), else the first of
 * the runtimes' that exists; NULL: none. */
const char *criu_config_file(const struct plan_annotation *v, size_t n);

/* ---- the two commands ---- */

struct store;
struct store_entry;
struct record;
struct host;
struct container_options;

/* Writes the image of a running container; afterwards it is gone unless options leave it running.
 * en is locked; it is released before the container is deleted. */
int container_checkpoint(struct store_entry *en, const struct record *rec,
			 const struct criu_options *o, struct err *e);

/* As container_create() with run, from an image. */
int container_restore(const struct store *s, const struct plan *p, const struct host *h,
		      const struct container_options *co, const struct criu_options *o,
		      struct err *e);
