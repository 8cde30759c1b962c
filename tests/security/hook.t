#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# greffon-hook in the hands of an image, a volume, or a config that means ill: CVE-2024-0132, CVE-2024-0133,
# CVE-2025-23266, CVE-2025-23267, CVE-2025-23359. It is run here as a runtime runs it, but without one: what a runtime
# itself does with a link in an image is another matter.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"
. "$(dirname "$0")/race.sh"

HOOK=${GREFFON_HOOK:-$(realpath "$(dirname "$(command -v "${lib_runtime[0]}")")/greffon-hook")}
ready() { # a node that pretends; what the hook records stays here
	mkdir -p /run/greffon && mount -t tmpfs -o mode=700 records /run/greffon && pretend && pretend_driver
}

# A bundle whose image has a C library, and the state that a runtime would tell.
victim() { # REQUEST...
	hostile "$(annotate gpu=0 "$@")" 'del(.mounts)'
	image_libc
	write_config
	state
}
# shellcheck disable=SC2120
state() { # [PID]
	jq -n --arg id "$ID" --arg b "$BUNDLE" --argjson pid "${1:-1}" \
		'{ociVersion: "1.0.2", id: $id, status: "creating", pid: $pid, bundle: $b}' >"$BUNDLE/state"
}

# Of the mounts in a mountinfo: those that were not there before and are not in the rootfs, or show the canary.
stray() { # FILE
	awk -v rootfs="$ROOTFS/" -v canary="$CANARY" 'NR == FNR { had[$1] = 1; next }
		index($4, canary) || (!($1 in had) && $5 != "/" && index($5, rootfs) != 1) { print $4 " on " $5 }' \
		"$WORK/before" "$1"
}

# In a mount namespace of its own, as createContainer: status; the mounts in WORK/mounts.
inside() {
	timeout -k 2 20 unshare -m --propagation private sh -c 'cat /proc/self/mountinfo >"$3"
		cd "$4" && "$1" createContainer <"$2" 2>"$6"; s=$?; cat /proc/self/mountinfo >"$5"; exit $s' \
		sh "$HOOK" "$BUNDLE/state" "$WORK/before" "$ROOTFS" "$WORK/mounts" "$WORK/err"
}

# From outside, as createRuntime, into the mount namespace of a process.
outside() {
	local holder s
	unshare -m --propagation private sh -c 'cat /proc/self/mountinfo >"$1"; exec sleep 30' sh "$WORK/before" &
	holder=$!
	lib_bg+=("$holder")
	disown
	wait_for eval '[ "$(cat /proc/'$holder'/comm)" = sleep ]'
	state "$holder"
	(cd "$ROOTFS" && timeout -k 2 20 "$HOOK" createRuntime <"$BUNDLE/state" 2>"$WORK/err")
	s=$?
	cat "/proc/$holder/mountinfo" >"$WORK/mounts"
	kill -KILL "$holder"
	return $s
}

judge() { # STATUS: what is wrong, if anything
	local lines
	[ "$1" -le 1 ] || echo "status $1; "
	lines=$(grep -cv 'GRAFT-GLIBC\|GRAFT-LIBRARY\|GRAFT-FILTER' "$WORK/err")
	[ "$1" -eq 0 ] || [ "$lines" -eq 1 ] || echo "$lines lines of error; "
	stray "$WORK/mounts" | head -n 2
}

# ---- fixed ----

control() {
	victim
	mkdir -p "$ROOTFS/mnt"
	unshare -m --propagation private sh -c 'cat /proc/self/mountinfo >"$1"; mount --bind "$3" "$4/mnt"; mount --bind "$4" "$3/sub"
		cat /proc/self/mountinfo >"$2"' sh "$WORK/before" "$WORK/mounts" "$CANARY" "$ROOTFS"
	is "a mount of the canary, and one on it, would be seen" "$(stray "$WORK/mounts" | wc -l)" 2
}

