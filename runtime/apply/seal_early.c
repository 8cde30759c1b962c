/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * World: the kernel has just mapped the program. Nothing is relocated, there is no thread pointer,
 * no stack protector, no errno. So nothing here may call a function of another file, use a table of
 * pointers, or be compiled into a call of memcpy() (the Makefile compiles this file apart, and
 * `make check` looks at what it refers to).
 */
#include "apply/seal_early.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/raw.h"

enum {
	SEAL_EARLY_LOWER = 256, /* fsconfig(2) takes no longer string */
	SEAL_EARLY_ENV = 500,	/* variables; with more, seal_self() does it */
};

static bool seal_early_same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static bool seal_early_starts(const char *text, const char *with)
{
	while (*with != '\0' && *text == *with) {
		text++;
		with++;
	}
	return *with == '\0';
}

bool seal_early_wants(const char *command)
{
	return seal_early_same(command, "create") || seal_early_same(command, "run") ||
	       seal_early_same(command, "exec") || seal_early_same(command, "restore") ||
	       seal_early_same(command, "mounts");
}

#if RAW_CALL
/* Splits the path of the program, of len bytes, into "FOLDER:/sys", two layers being the least that
 * overlayfs takes without an upper one, and the name. NULL: the path can't be said so. */
static const char *seal_early_split(char *path, long len, char *lower)
{
	static const char second[] = ":/sys";
	long slash = 0;

	for (long i = 0; i < len; i++) {
		if (path[i] == '/')
			slash = i;
		if (path[i] == ':' || path[i] == ',' || path[i] == '\\')
			return NULL;
	}
	if (path[0] != '/' || slash == 0 || slash + (long)sizeof(second) > SEAL_EARLY_LOWER)
		return NULL;
	for (long i = 0; i < slash; i++)
		lower[i] = path[i];
	for (size_t i = 0; i < sizeof(second); i++)
		lower[slash + (long)i] = second[i];
	return path + slash + 1;
}

/* The program on a private overlay of its folder that is attached nowhere. */
struct seal_early_image {
	long mount, file; /* descriptors, or negative */
	long context;	  /* of the making; the execve() closes it */
};

static void seal_early_close(long fd)
{
	if (fd >= 0)
		(void)raw_call(SYS_close, fd, 0, 0, 0, 0);
}

static bool seal_early_open(struct seal_early_image *out)
{
	char path[SEAL_EARLY_LOWER * 2], lower[SEAL_EARLY_LOWER];
	long len = raw_call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)path,
			    sizeof(path) - 1, 0);

	if (len <= 0 || len >= (long)sizeof(path) - 1)
		return false;
	path[len] = '\0';
	const char *name = seal_early_split(path, len, lower);
	if (name == NULL)
		return false;
	long fs = raw_call(SYS_fsopen, (long)"overlay", FSOPEN_CLOEXEC, 0, 0, 0);
	if (fs < 0)
		return false;
	long r = raw_call(SYS_fsconfig, fs, FSCONFIG_SET_STRING, (long)"lowerdir", (long)lower, 0);
	if (r >= 0)
		r = raw_call(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
	if (r >= 0)
		out->mount = raw_call(SYS_fsmount, fs, 0, MOUNT_ATTR_NODEV, 0, 0);
	if (r >= 0 && out->mount >= 0)
		out->file = raw_call(SYS_openat, out->mount, (long)name,
				     O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, 0);
	out->context = fs;
	return out->file >= 0;
}

/*
 * The last close of a mount that is attached nowhere waits for an RCU grace period (0.1 ms), so it
 * stays open over the execve: the runtime closes it when it has time (seal_release()). Not in the
 * place of a standard descriptor. The number goes into the mark.
 */
static void seal_early_mark(char *text, long *mount)
{
	static const char mark[] = SEAL_MARK;
	char digits[20];
	size_t n = 0, k = 0;

	if (*mount <= 2) {
		seal_early_close(*mount);
		*mount = -1;
	}
	for (; mark[n] != '\0'; n++)
		text[n] = mark[n];
	for (long m = *mount < 0 ? 0 : *mount; m > 0 || k == 0; m /= 10)
		digits[k++] = (char)('0' + m % 10);
	while (k > 0)
		text[n++] = digits[--k];
	text[n] = '\0';
}

static bool seal_early_asked(char *const *argv)
{
	for (; *argv != NULL; argv++)
		if (seal_early_wants(*argv))
			return true;
	return false;
}

/* The image is trusted to hold the caller's rights only, not more (set-user-id, file capabilities).
 */
static bool seal_early_secure(char *const *after_env)
{
	for (const Elf64_auxv_t *v = (const void *)after_env; v->a_type != AT_NULL; v++)
		if (v->a_type == AT_SECURE)
			return v->a_un.a_val != 0;
	return true;
}

void seal_early(long *stack)
{
	char **argv = (char **)(stack + 1), **envp = argv + stack[0] + 1, **p = envp;
	char *env[SEAL_EARLY_ENV + 2], mark[sizeof(SEAL_MARK) + 20];
	struct seal_early_image image = {-1, -1, -1};
	size_t n = 0;

	if (stack[0] < 2 || !seal_early_asked(argv + 1))
		return;
	env[n++] = mark;
	for (; *p != NULL; p++) {
		if (n > SEAL_EARLY_ENV || seal_early_starts(*p, SEAL_MARK))
			return;
		env[n++] = *p;
	}
	env[n] = NULL;
	if (seal_early_secure(p + 1))
		return;
	if (seal_early_open(&image)) {
		seal_early_mark(mark, &image.mount);
		(void)raw_call(SYS_execveat, image.file, (long)"", (long)argv, (long)env,
			       AT_EMPTY_PATH);
	}
	seal_early_close(image.context);
	seal_early_close(image.file);
	seal_early_close(image.mount);
}

/* The program's entry point (configure gives it to the linker): once seal_early() returns, the C
 * library's, with the stack and registers that the kernel or the loader gave. */
#if defined(__x86_64__)
__asm__(".pushsection .text.seal_entry,\"ax\",@progbits\n"
	".globl seal_entry\n"
	".hidden seal_entry\n"
	".type seal_entry,@function\n"
	"seal_entry:\n"
	"	endbr64\n"
	"	mov %rsp, %rdi\n"
	"	push %rdx\n" /* what the loader wants run at exit */
	"	sub $8, %rsp\n"
	"	call seal_early\n"
	"	add $8, %rsp\n"
	"	pop %rdx\n"
	"	jmp _start\n"
	".size seal_entry, . - seal_entry\n"
	".popsection\n");
#elif defined(__aarch64__)
__asm__(".pushsection .text.seal_entry,\"ax\",@progbits\n"
	".globl seal_entry\n"
	".hidden seal_entry\n"
	".type seal_entry,@function\n"
	"seal_entry:\n"
	"	bti c\n"
	"	mov x19, x0\n" /* what the loader wants run at exit */
	"	mov x0, sp\n"
	"	bl seal_early\n"
	"	mov x0, x19\n"
	"	b _start\n"
	".size seal_entry, . - seal_entry\n"
	".popsection\n");
#endif
#endif
