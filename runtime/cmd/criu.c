/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/criu.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/criu_image.h"
#include "base/io.h"

#define CRIU_DEFAULT_IMAGE "checkpoint" /* in the working directory, as runc has it */

struct criu_word {
	const char *name;
	int value;
};

static int criu_word(const char *text, const struct criu_word *words, int *out)
{
	for (; words->name != NULL; words++) {
		if (strcmp(text, words->name) != 0)
			continue;
		*out = words->value;
		return 0;
	}
	return -EINVAL;
}

static int criu_words(const struct criu_flags *f, struct criu_options *out, struct err *e)
{
	static const struct criu_word modes[] = {{"soft", CRIU_CGROUPS_SOFT},
						 {"full", CRIU_CGROUPS_FULL},
						 {"strict", CRIU_CGROUPS_STRICT},
						 {"ignore", CRIU_CGROUPS_IGNORE},
						 {0}};
	static const struct criu_word locks[] = {{"iptables", CRIU_NETWORK_LOCK_IPTABLES},
						 {"nftables", CRIU_NETWORK_LOCK_NFTABLES},
						 {"skip", CRIU_NETWORK_LOCK_SKIP},
						 {0}};
	int mode = CRIU_CGROUPS_SOFT, lock = CRIU_NETWORK_LOCK_DEFAULT;

	if (f->manage_cgroups_mode != NULL && criu_word(f->manage_cgroups_mode, modes, &mode) < 0)
		return err_set(e, EINVAL,
			       "--manage-cgroups-mode: must be soft, full, strict or ignore, got "
			       "'%.100s'",
			       f->manage_cgroups_mode);
	if (f->network_lock != NULL && criu_word(f->network_lock, locks, &lock) < 0)
		return err_set(e, EINVAL,
			       "--network-lock: must be iptables, nftables or skip, got '%.100s'",
			       f->network_lock);
	for (size_t i = 0; i < f->empty_ns.n; i++) {
		if (strcmp(f->empty_ns.v[i], "network") != 0)
			return err_set(e, EINVAL, "--empty-ns: must be network, got '%.100s'",
				       f->empty_ns.v[i]);
		out->empty_ns |= CLONE_NEWNET;
	}
	out->cgroups = (enum criu_cgroups)mode;
	out->network_lock = (enum criu_network_lock)lock;
	return 0;
}

/* criu asks for the capabilities in the initial user namespace, whose map is the one line
 * "0 0 4294967295". */
static bool criu_is_permitted(void)
{
	char map[4096];

	return geteuid() == 0 &&
	       io_read_control(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) > 0 &&
	       strstr(map, " 4294967295\n") != NULL;
}

int criu_options_open(const struct cmd_global *g, const struct criu_flags *f, bool make,
		      struct criu_options *out, struct err *e)
{
	const char *image = f->image_path != NULL ? f->image_path : CRIU_DEFAULT_IMAGE;
	const char *work = f->work_path != NULL ? f->work_path : image;
	char full[PATH_MAX];
	int r = criu_words(f, out, e);

	if (r < 0)
		return r;
	if (!criu_is_permitted())
		return err_set(e, EPERM,
			       "needs root's rights, which criu needs: those of the host's root, "
			       "not of a user namespace's");
	out->program = g->criu;
	out->tcp_established = f->tcp_established;
	out->ext_unix_sk = f->ext_unix_sk;
	out->shell_job = f->shell_job;
	out->file_locks = f->file_locks;
	out->auto_dedup = f->auto_dedup;
	out->lazy_pages = f->lazy_pages;
	out->image = criu_image_open(image, "--image-path",
				     make ? CRIU_IMAGE_MAKE : CRIU_IMAGE_EXISTING, e);
	if (out->image < 0)
		return out->image;
	out->work = criu_image_open(work, "--work-path", CRIU_IMAGE_MAKE, e);
	if (out->work < 0)
		return out->work;
	if (realpath(image, full) == NULL)
		return err_sys(e, errno, "--image-path: '%s'", image);
	out->image_path = arena_strdup(g->arena, full);
	if (realpath(work, full) == NULL)
		return err_sys(e, errno, "--work-path: '%s'", work);
	out->work_path = arena_strdup(g->arena, full);
	return 0;
}

void criu_options_done(struct criu_options *o)
{
	fd_done(&o->image);
	fd_done(&o->work);
}
