/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <fcntl.h>
#include <string.h>

#include "host/cgroupfs.h"
#include "libocispec/oci.h"
#include "plan/plan.h"

/* A plan over a config text and a host that is described by hand, for the builders one by one. */
struct plan_fixture {
	struct arena arena;
	struct oci_config *config;
	struct host_hierarchy hierarchy[3];
	struct host_cgroups cgroups;
	struct host host;
	struct plan_options options;
	struct plan_input in;
	struct plan plan;
	struct err e;
};

/* body: what follows ociVersion in the config. The plan has a mount namespace. */
static inline void plan_fixture(struct plan_fixture *f, const char *body)
{
	memset(f, 0, sizeof(*f));
	const char *text = arena_printf(&f->arena, "{\"ociVersion\":\"1.2.0\"%s}", body);

	f->host.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	f->host.arena = &f->arena;
	f->host.cgroups = &f->cgroups;
	f->in = (struct plan_input){.host = &f->host, .options = &f->options};
	f->plan =
		(struct plan){.arena = &f->arena, .bundle = "/bundle", .rootfs = "/bundle/rootfs"};
	f->plan.ns.create = CLONE_NEWNS;
	if (oci_config_parse(text, strlen(text), &f->arena, &f->config, &f->e) == 0)
		f->in.config = f->config;
}
