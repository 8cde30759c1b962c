/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/select.h"

#include <fnmatch.h>
#include <string.h>

#include "base/num.h"

struct selector {
	struct select_set *s;
	const struct graft_inventory *inv;
	enum graft_domain d;
	const struct graft_want *want;
	const struct graft_policy *policy;
	struct graft_notes *notes;
	struct arena *a;
	struct err *e;
};

void select_init(struct select_set *s, const struct graft_inventory *inv, struct arena *a)
{
	s->n = inv->device.n;
	s->on = arena_array(a, s->n, sizeof(*s->on));
	s->why = arena_array(a, s->n, sizeof(*s->why));
}

static bool select_is_called(const struct graft_device *dev, const char *word)
{
	if (strcmp(dev->name, word) == 0)
		return true;
	for (size_t i = 0; i < dev->n_alias; i++)
		if (strcmp(dev->alias[i], word) == 0)
			return true;
	return false;
}

/* The first pattern that fits, or NULL. */
static const char *select_pattern(const struct graft_device *dev, const char *const *patterns,
				  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(patterns[i], "all") == 0 || fnmatch(patterns[i], dev->name, 0) == 0)
			return patterns[i];
		for (size_t k = 0; k < dev->n_alias; k++)
			if (fnmatch(patterns[i], dev->alias[k], 0) == 0)
				return patterns[i];
	}
	return NULL;
}

static bool select_matches(const struct graft_device *dev, const char *const *patterns, size_t n)
{
	return select_pattern(dev, patterns, n) != NULL;
}

const char *graft_rule_of(const struct graft_inventory *inv, const struct graft_policy *policy,
			  const struct graft_device *dev)
{
	const struct graft_rule *rule = &policy->rule[dev->domain];
	const char *pattern = select_pattern(dev, rule->allow, rule->n_allow);

	if (rule->allow == NULL)
		return "all";
	if (pattern == NULL && dev->parent >= 0)
		pattern = select_pattern(&inv->device.v[dev->parent], rule->allow, rule->n_allow);
	return pattern;
}

/* A part of a GPU is bound by the rules for the whole one too. */
static bool select_allowed(const struct selector *q, const struct graft_device *dev)
{
	const struct graft_rule *rule = &q->policy->rule[q->d];
	const struct graft_device *whole = dev->parent >= 0 ? &q->inv->device.v[dev->parent] : dev;

	if (select_matches(dev, rule->deny, rule->n_deny) ||
	    select_matches(whole, rule->deny, rule->n_deny))
		return false;
	return rule->allow == NULL || select_matches(dev, rule->allow, rule->n_allow) ||
	       select_matches(whole, rule->allow, rule->n_allow);
}

static void select_on(struct selector *q, size_t i, const char *why)
{
	if (q->s->on[i])
		return;
	q->s->on[i] = true;
	q->s->why[i] = why;
}

/* The MIG instances of a GPU: it can't be used as a whole, and may be one that is not to be had so.
 */
static void select_parts(struct selector *q, size_t i, const char *why)
{
	for (size_t k = 0; k < q->s->n; k++)
		if (q->inv->device.v[k].parent == (int)i &&
		    q->inv->device.v[k].unavailable == NULL &&
		    select_allowed(q, &q->inv->device.v[k]))
			select_on(q, k, why);
}

/* The devices of the domain by name, for an error. */
static const char *select_names(const struct selector *q)
{
	const char *list = "";
	size_t n = 0;

	for (size_t i = 0; i < q->inv->device.n; i++) {
		const struct graft_device *dev = &q->inv->device.v[i];
		if (dev->domain != q->d)
			continue;
		if (++n > 16)
			return arena_printf(q->a, "%s, ...", list);
		list = arena_printf(q->a, "%s%s%s", list, n > 1 ? ", " : "", dev->name);
	}
	return n == 0 ? NULL : list;
}

