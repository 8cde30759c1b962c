/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "apply/creds.h"
#include "base/io.h"
#include "base/log.h"
#include "sys/path.h"
#include "sys/sys.h"

/* The container's passwd file is untrusted: more than this is not read. */
#define PROCESS_PASSWD_MAX ((size_t)1 << 20)

static int process_rlimit_set(const struct plan *p, size_t i, const struct rlimit64 *to,
			      struct err *e)
{
	const struct plan_rlimit *l = &p->process.rlimit[i];
	struct rlimit64 now;

	if (prlimit64(0, (unsigned int)l->resource, to, NULL) == 0)
		return 0;
	int code = errno;
	if (code == EPERM && prlimit64(0, (unsigned int)l->resource, NULL, &now) == 0)
		return err_set(e, EPERM,
			       "process.rlimits[%zu]: %s: hard limit %llu is above the caller's "
			       "%llu, which needs CAP_SYS_RESOURCE (operation not permitted); ask "
			       "for less, in podman by default_ulimits of containers.conf",
			       i, l->name, (unsigned long long)l->limit.rlim_max,
			       (unsigned long long)now.rlim_max);
	return err_sys(e, code, "process.rlimits[%zu]: %s", i, l->name);
}

int process_rlimits(const struct plan *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->process.n_rlimit; i++)
		r = process_rlimit_set(p, i, &p->process.rlimit[i].limit, e);
	return r;
}

int process_rlimits_raise(const struct plan *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->process.n_rlimit; i++) {
		const struct plan_rlimit *l = &p->process.rlimit[i];
		struct rlimit64 now;

		if (prlimit64(0, (unsigned int)l->resource, NULL, &now) < 0 ||
		    l->limit.rlim_max <= now.rlim_max)
			continue;
		now.rlim_max = l->limit.rlim_max;
		r = process_rlimit_set(p, i, &now, e);
	}
	return r;
}

/* User 0 of the initial user namespace, whose map is the one line "0 0 4294967295". */
static bool process_is_host_root(const struct procfs *pf)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	char *map;

	return geteuid() == 0 && procfs_read(pf, "self/uid_map", 4096, &a, &map, NULL) == 0 &&
	       strstr(map, " 4294967295\n") != NULL;
}

int process_oom_score(const struct plan *p, const struct procfs *pf, pid_t pid, struct err *e)
{
	char rel[40], value[16];
	struct err why = {0};

	if (!p->process.oom_score_adj.set)
		return 0;
	if (pid == 0)
		(void)snprintf(rel, sizeof(rel), "self/oom_score_adj");
	else
		(void)snprintf(rel, sizeof(rel), "%d/oom_score_adj", (int)pid);
	(void)snprintf(value, sizeof(value), "%d", (int)p->process.oom_score_adj.v);
	if (procfs_write(pf, rel, value, &why) == 0)
		return 0;
	bool refused = why.code == EACCES || why.code == EPERM;
	if (refused && !process_is_host_root(pf)) {
		log_warn("process.oomScoreAdj: lowering it to %s is not permitted, it stays as it "
			 "is",
			 value);
		return 0;
	}
	if (refused)
		return err_set(e, why.code,
			       "process.oomScoreAdj: lowering it to %s needs CAP_SYS_RESOURCE "
			       "(operation not permitted)",
			       value);
	(void)err_take(e, &why);
	return err_at(e, "process.oomScoreAdj");
}

/* HOME of uid out of passwd text: name:password:uid:gid:gecos:home:shell. NULL: not there. */
static const char *process_passwd_home(const char *text, uid_t uid, struct arena *a)
{
	char number[16];
	int digits = snprintf(number, sizeof(number), "%u:", uid);

	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n");
		const char *end = line + len, *field[7] = {line};
		size_t n = 1;
		for (const char *c = line; c < end && n < ARRAY_LEN(field); c++)
			if (*c == ':')
				field[n++] = c + 1;
		if (n >= 6 && strncmp(field[2], number, (size_t)digits) == 0 && field[5][0] == '/')
			return arena_strndup(a, field[5], strcspn(field[5], ":\n"));
		line = *end == '\n' ? end + 1 : end;
	}
	return NULL;
}

