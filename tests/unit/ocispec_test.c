/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "libocispec/oci.h"

/* The error of a config, NULL when it is taken. */
static const char *error_of_n(const char *text, size_t len)
{
	static struct err e;
	autoarena struct arena a = {NULL};
	struct oci_config *c = NULL;

	e = (struct err){0};
	if (oci_config_parse(text, len, &a, &c, &e) == 0)
		return NULL;
	cr_assert_null(c);
	cr_assert_null(strchr(e.text, '\n'));
	return e.text;
}

static const char *error_of(const char *text)
{
	return error_of_n(text, strlen(text));
}

struct refusal {
	const char *json, *error;
};

static void check_refusals(const struct refusal *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *e = error_of(r[i].json);

		cr_assert_not_null(e, "%s: taken", r[i].json);
		cr_assert_eq(strncmp(e, r[i].error, strlen(r[i].error)), 0,
			     "%s: '%s' instead of '%s'", r[i].json, e, r[i].error);
	}
}
#define CHECK(list) check_refusals(list, sizeof(list) / sizeof(list[0]))

/* In front of a property of the top level. */
#define V "{\"ociVersion\":\"1.3.0\","

Test(ocispec, says_where_and_what)
{
	static const struct refusal list[] = {
		{V "\"linux\":{\"resources\":{\"memory\":{\"limit\":\"lots\"}}}}",
		 "linux.resources.memory.limit: expected an integer, got \"lots\""},
		{V "\"process\":{\"cwd\":\"/\",\"args\":[\"a\",\"b\",3]}}",
		 "process.args[2]: expected a string, got a number"},
		{V "\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/"
		   "b\"},{\"destination\":\"/c\"},{}]}",
		 "mounts[3]: required property 'destination' is missing"},
		{V "\"root\":{\"path\":\"a\"},\"root\":{\"path\":\"b\"}}", "root: given twice"},
		{V "\"linux\":{\"sysctl\":{\"b\":\"1\",\"a.b\":\"2\",\"a.b\":\"1\"}}}",
		 "linux.sysctl['a.b']: given twice"},
		{V "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"vm\"}]}}",
		 "linux.namespaces[1].type: unknown value \"vm\", known: pid, network, mount, ipc"},
		{V "\"annotations\":{\"a\\u001bb\":1}}",
		 "annotations['a\\x1bb']: expected a string"},
		{V "\"hostname\":{}}", "hostname: expected a string, got an object"},
		{V "\"process\":{\"cwd\":\"/\",\"terminal\":\"\xe2\x80\xae\"}}",
		 "process.terminal: expected true or false, got \"\\xe2\\x80\\xae\""},
		{V "\"process\":{\"cwd\":\"/"
		   "\",\"terminal\":\"0123456789012345678901234567890123456789"
		   "01234567890123456789012345\"}}",
		 "process.terminal: expected true or false, got "
		 "\"01234567890123456789012345678901234567"
		 "8901234567890123456789...\""},
	};

	CHECK(list);
}

Test(ocispec, wants_an_object_at_the_top)
{
	static const char *const bad[] = {"", " \n\t ", "null", "[]", "\"x\"", "0", "true", "[{}]"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *e = error_of(bad[i]);

		cr_assert_not_null(e);
		cr_assert_eq(strncmp(e, "top level must be an object, ", 29), 0, "'%s': %s", bad[i],
			     e);
	}
	cr_assert_str_eq(error_of("{}"), "required property 'ociVersion' is missing");
}

