/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "apply/criu.h"
#include "base/protobuf.h"
#include "plan_fixture.h"

static struct arena arena;

static void done(void)
{
	arena_done(&arena);
}

TestSuite(criu, .fini = done);

/* The fields of a message as "1:7 2:'text' ", messages within as their length. */
static const char *fields(const uint8_t *v, size_t n)
{
	const char *text = "";
	struct protobuf_field f;
	const uint8_t *at = v;
	int r;

	while ((r = protobuf_next(&at, v + n, &f)) > 0)
		text = f.bytes == NULL ? arena_printf(&arena, "%s%u:%lld ", text, f.field,
						      (long long)f.number)
				       : arena_printf(&arena, "%s%u:'%.*s' ", text, f.field,
						      (int)f.n, (const char *)f.bytes);
	cr_assert_eq(r, 0);
	return text;
}

/* What the request has in its criu_opts. */
static const char *options_of(const struct criu_request *r)
{
	const uint8_t *packet;
	struct protobuf_field f;
	size_t n;

	criu_encode(r, &arena, &packet, &n);
	const uint8_t *at = packet, *end = packet + n;
	cr_assert_eq(protobuf_next(&at, end, &f), 1);
	cr_assert_eq(f.field, 1);
	cr_assert_eq(f.number, (uint64_t)r->type);
	cr_assert_eq(protobuf_next(&at, end, &f), 1);
	cr_assert_eq(f.field, 2);
	return fields(f.bytes, f.n);
}

static bool has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		cr_log_error("no '%s' in '%s'", part, text);
	return strstr(text, part) != NULL;
}