environment() {
	local out
	victim
	cat >"$WORK/evil.c" <<-'END'
		#include <fcntl.h>
		#include <stdlib.h>
		#include <unistd.h>
		__attribute__((constructor)) static void evil(void)
		{
			const char *at = getenv("EVIL_MARK");
			if (at != NULL)
				close(open(at, O_CREAT | O_WRONLY, 0644));
		}
		unsigned int la_version(unsigned int v) { return v; }
	END
	cc -shared -fPIC -o "$ROOTFS/evil.so" "$WORK/evil.c" || { skip "a hostile environment" "no shared library can be made"; return; }
	export EVIL_MARK=$WORK/control
	LD_PRELOAD=$ROOTFS/evil.so /bin/true
	ok "a preloaded library works on programs that have a loader" test -e "$WORK/control"
	export EVIL_MARK=$CANARY/mark
	out=$(cd "$ROOTFS" && exec 7<"$CANARY" 9>"$WORK/held" && timeout 20 unshare -m --propagation private env \
		LD_PRELOAD=/proc/self/cwd/evil.so LD_AUDIT=/proc/self/cwd/evil.so LD_LIBRARY_PATH="$ROOTFS" GCONV_PATH="$ROOTFS" \
		LOCPATH="$ROOTFS" GLIBC_TUNABLES=glibc.malloc.check=3 PATH="$ROOTFS/bin" TMPDIR="$CANARY" NIS_PATH="$ROOTFS" \
		MALLOC_TRACE="$CANARY/trace" GREFFON_SYSTEMD_HELPER="$ROOTFS/bin/sh" "$HOOK" createContainer <"$BUNDLE/state" 2>&1)
	ok "the hook works in a hostile environment and working directory" test $? -eq 0
	unset EVIL_MARK
	untouched "a hostile environment, working directory and descriptors: the host is as it was"
	is "... and nothing is said of it" "$(grep -v GRAFT- <<<"$out")" ""
}

# What stands where the hook reads or mounts.
layouts() {
	local at what way bad='' n=0 s
	for at in etc/ld.so.cache etc dev dev/nvidia0 dev/.greffon run usr/bin lib; do
		for what in canary up loop fifo socket folder zero sparse magic; do
			for way in inside outside; do
				# what differs is who opens the rootfs, and from where: two layouts will do
				case $way-$what in outside-canary | outside-magic | inside-*) ;; *) continue ;; esac
				victim
				mkdir -p "$ROOTFS/$(dirname "$at")" "$ROOTFS/usr"
				rm -rf "${ROOTFS:?}/$at"
				case $what in
				canary) ln -s "$CANARY/target" "$ROOTFS/$at" ;;
				up) ln -s "../../../../../../..$CANARY/sub" "$ROOTFS/$at" ;;
				loop) ln -s "$(basename "$at")" "$ROOTFS/$at" ;;
				fifo) mkfifo "$ROOTFS/$at" ;;
				socket) mknod "$ROOTFS/$at" p ;;
				folder) mkdir "$ROOTFS/$at" ;;
				zero) mknod "$ROOTFS/$at" c 1 5 ;;
				sparse) truncate -s 1T "$ROOTFS/$at" ;;
				magic) ln -s /proc/self/root "$ROOTFS/$at" ;;
				esac
				n=$((n + 1))
				$way
				s=$(judge $?)
				[ -z "$s" ] || bad+="$what at $at, $way: $s ($(head -n 2 "$WORK/err")); "
				[ "$(canary_state)" = "$CANARY_BEFORE" ] || bad+="$what at $at, $way: the canary; "
				rm -rf "$BUNDLE" "$CANARY"
			done
		done
	done
	is "whatever stands in the image where the hook reads or mounts ($n)" "$bad" ""
}

inputs() {
	local s
	victim
	{ head -c 1100000 /dev/zero | tr '\0' ' '; cat "$BUNDLE/state"; } | timeout 20 "$HOOK" createContainer 2>"$WORK/err"
	s=$?
	is "a state of more than 1 MiB is refused" "$s $(grep -c 'larger than 1 MiB' "$WORK/err")" "1 1"
	ID=../../../..$CANARY/sub/file state
	timeout 20 "$HOOK" poststop <"$BUNDLE/state" 2>"$WORK/err"
	ID=../../../..$CANARY/mark state
	inside
	untouched "an id that is a path: nothing is written or removed by it"
	state
	rm "$BUNDLE/config.json" && mkfifo "$BUNDLE/config.json"
	inside
	is "a fifo as config.json does not hold the hook" "$? $(wc -l <"$WORK/err")" "1 1"
	victim
	chmod 666 /etc/greffon/graft.json
	inside
	s=$?
	chmod 644 /etc/greffon/graft.json
	is "a policy that others may write grants nothing" "$s $(grep -c 'GRAFT-POLICY' "$WORK/err")" "1 1"
	victim
	chmod 666 "/usr/local/lib/libcuda.so.$driver"
	inside
	s=$?
	chmod 644 "/usr/local/lib/libcuda.so.$driver"
	is "a library that others may write is not mounted" "$s $(grep -c 'GRAFT-POLICY' "$WORK/err")" "1 1"
	is "... and nothing was" "$(stray "$WORK/mounts"; grep -c " $ROOTFS/" "$WORK/mounts")" 0
}