static int select_nothing(struct selector *q)
{
	static const char *const remedy[GRAFT_DOMAINS] = {
		[GRAFT_GPU] =
			"no NVIDIA GPU was found in /proc/driver/nvidia/gpus; load the module "
			"nvidia (nvidia-modprobe -c 0 -u)",
		[GRAFT_AMD] = "no AMD GPU was found in /sys/class/kfd; load the module amdgpu",
		[GRAFT_RDMA] = "no RDMA device was found in /sys/class/infiniband_verbs; load the "
			       "adapter's module and ib_uverbs",
		[GRAFT_CXI] = "no Slingshot device was found in /sys/class/cxi_user; load "
			      "the module cxi_user",
		[GRAFT_HFI] = "no Omni-Path device was found in /sys/class/hfi1_user; load the "
			      "module hfi1",
		[GRAFT_XPMEM] = "/sys/class/misc/xpmem does not exist; load the module xpmem",
		[GRAFT_KNEM] = "/sys/class/misc/knem does not exist; load the module knem",
		[GRAFT_IMEX] = "this node has no IMEX channel in /dev/nvidia-caps-imex-channels",
		[GRAFT_NVSWITCH] = "this node has no NVSwitch",
		[GRAFT_GDRCOPY] = "/dev/gdrdrv does not exist; load the module gdrdrv",
		[GRAFT_GDS] = "this node has no /dev/nvidia-fs0; load the module nvidia-fs",
		/* these two have no devices to select: hooks/mpi.c, hooks/pmi.c */
		[GRAFT_MPI] = "there is none",
		[GRAFT_PMI] = "there is none",
	};

	return graft_refuse(q->e, ENODEV, q->d, "NONE", "%s asks for it, but %s", q->want->source,
			    remedy[q->d]);
}

/* The MIG instances, for an error; NULL: there is none. */
static const char *select_instances(const struct selector *q)
{
	const char *list = NULL;
	size_t n = 0;

	for (size_t i = 0; i < q->inv->device.n && n <= 16; i++) {
		const struct graft_device *dev = &q->inv->device.v[i];
		if (dev->domain != q->d || dev->parent < 0)
			continue;
		const char *name = ++n > 16 ? "..." : dev->name;
		list = list == NULL ? name : arena_printf(q->a, "%s, %s", list, name);
	}
	return list;
}

static int select_unknown_instance(struct selector *q, const char *word)
{
	const char *list = select_instances(q);

	if (list == NULL)
		return graft_refuse(q->e, ENODEV, q->d, "NOTFOUND",
				    "%s: '%.60s': no GPU of this node is cut into MIG instances",
				    q->want->source, word);
	return graft_refuse(
		q->e, ENODEV, q->d, "NOTFOUND",
		"%s: no file of the node tells which MIG instance '%.60s' is, only NVML "
		"does; name it by its GPU, GI and CI, which nvidia-smi shows: %s",
		q->want->source, word, list);
}

/* Whether some GPU has not been used yet, and so has no UUID that a file tells. */
static bool select_lacks_uuid(const struct selector *q)
{
	for (size_t i = 0; i < q->inv->device.n; i++) {
		const struct graft_device *dev = &q->inv->device.v[i];
		bool has = dev->domain != q->d || dev->parent >= 0 || dev->unavailable != NULL;

		for (size_t k = 0; k < dev->n_alias; k++)
			has = has || strncmp(dev->alias[k], "GPU-", 4) == 0;
		if (!has)
			return true;
	}
	return false;
}

static int select_unknown(struct selector *q, const char *word)
{
	const char *names = select_names(q);

	if (names == NULL)
		return select_nothing(q);
	if (q->d == GRAFT_GPU && strncmp(word, "MIG-", 4) == 0 && strncmp(word, "MIG-GPU-", 8) != 0)
		return select_unknown_instance(q, word);
	if (q->d == GRAFT_GPU && strncmp(word, "GPU-", 4) == 0 && select_lacks_uuid(q))
		return graft_refuse(
			q->e, ENODEV, q->d, "NOTFOUND",
			"%s: there is no '%.60s', but a GPU has no UUID before its first "
			"use: run nvidia-persistenced or nvidia-smi, or name it as one of "
			"%s",
			q->want->source, word, names);
	return graft_refuse(q->e, ENODEV, q->d, "NOTFOUND",
			    "%s: there is no '%.60s'; this node has "
			    "%s",
			    q->want->source, word, names);
}

/* A device that was named must be had; one that "all" or a group brings may be left out. */
static int select_take(struct selector *q, size_t i, bool named, const char *why)
{
	const struct graft_device *dev = &q->inv->device.v[i];

	if (!select_allowed(q, dev)) {
		if (!named) {
			select_parts(q, i, why);
			return 0;
		}
		return graft_refuse(q->e, EACCES, q->d, "DENIED",
				    "%s: %s does not allow '%s' (devices.%s)", q->want->source,
				    q->policy->source, dev->name, graft_domain_name(q->d));
	}
	if (dev->unavailable != NULL) {
		if (named)
			return graft_refuse(q->e, ESTALE, q->d, "UNAVAILABLE", "%s: '%s': %s",
					    q->want->source, dev->name, dev->unavailable);
		graft_note_add(q->notes, q->a, q->d, "UNAVAILABLE", "'%s' is left out: %s",
			       dev->name, dev->unavailable);
		return 0;
	}
	select_on(q, i, why);
	select_parts(q, i, why);
	return 0;
}