Test(ocispec, is_strict_about_syntax)
{
	static const struct refusal list[] = {
		{V "\"root\":{\"path\":\"a\"}} x", "line 1, column "},
		{V "\"root\":{\"path\":\"a\"}} {}", "line 1, column "},
		{V "\n\"root\": {\"path\": 01}}", "root.path: expected a string, got a number"},
		{V "\n\"root\": {\"path\": 'a'}}", "root.path: line 2, column "},
		{V "\"hostname\":\"a\",}", "line 1, column "},
		{V "\"hostname\":NaN}", "hostname: line 1, column "},
		{V "/* c */\"hostname\":\"a\"}", "line 1, column "},
		{V "\"hostname\":\"a\\q\"}", "hostname: line 1, column "},
		{V "\"hostname\":\"a\tb\"}", "hostname: line 1, column "},
		{"\xef\xbb\xbf" V "\"hostname\":\"a\"}",
		 "line 1, column 1 (byte 0): a byte order mark"},
		{V "\"hostname\":\"\xff\"}", "line 1, column 35 (byte 34): not UTF-8"},
		{V "\"hostname\":\"\xc0\x80\"}", "line 1, column 35 (byte 34): not UTF-8"},
		{V "\"hostname\":\"\xed\xa0\x80\"}", "line 1, column 35 (byte 34): not UTF-8"},
		{V "\"hostname\":\"\xf4\x90\x80\x80\"}", "line 1, column 35 (byte 34): not UTF-8"},
		{V "\"hostname\":\"\xe2\x82\"}", "line 1, column 35 (byte 34): not UTF-8"},
		{V "\"hostname\":\"\\ud800\"}", "line 1, column 35 (byte 34): \\u escape of half"},
		{V "\"hostname\":\"\\ud83d\\u0041\"}",
		 "line 1, column 35 (byte 34): \\u escape of half"},
		{V "\"hostname\":\"\\uDE00\"}", "line 1, column 35 (byte 34): \\u escape of half"},
		{V "\"hostname\":\"a\\u0000b\"}", "hostname: must not contain a NUL byte"},
		{V "\"x\":[[\"a\\u0000b\"]]}", "x: must not contain a NUL byte"},
		{V "\"a\\u0000b\":1}", "key: must not contain a NUL byte"},
		{V "\"process\":{\"cwd\":\"/\",\"args\":[\"\\u0000\"]}}",
		 "process.args[0]: must not contain a NUL byte"},
	};
	static const char raw[] = V "\"hostname\":\"a\0b\"}";

	CHECK(list);
	const char *e = error_of_n(raw, sizeof(raw) - 1);
	cr_assert_not_null(e);
	cr_assert_eq(strncmp(e, "hostname: line 1, column ", 25), 0, "%s", e);
	static const char after[] = "{\"ociVersion\":\"1\"}\0{}";
	cr_assert_not_null(error_of_n(after, sizeof(after) - 1));
}

Test(ocispec, decodes_escapes_and_surrogate_pairs)
{
	static const char text[] = V "\"hostname\":\"\\ud83d\\uDE00\\\\ud800\\/\\n\"}";
	autoarena struct arena a = {NULL};
	struct oci_config *c;

	cr_assert_eq(oci_config_parse(text, sizeof(text) - 1, &a, &c, NULL), 0);
	cr_assert_str_eq(c->hostname, "\xf0\x9f\x98\x80\\ud800/\n");
}

#define MEMORY(n) V "\"linux\":{\"resources\":{\"memory\":{\"limit\":" n "}}}}"
#define UID(n) V "\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":" n "}}}"
#define HARD(n)                                                                                    \
	V "\"process\":{\"cwd\":\"/\",\"rlimits\":[{\"type\":\"R\",\"soft\":0,\"hard\":" n "}]}}"

