/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/sysmacros.h>

#include "graft_fixture.h"
#include "hooks/config_edit.h"

#define POLICY                                                                                     \
	"{\"version\":1,\"enable\":[\"gpu\",\"rdma\"],\"memlockMax\":\"unlimited\","               \
	"\"profiles\":{\"one\":{\"graft\":{\"gpu\":\"1\"},\"env\":{\"A\":\"new\"}}}}"
#define ASKS(key, value) "\"annotations\":{\"org.greffon.graft." key "\":\"" value "\"}"
#define SELF "/usr/libexec/greffon/greffon-hook"

/* Single quotes in a test's text stand for double ones. */
static char *quoted(struct graft_fixture *f, const char *text)
{
	char *s = arena_strdup(&f->arena, text);

	for (char *p = s; (p = strchr(p, '\'')) != NULL; p++)
		*p = '"';
	return s;
}

/* The edited text; NULL: refused, f->e says why. What is not asked for comes back as it is. */
static const char *edit(struct graft_fixture *f, const char *text)
{
	struct oci_config *config;
	struct graft_edits *ed;
	struct oj_node *doc;
	size_t len;
	int r = oci_config_parse(text, strlen(text), &f->arena, &config, &f->e);

	cr_assert_eq(r, 0, "%s", f->e.text);
	r = graft_resolve(&f->host, config, &f->arena, &ed, &f->e);
	if (r == 0 && ed == NULL)
		return text;
	if (r == 0)
		r = oj_tree_parse(text, strlen(text), &f->arena, &doc, &f->e);
	if (r == 0)
		r = graft_config_edit(&f->host, config, SELF, ed, doc, &f->arena, &f->e);
	return r < 0 ? NULL : oj_tree_write(doc, &f->arena, &len);
}

static void becomes(const char *before, const char *after)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_gpus(&f);
	fixture_file(&f, "etc/greffon/graft.json", POLICY);
	const char *once = edit(&f, quoted(&f, before));
	cr_assert_not_null(once, "%s", f.e.text);
	cr_assert_str_eq(once, quoted(&f, after), "got %s", once);
	const char *twice = edit(&f, once);
	cr_assert_not_null(twice, "%s", f.e.text);
	cr_assert_str_eq(twice, once, "the second time: %s", twice);
	fixture_done(&f);
}

static void refused(const char *before, const char *why)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_gpus(&f);
	fixture_file(&f, "etc/greffon/graft.json", POLICY);
	cr_assert_null(edit(&f, quoted(&f, before)));
	cr_assert_not_null(strstr(f.e.text, why), "'%s' is not in '%s'", why, f.e.text);
	fixture_done(&f);
}

#define VERBS                                                                                      \
	"{'path':'/dev/infiniband/uverbs0','type':'c','major':231,'minor':192,'fileMode':438,"     \
	"'uid':0,'gid':0}"
#define VERBS_RULE "{'allow':true,'type':'c','major':231,'minor':192,'access':'rw'}"
#define DENY "{'allow':false,'access':'rwm'}"
#define RDMA "'annotations':{'org.greffon.graft.rdma':'mlx5_0;libs=none'}"

Test(config_edit, what_is_not_known_stays_as_it_is)
{
	becomes("{'ociVersion':'1.2.0','x':{'a':[1,null,{}]}," RDMA
		",'linux':{'y':12345678901234567890123,'z':1.50e2,"
		"'resources':{'devices':[" DENY "],'w':'\\u00e9\\n\\\\'}},'end':false}",
		"{'ociVersion':'1.2.0','x':{'a':[1,null,{}]}," RDMA
		",'linux':{'y':12345678901234567890123,'z':1.50e2,"
		"'resources':{'devices':[" DENY "," VERBS_RULE
		"],'w':'\xc3\xa9\\u000a\\\\'},'devices':[" VERBS "]},'end':false}\n");
}

Test(config_edit, what_is_there_is_not_made_again)
{
	static const char there[] = "{'ociVersion':'1.2.0'," RDMA ",'linux':{'devices':[" VERBS
				    "],'resources':{'devices':[" DENY "," VERBS_RULE "]}}}\n";

	becomes(there, there);
	refused("{'ociVersion':'1.2.0'," RDMA
		",'linux':{'devices':[{'path':'/dev/infiniband/uverbs0','type':'c',"
		"'major':231,'minor':193}]}}",
		"[GRAFT-CONFLICT]");
}

Test(config_edit, without_rules_there_is_nothing_to_add_to)
{
	becomes("{'ociVersion':'1.2.0'," RDMA "}",
		"{'ociVersion':'1.2.0'," RDMA ",'linux':{'devices':[" VERBS "]}}\n");
	/* the host's own /dev has the node */
	becomes("{'ociVersion':'1.2.0'," RDMA ",'mounts':[{'destination':'/dev','type':'bind',"
		"'source':'/dev'}]}",
		"{'ociVersion':'1.2.0'," RDMA ",'mounts':[{'destination':'/dev','type':'bind',"
		"'source':'/dev'}]}\n");
}

Test(config_edit, nothing_asked_comes_back_byte_by_byte)
{
	becomes("{ 'ociVersion' : '1.2.0',\n 'x':[ ] }", "{ 'ociVersion' : '1.2.0',\n 'x':[ ] }");
}

