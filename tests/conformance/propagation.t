#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config-linux.md#rootfs-mount-propagation, on a tree whose root is shared, as most hosts have it.
# It runs in a mount namespace of its own, so that the machine's mounts stay as they are.
if [ "${1:-}" != inside ]; then
	# a plain user mounts as root of a user namespace, which is how rootless podman calls its runtime
	[ "$(id -u)" = 0 ] || exec unshare -m --map-root-user --map-auto --propagation private "$BASH" "$0" inside
	exec unshare -m --propagation private "$BASH" "$0" inside
fi
mount --make-rshared /
. "$(dirname "$0")/../lib/lib.sh"

started() { # PROPAGATION
	new_bundle ".linux.rootfsPropagation = \"$1\"" \
		'.mounts += [{destination: "/own", type: "tmpfs", source: "tmpfs"}]'
	with_args /bin/sh -c 'cat /proc/self/mountinfo; exec /bin/probe signals'
	ct_create && ct_start && wait_text "$BUNDLE/out" ready
	ROOT_LINE=$(awk '$5 == "/"' "$BUNDLE/out")
}

from_host() { # whether a mount made on the host is seen in the container
	mount -t tmpfs tmpfs "$ROOTFS/mnt" && touch "$ROOTFS/mnt/event"
	[ -e "/proc/$PID/root/mnt/event" ] && echo seen
	umount "$ROOTFS/mnt"
}

place="config-linux.md#rootfs-mount-propagation"

started shared
like "$place: shared, the root belongs to a peer group" "$ROOT_LINE" '*shared:*'
ct_drop

started slave
if [ "$(stat -c %m "$WORK")" = / ]; then
	is "$place: slave, events from the host are received" "$(from_host)" seen
else
	skip "$place: slave, events from the host are received" "TMPDIR is not on the root mount"
fi
ok "$place: slave, the root is in no peer group of its own" not grep -q shared: <<<"$ROOT_LINE"
ct_drop

started private
is "$place: private, no events from the host" "$(from_host)" ""
ok "$place: private, the root is neither shared nor a slave" not grep -q -e shared: -e master: <<<"$ROOT_LINE"
ct_drop

started unbindable
like "$place: unbindable, the root cannot be bind-mounted" "$ROOT_LINE" '*unbindable*'
ct_drop

new_bundle
run_sh 'cat /proc/self/mountinfo'
is "$place: without it nothing of the container propagates to the host" "$(grep -c shared: <<<"$OUT")" 0
ok "$place: no mount of a container is left in the host's table" \
	not grep -q " $BUNDLE/" /proc/self/mountinfo
