#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config.md#mounts: file systems, bind mounts, order, destinations. Options are in mount-options.t.
# A plain user mounts as root of a user namespace, which is how rootless podman calls its runtime.
case ${GREFFON_TEST_MODE:-} in
rootless*) [ "$(id -u)" = 0 ] || exec unshare -m --map-root-user --map-auto "$BASH" "$0" ;;
esac
. "$(dirname "$0")/../lib/lib.sh"

tmpfs() { echo "{destination: \"$1\", type: \"tmpfs\", source: \"tmpfs\"}"; }

bind() { # DESTINATION SOURCE [OPTION...]
	local o opts='"bind"'
	for o in "${@:3}"; do
		opts+=", \"$o\""
	done
	echo "{destination: \"$1\", type: \"none\", source: \"$2\", options: [$opts]}"
}

default_filesystems() {
	new_bundle
	run_sh 'cat /proc/self/mountinfo'
	local pair type
	for pair in /proc:proc /sys:sysfs /dev/pts:devpts /dev/shm:tmpfs /dev:tmpfs; do
		type=$(awk -v p="${pair%:*}" '$5 == p { for (i = 7; i < NF; i++) if ($i == "-") print $(i + 1) }' <<<"$OUT")
		is "config.md#mounts: ${pair#*:} is mounted at ${pair%:*}" "$type" "${pair#*:}"
	done
	like "config.md#mounts: options of a file system are handed to it" \
		"$(awk '$5 == "/dev"' <<<"$OUT")" '*mode=755*'
	ok "config-linux.md#default-filesystems: /proc is of the container's pid namespace" \
		run_sh '[ "$(cat /proc/1/cmdline | tr "\0" " " | cut -c1-7)" = "/bin/sh" ]'
}

other_filesystems() {
	new_bundle ".mounts += [{destination: \"/ramfs\", type: \"ramfs\", source: \"none\"},
		{destination: \"/dev/mqueue\", type: \"mqueue\", source: \"mqueue\", options: [\"nosuid\"]},
		{destination: \"/small\", type: \"tmpfs\", source: \"tmpfs\", options: [\"size=64k\", \"mode=1700\"]}]"
	run_sh 'awk "{ for (i = 7; i < NF; i++) if (\$i == \"-\") print \$5 \"=\" \$(i + 1) }" /proc/self/mountinfo
		echo mode=$(stat -c %a /small)
		dd if=/dev/zero of=/small/f bs=1024 count=100 2>/dev/null && echo big=fits'
	is "config.md#mounts type: any file system of the kernel: ramfs" "$(val /ramfs)" ramfs
	is "config.md#mounts type: any file system of the kernel: mqueue" "$(val /dev/mqueue)" mqueue
	is "config.md#mounts options: tmpfs mode" "$(val mode)" 1700
	is "config.md#mounts options: tmpfs size" "$(val big)" ""
}

overlay() {
	local name="config.md#mounts type: overlay with its data options"
	grep -qw overlay /proc/filesystems || {
		skip "$name" "the kernel has no overlay"
		return
	}
	new_bundle '.mounts += [{destination: "/ov", type: "overlay", source: "overlay", options: [
		"lowerdir=\($ENV.BUNDLE)/low", "upperdir=\($ENV.BUNDLE)/up", "workdir=\($ENV.BUNDLE)/w"]}]'
	mkdir "$BUNDLE"/{low,up,w}
	echo lower >"$BUNDLE/low/f"
	run_sh 'cat /ov/f; echo upper >/ov/g'
	is "$name" "$OUT $(cat "$BUNDLE/up/g")" "lower upper"
}

