/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

#include "host/cgroupfs.h"
#include "libocispec/oci.h"
#include "plan/unit.h"

struct fixture {
	struct arena a;
	struct plan p;
	struct err e;
	bool user;
};

static void fixture_done(struct fixture *f)
{
	arena_done(&f->a);
}
#define autofixture __attribute__((cleanup(fixture_done))) struct fixture

/* Plans `linux` (the text of that object) with an annotation on a captured host with systemd. */
static int build(struct fixture *f, const char *linux_text, const char *key, const char *value)
{
	const char *text =
		arena_printf(&f->a, "{\"ociVersion\":\"1.2.0\",\"linux\":%s}", linux_text);
	autoclose int root = open(TOP_SRCDIR "/tests/hosts/fedora", O_PATH | O_CLOEXEC);
	struct host h = {.root = root, .arena = &f->a, .euid = 1000};
	struct plan_options options = {
		.id = "box+1", .manager = CGROUP_SYSTEMD, .systemd_user = f->user};
	struct oci_config *config;
	struct plan_annotation *annotation = arena_new(&f->a, struct plan_annotation);

#ifndef HAVE_SYSTEMD
	cr_skip_test("built without the systemd driver");
#endif
	cr_assert_eq(cgroupfs_probe(&h, &f->e), 0, "%s", f->e.text);
	cr_assert_eq(oci_config_parse(text, strlen(text), &f->a, &config, &f->e), 0, "%s",
		     f->e.text);
	struct plan_input in = {.config = config, .host = &h, .options = &options};
	*annotation = (struct plan_annotation){key, value};
	f->p = (struct plan){.arena = &f->a,
			     .id = "box+1",
			     .annotation = annotation,
			     .n_annotation = key != NULL};
	f->e = (struct err){0};
	int r = plan_cgroup_build(&f->p, &in, &f->e);
	return r == 0 ? plan_unit_build(&f->p, &in, &f->e) : r;
}

static void names(const char *path, const char *unit, const char *slice, const char *cgroup)
{
	autofixture f = {0};
	const char *text =
		path == NULL ? "{}" : arena_printf(&f.a, "{\"cgroupsPath\":\"%s\"}", path);

	cr_assert_eq(build(&f, text, NULL, NULL), 0, "%s: %s", path, f.e.text);
	cr_assert_str_eq(f.p.cgroup.unit.name, unit);
	cr_assert_str_eq(f.p.cgroup.unit.slice, slice);
	cr_assert_str_eq(f.p.cgroup.path, cgroup);
}

static void refuses(const char *linux_text, const char *key, const char *value, int code,
		    const char *start)
{
	autofixture f = {0};

	cr_assert_eq(build(&f, linux_text, key, value), -code, "%s %s=%s: %s", linux_text, key,
		     value, f.e.text);
	cr_assert_eq(strncmp(f.e.text, start, strlen(start)), 0, "%s", f.e.text);
}

/* The last property of the name, as the later one counts. */
static const struct property *find(const struct fixture *f, const char *name)
{
	const struct property *found = NULL;

	for (size_t i = 0; i < f->p.cgroup.unit.properties.n; i++)
		if (strcmp(f->p.cgroup.unit.properties.v[i].name, name) == 0)
			found = &f->p.cgroup.unit.properties.v[i];
	return found;
}

static uint64_t number(const struct fixture *f, const char *name)
{
	const struct property *p = find(f, name);

	cr_assert_not_null(p, "no %s", name);
	cr_assert_eq(p->n_numbers, 1);
	return p->numbers[0];
}

Test(unit_plan, knows_the_forms_of_the_engines)
{
	names("machine.slice:libpod:0a1b", "libpod-0a1b.scope", "machine.slice",
	      "machine.slice/libpod-0a1b.scope");
	names("kubepods-burstable-podx.slice:cri-containerd:c", "cri-containerd-c.scope",
	      "kubepods-burstable-podx.slice",
	      "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx.slice/"
	      "cri-containerd-c.scope");
	names("system.slice:docker:c", "docker-c.scope", "system.slice",
	      "system.slice/docker-c.scope");
	names(":greffon:c", "greffon-c.scope", "system.slice", "system.slice/greffon-c.scope");
	names("-:greffon:c", "greffon-c.scope", "-.slice", "greffon-c.scope");
	names("a.slice::c", "c.scope", "a.slice", "a.slice/c.scope");
	names("a.slice:c", "c.scope", "a.slice", "a.slice/c.scope");
	names("c", "c.scope", "system.slice", "system.slice/c.scope");
	names("kubepods.slice:x:kubepods-podx.slice", "kubepods-podx.slice", "kubepods.slice",
	      "kubepods.slice/kubepods-podx.slice");
}

