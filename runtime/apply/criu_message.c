/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "apply/criu.h"
#include "base/protobuf.h"

/* Numbers of criu's images/rpc.proto; criu_opts up to 3.17. */
enum {
	REQ_TYPE = 1,
	REQ_OPTS = 2,
	REQ_NOTIFY_SUCCESS = 3,
};

enum {
	OPT_IMAGES_DIR_FD = 1,
	OPT_PID = 2,
	OPT_LEAVE_RUNNING = 3,
	OPT_EXT_UNIX_SK = 4,
	OPT_TCP_ESTABLISHED = 5,
	OPT_EVASIVE_DEVICES = 6,
	OPT_SHELL_JOB = 7,
	OPT_FILE_LOCKS = 8,
	OPT_LOG_LEVEL = 9,
	OPT_LOG_FILE = 10,
	OPT_PS = 11,
	OPT_NOTIFY_SCRIPTS = 12,
	OPT_ROOT = 13,
	OPT_PARENT_IMG = 14,
	OPT_TRACK_MEM = 15,
	OPT_AUTO_DEDUP = 16,
	OPT_WORK_DIR_FD = 17,
	OPT_LINK_REMAP = 18,
	OPT_CG_ROOT = 25,
	OPT_RST_SIBLING = 26,
	OPT_INHERIT_FD = 27,
	OPT_MANAGE_CGROUPS_MODE = 34,
	OPT_EXTERNAL = 37,
	OPT_EMPTY_NS = 38,
	OPT_JOIN_NS = 39,
	OPT_FREEZE_CGROUP = 44,
	OPT_TCP_SKIP_IN_FLIGHT = 46,
	OPT_LAZY_PAGES = 48,
	OPT_ORPHAN_PTS_MASTER = 50,
	OPT_CONFIG_FILE = 51,
	OPT_TCP_CLOSE = 52,
	OPT_LSM_PROFILE = 53,
	OPT_LSM_MOUNT_CONTEXT = 63,
	OPT_NETWORK_LOCK = 64,
};

enum {
	RESP_TYPE = 1,
	RESP_SUCCESS = 2,
	RESP_RESTORE = 4,
	RESP_NOTIFY = 5,
	RESP_ERRNO = 7,
	RESP_ERRMSG = 9,
	RESP_VERSION = 10,
};

#define CRIU_LOG_LEVEL 4 /* debug: a failure must be explainable without a second try */

static void message_flag(struct protobuf *w, unsigned int field, bool on)
{
	if (on)
		protobuf_number(w, field, 1);
}

static void message_pair(struct protobuf *w, unsigned int field, const struct criu_pair *p)
{
	struct protobuf m = {.a = w->a};

	protobuf_string(&m, 1, p->key);
	protobuf_string(&m, 2, p->value);
	protobuf_message(w, field, &m);
}

/* What both directions share. */
static void message_common(struct protobuf *w, const struct criu_request *r)
{
	const struct criu_options *o = r->o;

	protobuf_number(w, OPT_IMAGES_DIR_FD, CRIU_IMAGE_FD);
	protobuf_number(w, OPT_WORK_DIR_FD, CRIU_WORK_FD);
	protobuf_number(w, OPT_LOG_LEVEL, CRIU_LOG_LEVEL);
	protobuf_string(w, OPT_LOG_FILE, r->log);
	protobuf_string(w, OPT_ROOT, r->root);
	protobuf_string(w, OPT_CONFIG_FILE, r->config);
	protobuf_number(w, OPT_NOTIFY_SCRIPTS, 1);
	protobuf_number(w, OPT_ORPHAN_PTS_MASTER, 1);
	protobuf_number(w, OPT_MANAGE_CGROUPS_MODE, (int64_t)o->cgroups);
	message_flag(w, OPT_SHELL_JOB, o->shell_job);
	message_flag(w, OPT_EXT_UNIX_SK, o->ext_unix_sk);
	message_flag(w, OPT_TCP_ESTABLISHED, o->tcp_established);
	message_flag(w, OPT_FILE_LOCKS, o->file_locks);
	message_flag(w, OPT_AUTO_DEDUP, o->auto_dedup);
	message_flag(w, OPT_LAZY_PAGES, o->lazy_pages);
	if (o->network_lock != CRIU_NETWORK_LOCK_DEFAULT)
		protobuf_number(w, OPT_NETWORK_LOCK, (int64_t)o->network_lock);
	if (o->empty_ns != 0)
		protobuf_number(w, OPT_EMPTY_NS, o->empty_ns);
	for (size_t i = 0; i < r->external.n; i++)
		protobuf_string(w, OPT_EXTERNAL, r->external.v[i]);
}

static void message_dump(struct protobuf *w, const struct criu_request *r)
{
	const struct criu_options *o = r->o;

	protobuf_number(w, OPT_PID, r->pid);
	protobuf_string(w, OPT_FREEZE_CGROUP, r->freezer);
	protobuf_string(w, OPT_PARENT_IMG, o->parent);
	message_flag(w, OPT_TRACK_MEM, o->parent != NULL || o->pre_dump);
	message_flag(w, OPT_LEAVE_RUNNING, o->leave_running);
	message_flag(w, OPT_TCP_SKIP_IN_FLIGHT, o->tcp_skip_in_flight);
	message_flag(w, OPT_LINK_REMAP, o->link_remap);
	if (o->page_server != NULL) {
		struct protobuf ps = {.a = w->a};

		protobuf_string(&ps, 1, o->page_server);
		protobuf_number(&ps, 2, o->page_server_port);
		protobuf_message(w, OPT_PS, &ps);
	}
}

