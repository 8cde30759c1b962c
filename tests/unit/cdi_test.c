/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "graft_fixture.h"
#include "hooks/cdi.h"
#include "hooks/trust.h"

#define EDITS(e)                                                                                   \
	"{\"cdiVersion\":\"1.1.0\",\"kind\":\"a.org/"                                              \
	"b\",\"devices\":[{\"name\":\"x\",\"containerEdits\":{" e "}}]}"
#define OF_VERSION(v, e)                                                                           \
	"{\"cdiVersion\":\"" v                                                                     \
	"\",\"kind\":\"a.org/b\",\"devices\":[{\"name\":\"x\",\"containerEdits\":{" e "}}]}"
#define NODE(n) EDITS("\"deviceNodes\":[{" n "}]")

static void bad(const char *text, const char *why)
{
	autoarena struct arena a = {0};
	struct cdi_spec *s;
	struct err e = {0};

	cr_assert_lt(cdi_parse(text, strlen(text), &a, &s, &e), 0, "%s", text);
	cr_assert_not_null(strstr(e.text, why), "'%s' is not in '%s'", why, e.text);
}

static void good(const char *text, const char *lowest)
{
	autoarena struct arena a = {0};
	struct cdi_spec *s;
	struct err e = {0};
	const char *why;

	cr_assert_eq(cdi_parse(text, strlen(text), &a, &s, &e), 0, "%s: %s", text, e.text);
	cr_assert_str_eq(cdi_required_version(s, &a, &why), lowest, "%s", text);
}

Test(cdi, the_lowest_version_is_that_of_the_youngest_member)
{
	good(EDITS("\"env\":[\"A=b\"]"), "0.3.0");
	good(EDITS("\"mounts\":[{\"hostPath\":\"/a\",\"containerPath\":\"/b\",\"type\":\"none\"}]"),
	     "0.4.0");
	good(NODE("\"path\":\"/dev/a\",\"hostPath\":\"/dev/b\""), "0.5.0");
	good(EDITS("\"additionalGids\":[5]"), "0.7.0");
	good(EDITS("\"intelRdt\":{\"closID\":\"c\",\"enableCMT\":true}"), "0.7.0");
	good(EDITS("\"intelRdt\":{\"schemata\":[\"L3:0=f\"]}"), "1.1.0");
	good(EDITS("\"netDevices\":[{\"hostInterfaceName\":\"e0\",\"name\":\"e1\"}]"), "1.1.0");
	good("{\"cdiVersion\":\"0.6.0\",\"kind\":\"a/b\",\"annotations\":{\"k\":\"v\"},\"devices\":"
	     "[{\"name\":\"x\",\"containerEdits\":{\"env\":[\"A=b\"]}}]}",
	     "0.6.0");
	good("{\"cdiVersion\":\"v0.6.0\",\"kind\":\"a/b.c\",\"devices\":"
	     "[{\"name\":\"x\",\"containerEdits\":{\"env\":[\"A=b\"]}}]}",
	     "0.6.0");
	good("{\"cdiVersion\":\"0.5.0\",\"kind\":\"a/b\",\"devices\":"
	     "[{\"name\":\"0:1\",\"containerEdits\":{\"env\":[\"A=b\"]}}]}",
	     "0.5.0");
}

Test(cdi, a_lower_version_than_needed_is_refused)
{
	bad(OF_VERSION("0.6.0", "\"additionalGids\":[5]"), "additionalGids needs 0.7.0");
	bad(OF_VERSION("1.0.0", "\"netDevices\":[{\"hostInterfaceName\":\"e0\",\"name\":\"e1\"}]"),
	    "netDevices needs 1.1.0");
	bad(OF_VERSION("0.4.0", "\"deviceNodes\":[{\"path\":\"/a\",\"hostPath\":\"/b\"}]"),
	    "hostPath of a device node needs 0.5.0");
	bad(OF_VERSION("9.0.0", "\"env\":[\"A=b\"]"), "cdiVersion: '9.0.0' is none of");
}

