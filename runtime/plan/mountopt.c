/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan/mountopt.h"

#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000 /* 5.14 */
#endif
/* The kernel's own flag of statx and mount(2), absent from older C libraries. */
#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

enum mountopt_kind {
	OPT_ATTR,      /* attr is set (undo: cleared) */
	OPT_ATIME,     /* attr is the new value of the access time field */
	OPT_ATIME_NOT, /* leaves the access time field's value attr, when it has it */
	OPT_SB,	       /* flag of the superblock */
	OPT_PROPAGATION,
	OPT_SWITCH, /* a bool of struct mountopt at the offset flag */
	OPT_NOTHING,
};

/* undo: the word takes back instead of asking for. */
struct mountopt_word {
	const char *name;
	enum mountopt_kind kind;
	bool undo, rec, own; /* rec: for the whole tree; own: crun's, not the spec's */
	unsigned long flag;
};

#define BOTH(yes, no, bit)                                                                         \
	{no, OPT_ATTR, false, false, false, bit}, {yes, OPT_ATTR, true, false, false, bit},        \
		{"r" no, OPT_ATTR, false, true, false, bit},                                       \
	{                                                                                          \
		"r" yes, OPT_ATTR, true, true, false, bit                                          \
	}
#define ATIME(name, kind, bits)                                                                    \
	{name, kind, false, false, false, bits},                                                   \
	{                                                                                          \
		"r" name, kind, false, true, false, bits                                           \
	}
#define SB(yes, no, bit)                                                                           \
	{yes, OPT_SB, false, false, false, bit},                                                   \
	{                                                                                          \
		no, OPT_SB, true, false, false, bit                                                \
	}
#define PROPAGATION(name, bit)                                                                     \
	{name, OPT_PROPAGATION, false, false, false, bit},                                         \
	{                                                                                          \
		"r" name, OPT_PROPAGATION, false, true, false, bit                                 \
	}
#define SWITCH(name, field)                                                                        \
	{                                                                                          \
		name, OPT_SWITCH, false, false, false, offsetof(struct mountopt, field)            \
	}
#define OWN(name, field)                                                                           \
	{                                                                                          \
		name, OPT_SWITCH, false, false, true, offsetof(struct mountopt, field)             \
	}

