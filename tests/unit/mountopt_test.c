/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

#include "plan/mountopt.h"

/* Comma separated words, parsed. Arena memory is kept until the test's process ends. */
static struct mountopt options(const char *list)
{
	static struct arena a;
	const char *words[32];
	size_t n = 0;
	char *text = arena_strdup(&a, list);

	for (char *word; (word = strsep(&text, ",")) != NULL;)
		words[n++] = word;
	struct mountopt o;
	mountopt_parse(words, n, &a, &o);
	return o;
}

Test(mountopt, the_last_of_a_contradiction_wins)
{
	struct mountopt o = options("ro,rw,nosuid");

	cr_assert_eq(o.attr_set, MOUNT_ATTR_NOSUID);
	cr_assert_eq(o.attr_clr, MOUNT_ATTR_RDONLY);
	o = options("rw,ro,dev,nodev");
	cr_assert_eq(o.attr_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
	cr_assert_eq(o.attr_clr, 0);
}

Test(mountopt, access_time_is_one_field)
{
	struct mountopt o = options("noatime,strictatime");

	cr_assert_eq(o.attr_set, MOUNT_ATTR_STRICTATIME);
	cr_assert_eq(o.attr_clr, MOUNT_ATTR__ATIME);
	cr_assert_eq(options("noatime,nostrictatime").attr_set, MOUNT_ATTR_NOATIME);
	cr_assert_eq(options("noatime,atime").attr_set, 0);
	cr_assert_eq(options("nodiratime,noatime").attr_set,
		     MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME);
}

Test(mountopt, recursive_words_are_kept_apart)
{
	struct mountopt o = options("rbind,rro,rnosuid,nodev");

	cr_assert(o.bind && o.recursive);
	cr_assert_eq(o.rec_attr_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
	cr_assert_eq(o.attr_set, MOUNT_ATTR_NODEV);
}

Test(mountopt, a_later_recursive_word_takes_back_the_plain_one)
{
	struct mountopt o = options("rw,rro");

	cr_assert_eq(o.attr_clr, 0);
	cr_assert_eq(o.rec_attr_set, MOUNT_ATTR_RDONLY);
	o = options("rro,rw");
	cr_assert_eq(o.attr_clr, MOUNT_ATTR_RDONLY);
}

Test(mountopt, propagation_with_and_without_recursion)
{
	cr_assert_eq(options("rshared,private").propagation, MS_PRIVATE);
	cr_assert_eq(options("rslave").propagation, MS_SLAVE | MS_REC);
	cr_assert_eq(options("runbindable").propagation, MS_UNBINDABLE | MS_REC);
}

Test(mountopt, superblock_words_leave_the_attributes_alone)
{
	struct mountopt o = options("sync,dirsync,lazytime,async,iversion,silent,mand");

	cr_assert_eq(o.attr_set | o.attr_clr, 0);
	cr_assert_eq(o.sb_flags, (unsigned int)(MS_DIRSYNC | (1 << 25) | MS_I_VERSION | MS_SILENT |
						MS_MANDLOCK));
	cr_assert_null(o.data);
}

Test(mountopt, unknown_words_become_data)
{
	struct mountopt o = options("nosuid,size=64k,defaults,context=\"a:b:c0\"");

	cr_assert_str_eq(o.data, "size=64k,context=\"a:b:c0\"");
	cr_assert_eq(o.data_index, 1);
}

Test(mountopt, words_of_crun)
{
	struct mountopt o = options("bind,copy-symlink,src-nofollow,dest-nofollow");

	cr_assert(o.copy_symlink && o.source_nofollow && o.target_nofollow && !o.recursive);
	o = options("idmap=uids=0-1-10;gids=0-2-10");
	cr_assert(o.idmap && !o.idmap_recursive);
	cr_assert_str_eq(o.idmap_spec, "uids=0-1-10;gids=0-2-10");
	cr_assert(options("ridmap").idmap_recursive);
}

Test(mountopt, names_are_those_of_the_spec_and_each_once)
{
	size_t i = 0, n = 0;
	const char *name, *seen[128];

	while ((name = mountopt_name(&i)) != NULL) {
		for (size_t k = 0; k < n; k++)
			cr_assert_str_neq(name, seen[k]);
		cr_assert_neq(strncmp(name, "src-", 4), 0);
		seen[n++] = name;
	}
	static const char *const wanted[] = {"rro",	    "rnosymfollow",   "tmpcopyup",
					     "rbind",	    "ridmap",	      "nolazytime",
					     "runbindable", "rnostrictatime", "loud"};
	for (size_t w = 0; w < ARRAY_LEN(wanted); w++) {
		size_t k = 0;
		while (k < n && strcmp(seen[k], wanted[w]) != 0)
			k++;
		cr_assert_lt(k, n, "'%s' is missing", wanted[w]);
	}
}
