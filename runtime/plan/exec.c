/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/exec.h"

#include "host/host.h"
#include "libocispec/oci.h"

static void exec_annotations(struct plan *p, const struct oci_config *c)
{
	p->annotation = arena_array(p->arena, c->n_annotations, sizeof(*p->annotation));
	for (size_t i = 0; i < c->n_annotations; i++)
		p->annotation[p->n_annotation++] =
			(struct plan_annotation){c->annotations[i].key, c->annotations[i].value};
}

int plan_exec_join(struct plan *p, const struct host *h)
{
	int types = p->ns.create | p->ns.joined;

	p->ns = (struct plan_ns){
		.uid = p->ns.uid,
		.gid = p->ns.gid,
		.bridge = (types & CLONE_NEWPID) != 0 && !host_is_privileged(h),
	};
	return types;
}

int plan_exec_build(struct plan *p, struct arena *a, const struct plan_input *in,
		    struct oci_process *process, int *out_types, struct err *e)
{
	struct oci_config config = *in->config;
	struct plan_input exec_in = {&config, in->host, in->options};

	config.process = process;
	*p = (struct plan){
		.arena = a,
		.id = in->options->id,
		.bundle = in->options->bundle,
		.oci_version = config.oci_version,
	};
	exec_annotations(p, &config);
	int r = plan_ns_build(p, &exec_in, e);
	if (r == 0)
		r = plan_process_build(p, &exec_in, e);
	if (r == 0)
		r = plan_creds_build(p, &exec_in, e);
	if (r == 0)
		r = plan_seccomp_build(p, &exec_in, e);
	if (r < 0)
		return r;
	if (p->process.argv == NULL)
		return err_set(e, EINVAL, "process.args: must name a program");
	*out_types = plan_exec_join(p, in->host);
	return 0;
}

int plan_mounts_build(struct plan *p, struct arena *a, const struct plan_input *in, int *out_types,
		      struct err *e)
{
	*p = (struct plan){.arena = a, .id = in->options->id, .bundle = in->options->bundle};
	exec_annotations(p, in->config);
	int r = plan_ns_build(p, in, e);
	if (r == 0 && !plan_has_ns(p, CLONE_NEWNS))
		r = err_set(e, EINVAL,
			    "the container has no mount namespace of its own, its mounts are the "
			    "host's");
	if (r == 0)
		r = plan_mount_build(p, in, e);
	if (r == 0)
		r = plan_mask_build(p, in, e);
	for (size_t i = 0; r == 0 && i < p->mounts.n; i++) {
		const struct plan_mount *m = &p->mounts.v[i];

		if (m->verb == MOUNT_CGROUP || m->idmap_own || m->copy_symlink)
			r = err_set(e, ENOTSUP,
				    "%s: %s can only be mounted when a container is made",
				    m->origin,
				    m->verb == MOUNT_CGROUP ? "the container's cgroup"
				    : m->idmap_own	    ? "an idmap of the container's own ids"
							    : "a copied link");
	}
	if (r == 0)
		*out_types = plan_exec_join(p, in->host);
	return r;
}
