/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "state/store.h"

static char root[] = "/tmp/greffon-store-XXXXXX";
static struct arena arena;
static struct store store;
static struct err e;

static void setup(void)
{
	cr_assert_not_null(mkdtemp(root));
	cr_assert_eq(store_open(&store, root, STORE_CREATE, &arena, &e), 0, "%s", e.text);
}

static void remove_all(void)
{
	const char **names;
	size_t n;

	cr_assert_eq(store_list(&store, &arena, &names, &n, &e), 0);
	for (size_t i = 0; i < n; i++) {
		struct store_entry en;
		if (store_get(&store, names[i], STORE_LOCK, &en, &e) == 0) {
			(void)store_remove(&en, &e);
			store_entry_done(&en);
		}
	}
	(void)unlinkat(store.root, ".cache/seccomp", AT_REMOVEDIR);
	(void)unlinkat(store.root, ".cache", AT_REMOVEDIR);
	store_done(&store);
	cr_assert_eq(rmdir(root), 0, "something was left in %s", root);
}

TestSuite(store, .init = setup, .fini = remove_all);

static struct record sample(const char *id)
{
	return (struct record){
		.version = 1, .id = id, .bundle = "/b", .created = "x", .boot_id = "y"};
}

Test(store, takes_the_ids_of_the_peers_and_no_paths)
{
	static const char *const bad[] = {"",	 ".",	"..",	    ".x",    "../x", "a/b",
					  "a b", "a\n", "\xc3\xbc", "%s%n/", "a:b"};
	char text[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(store_check_id(bad[i], &e), -EINVAL, "'%s'", bad[i]);
	memset(text, 'a', sizeof(text));
	text[255] = '\0';
	cr_assert_eq(store_check_id(text, &e), 0);
	text[255] = 'a';
	text[256] = '\0';
	cr_assert_eq(store_check_id(text, &e), -EINVAL);
	cr_assert_eq(store_check_id("Node-1.user_2+x", &e), 0);
}

Test(store, gives_an_id_to_exactly_one_of_many_claims)
{
	int pipes[2], winners = 0, status;

	cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			struct store_entry en;
			char go;
			close(pipes[1]);
			(void)!read(pipes[0], &go, 1);
			int r = store_claim(&store, "race", &en, &e);
			_exit(r == 0 ? 0 : r == -EEXIST ? 1 : 2);
		}
	}
	close(pipes[0]);
	close(pipes[1]); /* all start at once */
	for (int i = 0; i < 8; i++) {
		cr_assert_gt(wait(&status), 0);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		winners += WEXITSTATUS(status) == 0;
	}
	cr_assert_eq(winners, 1);
}

Test(store, keeps_a_record_and_a_config)
{
	struct record in = sample("c1"), *out;
	struct store_entry en, again;
	const char *text;
	size_t len;

	cr_assert_eq(store_claim(&store, "c1", &en, &e), 0, "%s", e.text);
	cr_assert_eq(store_claim(&store, "c1", &again, &e), -EEXIST);
	cr_assert_not_null(strstr(e.text, "already exists"));
	cr_assert_eq(store_write(&en, &in, &e), 0, "%s", e.text);
	cr_assert_eq(store_save_config(&en, "{}", 2, &e), 0);
	store_entry_done(&en);
	cr_assert_eq(store_get(&store, "c1", STORE_NO_LOCK, &en, &e), 0);
	cr_assert_eq(store_read(&en, &arena, &out, &e), 0, "%s", e.text);
	cr_assert_str_eq(out->bundle, "/b");
	cr_assert_eq(store_load_config(&en, &arena, &text, &len, &e), 0);
	cr_assert_str_eq(text, "{}");
	store_entry_done(&en);
}

Test(store, tells_corruption_from_absence)
{
	struct record *out;
	struct record in = sample("other");
	struct store_entry en;

	cr_assert_eq(store_get(&store, "c1", STORE_NO_LOCK, &en, &e), -ENOENT);
	cr_assert_str_eq(e.text, "container \"c1\" does not exist");
	cr_assert_eq(store_claim(&store, "c1", &en, &e), 0);
	cr_assert_eq(store_write(&en, &in, &e), 0);
	cr_assert_eq(store_read(&en, &arena, &out, &e), -EINVAL);
	int fd = openat(en.dir, "state.json", O_WRONLY | O_TRUNC | O_CLOEXEC);
	cr_assert_eq(store_read(&en, &arena, &out, &e), -EINVAL);
	cr_assert_not_null(strstr(e.text, "corrupt state"));
	close(fd);
	store_entry_done(&en);
}