Test(ocispec, reads_integers_exactly_or_not_at_all)
{
	static const struct refusal list[] = {
		{MEMORY("1e3"), "linux.resources.memory.limit: expected an integer, got 1e3"},
		{MEMORY("1.5"), "linux.resources.memory.limit: expected an integer, got 1.5"},
		{MEMORY("1.0"), "linux.resources.memory.limit: expected an integer, got 1.0"},
		{MEMORY("1e400"), "linux.resources.memory.limit: expected an integer, got 1e400"},
		{MEMORY("-0"), "linux.resources.memory.limit: expected an integer, got -0"},
		{MEMORY("9223372036854775808"), "linux.resources.memory.limit: must be from "
						"-9223372036854775808 to 9223372036854775807, "
						"got 9223372036854775808"},
		{MEMORY("010"), ""},
		{UID("-1"), "process.user.uid: must be from 0 to 4294967295, got -1"},
		{UID("-0"), "process.user.uid: expected an integer, got -0"},
		{UID("4294967296"),
		 "process.user.uid: must be from 0 to 4294967295, got 4294967296"},
		{UID("100000000000000000000000000000000000000000000000000000000000000000000000000"),
		 "process.user.uid: must be from 0 to 4294967295, got 1000"},
		{HARD("18446744073709551616"),
		 "process.rlimits[0].hard: must be from 0 to 1844674407370955161"},
	};
	static const char most[] = HARD("18446744073709551615");
	static const char beyond_double[] = MEMORY("9007199254740993");
	autoarena struct arena a = {NULL};
	struct oci_config *c;

	CHECK(list);
	cr_assert_eq(oci_config_parse(most, sizeof(most) - 1, &a, &c, NULL), 0);
	cr_assert_eq(c->process->rlimits[0].hard.v, UINT64_MAX);
	cr_assert_eq(oci_config_parse(beyond_double, sizeof(beyond_double) - 1, &a, &c, NULL), 0);
	cr_assert_eq(c->linux->resources->memory->limit.v, INT64_C(9007199254740993));
}

Test(ocispec, tells_absent_from_null_from_empty)
{
	static const char text[] = V
		"\"process\":{\"cwd\":\"\",\"args\":[],\"env\":null,\"user\":{\"uid\":0,\"gid\":"
		"null},"
		"\"terminal\":false},\"linux\":{\"seccomp\":null,\"sysctl\":{},\"resources\":{}}}";
	autoarena struct arena a = {NULL};
	struct oci_config *c;

	cr_assert_eq(oci_config_parse(text, sizeof(text) - 1, &a, &c, NULL), 0);
	cr_assert_str_eq(c->process->cwd, "");
	cr_assert_not_null(c->process->args);
	cr_assert_eq(c->process->n_args, 0);
	cr_assert_null(c->process->env);
	cr_assert(c->process->user->uid.set && c->process->user->uid.v == 0);
	cr_assert(!c->process->user->gid.set);
	cr_assert(c->process->terminal.set && !c->process->terminal.v);
	cr_assert(!c->process->no_new_privileges.set);
	cr_assert_null(c->linux->seccomp);
	cr_assert_not_null(c->linux->sysctl);
	cr_assert_eq(c->linux->n_sysctl, 0);
	cr_assert_null(c->linux->masked_paths);
	cr_assert_null(c->root);
}

Test(ocispec, ignores_unknown_and_differently_cased_properties)
{
	static const char text[] =
		V "\"Root\":{\"path\":7},\"x\":{\"root\":{\"path\":[[1],{\"a\":null}]}},"
		  "\"x\":1,\"windows\":{\"layerFolders\":[\"a\"]},\"HOSTNAME\":\"h\"}";
	autoarena struct arena a = {NULL};
	struct oci_config *c;

	cr_assert_eq(oci_config_parse(text, sizeof(text) - 1, &a, &c, NULL), 0);
	cr_assert_null(c->root);
	cr_assert_null(c->hostname);
}

/* head, then n times `item` with commas between, then tail. The caller frees it. */
static char *repeat(const char *head, const char *item, size_t n, const char *sep, const char *tail,
		    size_t *len)
{
	size_t room = strlen(head) + n * (strlen(item) + strlen(sep)) + strlen(tail) + 1;
	char *text = malloc(room), *end;

	cr_assert_not_null(text);
	end = stpcpy(text, head);
	for (size_t i = 0; i < n; i++)
		end = stpcpy(stpcpy(end, item), i + 1 < n ? sep : "");
	end = stpcpy(end, tail);
	*len = (size_t)(end - text);
	return text;
}

static void check_repeat(const char *head, const char *item, size_t n, const char *sep,
			 const char *tail, const char *error)
{
	size_t len;
	autofree char *text = repeat(head, item, n, sep, tail, &len);
	const char *e = error_of_n(text, len);

	if (error == NULL)
		cr_assert_null(e, "%zu of '%s': %s", n, item, e);
	else
		cr_assert(e != NULL && strstr(e, error) != NULL, "%zu of '%s': %s", n, item,
			  e == NULL ? "taken" : e);
}