typedef bool select_test(const struct graft_device *dev, const char *word, uint64_t low,
			 uint64_t high);

static bool select_is_any(const struct graft_device *dev, const char *word, uint64_t low,
			  uint64_t high)
{
	(void)word, (void)low, (void)high;
	return dev->parent < 0;
}

static bool select_is_named(const struct graft_device *dev, const char *word, uint64_t low,
			    uint64_t high)
{
	(void)low, (void)high;
	return select_is_called(dev, word);
}

static bool select_is_numa(const struct graft_device *dev, const char *word, uint64_t low,
			   uint64_t high)
{
	(void)word, (void)high;
	return dev->parent < 0 && dev->place.numa >= 0 && (uint64_t)dev->place.numa == low;
}

static bool select_is_between(const struct graft_device *dev, const char *word, uint64_t low,
			      uint64_t high)
{
	uint64_t index;

	(void)word;
	return dev->n_alias > 0 && num_u64(dev->alias[0], UINT32_MAX, &index) == 0 &&
	       index >= low && index <= high;
}

struct select_word {
	select_test *test;
	uint64_t low, high;
	bool named;
};

static bool select_parse_range(struct arena *a, const char *word, struct select_word *out)
{
	const char *dash = strchr(word, '-');

	if (dash == NULL ||
	    num_u64(arena_strndup(a, word, (size_t)(dash - word)), UINT32_MAX, &out->low) < 0 ||
	    num_u64(dash + 1, UINT32_MAX, &out->high) < 0 || out->low > out->high)
		return false;
	out->test = select_is_between;
	out->named = true;
	return true;
}

static int select_word(struct selector *q, const char *word)
{
	struct select_word w = {.test = select_is_named, .named = true};
	const char *why = q->want->source;
	size_t found = 0;
	int r = 0;

	if (strcmp(word, "all") == 0)
		w = (struct select_word){.test = select_is_any};
	else if (strncmp(word, "numa:", 5) == 0 && num_u64(word + 5, 4095, &w.low) == 0)
		w = (struct select_word){.test = select_is_numa, .low = w.low};
	else
		(void)select_parse_range(q->a, word, &w);
	if (!w.named || w.test == select_is_between)
		why = arena_printf(q->a, "%s: %s", why, word);
	for (size_t i = 0; r == 0 && i < q->inv->device.n; i++) {
		const struct graft_device *dev = &q->inv->device.v[i];
		if (dev->domain != q->d || !w.test(dev, word, w.low, w.high))
			continue;
		found++;
		r = select_take(q, i, w.named, why);
	}
	if (r == 0 && (found == 0 || (w.test == select_is_between && found < w.high - w.low + 1)))
		return select_unknown(q, word);
	return r;
}

/* The adapter for one GPU of those that may be granted: least distance, then least used so far,
 * then order. An adapter without a port that is up carries nothing. The number of devices: none. */
static size_t select_best(const struct selector *q, const struct graft_device *gpu,
			  unsigned int *used, unsigned int *out_distance)
{
	size_t best = q->inv->device.n;

	for (size_t i = 0; i < q->inv->device.n; i++) {
		const struct graft_device *dev = &q->inv->device.v[i];
		unsigned int distance = graft_distance(&gpu->place, &dev->place);

		if (dev->domain != q->d || dev->unavailable != NULL || !dev->active ||
		    !select_allowed(q, dev))
			continue;
		if (best < q->inv->device.n &&
		    (distance > *out_distance ||
		     (distance == *out_distance && used[i] >= used[best])))
			continue;
		best = i;
		*out_distance = distance;
	}
	if (best < q->inv->device.n)
		used[best]++;
	return best;
}

void select_near_map(const struct graft_inventory *inv, enum graft_domain gpus,
		     const struct graft_policy *policy, struct arena *a, size_t *nearest)
{
	struct selector adapters = {.inv = inv, .d = GRAFT_RDMA, .policy = policy, .a = a};
	struct selector whole = {.inv = inv, .d = gpus, .policy = policy, .a = a};
	unsigned int *used = arena_array(a, inv->device.n, sizeof(*used)), distance = 0;

	for (size_t i = 0; i < inv->device.n; i++) {
		const struct graft_device *dev = &inv->device.v[i];
		nearest[i] = inv->device.n;
		if (dev->domain == gpus && dev->parent < 0 && dev->unavailable == NULL &&
		    select_allowed(&whole, dev))
			nearest[i] = select_best(&adapters, dev, used, &distance);
	}
	for (size_t i = 0; i < inv->device.n; i++)
		if (inv->device.v[i].domain == gpus && inv->device.v[i].parent >= 0)
			nearest[i] = nearest[inv->device.v[i].parent];
}

