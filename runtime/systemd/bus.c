/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "systemd/bus.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/io.h"

#define BUS_DESTINATION "org.freedesktop.systemd1"
#define BUS_PATH "/org/freedesktop/systemd1"
#define BUS_MANAGER "org.freedesktop.systemd1.Manager"

/* For one call, and for one job: a manager that is busy may take long, one that hangs must not. */
#define BUS_TIMEOUT_US (UINT64_C(30) * 1000 * 1000)
/* A unit of our name that is going away is waited for this long. */
#define BUS_RETRY_US (UINT64_C(5) * 1000 * 1000)

static void bus_message_done(sd_bus_message **m)
{
	*m = sd_bus_message_unref(*m);
}
#define automessage __attribute__((cleanup(bus_message_done))) sd_bus_message
#define autobuserror __attribute__((cleanup(sd_bus_error_free))) sd_bus_error

static uint64_t bus_now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int bus_on_job(sd_bus_message *m, void *data, sd_bus_error *ignored)
{
	struct bus *b = data;
	const char *path, *unit, *result;
	uint32_t id;

	(void)ignored;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) >= 0 && b->job != NULL &&
	    strcmp(path, b->job) == 0)
		b->result = arena_strdup(b->arena, result);
	return 0;
}

/* The manager itself listens here, for callers of its own user (systemctl uses it). */
static int bus_connect_private(struct bus *b)
{
	const char *dir = b->user ? getenv("XDG_RUNTIME_DIR") : "/run";

	if (dir == NULL || dir[0] != '/' || strpbrk(dir, ",;:%=") != NULL)
		return -ENOENT;
	const char *path = arena_printf(b->arena, "%s/systemd/private", dir);
	if (access(path, F_OK) < 0)
		return -errno;
	int r = sd_bus_new(&b->bus);
	if (r >= 0)
		r = sd_bus_set_address(b->bus, arena_printf(b->arena, "unix:path=%s", path));
	return r >= 0 ? sd_bus_start(b->bus) : r;
}

/* Only a bus, which stands between, has to be told what we want to hear. */
static int bus_connect_daemon(struct bus *b)
{
	int r = b->user ? sd_bus_open_user(&b->bus) : sd_bus_open_system(&b->bus);

	return r < 0 ? r
		     : sd_bus_call_method_async(b->bus, NULL, BUS_DESTINATION, BUS_PATH,
						BUS_MANAGER, "Subscribe", NULL, NULL, "");
}

static int bus_listen(struct bus *b)
{
	return sd_bus_match_signal_async(b->bus, NULL, NULL, BUS_PATH, BUS_MANAGER, "JobRemoved",
					 bus_on_job, NULL, b);
}

int bus_open(struct bus *b, bool user, struct arena *a, struct err *e)
{
	*b = (struct bus){.user = user, .arena = a};
	int r = bus_connect_private(b);

	if (r >= 0)
		r = bus_listen(b);
	if (r < 0) {
		bus_done(b);
		r = bus_connect_daemon(b);
		if (r >= 0)
			r = bus_listen(b);
	}
	if (r >= 0)
		return 0;
	return err_set(e, ENOTCONN,
		       user ? "systemd of the user can't be reached (%s): log in with a systemd "
			      "session and set XDG_RUNTIME_DIR, or use --cgroup-manager cgroupfs"
			    : "systemd can't be reached (%s): start it, or use --cgroup-manager "
			      "cgroupfs",
		       strerror(-r));
}

void bus_done(struct bus *b)
{
	b->bus = sd_bus_close_unref(b->bus);
}

/* The message of a refused call as our error. */
static int bus_refused(const char *what, const char *unit, int r, const sd_bus_error *why,
		       struct err *e)
{
	if (r == -ETIMEDOUT)
		return err_set(e, ETIMEDOUT, "systemd did not answer for %d s: %s of %s",
			       (int)(BUS_TIMEOUT_US / 1000000), what, unit);
	return err_set(e, -r, "systemd: %s of %s: %s", what, unit,
		       why->message != NULL ? why->message : strerror(-r));
}

static int bus_wait_job(struct bus *b, const char *what, const char *unit, struct err *e)
{
	uint64_t end = bus_now_us() + BUS_TIMEOUT_US;

	while (b->result == NULL) {
		uint64_t now = bus_now_us();
		int r = sd_bus_process(b->bus, NULL);

		if (r == 0 && now >= end)
			r = -ETIMEDOUT;
		else if (r == 0)
			r = sd_bus_wait(b->bus, end - now);
		if (r < 0 && r != -EINTR) {
			autobuserror none = SD_BUS_ERROR_NULL;
			return bus_refused(what, unit, r, &none, e);
		}
	}
	if (strcmp(b->result, "done") == 0)
		return 0;
	return err_set(e, strcmp(b->result, "timeout") == 0 ? ETIMEDOUT : ECANCELED,
		       "systemd: %s of %s ended as '%s'; see systemctl status %s", what, unit,
		       b->result, unit);
}

