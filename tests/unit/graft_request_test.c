/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "graft_fixture.h"

#define POLICY "etc/greffon/graft.json"
#define ENABLE "{\"version\":1,\"enable\":[\"gpu\",\"rdma\"]"

static void node(struct graft_fixture *f, const char *policy)
{
	fixture_new(f);
	fixture_gpus(f);
	if (policy != NULL)
		fixture_file(f, POLICY, policy);
}

static void planned(const char *policy, const char *body, const char *devices)
{
	struct graft_fixture f;

	node(&f, policy);
	cr_assert_eq(fixture_plan(&f, body), 0, "%s", f.e.text);
	cr_assert_str_eq(fixture_devices(&f), devices, "got %s", fixture_devices(&f));
	fixture_done(&f);
}

static void refused(const char *policy, const char *body, int code, const char *text)
{
	struct graft_fixture f;

	node(&f, policy);
	cr_assert_eq(fixture_plan(&f, body), -code, "%s", f.e.text);
	cr_assert_not_null(strstr(f.e.text, text), "'%s' is not in '%s'", text, f.e.text);
	fixture_done(&f);
}

#define ANNOTATION(key, value) ",\"annotations\":{\"org.greffon.graft." key "\":\"" value "\"}"
#define ENV(v) ",\"process\":{\"cwd\":\"/\",\"args\":[\"x\"],\"env\":[" v "]}"
#define BOTH "/dev/nvidia0,/dev/nvidia1,/dev/nvidiactl,/dev/nvidia-uvm"

Test(graft_request, an_annotation_asks)
{
	planned(ENABLE "}", ANNOTATION("gpu", "all"), BOTH);
	planned(ENABLE "}", ANNOTATION("gpu", " 1 , GPU-a "), BOTH);
	planned(ENABLE "}", ANNOTATION("gpu", "none"), "");
	planned(ENABLE "}", ANNOTATION("rdma", "uverbs0"), "/dev/infiniband/uverbs0");
	planned(ENABLE "}", "", "");
}

Test(graft_request, what_is_misspelt_is_refused)
{
	refused(ENABLE "}", ANNOTATION("gpus", "all"), EINVAL, "'gpus' is none of");
	refused(ENABLE "}", ANNOTATION("none", "yes"), EINVAL, "true or false");
	refused(ENABLE "}", ANNOTATION("gpu", ""), EINVAL, "empty word");
	refused(ENABLE "}", ANNOTATION("gpu", "0-"), ENODEV, "[GRAFT-NOTFOUND]");
	refused(ENABLE "}", ANNOTATION("gpu", "1-0"), ENODEV, "[GRAFT-NOTFOUND]");
	refused(ENABLE "}", ANNOTATION("gpu", "0-99999999999999999999"), ENODEV,
		"[GRAFT-NOTFOUND]");
	refused(ENABLE "}", ANNOTATION("gpu", "numa:x"), ENODEV, "[GRAFT-NOTFOUND]");
	refused(ENABLE "}", ANNOTATION("gpu", "near-gpu"), ENODEV, "[GRAFT-NOTFOUND]");
	refused(ENABLE "}", ANNOTATION("gpu", "0;mad"), EINVAL, "no option");
}

Test(graft_request, a_message_holds_no_bytes_of_a_hostile_value)
{
	struct graft_fixture f;

	node(&f, ENABLE "}");
	cr_assert_lt(fixture_plan(&f, ANNOTATION("gpu", "\\u001b[2J\\nforged")), 0);
	cr_assert_null(strpbrk(f.e.text, "\033\n"));
	fixture_done(&f);
}

Test(graft_request, the_environment_grants_nothing_by_itself)
{
	planned(ENABLE "}", ENV("\"NVIDIA_VISIBLE_DEVICES=all\""), "");
	planned(ENABLE ",\"env\":\"ignore\"}", ENV("\"NVIDIA_VISIBLE_DEVICES=all\""), "");
	planned(ENABLE ",\"env\":\"accept\"}", ENV("\"NVIDIA_VISIBLE_DEVICES=all\""), BOTH);
	planned(ENABLE ",\"env\":\"accept\"}", ENV("\"NVIDIA_VISIBLE_DEVICES=void\""), "");
	planned(ENABLE ",\"env\":\"accept\"}", ENV("\"NVIDIA_VISIBLE_DEVICES=\""), "");
	/* what NVIDIA's device plugin sets beside its mounts */
	planned(ENABLE ",\"env\":\"accept\"}",
		ENV("\"NVIDIA_VISIBLE_DEVICES=/var/run/nvidia-container-devices\""), "");
	planned(ENABLE "}",
		ANNOTATION("gpu", "all")
			ENV("\"NVIDIA_VISIBLE_DEVICES=/var/run/nvidia-container-devices\""),
		BOTH);
	/* what is not enabled an image can't complain about */
	planned("{\"version\":1,\"enable\":[\"rdma\"],\"env\":\"accept\"}",
		ENV("\"NVIDIA_VISIBLE_DEVICES=all\""), "");
}

