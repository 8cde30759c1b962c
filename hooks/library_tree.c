/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/library_tree.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "sys/path.h"
#include "sys/path_walk.h"

#define LIBRARY_CACHE "/etc/ld.so.cache"
#define LIBRARY_CACHE_MAX ((size_t)16 << 20)
#define LIBRARY_FOLDERS_MAX 256 /* of one list: an image's may be of any length */
#define LIBRARY_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

int library_machine(void)
{
#if defined(__aarch64__)
	return EM_AARCH64;
#elif defined(__powerpc64__)
	return EM_PPC64;
#elif defined(__riscv)
	return EM_RISCV;
#else
	return EM_X86_64;
#endif
}

/* What of path lies below target, without a '/' in front; NULL: it lies elsewhere. */
static const char *library_below(const char *path, const char *target)
{
	size_t n = strlen(target);

	while (n > 0 && target[n - 1] == '/')
		n--;
	if (strncmp(path, target, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return path + n + strspn(path + n, "/");
}

int library_tree_fd(const struct library_tree *t, const char *path, int flags)
{
	for (size_t i = t->n_bind; i-- > 0;) {
		const char *rest = library_below(path, t->bind[i].target);

		if (rest == NULL)
			continue;
		if (rest[0] == '\0')
			return path_open(t->host, t->bind[i].source, flags, NULL);
		autoclose int fd = path_open(t->host, t->bind[i].source, O_PATH | O_CLOEXEC, NULL);
		return fd < 0 ? fd : path_open(fd, rest, flags, NULL);
	}
	return path_open(t->root, path, flags, NULL);
}

void library_tree_open(struct library_tree *t, int root, struct arena *a)
{
	struct err why = {0};
	struct stat st;
	char *text;
	size_t len;

	t->root = root;
	t->a = a;
	t->machine = library_machine();
	t->class = 64;
	t->cache = (struct ldcache){0};
	t->known = arena_new(a, struct library_known);
	autoclose int fd = library_tree_fd(t, LIBRARY_CACHE, LIBRARY_FLAGS);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    io_read_sized(fd, st.st_size, LIBRARY_CACHE_MAX, a, &text, &len) == 0 &&
	    ldcache_parse(text, len, a, &t->cache, &why) < 0)
		t->cache = (struct ldcache){0};
}

static const char *library_triplet(int machine)
{
	switch (machine) {
	case EM_X86_64:
		return "x86_64-linux-gnu";
	case EM_AARCH64:
		return "aarch64-linux-gnu";
	case EM_PPC64:
		return "powerpc64le-linux-gnu";
	case EM_RISCV:
		return "riscv64-linux-gnu";
	case EM_386:
		return "i386-linux-gnu";
	default:
		return ".";
	}
}

bool library_tree_read(const struct library_tree *t, const char *path, struct elf *out)
{
	struct err why = {0};
	autoclose int fd = library_tree_fd(t, path, LIBRARY_FLAGS);

	return fd >= 0 && elf_read(fd, t->a, out, &why) == 0 && out->class == t->class &&
	       out->machine == t->machine;
}

const char *library_tree_real(const struct library_tree *t, const char *path)
{
	char real[PATH_MAX];
	autoclose int fd = path_walk_real(t->root, path, real);

	return fd < 0 ? NULL : arena_strdup(t->a, real);
}

/* The folders that a loader looks through without being told, and those of distributions'
 * ld.so.conf. The first that has the name. */
const char *library_tree_in_folders(const struct library_tree *t, const char *name, struct elf *out)
{
	static const char *const folders[] = {
		"/lib/%s",  "/usr/lib/%s",	 "/lib64",	   "/usr/lib64",      "/lib",
		"/usr/lib", "/usr/local/lib/%s", "/usr/local/lib", "/usr/lib/wsl/lib"};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		const char *mark = strstr(folders[i], "%s");
		const char *path =
			mark == NULL ? arena_printf(t->a, "%s/%s", folders[i], name)
				     : arena_printf(t->a, "%.*s%s/%s", (int)(mark - folders[i]),
						    folders[i], library_triplet(t->machine), name);
		if (library_tree_read(t, path, out))
			return path;
	}
	return NULL;
}

const char *library_tree_find(const struct library_tree *t, const char *name, struct elf *out)
{
	if (strchr(name, '/') != NULL)
		return NULL;
	for (size_t i = 0; i < t->known->n; i++)
		if (strcmp(t->known->v[i].name, name) == 0) {
			*out = t->known->v[i].elf;
			return t->known->v[i].path;
		}
	const struct ldcache_entry *x =
		ldcache_find(&t->cache, ldcache_flags(t->machine, t->class), name);
	const char *path = x != NULL && library_tree_read(t, x->path, out)
				   ? x->path
				   : library_tree_in_folders(t, name, out);
	if (path == NULL)
		*out = (struct elf){0};
	*ARENA_PUSH(t->a, t->known) = (struct library_found){name, path, *out};
	return path;
}

/* A folder of a list, of n bytes, with $ORIGIN replaced. */
static const char *library_folder(const struct library_tree *t, const char *folder, size_t n,
				  const char *origin)
{
	static const char *const words[] = {"$ORIGIN", "${ORIGIN}"};
	const char *end = origin != NULL ? strrchr(origin, '/') : NULL;

	for (size_t i = 0; end != NULL && i < ARRAY_LEN(words); i++) {
		size_t len = strlen(words[i]);
		if (n >= len && strncmp(folder, words[i], len) == 0)
			return arena_printf(t->a, "%.*s%.*s", (int)(end - origin), origin,
					    (int)(n - len), folder + len);
	}
	return arena_strndup(t->a, folder, n);
}

const char *library_tree_search(const struct library_tree *t, const char *list, const char *origin,
				const char *name, struct elf *out)
{
	for (int i = 0; i < LIBRARY_FOLDERS_MAX && list != NULL && *list != '\0'; i++) {
		size_t n = strcspn(list, ":");
		const char *folder = library_folder(t, list, n, origin);
		const char *path = arena_printf(t->a, "%s/%s", folder, name);

		if (folder[0] == '/' && library_tree_read(t, path, out))
			return path;
		list += n + (list[n] == ':');
	}
	return NULL;
}