static void message_restore(struct protobuf *w, const struct criu_request *r)
{
	const struct criu_options *o = r->o;

	protobuf_number(w, OPT_RST_SIBLING, 1); /* init becomes the runtime's child */
	protobuf_number(w, OPT_EVASIVE_DEVICES, 1);
	message_flag(w, OPT_TCP_CLOSE, o->tcp_close);
	protobuf_string(w, OPT_LSM_PROFILE, o->lsm_profile);
	protobuf_string(w, OPT_LSM_MOUNT_CONTEXT, o->lsm_mount_context);
	for (size_t i = 0; i < r->join.n; i++)
		message_pair(w, OPT_JOIN_NS, &r->join.v[i]);
	for (size_t i = 0; i < r->cgroup_roots.n; i++)
		message_pair(w, OPT_CG_ROOT, &r->cgroup_roots.v[i]);
	for (size_t i = 0; i < r->inherit.n; i++) {
		struct protobuf m = {.a = w->a};

		protobuf_string(&m, 1, r->inherit.v[i].key);
		protobuf_number(&m, 2, CRIU_INHERIT_FD + (int64_t)i);
		protobuf_message(w, OPT_INHERIT_FD, &m);
	}
}

void criu_encode(const struct criu_request *r, struct arena *a, const uint8_t **out, size_t *out_n)
{
	struct protobuf w = {.a = a}, opts = {.a = a};

	protobuf_number(&w, REQ_TYPE, (int64_t)r->type);
	if (r->o != NULL) {
		message_common(&opts, r);
		if (r->type == CRIU_RESTORE)
			message_restore(&opts, r);
		else
			message_dump(&opts, r);
		protobuf_message(&w, REQ_OPTS, &opts);
	}
	*out = w.v;
	*out_n = w.n;
}

void criu_encode_notified(bool success, struct arena *a, const uint8_t **out, size_t *out_n)
{
	struct protobuf w = {.a = a};

	protobuf_number(&w, REQ_TYPE, CRIU_NOTIFY);
	protobuf_number(&w, REQ_NOTIFY_SUCCESS, success);
	*out = w.v;
	*out_n = w.n;
}

static int message_notify(const struct protobuf_field *m, struct arena *a, struct criu_answer *out)
{
	const uint8_t *at = m->bytes;
	struct protobuf_field f;
	int r;

	while ((r = protobuf_next(&at, m->bytes + m->n, &f)) > 0) {
		if (f.field == 1 && f.bytes != NULL)
			out->script = arena_strndup(a, (const char *)f.bytes, f.n);
		else if (f.field == 2)
			out->pid = (pid_t)f.number;
	}
	return r;
}

static int message_restored(const struct protobuf_field *m, struct criu_answer *out)
{
	const uint8_t *at = m->bytes;
	struct protobuf_field f;
	int r;

	while ((r = protobuf_next(&at, m->bytes + m->n, &f)) > 0)
		if (f.field == 1)
			out->pid = (pid_t)f.number;
	return r;
}

static int message_version(const struct protobuf_field *m, struct criu_answer *out)
{
	const uint8_t *at = m->bytes;
	struct protobuf_field f;
	int r, part[5] = {0}; /* by field: major 1, minor 2, sublevel 4 */

	while ((r = protobuf_next(&at, m->bytes + m->n, &f)) > 0)
		if (f.field < ARRAY_LEN(part))
			part[f.field] = (int)(f.number & 0xff);
	out->version = part[1] * 10000 + part[2] * 100 + part[4];
	return r;
}

static int message_field(const struct protobuf_field *f, struct arena *a, struct criu_answer *out)
{
	switch (f->field) {
	case RESP_TYPE:
		out->type = (int)f->number;
		return 0;
	case RESP_SUCCESS:
		out->success = f->number != 0;
		return 0;
	case RESP_ERRNO:
		out->error = (int)f->number;
		return 0;
	case RESP_ERRMSG:
		if (f->bytes != NULL)
			out->text = arena_strndup(a, (const char *)f->bytes, f->n);
		return 0;
	case RESP_NOTIFY:
		return f->bytes == NULL ? -EBADMSG : message_notify(f, a, out);
	case RESP_RESTORE:
		return f->bytes == NULL ? -EBADMSG : message_restored(f, out);
	case RESP_VERSION:
		return f->bytes == NULL ? -EBADMSG : message_version(f, out);
	default:
		return 0;
	}
}

int criu_decode(const uint8_t *packet, size_t n, struct arena *a, struct criu_answer *out,
		struct err *e)
{
	const uint8_t *at = packet;
	struct protobuf_field f;
	int r;

	*out = (struct criu_answer){0};
	while ((r = protobuf_next(&at, packet + n, &f)) > 0) {
		r = message_field(&f, a, out);
		if (r < 0)
			break;
	}
	return r < 0 ? err_set(e, EBADMSG, "criu: its answer can't be read") : 0;
}

/* "(00.012345)      7: Error (criu/mount.c:10): mnt: ..." */
const char *criu_log_reason(const char *log, struct arena *a)
{
	const char *at = strstr(log, "Error (");

	while (at != NULL && strncmp(at, "Error (criu/cr-service.c", 24) == 0)
		at = strstr(at + 1, "Error (");
	return at == NULL ? NULL : arena_strndup(a, at, strcspn(at, "\n"));
}
