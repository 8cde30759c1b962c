#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config-linux.md#devices, #default-devices, #allowed-device-list
. "$(dirname "$0")/../lib/lib.sh"

default_devices() {
	local pair
	new_bundle
	run_sh 'for d in null zero full random urandom tty; do
			echo "$d=$(stat -c "%F %t:%T" /dev/$d)"
		done
		echo ptmx=$(readlink /dev/ptmx); echo ptmxdev=$(stat -L -c %t:%T /dev/ptmx)
		/bin/probe open /dev/null rw /dev/zero rw /dev/full r /dev/random r /dev/urandom rw /dev/ptmx rw'
	for pair in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
		is "config-linux.md#default-devices: /dev/${pair%%:*} MUST be supplied" \
			"$(val "${pair%%:*}")" "character special file ${pair#*:}"
	done
	for pair in null:rw zero:rw full:r random:r urandom:rw ptmx:rw; do
		is "config-linux.md#default-devices: /dev/${pair%:*} opens" "$(val "/dev/${pair/:/:}")" 0
	done
	is "config-linux.md#default-devices: /dev/ptmx is that of the container's devpts" \
		"$(val ptmxdev)" 5:2
}

listed() {
	local d="config-linux.md#devices"
	needs_root "$d" "device nodes can't be made in a user namespace" || return 0
	new_bundle '.linux.devices = [
		{path: "/dev/one", type: "c", major: 10, minor: 229, fileMode: 416, uid: 5, gid: 6},
		{path: "/dev/blk", type: "b", major: 7, minor: 200, fileMode: 432, uid: 0, gid: 0},
		{path: "/dev/sub/dir/unbuffered", type: "u", major: 1, minor: 3, fileMode: 438},
		{path: "/dev/pipe", type: "p", fileMode: 384},
		{path: "/opt/outside", type: "c", major: 1, minor: 5, fileMode: 438}]'
	run_sh 'for d in /dev/one /dev/blk /dev/sub/dir/unbuffered /dev/pipe /opt/outside; do
			echo "$d=$(stat -c "%F %t:%T %a %u:%g" $d)"
		done'
	is "$d: type c with mode, uid and gid" "$(val /dev/one)" "character special file a:e5 640 5:6"
	is "$d: type b" "$(val /dev/blk)" "block special file 7:c8 660 0:0"
	is "$d: type u, in a directory that is missing" "$(val /dev/sub/dir/unbuffered)" \
		"character special file 1:3 666 0:0"
	is "$d: type p" "$(val /dev/pipe)" "fifo 0:0 600 0:0"
	is "$d: a path outside of /dev" "$(val /opt/outside)" "character special file 1:5 666 0:0"
	new_bundle '.linux.devices = [{path: "/opt/file", type: "c", major: 1, minor: 5}]'
	mkdir "$ROOTFS/opt"
	echo text >"$ROOTFS/opt/file"
	ct_create
	refused "$d path: a file that does not match the device MUST generate an error" $?
	is "$d path: a file that does not match is left alone" "$(cat "$ROOTFS/opt/file")" text
	ct_drop
}

# /dev/kmsg for writing: a device that no runtime allows by default, and that root can open.
rules() { # NAME WANTED RULE...: opens it for writing in the container
	local name=$1 wanted=$2
	shift 2
	new_bundle ".linux.devices = [{path: \"/dev/kmsg\", type: \"c\", major: 1, minor: 11, fileMode: 438}] |
		.linux.resources.devices = [$(IFS=,; echo "$*")]"
	run_probe open /dev/kmsg w
	is "config-linux.md#allowed-device-list: $name" "$(val /dev/kmsg:w)" "$wanted"
}

allow_list() {
	local none='{allow: false, access: "rwm"}' node
	local kmsg='{allow: true, type: "c", major: 1, minor: 11, access'
	node=$WORK/kmsg
	needs_root "config-linux.md#allowed-device-list" "users may not load device programs" || { defaults_stay; return; }
	mknod "$node" c 1 11
	if [ "$("$PROBE" open "$node" w)" != "$node:w=0" ]; then
		skip "config-linux.md#allowed-device-list" "this machine lets nobody write /dev/kmsg"
		return
	fi
	rules "a device that is denied cannot be opened" EPERM "$none"
	rules "a device that is allowed again can be opened" 0 "$none" "$kmsg: \"rw\"}"
	rules "read access does not allow to write" EPERM "$none" "$kmsg: \"r\"}"
	rules "write access allows to write" 0 "$none" "$kmsg: \"w\"}"
	rules "entries MUST be applied in the listed order" EPERM "$kmsg: \"rw\"}" "$none"
	rules "a minor that is not set means all" 0 "$none" \
		'{allow: true, type: "c", major: 1, access: "w"}'
	rules "another minor is not allowed with one" EPERM "$none" \
		'{allow: true, type: "c", major: 1, minor: 12, access: "rwm"}'
	rules "a block device is not a character device" EPERM "$none" \
		'{allow: true, type: "b", major: 1, minor: 11, access: "rwm"}'
	rules "type a allows all" 0 "$none" '{allow: true, type: "a", access: "rwm"}'
	rules "a type that is not set means all" 0 "$none" '{allow: true, access: "rwm"}'
	defaults_stay
}

defaults_stay() {
	new_bundle '.linux.resources.devices = [{allow: false, access: "rwm"}]'
	run_probe open /dev/null rw /dev/zero r /dev/urandom r /dev/ptmx rw
	is "config-linux.md#default-devices: are usable with all denied" \
		"$(cut -d= -f2 <<<"$OUT" | tr '\n' ' ')" "0 0 0 0 "
}

default_devices
listed
allow_list