Test(graft_request, the_environment_narrows)
{
	static const char one[] = "/dev/nvidia1,/dev/nvidiactl,/dev/nvidia-uvm";

	planned(ENABLE "}", ANNOTATION("gpu", "all") ENV("\"NVIDIA_VISIBLE_DEVICES=1\""), one);
	planned(ENABLE "}", ANNOTATION("gpu", "1") ENV("\"NVIDIA_VISIBLE_DEVICES=all\""), one);
	planned(ENABLE "}", ANNOTATION("gpu", "1") ENV("\"NVIDIA_VISIBLE_DEVICES=0\""), "");
	planned(ENABLE "}", ANNOTATION("gpu", "1") ENV("\"NVIDIA_VISIBLE_DEVICES=nonsense\""), "");
	planned(ENABLE ",\"env\":\"ignore\"}",
		ANNOTATION("gpu", "all") ENV("\"NVIDIA_VISIBLE_DEVICES=1\""), BOTH);
	planned(ENABLE ",\"env\":\"accept\"}",
		ANNOTATION("gpu", "1") ENV("\"NVIDIA_VISIBLE_DEVICES=all\""), one);
	/* the last of two counts, as for the program */
	planned(ENABLE "}",
		ANNOTATION("gpu", "all")
			ENV("\"NVIDIA_VISIBLE_DEVICES=0\",\"NVIDIA_VISIBLE_DEVICES=1\""),
		one);
}

Test(graft_request, the_environment_chooses_capabilities_that_the_policy_has)
{
	static const char caps[] = ENV("\"NVIDIA_DRIVER_CAPABILITIES=utility,graphics\"");
	struct graft_fixture f;

	node(&f, ENABLE "}");
	cr_assert_eq(fixture_plan(&f, arena_printf(&f.arena, "%s%s", ANNOTATION("gpu", "1"), caps)),
		     0, "%s", f.e.text);
	cr_assert_str_eq(fixture_devices(&f), "/dev/nvidia1,/dev/nvidiactl");
	cr_assert_eq(f.edits.note.n, 1);
	cr_assert_str_eq(f.edits.note.v[0].code, "DENIED");
	fixture_done(&f);
	/* as NVIDIA's toolkit reads it */
	planned(ENABLE "}",
		ANNOTATION("gpu", "1") ENV("\"NVIDIA_DRIVER_CAPABILITIES= utility,, video,\""),
		"/dev/nvidia1,/dev/nvidiactl");
	refused(ENABLE "}", ANNOTATION("gpu", "1") ENV("\"NVIDIA_DRIVER_CAPABILITIES=util\""),
		EINVAL, "'util' is none of");
}

/* An image that would use more than the node has starts all the same. */
Test(graft_request, the_environment_switches_on_what_is_there)
{
	static const char gds[] = ENV("\"NVIDIA_VISIBLE_DEVICES=1\",\"NVIDIA_GDS=enabled\"");
	struct graft_fixture f;

	node(&f, "{\"version\":1,\"enable\":[\"gpu\",\"gds\"],\"env\":\"accept\"}");
	cr_assert_eq(fixture_plan(&f, gds), 0, "%s", f.e.text);
	cr_assert_str_eq(fixture_devices(&f), "/dev/nvidia1,/dev/nvidiactl,/dev/nvidia-uvm");
	cr_assert_eq(f.edits.note.n, 1);
	cr_assert_str_eq(f.edits.note.v[0].code, "NONE");
	fixture_done(&f);
	refused("{\"version\":1,\"enable\":[\"gds\"]}", ANNOTATION("gds", "true"), ENODEV,
		"nvidia-fs");
	/* who is not heard makes nothing optional that the policy wants for all */
	refused("{\"version\":1,\"enable\":[\"gpu\"],\"env\":\"accept\",\"always\":{\"gds\":"
		"\"true\"}}",
		gds, EACCES, "does not enable it");
}

