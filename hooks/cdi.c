/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/cdi.h"

#include <ctype.h>
#include <string.h>

/* clang-format off */
#define OJ_AS_TABLES
#define OJ_ALLOW_UNKNOWN false
#include "libocispec/json_expand.h"
#include "hooks/cdi.def"
/* clang-format on */

#define CDI_EARLIEST 2 /* of cdi_versions: what came before had other members */

static const char *const cdi_versions[] = {"0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0",
					   "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"};
enum { CDI_0_4 = 3, CDI_0_5, CDI_0_6, CDI_0_7, CDI_1_1 = 9 };

static int cdi_version_index(const char *v)
{
	/* producers write "v0.5.0" too */
	if (v[0] == 'v')
		v++;
	for (size_t i = 0; i < ARRAY_LEN(cdi_versions); i++)
		if (strcmp(cdi_versions[i], v) == 0)
			return (int)i;
	return -1;
}

bool cdi_version_exists(const char *version)
{
	return cdi_version_index(version) >= CDI_EARLIEST;
}

bool cdi_version_is_lower(const char *x, const char *y)
{
	return cdi_version_index(x) < cdi_version_index(y);
}

/* ---- names ---- */

static bool cdi_is_alnum(char c)
{
	return isalnum((unsigned char)c) && (unsigned char)c < 0x80;
}

/* Letters and digits at both ends, `also` between. */
static bool cdi_is_name(const char *s, size_t n, const char *also, bool letter_first)
{
	if (n == 0 || !cdi_is_alnum(s[0]) || !cdi_is_alnum(s[n - 1]) ||
	    (letter_first && !isalpha((unsigned char)s[0])))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!cdi_is_alnum(s[i]) && strchr(also, s[i]) == NULL)
			return false;
	return memchr(s, '\0', n) == NULL;
}

bool cdi_is_vendor(const char *s, size_t n)
{
	return n <= 253 && cdi_is_name(s, n, "_-.", true);
}

bool cdi_is_class(const char *s, size_t n)
{
	return n <= 63 && cdi_is_name(s, n, "_-.", true);
}

bool cdi_is_device_name(const char *s, size_t n)
{
	return cdi_is_name(s, n, "_-.:", false);
}

static bool cdi_is_kind(const char *s, size_t n)
{
	const char *slash = memchr(s, '/', n);

	return slash != NULL && cdi_is_vendor(s, (size_t)(slash - s)) &&
	       cdi_is_class(slash + 1, n - (size_t)(slash - s) - 1);
}

bool cdi_split_name(const char *qualified, struct arena *a, const char **kind, const char **name)
{
	const char *equals = strchr(qualified, '=');
	size_t n = equals == NULL ? 0 : (size_t)(equals - qualified);

	if (equals == NULL || !cdi_is_kind(qualified, n) ||
	    !cdi_is_device_name(equals + 1, strlen(equals + 1)))
		return false;
	*kind = arena_strndup(a, qualified, n);
	*name = equals + 1;
	return true;
}

/* ---- the version that a document needs ---- */

struct cdi_need {
	int version; /* index of cdi_versions */
	const char *why;
};

static void cdi_needs(struct cdi_need *need, bool used, int version, const char *why)
{
	if (!used || version <= need->version)
		return;
	need->version = version;
	need->why = why;
}

static void cdi_edits_need(const struct cdi_edits *ed, struct cdi_need *need)
{
	const struct cdi_rdt *rdt;

	if (ed == NULL)
		return;
	for (size_t i = 0; i < ed->n_mounts; i++)
		cdi_needs(need, ed->mounts[i].type != NULL, CDI_0_4, "type of a mount");
	for (size_t i = 0; i < ed->n_device_nodes; i++)
		cdi_needs(need, ed->device_nodes[i].host_path != NULL, CDI_0_5,
			  "hostPath of a device node");
	cdi_needs(need, ed->n_additional_gids > 0, CDI_0_7, "additionalGids");
	cdi_needs(need, ed->n_net_devices > 0, CDI_1_1, "netDevices");
	rdt = ed->intel_rdt;
	cdi_needs(need, rdt != NULL, CDI_0_7, "intelRdt");
	cdi_needs(need, rdt != NULL && (rdt->n_schemata > 0 || rdt->enable_monitoring.set), CDI_1_1,
		  "schemata or enableMonitoring of intelRdt");
}

