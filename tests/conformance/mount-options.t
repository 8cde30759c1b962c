#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config.md#linux-mount-options: what each word does, as /proc/self/mountinfo shows it.
# A plain user mounts as root of a user namespace, which is how rootless podman calls its runtime.
case ${GREFFON_TEST_MODE:-} in
rootless*) [ "$(id -u)" = 0 ] || exec unshare -m --map-root-user --map-auto "$BASH" "$0" ;;
esac
. "$(dirname "$0")/../lib/lib.sh"

# OPTIONS (comma-separated)|what the mount's line has to match|what it may not match (extended regex).
# The line is: per-mount options, optional fields, "-", type, source, superblock options. No trace outside of the kernel have
# mand (since 5.15), iversion (every file system that knows it has it), silent and loud (the kernel's log), nor their opposites.
tmpfs_rows='async|^rw|sync
atime|^rw|noatime
noatime,atime||noatime
defaults|^rw|nosuid|nodev|noexec
nodev,dev||nodev
nodiratime,diratime||nodiratime
dirsync|dirsync|
noexec,exec||noexec
nosuid,suid||nosuid
iversion||ro,
noiversion||ro,
lazytime|lazytime|
lazytime,nolazytime||lazytime
loud||ro,
silent||ro,
mand|^rw|
nomand|^rw|
noatime|noatime|
nodev|nodev|
nodiratime|nodiratime|
noexec|noexec|
nosuid|nosuid|
nosymfollow|nosymfollow|
nosymfollow,symfollow||nosymfollow
relatime|relatime|strictatime
noatime,relatime|relatime|noatime
strictatime|^rw|relatime|noatime
strictatime,nostrictatime|relatime|
relatime,norelatime||noatime
ro|^ro|
ro,rw|^rw|^ro
sync| - .*sync|dirsync
sync,async||sync
private||shared:|master:|unbindable
shared|shared:|
unbindable|unbindable|
nosuid,nodev,noexec,noatime,ro|^ro,nosuid,nodev,noexec,noatime|'

bind_rows='bind|^rw|
bind,ro|^ro|
bind,nosuid,nodev,noexec|^rw,nosuid,nodev,noexec|
bind,noatime|noatime|
bind,nodiratime|nodiratime|
bind,strictatime|^rw|relatime|noatime
bind,relatime|relatime|
bind,nosymfollow|nosymfollow|
bind,private||shared:|master:
bind,slave|master:|shared:
bind,shared|shared:|
bind,unbindable|unbindable|'

# The same, of the mount below the top of a recursive bind mount.
recursive_rows='rbind,rro|^ro|
rbind,ro,rrw|^rw|
rbind,rnosuid|nosuid|
rbind,rsuid||nosuid
rbind,rnodev|nodev|
rbind,rdev||nodev
rbind,rnoexec|noexec|
rbind,rexec||noexec
rbind,rnoatime|noatime|
rbind,ratime||noatime
rbind,rnodiratime|nodiratime|
rbind,rdiratime||nodiratime
rbind,rstrictatime||relatime|noatime
rbind,rrelatime|relatime|
rbind,rrelatime,rnorelatime||noatime
rbind,rstrictatime,rnostrictatime|relatime|
rbind,rnosymfollow|nosymfollow|
rbind,rsymfollow||nosymfollow
rbind,rprivate||shared:|master:
rbind,rslave|master:|shared:
rbind,rshared|shared:|
rbind,runbindable|unbindable|'

# Of a bind mount of one that has every restriction: each word takes one of them away, and no other.
limited_rows='bind,rw|^rw,nosuid,nodev,noexec|
bind,suid|^ro,nodev,noexec|nosuid
bind,dev|^ro,nosuid,noexec|nodev
bind,exec|^ro,nosuid,nodev|noexec
bind,diratime|^ro,nosuid,nodev,noexec,noatime|nodiratime
bind,symfollow|^ro,nosuid,nodev,noexec|nosymfollow
bind,atime|relatime|noatime
bind,relatime|relatime|noatime
bind,nosuid|^ro,nosuid,nodev,noexec,noatime,nodiratime|'

# And of the mount below the top.
limited_recursive_rows='rbind,rrw|^rw,nosuid,nodev,noexec|
rbind,rsuid|^ro,nodev,noexec|nosuid
rbind,rdev|^ro,nosuid,noexec|nodev
rbind,rexec|^ro,nosuid,nodev|noexec
rbind,rdiratime|^ro,nosuid,nodev,noexec,noatime|nodiratime
rbind,rsymfollow|^ro,nosuid,nodev,noexec|nosymfollow
rbind,ratime|relatime|noatime
rbind,rrelatime|relatime|noatime
rbind,rnosuid|^ro,nosuid,nodev,noexec,noatime,nodiratime|'

