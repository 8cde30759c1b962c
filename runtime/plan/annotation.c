/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/annotation.h"

#include <string.h>

#include "base/log.h"
#include "host/host.h"

static const char *annotation_exact(const struct plan *p, const char *prefix, const char *name)
{
	size_t n = strlen(prefix);

	for (size_t i = 0; i < p->n_annotation; i++)
		if (strncmp(p->annotation[i].key, prefix, n) == 0 &&
		    strcmp(p->annotation[i].key + n, name) == 0)
			return p->annotation[i].value;
	return NULL;
}

const char *annotation_get(const struct plan *p, const char *name)
{
	const char *value = annotation_exact(p, "org.greffon.", name);

	return value != NULL ? value : annotation_exact(p, "run.oci.", name);
}

const char *annotation_path(const struct plan *p, const struct host *h, const char *name,
			    const char *instead)
{
	const char *value = annotation_get(p, name);

	if (value == NULL || value[0] == '\0')
		return NULL;
	if (h->euid == 0 && !h->in_userns) {
		log_warn("annotations: 'run.oci.%s' has no effect as root, an image may have "
			 "brought "
			 "it; %s",
			 name, instead);
		return NULL;
	}
	if (value[0] != '/') {
		log_warn(
			"annotations: 'run.oci.%s' has no effect, '%.100s' is not an absolute path",
			name, value);
		return NULL;
	}
	return value;
}

/* What crun has and this runtime has not; a container without it would be another one. */
static const struct {
	const char *name, *says;
} annotation_refused[] = {
	{"handler", "there are no handlers (wasm, krun, ...); name a runtime that has this one"},
	{"seccomp.plugins", "nothing is loaded into the runtime; use linux.seccomp.listenerPath"},
	{"seccomp_bpf_data", "a filter comes from linux.seccomp only"},
	{"systemd.force_cgroup_v1",
	 "a container has the cgroup version of its host; boot that with "
	 "systemd.unified_cgroup_hierarchy=0"},
	{"delegate-cgroup",
	 "a cgroup below the container's own is not made; a cgroup namespace and a writable "
	 "cgroup mount delegate the container's own (cgroup v2)"},
};

int plan_annotation_build(struct plan *p, const struct plan_input *in, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(annotation_refused); i++)
		if (annotation_get(p, annotation_refused[i].name) != NULL)
			return err_set(e, ENOTSUP, "annotations: 'run.oci.%s' is not supported: %s",
				       annotation_refused[i].name, annotation_refused[i].says);
	p->pidfd_socket =
		annotation_path(p, in->host, "pidfd_receiver", "use the option --pidfd-socket");
	return 0;
}
