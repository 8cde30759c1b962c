/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "hooks/graft.h"
#include "libocispec/oci.h"

#define REQUEST_PREFIX "org.greffon.graft."
#define REQUEST_MOUNTS "/var/run/nvidia-container-devices/"

struct request_reader {
	struct arena *a;
	const struct oci_config *config;
	const struct graft_policy *policy;
	struct graft_request *out;
	struct err *e;
};

static bool request_truth(const char *value)
{
	return strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
}

/* The want that a key means, or NULL. */
static struct graft_want *request_want(struct graft_request *out, const char *key)
{
	int d = graft_domain_find(key, strlen(key));

	if (d >= 0)
		return &out->want[d];
	if (strcmp(key, "gpu.caps") == 0)
		return &out->caps;
	if (strcmp(key, "rdma.limit") == 0)
		return &out->limit;
	if (strcmp(key, "memlock") == 0)
		return &out->memlock;
	if (strcmp(key, "profile") == 0)
		return &out->profile;
	if (strcmp(key, "record") == 0)
		return &out->record;
	return NULL;
}

static int request_unknown(struct request_reader *q, const char *key, const char *source)
{
	const char *known = "none, strict, profile, memlock, gpu.caps, rdma.limit, record";

	for (int d = 0; d < GRAFT_DOMAINS; d++)
		known = arena_printf(q->a, "%s, %s", known,
				     graft_domain_name((enum graft_domain)d));
	return graft_refuse(q->e, EINVAL, GRAFT_DOMAINS, "KEY", "%s: '%.60s' is none of %s", source,
			    key, known);
}

/* One key of one source; what an earlier source said stays. */
static int request_set(struct request_reader *q, const char *key, const char *value,
		       const char *source, enum graft_trust trust)
{
	struct graft_want *w = request_want(q->out, key);

	if (strcmp(key, "none") == 0 || strcmp(key, "strict") == 0) {
		bool *flag = key[0] == 'n' ? &q->out->none : &q->out->strict;
		if (!request_truth(value) && strcmp(value, "false") != 0)
			return graft_refuse(q->e, EINVAL, GRAFT_DOMAINS, "VALUE",
					    "%s: must be true or false, got '%.60s'", source,
					    value);
		*flag = *flag || request_truth(value);
		return 0;
	}
	if (w == NULL)
		return request_unknown(q, key, source);
	if (strlen(value) > 4096)
		return graft_refuse(q->e, EINVAL, GRAFT_DOMAINS, "VALUE",
				    "%s: is longer than 4096 bytes", source);
	if (w->value == NULL)
		*w = (struct graft_want){.value = value, .source = source, .trust = trust};
	return 0;
}

static int request_annotations(struct request_reader *q)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < q->config->n_annotations; i++) {
		const char *key = q->config->annotations[i].key;
		const char *value = q->config->annotations[i].value;

		if (strncmp(key, REQUEST_PREFIX, strlen(REQUEST_PREFIX)) == 0)
			r = request_set(q, key + strlen(REQUEST_PREFIX), value,
					arena_printf(q->a, "annotation %s", key),
					GRAFT_FROM_ANNOTATION);
		else if (strcmp(key, "com.hooks.mpi.enabled") == 0 && request_truth(value))
			/* Sarus's word for it */
			r = request_set(q, "mpi", "host", arena_printf(q->a, "annotation %s", key),
					GRAFT_FROM_ANNOTATION);
	}
	return r;
}

static int request_profile(struct request_reader *q)
{
	const struct graft_want *w = &q->out->profile;
	const struct graft_policy *p = q->policy;
	int r = 0;

	for (size_t i = 0; w->value != NULL && i < p->n_profile; i++) {
		const struct graft_profile *profile = &p->profile[i];

		if (strcmp(profile->name, w->value) != 0)
			continue;
		for (size_t k = 0; r == 0 && k < profile->n_want; k++)
			r = request_set(q, profile->want[k].key, profile->want[k].value,
					arena_printf(q->a, "profile %s", profile->name),
					GRAFT_FROM_ANNOTATION);
		return r;
	}
	if (w->value == NULL)
		return 0;
	return graft_refuse(q->e, ENODEV, GRAFT_DOMAINS, "NOTFOUND",
			    "%s: there is no profile '%.60s' in the policy (%s)", w->source,
			    w->value, p->source);
}

static const char *request_join(struct arena *a, const char *list, const char *word)
{
	return list == NULL ? word : arena_printf(a, "%s,%s", list, word);
}

