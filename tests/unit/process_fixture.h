/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/plan.h"

/* A plan under construction out of a piece of config.json, with nothing built yet but the
 * namespaces. */
struct fixture {
	struct arena arena;
	struct host host;
	struct plan_options options;
	struct plan_input in;
	struct oci_config *config;
	struct plan plan;
	struct err e;
};

/* json: the members of config.json beside ociVersion, without braces; single quotes stand for
 * double ones. */
static inline void fixture_open(struct fixture *f, const char *json)
{
	char *text = arena_printf(&f->arena, "{\"ociVersion\":\"1.2.0\"%s%s}",
				  *json != '\0' ? "," : "", json);

	for (char *c = text; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	cr_assert_eq(oci_config_parse(text, strlen(text), &f->arena, &f->config, &f->e), 0,
		     "%s: %s", text, f->e.text);
	f->host.arena = &f->arena;
	f->host.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	f->host.cap_bounding = (UINT64_C(1) << 41) - 1;
	f->options.id = "t";
	f->options.bundle = "/tmp";
	f->in = (struct plan_input){f->config, &f->host, &f->options};
	f->plan = (struct plan){.arena = &f->arena,
				.id = "t",
				.bundle = "/tmp",
				.rootfs = "/r",
				.oci_version = "1.2.0"};
	f->plan.annotation =
		arena_array(&f->arena, f->config->n_annotations, sizeof(*f->plan.annotation));
	for (size_t i = 0; i < f->config->n_annotations; i++)
		f->plan.annotation[f->plan.n_annotation++] = (struct plan_annotation){
			f->config->annotations[i].key, f->config->annotations[i].value};
	cr_assert_eq(plan_ns_build(&f->plan, &f->in, &f->e), 0, "%s", f->e.text);
}

static inline void fixture_done(struct fixture *f)
{
	fd_done(&f->host.root);
	arena_done(&f->arena);
}

#define FIXTURE(f, json)                                                                           \
	__attribute__((cleanup(fixture_done))) struct fixture f = {.host = {.root = FD_NONE}};     \
	fixture_open(&f, json)

/* The builder refuses and says why; text is a part of the message. */
#define REFUSES(json, build, part)                                                                 \
	do {                                                                                       \
		FIXTURE(refused_, json);                                                           \
		cr_assert_lt(build(&refused_.plan, &refused_.in, &refused_.e), 0, "%s", json);     \
		cr_assert_not_null(strstr(refused_.e.text, part), "'%s' lacks '%s'",               \
				   refused_.e.text, part);                                         \
	} while (0)

#define BUILDS(f, build) cr_assert_eq(build(&f.plan, &f.in, &f.e), 0, "%s", f.e.text)
