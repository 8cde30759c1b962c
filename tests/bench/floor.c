/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor: what the kernel alone takes for one container.
 *
 * It makes the namespaces, mounts and cgroups that the default configuration of `spec` asks for,
 * execs a program in them, waits, and removes the cgroups. It reads no configuration, checks
 * nothing that the kernel does not check, writes no state and drops no privilege: whatever a
 * runtime takes longer than this is the runtime's own work. It is a measure, not a sandbox.
 *
 *	floor ROOTFS CGROUP_NAME PROGRAM [ARGS]
 *
 * ROOTFS must be absolute. The exit status is the program's, 125 when the floor itself failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* <sys/mount.h> of glibc 2.36 and <linux/mount.h> exclude each other; these two are all we need. */
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
#ifndef MS_PRIVATE
#define MS_PRIVATE (1 << 18)
#endif

#define NOSUID_NOEXEC_NODEV (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV)

enum { MAX_GROUPS = 32, MAX_PATH = 512, EXIT_FLOOR = 125 };

/* One cgroup to make, relative to /sys/fs/cgroup: "cpu/NAME" on v1, "NAME" on v2. */
struct group {
	char controller[64];
	char path[MAX_PATH];
};

struct groups {
	struct group of[MAX_GROUPS];
	size_t n;
	int unified; /* directory on a cgroup2 mount, for CLONE_INTO_CGROUP; -EBADF: none */
	int v2;	     /* /sys/fs/cgroup itself is cgroup2 */
};

static struct groups groups = {.unified = -EBADF};

static _Noreturn void fail(const char *what, const char *on)
{
	dprintf(STDERR_FILENO, "floor: %s '%s': %s\n", what, on, strerror(errno));
	_exit(EXIT_FLOOR);
}

static int sys_mount_setattr(int dir, const char *path, unsigned flags, struct mount_attr *attr)
{
	return (int)syscall(SYS_mount_setattr, dir, path, flags, attr, sizeof(*attr));
}

static int sys_open_tree(int dir, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, dir, path, flags | OPEN_TREE_CLOEXEC);
}

static int sys_move_mount(int tree, int dir, const char *path)
{
	return (int)syscall(SYS_move_mount, tree, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH);
}

/* ---- cgroups, made by the parent ------------------------------------------------------------ */

static void file_write(const char *dir, const char *file, const char *text)
{
	char path[MAX_PATH + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail("write", path);
	(void)close(fd);
}

/* A new v1 cpuset is empty, and attaching to it is refused until both masks are filled. */
static void cpuset_fill(const struct group *g)
{
	static const char *const masks[] = {"cpuset.cpus", "cpuset.mems"};

	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		char from[MAX_PATH], text[1024];

		(void)snprintf(from, sizeof(from), "%s/%s", g->controller, masks[i]);
		int fd = open(from, O_RDONLY | O_CLOEXEC);
		ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (len < 0)
			fail("read", from);
		(void)close(fd);
		text[len] = '\0';
		file_write(g->path, masks[i], text);
	}
}

/* The default configuration denies every device; runtimes add mknod of any and the use of the
 * default devices, /dev/tty, ptmx and the pty slaves (runtime-spec config-linux.md "Default
 * Devices"). v1 takes one rule a write. */
static void devices_allow_v1(const struct group *g)
{
	static const char *const rules[] = {"c *:* m",	 "b *:* m",    "c 1:3 rwm", "c 1:5 rwm",
					    "c 1:7 rwm", "c 1:8 rwm",  "c 1:9 rwm", "c 5:0 rwm",
					    "c 5:2 rwm", "c 136:* rwm"};
	char path[MAX_PATH + 64];

	file_write(g->path, "devices.deny", "a");
	(void)snprintf(path, sizeof(path), "%s/devices.allow", g->path);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (write(fd, rules[i], strlen(rules[i])) < 0)
			fail("write", path);
	(void)close(fd);
}