Test(cdi, what_is_unknown_or_malformed_is_told_by_its_path)
{
	bad(NODE("\"path\":\"/a\",\"majro\":1"),
	    "devices[0].containerEdits.deviceNodes[0].majro: unknown property");
	bad(NODE("\"path\":\"a\""), "devices[0].containerEdits.deviceNodes[0].path: must be an");
	bad(NODE("\"path\":\"/a\",\"type\":\"x\""), ".type");
	bad(NODE("\"path\":\"/a\",\"major\":-1"), ".major");
	bad(NODE("\"path\":\"/a\",\"permissions\":\"rx\""), ".permissions");
	bad(EDITS("\"env\":[\"=b\"]"), "devices[0].containerEdits.env[0]");
	bad(EDITS("\"mounts\":[{\"hostPath\":\"/a\"}]"), "containerPath");
	bad(EDITS("\"hooks\":[{\"hookName\":\"precreate\",\"path\":\"/a\"}]"), ".hookName");
	bad(EDITS("\"hooks\":[{\"hookName\":\"prestart\",\"path\":\"a\"}]"), ".path");
	bad(EDITS("\"intelRdt\":{\"closID\":\"../x\"}"), "closID");
	bad(EDITS("\"netDevices\":[{\"hostInterfaceName\":\"e\",\"name\":\"a\"},"
		  "{\"hostInterfaceName\":\"e\",\"name\":\"b\"}]"),
	    "netDevices[1]");
	bad(EDITS(""), "must not be empty");
	bad("{\"cdiVersion\":\"0.3.0\",\"kind\":\"a/b\",\"devices\":[]}", "at least one");
	bad("{\"cdiVersion\":\"0.3.0\",\"kind\":\"b\",\"devices\":[{\"name\":\"x\","
	    "\"containerEdits\":{\"env\":[\"A=b\"]}}]}",
	    "kind");
	bad("{\"cdiVersion\":\"0.3.0\",\"kind\":\"a/b\",\"devices\":[{\"name\":\"x\","
	    "\"containerEdits\":{\"env\":[\"A=b\"]}},{\"name\":\"x\",\"containerEdits\":{\"env\":"
	    "[\"A=b\"]}}]}",
	    "given twice");
}

Test(cdi, names)
{
	static const char *const no[] = {"",	    "a",       "a/b",	  "a/b=",   "/b=c",
					 "a/=c",    "1a/b=c",  "a/1=c",	  "a/b=-c", "a/b=c-",
					 "a/b=c d", "a/b=c,d", "a/b/c=d", "a-/b=c", "a/b=../x"};
	static const char *const yes[] = {"nvidia.com/gpu=0", "a/b=GPU-1_2:3.4",
					  "greffon.org/gpu-rdma=0000:01:00.0"};
	autoarena struct arena a = {0};
	const char *kind, *name;

	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		cr_assert_not(cdi_split_name(no[i], &a, &kind, &name), "%s", no[i]);
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		cr_assert(cdi_split_name(yes[i], &a, &kind, &name), "%s", yes[i]);
	cr_assert_str_eq(kind, "greffon.org/gpu-rdma");
	cr_assert_str_eq(name, "0000:01:00.0");
}

/* ---- folders ---- */

static const char *dirs[] = {"/etc/cdi", "/run/cdi"};

static int find(struct graft_fixture *f, const char *name, const char **path)
{
	struct cdi_files files;
	const struct cdi_file *file = NULL;
	const struct cdi_device *device;

	cr_assert_eq(cdi_read_dirs(&f->host, dirs, 2, &f->arena, &files, &f->e), 0, "%s",
		     f->e.text);
	int r = cdi_find(&files, name, &f->arena, &file, &device, &f->e);
	*path = r == 0 ? file->path : "";
	return r;
}

Test(cdi, the_later_folder_wins_and_one_folder_must_agree)
{
	struct graft_fixture f;
	const char *path;

	fixture_new(&f);
	fixture_file(&f, "etc/cdi/a.json", EDITS("\"env\":[\"A=1\"]"));
	cr_assert_eq(find(&f, "a.org/b=x", &path), 0, "%s", f.e.text);
	cr_assert_str_eq(path, "/etc/cdi/a.json");
	cr_assert_eq(find(&f, "a.org/b=y", &path), -ENODEV);
	cr_assert_not_null(strstr(f.e.text, "of that kind are x"), "%s", f.e.text);
	fixture_file(&f, "etc/cdi/b.json", EDITS("\"env\":[\"A=2\"]"));
	cr_assert_eq(find(&f, "a.org/b=x", &path), -EINVAL);
	cr_assert_not_null(strstr(f.e.text, "/etc/cdi/a.json"), "%s", f.e.text);
	cr_assert_not_null(strstr(f.e.text, "/etc/cdi/b.json"), "%s", f.e.text);
	fixture_file(&f, "run/cdi/c.json", EDITS("\"env\":[\"A=3\"]"));
	cr_assert_eq(find(&f, "a.org/b=x", &path), 0, "%s", f.e.text);
	cr_assert_str_eq(path, "/run/cdi/c.json");
	fixture_done(&f);
}

