/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cgroup/stats.h"

/*
 * Readers of the kinds of text that control files hold. dir: one directory of the container, NULL
 * when the node lacks it. A missing or unreadable file leaves the output as it was; lines that make
 * no sense are skipped, for kernels add lines.
 */
struct stats_source {
	struct arena *a;
	const struct cgroup_dir *dir;
};

/* The directory that has the controller: the v1 hierarchy that lists it, else the v2 one. */
const struct cgroup_dir *stats_dir(const struct cgroup *c, const char *controller);

/* The whole text of a file, NULL when it can't be had. */
char *stats_text(const struct stats_source *s, const char *file);

/* One number, or "max": STATS_NO_LIMIT. -ENOENT when there is none. */
int stats_number(const struct stats_source *s, const char *file, uint64_t *out);

/* "NAME VALUE" lines ("NAME=VALUE" too). */
void stats_pairs(const struct stats_source *s, const char *file, struct stats_counts *out);
/* The value of a key, 0 without it. */
uint64_t stats_pair(const struct stats_counts *c, const char *key);

/* Numbers separated by blanks. */
void stats_list(const struct stats_source *s, const char *file, struct stats_numbers *out);
/* "0-3,8" written out. */
void stats_ranges(const struct stats_source *s, const char *file, struct stats_numbers *out);

void stats_pressure(const struct stats_source *s, const char *file, struct stats_pressure *out);

/* v1 "MAJ:MIN [OP] VALUE" lines. True when there was at least one. */
bool stats_io_v1(const struct stats_source *s, const char *file, struct stats_io_list *out);
/* v2 io.stat: "MAJ:MIN rbytes=N wbytes=N rios=N ..." lines. */
void stats_io_v2(const struct stats_source *s, struct stats_io_list out[STATS_IO_KINDS]);

/* "DEVICE hca_handle=N hca_object=N" lines. */
void stats_rdma(const struct stats_source *s, const char *file, struct stats_rdma *out);

/* misc.* and dmem.*: usage and limit of every key. prefix: "misc". */
void stats_keyed(const struct stats_source *s, const char *prefix, struct stats_usages *out);

/* All sizes of huge pages. */
void stats_hugetlb(const struct stats_source *s, struct stats_usages *out);