static void device_program_attach(int cgroup, int prog)
{
	union bpf_attr attach = {.target_fd = (unsigned)cgroup,
				 .attach_bpf_fd = (unsigned)prog,
				 .attach_type = BPF_CGROUP_DEVICE,
				 .attach_flags = BPF_F_ALLOW_MULTI};
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) < 0)
		fail("attach the device program", "bpf");
	(void)close(prog);
}

/* The same rules on v2 are a program of type cgroup_device: r1 holds {access << 16 | type, major,
 * minor}; the return value 1 allows. Loaded and attached, as a runtime must. */
static void devices_allow_v2(int cgroup)
{
#define LOAD(reg, off_)                                                                            \
	{                                                                                          \
		.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = reg, .src_reg = 1, .off = (off_)     \
	}
#define MOVE(reg, imm_)                                                                            \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = reg, .imm = imm_                   \
	}
#define AND(reg, imm_)                                                                             \
	{                                                                                          \
		.code = BPF_ALU | BPF_AND | BPF_K, .dst_reg = reg, .imm = imm_                     \
	}
#define SHIFT(reg, imm_)                                                                           \
	{                                                                                          \
		.code = BPF_ALU | BPF_RSH | BPF_K, .dst_reg = reg, .imm = imm_                     \
	}
#define IF(op, reg, imm_, to)                                                                      \
	{                                                                                          \
		.code = BPF_JMP | op | BPF_K, .dst_reg = reg, .off = to, .imm = imm_               \
	}
#define RETURN                                                                                     \
	{                                                                                          \
		.code = BPF_JMP | BPF_EXIT                                                         \
	}
	struct bpf_insn code[] = {
		LOAD(2, 0), /* access and type */
		LOAD(4, 4), /* major */
		LOAD(5, 8), /* minor */
		MOVE(0, 1), /* allowed, unless the end is reached */
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 3, .src_reg = 2},
		SHIFT(3, 16),
		IF(BPF_JEQ, 3, BPF_DEVCG_ACC_MKNOD, 12), /* mknod of any */
		AND(2, 0xffff),
		IF(BPF_JNE, 2, BPF_DEVCG_DEV_CHAR, 9),
		IF(BPF_JEQ, 4, 136, 9), /* pty slaves */
		IF(BPF_JEQ, 4, 5, 5),
		IF(BPF_JNE, 4, 1, 6),
		IF(BPF_JEQ, 5, 3, 6), /* null */
		IF(BPF_JLT, 5, 5, 4),
		IF(BPF_JEQ, 5, 6, 3),
		IF(BPF_JLE, 5, 9, 3), /* zero, full, random, urandom */
		IF(BPF_JEQ, 5, 0, 2), /* 5:0 tty; minor 0 of major 1 was sent off above */
		IF(BPF_JEQ, 5, 2, 1), /* 5:2 ptmx */
		MOVE(0, 0),
		RETURN,
	};
	union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
			       .insn_cnt = sizeof(code) / sizeof(code[0]),
			       .insns = (uintptr_t)code,
			       .license = (uintptr_t) "GPL"};
	int prog = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	if (prog < 0)
		fail("load the device program", "bpf");

	device_program_attach(cgroup, prog);
}

static void group_make(const char *controller, const char *name)
{
	if (groups.n == MAX_GROUPS) {
		errno = E2BIG;
		fail("count", "cgroup controllers");
	}
	struct group *g = &groups.of[groups.n];

	(void)snprintf(g->controller, sizeof(g->controller), "%s", controller);
	(void)snprintf(g->path, sizeof(g->path), "%s/%s", controller, name);
	if (mkdir(g->path, 0755) < 0)
		fail("mkdir", g->path);
	groups.n++;
	if (strcmp(controller, "cpuset") == 0)
		cpuset_fill(g);
	else if (strcmp(controller, "devices") == 0)
		devices_allow_v1(g);
}

/* v1 and hybrid: each directory under /sys/fs/cgroup is one hierarchy; symbolic links only rename
 * hierarchies that hold several controllers. `unified` is the cgroup2 mount of a hybrid host. */
