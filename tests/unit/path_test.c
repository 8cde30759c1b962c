/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sys/path.h"
#include "sys/path_walk.h"

/* A directory with "canary" (the host) and "root" (the image) side by side. */
static char base[] = "/tmp/greffon-path-XXXXXX";
static int outside = FD_NONE, root = FD_NONE;

static void setup(void)
{
	cr_assert_not_null(mkdtemp(base));
	int b = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(mkdirat(b, "canary", 0755), 0);
	cr_assert_eq(mkdirat(b, "root", 0755), 0);
	outside = openat(b, "canary", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	root = openat(b, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(mkdirat(root, "etc", 0755), 0);
	cr_assert_eq(mkdirat(root, "etc/deep", 0755), 0);
	int f = openat(root, "etc/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	cr_assert_geq(f, 0);
	(void)close(f);
	static const char *const links[][2] = {
		{"up", "../../../../.."},
		{"abs", "/etc"},
		{"host", "/tmp"},
		{"loop", "loop"},
		{"a", "b"},
		{"b", "a"},
		{"gone", "/run/new/dir"},
		{"relgone", "../x/y"},
		{"tofile", "/etc/file"},
		{"todir", "etc/deep"},
		{"slash", "/"},
		{"slashed", "etc/deep/"},
	};
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		cr_assert_eq(symlinkat(links[i][1], root, links[i][0]), 0);
	/* One more than the kernel follows. Near that limit openat2 is no oracle: a walk that it
	 * begins anew counts the links of the abandoned one as well. */
	for (int i = 0; i < 41; i++) {
		char name[16], to[16];
		(void)snprintf(name, sizeof(name), "c%d", i);
		(void)snprintf(to, sizeof(to), "c%d", i + 1);
		cr_assert_eq(symlinkat(i == 40 ? "etc" : to, root, name), 0);
	}
	char up[PATH_MAX];
	(void)snprintf(up, sizeof(up), "../../../../../../../..%s/canary", base);
	cr_assert_eq(symlinkat(up, root, "canary"), 0);
}

static void teardown(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl("/bin/rm", "rm", "-rf", base, (char *)NULL);
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
}

TestSuite(path, .init = setup, .fini = teardown);

static bool same(int fd, const char *rel)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(root, rel, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static bool untouched(void)
{
	struct stat st;

	return fstat(outside, &st) == 0 && st.st_nlink == 2 && faccessat(outside, "x", F_OK, 0) < 0;
}

Test(path, stays_in_the_root)
{
	struct err e = {0};

	cr_assert(same(path_open(root, "/", O_PATH, &e), "."));
	cr_assert(same(path_open(root, "", O_PATH, &e), "."));
	cr_assert(same(path_open(root, "../../..", O_PATH, &e), "."));
	cr_assert(same(path_open(root, "up/etc", O_PATH, &e), "etc"));
	cr_assert(same(path_open(root, "/abs/file", O_PATH, &e), "etc/file"));
	cr_assert(same(path_open(root, "slash/etc", O_PATH, &e), "etc"));
	cr_assert_eq(path_open(root, "canary", O_PATH, &e), -ENOENT);
	cr_assert_eq(path_open(root, "host", O_PATH, &e), -ENOENT);
	cr_assert_eq(path_open(root, "loop", O_PATH, &e), -ELOOP);
	cr_assert_eq(path_open(root, "a/x", O_PATH, &e), -ELOOP);
	cr_assert_eq(path_open(root, "c0", O_PATH, &e), -ELOOP);
	cr_assert_not_null(strstr(e.text, "'c0': "), "%s", e.text);
}

Test(path, nofollow_gives_the_link_itself)
{
	struct err e = {0};
	struct stat st;
	int fd = path_open_nofollow(root, "/abs", O_PATH, &e);

	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert(S_ISLNK(st.st_mode));
}

Test(path, the_walker_agrees_with_the_kernel)
{
	static const char *const paths[] = {
		"/",	     ".",	  "..",		"etc",
		"etc/",	     "etc/file",  "etc/file/",	"etc/file/.",
		"up",	     "up/etc",	  "abs/file",	"abs/../up",
		"loop",	     "a",	  "gone",	"relgone",
		"tofile",    "tofile/",	  "todir/..",	"todir/../file",
		"slash/abs", "c0",	  "c21",	"canary",
		"canary/x",  "nothing",	  "nothing/..", "etc/../../etc",
		"slashed",   "slashed/.", "abs/",	"//etc//deep",
		"c21/file",  "host",
	};
	static const int flags[] = {O_PATH, O_PATH | O_NOFOLLOW, O_PATH | O_DIRECTORY, O_RDONLY};
	struct err e = {0};

	for (size_t f = 0; f < ARRAY_LEN(flags); f++) {
		for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
			int a = path_open(root, paths[i], flags[f], &e);
			int b = path_walk(root, paths[i], flags[f] | O_CLOEXEC);
			struct stat x, y;

			if (a < 0 || b < 0) {
				cr_assert_eq(a, b, "'%s' with %x: %d and %d", paths[i], flags[f], a,
					     b);
				continue;
			}
			cr_assert_eq(fstat(a, &x), 0);
			cr_assert_eq(fstat(b, &y), 0);
			cr_assert(x.st_ino == y.st_ino && x.st_dev == y.st_dev, "'%s'", paths[i]);
			(void)close(a);
			(void)close(b);
		}
	}
}

Test(path, makes_directories_inside_only)
{
	struct err e = {0};

	cr_assert(same(path_mkdir(root, "/new/a/b", 0755, &e), "new/a/b"), "%s", e.text);
	cr_assert(same(path_mkdir(root, "up/new2", 0755, &e), "new2"));
	/* a link to nowhere is made good inside the root */
	cr_assert(same(path_mkdir(root, "gone/more", 0755, &e), "run/new/dir/more"), "%s", e.text);
	cr_assert(same(path_mkdir(root, "relgone", 0755, &e), "x/y"), "%s", e.text);
	int fd = path_mkdir(root, "canary/x", 0755, &e);
	char inside[PATH_MAX];
	(void)snprintf(inside, sizeof(inside), "%s/canary/x", base + 1);
	cr_assert(same(fd, inside), "%s", e.text);
	cr_assert(untouched());
	cr_assert_eq(path_mkdir(root, "nothing/../z", 0755, &e), -ENOENT);
	cr_assert_eq(path_mkdir(root, "etc/file/x", 0755, &e), -ENOTDIR);
	cr_assert_eq(path_mkdir(root, "loop/x", 0755, &e), -ELOOP);
}

Test(path, makes_files_inside_only)
{
	struct err e = {0};
	struct stat st;

	int fd = path_mkfile(root, "/n/f", 0644, &e);
	cr_assert(same(fd, "n/f"), "%s", e.text);
	cr_assert(fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
	cr_assert(same(path_mkfile(root, "tofile", 0644, &e), "etc/file"));
	cr_assert(same(path_mkfile(root, "gone", 0644, &e), "run/new/dir"), "%s", e.text);
	cr_assert_geq(path_mkfile(root, "canary/x", 0644, &e), 0);
	cr_assert(untouched());
	cr_assert_eq(path_mkfile(root, "/", 0644, &e) >= 0, true); /* exists */
	cr_assert_eq(path_mkfile(root, "loop", 0644, &e), -ELOOP);
}

Test(path, links_and_nodes_replace_nothing)
{
	struct err e = {0};
	struct stat st;

	cr_assert_eq(path_symlink(root, "/etc/l", "t", &e), 0);
	cr_assert_eq(path_symlink(root, "/etc/l", "t", &e), 0);
	cr_assert_eq(path_symlink(root, "/etc/l", "other", &e), -EEXIST);
	cr_assert_eq(path_symlink(root, "/etc/file", "t", &e), -EEXIST);
	cr_assert_eq(path_symlink(root, "/etc/..", "t", &e), -EINVAL);
	cr_assert_eq(path_mknod(root, "/etc/file", S_IFIFO | 0600, 0, 0, 0, &e), -EEXIST);
	cr_assert_eq(path_mknod(root, "/canary/x", S_IFIFO | 0600, 0, 0, 0, &e), 0, "%s", e.text);
	cr_assert(untouched());
	cr_assert_eq(path_mknod(root, "/dev/p", S_IFIFO | 0600, 0, 0, 0, &e), 0, "%s", e.text);
	cr_assert(fstatat(root, "dev/p", &st, 0) == 0 && S_ISFIFO(st.st_mode));
}

Test(path, parent_and_name)
{
	struct err e = {0};
	char name[256];

	cr_assert(same(path_parent(root, "/abs/x/", name, &e), "etc"));
	cr_assert_str_eq(name, "x");
	cr_assert(same(path_parent(root, "x", name, &e), "."));
	cr_assert_eq(path_parent(root, "/", name, &e), -EINVAL);
	cr_assert_eq(path_parent(root, "a/..", name, &e), -EINVAL);
}