Test(criu, numbers_are_varints)
{
	struct protobuf w = {.a = &arena};

	protobuf_number(&w, 1, 300);
	protobuf_string(&w, 63, "x");
	protobuf_number(&w, 2, -1);
	static const uint8_t want[] = {0x08, 0xac, 0x02, 0xfa, 0x03, 0x01, 'x',	 0x10, 0xff,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
	cr_assert_eq(w.n, sizeof(want));
	cr_assert_arr_eq(w.v, want, sizeof(want));
}

Test(criu, broken_messages_are_refused)
{
	static const uint8_t cut[] = {0x0a, 0x05, 'a'}, open[] = {0x08, 0x80},
			     zero[] = {0x00, 0x01};
	struct protobuf_field f;
	const uint8_t *at = cut;

	cr_assert_eq(protobuf_next(&at, cut + sizeof(cut), &f), -EBADMSG);
	at = open;
	cr_assert_eq(protobuf_next(&at, open + sizeof(open), &f), -EBADMSG);
	at = zero;
	cr_assert_eq(protobuf_next(&at, zero + sizeof(zero), &f), -EBADMSG);
}

Test(criu, dump_has_every_option)
{
	struct criu_options o = {
		.parent = "../pre",
		.leave_running = true,
		.lazy_pages = true,
		.auto_dedup = true,
		.shell_job = true,
		.tcp_established = true,
		.tcp_skip_in_flight = true,
		.link_remap = true,
		.ext_unix_sk = true,
		.file_locks = true,
		.page_server = "10.0.0.1",
		.page_server_port = 99,
		.cgroups = CRIU_CGROUPS_STRICT,
		.network_lock = CRIU_NETWORK_LOCK_SKIP,
		.empty_ns = CLONE_NEWNET,
	};
	struct criu_request r = {
		.type = CRIU_DUMP,
		.o = &o,
		.log = "dump.log",
		.pid = 42,
		.root = "/b/rootfs",
		.freezer = "/sys/fs/cgroup/x",
		.config = "/etc/criu/runc.conf",
	};
	*ARENA_PUSH(&arena, &r.external) = "mnt[/a]:/a";
	const char *t = options_of(&r);

	cr_assert(has(
		t, "1:4 17:5 9:4 10:'dump.log' 13:'/b/rootfs' 51:'/etc/criu/runc.conf' 12:1 50:1 "
		   "34:5 7:1 4:1 5:1 8:1 16:1 48:1 64:3 38:1073741824 37:'mnt[/a]:/a' "));
	cr_assert(has(t, "2:42 44:'/sys/fs/cgroup/x' 14:'../pre' 15:1 3:1 46:1 18:1 11:'"));
	cr_assert(has(t, "10.0.0.1"));
	cr_assert(!strstr(t, " 52:") && !strstr(t, " 26:"));
}

Test(criu, dump_says_nothing_that_is_not_asked_for)
{
	struct criu_options o = {.cgroups = CRIU_CGROUPS_SOFT};
	struct criu_request r = {.type = CRIU_DUMP, .o = &o, .log = "dump.log", .pid = 7};

	cr_assert_str_eq(options_of(&r), "1:4 17:5 9:4 10:'dump.log' 12:1 50:1 34:3 2:7 ");
}

Test(criu, pre_dump_tracks_memory)
{
	struct criu_options o = {.pre_dump = true};
	struct criu_request r = {.type = CRIU_PRE_DUMP, .o = &o, .log = "dump.log", .pid = 7};

	cr_assert(has(options_of(&r), " 15:1 "));
}

Test(criu, restore_has_every_option)
{
	struct criu_options o = {
		.tcp_close = true,
		.cgroups = CRIU_CGROUPS_IGNORE,
		.lsm_profile = "apparmor:x",
		.lsm_mount_context = "ctx",
	};
	struct criu_request r = {.type = CRIU_RESTORE, .o = &o, .log = "restore.log", .root = "/r"};
	*ARENA_PUSH(&arena, &r.join) = (struct criu_pair){"uts", "/proc/1/ns/uts"};
	*ARENA_PUSH(&arena, &r.cgroup_roots) = (struct criu_pair){"", "/c"};
	*ARENA_PUSH(&arena, &r.inherit) = (struct criu_inherit){"pipe:[1]", 1};
	*ARENA_PUSH(&arena, &r.inherit) = (struct criu_inherit){"extRootNetNS", 9};
	const char *t = options_of(&r);

	cr_assert(has(t, " 34:0 26:1 6:1 52:1 53:'apparmor:x' 63:'ctx' 39:'"));
	cr_assert(has(t, "25:'\n"));
	/* {key: 1, fd: 2}, by the numbers that criu's process has them under */
	cr_assert(has(t, "pipe:[1]\x10\x06' "));
	cr_assert(has(t, "extRootNetNS\x10\x07' "));
}

Test(criu, answers_are_read)
{
	struct protobuf w = {.a = &arena}, n = {.a = &arena};
	struct criu_answer a;
	struct err e = {0};

	protobuf_string(&n, 1, "post-restore");
	protobuf_number(&n, 2, 77);
	protobuf_number(&w, 1, CRIU_NOTIFY);
	protobuf_number(&w, 2, 1);
	protobuf_message(&w, 5, &n);
	protobuf_number(&w, 7, 16);
	protobuf_string(&w, 9, "why");
	cr_assert_eq(criu_decode(w.v, w.n, &arena, &a, &e), 0);
	cr_assert_eq(a.type, CRIU_NOTIFY);
	cr_assert(a.success);
	cr_assert_str_eq(a.script, "post-restore");
	cr_assert_eq(a.pid, 77);
	cr_assert_eq(a.error, 16);
	cr_assert_str_eq(a.text, "why");
	cr_assert_eq(criu_decode(w.v, w.n - 1, &arena, &a, &e), -EBADMSG);
}

Test(criu, version_is_one_number)
{
	struct protobuf w = {.a = &arena}, v = {.a = &arena};
	struct criu_answer a;
	struct err e = {0};

	protobuf_number(&v, 1, 3);
	protobuf_number(&v, 2, 17);
	protobuf_number(&v, 4, 1);
	protobuf_number(&w, 1, CRIU_VERSION);
	protobuf_message(&w, 10, &v);
	cr_assert_eq(criu_decode(w.v, w.n, &arena, &a, &e), 0);
	cr_assert_eq(a.version, 31701);
}

Test(criu, reason_is_the_first_error_of_the_log)
{
	cr_assert_null(criu_log_reason("(00.1) all is well\n", &arena));
	cr_assert_str_eq(criu_log_reason("(00.1) Warn  (criu/a.c:1): hm\n"
					 "(00.2)      7: Error (criu/b.c:2): b: no: Bad\n"
					 "(00.3) Error (criu/c.c:3): c\n",
					 &arena),
			 "Error (criu/b.c:2): b: no: Bad");
}

static char container[] = "30 20 8:1 /b/rootfs / rw - ext4 /dev/a rw\n"
			  "31 30 0:50 / /proc rw - proc proc rw\n"
			  "32 30 8:1 /srv/vol /mnt rw master:1 - ext4 /dev/a rw\n"
			  "33 31 0:5 /null /proc/kcore rw - devtmpfs dev rw\n"
			  "34 30 8:1 /b/rootfs/etc /etc ro - ext4 /dev/a rw\n"
			  "35 30 0:60 / /tmp rw - tmpfs tmpfs rw\n"
			  "36 30 0:22 / /sys ro - sysfs sysfs rw\n"
			  "37 36 0:25 /c /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
			  "38 30 8:1 /with\\040space /a\\040b rw - ext4 /dev/a rw\n"
			  "39 30 0:20 / /dev/mqueue rw - mqueue mqueue rw\n";
static char host[] = "20 1 8:1 / / rw shared:1 - ext4 /dev/a rw\n"
		     "21 20 0:5 / /dev rw - devtmpfs dev rw\n"
		     "22 20 0:22 / /sys rw - sysfs sysfs rw\n"
		     "23 22 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
		     "24 21 0:20 / /dev/mqueue rw - mqueue mqueue rw\n"
		     "25 20 0:70 / /srv/vol/sub rw - tmpfs tmpfs rw\n";

static const char *joined(const struct criu_strings *s)
{
	const char *text = "";

	for (size_t i = 0; i < s->n; i++)
		text = arena_printf(&arena, "%s%s ", text, s->v[i]);
	return text;
}

Test(criu, mounts_of_the_host_are_external)
{
	struct criu_strings s = {0}, own = {0};

	criu_external_mounts(arena_strdup(&arena, container), arena_strdup(&arena, host), false,
			     &arena, &s);
	cr_assert_str_eq(joined(&s), "mnt[/mnt]:/mnt mnt[/proc/kcore]:/proc/kcore mnt[/sys]:/sys "
				     "mnt[/sys/fs/cgroup]:/sys/fs/cgroup mnt[/a b]:/a b ");
	criu_external_mounts(arena_strdup(&arena, container), arena_strdup(&arena, host), true,
			     &arena, &own);
	cr_assert_null(strstr(joined(&own), "cgroup"));
}

Test(criu, mount_ids_are_found)
{
	cr_assert(criu_has_mount(container, 30));
	cr_assert(criu_has_mount(container, 39));
	cr_assert(!criu_has_mount(container, 3));
	cr_assert(!criu_has_mount(container, 20));
}

Test(criu, plan_names_where_they_come_from)
{
	struct plan_fixture f;
	struct criu_strings s = {0};

	plan_fixture(&f, ",\"mounts\":[{\"destination\":\"/data\",\"source\":\"/srv/vol\",\"type\":"
			 "\"bind\",\"options\":[\"rbind\"]},{\"destination\":\"/one\",\"source\":"
			 "\"/srv/vol\",\"type\":\"bind\",\"options\":[\"bind\"]},{\"destination\":"
			 "\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}],\"linux\":{"
			 "\"maskedPaths\":[\"/proc/kcore\"]}");
	cr_assert_eq(plan_mount_build(&f.plan, &f.in, &f.e), 0, "%s", f.e.text);
	cr_assert_eq(plan_mask_build(&f.plan, &f.in, &f.e), 0, "%s", f.e.text);
	criu_plan_mounts(&f.plan, f.host.root, arena_strdup(&arena, host), &arena, &s);
	cr_assert_str_eq(joined(&s),
			 "mnt[/data]:/srv/vol mnt[/data/sub]:/srv/vol/sub mnt[/one]:/srv/vol "
			 "mnt[/proc/kcore]:/dev/null mnt[/dev/null]:/dev/null ");
}
