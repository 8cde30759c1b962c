#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Device nodes where the container may not make them itself: in a user namespace.
. "$(dirname "$0")/../lib/lib.sh"

[ "$(id -u)" = 0 ] || { skip "devices in a user namespace" "needs root"; exit 0; }
[ ! -e /sys/dev/block/1:77 ] || { skip "devices in a user namespace" "the host has the block device 1:77"; exit 0; }

mapped() { # JQ...: a bundle of a user namespace whose ids are 100000 and up outside
	new_bundle '.linux.namespaces += [{type: "user"}]' \
		'.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]' \
		'.linux.gidMappings = .linux.uidMappings' "$@"
	chown -R 100000:100000 "$ROOTFS"
}

# of 1:77 the host has no node that could be bound
mapped '.linux.devices = [
	{path: "/dev/made", type: "b", major: 1, minor: 77, uid: 10, gid: 11, fileMode: 416},
	{path: "/opt/dir/made", type: "b", major: 1, minor: 77},
	{path: "/dev/zero2", type: "c", major: 1, minor: 5}]'
run_sh 'stat -c "%F %t:%T %u:%g %a" /dev/made; stat -c "%F %t:%T" /opt/dir/made; head -c 3 /dev/zero2 | wc -c
	grep -c " /dev/made .*nodev" /proc/self/mountinfo; ls /; id -u'
is "what the host has no node of is made, with its owner and mode" "$(sed -n 1p <<<"$OUT")" "block special file 1:4d 10:11 640"
is "outside of /dev too" "$(sed -n 2p <<<"$OUT")" "block special file 1:4d"
is "what the host has is bound" "$(sed -n 3p <<<"$OUT")" 3
is "it is a device that can be opened" "$(sed -n 4p <<<"$OUT")" 0
is "the file system that they were made in is not to be seen" "$(grep -cxE '[0-9]+' <<<"$(sed -n '5,$p' <<<"$OUT")")" 1

# an id of the owner that has no map can't be shown
mapped '.linux.devices = [{path: "/dev/made", type: "b", major: 1, minor: 77, uid: 70000}]'
ct_create
is "an owner outside of the maps is refused" $? 1
like "by name" "$(<"$WORK/err")" "*linux.devices[[]0]*"
ok "nothing is left" clean_of "$ID" "$BUNDLE"
exit 0
