#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A running container whose root means ill, and grafts and mounts that come, and go again: what it mounts stays its own, and
# what it puts in the way of a removal does not make greffon take away what guards the host.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"

inside() { rt exec "$ID" /bin/sh -c "$1" 2>&1 </dev/null; }
change() { rt update "$@" "$ID" >"$WORK/out" 2>"$WORK/err" </dev/null; }
up() { # JQ-FILTER...: a running container
	new_bundle "$deny" "$@"
	[ -z "${libc-}" ] || image_libc
	with_args /bin/sleep 600
	ct_create && ct_start
}
mounter='.process.capabilities |= map_values(. + ["CAP_SYS_ADMIN"])'
evil='echo evil >/tmp/evil; mount -o bind /tmp/evil'
# a new /proc is refused where the test's own is partly covered
userns='del(.mounts[] | select(.destination == "/proc")) | .linux.maskedPaths = [] | .linux.readonlyPaths = [] |
	.linux.namespaces += [{type: "user"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'

# On a tree that is shared, as systemd has it, a clone of a host's mount is its peer.
over_a_node() { # NAME JQ-FILTER...
	local name=$1
	shift
	if ! up "$mounter" "$@"; then
		skip "$name: mounts over a grafted node" "$(tail -n 1 "$WORK/err")"
		ct_drop
		return
	fi
	ok "$name: a node is grafted" change --graft gpu=0
	is "$name: it is nobody's peer" "$(grep ' /dev/nvidia0 .*\(shared\|master\):' "/proc/$PID/mountinfo")" ""
	is "$name: what it mounts over it" "$(inside "$evil /dev/nvidia0; cat /dev/nvidia0")" evil
	is "$name: ... the host does not see" "$(stat -c %F /dev/nvidia0)" "character special file"
	ct_drop
	umount /dev/nvidia0 2>/dev/null || :
}

over_a_library() { # PROPAGATION
	local lib=/usr/local/lib/libcuda.so.$driver
	up "$mounter" "$(annotate gpu=0)" ".linux.rootfsPropagation = \"$1\""
	is "a library of a container with a $1 rootfs is nobody's peer" \
		"$(inside 'grep "libcuda.*\(shared\|master\):" /proc/self/mountinfo')" ""
	is "a $1 rootfs: what it mounts over it" "$(inside "$evil /dev/.greffon/lib/libcuda.so.1; cat /dev/.greffon/lib/libcuda.so.1")" evil
	is "a $1 rootfs: ... the host does not see" "$(head -c 4 "$lib" | tail -c 3)" ELF
	ct_drop
	umount "$lib" 2>/dev/null || :
}

# The container's root may rename what has mounts in it, and put a link where it was.
sys='.linux.readonlyPaths = ["/proc/sys"]' guard='grep -c " /proc/sys ro" /proc/self/mountinfo'
link_to_a_guard() {
	up "$(annotate gpu=0)" "$sys"
	inside 'cd /dev/.greffon && mv lib old && mkdir lib && ln -s /proc/sys lib/libcuda.so.1' >/dev/null
	is "a link to a read-only path in a library's place is not followed" "$(change --ungraft gpu; echo $?)" 1
	like "... which is said" "$(cat "$WORK/err")" "*'/dev/.greffon/lib/libcuda.so.1' leads to something else than was grafted*"
	is "... and the path is read-only still" "$(inside "$guard")" 1
	ct_drop
	up "$(annotate gpu=0)" "$sys"
	inside 'mkdir /x && mount -t tmpfs x /x; umount /dev/.greffon; mv /dev/.greffon /dev/old; ln -s /proc/sys /dev/.greffon' >/dev/null
	change --ungraft gpu
	is "nor one in the place of the folder" "$(inside "$guard")" 1
	ct_drop
}

link_to_a_guard_in_a_mount() {
	mkdir -p "$WORK/volume"
	new_bundle "$sys"
	mkdir -p "$ROOTFS/data"
	with_args /bin/sleep 600
	ct_create && ct_start
	echo "[{\"destination\": \"/data/x\", \"type\": \"bind\", \"source\": \"$WORK/volume\", \"options\": [\"rbind\"]}]" >"$WORK/m.json"
	ok "a mount is added" rt mounts add "$ID" "$WORK/m.json"
	inside 'mv /data /old && mkdir /data && ln -s /proc/sys /data/x' >/dev/null
	is "... and a link to a read-only path in its place" \
		"$(rt mounts remove "$ID" "$WORK/m.json" >"$WORK/out" 2>"$WORK/err" </dev/null; echo $?)" 1
	like "... is not followed either" "$(cat "$WORK/err")" "*mounts\[0].destination: '/data/x' leads over a link to*name the place itself"
	is "... and that one is read-only still" "$(inside "$guard")" 1
	ct_drop
}

if [ "$(id -u)" != 0 ]; then
	skip "grafts into containers that mean ill" "only root can pretend"
elif ! pretend >"$WORK/pretend.log" 2>&1; then
	skip "grafts into containers that mean ill" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
else
	mount --make-rshared /
	over_a_node "the host's root"
	over_a_node "a user namespace" "$userns"
	link_to_a_guard_in_a_mount
	if ! pretend_driver 2>"$WORK/driver.log"; then
		skip "a driver's library in such containers" "$(tail -n 1 "$WORK/driver.log")"
	else
		libc=yes
		over_a_library rslave
		over_a_library shared
		link_to_a_guard
	fi
fi