/* An entry of a device's own goes before a pattern, wherever it stands. */
Test(graft_request, limits_of_a_name_and_of_all)
{
	static const char *const policies[] = {
		ENABLE
		",\"rdmaDefault\":{\"*\":{\"hcaHandles\":32},\"mlx5_0\":{\"hcaHandles\":4}}}",
		ENABLE
		",\"rdmaDefault\":{\"mlx5_0\":{\"hcaHandles\":4},\"*\":{\"hcaHandles\":32}}}",
	};
	struct graft_fixture f;

	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		node(&f, policies[i]);
		cr_assert_eq(fixture_plan(&f, ANNOTATION("rdma", "all")), 0, "%s", f.e.text);
		cr_assert_eq(f.edits.limit.n, 1);
		cr_assert_eq(f.edits.limit.v[0].handles.v, 4);
		fixture_done(&f);
	}
}

Test(graft_request, always_is_the_last_word)
{
	planned(ENABLE ",\"always\":{\"gpu\":\"0\"}}", "",
		"/dev/nvidia0,/dev/nvidiactl,/dev/nvidia-uvm");
	planned(ENABLE ",\"always\":{\"gpu\":\"0\"}}", ANNOTATION("gpu", "none"), "");
	planned(ENABLE ",\"always\":{\"gpu\":\"0\"}}", ANNOTATION("none", "true"), "");
	planned(ENABLE ",\"always\":{\"gpu\":\"all\"}}", ENV("\"NVIDIA_VISIBLE_DEVICES=1\""),
		"/dev/nvidia1,/dev/nvidiactl,/dev/nvidia-uvm");
}

Test(graft_request, mounts_of_dev_null)
{
	static const char mounts[] = ",\"mounts\":[{\"destination\":\"/proc\"},"
				     "{\"destination\":\"/var/run/nvidia-container-devices/"
				     "GPU-b\",\"source\":\"/dev/null\"},"
				     "{\"destination\":\"/var/run/nvidia-container-devices/"
				     "0\",\"source\":\"/dev/zero\"}]";
	struct graft_fixture f;

	node(&f, ENABLE "}");
	cr_assert_eq(fixture_plan(&f, mounts), 0, "%s", f.e.text);
	cr_assert_str_eq(fixture_devices(&f), "/dev/nvidia1,/dev/nvidiactl,/dev/nvidia-uvm");
	cr_assert_eq(f.request.n_mount, 1);
	cr_assert_eq(f.request.mount[0], 1);
	fixture_done(&f);
	refused(ENABLE "}",
		",\"mounts\":[{\"destination\":\"/var/run/nvidia-container-devices/cdi/a.b/c/d\","
		"\"source\":\"/dev/null\"}]",
		ENOTSUP, "CDI");
}

Test(graft_request, another_hook_that_brings_the_gpu)
{
	struct graft_fixture f;

	node(&f, ENABLE "}");
	cr_assert_eq(
		fixture_plan(&f, ANNOTATION("gpu",
					    "all") ",\"hooks\":{\"prestart\":[{\"path\":"
						   "\"/usr/bin/nvidia-container-runtime-hook\"}]}"),
		0, "%s", f.e.text);
	cr_assert_eq(f.edits.device.n, 0);
	cr_assert_str_eq(f.edits.note.v[0].code, "OTHER");
	fixture_done(&f);
}

Test(graft_request, policies)
{
	refused(NULL, ANNOTATION("gpu", "all"), EACCES, "no policy file");
	refused("{\"version\":1,\"enable\":[\"rdma\"]}", ANNOTATION("gpu", "all"), EACCES,
		"does not enable it");
	refused("{\"version\":1,\"enable\":[\"gpu\"],\"devices\":{\"gpu\":{\"deny\":[\"GPU-*\"]}}}",
		ANNOTATION("gpu", "all"), EACCES, "allows none of them");
	planned("{\"version\":1,\"enable\":[\"gpu\"],\"devices\":{\"gpu\":{\"deny\":[\"nvidia0\"]}}"
		"}",
		ANNOTATION("gpu", "all"), "/dev/nvidia1,/dev/nvidiactl,/dev/nvidia-uvm");
	planned("{\"version\":1,\"enable\":[\"gpu\"],\"devices\":{\"gpu\":{\"allow\":[\"0\"]}}}",
		ANNOTATION("gpu", "all"), "/dev/nvidia0,/dev/nvidiactl,/dev/nvidia-uvm");
	refused("{\"version\":1,\"enable\":[\"gpu\"],\"devices\":{\"gpu\":{\"allow\":[]}}}",
		ANNOTATION("gpu", "0"), EACCES, "[GRAFT-DENIED]");
}