# ---- races ----

hook_race() { # NAME: while the swapper goes on
	local end=$((SECONDS + RACE_SECONDS)) runs=0 good=0 wrong='' way s
	while [ "$SECONDS" -lt "$end" ] && [ -z "$wrong" ]; do
		for way in inside outside; do
			runs=$((runs + 1))
			$way
			s=$?
			[ $s -ne 0 ] || good=$((good + 1))
			wrong+=$(judge $s)
		done
	done
	swaps_end
	: >"$WORK/err"
	if [ -n "$wrong" ]; then
		fail "$1" "$wrong" "in run $runs"
	else
		pass "$1"
		diag "  $runs runs, $good of them to the end"
	fi
	untouched "$1: the host is as it was"
}

races() {
	victim
	mkdir -p "$ROOTFS/dev" && ln -s "$CANARY/dev" "$ROOTFS/dev2"
	swaps "$ROOTFS/dev" "$ROOTFS/dev2"
	hook_race "/dev of the image, exchanged for a link out of it"
	victim
	cp -a "$ROOTFS/etc" "$ROOTFS/etc3" && ln -s "$CANARY" "$ROOTFS/etc2"
	echo host-secret >"$ROOTFS/etc/ld.so.cache"
	ln -s "$CANARY/secret" "$ROOTFS/etc/ld.so.cache2"
	swaps "$ROOTFS/etc" "$ROOTFS/etc2" "$ROOTFS/etc/ld.so.cache" "$ROOTFS/etc/ld.so.cache2"
	hook_race "/etc and the loader's cache, exchanged for links"
	victim
	mkdir -p "$ROOTFS/dev/.greffon/lib" && ln -s "$CANARY/target" "$ROOTFS/dev/.other"
	swaps "$ROOTFS/dev/.greffon" "$ROOTFS/dev/.other"
	hook_race "the folder of the libraries, exchanged for a link"
	# CVE-2024-0132: the place where other injectors look for libraries of the image
	victim
	mkdir -p "$ROOTFS/usr/local/cuda/compat" && ln -s / "$ROOTFS/usr/local/cuda/root"
	cp "/usr/local/lib/libcuda.so.$driver" "$ROOTFS/usr/local/cuda/compat/libcuda.so.999.1"
	mv "$ROOTFS/lib" "$ROOTFS/usr/lib0" 2>/dev/null && ln -s usr/lib0 "$ROOTFS/lib" && ln -s / "$ROOTFS/lib2"
	swaps "$ROOTFS/usr/local/cuda/compat" "$ROOTFS/usr/local/cuda/root" "$ROOTFS/lib" "$ROOTFS/lib2"
	hook_race "the image's libraries, exchanged for links to the host's root"
	victim 'rdma=mlx5_0;curtain;libs=none'
	mkdir -p "$ROOTFS"/sys/class/{infiniband,infiniband_verbs}/mlx5_{0,1} && ln -s "$CANARY" "$ROOTFS/sys/other"
	swaps "$ROOTFS/sys/class" "$ROOTFS/sys/other"
	hook_race "what lies below the curtain, exchanged for a link"
}

if [ "$(id -u)" != 0 ]; then
	skip "greffon-hook" "needs root"
elif [ ! -x "$HOOK" ]; then
	skip "greffon-hook" "it is not beside the runtime under test"
elif ! ready >"$WORK/ready.log" 2>&1; then
	skip "greffon-hook" "a node that pretends can't be made: $(tail -n 1 "$WORK/ready.log")"
else
	control
	environment
	layouts
	inputs
	races
fi
