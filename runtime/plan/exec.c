/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/exec.h"

#include "host/host.h"
#include "libocispec/oci.h"

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
	p->annotation = arena_array(a, config.n_annotations, sizeof(*p->annotation));
	for (size_t i = 0; i < config.n_annotations; i++)
		p->annotation[p->n_annotation++] = (struct plan_annotation){
			config.annotations[i].key, config.annotations[i].value};
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
	*out_types = p->ns.create | p->ns.joined;
	/* nothing is made: all of it is joined, through the container's init */
	p->ns = (struct plan_ns){
		.uid = p->ns.uid,
		.gid = p->ns.gid,
		.bridge = (*out_types & CLONE_NEWPID) != 0 && !host_is_privileged(in->host),
	};
	return 0;
}