Test(graft_request, malformed_policies)
{
	refused("", ANNOTATION("gpu", "0"), EINVAL, "[GRAFT-POLICY]");
	refused("{}", ANNOTATION("gpu", "0"), EINVAL, "version");
	refused("{\"version\":2}", ANNOTATION("gpu", "0"), EINVAL, "version");
	refused(ENABLE ",\"enabled\":[]}", ANNOTATION("gpu", "0"), EINVAL, "enabled");
	refused("{\"version\":1,\"enable\":[\"gpus\"]}", ANNOTATION("gpu", "0"), EINVAL, "'gpus'");
	refused(ENABLE ",\"env\":\"trust\"}", ANNOTATION("gpu", "0"), EINVAL, "env");
	refused(ENABLE ",\"capabilities\":[\"magic\"]}", ANNOTATION("gpu", "0"), EINVAL, "'magic'");
	refused(ENABLE ",\"memlockMax\":\"1k\"}", ANNOTATION("gpu", "0"), EINVAL, "memlockMax");
	refused(ENABLE ",\"devices\":{\"gpu\":{\"alow\":[]}}}", ANNOTATION("gpu", "0"), EINVAL,
		"alow");
	refused(ENABLE ",\"always\":{\"gpux\":\"0\"}}", "", EINVAL, "'gpux'");
}

Test(graft_request, later_policy_files_win)
{
	struct graft_fixture f;

	node(&f, "{\"version\":1,\"enable\":[\"rdma\"],\"env\":\"ignore\",\"memlockMax\":\"1\"}");
	fixture_file(&f, "etc/greffon/graft.d/10-a.json",
		     "{\"version\":1,\"enable\":[\"gpu\"],\"memlockMax\":\"2\"}");
	fixture_file(&f, "etc/greffon/graft.d/9-b.json", "{\"version\":1,\"memlockMax\":\"3\"}");
	fixture_file(&f, "etc/greffon/graft.d/ignored.txt", "nonsense");
	cr_assert_eq(fixture_plan(&f, ""), 0, "%s", f.e.text);
	cr_assert_eq(f.policy.memlock_max, 2);
	cr_assert_eq(f.policy.env, GRAFT_ENV_IGNORE);
	cr_assert_eq(f.policy.enable, GRAFT_BIT(GRAFT_RDMA) | GRAFT_BIT(GRAFT_GPU));
	fixture_done(&f);
}

/* Whether graft_resolve() gives a config without annotations any device. */
static bool unasked(const char *policy, const char *body)
{
	struct graft_fixture f;
	struct graft_edits *edits;
	struct oci_config *config;

	node(&f, policy);
	const char *text = arena_printf(&f.arena, "{\"ociVersion\":\"1.2.0\"%s}", body);
	cr_assert_eq(oci_config_parse(text, strlen(text), &f.arena, &config, &f.e), 0);
	cr_assert_eq(graft_resolve(&f.host, config, &f.arena, &edits, &f.e), 0, "%s", f.e.text);
	bool some = edits != NULL && edits->device.n > 0;
	fixture_done(&f);
	return some;
}

/* Who asks for nothing gets what the policy has for everybody, and no more is read of it. */
Test(graft_request, nothing_asked)
{
	static const char cuda[] = ",\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"],"
				   "\"env\":[\"NVIDIA_VISIBLE_DEVICES=all\"]}";

	cr_assert_not(unasked(NULL, ""));
	cr_assert_not(unasked(ENABLE "}", ""));
	cr_assert(unasked(ENABLE ",\"always\":{\"gpu\":\"0\"}}", ""));
	cr_assert(unasked(ENABLE ",\"\\u0061lways\":{\"gpu\":\"0\"}}", ""));
	cr_assert_not(unasked(ENABLE ",\"always\":{\"gpu\":\"0\"}}",
			      ",\"annotations\":{\"org.greffon.graft.none\":\"true\"}"));
	cr_assert(unasked(ENABLE ",\"env\":\"accept\"}", cuda));
	cr_assert_not(unasked(ENABLE ",\"env\":\"restrict\"}", cuda));
	/* a file that grants nothing, broken or not, stands in nobody's way */
	cr_assert_not(unasked("{\"version\":1,", ""));
	cr_assert_not(unasked("{\"version\":1,\"always\":", ""));
}