static int select_nearest(struct selector *q, const struct graft_device *gpu, unsigned int *used)
{
	unsigned int best_distance = 0;
	size_t best = select_best(q, gpu, used, &best_distance);

	if (best == q->inv->device.n)
		return graft_refuse(q->e, ENODEV, q->d, "NONE",
				    "%s: near-gpu: no RDMA device with an active port may be "
				    "granted",
				    q->want->source);
	const char *how =
		best_distance < GRAFT_FAR
			? arena_printf(q->a, "%u PCI steps from %s", best_distance, gpu->name)
			: arena_printf(q->a, "%s %s",
				       best_distance == GRAFT_FAR ? "on the NUMA node of"
								  : "far from",
				       gpu->name);
	select_on(q, best, arena_printf(q->a, "%s: %s", q->want->source, how));
	return 0;
}

static int select_near(struct selector *q)
{
	unsigned int *used = arena_array(q->a, q->inv->device.n, sizeof(*used));
	bool *gpu = arena_array(q->a, q->inv->device.n, sizeof(*gpu));
	bool any = false;
	int r = 0;

	/* of a cut GPU any instance stands for it */
	for (size_t i = 0; i < q->inv->device.n; i++) {
		const struct graft_device *dev = &q->inv->device.v[i];
		if ((dev->domain == GRAFT_GPU || dev->domain == GRAFT_AMD) && q->s->on[i])
			gpu[dev->parent >= 0 ? (size_t)dev->parent : i] = any = true;
	}
	if (!any)
		return graft_refuse(q->e, EINVAL, q->d, "VALUE",
				    "%s: near-gpu needs a GPU granted to the same container",
				    q->want->source);
	for (size_t i = 0; r == 0 && i < q->inv->device.n; i++)
		if (gpu[i])
			r = select_nearest(q, &q->inv->device.v[i], used);
	return r;
}

/* The comma list; words behind ';' are options and not for here. */
static int select_list(struct selector *q, const char *list)
{
	size_t end = strcspn(list, ";");
	char *rest = arena_strndup(q->a, list, end);
	int r = 0;

	for (char *word = strsep(&rest, ","); r == 0 && word != NULL; word = strsep(&rest, ",")) {
		word += strspn(word, " ");
		word[strcspn(word, " ")] = '\0';
		if (word[0] == '\0')
			return graft_refuse(q->e, EINVAL, q->d, "VALUE",
					    "%s: '%.60s' has an empty "
					    "word",
					    q->want->source, list);
		if (strcmp(word, "none") == 0)
			continue;
		if (strcmp(word, "near-gpu") == 0 && q->d == GRAFT_RDMA)
			r = select_near(q);
		else
			r = select_word(q, word);
	}
	return r;
}

static bool select_libs(const char *word, enum graft_verbs_libs *out)
{
	static const char *const words[] = {[GRAFT_VERBS_NONE] = "libs=none",
					    [GRAFT_VERBS_AUTO] = "libs=auto",
					    [GRAFT_VERBS_HOST] = "libs=host"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(word, words[i]) == 0) {
			*out = (enum graft_verbs_libs)i;
			return true;
		}
	return false;
}

/* Only a device of the exclusive mode has a network namespace of its own. */
static int select_move(struct selector *q, struct select_options *out)
{
	const char *mode = graft_fact_find(q->inv, GRAFT_RDMA, "netns");

	out->move = mode != NULL && strcmp(mode, "exclusive") == 0;
	if (out->move)
		return 0;
	return graft_refuse(
		q->e, ENOTSUP, q->d, "NETNS",
		"%s: 'move' needs RDMA devices of a network namespace each, but on this "
		"node all share them; leave 'move' out, or change it at boot: options "
		"ib_core netns_mode=0 in /etc/modprobe.d, or rdma system set netns "
		"exclusive",
		q->want->source);
}

/* Where a container sees what it was not given, and something can be done about it. */
static int select_curtain(const struct selector *q, struct select_options *out)
{
	out->curtain = q->d == GRAFT_GPU || q->d == GRAFT_RDMA;
	if (out->curtain)
		return 0;
	if (q->d == GRAFT_AMD)
		return graft_refuse(
			q->e, ENOTSUP, q->d, "CURTAIN",
			"%s: 'curtain' is not there for it: the kernel itself hides in "
			"/sys/class/kfd what the device rules refuse, and /sys/class/drm, "
			"which rocm-smi reads, can't be hidden; leave 'curtain' out",
			q->want->source);
	return graft_refuse(q->e, ENOTSUP, q->d, "CURTAIN",
			    "%s: 'curtain' is not there for it, only for gpu and rdma; leave "
			    "'curtain' out",
			    q->want->source);
}

