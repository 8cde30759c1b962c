/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "apply/creds.h"

/* Of a hostile file: more headers than any program has are not looked at. */
#define FIND_MAX_PHDRS 64

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

/* The headers of our own image, from the linker: what this machine runs natively. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* PT_INTERP of an ELF file of this machine's own kind, NULL without one. Files of other machines
 * are left to the kernel: binfmt_misc may know how to run them, by an interpreter that we can't
 * see. */
static const char *find_elf_loader(int fd, const char *head, size_t n, struct arena *a)
{
	ElfW(Ehdr) eh;

	if (n < sizeof(eh) || memcmp(head, ELFMAG, SELFMAG) != 0)
		return NULL;
	memcpy(&eh, head, sizeof(eh));
	if (eh.e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
	    eh.e_machine != __ehdr_start.e_machine)
		return NULL;
	for (unsigned int i = 0; i < eh.e_phnum && i < FIND_MAX_PHDRS; i++) {
		ElfW(Phdr) ph;
		if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + i * sizeof(ph))) !=
		    (ssize_t)sizeof(ph))
			return NULL;
		if (ph.p_type != PT_INTERP || ph.p_filesz < 2 || ph.p_filesz > PATH_MAX)
			continue;
		char *loader = arena_alloc(a, ph.p_filesz + 1);
		return pread(fd, loader, ph.p_filesz, (off_t)ph.p_offset) == (ssize_t)ph.p_filesz
			       ? loader
			       : NULL;
	}
	return NULL;
}

/* The file is there and executable, yet execve would say ENOENT: say which piece is missing. */
static int find_explain(const char *path, struct arena *a, struct err *e)
{
	char head[256] = "";
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return 0; /* executable, not readable: nothing to look at */
	ssize_t n = pread(fd, head, sizeof(head), 0);
	if (n <= 0)
		return 0;
	const char *needs = find_shebang(head, (size_t)n, a);
	if (needs != NULL && find_check(needs) == -ENOENT)
		return err_set(e, ENOENT,
			       "process.args[0]: '%s' is a script for '%s': no such file or "
			       "directory in the container",
			       path, needs);
	needs = find_elf_loader(fd, head, (size_t)n, a);
	if (needs != NULL && find_check(needs) == -ENOENT)
		return err_set(e, ENOENT,
			       "process.args[0]: '%s' needs the loader '%s': no such file or "
			       "directory in the container",
			       path, needs);
	return 0;
}

static int find_refused(const char *name, int code, struct err *e)
{
	struct statvfs fs;

	if (code == ENOENT || code == ENOTDIR)
		return err_set(e, ENOENT,
			       "process.args[0]: '%s': executable file not found: no such file or "
			       "directory",
			       name);
	if (code == EACCES && statvfs(name, &fs) == 0 && (fs.f_flag & ST_NOEXEC) != 0)
		return err_set(e, EACCES,
			       "process.args[0]: '%s' is on a file system mounted noexec: "
			       "permission denied",
			       name);
	if (code == EISDIR)
		return err_set(e, EACCES, "process.args[0]: '%s' is a directory: permission denied",
			       name);
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

static int find_in_path(const struct plan *p, const char *name, struct arena *a,
			const char **out_path, struct err *e)
{
	int denied = 0;

	for (const char *dir = find_path_of(p); dir != NULL;) {
		const char *colon = strchr(dir, ':');
		size_t n = colon != NULL ? (size_t)(colon - dir) : strlen(dir);
		const char *path = n == 0 ? arena_printf(a, "./%s", name)
					  : arena_printf(a, "%.*s/%s", (int)n, dir, name);
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
		return err_set(e, EACCES,
			       "process.args[0]: '%s': executable file: permission denied", name);
	return err_set(e, ENOENT,
		       "process.args[0]: '%s': executable file not found in $PATH: no such file or "
		       "directory",
		       name);
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
