/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "apply/creds.h"

/* What execve could run: 0, or the errno that it would give. */
static int find_check(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

/* "#!/usr/bin/python3 -u": the interpreter, or NULL. */
static const char *find_shebang(const char *head, size_t n, struct arena *a)
{
	size_t from = 2;

	if (n < 3 || head[0] != '#' || head[1] != '!')
		return NULL;
	while (from < n && (head[from] == ' ' || head[from] == '\t'))
		from++;
	size_t to = from;
	while (to < n && strchr(" \t\r\n", head[to]) == NULL)
		to++;
	return arena_strndup(a, head + from, to - from);
}

/* PT_INTERP of a 64-bit ELF file of this machine, NULL without one; *foreign: of another machine. */
static const char *find_elf_loader(int fd, const char *head, size_t n, struct arena *a, bool *foreign)
{
	Elf64_Ehdr own, eh;

	*foreign = false;
	if (n < sizeof(eh) || memcmp(head, ELFMAG, SELFMAG) != 0 || head[EI_CLASS] != ELFCLASS64)
		return NULL;
	memcpy(&eh, head, sizeof(eh));
	/* what this program was built for is what the machine runs */
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (self >= 0 && pread(self, &own, sizeof(own), 0) == (ssize_t)sizeof(own))
		*foreign = own.e_machine != eh.e_machine;
	if (self >= 0)
		(void)close(self);
	for (unsigned int i = 0; i < eh.e_phnum && i < 64; i++) {
		Elf64_Phdr ph;
		if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + i * sizeof(ph))) != (ssize_t)sizeof(ph))
			return NULL;
		if (ph.p_type != PT_INTERP || ph.p_filesz < 2 || ph.p_filesz > 4096)
			continue;
		char *loader = arena_alloc(a, ph.p_filesz + 1);
		return pread(fd, loader, ph.p_filesz, (off_t)ph.p_offset) == (ssize_t)ph.p_filesz ? loader : NULL;
	}
	return NULL;
}

/* The file is there and executable, yet execve may say ENOENT or ENOEXEC: say which piece is missing. */
static int find_explain(const char *path, struct arena *a, struct err *e)
{
	char head[256] = "";
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool foreign;

	if (fd < 0)
		return 0; /* executable, not readable: nothing to look at */
	ssize_t n = pread(fd, head, sizeof(head), 0);
	if (n <= 0)
		return 0;
	const char *needs = find_shebang(head, (size_t)n, a);
	if (needs != NULL && find_check(needs) == -ENOENT)
		return err_set(e, ENOENT, "process.args[0]: '%s' is a script for '%s': no such file or directory in the container",
			       path, needs);
	needs = find_elf_loader(fd, head, (size_t)n, a, &foreign);
	if (foreign)
		return err_set(e, ENOEXEC, "process.args[0]: '%s' is an executable of another machine: exec format error",
			       path);
	if (needs != NULL && find_check(needs) == -ENOENT)
		return err_set(e, ENOENT, "process.args[0]: '%s' needs the loader '%s': no such file or directory in the container",
			       path, needs);
	return 0;
}

static int find_refused(const char *name, int code, struct err *e)
{
	if (code == ENOENT || code == ENOTDIR)
		return err_set(e, ENOENT, "process.args[0]: executable file '%s': no such file or directory", name);
	if (code == EISDIR)
		return err_set(e, EACCES, "process.args[0]: '%s' is a directory: permission denied", name);
	return err_set(e, code, "process.args[0]: '%s': %s", name, err_name(code));
}

static const char *find_path_of(const struct plan *p)
{
	for (size_t i = 0; i < p->process.n_env; i++)
		if (strncmp(p->process.env[i], "PATH=", 5) == 0)
			return p->process.env[i] + 5;
	/* what execvp does without one (confstr _CS_PATH) */
	return "/bin:/usr/bin";
}

static int find_in_path(const struct plan *p, const char *name, struct arena *a, const char **out_path, struct err *e)
{
	int denied = 0;

	for (const char *dir = find_path_of(p); dir != NULL;) {
		const char *colon = strchr(dir, ':');
		size_t n = colon != NULL ? (size_t)(colon - dir) : strlen(dir);
		const char *path = n == 0 ? arena_printf(a, "./%s", name) :
					    arena_printf(a, "%.*s/%s", (int)n, dir, name);
		int r = find_check(path);
		if (r == 0) {
			*out_path = path;
			return 0;
		}
		if (r == -EACCES)
			denied = EACCES;
		dir = colon != NULL ? colon + 1 : NULL;
	}
	if (denied != 0)
		return err_set(e, EACCES, "process.args[0]: executable file '%s': permission denied", name);
	return err_set(e, ENOENT, "process.args[0]: executable file '%s' not found in $PATH", name);
}

int process_find(const struct plan *p, struct arena *a, const char **out_path, struct err *e)
{
	const char *name = p->process.argv[0];

	if (strchr(name, '/') == NULL) {
		int r = find_in_path(p, name, a, out_path, e);
		if (r < 0)
			return r;
	} else {
		int r = find_check(name);
		if (r < 0)
			return find_refused(name, -r, e);
		*out_path = name;
	}
	return find_explain(*out_path, a, e);
}