static int select_parse_options(struct selector *q, const char *value, struct select_options *out)
{
	const char *text = strchr(value, ';');
	char *rest = text == NULL ? NULL : arena_strdup(q->a, text + 1);

	for (char *word = strsep(&rest, ";"); word != NULL; word = strsep(&rest, ";")) {
		if (q->d == GRAFT_RDMA && select_libs(word, &out->libs))
			continue;
		bool move = q->d == GRAFT_RDMA && strcmp(word, "move") == 0;
		if (move || strcmp(word, "curtain") == 0) {
			int r = move ? select_move(q, out) : select_curtain(q, out);
			if (r < 0)
				return r;
			continue;
		}
		if (q->d != GRAFT_RDMA || strcmp(word, "mad") != 0)
			return graft_refuse(q->e, EINVAL, q->d, "VALUE",
					    "%s: '%.60s' is no option of it; gpu and rdma have "
					    "'curtain', rdma also 'mad', 'move' and 'libs=auto', "
					    "'host' or 'none'",
					    q->want->source, word);
		if (!q->policy->mad)
			return graft_refuse(q->e, EACCES, q->d, "DENIED",
					    "%s: %s does not allow 'mad' (power.mad)",
					    q->want->source, q->policy->source);
		out->mad = true;
	}
	return 0;
}

/* The lower source may only take away: what it does not name is switched off again. What it names
 * in vain is no error: it was written for another node. */
static void select_narrow(struct selector *q)
{
	struct select_set keep;
	struct selector lower = *q;
	struct graft_notes unheard = {0};
	struct err why = {0};
	size_t before = 0, after = 0;

	select_init(&keep, q->inv, q->a);
	lower.s = &keep;
	lower.e = &why;
	lower.notes = &unheard;
	char *rest = arena_strndup(q->a, q->want->narrow, strcspn(q->want->narrow, ";"));
	for (char *word = strsep(&rest, ","); word != NULL; word = strsep(&rest, ","))
		if (select_list(&lower, word) < 0)
			graft_note_add(q->notes, q->a, q->d, "NARROW", "%s: %s",
				       q->want->narrow_source, why.text);
	for (size_t i = 0; i < q->s->n; i++) {
		const struct graft_device *dev = &q->inv->device.v[i];
		if (dev->domain != q->d || !q->s->on[i])
			continue;
		before++;
		q->s->on[i] = keep.on[i];
		after += keep.on[i];
	}
	if (after < before)
		graft_note_add(q->notes, q->a, q->d, "NARROW", "%s leaves %zu of %zu",
			       q->want->narrow_source, after, before);
}

/* A list that asks for something has to bring something. */
static int select_check(struct selector *q)
{
	for (size_t i = 0; i < q->s->n; i++)
		if (q->inv->device.v[i].domain == q->d && q->s->on[i])
			return 0;
	if (strncmp(q->want->value, "none", strcspn(q->want->value, ";")) == 0)
		return 0;
	for (size_t i = 0; i < q->s->n; i++) {
		const struct graft_device *dev = &q->inv->device.v[i];
		if (dev->domain != q->d)
			continue;
		if (!select_allowed(q, dev))
			return graft_refuse(q->e, EACCES, q->d, "DENIED",
					    "%s: %s allows none of them (devices.%s)",
					    q->want->source, q->policy->source,
					    graft_domain_name(q->d));
		return graft_refuse(q->e, ESTALE, q->d, "UNAVAILABLE",
				    "%s: none can be granted; '%s': %s", q->want->source, dev->name,
				    dev->unavailable != NULL ? dev->unavailable : "was not chosen");
	}
	return select_nothing(q);
}

int select_domain(struct select_set *s, const struct graft_inventory *inv, enum graft_domain d,
		  const struct graft_want *want, const struct graft_policy *policy,
		  struct select_options *options, struct graft_notes *notes, struct arena *a,
		  struct err *e)
{
	struct selector q = {s, inv, d, want, policy, notes, a, e};

	options->curtain = false;
	if (want->optional && select_names(&q) == NULL) {
		graft_note_add(notes, a, d, "NONE", "%s asks for it, and this node has none",
			       want->source);
		return 0;
	}
	int r = select_parse_options(&q, want->value, options);

	if (r == 0)
		r = select_list(&q, want->value);
	if (r == 0)
		r = select_check(&q);
	if (r < 0)
		return r;
	if (want->narrow != NULL)
		select_narrow(&q);
	return 0;
}