Test(store, removes_everything_and_twice)
{
	struct record in = sample("c1");
	struct store_entry en;
	struct stat st;

	cr_assert_eq(store_claim(&store, "c1", &en, &e), 0);
	cr_assert_eq(store_write(&en, &in, &e), 0);
	int fifo = store_fifo_make(&en, geteuid(), getegid(), &e);
	cr_assert_geq(fifo, 0);
	close(fifo);
	cr_assert_eq(store_fifo_stat(&en, &st), 0);
	cr_assert(S_ISFIFO(st.st_mode));
	cr_assert_eq(mkdirat(en.dir, "deep", 0700), 0);
	cr_assert_eq(symlinkat("/etc/passwd", en.dir, "deep/link"), 0);
	cr_assert_eq(store_remove(&en, &e), 0, "%s", e.text);
	cr_assert_eq(store_remove(&en, &e), 0);
	store_entry_done(&en);
	cr_assert_eq(access("/etc/passwd", F_OK), 0);
	cr_assert_eq(store_get(&store, "c1", STORE_LOCK, &en, &e), -ENOENT);
}

/* Killed while it wrote its first record: the folder is a container's, with a corrupt state. */
Test(store, a_claim_without_a_whole_record_is_ours)
{
	struct store_entry en;
	struct record *rec;
	autoarena struct arena a = {0};

	cr_assert_eq(store_claim(&store, "c1", &en, &e), 0);
	int fd = openat(en.dir, ".state.json.4711", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	close(fd);
	store_entry_done(&en);
	cr_assert_eq(store_get(&store, "c1", STORE_LOCK, &en, &e), 0, "%s", e.text);
	cr_assert_lt(store_read(&en, &a, &rec, &e), 0);
	cr_assert_not_null(strstr(e.text, "corrupt state"), "%s", e.text);
	cr_assert_eq(store_remove(&en, &e), 0);
	store_entry_done(&en);
}

Test(store, a_second_holder_waits_for_the_first)
{
	struct store_entry en;
	int status;

	cr_assert_eq(store_claim(&store, "c1", &en, &e), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct store_entry mine;
		/* the parent deletes it meanwhile: then it is not there, and never half there */
		store_entry_done(&en);
		_exit(store_get(&store, "c1", STORE_LOCK, &mine, &e) == -ENOENT ? 0 : 1);
	}
	usleep(50 * 1000);
	cr_assert_eq(waitpid(pid, &status, WNOHANG), 0);
	cr_assert_eq(store_remove(&en, &e), 0);
	store_entry_done(&en);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
}

Test(store, leaves_folders_of_others_alone)
{
	struct store_entry en;

	cr_assert_eq(mkdirat(store.root, "foreign", 0700), 0);
	cr_assert_eq(mkdirat(store.root, "foreign/x", 0700), 0);
	cr_assert_eq(store_get(&store, "foreign", STORE_LOCK, &en, &e), -ENOENT);
	cr_assert_eq(unlinkat(store.root, "foreign/x", AT_REMOVEDIR), 0);
	cr_assert_eq(store_get(&store, "foreign", STORE_LOCK, &en, &e), 0,
		     "empty: a claim that was killed");
	store_entry_done(&en);
}

Test(store, refuses_a_root_that_others_may_write_to)
{
	struct store s;
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/sub", root);
	cr_assert_eq(mkdir(path, 0700), 0);
	cr_assert_eq(chmod(path, 0770), 0);
	cr_assert_eq(store_open(&s, path, STORE_EXISTING, &arena, &e), -EPERM);
	cr_assert_eq(chmod(path, 0700), 0);
	cr_assert_eq(chmod(root, 0777), 0);
	cr_assert_eq(store_open(&s, path, STORE_EXISTING, &arena, &e), -EPERM);
	cr_assert_eq(chmod(root, 0700), 0);
	cr_assert_eq(store_open(&s, path, STORE_EXISTING, &arena, &e), 0, "%s", e.text);
	store_done(&s);
	cr_assert_eq(rmdir(path), 0);
	cr_assert_eq(symlink("/tmp", path), 0);
	cr_assert_lt(store_open(&s, path, STORE_EXISTING, &arena, &e), 0);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(store_open(&s, path, STORE_EXISTING, &arena, &e), 0);
	cr_assert_eq(s.root, FD_NONE);
}
