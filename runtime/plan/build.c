/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "host/host.h"
#include "libocispec/oci.h"
#include "plan/cdi.h"

/* Any 1.x is read; a newer minor may hold properties that are ignored here, as the spec says. */
static int build_version(struct plan *p, const struct oci_config *c, struct err *e)
{
	char *end;
	const char *v = c->oci_version;

	if (v == NULL || v[0] == '\0')
		return err_set(e, EINVAL, "ociVersion: is required");
	unsigned long major = strtoul(v, &end, 10);
	if (end == v || *end != '.' || v[0] < '0' || v[0] > '9')
		return err_set(e, EINVAL, "ociVersion: '%s' is not of the form 1.2.3", v);
	const char *minor_text = end + 1;
	unsigned long minor = strtoul(minor_text, &end, 10);
	if (end == minor_text || *end != '.' || end[1] < '0' || end[1] > '9')
		return err_set(e, EINVAL, "ociVersion: '%s' is not of the form 1.2.3", v);
	if (major != 1)
		return err_set(e, EINVAL, "ociVersion: '%s' is not supported, only 1.x is", v);
	if (minor > 3)
		log_debug("ociVersion: '%s' is newer than 1.3; what is unknown is ignored", v);
	p->oci_version = v;
	return 0;
}

static int build_root(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct oci_root *root = in->config->root;
	struct stat st;

	if (root == NULL)
		return err_set(e, EINVAL, "root: is required");
	if (root->path == NULL || root->path[0] == '\0')
		return err_set(e, EINVAL, "root.path: must not be empty");
	if (strlen(root->path) >= 4096)
		return err_set(e, ENAMETOOLONG, "root.path: is longer than 4095 bytes");
	p->rootfs = root->path[0] == '/' ? root->path
					 : arena_printf(p->arena, "%s/%s", p->bundle, root->path);
	if (fstatat(in->host->root, p->rootfs + 1, &st, 0) < 0 && stat(p->rootfs, &st) < 0)
		return err_sys(e, errno, "root.path: '%s'", p->rootfs);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "root.path: '%s' is not a directory", p->rootfs);
	/* Binding the node's own root into a container is never what a bundle means. */
	struct stat slash;
	if (fstat(in->host->root, &slash) == 0 && slash.st_dev == st.st_dev &&
	    slash.st_ino == st.st_ino)
		return err_set(e, EINVAL, "root.path: '%s' is the root of the host", p->rootfs);
	p->mounts.root_readonly = root->readonly.v;
	p->mounts.no_pivot = in->options->no_pivot;
	return 0;
}

static int build_annotations(struct plan *p, const struct oci_config *c, struct err *e)
{
	p->annotation = arena_array(p->arena, c->n_annotations, sizeof(*p->annotation));
	for (size_t i = 0; i < c->n_annotations; i++) {
		if (c->annotations[i].key[0] == '\0')
			return err_set(e, EINVAL, "annotations: a key must not be empty");
		p->annotation[p->n_annotation++] =
			(struct plan_annotation){c->annotations[i].key, c->annotations[i].value};
	}
	return 0;
}

/* With the config as the builders shall see it. */
static int build_areas(struct plan *p, const struct plan_input *in, struct err *e)
{
	static int (*const builders[])(struct plan *, const struct plan_input *, struct err *) = {
		plan_annotation_build, plan_ns_build,	 plan_process_build, plan_creds_build,
		plan_cgroup_build,     plan_mount_build, plan_mask_build,    plan_device_build,
		plan_seccomp_build,    plan_hook_build,	 plan_sysctl_build,  plan_netdev_build,
		plan_ready_build,      plan_rdt_build,	 plan_graft_build,   plan_unit_build,
	};

	int r = build_version(p, in->config, e);
	if (r == 0)
		r = build_root(p, in, e);
	if (r == 0)
		r = build_annotations(p, in->config, e);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(builders); i++)
		r = builders[i](p, in, e);
	return r;
}

int plan_build(struct plan *p, struct arena *a, const struct plan_input *in, struct err *e)
{
	struct plan_input edited = *in;
	struct cdi_result cdi;

	*p = (struct plan){.arena = a, .id = in->options->id, .bundle = in->options->bundle};
	int r = plan_cdi_resolve(p, &edited, &cdi, e);
	if (r < 0)
		return r;
	r = build_areas(p, &edited, e);
	if (r < 0)
		return plan_cdi_locate(p, &cdi, e);
	plan_cdi_finish(p, &cdi);
	return 0;
}