/* What one file has for everybody is bounded by what the others say. */
Test(graft_request, always_in_one_of_several_files)
{
	struct graft_fixture f;
	struct graft_edits *edits;
	struct oci_config *config;
	static const char text[] = "{\"ociVersion\":\"1.2.0\"}";

	node(&f, "{\"version\":1,\"enable\":[\"gpu\"],\"devices\":{\"gpu\":{\"deny\":[\"0\"]}}}");
	fixture_file(&f, "etc/greffon/graft.d/50-always.json",
		     "{\"version\":1,\"always\":{\"gpu\":\"all\"}}");
	cr_assert_eq(oci_config_parse(text, sizeof(text) - 1, &f.arena, &config, &f.e), 0);
	cr_assert_eq(graft_resolve(&f.host, config, &f.arena, &edits, &f.e), 0, "%s", f.e.text);
	cr_assert_not_null(edits);
	f.edits = *edits;
	cr_assert_str_eq(fixture_devices(&f), "/dev/nvidia1,/dev/nvidiactl,/dev/nvidia-uvm");
	fixture_done(&f);
}

Test(graft_request, memlock)
{
	struct graft_fixture f;

	node(&f, ENABLE ",\"memlockMax\":\"unlimited\"}");
	cr_assert_eq(fixture_plan(&f, ANNOTATION("memlock", "unlimited")), 0, "%s", f.e.text);
	cr_assert_eq(f.edits.memlock.v, UINT64_MAX);
	fixture_done(&f);
	refused(ENABLE "}", ANNOTATION("memlock", "1"), EACCES, "memlockMax");
	refused(ENABLE ",\"memlockMax\":\"4096\"}", ANNOTATION("memlock", "4097"), EACCES,
		"memlockMax");
	refused(ENABLE "}", ANNOTATION("memlock", "1 GiB"), EINVAL, "number of bytes");
}

/* The first GPU is cut into one instance. */
static void instance(struct graft_fixture *f)
{
	fixture_file(f, "proc/devices",
		     "Character devices:\n195 nvidia\n237 nvidia-caps\n510 nvidia-uvm\n");
	fixture_file(f, "proc/driver/nvidia/capabilities/gpu0/mig/gi7/access",
		     "DeviceFileMinor: 66\n");
	fixture_file(f, "proc/driver/nvidia/capabilities/gpu0/mig/gi7/ci1/access",
		     "DeviceFileMinor: 67\n");
}

/* Every name of a GPU or an instance that a file of the node tells. */
Test(graft_request, uuids)
{
	static const char gpus[] = "/dev/nvidia0,/dev/nvidia-caps/nvidia-cap66,/dev/nvidia-caps/"
				   "nvidia-cap67,/dev/nvidiactl,/dev/nvidia-uvm";
	static const char *const names[] = {"0:0", "gpu0/gi7/ci1", "MIG-GPU-a/7/1"};
	struct graft_fixture f;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		node(&f, ENABLE "}");
		instance(&f);
		cr_assert_eq(
			fixture_plan(&f, arena_printf(&f.arena, ANNOTATION("gpu", "%s"), names[i])),
			0, "%s", f.e.text);
		cr_assert_str_eq(fixture_devices(&f), gpus, "%s", names[i]);
		fixture_done(&f);
	}
	/* of GPUs that may not be had as a whole the instances that may */
	node(&f, ENABLE ",\"devices\":{\"gpu\":{\"allow\":[\"gpu0/*\"]}}}");
	instance(&f);
	cr_assert_eq(fixture_plan(&f, ANNOTATION("gpu", "all")), 0, "%s", f.e.text);
	cr_assert_str_eq(fixture_devices(&f), gpus);
	fixture_done(&f);
	planned(ENABLE "}", ANNOTATION("gpu", "GPU-b"),
		"/dev/nvidia1,/dev/nvidiactl,/dev/nvidia-uvm");
	refused(ENABLE "}", ANNOTATION("gpu", "MIG-GPU-a/7/1"), ENODEV, "there is no");
	refused(ENABLE "}", ANNOTATION("gpu", "MIG-11111111-2222"), ENODEV, "no GPU of this node");
	planned(ENABLE "}",
		",\"mounts\":[{\"destination\":\"/var/run/nvidia-container-devices/GPU-b\","
		"\"source\":\"/dev/null\"}]",
		"/dev/nvidia1,/dev/nvidiactl,/dev/nvidia-uvm");
	refused(ENABLE "}",
		",\"mounts\":[{\"destination\":\"/var/run/nvidia-container-devices/"
		"MIG-GPU-a/7/1\",\"source\":\"/dev/null\"}]",
		ENODEV, "there is no 'MIG-GPU-a/7/1'");
}