entry() { # KIND INDEX OPTIONS: a mount of the config
	local type=tmpfs source=tmpfs
	[ "$1" = tmpfs ] || { type=bind; source=source; }
	[[ $1 != limited* ]] || source=limited
	echo "{destination: \"/m/$2\", type: \"$type\", source: \"$source\", options: (\"$3\" | split(\",\"))}"
}

bundle_of() { # ENTRIES
	new_bundle ".mounts += [$1]"
	ln -s "$WORK/source" "$WORK/limited" "$BUNDLE"
	with_args /bin/sh -c "awk '{ p = \$5; \$1 = \$2 = \$3 = \$4 = \$5 = \"\"; sub(/^ */, \"\"); print p, \$0 }' /proc/self/mountinfo"
	ct_run
}

line_at() { sed -n "s|^$1 ||p" <<<"$OUT" | tail -n 1; } # MOUNTPOINT

judge() { # NAME LINE WANTED UNWANTED
	local why=
	[ -n "$2" ] || why="not mounted"
	[ -z "$3" ] || [[ $2 =~ $3 ]] || why="lacks $3"
	[ -z "$4" ] || ! [[ $2 =~ $4 ]] || why="has $4"
	if [ -z "$why" ]; then
		pass "$1"
	else
		fail "$1" "$why: $2"
	fi
}

# All of a table in one container; one by one if that one fails, to tell which word it was.
table() { # KIND ROWS SUFFIX
	local kind=$1 suffix=$3 i=0 all='' opts wanted unwanted one=0
	while IFS='|' read -r opts _; do
		all+="${all:+, }$(entry "$kind" $i "$opts")"
		i=$((i + 1))
	done <<<"$2"
	bundle_of "$all" || one=1
	i=0
	while IFS='|' read -r opts wanted unwanted <&3; do
		[ $one = 0 ] || bundle_of "$(entry "$kind" $i "$opts")"
		judge "config.md#linux-mount-options: $kind: $opts" "$(line_at "/m/$i$suffix")" "$wanted" "$unwanted"
		i=$((i + 1))
	done 3<<<"$2"
}

source_tree() { # in a shared peer group, for the words about propagation
	mkdir -p "$WORK/source"
	mount -t tmpfs tmpfs "$WORK/source"
	mount --make-shared "$WORK/source"
	mkdir "$WORK/source/sub"
	mount -t tmpfs tmpfs "$WORK/source/sub"
}

limited_tree() {
	local all=nosuid,nodev,noexec,noatime,nodiratime,nosymfollow
	mkdir -p "$WORK/limited"
	mount -t tmpfs -o $all tmpfs "$WORK/limited"
	mkdir "$WORK/limited/sub"
	mount -t tmpfs -o $all tmpfs "$WORK/limited/sub"
	mount -o remount,bind,ro,$all "$WORK/limited"
	mount -o remount,bind,ro,$all "$WORK/limited/sub"
}

copy_up() {
	new_bundle '.mounts += [{destination: "/data", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]}]'
	mkdir -p "$ROOTFS/data/d"
	echo text >"$ROOTFS/data/d/f"
	chmod 751 "$ROOTFS/data/d"
	run_sh 'cat /data/d/f; stat -c %a /data/d; echo more >/data/g'
	is "config.md#linux-mount-options: tmpcopyup brings what was there" "$OUT" $'text\n751'
	ok "config.md#linux-mount-options: tmpcopyup leaves the lower directory alone" \
		test ! -e "$ROOTFS/data/g"
}

# The file's owner 0 on disk is seen as 1000 through the mount.
idmapped() {
	local opt
	needs_root "config.md#linux-mount-options: idmap" "only the owner of a file system may map its ids" || return 0
	for opt in idmap ridmap; do
		new_bundle ".mounts += [{destination: \"/m\", type: \"bind\", source: \"\(\$ENV.BUNDLE)/src\",
			options: [\"rbind\", \"$opt\"],
			uidMappings: [{containerID: 0, hostID: 1000, size: 1000}],
			gidMappings: [{containerID: 0, hostID: 2000, size: 1000}]}]"
		mkdir "$BUNDLE/src"
		touch "$BUNDLE/src/f"
		run_sh 'stat -c %u:%g /m/f'
		is "config.md#linux-mount-options: $opt with the mount's own mappings" "$OUT" 1000:2000
	done
}

source_tree
table tmpfs "$tmpfs_rows" ''
table bind "$bind_rows" ''
table recursive "$recursive_rows" /sub
limited_tree
table limited "$limited_rows" ''
table limited-recursive "$limited_recursive_rows" /sub
copy_up
idmapped
