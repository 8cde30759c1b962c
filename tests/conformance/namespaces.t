#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config-linux.md#namespaces, #offset-for-time-namespace; config.md#hostname, #domainname.
. "$(dirname "$0")/../lib/lib.sh"

place="config-linux.md#namespaces"

link_of() { # PID TYPE: the namespace's own name
	local t=$2
	case $t in
	network) t=net ;;
	mount) t=mnt ;;
	esac
	readlink "/proc/$1/ns/$t"
}

runs() { # a created container's links may be its runtime's secret
	with_args /bin/sleep 100
	ct_create && ct_start
	wait_for grep -q sleep "/proc/$PID/cmdline"
}

new_ones() {
	local t types="pid network mount ipc uts cgroup"
	new_bundle '.linux.namespaces += [{type: "network"}, {type: "cgroup"}]'
	runs
	for t in $types; do
		ok "$place: $t without a path MUST be new" \
			test "$(link_of "$PID" $t)" != "$(link_of $$ $t)" -a -n "$(link_of "$PID" $t)"
	done
	for t in user time; do
		[ $t = time ] || [ "$lib_user_namespace" = . ] || {
			skip "$place: $t that is not listed MUST be inherited" "a plain user's containers have one"
			continue
		}
		is "$place: $t that is not listed MUST be inherited" "$(link_of "$PID" $t)" "$(link_of $$ $t)"
	done
	ct_drop
	new_bundle '.linux.namespaces = [{type: "mount"}]'
	runs
	for t in pid network ipc uts cgroup; do
		is "$place: $t that is not listed MUST be inherited" "$(link_of "$PID" $t)" "$(link_of $$ $t)"
	done
	ct_drop
}

seen_inside() {
	new_bundle '.linux.namespaces += [{type: "network"}, {type: "cgroup"}]'
	run_sh 'echo pid=$$; echo procs=$(ls /proc | grep -c "^[0-9]"); echo nets=$(ls /sys/class/net)
		echo cgroup=$(cut -d: -f3 /proc/self/cgroup | grep -v "^/$" | tr "\n" " ")'
	is "$place: pid, the program is process 1" "$(val pid)" 1
	ok "$place: pid, only processes of the container are seen" test "$(val procs)" -lt 8
	is "$place: network, the container has its own stack" "$(val nets)" lo
	is "$place: cgroup, the view is rooted at the container's cgroup" "$(val cgroup)" ""
}

joined() {
	local holder t paths='' own
	needs_root "$place: a path MUST be joined" "a user may not enter namespaces of others" || return
	own=$(pgrep_child_of_unshare) || {
		skip "$place: a path MUST be joined" "no holder of namespaces could be made"
		return
	}
	holder=$own
	for t in pid:pid network:net ipc:ipc uts:uts; do
		paths+="${paths:+,}{type: \"${t%:*}\", path: \"/proc/$holder/ns/${t#*:}\"}"
	done
	new_bundle ".linux.namespaces = [$paths, {type: \"mount\"}]"
	ct_create
	for t in pid network ipc uts; do
		is "$place: $t with a path MUST be the one of that path" \
			"$(link_of "$PID" $t)" "$(link_of "$holder" $t)"
	done
	ct_drop
	ok "$place: a joined namespace is not destroyed with the container" test -d "/proc/$holder"
	wrong_paths "$holder"
}

# A process in new namespaces, the pid as seen here. It is the only child of unshare.
pgrep_child_of_unshare() {
	local child
	wait_for grep -q . "/proc/$HOLDER/task/$HOLDER/children" || return 1
	read -r child _ <"/proc/$HOLDER/task/$HOLDER/children"
	[ -n "$child" ] && echo "$child"
}

wrong_paths() { # HOLDER
	refuses "$place: a path of another type MUST generate an error" \
		".linux.namespaces += [{type: \"network\", path: \"/proc/$1/ns/uts\"}]"
	refuses "$place: a path of no namespace MUST generate an error" \
		'.linux.namespaces += [{type: "network", path: "/dev/null"}]'
	refuses "$place: a path that is missing MUST generate an error" \
		'.linux.namespaces += [{type: "network", path: "/proc/no-such/ns/net"}]'
	refuses "$place: a path that is not absolute MUST generate an error" \
		'.linux.namespaces += [{type: "network", path: "proc/self/ns/net"}]'
}

refused_lists() {
	local t
	for t in pid uts mount; do
		refuses "$place: $t twice MUST generate an error" ".linux.namespaces += [{type: \"$t\"}]"
	done
	refuses "$place: an unknown type MUST generate an error" '.linux.namespaces += [{type: "nosuch"}]'
}

names() {
	local host domain
	host=$(hostname)
	domain=$(cat /proc/sys/kernel/domainname)
	new_bundle '.hostname = "conformance-host"'
	run_sh 'hostname; cat /proc/sys/kernel/hostname'
	is "config.md#hostname: is that of the container" "$OUT" $'conformance-host\nconformance-host'
	is "config.md#hostname: is not that of the host" "$(hostname)" "$host"
	new_bundle '.domainname = "conformance.example"'
	run_sh 'cat /proc/sys/kernel/domainname'
	is "config.md#domainname: is that of the container" "$OUT" conformance.example
	is "config.md#domainname: is not that of the host" "$(cat /proc/sys/kernel/domainname)" "$domain"
}

clock_of() { sed -n "s/^$1=//p" <<<"$2"; } # CLOCK TEXT

near() { # NAME GOT WANTED
	if [ -n "$2" ] && [ $(($2 - $3)) -ge -3 ] && [ $(($2 - $3)) -le 10 ]; then
		pass "$1"
	else
		fail "$1" "got '$2', wanted about '$3'"
	fi
}

times() {
	local now t="config-linux.md#offset-for-time-namespace"
	if [ ! -e /proc/self/ns/time ]; then
		skip "$t: boottime" "the kernel has no time namespaces"
		skip "$t: monotonic" "the kernel has no time namespaces"
		return
	fi
	# without a new pid namespace: there crun 1.8.1 kills process 2 of the caller's when it fails
	local own='.linux.namespaces |= map(select(.type != "pid")) + [{type: "time"}]'
	new_bundle "$own" \
		'.linux.timeOffsets = {boottime: {secs: 100000}, monotonic: {secs: 200000, nanosecs: 5}}'
	run_probe clock
	now=$("$PROBE" clock)
	near "$t: boottime" "$(val boottime)" $(($(clock_of boottime "$now") + 100000))
	near "$t: monotonic" "$(val monotonic)" $(($(clock_of monotonic "$now") + 200000))
	new_bundle "$own"
	with_args /bin/probe signals
	ct_create && ct_start
	ok "$place: time without a path MUST be new" \
		test -n "$PID" -a "$(link_of "${PID:-0}" time)" != "$(link_of $$ time)"
	ct_drop
}

bg unshare --net --uts --ipc --pid --fork --kill-child sleep 1000
HOLDER=$!
new_ones
seen_inside
joined
refused_lists
names
times