static struct cdi_need cdi_need_of(const struct cdi_spec *s, struct arena *a)
{
	struct cdi_need need = {CDI_EARLIEST, "any CDI document"};
	const char *class = strchr(s->kind, '/');

	cdi_edits_need(s->edits, &need);
	cdi_needs(&need, s->n_annotations > 0, CDI_0_6, "annotations");
	cdi_needs(&need, class != NULL && strchr(class, '.') != NULL, CDI_0_6,
		  "a dot in the class of the kind");
	for (size_t i = 0; i < s->n_devices; i++) {
		const struct cdi_device *d = &s->devices[i];
		cdi_edits_need(d->edits, &need);
		cdi_needs(&need, d->n_annotations > 0, CDI_0_6, "annotations");
		if (!isalpha((unsigned char)d->name[0]))
			cdi_needs(&need, true, CDI_0_5,
				  arena_printf(a,
					       "the device name '%.60s', which begins with no "
					       "letter",
					       d->name));
	}
	return need;
}

const char *cdi_required_version(const struct cdi_spec *s, struct arena *a, const char **why)
{
	struct cdi_need need = cdi_need_of(s, a);

	*why = need.why;
	return cdi_versions[need.version];
}

/* ---- checks ---- */

static int cdi_check_env(const char **env, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (strchr(env[i], '=') == NULL || env[i][0] == '=')
			return err_set(e, EINVAL, ".env[%zu]: must be of the form NAME=VALUE", i);
	return 0;
}

static int cdi_check_node(const struct cdi_device_node *n, struct err *e)
{
	if (n->path[0] != '/')
		return err_set(e, EINVAL, ".path: must be an absolute path, got '%.60s'", n->path);
	if (n->host_path != NULL && n->host_path[0] != '/')
		return err_set(e, EINVAL, ".hostPath: must be an absolute path, got '%.60s'",
			       n->host_path);
	if (n->type != NULL &&
	    (strlen(n->type) > 1 || (n->type[0] != '\0' && strchr("bcup", n->type[0]) == NULL)))
		return err_set(e, EINVAL, ".type: '%.60s' is not one of b, c, u, p", n->type);
	if (n->permissions != NULL && strcmp(n->permissions, "none") != 0 &&
	    n->permissions[strspn(n->permissions, "rwm")] != '\0')
		return err_set(e, EINVAL, ".permissions: '%.60s' is neither of r, w, m nor none",
			       n->permissions);
	return 0;
}

static int cdi_check_mount(const struct cdi_mount *m, struct err *e)
{
	if (m->host_path[0] == '\0')
		return err_set(e, EINVAL, ".hostPath: must not be empty");
	if (m->container_path[0] != '/')
		return err_set(e, EINVAL, ".containerPath: must be an absolute path, got '%.60s'",
			       m->container_path);
	return 0;
}

static int cdi_check_hook(const struct cdi_hook *hook, struct err *e)
{
	static const char *const names[] = {"prestart",	      "createRuntime", "createContainer",
					    "startContainer", "poststart",     "poststop"};
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		known = known || strcmp(hook->hook_name, names[i]) == 0;
	if (!known)
		return err_set(e, EINVAL, ".hookName: '%.60s' is no stage of hooks",
			       hook->hook_name);
	if (hook->path[0] != '/')
		return err_set(e, EINVAL, ".path: must be an absolute path, got '%.60s'",
			       hook->path);
	return cdi_check_env(hook->env, hook->n_env, e);
}

static int cdi_check_net(const struct cdi_edits *ed, size_t at, struct err *e)
{
	const struct cdi_net_device *d = &ed->net_devices[at];

	if (d->host_name[0] == '\0' || d->name[0] == '\0')
		return err_set(e, EINVAL, ": both names must be there");
	for (size_t i = 0; i < at; i++)
		if (strcmp(ed->net_devices[i].host_name, d->host_name) == 0 ||
		    strcmp(ed->net_devices[i].name, d->name) == 0)
			return err_set(e, EINVAL, ": '%.32s' or '%.32s' is given twice",
				       d->host_name, d->name);
	return 0;
}

static int cdi_check_rdt(const struct cdi_rdt *rdt, struct err *e)
{
	const char *id = rdt == NULL ? NULL : rdt->clos_id;

	if (id == NULL || strcmp(id, "/") == 0)
		return 0;
	if (strlen(id) >= 4096 || strcmp(id, ".") == 0 || strcmp(id, "..") == 0 ||
	    strpbrk(id, "/\n") != NULL)
		return err_set(e, EINVAL, ".intelRdt.closID: '%.60s' is no name of a class", id);
	return 0;
}