Test(config_edit, the_process)
{
	becomes("{'ociVersion':'1.2.0','process':{'cwd':'/','env':['B=1','A=old'],'rlimits':["
		"{'type':'RLIMIT_MEMLOCK','hard':1,'soft':1}]},"
		"'annotations':{'org.greffon.graft.profile':'one',"
		"'org.greffon.graft.memlock':'unlimited','org.greffon.graft.gpu':'none'}}",
		"{'ociVersion':'1.2.0','process':{'cwd':'/','env':['B=1','A=new'],'rlimits':["
		"{'type':'RLIMIT_MEMLOCK','hard':18446744073709551615,"
		"'soft':18446744073709551615}]},"
		"'annotations':{'org.greffon.graft.profile':'one',"
		"'org.greffon.graft.memlock':'unlimited','org.greffon.graft.gpu':'none'},"
		"'hooks':{'createContainer':[{'path':'" SELF "','args':['greffon-hook',"
		"'createContainer'],'env':['PATH=/usr/sbin:/usr/bin:/sbin:/"
		"bin'],'timeout':10}]}}\n");
}

Test(config_edit, whether_the_image_has_a_provider_is_seen_later)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_gpus(&f);
	fixture_file(&f, "nodes.tsv", "/dev/infiniband/uverbs0\tc\t231\t192\t0660\t0\t1027\n");
	fixture_file(&f, "etc/greffon/graft.json", POLICY);
	const char *out = edit(&f, quoted(&f, "{'ociVersion':'1.2.0','annotations':{"
					      "'org.greffon.graft.rdma':'mlx5_0'}}"));
	cr_assert_not_null(out, "%s", f.e.text);
	cr_assert_not_null(strstr(out, "\"createContainer\":[{\"path\":\"" SELF "\""), "%s", out);
	fixture_done(&f);
}

Test(config_edit, groups_are_those_of_the_container)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_gpus(&f);
	fixture_file(&f, "nodes.tsv", "/dev/infiniband/uverbs0\tc\t231\t192\t0660\t0\t1027\n");
	fixture_file(&f, "etc/greffon/graft.json", POLICY);
	const char *out =
		edit(&f, quoted(&f, "{'ociVersion':'1.2.0'," RDMA ",'process':{'cwd':'/'},"
				    "'linux':{'gidMappings':[{'containerID':5,"
				    "'hostID':1000,'size':100}]}}"));
	cr_assert_not_null(out, "%s", f.e.text);
	cr_assert_not_null(strstr(out, "\"additionalGids\":[32]"), "%s", out);
	fixture_done(&f);
}

Test(config_edit, mounts_that_were_requests_are_taken_out)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_gpus(&f);
	fixture_file(&f, "etc/greffon/graft.json", POLICY);
	const char *out =
		edit(&f, quoted(&f, "{'ociVersion':'1.2.0','mounts':[{'destination':'/a'},"
				    "{'destination':'/var/run/nvidia-container-devices/0',"
				    "'source':'/dev/null'},{'destination':'/b'}]}"));
	cr_assert_not_null(out, "%s", f.e.text);
	cr_assert_not_null(
		strstr(out, "\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\"}]"), "%s",
		out);
	/* which libraries the image can carry is seen later */
	cr_assert_not_null(strstr(out, "\"createContainer\":[{\"path\":\"" SELF "\""), "%s", out);
	fixture_done(&f);
}

Test(config_edit, the_last_rule_that_fits_decides)
{
	static const struct {
		const char *rules;
		bool allowed;
	} all[] = {
		{"", true},
		{DENY, false},
		{DENY "," VERBS_RULE, true},
		{VERBS_RULE "," DENY, false},
		{DENY ",{'allow':true,'type':'b','major':231,'minor':192,'access':'rw'}", false},
		{DENY ",{'allow':true,'type':'c','major':231,'access':'r'}", false},
		{DENY ",{'allow':true,'type':'c','major':231,'access':'r'},"
		      "{'allow':true,'type':'a','access':'w'}",
		 true},
		{"{'allow':true,'access':'rwm'},{'allow':false,'type':'c','major':231,'minor':-1,"
		 "'access':'w'}",
		 false},
	};
	struct graft_fixture f;

	fixture_new(&f);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const char *text = quoted(
			&f,
			arena_printf(&f.arena,
				     "{'ociVersion':'1','linux':{'resources':{'devices':[%s]}}}",
				     all[i].rules));
		struct oci_config *c;
		cr_assert_eq(oci_config_parse(text, strlen(text), &f.arena, &c, &f.e), 0, "%s",
			     f.e.text);
		cr_assert_eq(graft_config_allows(c, makedev(231, 192)), all[i].allowed, "%s", text);
	}
	fixture_done(&f);
}

Test(config_edit, a_tree_has_an_end)
{
	struct graft_fixture f;
	struct oj_node *doc;
	char deep[201];

	fixture_new(&f);
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	cr_assert_eq(oj_tree_parse(deep, 200, &f.arena, &doc, &f.e), -EINVAL);
	cr_assert_eq(oj_tree_parse(deep + 60, 80, &f.arena, &doc, &f.e), 0, "%s", f.e.text);
	cr_assert_eq(oj_tree_parse("{\"a\":1}}", 8, &f.arena, &doc, &f.e), -EINVAL);
	cr_assert_eq(oj_tree_parse("", 0, &f.arena, &doc, &f.e), -EINVAL);
	fixture_done(&f);
}