/* Device plugins ask by mounts of /dev/null, one a device, since an image can't bring those. */
static int request_mounts(struct request_reader *q)
{
	const struct oci_config *c = q->config;
	const char *gpu = NULL, *imex = NULL;
	int r = 0;

	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct oci_mount *m = &c->mounts[i];
		if (m->source == NULL || m->destination == NULL ||
		    strcmp(m->source, "/dev/null") != 0 ||
		    strncmp(m->destination, REQUEST_MOUNTS, strlen(REQUEST_MOUNTS)) != 0)
			continue;
		const char *name = m->destination + strlen(REQUEST_MOUNTS);
		if (q->out->mount == NULL)
			q->out->mount = arena_array(q->a, c->n_mounts, sizeof(*q->out->mount));
		q->out->mount[q->out->n_mount++] = i;
		if (strncmp(name, "imex/", 5) == 0)
			imex = request_join(q->a, imex, name + 5);
		/* of all names this one alone has slashes: a MIG instance's old one */
		else if ((strchr(name, '/') == NULL || strncmp(name, "MIG-GPU-", 8) == 0) &&
			 name[0] != '\0')
			gpu = request_join(q->a, gpu, name);
		else
			return graft_refuse(q->e, ENOTSUP, GRAFT_GPU, "KEY",
					    "mounts[%zu].destination: '%.60s' is no GPU; CDI names "
					    "are the engine's to resolve, or cdi.resolve's "
					    "of the policy",
					    i, name);
	}
	if (gpu != NULL)
		r = request_set(q, "gpu", gpu, "mounts of /dev/null", GRAFT_FROM_ANNOTATION);
	if (r == 0 && imex != NULL)
		r = request_set(q, "imex", imex, "mounts of /dev/null", GRAFT_FROM_ANNOTATION);
	return r;
}

/* ---- the environment ---- */

static const char *request_env_value(const struct oci_config *c, const char *name)
{
	const struct oci_process *p = c->process;
	const char *value = NULL;
	size_t n = strlen(name);

	/* the last one wins, as in plan/env.c */
	for (size_t i = 0; p != NULL && i < p->n_env; i++)
		if (strncmp(p->env[i], name, n) == 0 && p->env[i][n] == '=')
			value = p->env[i] + n + 1;
	return value;
}

/* A word list with PREFIX before each word that is a number, or without STRIP at its beginning. */
static const char *request_words(struct arena *a, const char *list, const char *strip,
				 const char *prefix)
{
	const char *out = NULL;

	for (const char *p = list; *p != '\0';) {
		size_t n = strcspn(p, ",");
		const char *word = arena_strndup(a, p, n);
		if (strip != NULL && strncmp(word, strip, strlen(strip)) == 0)
			word += strlen(strip);
		if (prefix != NULL && word[strspn(word, "0123456789")] == '\0')
			word = arena_printf(a, "%s%s", prefix, word);
		out = request_join(a, out, word);
		p += n + (p[n] == ',');
	}
	return out;
}

/* What a source below the annotations may do is the policy's word. */
static void request_env_want(struct request_reader *q, enum graft_domain d, const char *name,
			     const char *value)
{
	struct graft_want *w = &q->out->want[d];
	const char *source = arena_printf(q->a, "env %s", name);

	if (q->policy->env == GRAFT_ENV_ACCEPT) {
		if (w->value == NULL && (q->policy->enable & GRAFT_BIT(d)) != 0)
			*w = (struct graft_want){
				.value = value, .source = source, .trust = GRAFT_FROM_ENV};
	} else if (q->policy->env == GRAFT_ENV_RESTRICT && w->value != NULL) {
		w->narrow = value;
		w->narrow_source = source;
	} else if ((q->policy->enable & GRAFT_BIT(d)) != 0 && w->value == NULL) {
		/* where nothing may be granted anyway every CUDA image would be told about */
		graft_note_add(&q->out->note, q->a, d, "ENVIGNORED",
			       "%s=%.60s asks for what only the annotation %s%s may ask for here",
			       name, value, REQUEST_PREFIX, graft_domain_name(d));
	}
}

/* "void", as engines that have resolved it already put it, and nothing mean nothing; and NVIDIA's
 * device plugin, where it asks by mounts, puts the folder of those. */
static bool request_says_something(const char *value)
{
	return value != NULL && value[0] != '\0' && strcmp(value, "void") != 0 &&
	       strcmp(value, "/var/run/nvidia-container-devices") != 0;
}

static void request_env_devices(struct request_reader *q)
{
	static const struct {
		const char *name;
		enum graft_domain domain;
		const char *strip, *prefix;
	} variables[] = {
		{"NVIDIA_VISIBLE_DEVICES", GRAFT_GPU, "nvidia.com/gpu=", NULL},
		{"NVIDIA_IMEX_CHANNELS", GRAFT_IMEX, NULL, NULL},
		{"AMD_VISIBLE_DEVICES", GRAFT_AMD, "amd.com/gpu=", NULL},
		{"MELLANOX_VISIBLE_DEVICES", GRAFT_RDMA, NULL, "mlx:"},
	};

	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		const char *value = request_env_value(q->config, variables[i].name);
		if (request_says_something(value))
			request_env_want(q, variables[i].domain, variables[i].name,
					 request_words(q->a, value, variables[i].strip,
						       variables[i].prefix));
	}
}

