#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config-linux.md#sysctl
. "$(dirname "$0")/../lib/lib.sh"

place="config-linux.md#sysctl"

# Older kernels show net.core in no network namespace but those of the first user namespace.
has_net_core() { [ -z "$lib_rootless" ] || unshare -Urn test -e /proc/sys/net/core/somaxconn; }

set_in_namespaces() {
	local before core=', "net.core.somaxconn": "257"'
	before=$(cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward)
	has_net_core || core=
	new_bundle '.linux.namespaces += [{type: "network"}] | .linux.sysctl = {
		"kernel.msgmax": "8211", "kernel.shmmni": "4011", "kernel.sem": "32000 1024000000 500 31999",
		"fs.mqueue.msg_max": "11", "net.ipv4.ip_forward": "1",
		"net.ipv4.conf.lo.forwarding": "1"'"$core"'}'
	run_sh 'cd /proc/sys; for f in kernel/msgmax kernel/shmmni kernel/sem fs/mqueue/msg_max \
			net/ipv4/ip_forward net/core/somaxconn net/ipv4/conf/lo/forwarding; do
			echo "$f=$(cat $f | tr "\t" " ")"
		done'
	is "$place: kernel.msgmax of the ipc namespace" "$(val kernel/msgmax)" 8211
	is "$place: kernel.shmmni of the ipc namespace" "$(val kernel/shmmni)" 4011
	is "$place: a value of several words" "$(val kernel/sem)" "32000 1024000000 500 31999"
	is "$place: fs.mqueue of the ipc namespace" "$(val fs/mqueue/msg_max)" 11
	is "$place: net.ipv4.ip_forward of the network namespace" "$(val net/ipv4/ip_forward)" 1
	if [ -n "$core" ]; then
		is "$place: net.core.somaxconn of the network namespace" "$(val net/core/somaxconn)" 257
	else
		skip "$place: net.core.somaxconn of the network namespace" "this kernel has no net.core in a user's network namespace"
	fi
	is "$place: an interface's own key" "$(val net/ipv4/conf/lo/forwarding)" 1
	is "$place: the host keeps its values" \
		"$(cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward)" "$before"
}

other_forms() {
	new_bundle '.linux.sysctl = {"kernel/msgmax": "8213"}'
	run_sh 'cat /proc/sys/kernel/msgmax'
	is "$place: a key with slashes, as sysctl(8) has it" "$OUT" 8213
	new_bundle '.linux.sysctl = {"kernel.msgmax": "8212"} | .linux.readonlyPaths = ["/proc/sys"]'
	run_sh 'cat /proc/sys/kernel/msgmax'
	is "$place: is set although /proc/sys is read-only" "$OUT" 8212
	refuses "$place: a key that does not exist MUST generate an error" \
		'.linux.sysctl = {"kernel.shm_no_such": "1"}'
	refuses "$place: a value that the kernel refuses MUST generate an error" \
		'.linux.sysctl = {"kernel.msgmax": "no number"}'
}

set_in_namespaces
other_forms