static void groups_make_v1(const char *name)
{
	static char buf[8192] __attribute__((aligned(8)));
	struct dirent64_head {
		uint64_t ino;
		int64_t off;
		uint16_t len;
		uint8_t type;
		char name[];
	};
	enum { TYPE_DIR = 4 }; /* DT_DIR */
	int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long n = syscall(SYS_getdents64, dir, buf, sizeof(buf));

	if (n < 0)
		fail("list", "/sys/fs/cgroup");
	for (long at = 0; at < n;) {
		const struct dirent64_head *d = (const void *)(buf + at);

		at += d->len;
		if (d->type != TYPE_DIR || d->name[0] == '.')
			continue;
		group_make(d->name, name);
		if (strcmp(d->name, "unified") == 0)
			groups.unified = open(groups.of[groups.n - 1].path, O_PATH | O_CLOEXEC);
	}
	(void)close(dir);
}

/* Everything later names cgroups relative to the working directory: the child's is carried over
 * into its copy of the mount namespace, which an inherited directory descriptor would not be. */
static void groups_make(const char *name)
{
	struct statfs fs;

	if (chdir("/sys/fs/cgroup") < 0 || statfs(".", &fs) < 0)
		fail("enter", "/sys/fs/cgroup");
	groups.v2 = fs.f_type == CGROUP2_SUPER_MAGIC;
	if (!groups.v2) {
		groups_make_v1(name);
		return;
	}
	group_make(".", name);
	groups.unified = open(groups.of[0].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	devices_allow_v2(groups.unified);
}

static void groups_remove(void)
{
	for (size_t i = 0; i < groups.n; i++)
		if (rmdir(groups.of[i].path) < 0)
			fail("rmdir", groups.of[i].path);
}

/* ---- the child ------------------------------------------------------------------------------ */

/* Still single-threaded and moving only itself through `tasks`, the child needs no grace period of
 * cgroup_threadgroup_rwsem; moving another pid, or writing cgroup.procs, waits 10 to 15 ms for
 * one when the machine was quiet. The v2 cgroup was entered by clone3 itself. */
static void groups_enter(void)
{
	for (size_t i = 0; i < groups.n; i++)
		if (!groups.v2 && strcmp(groups.of[i].controller, "unified") != 0)
			file_write(groups.of[i].path, "tasks", "0");
}

/* The loopback of a new network namespace is down, and every runtime raises it. */
static void loopback_up(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		fail("raise", "lo");
	(void)close(fd);
}

struct fs_option {
	const char *key, *value;
};

struct fs {
	const char *type, *at;
	unsigned attr;
	struct fs_option options[3];
};

/* A new file system, set up and attached by descriptor; the caller may use the descriptor to fill
 * it, since it names the mounted root. */
static int fs_mount(int root, const struct fs *fs)
{
	int ctx = (int)syscall(SYS_fsopen, fs->type, FSOPEN_CLOEXEC);

	if (ctx < 0)
		fail("fsopen", fs->type);
	for (const struct fs_option *o = fs->options; o < fs->options + 3 && o->key; o++)
		if (syscall(SYS_fsconfig, ctx, FSCONFIG_SET_STRING, o->key, o->value, 0) < 0)
			fail("fsconfig", o->key);
	if (syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		fail("create", fs->type);
	int mnt = (int)syscall(SYS_fsmount, ctx, FSMOUNT_CLOEXEC, fs->attr);
	if (mnt < 0)
		fail("fsmount", fs->type);
	(void)close(ctx);
	if (fs->at && sys_move_mount(mnt, root, fs->at) < 0)
		fail("mount on", fs->at);
	return mnt;
}

/* /dev: a tmpfs with the default devices and links of runtime-spec, and what is mounted in it. */
static void dev_make(int root)
{
	static const struct fs tmpfs = {
		"tmpfs",
		"dev",
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME,
		{{"mode", "755"}, {"size", "65536k"}},
	};
	static const struct fs inside[] = {
		{"devpts",
		 "dev/pts",
		 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
		 {{"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}}},
		{"tmpfs", "dev/shm", NOSUID_NOEXEC_NODEV, {{"mode", "1777"}, {"size", "65536k"}}},
		{"mqueue", "dev/mqueue", NOSUID_NOEXEC_NODEV, {{NULL, NULL}}},
	};
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = {{"null", 1, 3},   {"zero", 1, 5},	  {"full", 1, 7},
		     {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
	static const char *const links[][2] = {{"/proc/self/fd", "fd"},
					       {"/proc/self/fd/0", "stdin"},
					       {"/proc/self/fd/1", "stdout"},
					       {"/proc/self/fd/2", "stderr"},
					       {"pts/ptmx", "ptmx"}};
	int dev = fs_mount(root, &tmpfs);

	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		if (mkdirat(root, inside[i].at, 0755) < 0)
			fail("mkdir", inside[i].at);
		(void)close(fs_mount(root, &inside[i]));
	}
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		if (mknodat(dev, nodes[i].name, S_IFCHR | 0666,
			    makedev(nodes[i].major, nodes[i].minor)) < 0)
			fail("mknod", nodes[i].name);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlinkat(links[i][0], dev, links[i][1]) < 0)
			fail("symlink", links[i][1]);
	(void)close(dev);
}

/* v2 is mounted inside the cgroup namespace. v1 without one is a tmpfs holding, per hierarchy, a
 * read-only bind of the container's own cgroup. */
static void cgroup_mount(int root)
{
	static const struct fs v2 = {"cgroup2",
				     "sys/fs/cgroup",
				     NOSUID_NOEXEC_NODEV | MOUNT_ATTR_RDONLY,
				     {{NULL, NULL}}};
	static const struct fs v1 = {
		"tmpfs", "sys/fs/cgroup", NOSUID_NOEXEC_NODEV, {{"mode", "755"}}};
	struct mount_attr ro = {.attr_set = NOSUID_NOEXEC_NODEV | MOUNT_ATTR_RDONLY};
	int top = fs_mount(root, groups.v2 ? &v2 : &v1);

	for (size_t i = 0; !groups.v2 && i < groups.n; i++) {
		const struct group *g = &groups.of[i];
		int tree = sys_open_tree(AT_FDCWD, g->path, OPEN_TREE_CLONE);

		if (tree < 0 || sys_mount_setattr(tree, "", AT_EMPTY_PATH, &ro) < 0 ||
		    mkdirat(top, g->controller, 0755) < 0 ||
		    sys_move_mount(tree, top, g->controller) < 0)
			fail("bind", g->path);
		(void)close(tree);
	}
	if (!groups.v2 && sys_mount_setattr(top, "", AT_EMPTY_PATH, &ro) < 0)
		fail("remount", "sys/fs/cgroup");
	(void)close(top);
}

/* A masked file shows /dev/null, a masked directory an empty read-only tmpfs. Which of them exist
 * depends on the kernel: what found no target is kept for the next path. Before Linux 6.15 a mount
 * that is nowhere attached can't be cloned (EINVAL): the first directory gets the tmpfs itself, the
 * others clones of it. */
static void paths_mask(int root)
{
	static const char *const files[] = {
		"proc/asound",	   "proc/kcore",       "proc/keys",	  "proc/latency_stats",
		"proc/timer_list", "proc/timer_stats", "proc/sched_debug"};
	static const char *const dirs[] = {"proc/acpi", "sys/firmware", "proc/scsi"};
	static const struct fs empty = {"tmpfs", NULL, MOUNT_ATTR_RDONLY, {{NULL, NULL}}};
	int null = -EBADF;
	int dir = fs_mount(root, &empty), attached = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (null < 0)
			null = sys_open_tree(root, "dev/null", OPEN_TREE_CLONE);
		if (sys_move_mount(null, root, files[i]) == 0) {
			(void)close(null);
			null = -EBADF;
		} else if (errno != ENOENT && errno != ENOTDIR) {
			fail("mask", files[i]);
		}
	}
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int tree = attached ? sys_open_tree(dir, "", OPEN_TREE_CLONE | AT_EMPTY_PATH) : dir;

		if (tree >= 0 && sys_move_mount(tree, root, dirs[i]) == 0)
			attached = 1;
		else if (tree < 0 || errno != ENOENT)
			fail("mask", dirs[i]);
		if (tree != dir)
			(void)close(tree);
	}
	(void)close(dir);
}

static void paths_make_readonly(int root)
{
	static const char *const paths[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys",
					    "proc/sysrq-trigger"};
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int tree = sys_open_tree(root, paths[i], OPEN_TREE_CLONE | AT_RECURSIVE);

		if (tree < 0 && errno == ENOENT)
			continue;
		if (tree < 0 ||
		    sys_mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &ro) < 0 ||
		    sys_move_mount(tree, root, paths[i]) < 0)
			fail("make read-only", paths[i]);
		(void)close(tree);
	}
}

/* World: new pid, mount, ipc, uts and net namespaces, still on the host's root. */
static void root_enter(const char *rootfs)
{
	static const struct fs proc = {"proc", "proc", 0, {{NULL, NULL}}};
	static const struct fs sys = {
		"sysfs", "sys", NOSUID_NOEXEC_NODEV | MOUNT_ATTR_RDONLY, {{NULL, NULL}}};
	struct mount_attr private = {.propagation = MS_PRIVATE};
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};

	/* Nothing may travel back to the host, and pivot_root refuses shared mounts. */
	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private) < 0)
		fail("make private", "/");
	/* pivot_root wants a mount as the new root. */
	int root = sys_open_tree(AT_FDCWD, rootfs, OPEN_TREE_CLONE | AT_RECURSIVE);
	if (root < 0 || sys_move_mount(root, AT_FDCWD, rootfs) < 0)
		fail("bind", rootfs);

	(void)close(fs_mount(root, &proc));
	dev_make(root);
	(void)close(fs_mount(root, &sys));
	cgroup_mount(root);
	paths_mask(root);
	paths_make_readonly(root);
	if (sys_mount_setattr(root, "", AT_EMPTY_PATH, &ro) < 0)
		fail("make read-only", rootfs);

	/* The old root is stacked on the new one and let go: no directory for it is needed. */
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    syscall(SYS_umount2, ".", MNT_DETACH) < 0 || chdir("/") < 0)
		fail("enter", rootfs);
}

