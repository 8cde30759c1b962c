/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "graft_fixture.h"

#define POLICY "etc/greffon/graft.json"
#define ENABLE "{\"version\":1,\"enable\":[\"gpu\",\"rdma\"]"
#define ASK(domain, value) ",\"annotations\":{\"org.greffon.graft." domain "\":\"" value "\"}"
#define PARAMS "proc/driver/nvidia/params"

static const char *joined(struct graft_fixture *f, const char *const *v, size_t n)
{
	const char *list = "";

	for (size_t i = 0; i < n; i++)
		list = arena_printf(&f->arena, "%s%s%s", list, i > 0 ? "," : "", v[i]);
	return list;
}

/* params NULL: the driver has no such file. */
static void planned(struct graft_fixture *f, const char *policy, const char *params,
		    const char *body)
{
	fixture_new(f);
	fixture_gpus(f);
	fixture_file(f, POLICY, policy);
	if (params != NULL)
		fixture_file(f, PARAMS, params);
	cr_assert_eq(fixture_plan(f, body), 0, "%s", f->e.text);
}

Test(graft_curtain, what_is_not_granted_is_hidden)
{
	struct graft_fixture f;

	planned(&f, ENABLE "}", "A: 1\nModifyDeviceFiles: 1\nB: 2\n", ASK("gpu", "1;curtain"));
	cr_assert_eq(f.edits.veil.n, 1);
	const struct graft_veil *v = &f.edits.veil.v[0];
	cr_assert_str_eq(v->path, "/proc/driver/nvidia");
	cr_assert_str_eq(joined(&f, v->show, v->n_show), "version,gpus/0000:02:00.0");
	cr_assert_str_eq(joined(&f, v->hide, v->n_hide), "gpus/0000:01:00.0");
	cr_assert_str_eq(v->file, "params");
	cr_assert_str_eq(v->content, "A: 1\nModifyDeviceFiles: 0\nB: 2\n");
	cr_assert(v->asked);
	fixture_done(&f);
}

Test(graft_curtain, nobody_draws_it_unasked)
{
	struct graft_fixture f;

	planned(&f, ENABLE "}", "ModifyDeviceFiles: 1\n", ASK("gpu", "0"));
	cr_assert_eq(f.edits.veil.n, 0);
	fixture_done(&f);
}

Test(graft_curtain, of_all_that_is_granted_nothing_is_hidden)
{
	struct graft_fixture f;

	planned(&f, ENABLE "}", NULL, ASK("gpu", "all;curtain"));
	cr_assert_eq(f.edits.veil.n, 0);
	cr_assert_eq(f.edits.note.n, 0);
	fixture_done(&f);
	planned(&f, ENABLE "}", NULL, ASK("rdma", "all;curtain"));
	cr_assert_eq(f.edits.veil.n, 0);
	fixture_done(&f);
}

Test(graft_curtain, parameters_of_another_driver)
{
	struct graft_fixture f;

	planned(&f, ENABLE "}", "Other: 1\n", ASK("gpu", "all;curtain"));
	cr_assert_str_eq(f.edits.veil.v[0].content, "Other: 1\nModifyDeviceFiles: 0\n");
	fixture_done(&f);
	planned(&f, ENABLE "}", "ModifyDeviceFiles: 1", ASK("gpu", "all;curtain"));
	cr_assert_str_eq(f.edits.veil.v[0].content, "ModifyDeviceFiles: 0\n");
	fixture_done(&f);
}

Test(graft_curtain, the_policy_draws_it_for_its_domains_only)
{
	struct graft_fixture f;

	planned(&f, ENABLE ",\"curtain\":[\"gpu\"]}", NULL,
		",\"annotations\":{\"org.greffon.graft.gpu\":\"0\",\"org.greffon.graft.rdma\":"
		"\"all\"}");
	cr_assert_eq(f.edits.veil.n, 1);
	cr_assert_str_eq(f.edits.veil.v[0].why, "policy curtain");
	cr_assert_not(f.edits.veil.v[0].asked);
	fixture_done(&f);
}

/* Another container's words for one domain don't count for the next. */
Test(graft_curtain, each_domain_asks_for_itself)
{
	struct graft_fixture f;

	planned(&f, ENABLE "}", "ModifyDeviceFiles: 1\n",
		",\"annotations\":{\"org.greffon.graft.gpu\":\"0\",\"org.greffon.graft.rdma\":"
		"\"all;curtain\"}");
	cr_assert_eq(f.edits.veil.n, 0);
	fixture_done(&f);
}

/* A veil hides, and so would leave a device that nobody was told of in sight. */
Test(graft_curtain, a_gpu_without_a_number_is_hidden)
{
	struct graft_fixture f;

	fixture_new(&f);
	fixture_gpus(&f);
	fixture_file(&f, POLICY, ENABLE "}");
	fixture_file(&f, "proc/driver/nvidia/gpus/0000:03:00.0/information", "Model: \t\t x\n");
	cr_assert_eq(fixture_plan(&f, ASK("gpu", "all;curtain")), 0, "%s", f.e.text);
	cr_assert_str_eq(joined(&f, f.edits.veil.v[0].hide, f.edits.veil.v[0].n_hide),
			 "gpus/0000:03:00.0");
	fixture_done(&f);
}
