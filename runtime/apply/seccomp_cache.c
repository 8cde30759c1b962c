/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apply/seccomp_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "libocispec/oci.h"
#include "plan/annotation.h"

/* Changes whenever the same profile would be compiled to another program by this version of the
 * code. */
#define CACHE_FORMAT 3u
#define CACHE_MAX_FILES 64
#define CACHE_STALE_SECONDS 3600
#define CACHE_MAGIC 0x63736667u

struct cache_header {
	uint32_t magic, format;
	uint32_t n;			   /* instructions */
	uint32_t n_unknown;		   /* names that libseccomp did not know */
	uint8_t key[SHA256_DIGEST_LENGTH]; /* a file under another one's name is not taken */
	uint64_t sum;			   /* of the instructions and n_unknown */
};
_Static_assert(sizeof(struct sock_filter) == sizeof(uint64_t), "summed as 64-bit words");

/* FNV-1a over words. Detects a file cut short by a full disk or changed by a bad one; who may write
 * here is a matter of the folder's owner. */
static uint64_t cache_sum(const struct sock_filter *insn, size_t n, uint32_t n_unknown)
{
	uint64_t sum = UINT64_C(14695981039346656037) ^ n_unknown;

	for (size_t i = 0; i < n; i++) {
		uint64_t word;
		memcpy(&word, &insn[i], sizeof(word));
		sum = (sum ^ word) * UINT64_C(1099511628211);
		sum ^= sum >> 29;
	}
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

struct cache_key {
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char name[2 * SHA256_DIGEST_LENGTH + 1];
};

/* A digest of all that decides what libseccomp and seccomp_enosys() make of the profile. */
static void cache_key(const struct oci_seccomp *s, struct cache_key *key)
{
	const struct scmp_version *v = seccomp_version();
	SHA2_CTX c;

	SHA256Init(&c);
	cache_feed_u64(&c, CACHE_FORMAT);
	cache_feed_u64(&c, ((uint64_t)v->major << 32) | (v->minor << 16) | v->micro);
	cache_feed_u64(&c, seccomp_arch_native());
	cache_feed_u64(&c, (uint64_t)s->default_action);
	cache_feed_u64(&c, s->default_errno_ret.set ? s->default_errno_ret.v : UINT64_MAX);
	cache_feed_u64(&c, s->n_architectures);
	for (size_t i = 0; i < s->n_architectures; i++)
		cache_feed_u64(&c, (uint64_t)s->architectures[i]);
	cache_feed_u64(&c, s->n_syscalls);
	for (size_t i = 0; i < s->n_syscalls; i++)
		cache_feed_rule(&c, &s->syscalls[i]);
	SHA256Final(key->digest, &c);
	for (size_t i = 0; i < sizeof(key->digest); i++)
		(void)snprintf(key->name + 2 * i, 3, "%02x", key->digest[i]);
}

bool seccomp_is_strict(const struct plan *p)
{
	const char *value = annotation_get(p, "seccomp_fail_unknown_syscall");

	return value != NULL && strcmp(value, "0") != 0;
}

void seccomp_warn_unknown(size_t n)
{
	const struct scmp_version *v = seccomp_version();

	if (n > 0)
		log_warn("linux.seccomp.syscalls: names unknown to libseccomp %u.%u.%u, left out: "
			 "%zu",
			 v->major, v->minor, v->micro, n);
}

/* Anything but a whole file of our own is no file. */
static bool cache_is_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() && (st->st_mode & 022) == 0;
}

/* size: of the whole file, which read into h and insn. */
static bool cache_is_whole(const struct cache_header *h, const struct sock_filter *insn,
			   size_t size, const struct cache_key *key)
{
	return size >= sizeof(*h) && h->magic == CACHE_MAGIC && h->format == CACHE_FORMAT &&
	       h->n > 0 && h->n <= BPF_MAXINSNS && size == sizeof(*h) + h->n * sizeof(*insn) &&
	       memcmp(h->key, key->digest, sizeof(h->key)) == 0 &&
	       cache_sum(insn, h->n, h->n_unknown) == h->sum;
}

int seccomp_from_cache(const struct plan *p, int cache, struct seccomp_slot *slot)
{
	struct cache_key key;
	struct cache_header h;
	struct stat st;

	if (cache < 0)
		return 0;
	cache_key(p->seccomp.profile, &key);
	autoclose int fd = openat(cache, key.name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !cache_is_ours(&st))
		return 0;
	struct iovec v[2] = {{&h, sizeof(h)}, {slot->insn, sizeof(slot->insn)}};
	ssize_t n = readv(fd, v, 2);
	if (n < 0 || n != st.st_size || !cache_is_whole(&h, slot->insn, (size_t)n, &key))
		return 0;
	/* compiling names the one that is an error then */
	if (h.n_unknown > 0 && seccomp_is_strict(p))
		return 0;
	seccomp_warn_unknown(h.n_unknown);
	slot->n = h.n;
	return 1;
}

/* A temporary file whose writer was killed. */
static bool cache_is_stale(const struct dirent *d, const struct stat *st)
{
	return d->d_name[0] == '.' && S_ISREG(st->st_mode) &&
	       time(NULL) - st->st_mtim.tv_sec > CACHE_STALE_SECONDS;
}

static bool cache_is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
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
		if (fstatat(cache, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (cache_is_stale(d, &st))
			(void)unlinkat(cache, d->d_name, 0);
		if (d->d_name[0] == '.')
			continue;
		n++;
		if (oldest[0] == '\0' || cache_is_older(&st.st_mtim, &age)) {
			age = st.st_mtim;
			(void)snprintf(oldest, sizeof(oldest), "%s", d->d_name);
		}
	}
	(void)closedir(dir);
	if (n > CACHE_MAX_FILES)
		(void)unlinkat(cache, oldest, 0);
}

void seccomp_cache_store(const struct plan *p, int cache, const struct seccomp_slot *slot,
			 size_t n_unknown)
{
	struct arena a __attribute__((cleanup(arena_done))) = {0};
	size_t bytes = slot->n * sizeof(slot->insn[0]);
	struct cache_header h = {
		.magic = CACHE_MAGIC,
		.format = CACHE_FORMAT,
		.n = slot->n,
		.n_unknown = (uint32_t)n_unknown,
		.sum = cache_sum(slot->insn, slot->n, (uint32_t)n_unknown),
	};
	struct cache_key key;

	if (cache < 0)
		return;
	cache_key(p->seccomp.profile, &key);
	memcpy(h.key, key.digest, sizeof(h.key));
	char *file = arena_alloc(&a, sizeof(h) + bytes);
	memcpy(file, &h, sizeof(h));
	memcpy(file + sizeof(h), slot->insn, bytes);
	if (io_replace(cache, key.name, file, sizeof(h) + bytes, 0600, IO_NO_SYNC) == 0)
		cache_trim(cache);
}