/* ---- edits ---- */

static struct cdi_result apply(struct graft_fixture *f, const char *config)
{
	struct graft_policy policy = {
		.source = "the test",
		.cdi = {.resolve = true, .hooks = true, .dirs = dirs, .n_dirs = 2}};
	struct cdi_result out;
	struct oci_config *c;

	cr_assert_eq(oci_config_parse(config, strlen(config), &f->arena, &c, &f->e), 0, "%s",
		     f->e.text);
	cr_assert_eq(cdi_apply(&f->host, c, &policy, &f->arena, &out, &f->e), 0, "%s", f->e.text);
	return out;
}

#define CONFIG(body)                                                                               \
	"{\"ociVersion\":\"1.2.0\",\"annotations\":{\"cdi.k8s.io/k\":\"a.org/b=x\"}" body "}"

Test(cdi, mounts_replace_each_other_and_are_sorted_by_depth)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_file(&f, "etc/cdi/a.json",
		     EDITS("\"mounts\":[{\"hostPath\":\"/h\",\"containerPath\":\"/a/b/c\"},"
			   "{\"hostPath\":\"/n\",\"containerPath\":\"/new\"},"
			   "{\"hostPath\":\"/two\",\"containerPath\":\"/a\"}]"));
	struct cdi_result out =
		apply(&f, CONFIG(",\"mounts\":[{\"destination\":\"/a/b\"},{\"destination\":\"/a\"},"
				 "{\"destination\":\"/z\"}]"));
	static const char *const targets[] = {"/z", "/new", "/a", "/a/b", "/a/b/c"};
	cr_assert_eq(out.config->n_mounts, ARRAY_LEN(targets));
	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		cr_assert_str_eq(out.config->mounts[i].destination, targets[i]);
	cr_assert_str_eq(out.config->mounts[2].source, "/two");
	cr_assert_str_eq(cdi_origin_of(&out, "mounts[0].source: x", &f.arena),
			 "mounts[2].source: x");
	cr_assert_str_eq(cdi_origin_of(&out, "mounts[1]", &f.arena),
			 "cdi a.org/b=x of /etc/cdi/a.json");
	cr_assert_str_eq(cdi_origin_of(&out, "xmounts[1], mounts[3] and mounts[11]", &f.arena),
			 "xmounts[1], mounts[0] and mounts[11]");
	fixture_done(&f);
}

Test(cdi, devices_and_their_rules)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_file(&f, "nodes.tsv", "/dev/nvidia0\tc\t195\t0\t0666\t0\t0\n");
	fixture_file(&f, "etc/cdi/a.json",
		     EDITS("\"deviceNodes\":[{\"path\":\"/dev/x\",\"hostPath\":\"/dev/nvidia0\"},"
			   "{\"path\":\"/dev/y\",\"type\":\"b\",\"major\":8,\"minor\":1,"
			   "\"permissions\":\"none\",\"uid\":0}]"));
	struct cdi_result out = apply(
		&f, CONFIG(",\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":5,\"gid\":6}},\"linux\":{"
			   "\"devices\":[{\"path\":\"/dev/x\",\"type\":\"p\"}],\"resources\":{"
			   "\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}}"));
	const struct oci_linux *l = out.config->linux;
	cr_assert_eq(l->n_devices, 2);
	cr_assert_str_eq(l->devices[0].type, "c");
	cr_assert_eq(l->devices[0].major.v, 195);
	cr_assert_eq(l->devices[0].uid.v, 5);
	cr_assert_eq(l->devices[0].gid.v, 6);
	cr_assert_eq(l->devices[1].uid.v, 0);
	cr_assert_eq(l->resources->n_devices, 2, "no rule for 'none'");
	cr_assert_str_eq(l->resources->devices[1].access, "rwm");
	cr_assert_eq(out.device.n, 1, "of character devices there is a record");
	fixture_done(&f);
}