/* The container's file, hence no magic links: it may be a link to /proc/self/fd/N. */
static const char *process_home(uid_t uid, struct arena *a)
{
	struct stat st;
	char *text;
	int fd = sys_openat2(AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
			     0, RESOLVE_NO_MAGICLINKS);

	if (fd == -ENOSYS) /* before 5.6 */
		fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	autoclose int passwd = fd;
	const char *home = NULL;
	if (passwd >= 0 && fstat(passwd, &st) == 0 && S_ISREG(st.st_mode) &&
	    io_read_all(passwd, PROCESS_PASSWD_MAX, a, &text, NULL) == 0)
		home = process_passwd_home(text, uid, a);
	return home != NULL ? home : "/";
}

const char *const *process_environment(const struct plan *p, struct arena *a)
{
	const struct plan_process *pp = &p->process;

	if (!pp->home_missing && pp->listen_pid == 0)
		return pp->env;
	const char **env = arena_array(a, pp->n_env + 2, sizeof(*env));
	size_t n = 0;
	for (size_t i = 0; i < pp->n_env; i++) {
		if (i + 1 == pp->listen_pid) /* whatever pid namespace this is */
			env[n++] = arena_printf(a, "LISTEN_PID=%d", (int)getpid());
		else if (!pp->home_missing || strncmp(pp->env[i], "HOME=", 5) != 0)
			env[n++] = pp->env[i];
	}
	if (pp->home_missing)
		env[n] = arena_printf(a, "HOME=%s", process_home(p->creds.uid, a));
	return env;
}

/* The peers make it; engines rely on that for the working directory of an image. */
static int process_open_cwd(int root, const char *cwd)
{
	struct err why = {0};
	int dir = path_open(root, cwd, O_PATH | O_DIRECTORY, &why);

	return dir == -ENOENT ? path_mkdir(root, cwd, 0755, &why) : dir;
}

void process_make_cwd(const struct plan *p, int root)
{
	if (p->process.cwd == NULL || strcmp(p->process.cwd, "/") == 0)
		return;
	int dir = process_open_cwd(root, p->process.cwd);
	fd_done(&dir);
}

int process_chdir(const struct plan *p, int root, struct err *e)
{
	char now[4096];
	const char *cwd = p->process.cwd;

	if (cwd == NULL)
		return 0;
	if (strcmp(cwd, "/") == 0) /* the container's own, which nothing has to be looked up for */
		return chdir("/") < 0 ? err_sys(e, errno, "process.cwd: '/'") : 0;
	autoclose int dir = process_open_cwd(root, cwd);
	if (dir < 0)
		return err_set(e, -dir, "process.cwd: '%s': %s", cwd, err_name(-dir));
	if (fchdir(dir) < 0)
		return err_sys(e, errno, "process.cwd: '%s'", cwd);
	/* "(unreachable)/..." is what the kernel says of a directory outside of the root */
	if (getcwd(now, sizeof(now)) == NULL || now[0] != '/')
		return err_set(e, EXDEV, "process.cwd: '%s' leads out of the container", cwd);
	return 0;
}

int process_stdio_owner(const struct plan *p, struct err *e)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0 || st.st_uid == p->creds.uid)
			continue;
		/* a terminal of the container has its owner already, the caller's stays the
		 * caller's */
		if (S_ISCHR(st.st_mode) && (st.st_rdev == makedev(1, 3) || isatty(fd) == 1))
			continue;
		/* Files of another file system or user may refuse. */
		if (fchown(fd, p->creds.uid, (gid_t)-1) < 0 && errno != EINVAL && errno != EPERM &&
		    errno != EROFS)
			return err_sys(e, errno, "giving descriptor %d to user %u", fd,
				       p->creds.uid);
	}
	return 0;
}