binds() {
	new_bundle ".mounts += [$(bind /b/abs '\($ENV.BUNDLE)/src'), $(bind /b/rel src),
		$(bind /b/deep/er/dir src), $(bind /b/file src/file), $(bind /b/new/file src/file),
		$(bind /b/ro src ro), {destination: \"/b/untyped\", source: \"src\", options: [\"bind\"]},
		{destination: \"/b/typed\", type: \"tmpfs\", source: \"src\", options: [\"bind\"]}]"
	mkdir "$BUNDLE/src"
	echo content >"$BUNDLE/src/file"
	run_sh 'for d in abs rel deep/er/dir ro untyped typed; do echo "$d=$(cat /b/$d/file)"; done
		echo "file=$(cat /b/file)"; echo "newfile=$(cat /b/new/file)"
		echo x >/b/ro/no 2>/dev/null && echo written=yes
		echo y >/b/rel/yes && echo rel_written=yes'
	is "config.md#mounts source: absolute path of a bind mount" "$(val abs)" content
	is "config.md#mounts source: a relative path of a bind mount is relative to the bundle" \
		"$(val rel)" content
	is "config.md#mounts destination: one that is missing is created" "$(val deep/er/dir)" content
	is "config.md#mounts source: a file is bound" "$(val file) $(val newfile)" "content content"
	is "config.md#mounts options: a bind mount is read-only by ro" "$(val written)" ""
	is "config.md#mounts options: a bind mount is writable by default" "$(val rel_written)" yes
	is "config.md#mounts options: bind makes a bind mount without a type" "$(val untyped)" content
	is "config.md#mounts options: bind makes a bind mount whatever the type" "$(val typed)" content
}

recursive_binds() {
	new_bundle ".mounts += [$(bind /b src),
		{destination: \"/r\", type: \"bind\", source: \"src\", options: [\"rbind\"]},
		{destination: \"/rro\", type: \"bind\", source: \"src\", options: [\"rbind\", \"ro\"]}]"
	mkdir -p "$BUNDLE/src/sub"
	mount -t tmpfs tmpfs "$BUNDLE/src/sub"
	touch "$BUNDLE/src/sub/f"
	run_sh '[ -e /b/sub/f ] && echo bind=seen; [ -e /r/sub/f ] && echo rbind=seen
		touch /rro/x 2>/dev/null && echo top=written; touch /rro/sub/x 2>/dev/null && echo sub=written'
	is "config.md#mounts options: bind does not bring what is mounted below" "$(val bind)" ""
	is "config.md#mounts options: rbind brings what is mounted below" "$(val rbind)" seen
	is "config.md#mounts options: rbind with ro is read-only at its top" "$(val top)" ""
	is "config.md#mounts options: ro is not recursive, rro is" "$(val sub)" written
	umount "$BUNDLE/src/sub"
}

order() {
	new_bundle ".mounts += [$(tmpfs /o), $(bind /o/in src), $(bind /p/in src), $(tmpfs /p),
		$(tmpfs /q), $(bind /q src)]"
	mkdir -p "$BUNDLE/src"
	touch "$BUNDLE/src/f"
	run_sh '[ -e /o/in/f ] && echo inner=seen; [ -e /p/in/f ] || echo hidden=yes; [ -e /q/f ] && echo last=seen
		awk "{ print \$5 }" /proc/self/mountinfo | grep -e ^/o -e ^/p/ -e "^/p$" -e ^/q | tr "\n" " "'
	is "config.md#mounts: MUST be mounted in the listed order: a mount inside an earlier one" \
		"$(val inner)" seen
	is "config.md#mounts: MUST be mounted in the listed order: a later one hides an earlier one" \
		"$(val hidden)" yes
	is "config.md#mounts: MUST be mounted in the listed order: twice the same place" "$(val last)" seen
}

destinations() {
	new_bundle ".mounts += [$(bind /link/at src), $(bind /abs/at src), $(bind /up/at src), $(bind relative src),
		$(bind /x/../dots/at src)]"
	mkdir -p "$BUNDLE/src" "$ROOTFS/real" "$WORK/outside" "$ROOTFS/x"
	touch "$BUNDLE/src/f"
	ln -s real "$ROOTFS/link"
	ln -s "$WORK/outside" "$ROOTFS/abs"
	ln -s ../../../../../../../../up-target "$ROOTFS/up"
	mkdir -p "$ROOTFS$WORK/outside" "$ROOTFS/up-target"
	run_sh 'for d in link/at abs/at up/at relative dots/at; do [ -e /$d/f ] && echo "$d=seen"; done
		[ -e /real/at/f ] && echo real=seen; [ -e /up-target/at/f ] && echo top=seen'
	is "config.md#mounts destination: a symlink is followed inside the container" \
		"$(val link/at) $(val real)" "seen seen"
	is "config.md#mounts destination: an absolute symlink stays inside the container" "$(val abs/at)" seen
	ok "config.md#mounts destination: an absolute symlink creates nothing on the host" \
		test ! -e "$WORK/outside/at"
	is "config.md#mounts destination: a symlink that goes up stays inside the container" \
		"$(val up/at) $(val top)" "seen seen"
	ok "config.md#mounts destination: a symlink that goes up creates nothing on the host" \
		test ! -e /up-target
	is "config.md#mounts destination: a relative path MUST be taken as relative to /" \
		"$(val relative)" seen
}

root() {
	new_bundle '.root.readonly = true' ".mounts += [$(tmpfs /tmp)]"
	touch "$ROOTFS/marker"
	run_sh '[ -e /marker ] && echo here=yes; touch /x 2>/dev/null && echo written=yes
		touch /etc/x 2>/dev/null && echo written=yes; touch /tmp/x && echo tmp=written
		touch /dev/x && echo dev=written
		awk "\$5 == \"/\" { split(\$6, o, \",\"); print \"opt=\" o[1] }" /proc/self/mountinfo'
	is "config.md#root path: a relative path is relative to the bundle" "$(val here)" yes
	is "config.md#root readonly: the root filesystem MUST be read-only inside" \
		"$(val written) $(val opt)" " ro"
	is "config.md#root readonly: other mounts stay writable" "$(val tmp) $(val dev)" "written written"
	ok "config.md#root readonly: the host's directory stays writable" touch "$ROOTFS/y"
	new_bundle '.root.path = "\($ENV.WORK)/elsewhere"'
	cp -a "$LIB_TEMPLATE" "$WORK/elsewhere"
	touch "$WORK/elsewhere/marker"
	run_sh '[ -e /marker ] && echo here=yes; touch /x && echo written=yes'
	is "config.md#root path: an absolute path" "$(val here)" yes
	is "config.md#root readonly: defaults to false" "$(val written)" yes
	new_bundle
	run_sh "[ -e $WORK ] && echo seen=yes; awk '{ print \$5 }' /proc/self/mountinfo | grep -c $WORK"
	is "config.md#root: the host's tree is out of sight" "$OUT" 0
}

cgroup_mount() {
	new_bundle '.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
		options: ["nosuid", "noexec", "nodev", "relatime", "ro"]}]'
	run_sh 'grep -c -e " - cgroup" /proc/self/mountinfo
		touch /sys/fs/cgroup/x 2>/dev/null && echo top=written
		for d in /sys/fs/cgroup/*/; do
			mkdir $d/made 2>/dev/null && rmdir $d/made && echo below=written
		done'
	ok "config.md#mounts type: cgroup shows the hierarchies" test "${OUT%%$'\n'*}" -gt 0
	is "config.md#mounts type: cgroup with ro, a hierarchy cannot be written" "$(val below)" ""
	is "config.md#mounts type: cgroup with ro, the directory of the hierarchies cannot be written" \
		"$(val top)" ""
}

default_filesystems
other_filesystems
overlay
binds
recursive_binds
order
destinations
root
cgroup_mount
