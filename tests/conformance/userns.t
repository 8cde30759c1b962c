#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config-linux.md#user-namespace-mappings
. "$(dirname "$0")/../lib/lib.sh"

place="config-linux.md#user-namespace-mappings"

user_bundle() { # [JQ...]: three ranges; the root of the container is 100000
	new_bundle '.linux.namespaces += [{type: "user"}, {type: "network"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000},
			{containerID: 1000, hostID: 300000, size: 10},
			{containerID: 2000, hostID: 400000, size: 5}] |
		.linux.gidMappings = [{containerID: 0, hostID: 200000, size: 1000},
			{containerID: 5000, hostID: 500000, size: 20}]' "$@"
	chown -hR 100000:200000 "$ROOTFS"
}

mappings() {
	user_bundle
	chown 100500:200500 "$ROOTFS/tmp"
	run_sh 'echo uid=$(cat /proc/self/uid_map); echo gid=$(cat /proc/self/gid_map)
		echo ids=$(id -u):$(id -g); echo owner=$(stat -c %u:%g /tmp); touch /made
		grep ^Uid /proc/self/status; echo x >/dev/null && echo null=works
		echo hello=$(cat /proc/sys/kernel/hostname)'
	is "$place: uidMappings, all ranges" "$(val uid | sed "s/^ *//")" "0 100000 1000 1000 300000 10 2000 400000 5"
	is "$place: gidMappings, all ranges" "$(val gid | sed "s/^ *//")" "0 200000 1000 5000 500000 20"
	is "$place: the process has the ids of process.user in it" "$(val ids)" 0:0
	is "$place: an owner of the host is seen through the mappings" "$(val owner)" 500:500
	is "$place: a file made inside is owned on the host through the mappings" \
		"$(stat -c %u:%g "$ROOTFS/made")" 100000:200000
	is "$place: the default devices are usable" "$(val null)" works
	is "$place: the owners of the root filesystem SHOULD NOT be modified" \
		"$(stat -c %u:%g "$ROOTFS/tmp" "$ROOTFS/bin" | tr '\n' ' ')" "100500:200500 100000:200000 "
}

from_outside() {
	user_bundle '.process.user = {uid: 1005, gid: 5001, additionalGids: [5002]}'
	with_args /bin/probe signals
	ct_create && ct_start && wait_text "$BUNDLE/out" ready
	is "$place: the process has the mapped user on the host" \
		"$(awk '/^Uid/ { print $2 }' "/proc/$PID/status")" 300005
	is "$place: the process has the mapped group on the host" \
		"$(awk '/^Gid/ { print $2 }' "/proc/$PID/status")" 500001
	like "$place: additional groups are mapped" "$(awk '/^Groups/' "/proc/$PID/status")" "*500002*"
	ok "config-linux.md#namespaces: user without a path MUST be new" \
		test "$(readlink "/proc/$PID/ns/user")" != "$(readlink /proc/self/ns/user)"
	joined
	ct_drop
}

# The first container's user namespace for a second one; its mounts have to be made there.
joined() {
	local first=$PID id=$ID
	user_bundle "del(.linux.uidMappings, .linux.gidMappings)" \
		".linux.namespaces |= map(if .type == \"user\" then .path = \"/proc/$first/ns/user\" else . end)"
	with_args /bin/sleep 100
	ct_create
	is "config-linux.md#namespaces: user with a path MUST be the one of that path" \
		"$(readlink "/proc/${PID:-0}/ns/user")" "$(readlink "/proc/$first/ns/user")"
	ct_drop
	ID=$id
}

bad_maps() {
	refuses "$place: a user that is not mapped MUST generate an error" \
		'.linux.namespaces += [{type: "user"}, {type: "network"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}] |
		.linux.gidMappings = .linux.uidMappings | .process.user.uid = 5000'
	refuses "$place: ranges that overlap MUST generate an error" \
		'.linux.namespaces += [{type: "user"}, {type: "network"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10},
			{containerID: 5, hostID: 200000, size: 10}] | .linux.gidMappings = .linux.uidMappings'
}

mounts() {
	user_bundle '.mounts += [{destination: "/data", type: "bind", source: "data", options: ["rbind", "ro"]}]' \
		'.root.readonly = true'
	mkdir "$BUNDLE/data"
	run_sh 'touch /x 2>/dev/null && echo root=written; touch /data/x 2>/dev/null && echo data=written
		touch /dev/shm/x && echo shm=written'
	is "config.md#root readonly: in a user namespace too" "$(val root)" ""
	is "config.md#mounts options: ro in a user namespace too" "$(val data)" ""
	is "config-linux.md#default-filesystems: /dev/shm in a user namespace" "$(val shm)" written
}

if [ "$(cat /proc/sys/user/max_user_namespaces 2>/dev/null || echo 0)" -gt 0 ]; then
	bad_maps
	if needs_root "$place" "a user has no ids to give away but his own"; then
		mappings
		from_outside
		mounts
	fi
else
	skip "$place" "user namespaces are off"
fi
