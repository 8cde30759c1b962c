/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/criu_image.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/json.h"
#include "libocispec/json.h"

#define OJ_AS_STRUCTS
#include "libocispec/json_expand.h"

#include "apply/criu.def"
#define OJ_AS_TABLES
#include "libocispec/json_expand.h"

#include "apply/criu.def"

#define IMAGE_DESCRIPTORS "descriptors.json"
#define IMAGE_DESCRIPTORS_MAX 65536

int criu_image_open(const char *path, const char *option, enum criu_image how, struct err *e)
{
	if (how == CRIU_IMAGE_MAKE && mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s: '%s'", option, path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys(e, errno, "%s: '%s'", option, path) : fd;
}

int criu_image_check_parent(int image, const char *parent, struct err *e)
{
	struct stat st;

	if (parent[0] == '/')
		return err_set(e, EINVAL,
			       "--parent-path: must be relative to --image-path, got '%s'", parent);
	if (fstatat(image, parent, &st, 0) < 0)
		return err_sys(e, errno, "--parent-path: '%s'", parent);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "--parent-path: '%s' is not a directory", parent);
	return 0;
}

int criu_image_write(int image, const struct criu_strings *names, struct arena *a, struct err *e)
{
	struct json j = {.a = a};
	size_t len;

	json_open(&j, NULL, '[');
	for (size_t i = 0; i < names->n; i++)
		json_string(&j, NULL, names->v[i]);
	json_close(&j, ']');
	const char *text = json_end(&j, &len);
	int r = io_replace(image, IMAGE_DESCRIPTORS, text, len, 0600, IO_NO_SYNC);
	return r < 0 ? err_sys(e, -r, "--image-path: " IMAGE_DESCRIPTORS) : 0;
}

int criu_image_read(int image, struct arena *a, struct criu_strings *out, struct err *e)
{
	struct criu_descriptors *d;
	void *doc;
	char *text;
	int r = io_read_file(image, IMAGE_DESCRIPTORS, IMAGE_DESCRIPTORS_MAX, a, &text, NULL);

	if (r < 0)
		return err_sys(e, -r, "--image-path: is no checkpoint: " IMAGE_DESCRIPTORS);
	const char *whole = arena_printf(a, "{\"names\":%s}", text);
	r = oj_parse(&criu_descriptors_object, whole, strlen(whole), a, &doc, e);
	if (r < 0)
		return err_at(e, "--image-path: " IMAGE_DESCRIPTORS);
	d = doc;
	*out = (struct criu_strings){.v = d->names, .n = d->n_names, .cap = d->n_names};
	return 0;
}

int criu_image_admit(int image, struct err *e)
{
	struct stat st;

	if (fstat(image, &st) < 0 ||
	    ((st.st_mode & 0011) != 0011 && fchmod(image, (st.st_mode & 07777) | 0011) < 0))
		return err_sys(e, errno, "--image-path: the search bit");
	return 0;
}

static bool image_is_part(const char *name)
{
	size_t n = strlen(name);

	return (n > 4 && strcmp(name + n - 4, ".img") == 0) || strcmp(name, "parent") == 0 ||
	       strcmp(name, IMAGE_DESCRIPTORS) == 0;
}

static bool image_is_newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec >= b->tv_nsec);
}

void criu_image_discard(int image, const struct timespec *since)
{
	int fd = openat(image, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *one;

	if (d == NULL) {
		fd_done(&fd);
		return;
	}
	while ((one = readdir(d)) != NULL) {
		struct stat st;

		if (image_is_part(one->d_name) &&
		    fstatat(image, one->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !S_ISDIR(st.st_mode) && image_is_newer(&st.st_ctim, since))
			(void)unlinkat(image, one->d_name, 0);
	}
	(void)closedir(d);
}