static const struct mountopt_word mountopt_words[] = {
	BOTH("rw", "ro", MOUNT_ATTR_RDONLY),
	BOTH("suid", "nosuid", MOUNT_ATTR_NOSUID),
	BOTH("dev", "nodev", MOUNT_ATTR_NODEV),
	BOTH("exec", "noexec", MOUNT_ATTR_NOEXEC),
	BOTH("diratime", "nodiratime", MOUNT_ATTR_NODIRATIME),
	BOTH("symfollow", "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW),
	ATIME("noatime", OPT_ATIME, MOUNT_ATTR_NOATIME),
	ATIME("relatime", OPT_ATIME, MOUNT_ATTR_RELATIME),
	ATIME("strictatime", OPT_ATIME, MOUNT_ATTR_STRICTATIME),
	ATIME("atime", OPT_ATIME_NOT, MOUNT_ATTR_NOATIME),
	ATIME("norelatime", OPT_ATIME_NOT, MOUNT_ATTR_RELATIME),
	ATIME("nostrictatime", OPT_ATIME_NOT, MOUNT_ATTR_STRICTATIME),
	SB("sync", "async", MS_SYNCHRONOUS),
	{"dirsync", OPT_SB, false, false, false, MS_DIRSYNC},
	SB("mand", "nomand", MS_MANDLOCK),
	SB("lazytime", "nolazytime", MS_LAZYTIME),
	SB("iversion", "noiversion", MS_I_VERSION),
	SB("silent", "loud", MS_SILENT),
	PROPAGATION("private", MS_PRIVATE),
	PROPAGATION("shared", MS_SHARED),
	PROPAGATION("slave", MS_SLAVE),
	PROPAGATION("unbindable", MS_UNBINDABLE),
	{"defaults", OPT_NOTHING, false, false, false, 0},
	SWITCH("bind", bind),
	SWITCH("remount", remount),
	SWITCH("tmpcopyup", copy_up),
	SWITCH("idmap", idmap),
	OWN("copy-symlink", copy_symlink),
	OWN("src-nofollow", source_nofollow),
	OWN("dest-nofollow", target_nofollow),
};

static void mountopt_bits(uint64_t *set, uint64_t *clr, uint64_t bit, bool undo)
{
	*set = undo ? *set & ~bit : *set | bit;
	*clr = undo ? *clr | bit : *clr & ~bit;
}

/* Access time is a field of several bits: the kernel wants it cleared as a whole whenever it is
 * set. */
static void mountopt_atime(uint64_t *set, uint64_t *clr, uint64_t value)
{
	*set = (*set & ~(uint64_t)MOUNT_ATTR__ATIME) | value;
	*clr |= MOUNT_ATTR__ATIME;
}

static void mountopt_apply(const struct mountopt_word *w, struct mountopt *o)
{
	uint64_t *set = w->rec ? &o->rec_attr_set : &o->attr_set;
	uint64_t *clr = w->rec ? &o->rec_attr_clr : &o->attr_clr;

	/* A later word for the whole tree also takes back an earlier one for its top. */
	if (w->rec && w->kind != OPT_PROPAGATION) {
		uint64_t bits = w->kind == OPT_ATTR ? w->flag : MOUNT_ATTR__ATIME;
		o->attr_set &= ~bits;
		o->attr_clr &= ~bits;
	}
	switch (w->kind) {
	case OPT_ATTR:
		mountopt_bits(set, clr, w->flag, w->undo);
		return;
	case OPT_ATIME:
		mountopt_atime(set, clr, w->flag);
		return;
	case OPT_ATIME_NOT: /* back to the kernel's default, relatime */
		if ((*set & MOUNT_ATTR__ATIME) == w->flag || (*clr & MOUNT_ATTR__ATIME) == 0)
			mountopt_atime(set, clr, MOUNT_ATTR_RELATIME);
		return;
	case OPT_SB:
		o->sb_flags = w->undo ? o->sb_flags & ~(unsigned int)w->flag
				      : o->sb_flags | (unsigned int)w->flag;
		return;
	case OPT_PROPAGATION:
		o->propagation = w->flag | (w->rec ? MS_REC : 0);
		return;
	case OPT_SWITCH:
		*(bool *)((char *)o + w->flag) = true;
		return;
	case OPT_NOTHING:
		return;
	}
}

/* Words that are two switches at once, or carry a value. */
static bool mountopt_special(const char *word, struct mountopt *o)
{
	if (strcmp(word, "rbind") == 0) {
		o->bind = o->recursive = true;
		return true;
	}
	if (strcmp(word, "ridmap") == 0) {
		o->idmap = o->idmap_recursive = true;
		return true;
	}
	if (strncmp(word, "idmap=", 6) == 0 || strncmp(word, "ridmap=", 7) == 0) {
		o->idmap = true;
		o->idmap_recursive = word[0] == 'r';
		o->idmap_spec = strchr(word, '=') + 1;
		return true;
	}
	return false;
}

static const struct mountopt_word *mountopt_find(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(mountopt_words); i++)
		if (strcmp(mountopt_words[i].name, word) == 0)
			return &mountopt_words[i];
	return NULL;
}

void mountopt_parse(const char *const *words, size_t n, struct arena *a, struct mountopt *out)
{
	*out = (struct mountopt){0};
	for (size_t i = 0; i < n; i++) {
		const struct mountopt_word *w = mountopt_find(words[i]);

		if (w != NULL) {
			mountopt_apply(w, out);
		} else if (words[i][0] != '\0' && !mountopt_special(words[i], out)) {
			if (out->data == NULL)
				out->data_index = i;
			out->data = out->data == NULL
					    ? words[i]
					    : arena_printf(a, "%s,%s", out->data, words[i]);
		}
	}
}

const char *mountopt_name(size_t *i)
{
	static const char *const more[] = {"rbind", "ridmap"};

	while (*i < ARRAY_LEN(mountopt_words)) {
		const struct mountopt_word *w = &mountopt_words[(*i)++];
		if (!w->own)
			return w->name;
	}
	size_t k = *i - ARRAY_LEN(mountopt_words);
	if (k >= ARRAY_LEN(more))
		return NULL;
	(*i)++;
	return more[k];
}
