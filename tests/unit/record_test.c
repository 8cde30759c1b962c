/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "state/record.h"

static struct arena arena;

static struct record sample(void)
{
	static struct record_cgroup cgroups[] = {
		{"freezer", "/sys/fs/cgroup/freezer/c1", false, true},
		{"", "/sys/fs/cgroup/c1", true, false}};
	static struct plan_annotation annotations[] = {{"a", "b"}, {"", "\n\"\\ \xc3\xbc"}};

	return (struct record){
		.version = 1,
		.id = "c1",
		.oci_version = "1.3.0",
		.bundle = "/b",
		.rootfs = "/b/rootfs",
		.created = "2026-01-02T03:04:05.000000006Z",
		.creating = true,
		.pid = 4711,
		.start_time = UINT64_MAX,
		.pidfs_inode = 1,
		.boot_id = "5b1e",
		.manager = CGROUP_SYSTEMD,
		.scope = "greffon-c1.scope",
		.cgroup = cgroups,
		.n_cgroup = 2,
		.own_pidns = true,
		.annotation = annotations,
		.n_annotation = 2,
	};
}

static int parse(const char *text, struct err *e)
{
	struct record *r;

	return record_parse(text, strlen(text), &arena, &r, e);
}

Test(record, comes_back_as_it_was_written)
{
	struct record in = sample(), *out;
	struct err e = {0};
	const char *text;
	size_t len;

	cr_assert_eq(record_write(&in, &arena, &text, &len), 0);
	cr_assert_eq(record_parse(text, len, &arena, &out, &e), 0, "%s", e.text);
	cr_assert_str_eq(out->id, in.id);
	cr_assert_str_eq(out->rootfs, in.rootfs);
	cr_assert_str_eq(out->scope, in.scope);
	cr_assert_null(out->console);
	cr_assert_eq(out->pid, in.pid);
	cr_assert_eq(out->start_time, in.start_time);
	cr_assert_eq(out->pidfs_inode, 1);
	cr_assert_eq(out->manager, CGROUP_SYSTEMD);
	cr_assert(out->creating && out->own_pidns && !out->poststop_run);
	cr_assert_eq(out->n_cgroup, 2);
	cr_assert(out->cgroup[0].created && !out->cgroup[0].v2);
	cr_assert_str_eq(out->cgroup[1].controllers, "");
	cr_assert(out->cgroup[1].v2);
	cr_assert_eq(out->n_annotation, 2);
	cr_assert_str_eq(out->annotation[1].key, "");
	cr_assert_str_eq(out->annotation[1].value, "\n\"\\ \xc3\xbc");
}

Test(record, refuses_every_shortened_text)
{
	struct record in = sample(), *out;
	const char *text;
	size_t len;

	cr_assert_eq(record_write(&in, &arena, &text, &len), 0);
	while (len > 0 && text[len - 1] == '\n')
		len--;
	for (size_t n = 0; n < len; n++) {
		struct err e = {0};

		cr_assert_eq(record_parse(text, n, &arena, &out, &e), -EINVAL, "%zu bytes", n);
		cr_assert_neq(e.text[0], '\0');
	}
}

Test(record, refuses_what_it_does_not_understand)
{
	static const char *const bad[] = {
		"null",
		"[]",
		"{}",
		"{\"version\":2,\"id\":\"c\",\"bundle\":\"/"
		"\",\"created\":\"\",\"bootId\":\"\",\"cgroupManager\":\"cgroupfs\"}",
		"{\"version\":1,\"id\":\"c\",\"bundle\":\"/"
		"\",\"created\":\"\",\"bootId\":\"\",\"cgroupManager\":\"other\"}",
		"{\"version\":1,\"id\":7,\"bundle\":\"/"
		"\",\"created\":\"\",\"bootId\":\"\",\"cgroupManager\":\"cgroupfs\"}",
		"{\"version\":1,\"id\":\"c\",\"bundle\":\"/"
		"\",\"created\":\"\",\"bootId\":\"\",\"cgroupManager\":\"cgroupfs\","
		"\"pid\":99999999999}",
	};
	struct err e = {0};

	cr_assert_eq(parse("{\"version\":1,\"id\":\"c\",\"bundle\":\"/"
			   "\",\"created\":\"\",\"bootId\":\"\","
			   "\"cgroupManager\":\"cgroupfs\",\"later\":{}}",
			   &e),
		     0, "%s", e.text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(parse(bad[i], &e), -EINVAL, "%s", bad[i]);
}
