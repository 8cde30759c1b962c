/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/seccomp_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "libocispec/oci.h"

/* Changes whenever the same profile would be compiled to another program by this version of the code. */
#define CACHE_FORMAT 1u
#define CACHE_MAX_FILES 64
#define CACHE_MAGIC 0x63736667u

struct cache_header {
	uint32_t magic, format, n, sum;
};

/* Detects a file cut short by a full disk; who may write here is a matter of the folder's owner. */
static uint32_t cache_sum(const void *bytes, size_t n)
{
	const unsigned char *b = bytes;
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < n; i++)
		sum = (sum ^ b[i]) * 16777619u;
	return sum;
}

static void cache_feed_text(SHA2_CTX *c, const char *s)
{
	/* with its NUL, so that "ab","c" and "a","bc" differ */
	SHA256Update(c, (const uint8_t *)s, strlen(s) + 1);
}

static void cache_feed_u64(SHA2_CTX *c, uint64_t v)
{
	SHA256Update(c, (const uint8_t *)&v, sizeof(v));
}

static void cache_feed_rule(SHA2_CTX *c, const struct oci_syscall *s)
{
	cache_feed_u64(c, (uint64_t)s->action);
	cache_feed_u64(c, s->errno_ret.set ? s->errno_ret.v : UINT64_MAX);
	cache_feed_u64(c, s->n_names);
	for (size_t i = 0; i < s->n_names; i++)
		cache_feed_text(c, s->names[i]);
	cache_feed_u64(c, s->n_args);
	for (size_t i = 0; i < s->n_args; i++) {
		cache_feed_u64(c, s->args[i].index.v);
		cache_feed_u64(c, (uint64_t)s->args[i].op);
		cache_feed_u64(c, s->args[i].value.v);
		cache_feed_u64(c, s->args[i].value_two.v);
	}
}

/* The name of a profile's program: a digest of all that decides what libseccomp makes of it. */
static void cache_name(const struct oci_seccomp *s, char name[static SHA256_DIGEST_STRING_LENGTH])
{
	const struct scmp_version *v = seccomp_version();
	SHA2_CTX c;

	SHA256Init(&c);
	cache_feed_u64(&c, CACHE_FORMAT);
	cache_feed_u64(&c, ((uint64_t)v->major << 32) | (v->minor << 16) | v->micro);
	cache_feed_u64(&c, (uint64_t)s->default_action);
	cache_feed_u64(&c, s->default_errno_ret.set ? s->default_errno_ret.v : UINT64_MAX);
	for (size_t i = 0; i < s->n_architectures; i++)
		cache_feed_u64(&c, (uint64_t)s->architectures[i]);
	cache_feed_u64(&c, s->n_syscalls);
	for (size_t i = 0; i < s->n_syscalls; i++)
		cache_feed_rule(&c, &s->syscalls[i]);
	(void)SHA256End(&c, name);
}

int seccomp_from_cache(const struct plan *p, int cache, struct seccomp_slot *slot)
{
	char name[SHA256_DIGEST_STRING_LENGTH];
	struct cache_header h;
	struct stat st;

	if (cache < 0)
		return 0;
	cache_name(p->seccomp.profile, name);
	autoclose int fd = openat(cache, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return 0;
	if (read(fd, &h, sizeof(h)) != (ssize_t)sizeof(h) || h.magic != CACHE_MAGIC || h.format != CACHE_FORMAT ||
	    h.n == 0 || h.n > BPF_MAXINSNS)
		return 0;
	size_t bytes = h.n * sizeof(slot->insn[0]);
	if (read(fd, slot->insn, bytes) != (ssize_t)bytes || cache_sum(slot->insn, bytes) != h.sum)
		return 0;
	slot->n = h.n;
	return 1;
}

/* Removes the oldest program when there are too many. */
static void cache_trim(int cache)
{
	int copy = openat(cache, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	char oldest[NAME_MAX + 1] = "";
	struct timespec age = {0};
	int n = 0;

	if (dir == NULL) {
		fd_done(&copy);
		return;
	}
	for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
		struct stat st;
		if (d->d_name[0] == '.' || fstatat(cache, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		n++;
		if (oldest[0] == '\0' || st.st_mtim.tv_sec < age.tv_sec) {
			age = st.st_mtim;
			(void)snprintf(oldest, sizeof(oldest), "%s", d->d_name);
		}
	}
	(void)closedir(dir);
	if (n > CACHE_MAX_FILES)
		(void)unlinkat(cache, oldest, 0);
}

void seccomp_cache_store(const struct plan *p, int cache, const struct seccomp_slot *slot)
{
	char name[SHA256_DIGEST_STRING_LENGTH];
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	size_t bytes = slot->n * sizeof(slot->insn[0]);
	struct cache_header h = {CACHE_MAGIC, CACHE_FORMAT, slot->n, cache_sum(slot->insn, bytes)};

	if (cache < 0)
		return;
	char *file = arena_alloc(&a, sizeof(h) + bytes);
	memcpy(file, &h, sizeof(h));
	memcpy(file + sizeof(h), slot->insn, bytes);
	cache_name(p->seccomp.profile, name);
	if (io_replace(cache, name, file, sizeof(h) + bytes, 0600, IO_NO_SYNC) == 0)
		cache_trim(cache);
}