Test(unit_plan, names_a_unit_after_the_container)
{
	names(NULL, "greffon-box\\x2b1.scope", "system.slice",
	      "system.slice/greffon-box\\x2b1.scope");
	names("", "greffon-box\\x2b1.scope", "system.slice",
	      "system.slice/greffon-box\\x2b1.scope");
}

Test(unit_plan, refuses_what_is_no_unit)
{
	static const char *const bad[] = {
		"/a/b",		  "a/b",	   "a.slice:b/c:d",  "a.slice:b:",   "a:b:c",
		"a.slice:b:c:d",  ".slice:b:c",	   "a--b.slice:x:y", "-a.slice:x:y", "a-.slice:x:y",
		"../a.slice:b:c", "a b.slice:x:y", "x:y:a--b.slice",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autofixture f = {0};
		refuses(arena_printf(&f.a, "{\"cgroupsPath\":\"%s\"}", bad[i]), NULL, NULL, EINVAL,
			"linux.cgroupsPath: ");
	}
}

Test(unit_plan, refuses_a_name_that_is_too_long)
{
	char path[400] = "a.slice:b:";

	memset(path + 10, 'x', 300);
	autofixture f = {0};
	refuses(arena_printf(&f.a, "{\"cgroupsPath\":\"%s\"}", path), NULL, NULL, ENAMETOOLONG,
		"linux.cgroupsPath: ");
}

Test(unit_plan, of_a_user_lies_below_the_users_manager)
{
	autofixture f = {.user = true};

	cr_assert_eq(build(&f, "{\"cgroupsPath\":\"user.slice:libpod:c\"}", NULL, NULL), 0, "%s",
		     f.e.text);
	cr_assert_str_eq(f.p.cgroup.path,
			 "user.slice/user-1000.slice/user@1000.service/user.slice/libpod-c.scope");
}

Test(unit_plan, has_a_property_for_each_limit)
{
	autofixture f = {0};

	cr_assert_eq(build(&f,
			   "{\"resources\":{"
			   "\"memory\":{\"limit\":1048576,\"reservation\":524288,\"swap\":2097152},"
			   "\"cpu\":{\"shares\":1024,\"quota\":25500,\"period\":100000,"
			   "\"cpus\":\"0-2,9\",\"mems\":\"0\"},"
			   "\"pids\":{\"limit\":-1},"
			   "\"blockIO\":{\"weight\":500,\"throttleReadBpsDevice\":["
			   "{\"major\":8,\"minor\":0,\"rate\":4096}]},"
			   "\"unified\":{\"memory.high\":\"700000\",\"memory.max\":\"900000\"}}}",
			   NULL, NULL),
		     0, "%s", f.e.text);
	cr_assert_eq(number(&f, "MemoryMax"), 900000); /* unified comes last */
	cr_assert_eq(number(&f, "MemoryHigh"), 700000);
	cr_assert_eq(number(&f, "MemoryLow"), 524288);
	cr_assert_eq(number(&f, "MemorySwapMax"), 1048576);
	cr_assert_eq(number(&f, "CPUWeight"), 100);
	cr_assert_eq(number(&f, "CPUQuotaPerSecUSec"), 260000); /* whole percents, rounded up */
	cr_assert_eq(number(&f, "CPUQuotaPeriodUSec"), 100000);
	cr_assert_eq(number(&f, "TasksMax"), UINT64_MAX);
	cr_assert_eq(number(&f, "IOWeight"), 4950);
	const struct property *cpus = find(&f, "AllowedCPUs");
	cr_assert_eq(cpus->n_numbers, 2);
	cr_assert_eq(cpus->numbers[0], 0x07);
	cr_assert_eq(cpus->numbers[1], 0x02);
	cr_assert_eq(find(&f, "AllowedMemoryNodes")->numbers[0], 1);
	const struct property *io = find(&f, "IOReadBandwidthMax");
	cr_assert_str_eq(io->strings[0], "/dev/block/8:0");
	cr_assert_eq(io->numbers[0], 4096);
}

