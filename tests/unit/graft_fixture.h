/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "hooks/tree.h"
#include "host/host.h"
#include "libocispec/oci.h"

/* A node made of files in a temporary folder, and what libgraft makes of it. */
struct graft_fixture {
	struct arena arena;
	char dir[64];
	struct host host;
	struct graft_inventory inv;
	struct graft_policy policy;
	struct graft_request request;
	struct graft_edits edits;
	struct err e;
};

static inline void fixture_new(struct graft_fixture *f)
{
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/greffon-unit-XXXXXX");
	cr_assert_not_null(mkdtemp(f->dir));
	f->host = (struct host){.captured = true, .arena = &f->arena};
	f->host.root = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st, (void)type, (void)w;
	return remove(path);
}

static inline void fixture_done(struct graft_fixture *f)
{
	(void)nftw(f->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	fd_done(&f->host.root);
	arena_done(&f->arena);
}

/* The path in the node, with the folders on the way. */
static inline const char *fixture_path(struct graft_fixture *f, const char *path)
{
	char *full = arena_printf(&f->arena, "%s/%s", f->dir, path);

	for (char *p = full + strlen(f->dir) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		(void)mkdir(full, 0755);
		*p = '/';
	}
	return full;
}

static inline void fixture_bytes(struct graft_fixture *f, const char *path, const void *bytes,
				 size_t n)
{
	autoclose int fd =
		open(fixture_path(f, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(io_write_all(fd, bytes, n), 0);
}

static inline void fixture_file(struct graft_fixture *f, const char *path, const char *text)
{
	fixture_bytes(f, path, text, strlen(text));
}

static inline void fixture_link(struct graft_fixture *f, const char *path, const char *target)
{
	cr_assert_eq(symlink(target, fixture_path(f, path)), 0, "%s", path);
}

/* Two NVIDIA GPUs without PCI, and a verbs device. */
static inline void fixture_gpus(struct graft_fixture *f)
{
	fixture_file(f, "proc/devices",
		     "Character devices:\n195 nvidia\n510 nvidia-uvm\n\nBlock devices:\n");
	fixture_file(f, "proc/driver/nvidia/version",
		     "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  x\n");
	fixture_file(f, "proc/driver/nvidia/gpus/0000:01:00.0/information",
		     "Model: \t\t NVIDIA L4\nGPU UUID: \t GPU-a\nDevice Minor: \t 0\n");
	fixture_file(f, "proc/driver/nvidia/gpus/0000:02:00.0/information",
		     "Model: \t\t NVIDIA L4\nGPU UUID: \t GPU-b\nDevice Minor: \t 1\n");
	fixture_file(f, "sys/class/infiniband_verbs/uverbs0/dev", "231:192\n");
	fixture_file(f, "sys/class/infiniband_verbs/uverbs0/ibdev", "mlx5_0\n");
	fixture_file(f, "sys/class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE\n");
	fixture_file(
		f, "nodes.tsv",
		"/dev/nvidia0\tc\t195\t0\t0666\t0\t0\n/dev/nvidia1\tc\t195\t1\t0666\t0\t0\n"
		"/dev/nvidiactl\tc\t195\t255\t0666\t0\t0\n/dev/nvidia-uvm\tc\t510\t0\t0666\t0\t0\n"
		"/dev/infiniband/uverbs0\tc\t231\t192\t0666\t0\t0\n");
}

static inline int fixture_discover(struct graft_fixture *f)
{
	return graft_discover(&f->host, ((1U << GRAFT_DOMAINS) - 1) | GRAFT_MAD, &f->arena, &f->inv,
			      &f->e);
}

/* body: what follows ociVersion in the config. */
static inline int fixture_plan(struct graft_fixture *f, const char *body)
{
	const char *text = arena_printf(&f->arena, "{\"ociVersion\":\"1.2.0\"%s}", body);
	struct oci_config *config;

	cr_assert_eq(oci_config_parse(text, strlen(text), &f->arena, &config, &f->e), 0, "%s",
		     f->e.text);
	int r = graft_policy_load(&f->host, &f->arena, &f->policy, &f->e);
	if (r == 0)
		r = graft_request_read(config, &f->policy, &f->arena, &f->request, &f->e);
	if (r == 0)
		r = graft_discover(&f->host, graft_request_domains(&f->request), &f->arena, &f->inv,
				   &f->e);
	return r < 0 ? r
		     : graft_edit(&f->inv, &f->request, &f->policy, &f->arena, &f->edits, &f->e);
}

/* The paths of the devices, comma separated. */
static inline const char *fixture_devices(struct graft_fixture *f)
{
	const char *list = "";

	for (size_t i = 0; i < f->edits.device.n; i++)
		list = arena_printf(&f->arena, "%s%s%s", list, i > 0 ? "," : "",
				    f->edits.device.v[i].node.path);
	return list;
}