Test(cdi, variables_replace_and_groups_add)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_file(&f, "etc/cdi/a.json",
		     EDITS("\"env\":[\"A=2\",\"AB=3\"],\"additionalGids\":[0,7,9]"));
	struct cdi_result out =
		apply(&f, CONFIG(",\"process\":{\"cwd\":\"/\",\"env\":[\"AB=1\",\"A=1\"],\"user\":"
				 "{\"additionalGids\":[7]}}"));
	const struct oci_process *p = out.config->process;
	cr_assert_eq(p->n_env, 2);
	cr_assert_str_eq(p->env[0], "AB=3");
	cr_assert_str_eq(p->env[1], "A=2");
	cr_assert_eq(p->user->n_additional_gids, 2);
	cr_assert_eq(p->user->additional_gids[1], 9);
	fixture_done(&f);
}

Test(cdi, hooks_that_differ_in_anything_are_all_there)
{
	static const char *const more[] = {
		"", ",\"env\":[\"A=1\"]", ",\"env\":[\"A=2\"]", ",\"env\":[\"A=2\"],\"timeout\":5",
		"", ",\"env\":[\"A=1\"]",
	};
	struct graft_fixture f;
	const char *hooks = "";

	fixture_new(&f);
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		hooks = arena_printf(&f.arena,
				     "%s%s{\"hookName\":\"poststop\",\"path\":\"/bin/h\","
				     "\"args\":[\"h\",\"a\"]%s}",
				     hooks, i > 0 ? "," : "", more[i]);
	fixture_file(&f, "etc/cdi/a.json", arena_printf(&f.arena, EDITS("\"hooks\":[%s]"), hooks));
	struct cdi_result out = apply(&f, CONFIG(""));
	const struct oci_hooks *h = out.config->hooks;
	cr_assert_eq(h->n_poststop, 4);
	cr_assert_eq(h->poststop[0].n_env, 0);
	cr_assert_str_eq(h->poststop[1].env[0], "A=1");
	cr_assert_str_eq(h->poststop[2].env[0], "A=2");
	cr_assert_eq(h->poststop[3].timeout.v, 5);
	fixture_done(&f);
}

/* ---- whose files ---- */

Test(cdi, files_are_opened_through_roots_own_links_only)
{
	struct graft_fixture f;

	if (geteuid() != 0)
		cr_skip_test("only root can make files of root");
	fixture_new(&f);
	f.host.captured = false;
	fixture_file(&f, "run/cdi/a.json", "{}");
	(void)mkdir(fixture_path(&f, "var"), 0755);
	fixture_link(&f, "var/run", "../run");
	fixture_link(&f, "var/abs", "/run");
	fixture_link(&f, "var/loop", "loop");
	for (int i = 0; i < 2; i++) {
		autoclose int fd =
			trust_open(&f.host, i == 0 ? "/var/run/cdi/a.json" : "/var/abs/cdi/a.json",
				   O_RDONLY, &f.e);
		cr_assert_geq(fd, 0, "%s", f.e.text);
	}
	cr_assert_eq(trust_open(&f.host, "/var/run/none", O_RDONLY, &f.e), -ENOENT);
	cr_assert_eq(trust_open(&f.host, "/var/loop", O_RDONLY, &f.e), -ELOOP);
	cr_assert_eq(trust_open(&f.host, "/run/../run", O_RDONLY, &f.e), -EINVAL);
	cr_assert_eq(chmod(fixture_path(&f, "run/cdi"), 0777), 0);
	cr_assert_eq(trust_open(&f.host, "/var/run/cdi/a.json", O_RDONLY, &f.e), -EPERM);
	cr_assert_eq(chmod(fixture_path(&f, "run/cdi"), 0755), 0);
	cr_assert_eq(lchown(fixture_path(&f, "var/run"), 1000, 1000), 0);
	cr_assert_eq(trust_open(&f.host, "/var/run/cdi/a.json", O_RDONLY, &f.e), -EPERM);
	cr_assert_not_null(strstr(f.e.text, "link"), "%s", f.e.text);
	fixture_done(&f);
}
