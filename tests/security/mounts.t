#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Links in an image or a volume, fixed and exchanged while the container is made, where greffon mounts, makes
# folders and files, or writes: CVE-2019-18837, CVE-2019-19921, CVE-2021-30465, CVE-2023-27561, CVE-2024-45310,
# CVE-2025-31133, CVE-2025-52881, CVE-2026-41579, GHSA-3q8j-pf29-vwv8.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/race.sh"

# What a program does with a path: shows what it finds there, tries to leave a mark.
use() { # PATH...
	local p
	for p in "$@"; do
		echo "cat $p/secret $p/sub/file 2>/dev/null; (echo ESCAPE >$p/mark) 2>/dev/null; ls $p >/dev/null 2>&1;"
	done
	echo true
}

fixed_targets() {
	local target kind n=0 bad=''
	for target in / ../../../../.. /proc/self/root /proc/1/root "CANARY" loop gone; do
		for kind in bind tmpfs proc sysfs mqueue devpts; do
			hostile
			n=$((n + 1))
			local link=$target
			[ "$target" != CANARY ] || link=$CANARY/target
			[ "$target" != loop ] || link=mnt
			[ "$target" != gone ] || link=$CANARY/target/made
			rm -rf "${ROOTFS:?}/mnt" && ln -s "$link" "$ROOTFS/mnt"
			mkdir "$BUNDLE/src" && echo volume >"$BUNDLE/src/f"
			if [ $kind = bind ]; then
				set_config '.mounts += [{destination: "/mnt/x", source: "\($ENV.BUNDLE)/src", options: ["bind"]}]'
			else
				set_config ".mounts += [{destination: \"/mnt\", type: \"$kind\", source: \"$kind\"}]"
			fi
			with_args /bin/sh -c 'cat /secret /mnt/secret 2>/dev/null; true'
			ct_run
			case $RC$OUT in *host-secret*) bad+="$kind over a link to $target: the host's file; " ;; esac
			[ "$RC" -le 1 ] || bad+="$kind over a link to $target: status $RC; "
			[ "$(canary_state)" = "$CANARY_BEFORE" ] || bad+="$kind over a link to $target: the canary; "
			rm -rf "$BUNDLE"
		done
	done
	is "mounts over links of the image stay in it ($n)" "$bad" ""
}

# CVE-2021-30465: two containers share a volume; one exchanges a folder of it while the other mounts below it.
volume() {
	hostile '.mounts += [
		{destination: "/vol", source: "\($ENV.BUNDLE)/vol", options: ["rbind"]},
		{destination: "/vol/x", source: "\($ENV.BUNDLE)/src", options: ["bind", "ro"]},
		{destination: "/vol/x/deep/er", type: "tmpfs", source: "t"}]'
	mkdir -p "$BUNDLE"/vol/x "$BUNDLE/src/deep/er"
	ln -s "$CANARY" "$BUNDLE/vol/y"
	with_args /bin/sh -c "$(use /vol/x /vol/y /vol)"
	swaps "$BUNDLE/vol/x" "$BUNDLE/vol/y"
	race "a mount below a volume whose folder is exchanged for a link"
}

# CVE-2024-45310: the folders and files to mount on are missing, a component is exchanged.
making() {
	hostile '.mounts += [
		{destination: "/vol", source: "\($ENV.BUNDLE)/vol", options: ["rbind"]},
		{destination: "/vol/x/a/b/c", type: "tmpfs", source: "t"},
		{destination: "/vol/x/file/made", source: "\($ENV.BUNDLE)/src/f", options: ["bind"]}]'
	mkdir -p "$BUNDLE"/vol/x "$BUNDLE/src"
	echo volume >"$BUNDLE/src/f"
	ln -s "$CANARY" "$BUNDLE/vol/y"
	with_args /bin/true
	swaps "$BUNDLE/vol/x" "$BUNDLE/vol/y"
	race "folders made below one that is exchanged for a link"
}

# CVE-2023-27561, CVE-2025-52881: /proc of the image is a link, now and then.
proc_and_sys() {
	hostile '.linux.namespaces += [{type: "network"}] | .linux.sysctl = {"net.ipv4.ip_forward": "1"}
		| .linux.maskedPaths = ["/proc/kcore"] | .linux.readonlyPaths = ["/proc/sys"]'
	ln -s "$CANARY/proc" "$ROOTFS/proc2"
	ln -s "$CANARY/sub" "$ROOTFS/sys2"
	with_args /bin/sh -c 'cat /proc/secret 2>/dev/null; (echo 0 >/proc/sys/net/ipv4/ip_forward) 2>/dev/null && echo ESCAPED
		[ ! -s /proc/kcore ] || [ ! -c /proc/kcore ] || ! head -c 1 /proc/kcore 2>/dev/null | grep -q . || echo ESCAPED kcore; true'
	swaps "$ROOTFS/proc" "$ROOTFS/proc2" "$ROOTFS/sys" "$ROOTFS/sys2"
	race "/proc and /sys of the image, exchanged for links"
}

# GHSA-3q8j-pf29-vwv8: bind and remount of a path that changes in between.
readonly_path() {
	hostile '.mounts += [{destination: "/vol", source: "\($ENV.BUNDLE)/vol", options: ["rbind"]}]
		| .linux.readonlyPaths = ["/vol/ro/in"] | .linux.maskedPaths = ["/vol/ro/hidden"]'
	mkdir -p "$BUNDLE"/vol/{ro,other}/{in,hidden}
	ln -s "$CANARY" "$BUNDLE/vol/other/link"
	with_args /bin/sh -c 'm=$(awk "\$5 ~ \"^/vol/.*/in\$\" { print \$5 \" \" \$6 }" /proc/self/mountinfo)
		case $m in "/vol/"*"/in ro"*) ;; *) echo "ESCAPED ro: $m" ;; esac
		m=$(awk "\$5 ~ \"^/vol/.*/hidden\$\" { print \$6 }" /proc/self/mountinfo)
		case $m in ro*) ;; *) echo "ESCAPED mask: $m" ;; esac'
	swaps "$BUNDLE/vol/ro" "$BUNDLE/vol/other"
	race "read-only and masked paths below a folder that is exchanged"
}

# CVE-2026-41579: /dev of the image is a link, and the config mounts nothing there.
dev() {
	hostile 'del(.mounts[] | select(.destination | startswith("/dev"))) | .linux.devices = [
		{type: "c", path: "/dev/fuse", major: 10, minor: 229}, {type: "p", path: "/dev/sub/fifo"}]'
	ln -s "$CANARY/dev" "$ROOTFS/dev2"
	with_args /bin/sh -c 'cat /dev/secret /dev/ptmx 2>/dev/null; true'
	swaps "$ROOTFS/dev" "$ROOTFS/dev2"
	race "/dev of the image, exchanged for a link"
	hostile 'del(.mounts[] | select(.destination | startswith("/dev")))'
	rmdir "$ROOTFS/dev" && ln -s "$CANARY/dev" "$ROOTFS/dev"
	with_args /bin/true
	ct_run
	untouched "/dev of the image is a link to a folder of the host (status $RC)"
}

fixed_targets
volume
making
proc_and_sys
readonly_path
dev