static int bus_job_of(struct bus *b, sd_bus_message *answer)
{
	const char *path;
	int r = sd_bus_message_read(answer, "o", &path);

	b->result = NULL;
	b->job = r < 0 ? NULL : arena_strdup(b->arena, path);
	return r;
}

static int bus_append_list(sd_bus_message *m, const struct property *p)
{
	int r = sd_bus_message_open_container(m, 'a', p->type == PROPERTY_PAIRS ? "(ss)" : "(st)");

	for (size_t i = 0; r >= 0 && i < p->n_strings; i++) {
		if (p->type == PROPERTY_RATES) {
			r = sd_bus_message_append(m, "(st)", p->strings[i], p->numbers[i]);
		} else {
			r = sd_bus_message_append(m, "(ss)", p->strings[i], p->strings[i + 1]);
			i++;
		}
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int bus_append_bytes(sd_bus_message *m, const struct property *p, struct arena *a)
{
	uint8_t *bytes = arena_alloc(a, p->n_numbers);

	for (size_t i = 0; i < p->n_numbers; i++)
		bytes[i] = (uint8_t)p->numbers[i];
	return sd_bus_message_append_array(m, 'y', bytes, p->n_numbers);
}

static int bus_append_strings(sd_bus_message *m, const struct property *p)
{
	int r = sd_bus_message_open_container(m, 'a', "s");

	for (size_t i = 0; r >= 0 && i < p->n_strings; i++)
		r = sd_bus_message_append(m, "s", p->strings[i]);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int bus_append_value(sd_bus_message *m, const struct property *p, struct arena *a)
{
	switch (p->type) {
	case PROPERTY_BOOL:
		return sd_bus_message_append(m, "b", (int)p->numbers[0]);
	case PROPERTY_I32:
		return sd_bus_message_append(m, "i", (int32_t)p->numbers[0]);
	case PROPERTY_U32:
		return sd_bus_message_append(m, "u", (uint32_t)p->numbers[0]);
	case PROPERTY_U64:
		return sd_bus_message_append(m, "t", p->numbers[0]);
	case PROPERTY_STRING:
		return sd_bus_message_append(m, "s", p->strings[0]);
	case PROPERTY_STRINGS:
		return bus_append_strings(m, p);
	case PROPERTY_BYTES:
		return bus_append_bytes(m, p, a);
	case PROPERTY_PAIRS:
	case PROPERTY_RATES:
		return bus_append_list(m, p);
	}
	return -EINVAL;
}

static int bus_append_property(sd_bus_message *m, const struct property *p, struct arena *a)
{
	static const char *const signatures[PROPERTY_TYPES] = {"b",  "i",  "u",	    "t",    "s",
							       "as", "ay", "a(ss)", "a(st)"};
	int r = sd_bus_message_open_container(m, 'r', "sv");

	if (r >= 0)
		r = sd_bus_message_append(m, "s", p->name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', signatures[p->type]);
	if (r >= 0)
		r = bus_append_value(m, p, a);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int bus_append_properties(struct bus *b, sd_bus_message *m, const struct properties *all)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	for (size_t i = 0; r >= 0 && i < all->n; i++)
		r = bus_append_property(m, &all->v[i], b->arena);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Takes those optional properties out that the error names. False: there is none. */
static bool bus_drop(struct bus *b, struct properties *all, const sd_bus_error *why,
		     const char **dropped)
{
	size_t kept = 0, before = all->n;

	for (size_t i = 0; i < all->n; i++) {
		struct property *p = &all->v[i];
		const char *at = why->message != NULL ? strstr(why->message, p->name) : NULL;
		/* a whole word: "IOWeight" is not in "BlockIOWeight=" */
		bool named = at != NULL && (at == why->message || strchr(" '\"", at[-1]) != NULL) &&
			     strchr(" ,.=:'\"", at[strlen(p->name)]) != NULL;
		if (!p->optional || !named) {
			all->v[kept++] = *p;
			continue;
		}
		if (strstr(*dropped, p->name) == NULL)
			*dropped = arena_printf(b->arena, "%s%s%s", *dropped,
						(*dropped)[0] != '\0' ? "," : "", p->name);
	}
	all->n = kept;
	return kept < before;
}

static bool bus_is_scope(const char *unit)
{
	size_t n = strlen(unit);

	return n > 6 && strcmp(unit + n - 6, ".scope") == 0;
}

static int bus_call_start(struct bus *b, const char *unit, const struct properties *all,
			  sd_bus_error *why)
{
	automessage *m = NULL, *answer = NULL;
	int r = sd_bus_message_new_method_call(b->bus, &m, BUS_DESTINATION, BUS_PATH, BUS_MANAGER,
					       "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(m, "ss", unit, "fail");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	if (r >= 0 && bus_is_scope(unit))
		r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, (uint32_t)getpid());
	for (size_t i = 0; r >= 0 && i < all->n; i++)
		r = bus_append_property(m, &all->v[i], b->arena);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call(b->bus, m, BUS_TIMEOUT_US, why, &answer);
	return r < 0 ? r : bus_job_of(b, answer);
}

/* Whether the unit of the name is one that lives, and not the rest of one. */
static bool bus_is_active(struct bus *b, const char *unit)
{
	autofree char *path = NULL;
	autofree char *state = NULL;
	autobuserror why = SD_BUS_ERROR_NULL;

	if (sd_bus_path_encode(BUS_PATH "/unit", unit, &path) < 0 ||
	    sd_bus_get_property_string(b->bus, BUS_DESTINATION, path,
				       "org.freedesktop.systemd1.Unit", "ActiveState", &why,
				       &state) < 0)
		return false;
	return strcmp(state, "active") == 0 || strcmp(state, "activating") == 0;
}

/* A call whose answer nobody waits for: mostly there is nothing to do. */
static void bus_tell(struct bus *b, sd_bus_message *m)
{
	if (sd_bus_message_set_expect_reply(m, 0) >= 0 && sd_bus_send(b->bus, m, NULL) >= 0)
		(void)sd_bus_flush(b->bus);
}

static void bus_reset_failed(struct bus *b, const char *unit)
{
	automessage *m = NULL;

	if (sd_bus_message_new_method_call(b->bus, &m, BUS_DESTINATION, BUS_PATH, BUS_MANAGER,
					   "ResetFailedUnit") >= 0 &&
	    sd_bus_message_append(m, "s", unit) >= 0)
		bus_tell(b, m);
}

/* Stopping begins with SIGTERM, which an init that waits for its start does not hear: systemd would
 * wait for 90 s. */
static void bus_kill(struct bus *b, const char *unit)
{
	automessage *m = NULL;

	if (sd_bus_message_new_method_call(b->bus, &m, BUS_DESTINATION, BUS_PATH, BUS_MANAGER,
					   "KillUnit") >= 0 &&
	    sd_bus_message_append(m, "ssi", unit, "all", SIGKILL) >= 0)
		bus_tell(b, m);
}

/* 1: try again, 0: no use, -errno. pause_us grows. */
static int bus_clear_name(struct bus *b, const char *unit, uint64_t end, long *pause_us,
			  struct err *e)
{
	if (bus_is_active(b, unit))
		return err_set(e, EEXIST,
			       "linux.cgroupsPath: the unit %s is active already, is another "
			       "container using it?",
			       unit);
	if (bus_now_us() >= end)
		return err_set(e, EEXIST,
			       "systemd: the unit %s exists already and does not go away; see "
			       "systemctl status %s",
			       unit, unit);
	bus_reset_failed(b, unit);
	struct timespec t = {0, *pause_us * 1000};
	(void)nanosleep(&t, NULL);
	*pause_us = *pause_us < 50000 ? *pause_us * 2 : *pause_us;
	return 1;
}

/* The line of the unit in our own /proc/self/cgroup: of v2, else of systemd's own v1 hierarchy. */
static int bus_own_cgroup(struct bus *b, const char *unit, const char **out, struct err *e)
{
	char *text;
	int r = io_read_file(AT_FDCWD, "/proc/self/cgroup", WIRE_MAX, b->arena, &text, NULL);

	for (char *line = r < 0 ? NULL : strsep(&text, "\n"); line != NULL;
	     line = strsep(&text, "\n")) {
		const char *controllers = strchr(line, ':');
		const char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
		const char *name = path != NULL ? strrchr(path, '/') : NULL;
		if (name == NULL || strcmp(name + 1, unit) != 0)
			continue;
		*out = path + 1;
		if (strncmp(controllers, "::", 2) == 0)
			return 0;
	}
	return *out != NULL
		       ? 0
		       : err_set(e, ENOENT,
				 "systemd: %s runs, but without the process it was made of", unit);
}

static int bus_slice_cgroup(struct bus *b, const char *unit, const char **out, struct err *e)
{
	autofree char *path = NULL;
	autofree char *group = NULL;
	autobuserror why = SD_BUS_ERROR_NULL;
	int r = sd_bus_path_encode(BUS_PATH "/unit", unit, &path);

	if (r >= 0)
		r = sd_bus_get_property_string(b->bus, BUS_DESTINATION, path,
					       "org.freedesktop.systemd1.Slice", "ControlGroup",
					       &why, &group);
	if (r < 0)
		return bus_refused("the cgroup", unit, r, &why, e);
	*out = arena_strdup(b->arena, group);
	return 0;
}

int bus_start(struct bus *b, const struct wire_message *m, const char **out_cgroup,
	      const char **out_dropped, struct err *e)
{
	struct properties all = m->properties;
	uint64_t end = bus_now_us() + BUS_RETRY_US;
	long pause_us = 1000;
	int r = 1;

	*out_cgroup = NULL;
	*out_dropped = "";
	while (r > 0) {
		autobuserror why = SD_BUS_ERROR_NULL;

		r = bus_call_start(b, m->unit, &all, &why);
		if (r >= 0)
			r = 0;
		else if (sd_bus_error_has_name(&why, "org.freedesktop.systemd1.UnitExists"))
			r = bus_clear_name(b, m->unit, end, &pause_us, e);
		else if (bus_drop(b, &all, &why, out_dropped))
			r = 1;
		else
			r = bus_refused("starting", m->unit, r, &why, e);
	}
	if (r == 0)
		r = bus_wait_job(b, "starting", m->unit, e);
	if (r < 0)
		return r;
	return bus_is_scope(m->unit) ? bus_own_cgroup(b, m->unit, out_cgroup, e)
				     : bus_slice_cgroup(b, m->unit, out_cgroup, e);
}

static int bus_call_set(struct bus *b, const char *unit, const struct properties *all,
			sd_bus_error *why)
{
	automessage *m = NULL, *answer = NULL;
	int r = sd_bus_message_new_method_call(b->bus, &m, BUS_DESTINATION, BUS_PATH, BUS_MANAGER,
					       "SetUnitProperties");

	if (r >= 0)
		r = sd_bus_message_append(m, "sb", unit, 1);
	if (r >= 0)
		r = bus_append_properties(b, m, all);
	return r < 0 ? r : sd_bus_call(b->bus, m, BUS_TIMEOUT_US, why, &answer);
}

int bus_set(struct bus *b, const struct wire_message *m, const char **out_dropped, struct err *e)
{
	struct properties all = m->properties;

	*out_dropped = "";
	for (;;) {
		autobuserror why = SD_BUS_ERROR_NULL;
		int r = bus_call_set(b, m->unit, &all, &why);

		if (r >= 0)
			return 0;
		if (!bus_drop(b, &all, &why, out_dropped))
			return bus_refused("changing the properties", m->unit, r, &why, e);
	}
}

int bus_attach(struct bus *b, const struct wire_message *m, struct err *e)
{
	autobuserror why = SD_BUS_ERROR_NULL;
	automessage *call = NULL, *answer = NULL;
	int r = sd_bus_message_new_method_call(b->bus, &call, BUS_DESTINATION, BUS_PATH,
					       BUS_MANAGER, "AttachProcessesToUnit");

	if (r >= 0)
		r = sd_bus_message_append(call, "ssau", m->unit, m->text, 1, (uint32_t)m->number);
	if (r >= 0)
		r = sd_bus_call(b->bus, call, BUS_TIMEOUT_US, &why, &answer);
	return r < 0 ? bus_refused("moving a process into the cgroup", m->unit, r, &why, e) : 0;
}

int bus_stop(struct bus *b, const struct wire_message *m, struct err *e)
{
	autobuserror why = SD_BUS_ERROR_NULL;
	automessage *answer = NULL;

	bus_kill(b, m->unit);
	int r = sd_bus_call_method(b->bus, BUS_DESTINATION, BUS_PATH, BUS_MANAGER, "StopUnit", &why,
				   &answer, "ss", m->unit, "replace");

	if (r < 0 && sd_bus_error_has_name(&why, "org.freedesktop.systemd1.NoSuchUnit"))
		return 0;
	if (r >= 0)
		r = bus_job_of(b, answer);
	if (r < 0)
		return bus_refused("stopping", m->unit, r, &why, e);
	r = bus_wait_job(b, "stopping", m->unit, e);
	bus_reset_failed(b, m->unit);
	return r;
}