Test(unit_plan, all_properties_have_the_values_of_their_type)
{
	autofixture f = {0};

	cr_assert_eq(
		build(&f,
		      "{\"resources\":{\"pids\":{\"limit\":5},\"devices\":[{\"allow\":false}]}}",
		      "org.systemd.property.After", "['a.service']"),
		0, "%s", f.e.text);
	for (size_t i = 0; i < f.p.cgroup.unit.properties.n; i++) {
		cr_assert(property_is_whole(&f.p.cgroup.unit.properties.v[i]), "%s",
			  f.p.cgroup.unit.properties.v[i].name);
		cr_assert_not_null(f.p.cgroup.unit.properties.v[i].origin);
	}
}

/* "path access," of the last list, and whether it says all. */
static void devices(const char *rules, const char *policy, const char *want, bool exact)
{
	autofixture f = {0};
	const char *got = "";

	cr_assert_eq(build(&f, arena_printf(&f.a, "{\"resources\":{\"devices\":%s}}", rules), NULL,
			   NULL),
		     0, "%s: %s", rules, f.e.text);
	const struct property *list = find(&f, "DeviceAllow");
	cr_assert_str_eq(find(&f, "DevicePolicy")->strings[0], policy, "%s", rules);
	/* the defaults come first or last and are the same always */
	for (size_t i = 0; i + 1 < list->n_strings; i += 2)
		if (strstr("char-* block-* char-136 /dev/char/1:3 /dev/char/1:5 /dev/char/1:7 "
			   "/dev/char/1:8 /dev/char/1:9 /dev/char/5:0 /dev/char/5:1 /dev/char/5:2 "
			   "/dev/char/10:200",
			   list->strings[i]) == NULL ||
		    strcmp(list->strings[i + 1], "rw") == 0)
			got = arena_printf(&f.a, "%s%s %s,", got, list->strings[i],
					   list->strings[i + 1]);
	cr_assert_str_eq(got, want, "%s", rules);
	cr_assert_eq(f.p.cgroup.unit.devices_exact, exact, "%s", rules);
}

Test(unit_plan, device_rules_are_a_list_that_survives_a_reload)
{
	devices("[{\"allow\":false,\"access\":\"rwm\"},"
		"{\"allow\":true,\"type\":\"c\",\"major\":195,\"minor\":0,\"access\":\"rw\"},"
		"{\"allow\":true,\"type\":\"c\",\"major\":231,\"access\":\"rw\"},"
		"{\"allow\":true,\"type\":\"b\",\"major\":8,\"minor\":1,\"access\":\"r\"}]",
		"strict", "/dev/char/195:0 rw,char-231 rw,/dev/block/8:1 r,", true);
}

Test(unit_plan, device_rules_that_are_no_list_are_left_to_a_program)
{
	/* allowed but for one: nothing that systemd could say */
	devices("[{\"allow\":true,\"access\":\"rwm\"},"
		"{\"allow\":false,\"type\":\"c\",\"major\":195,\"minor\":0,\"access\":\"rw\"}]",
		"auto", "", false);
	/* a part of an allowed range taken away */
	devices("[{\"allow\":false,\"access\":\"rwm\"},"
		"{\"allow\":true,\"type\":\"c\",\"major\":195,\"access\":\"rw\"},"
		"{\"allow\":false,\"type\":\"c\",\"major\":195,\"minor\":3,\"access\":\"rw\"}]",
		"strict", "char-195 rw,", false);
	/* a minor of any major */
	devices("[{\"allow\":false,\"access\":\"rwm\"},"
		"{\"allow\":true,\"type\":\"c\",\"minor\":3,\"access\":\"rw\"}]",
		"strict", "char-* rw,", false);
}

