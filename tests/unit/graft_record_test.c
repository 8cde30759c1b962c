/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "state/folder.h"
#include "state/graft.h"

/* FIPS 180-4's own examples. */
#define OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct arena arena;

/* A descriptor of a file without a name, at its beginning. */
static int file_of(const char *text)
{
	FILE *f = tmpfile();
	int fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);

	cr_assert_eq(io_write_all(fd, text, strlen(text)), 0);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	(void)fclose(f);
	return fd;
}

Test(digest, is_that_of_the_standard)
{
	char text[DIGEST_TEXT];

	digest_bytes("abc", 3, text);
	cr_assert_str_eq(text, OF_ABC);
	digest_bytes("", 0, text);
	cr_assert_str_eq(text, OF_NOTHING);
	cr_assert_eq(digest_file(FD_NONE, file_of("abc"), text), 0);
	cr_assert_str_eq(text, OF_ABC);
}

Test(digest, of_no_regular_file_is_an_error)
{
	char text[DIGEST_TEXT];

	cr_assert_eq(digest_file(FD_NONE, open("/dev/null", O_RDONLY | O_CLOEXEC), text), -EINVAL);
}

Test(digest, is_not_kept_right_after_a_change)
{
	char dir[] = "/tmp/greffon-digest-XXXXXX", text[DIGEST_TEXT];
	struct stat st;

	cr_assert_not_null(mkdtemp(dir));
	int cache = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = file_of("abc");
	cr_assert_eq(digest_file(cache, fd, text), 0);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert_not(digest_cached(cache, &st, text));
	(void)rmdir(dir);
}

Test(digest, is_found_by_what_the_file_was)
{
	char dir[] = "/tmp/greffon-digest-XXXXXX", text[DIGEST_TEXT];
	struct stat st, other;

	cr_assert_not_null(mkdtemp(dir));
	int cache = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = open("/bin/sh", O_RDONLY | O_CLOEXEC); /* of the system, so not new */
	cr_assert_eq(fstat(fd, &st), 0);
	if (time(NULL) - st.st_ctim.tv_sec < 5)
		cr_skip_test("/bin/sh was installed this moment");
	cr_assert_eq(digest_file(cache, fd, text), 0);
	cr_assert(digest_cached(cache, &st, text));
	cr_assert(digest_same(&st, &st));
	other = st;
	other.st_ctim.tv_nsec++;
	cr_assert_not(digest_cached(cache, &other, text));
	cr_assert_not(digest_same(&st, &other));
	other = st;
	other.st_size++;
	cr_assert_not(digest_cached(cache, &other, text));
	cr_assert_not(digest_cached(FD_NONE, &st, text));
	cr_assert_eq(folder_remove(AT_FDCWD, dir, cache), 0);
}

static int parse(const char *text, struct graft_doc **out, struct err *e)
{
	return graft_doc_parse(text, strlen(text), &arena, out, e);
}

Test(graft_record, is_read_as_it_was_written)
{
	struct graft_doc *d;
	struct err e = {0};

	cr_assert_eq(
		parse("{\"graftRecord\":1,\"drivers\":{\"gpu.driver\":\"580\"},\"groups\":[44],"
		      "\"devices\":[{\"path\":\"/dev/kfd\",\"major\":511,\"minor\":0}],"
		      "\"memlock\":18446744073709551615,\"later\":{}}",
		      &d, &e),
		0, "%s", e.text);
	cr_assert_str_eq(oci_map_get(d->fact, d->n_fact, "gpu.driver"), "580");
	cr_assert_eq(d->gid[0], 44);
	cr_assert_eq(d->device[0].major.v, 511);
	cr_assert_eq(d->memlock.v, UINT64_MAX);
}

Test(graft_record, of_another_version_or_shape_is_an_error)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		"",
		"{\"graftRecord\":2}",
		"{\"graftRecord\":1,\"devices\":[{}]}",
		"{\"graftRecord\":1,\"files\":[{\"source\":\"/x\"}]}",
	};
	struct graft_doc *d;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err e = {0};
		cr_assert_eq(parse(bad[i], &d, &e), -EINVAL, "%s", bad[i]);
		cr_assert_neq(e.text[0], '\0');
	}
}