/* What NVIDIA's images switch on beside a GPU; without one they say nothing. */
static void request_env_switches(struct request_reader *q)
{
	static const struct {
		const char *name;
		enum graft_domain domain;
		const char *value;
	} switches[] = {
		{"NVIDIA_GDS", GRAFT_GDS, "true"},
		{"NVIDIA_GDRCOPY", GRAFT_GDRCOPY, "true"},
		{"NVIDIA_NVSWITCH", GRAFT_NVSWITCH, "true"},
		{"NVIDIA_MOFED", GRAFT_RDMA, "all"},
	};

	if (q->out->want[GRAFT_GPU].value == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
		const char *value = request_env_value(q->config, switches[i].name);
		struct graft_want *w = &q->out->want[switches[i].domain];
		if (value == NULL || strcmp(value, "enabled") != 0 || w->value != NULL)
			continue;
		request_env_want(q, switches[i].domain, switches[i].name, switches[i].value);
		w->optional = w->value != NULL;
	}
}

/* Driver capabilities choose libraries; what they may bring of devices the policy bounds, whoever
 * asks. */
static void request_env_caps(struct request_reader *q)
{
	const char *value = request_env_value(q->config, "NVIDIA_DRIVER_CAPABILITIES");

	if (value == NULL || value[0] == '\0' || q->out->caps.value != NULL ||
	    q->out->want[GRAFT_GPU].value == NULL || q->policy->env == GRAFT_ENV_IGNORE)
		return;
	q->out->caps = (struct graft_want){.value = value,
					   .source = "env NVIDIA_DRIVER_CAPABILITIES",
					   .trust = GRAFT_FROM_ENV};
}

static void request_env(struct request_reader *q)
{
	request_env_devices(q);
	request_env_switches(q);
}

/* The engine, or a wrapper above, already brings the GPU: a second time would only collide. */
static bool request_has_nvidia_hook(const struct oci_config *c)
{
	static const char *const names[] = {"nvidia-container-runtime-hook",
					    "nvidia-container-toolkit", "nvidia-cdi-hook"};
	const struct oci_hooks *h = c->hooks;

	if (h == NULL)
		return false;
	const struct {
		const struct oci_hook *v;
		size_t n;
	} lists[] = {{h->prestart, h->n_prestart},
		     {h->create_runtime, h->n_create_runtime},
		     {h->create_container, h->n_create_container}};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t k = 0; k < lists[i].n; k++)
			for (size_t m = 0; m < ARRAY_LEN(names); m++) {
				const char *base = strrchr(lists[i].v[k].path, '/');
				if (base != NULL && strcmp(base + 1, names[m]) == 0)
					return true;
			}
	return false;
}

static void request_done_by_other(struct request_reader *q)
{
	struct graft_want *w = &q->out->want[GRAFT_GPU];

	if (w->value == NULL || !request_has_nvidia_hook(q->config))
		return;
	graft_note_add(&q->out->note, q->a, GRAFT_GPU, "OTHER",
		       "%s is left to the NVIDIA hook that the config brings", w->source);
	*w = (struct graft_want){0};
}

static int request_always(struct request_reader *q)
{
	const struct graft_policy *p = q->policy;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->n_always; i++)
		r = request_set(q, p->always[i].key, p->always[i].value,
				arena_printf(q->a, "policy always.%s", p->always[i].key),
				GRAFT_FROM_POLICY);
	return r;
}

int graft_request_read(const struct oci_config *c, const struct graft_policy *policy,
		       struct arena *a, struct graft_request *out, struct err *e)
{
	struct request_reader q = {a, c, policy, out, e};

	*out = (struct graft_request){0};
	int r = request_annotations(&q);
	if (r == 0)
		r = request_profile(&q);
	if (r == 0)
		r = request_mounts(&q);
	if (r == 0 && policy->env == GRAFT_ENV_ACCEPT)
		request_env(&q);
	if (r == 0)
		r = request_always(&q);
	if (r < 0)
		return r;
	if (policy->env != GRAFT_ENV_ACCEPT)
		request_env(&q);
	request_env_caps(&q);
	request_done_by_other(&q);
	if (out->none) {
		struct graft_request nothing = {
			.none = true, .mount = out->mount, .n_mount = out->n_mount};
		*out = nothing;
	}
	return 0;
}

int graft_request_options(const struct oci_map_entry *want, size_t n,
			  const struct graft_policy *policy, struct arena *a,
			  struct graft_request *out, struct err *e)
{
	struct request_reader q = {.a = a, .policy = policy, .out = out, .e = e};
	int r = 0;

	*out = (struct graft_request){0};
	for (size_t i = 0; r == 0 && i < n; i++)
		r = request_set(&q, want[i].key, want[i].value,
				arena_printf(a, "--graft %s", want[i].key), GRAFT_FROM_ANNOTATION);
	return r == 0 ? request_profile(&q) : r;
}

unsigned int graft_request_domains(const struct graft_request *r)
{
	unsigned int domains = 0;

	for (int d = 0; d < GRAFT_DOMAINS; d++)
		if (r->want[d].value != NULL)
			domains |= GRAFT_BIT(d);
	if (r->want[GRAFT_RDMA].value != NULL && strstr(r->want[GRAFT_RDMA].value, "mad") != NULL)
		domains |= GRAFT_MAD;
	return domains;
}
