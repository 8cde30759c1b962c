#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What greffon does with a container's cgroup beyond the specification: pause, resume, update with its way back,
# events, ps; other containers' cgroups left alone; the same in a view where cgroup v2 is all there is.
. "$(dirname "$0")/../lib/lib.sh"

[ "$(id -u)" = 0 ] || { skip "cgroup" "needs root"; exit 0; }

held() { # JQ...: a started container that waits
	new_bundle "$@"
	with_args /bin/sleep 100
	ct_create && ct_start
}
file() { # CONTROLLER FILE: of the container PID
	cat "$(cgroup_dir "$PID" "$1")/$2" 2>/dev/null
}
says() { # NAME TEXT CMD...: fails with status 1 and that text
	local name=$1 text=$2
	shift 2
	"$@" >/dev/null 2>"$WORK/err"
	if [ $? -ne 1 ]; then
		fail "$name" "no status 1"
	else
		like "$name" "$(<"$WORK/err")" "*$text*"
	fi
}

pausing() {
	held
	ok "pause" rt pause "$ID"
	is "pause: status" "$(status_of "$ID")" paused
	says "pause: a paused one" "paused: container not running" rt pause "$ID"
	ok "resume" rt resume "$ID"
	is "resume: status" "$(status_of "$ID")" running
	says "resume: a running one" "running: container not paused" rt resume "$ID"
	rt pause "$ID"
	ok "delete --force of a paused one" ct_delete --force
	ok "pause: nothing is left" clean_of "$ID" "$BUNDLE"
	if [ -d "/sys/fs/cgroup/freezer$CG" ]; then
		held
		mkdir "/sys/fs/cgroup/freezer$CG/theirs"
		echo "$PID" >"/sys/fs/cgroup/freezer$CG/theirs/cgroup.procs"
		echo FROZEN >"/sys/fs/cgroup/freezer$CG/theirs/freezer.state"
		ok "delete --force of one that somebody has frozen in another cgroup" ct_delete --force
		ok "nothing is left of it" clean_of "$ID" "$BUNDLE"
	else
		skip "delete --force of one that somebody has frozen in another cgroup" "no v1 freezer, and v2's lets a killed one die"
	fi
}

updating() {
	held '.linux.resources = {memory: {limit: 67108864}, cpu: {shares: 512}, pids: {limit: 50}}'
	if [ -z "$PID" ] || ! file memory memory.limit_in_bytes >"$WORK/out"; then
		skip "update" "the memory controller is not one of cgroup v1"
		return
	fi
	ok "update: options" rt update --memory 32m --memory-swap 48m --pids-limit 77 --cpu-share 1024 "$ID"
	is "update: memory" "$(file memory memory.limit_in_bytes)" 33554432
	is "update: memory and swap" "$(file memory memory.memsw.limit_in_bytes)" 50331648
	is "update: pids" "$(file pids pids.max)" 77
	is "update: shares" "$(file cpu cpu.shares)" 1024
	ok "update: above the former swap limit" rt update --memory 256m --memory-swap 512m "$ID"
	is "update: raised" "$(file memory memory.memsw.limit_in_bytes)" 536870912
	is "update: the others stay" "$(file pids pids.max)" 77
	echo '{"memory":{"limit":134217728},"cpu":{"shares":2048,"cpus":"9999"},"pids":{"limit":5}}' >"$WORK/resources"
	says "update: one that is refused" "linux.resources.cpu.cpus" rt update --resources "$WORK/resources" "$ID"
	is "update: memory is put back" "$(file memory memory.limit_in_bytes)" 268435456
	is "update: shares are put back" "$(file cpu cpu.shares)" 1024
	is "update: pids were not reached or are put back" "$(file pids pids.max)" 77
	says "update: a bad size" "--memory: " rt update --memory 1xx "$ID"
	ct_drop
}

devices() {
	held '.linux.resources = {devices: [{allow: false, access: "rwm"}]}'
	local list
	if ! list=$(file devices devices.list) || [ -z "$list" ]; then
		skip "update: devices" "the devices controller is not one of cgroup v1"
		return
	fi
	ok "update: a device" rt update --resources - "$ID" \
		<<<'{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":229,"access":"rw"}]}'
	is "update: nothing but that device" "$(file devices devices.list)" "$list"$'\n'"c 10:229 rw"
	ok "update: without devices" rt update --pids-limit 70 "$ID"
	like "update: the device stays" "$(file devices devices.list)" "*c 10:229 rw"
	says "update: a part of a range" "linux.resources.devices?2?: " rt update --resources - "$ID" \
		<<<'{"devices":[{"allow":false},{"allow":true,"type":"c","major":7},{"allow":false,"type":"c","major":7,"minor":1}]}'
	ct_drop
}

others() {
	held
	local first=$ID first_pid=$PID first_bundle=$BUNDLE
	new_bundle ".linux.cgroupsPath = \"$CG_UNDER$first\""
	with_args /bin/true
	ct_run
	is "another's cgroup: refused" "$RC" 1
	like "another's cgroup: named" "$(<"$WORK/err")" "*linux.cgroupsPath: container's cgroup is not empty: *has processes already*"
	ok "another's cgroup: its processes live" test -d "/proc/$first_pid"
	is "another's cgroup: its container runs" "$(status_of "$first")" running
	ID=$first BUNDLE=$first_bundle
	ct_drop
}

