/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "state/graft.h"

#define DIGEST_CACHE ".cache/sha256"
#define DIGEST_BUFFER ((size_t)256 << 10)
#define DIGEST_NAME 160
#define DIGEST_SETTLED 2 /* seconds */

static void digest_text(const uint8_t digest[static SHA256_DIGEST_LENGTH],
			char out[static DIGEST_TEXT])
{
	for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void digest_bytes(const void *bytes, size_t n, char out[static DIGEST_TEXT])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX c;

	SHA256Init(&c);
	SHA256Update(&c, bytes, n);
	SHA256Final(digest, &c);
	digest_text(digest, out);
}

int digest_cache_open(const struct store *s)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(s->root, DIGEST_CACHE, flags);

	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : FD_NONE;
	if (mkdirat(s->root, ".cache", 0700) < 0 && errno != EEXIST)
		return FD_NONE;
	if (mkdirat(s->root, DIGEST_CACHE, 0700) < 0 && errno != EEXIST)
		return FD_NONE;
	fd = openat(s->root, DIGEST_CACHE, flags);
	return fd >= 0 ? fd : FD_NONE;
}

/* The change time can't be set, so a file that was written to has another name here. */
static void digest_name(const struct stat *st, char out[static DIGEST_NAME])
{
	(void)snprintf(out, DIGEST_NAME, "%jx-%jx-%jx-%jx.%lx-%jx.%lx", (uintmax_t)st->st_dev,
		       (uintmax_t)st->st_ino, (uintmax_t)st->st_size, (uintmax_t)st->st_mtim.tv_sec,
		       st->st_mtim.tv_nsec, (uintmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

/* An entry is a link whose text is the digest: made in one step, read in one call. */
bool digest_cached(int cache, const struct stat *st, char out[static DIGEST_TEXT])
{
	char name[DIGEST_NAME];

	if (cache < 0)
		return false;
	digest_name(st, name);
	ssize_t n = readlinkat(cache, name, out, DIGEST_TEXT);
	if (n != DIGEST_TEXT - 1)
		return false;
	out[n] = '\0';
	return strspn(out, "0123456789abcdef") == DIGEST_TEXT - 1;
}

bool digest_same(const struct stat *x, const struct stat *y)
{
	char nx[DIGEST_NAME], ny[DIGEST_NAME];

	digest_name(x, nx);
	digest_name(y, ny);
	return strcmp(nx, ny) == 0;
}

int digest_file(int cache, int fd, char out[static DIGEST_TEXT])
{
	static uint8_t buffer[DIGEST_BUFFER];
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct stat before, after;
	char name[DIGEST_NAME];
	SHA2_CTX c;
	ssize_t n;

	if (fstat(fd, &before) < 0)
		return -errno;
	if (!S_ISREG(before.st_mode))
		return -EINVAL;
	SHA256Init(&c);
	while ((n = read(fd, buffer, sizeof(buffer))) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			SHA256Update(&c, buffer, (size_t)n);
	}
	SHA256Final(digest, &c);
	if (fstat(fd, &after) < 0)
		return -errno;
	if (!digest_same(&before, &after))
		return -EAGAIN;
	digest_text(digest, out);
	digest_name(&before, name);
	/* within a clock tick of a change another one leaves no trace */
	if (cache >= 0 && time(NULL) - before.st_ctim.tv_sec > DIGEST_SETTLED &&
	    symlinkat(out, cache, name) < 0 && errno != EEXIST)
		log_debug("the cache of digests: %s", err_name(errno));
	return 0;
}