static _Noreturn void child(const char *rootfs, char **argv)
{
	static char *const env[] = {
		(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};

	(void)umask(0);
	groups_enter();
	/* After the attachment, since its root is the cgroup that the caller is in; the default
	 * configuration has this namespace on v2 only. */
	if (groups.v2 && syscall(SYS_unshare, CLONE_NEWCGROUP) < 0)
		fail("unshare", "cgroup");
	loopback_up();
	if (sethostname("floor", 5) < 0)
		fail("set", "hostname");
	root_enter(rootfs);
	(void)execve(argv[0], argv, env);
	fail("exec", argv[0]);
}

int main(int argc, char **argv)
{
	if (argc < 4 || argv[1][0] != '/') {
		dprintf(STDERR_FILENO, "usage: floor ROOTFS CGROUP_NAME PROGRAM [ARGS]\n");
		return EXIT_FLOOR;
	}
	groups_make(argv[2]);

	/* All namespaces in one go: each later unshare would copy a namespace set again. */
	struct clone_args how = {
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET,
		.exit_signal = SIGCHLD,
	};
	if (groups.unified >= 0) {
		how.flags |= CLONE_INTO_CGROUP;
		how.cgroup = (unsigned)groups.unified;
	}
	long pid = syscall(SYS_clone3, &how, sizeof(how));
	if (pid == 0)
		child(argv[1], argv + 3);
	int status = EXIT_FLOOR << 8;
	if (pid < 0)
		dprintf(STDERR_FILENO, "floor: clone3: %s\n", strerror(errno));
	else
		(void)waitpid((pid_t)pid, &status, 0);
	groups_remove();
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FLOOR;
}