static int cdi_check_edits(const struct cdi_edits *ed, struct err *e)
{
	int r = cdi_check_env(ed->env, ed->n_env, e);

	for (size_t i = 0; r == 0 && i < ed->n_device_nodes; i++)
		if ((r = cdi_check_node(&ed->device_nodes[i], e)) < 0)
			(void)err_at(e, ".deviceNodes[%zu]", i);
	for (size_t i = 0; r == 0 && i < ed->n_net_devices; i++)
		if ((r = cdi_check_net(ed, i, e)) < 0)
			(void)err_at(e, ".netDevices[%zu]", i);
	for (size_t i = 0; r == 0 && i < ed->n_mounts; i++)
		if ((r = cdi_check_mount(&ed->mounts[i], e)) < 0)
			(void)err_at(e, ".mounts[%zu]", i);
	for (size_t i = 0; r == 0 && i < ed->n_hooks; i++)
		if ((r = cdi_check_hook(&ed->hooks[i], e)) < 0)
			(void)err_at(e, ".hooks[%zu]", i);
	return r == 0 ? cdi_check_rdt(ed->intel_rdt, e) : r;
}

static bool cdi_is_empty(const struct cdi_edits *ed)
{
	return ed->n_env == 0 && ed->n_device_nodes == 0 && ed->n_net_devices == 0 &&
	       ed->n_mounts == 0 && ed->n_hooks == 0 && ed->n_additional_gids == 0 &&
	       ed->intel_rdt == NULL;
}

static int cdi_check_device(const struct cdi_device *d, struct err *e)
{
	if (!cdi_is_device_name(d->name, strlen(d->name)))
		return err_set(e, EINVAL,
			       ".name: '%.60s' must be of letters, digits, and _ - . : between "
			       "them",
			       d->name);
	if (cdi_is_empty(d->edits))
		return err_set(e, EINVAL, ".containerEdits: must not be empty");
	int r = cdi_check_edits(d->edits, e);
	return r < 0 ? err_at(e, ".containerEdits") : 0;
}

static int cdi_compare_names(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* By a sorted copy: a document may have many. */
static int cdi_check_unique(const struct cdi_spec *s, struct arena *a, struct err *e)
{
	const char **names = arena_array(a, s->n_devices, sizeof(*names));

	for (size_t i = 0; i < s->n_devices; i++)
		names[i] = s->devices[i].name;
	qsort(names, s->n_devices, sizeof(*names), cdi_compare_names);
	for (size_t i = 1; i < s->n_devices; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return err_set(e, EINVAL, "devices: the name '%.60s' is given twice",
				       names[i]);
	return 0;
}

int cdi_validate(const struct cdi_spec *s, struct arena *a, struct err *e)
{
	int version = cdi_version_index(s->version);

	if (version < 0)
		return err_set(e, EINVAL,
			       "cdiVersion: '%.60s' is none of %s to %s, which this greffon knows",
			       s->version, cdi_versions[0],
			       cdi_versions[ARRAY_LEN(cdi_versions) - 1]);
	if (!cdi_is_kind(s->kind, strlen(s->kind)))
		return err_set(e, EINVAL, "kind: '%.60s' is not of the form VENDOR/CLASS", s->kind);
	if (s->n_devices == 0)
		return err_set(e, EINVAL, "devices: must have at least one");
	struct cdi_need need = cdi_need_of(s, a);
	if (need.version > version && need.version > CDI_EARLIEST)
		return err_set(e, EINVAL, "cdiVersion: '%.60s' is too low: %s needs %s", s->version,
			       need.why, cdi_versions[need.version]);
	int r = s->edits == NULL ? 0 : cdi_check_edits(s->edits, e);
	if (r < 0)
		return err_at(e, "containerEdits");
	for (size_t i = 0; r == 0 && i < s->n_devices; i++)
		if ((r = cdi_check_device(&s->devices[i], e)) < 0)
			(void)err_at(e, "devices[%zu]", i);
	return r == 0 ? cdi_check_unique(s, a, e) : r;
}

int cdi_parse(const char *text, size_t len, struct arena *a, struct cdi_spec **out, struct err *e)
{
	void *doc;
	int r = oj_parse(&cdi_spec_object, text, len, a, &doc, e);

	if (r < 0)
		return r;
	r = cdi_validate(doc, a, e);
	if (r == 0)
		*out = doc;
	return r;
}
