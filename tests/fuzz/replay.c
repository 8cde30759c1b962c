/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay [-m N] FILE...: gives each file to the target, then N changes of it: cut off, bits turned,
 * bytes replaced, doubled and left out. The same N always makes the same changes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

static uint64_t replay_state;

static uint64_t replay_random(uint64_t below)
{
	replay_state ^= replay_state << 13;
	replay_state ^= replay_state >> 7;
	replay_state ^= replay_state << 17;
	return replay_state % below;
}

/* One change of v, which has n bytes and room for as many again. The new length. */
static size_t replay_change(uint8_t *v, size_t n)
{
	static const char words[] = "{}[]\",:\\0-9e+/.\n=\xff\x80";
	size_t at = replay_random(n), len = 1 + replay_random(n - at < 16 ? n - at : 16);

	switch (replay_random(5)) {
	case 0:
		return at;
	case 1:
		v[at] ^= (uint8_t)(1u << replay_random(8));
		return n;
	case 2:
		v[at] = (uint8_t)words[replay_random(sizeof(words))];
		return n;
	case 3:
		memmove(v + at + len, v + at, n - at);
		return n + len;
	default:
		memmove(v + at, v + at + len, n - at - len);
		return n - len;
	}
}

static void replay_changes(const uint8_t *v, size_t n, long changes)
{
	replay_state = 0x9e3779b97f4a7c15 ^ n;
	for (long i = 0; n > 0 && i < changes; i++) {
		uint8_t *copy = malloc(n * 4 + 64);
		size_t len = n;

		FUZZ_HOLDS(copy != NULL);
		memcpy(copy, v, n);
		for (uint64_t k = 1 + replay_random(3); k > 0 && len > 0 && len <= n + 32; k--)
			len = replay_change(copy, len);
		(void)LLVMFuzzerTestOneInput(copy, len);
		free(copy);
	}
}

static int replay_file(const char *path, long changes)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(path);
		return 1;
	}
	uint8_t *v = malloc((size_t)st.st_size + 1);
	ssize_t n = v != NULL ? read(fd, v, (size_t)st.st_size) : -1;
	(void)close(fd);
	if (n >= 0) {
		(void)LLVMFuzzerTestOneInput(v, (size_t)n);
		replay_changes(v, (size_t)n, changes);
	}
	free(v);
	return n < 0;
}

int main(int argc, char **argv)
{
	long changes = 0;
	int first = 1, bad = 0;

	if (argc > 2 && strcmp(argv[1], "-m") == 0) {
		changes = strtol(argv[2], NULL, 10);
		first = 3;
	}
	for (int i = first; i < argc; i++)
		bad += replay_file(argv[i], changes);
	printf("%d files, %ld changes of each\n", argc - first, changes);
	return bad > 0 || argc == first;
}
