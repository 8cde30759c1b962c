/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/tty.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <termios.h>

#include "sys/path.h"
#include "sys/sys.h"

#define TTY_SEND_TIMEOUT_MS (10 * 1000)
#define TTY_PTMX_MAJOR 5
#define TTY_PTMX_MINOR 2

/* A name inside the rootfs proves nothing: only a node on devpts makes a terminal of the
 * container's own. */
static int tty_check_devpts(int fd, const char *what, struct err *e)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", what);
	if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode))
		return err_set(e, EINVAL, "%s: is not on a devpts; mount one on /dev/pts", what);
	return 0;
}

/* The master of a new pair, from pts/ptmx of the devpts that is mounted at /dev/pts. */
static int tty_master(int root, struct err *e)
{
	autoclose int master = path_open(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, e);
	int unlock = 0;

	if (master < 0)
		return err_at(e, "process.terminal: a mount of devpts on /dev/pts is needed");
	int r = tty_check_devpts(master, "/dev/pts/ptmx", e);
	if (r < 0)
		return r;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_sys(e, errno, "/dev/pts/ptmx: unlock");
	return fd_take(&master);
}

/* By the ioctl and never by the name "/dev/pts/N", behind which anything may be (CVE-2025-52565).
 */
static int tty_peer(int master, struct err *e)
{
	autoclose int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (peer < 0)
		return err_sys(e, errno, "terminal: TIOCGPTPEER");
	int r = tty_check_devpts(peer, "terminal", e);
	return r < 0 ? r : fd_take(&peer);
}

static int tty_settings(const struct plan *p, int master, int peer, struct err *e)
{
	struct winsize size = {.ws_row = p->process.rows, .ws_col = p->process.columns};

	if ((size.ws_row != 0 || size.ws_col != 0) && ioctl(master, TIOCSWINSZ, &size) < 0)
		return err_sys(e, errno, "process.consoleSize");
	/* EPERM: a single-id user namespace without the tty group; EINVAL: no mapping. It is ours
	 * all the same. */
	if (p->creds.uid != 0 && fchown(peer, p->creds.uid, (gid_t)-1) < 0 && errno != EPERM &&
	    errno != EINVAL)
		return err_sys(e, errno, "terminal: owner %u", p->creds.uid);
	return 0;
}

/* Binds the peer on /dev/console, which is made if it is missing; whatever else is there (a link
 * first of all) is refused. */
static int tty_bind_console(int root, int peer, struct err *e)
{
	struct stat st;
	autoclose int target = path_open_nofollow(root, "/dev/console", O_PATH | O_CLOEXEC, NULL);

	if (target == -ENOENT)
		target = path_mkfile(root, "/dev/console", 0600, e);
	if (target < 0)
		return err_sys(e, -target, "/dev/console");
	if (fstat(target, &st) < 0)
		return err_sys(e, errno, "/dev/console");
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_set(
			e, EINVAL,
			"/dev/console: is neither a device nor a file; nothing is mounted there");
	autoclose int tree =
		sys_open_tree(peer, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_sys(e, -tree, "/dev/console: copy of the terminal's mount");
	int r = sys_move_mount(tree, "", target, "",
			       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	return r < 0 ? err_sys(e, -r, "/dev/console") : 0;
}

static int tty_make_stdio(int peer, struct err *e)
{
	if (setsid() < 0)
		return err_sys(e, errno, "setsid");
	if (ioctl(peer, TIOCSCTTY, 0) < 0)
		return err_sys(e, errno, "terminal: TIOCSCTTY");
	for (int i = 0; i < 3; i++)
		if (dup3(peer, i, 0) < 0)
			return err_sys(e, errno, "terminal as descriptor %d", i);
	return 0;
}

int tty_open(const struct plan *p, int root, enum tty_console console, int *out_master,
	     struct err *e)
{
	autoclose int master = tty_master(root, e);
	autoclose int peer = master < 0 ? FD_NONE : tty_peer(master, e);

	if (master < 0 || peer < 0)
		return -e->code;
	int r = tty_settings(p, master, peer, e);
	if (r == 0 && console == TTY_BIND_CONSOLE)
		r = tty_bind_console(root, peer, e);
	if (r == 0)
		r = tty_make_stdio(peer, e);
	if (r < 0)
		return r;
	*out_master = fd_take(&master);
	return 0;
}

/* sun_path holds 107 bytes; a longer path is reached through a descriptor of its folder. */
static int tty_address(const char *path, struct sockaddr_un *addr, int *out_dir, struct err *e)
{
	char folder[4096];
	const char *name = strrchr(path, '/');
	int n;

	addr->sun_family = AF_UNIX;
	if (strlen(path) < sizeof(addr->sun_path)) {
		memcpy(addr->sun_path, path, strlen(path) + 1);
		return 0;
	}
	n = name == NULL ? -1 : snprintf(folder, sizeof(folder), "%.*s", (int)(name - path), path);
	if (n < 0 || (size_t)n >= sizeof(folder))
		return err_sys(e, ENAMETOOLONG, "socket '%.200s'", path);
	*out_dir = open(n == 0 ? "/" : folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*out_dir < 0)
		return err_sys(e, errno, "socket '%s'", path);
	n = snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s", *out_dir,
		     name + 1);
	if (n < 0 || (size_t)n >= sizeof(addr->sun_path))
		return err_sys(e, ENAMETOOLONG, "socket '%.200s'", path);
	return 0;
}

int tty_connect(const char *path, struct err *e)
{
	struct sockaddr_un addr = {0};
	struct timeval limit = {.tv_sec = TTY_SEND_TIMEOUT_MS / 1000};
	autoclose int dir = FD_NONE;
	int r = tty_address(path, &addr, &dir, e);

	if (r < 0)
		return r;
	autoclose int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return err_sys(e, errno, "socket");
	/* a listener that accepts nobody must not hold us; this bounds connect as well */
	if (setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return err_sys(e, errno, "socket '%s'", path);
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(e, errno == EAGAIN ? ETIMEDOUT : errno, "socket '%s'", path);
	return fd_take(&sock);
}

static int tty_send_fd(int sock, int fd, char *payload, struct err *e)
{
	struct iovec iov = {.iov_base = payload, .iov_len = strlen(payload)};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, errno == EAGAIN ? ETIMEDOUT : errno,
			       "sending a descriptor to the socket");
	return 0;
}

int tty_send_connected(int sock, int master, struct err *e)
{
	static char payload[] = "/dev/ptmx";

	return tty_send_fd(sock, master, payload, e);
}

int tty_send_pidfd(const char *path, int pidfd, struct err *e)
{
	static char payload[] = "pidfd";
	autoclose int sock = tty_connect(path, e);

	return sock < 0 ? sock : tty_send_fd(sock, pidfd, payload, e);
}