Test(ocispec, bounds_depth_length_and_number)
{
	size_t len;

	check_repeat(V "\"x\":", "[", 10, "", "]]]]]]]]]]}", NULL);
	check_repeat(V "\"x\":", "[", 63, "", "", "premature EOF");
	check_repeat(V "\"x\":", "[", 64, "", "", "nesting deeper than 64 levels");
	check_repeat(V "\"x\":", "[", 1000000, "", "", "nesting deeper than 64 levels");
	check_repeat(V "\"x\":", "{\"a\":", 1000000, "", "", "nesting deeper than 64 levels");
	check_repeat("", "[", 1000000, "", "", "top level must be an object");
	check_repeat(V "\"mounts\":[", "{\"destination\":\"/\"}", 100000, ",", "]}", NULL);
	check_repeat(V "\"mounts\":[", "{\"destination\":\"/\"}", 100001, ",", "]}",
		     "mounts[100000]: too many items, at most 100000 are allowed");
	check_repeat(V "\"process\":{\"cwd\":\"/\",\"env\":[", "\"a\"", 100001, ",", "]}}",
		     "process.env[100000]: too many items");
	check_repeat(V "\"x\":[", "0", 1000001, ",", "]}", "x: more than 1000000 values");
	check_repeat(V "\"hostname\":\"", "a", (size_t)1 << 20, "", "\"}", NULL);
	check_repeat(V "\"hostname\":\"", "a", ((size_t)1 << 20) + 1, "", "\"}",
		     "hostname: string longer than 1 MiB");
	check_repeat(V "\"x\":\"", "a", ((size_t)1 << 20) + 1, "", "\"}",
		     "x: string longer than 1 MiB");
	check_repeat(V "\"", "a", ((size_t)1 << 20) + 1, "", "\":1}",
		     "key: string longer than 1 MiB");
	check_repeat(V, " ", (size_t)16 << 20, "", "}", "larger than 16 MiB");
	check_repeat(V, "\"x\":{}", 10000, ",", "}", NULL);

	autofree char *text = repeat(V "\"annotations\":{\"z\":\"\"", "", 0, "", "", &len);
	autofree char *big = malloc(len + 100002 * 16);
	size_t n = (size_t)sprintf(big, "%s", text);
	for (int i = 0; i < 99999; i++)
		n += (size_t)sprintf(big + n, ",\"k%d\":\"\"", i);
	(void)sprintf(big + n, "}}");
	cr_assert_null(error_of(big));
	(void)sprintf(big + n - strlen(",\"k99998\":\"\""), ",\"k50000\":\"\"}}");
	cr_assert_str_eq(error_of(big), "annotations.k50000: given twice");
}

static char *golden(struct arena *a, const char *name, size_t *len)
{
	char path[512];
	char *text = NULL;

	(void)snprintf(path, sizeof(path), "%s/tests/golden/spec/%s", TOP_SRCDIR, name);
	cr_assert_eq(io_read_file(AT_FDCWD, path, 1 << 20, a, &text, len), 0, "%s", path);
	return text;
}

Test(ocispec, refuses_a_config_cut_anywhere)
{
	autoarena struct arena a = {NULL};
	size_t len;
	char *text = golden(&a, "config.json", &len);

	cr_assert_geq(len, 4096);
	cr_assert_null(error_of_n(text, len));
	while (len > 0 && text[len - 1] != '}')
		len--;
	for (size_t cut = 1; cut < len; cut++) {
		/* in memory of just that size, so that a read beyond its end is seen by a sanitizer
		 */
		autofree char *part = malloc(cut);
		memcpy(part, text, cut);
		const char *e = error_of_n(part, cut);
		cr_assert(e != NULL && strstr(e, "line ") != NULL && strstr(e, ", column ") != NULL,
			  "cut at %zu: %s", cut, e == NULL ? "taken" : e);
	}
}