frozen() { # made by another, and frozen before anybody is in it
	local dir=/sys/fs/cgroup/freezer$CG/frozen
	[ -d /sys/fs/cgroup/freezer ] || { skip "a frozen cgroup" "no v1 freezer"; return; }
	mkdir -p "$dir" && echo FROZEN >"$dir/freezer.state"
	new_bundle ".linux.cgroupsPath = \"${CG_UNDER}frozen\""
	with_args /bin/true
	ct_run
	is "a frozen cgroup: refused" "$RC" 1
	like "a frozen cgroup: named" "$(<"$WORK/err")" "*linux.cgroupsPath: *unexpectedly frozen*$dir*"
	ok "a frozen cgroup: left as it was" rmdir "$dir"
}

# exec --cgroup [CONTROLLER[,CONTROLLER]:]PATH, as runc has it.
below() {
	held
	local own
	own=$(cgroup_dir "$PID" memory) && [ ! -e "$own/cgroup.controllers" ] ||
		{ skip "exec --cgroup" "the memory controller is not one of cgroup v1 (v2.t has the other)"; return; }
	local cpu pids
	cpu=$(cgroup_dir "$PID" cpu) pids=$(cgroup_dir "$PID" pids)
	mkdir "$own/m" "$cpu/c" "$cpu/both" "$pids/both"
	in_cgroups() { # ARGUMENT...: the cgroups of an exec, without what all have in common
		rt exec "$@" "$ID" cat /proc/self/cgroup 2>"$WORK/err" | sed "s|:/.*/$ID|:|" | grep -E ":(memory|cpu|cpu,cpuacct|pids|freezer):" |
			sed -E 's/^[0-9]+://; s/cpu,cpuacct/cpu/' | sort | xargs
	}
	is "exec --cgroup: none, the container's own" "$(in_cgroups)" "cpu: freezer: memory: pids:"
	is "exec --cgroup /: the same" "$(in_cgroups --cgroup /)" "cpu: freezer: memory: pids:"
	is "exec --cgroup: of controllers, the container's own for the others" \
		"$(in_cgroups --cgroup memory:m --cgroup cpu:/c)" "cpu:/c freezer: memory:/m pids:"
	is "exec --cgroup: of a list of controllers" "$(in_cgroups --cgroup cpu,pids:both)" "cpu:/both freezer: memory: pids:/both"
	is "exec --cgroup: a path alone, where it exists" "$(in_cgroups --cgroup both)" "cpu:/both freezer: memory: pids:/both"
	local arguments text
	while IFS='|' read -r arguments text; do
		# shellcheck disable=SC2086
		rt exec $arguments "$ID" true 2>"$WORK/err"
		is "exec $arguments: refused" $? 255
		like "exec $arguments: named" "$(<"$WORK/err")" "*--cgroup: $text*"
	done <<-END
		--cgroup none|adding pid to /sys/fs/cgroup/*/none/cgroup.procs: no such file
		--cgroup memory:both|adding pid to $own/both/cgroup.procs: no such file
		--cgroup nothing:both|unknown controller 'nothing'
		--cgroup ..|.. is not a sub cgroup path
		--cgroup memory:../x|../x is not a sub cgroup path
		--cgroup memory:m --cgroup c|'c' needs a CONTROLLER:
	END
	ct_drop
}

counting() {
	held
	is "ps: the container's processes" "$(rt ps --format json "$ID" 2>"$WORK/err")" "[$PID]"
	like "ps: a table with its options" "$(rt ps "$ID" -o pid,args 2>"$WORK/err")" "*PID*$PID*sleep 100"
	is "events --stats: type, id, pids" \
		"$(rt events --stats "$ID" 2>"$WORK/err" | jq -c '[.type, .id, .data.pids.current]')" "[\"stats\",\"$ID\",1]"
	rt events --interval 100ms "$ID" >"$WORK/events" 2>"$WORK/err" &
	wait_text "$WORK/events" '"stats"'
	ct_drop
	wait $!
	is "events: end with the container" $? 0
	says "events: none of an unknown one" "does not exist" rt events --stats "$ID"
}

memory() {
	new_bundle '.linux.resources = {memory: {limit: 16777216, swap: 16777216}}'
	with_args /bin/sh -c 'while test ! -e /go; do sleep 0.02; done; dd if=/dev/zero of=/dev/null bs=64M count=1; sleep 0.2'
	if ! ct_create || ! file memory memory.oom_control >"$WORK/out"; then
		skip "events: out of memory" "the memory controller is not one of cgroup v1"
		return
	fi
	rt events --interval 1h "$ID" >"$WORK/events" 2>"$WORK/err" &
	local events=$!
	ct_start
	sleep 0.2 # until events waits
	: >"$ROOTFS/go"
	wait $events
	is "events: out of memory" "$(head -n 1 "$WORK/events")" "{\"type\":\"oom\",\"id\":\"$ID\"}"
	ct_drop
}

# Beside v1, the v2 hierarchy may lack what a limit needs.
v2_inside() {
	mount -t cgroup2 none /sys/fs/cgroup || { skip "v2: a missing controller is named" "cgroup2 can't be mounted"; return; }
	new_bundle '.linux.resources = {memory: {limit: 1048576}}'
	if grep -qw memory /sys/fs/cgroup/cgroup.controllers; then
		skip "v2: a missing controller is named" "memory is there"
	else
		with_args /bin/true
		ct_run
		like "v2: a missing controller is named" "$(<"$WORK/err")" "*linux.resources.memory.limit: *memory*not available*"
	fi
}

if [ "${1:-}" = --v2 ]; then
	v2_inside
	exit 0
fi
pausing
updating
devices
others
frozen
below
counting
memory
unshare -m --propagation private bash "$0" --v2
