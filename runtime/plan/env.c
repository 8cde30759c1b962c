/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/env.h"

#include <string.h>

#include "libocispec/oci.h"

/* Open hash table of indexes + 1 into plan_process.env; a power of two at least twice the entries.
 */
struct env_table {
	uint32_t *slot;
	size_t mask;
};

static size_t env_hash(const char *name, size_t n)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
	return (size_t)(h ^ (h >> 32));
}

/* entry has a '='; the comparison includes it, so that no name matches a longer one. */
static void env_set(struct plan_process *pp, struct env_table *t, const char *entry)
{
	size_t n = (size_t)(strchr(entry, '=') - entry) + 1;
	size_t at = env_hash(entry, n) & t->mask;

	for (; t->slot[at] != 0; at = (at + 1) & t->mask) {
		const char **old = &pp->env[t->slot[at] - 1];
		if (strncmp(*old, entry, n) == 0) {
			*old = entry;
			return;
		}
	}
	pp->env[pp->n_env++] = entry;
	t->slot[at] = (uint32_t)pp->n_env;
}

static bool env_has_value(const struct plan_process *pp, const char *name_equals)
{
	size_t n = strlen(name_equals);

	for (size_t i = 0; i < pp->n_env; i++)
		if (strncmp(pp->env[i], name_equals, n) == 0)
			return pp->env[i][n] != '\0';
	return false;
}

/* sd_listen_fds(3), sd_notify(3). */
static void env_systemd(struct plan *p, struct env_table *t, const struct plan_options *options,
			const char *notify_folder)
{
	static const char pid[] = "LISTEN_PID=1";

	if (options->listen_fds > 0) {
		env_set(&p->process, t,
			arena_printf(p->arena, "LISTEN_FDS=%u", options->listen_fds));
		env_set(&p->process, t, pid);
		for (size_t i = 0; i < p->process.n_env; i++)
			if (p->process.env[i] == pid)
				p->process.listen_pid = i + 1;
		if (options->listen_fdnames != NULL)
			env_set(&p->process, t,
				arena_printf(p->arena, "LISTEN_FDNAMES=%s",
					     options->listen_fdnames));
	}
	if (notify_folder != NULL)
		env_set(&p->process, t,
			arena_printf(p->arena, "NOTIFY_SOCKET=%s/notify", notify_folder));
}

int env_build(struct plan *p, const struct oci_process *o, const struct plan_options *options,
	      const char *notify_folder, struct err *e)
{
	struct plan_process *pp = &p->process;
	size_t room = 16;

	if (o->n_env > UINT32_MAX / 8)
		return err_set(e, E2BIG, "process.env: has %zu entries", o->n_env);
	/* LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES, NOTIFY_SOCKET and the end */
	pp->env = arena_array(p->arena, o->n_env + 5, sizeof(*pp->env));
	while (room < 2 * (o->n_env + 4))
		room *= 2;
	struct env_table t = {arena_array(p->arena, room, sizeof(*t.slot)), room - 1};
	for (size_t i = 0; i < o->n_env; i++) {
		const char *equals = strchr(o->env[i], '=');
		if (equals == NULL || equals == o->env[i])
			return err_set(
				e, EINVAL,
				"process.env[%zu]: must be of the form NAME=VALUE, got '%.80s'", i,
				o->env[i]);
		env_set(pp, &t, o->env[i]);
	}
	env_systemd(p, &t, options, notify_folder);
	/* an empty one is no home either, as runc has it */
	pp->home_missing = !env_has_value(pp, "HOME=");
	return 0;
}