Test(ocispec, survives_flipped_bits)
{
	autoarena struct arena a = {NULL};
	size_t len, taken = 0;
	char *text = golden(&a, "config.json", &len);

	/* a linear congruential sequence: the same 10,000 documents on every run */
	uint32_t seed = 1;
	for (int i = 0; i < 10000; i++) {
		seed = seed * 1664525u + 1013904223u;
		size_t at = (seed >> 8) % len;
		char bit = (char)(1 << (seed % 8));

		text[at] = (char)(text[at] ^ bit);
		taken += error_of_n(text, len) == NULL;
		text[at] = (char)(text[at] ^ bit);
	}
	cr_assert_lt(taken, 10000);
}

Test(ocispec, reads_a_bare_array_of_mounts)
{
	static const char text[] =
		"[{\"destination\":\"/a\",\"options\":[\"ro\"]},{\"destination\":\"/b\"}]";
	static const char bad[] = "[{\"destination\":\"/a\"},{\"source\":\"/b\"}]";
	autoarena struct arena a = {NULL};
	struct oci_mount *m = NULL;
	struct err e;
	size_t n = 0;

	cr_assert_eq(oci_mounts_parse(text, sizeof(text) - 1, &a, &m, &n, &e), 0);
	cr_assert_eq(n, 2);
	cr_assert_str_eq(m[0].options[0], "ro");
	cr_assert_str_eq(m[1].destination, "/b");
	cr_assert_eq(oci_mounts_parse("[]", 2, &a, &m, &n, &e), 0);
	cr_assert_eq(n, 0);
	cr_assert_eq(oci_mounts_parse(bad, sizeof(bad) - 1, &a, &m, &n, &e), -EINVAL);
	cr_assert_str_eq(e.text, "[1]: required property 'destination' is missing");
	cr_assert_eq(oci_mounts_parse("{}", 2, &a, &m, &n, &e), -EINVAL);
	cr_assert_str_eq(e.text, "top level must be an array, got an object");
	cr_assert_eq(oci_mounts_parse("[3]", 3, &a, &m, &n, &e), -EINVAL);
	cr_assert_str_eq(e.text, "[0]: expected an object, got a number");
}

Test(ocispec, writes_what_it_was_given)
{
	struct oci_map_entry entries[] = {{"a\"b\\", "\x01\n\t/\x7f"}, {"\xc3\xa9", ""}};
	struct oci_state s = {
		.oci_version = "1.3.0", .id = "x", .status = "running", .bundle = "/b"};
	autoarena struct arena a = {NULL};
	const char *text;
	size_t len;

	s.pid = (struct opt_i64){true, 7};
	s.annotations = entries;
	s.n_annotations = 2;
	cr_assert_eq(oci_state_write(&s, OCI_COMPACT, &a, &text, &len), 0);
	cr_assert_str_eq(text,
			 "{\"ociVersion\":\"1.3.0\",\"id\":\"x\",\"status\":\"running\",\"pid\":7,"
			 "\"bundle\":\"/b\",\"annotations\":{\"a\\\"b\\\\\":\"\\u0001\\n\\t/\x7f\","
			 "\"\xc3\xa9\":\"\"}}");
	cr_assert_eq(len, strlen(text));
	s.n_annotations = 0;
	cr_assert_eq(oci_state_write(&s, OCI_PRETTY, &a, &text, NULL), 0);
	cr_assert_str_eq(text, "{\n  \"ociVersion\": \"1.3.0\",\n  \"id\": \"x\",\n"
			       "  \"status\": \"running\",\n  \"pid\": 7,\n  \"bundle\": \"/b\",\n"
			       "  \"annotations\": {}\n}\n");
	s.bundle = "/\xff";
	cr_assert_eq(oci_state_write(&s, OCI_COMPACT, &a, &text, &len), -EILSEQ);
}

Test(ocispec, names_enumerations)
{
	cr_assert_str_eq(oci_namespace_type_name(OCI_NS_TIME), "time");
	cr_assert_str_eq(oci_seccomp_arch_name(OCI_ARCH_RISCV64), "SCMP_ARCH_RISCV64");
	cr_assert_null(oci_namespace_type_name(OCI_NS_NONE));
	cr_assert_null(oci_seccomp_op_name((enum oci_seccomp_op)99));
}