Test(unit_plan, takes_annotations_of_harmless_properties)
{
	static const struct {
		const char *name, *value, *property;
		uint64_t number;
	} good[] = {
		{"TimeoutStopUSec", "uint64 5000000", "TimeoutStopUSec", 5000000},
		{"TimeoutStopSec", "5", "TimeoutStopUSec", 5000000},
		{"TimeoutStopSec", " uint64  5 ", "TimeoutStopUSec", 5000000},
		{"KillSignal", "37", "KillSignal", 37},
		{"SendSIGHUP", "true", "SendSIGHUP", 1},
		{"MemoryAccounting", "false", "MemoryAccounting", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		autofixture f = {0};
		const char *key = arena_printf(&f.a, "org.systemd.property.%s", good[i].name);
		cr_assert_eq(build(&f, "{}", key, good[i].value), 0, "%s", f.e.text);
		cr_assert_eq(number(&f, good[i].property), good[i].number, "%s", good[i].name);
	}
	autofixture f = {0};
	cr_assert_eq(build(&f, "{}", "org.systemd.property.Before", "['a.service', \"b\\'c\"]"), 0,
		     "%s", f.e.text);
	cr_assert_eq(find(&f, "Before")->n_strings, 2);
	cr_assert_str_eq(find(&f, "Before")->strings[1], "b'c");
	cr_assert_eq(build(&f, "{}", "org.systemd.property.CollectMode", "'inactive'"), 0);
	cr_assert_str_eq(find(&f, "CollectMode")->strings[0], "inactive");
}

Test(unit_plan, refuses_annotations_that_run_or_start_something)
{
	static const char *const bad[] = {
		"ExecStart",
		"ExecStartPre",
		"ExecStopPost",
		"Environment",
		"RootDirectory",
		"Wants",
		"Conflicts",
		"Slice",
		"Delegate",
		"DeviceAllow",
		"PIDs",
		"X",
		"",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autofixture f = {0};
		refuses("{}", arena_printf(&f.a, "org.systemd.property.%s", bad[i]), "'x'", EPERM,
			"annotations.org.systemd.property.");
	}
}

Test(unit_plan, refuses_values_of_another_form)
{
	static const char *const bad[][2] = {
		{"TimeoutStopUSec", "'5'"},
		{"TimeoutStopUSec", ""},
		{"TimeoutStopUSec", "-5"},
		{"TimeoutStopUSec", "5 6"},
		{"TimeoutStopSec", "99999999999999999"},
		{"SendSIGHUP", "1"},
		{"CollectMode", "inactive"},
		{"CollectMode", "'a"},
		{"After", "'a'"},
		{"After", "['a' 'b']"},
		{"After", "['a',"},
		{"KillSignal", "4294967296"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autofixture f = {0};
		refuses("{}", arena_printf(&f.a, "org.systemd.property.%s", bad[i][0]), bad[i][1],
			EINVAL, "annotations.org.systemd.property.");
	}
}

Test(unit_plan, a_subgroup_stays_below_the_unit)
{
	static const char *const bad[] = {"..", ".", "a/b", "/a", "../../x", "a\nb"};
	autofixture f = {0};

	cr_assert_eq(build(&f, "{}", "run.oci.systemd.subgroup", "payload"), 0, "%s", f.e.text);
	cr_assert_str_eq(f.p.cgroup.unit.subgroup, "payload");
	cr_assert_str_eq(f.p.cgroup.path, "system.slice/greffon-box\\x2b1.scope/payload");
	cr_assert_eq(build(&f, "{}", "run.oci.systemd.subgroup", ""), 0);
	cr_assert_null(f.p.cgroup.unit.subgroup);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuses("{}", "run.oci.systemd.subgroup", bad[i], EINVAL,
			"annotations.run.oci.systemd.subgroup: ");
}

Test(unit_plan, an_update_sets_limits_only)
{
	autofixture f = {0};

	cr_assert_eq(build(&f,
			   "{\"resources\":{\"pids\":{\"limit\":7},\"unified\":{\"memory.oom."
			   "group\":\"1\"}}}",
			   NULL, NULL),
		     0, "%s", f.e.text);
	cr_assert_str_eq(find(&f, "OOMPolicy")->strings[0], "kill");
	plan_unit_update(&f.p);
	cr_assert_eq(f.p.cgroup.unit.properties.n, 1);
	cr_assert_eq(number(&f, "TasksMax"), 7);
}
