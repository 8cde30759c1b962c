#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The systemd cgroup driver: units, their properties, what survives a daemon-reload, and how units end.
# Arguments: groups of tests (functions below) instead of all. SYSTEMD_PARALLEL (24): containers of the test of many at once.
case " ${GREFFON_TEST_ARGS:-} " in
*" --systemd-cgroup "*) ;;
*) export GREFFON_TEST_ARGS="${GREFFON_TEST_ARGS:-} --systemd-cgroup" ;;
esac
. "$(dirname "$0")/../lib/lib.sh"

if [ ! -d /run/systemd/system ]; then
	skip "systemd driver" "systemd is not process 1"
	new_bundle
	with_args /bin/true
	ct_run
	like "without systemd: one line says what to do" "$(<"$WORK/err")" "*--systemd-cgroup*--cgroup-manager cgroupfs"
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	skip "systemd driver" "these are the tests of root; rootless.t has the user's"
	exit 0
fi

plain() { # the runtime as callers use it later, without the driver's flag
	timeout --foreground -k 2 30 "${lib_runtime[0]}" --root "$STATE" "$@"
}

prop() { systemctl show "$1" -p "$2" --value; } # UNIT PROPERTY

file() { cat "/sys/fs/cgroup$CG/$UNIT/$1"; } # of the container's cgroup

held() { # JQ...: a created container whose unit is UNIT
	new_bundle "$@"
	[ ${#lib_args[@]} -gt 0 ] || with_args /bin/sh -c 'trap "exit 0" TERM; while :; do sleep 0.1; done'
	UNIT=t-$ID.scope
	ct_create
}

no_unit() { # UNIT: not even one that failed
	[ -z "$(systemctl list-units --all --no-legend --plain "$1")" ]
}

limits() {
	held '.linux.resources = {memory: {limit: 67108864, reservation: 33554432, swap: 67108864},
		cpu: {shares: 512, quota: 25500, period: 100000, cpus: "0", mems: "0"}, pids: {limit: 50},
		unified: {"memory.high": "60000000"}}'
	is "limits: in the files" "$(file memory.max) $(file memory.low) $(file memory.high) $(file memory.swap.max) \
$(file cpu.max) $(file cpu.weight) $(file pids.max) $(file cpuset.cpus)" \
		"67108864 33554432 $((60000000 / 4096 * 4096)) 0 25500 100000 59 50 0"
	is "limits: in the unit" "$(prop "$UNIT" MemoryMax) $(prop "$UNIT" MemoryLow) $(prop "$UNIT" MemorySwapMax) \
$(prop "$UNIT" CPUQuotaPerSecUSec) $(prop "$UNIT" CPUWeight) $(prop "$UNIT" TasksMax) $(prop "$UNIT" AllowedCPUs)" \
		"67108864 33554432 0 260ms 59 50 0"
	is "unit: its place" "$(prop "$UNIT" Slice) $(prop "$UNIT" ControlGroup)" "${CG#/} $CG/$UNIT"
	is "unit: delegated" "$(prop "$UNIT" Delegate)" yes
	systemctl daemon-reload
	is "limits: after a daemon-reload" "$(file memory.max) $(file memory.low) $(file memory.swap.max) $(file cpu.weight) \
$(file pids.max) $(file cpuset.cpus)" "67108864 33554432 0 59 50 0"
	like "limits: the quota after a daemon-reload" "$(file cpu.max)" "2[56]?00 100000"
	ok "update" plain update --memory 33554432 --memory-swap -1 --cpu-quota 50000 --pids-limit 60 "$ID"
	is "update: in the files" "$(file memory.max) $(file memory.swap.max) $(file cpu.max) $(file pids.max)" \
		"33554432 max 50000 100000 60"
	is "update: in the unit" "$(prop "$UNIT" MemoryMax) $(prop "$UNIT" CPUQuotaPerSecUSec) $(prop "$UNIT" TasksMax)" \
		"33554432 500ms 60"
	systemctl daemon-reload
	is "update: after a daemon-reload" "$(file memory.max) $(file cpu.max) $(file pids.max)" "33554432 50000 100000 60"
	ct_drop
	ok "delete: no unit is left" no_unit "$UNIT"
	ok "delete: nothing is left" clean_of "$ID" "$BUNDLE"
}

# A node without a driver: ENXIO where the rules allow it, EPERM where they don't.
opens() { # MINOR
	rt exec "$ID" /bin/sh -c "exec 3</tmp/gpu$1" 2>&1 | grep -oE 'No such device or address|Operation not permitted'
}

gpu() { # held with the device rules $1
	held ".linux.resources = {devices: $1}"
	ct_start
	rt exec "$ID" /bin/sh -c 'for i in 0 1 2; do mknod /tmp/gpu$i c 195 $i; done' >/dev/null 2>&1
}

devices() {
	gpu '[{allow: false, access: "rwm"}, {allow: true, type: "c", major: 195, minor: 0, access: "rw"}]'
	is "devices: the allowed one" "$(opens 0)" "No such device or address"
	is "devices: another" "$(opens 1)" "Operation not permitted"
	is "devices: in the unit" "$(prop "$UNIT" DevicePolicy)" strict
	systemctl daemon-reload
	is "devices: the allowed one after a daemon-reload" "$(opens 0)" "No such device or address"
	is "devices: another after a daemon-reload" "$(opens 1)" "Operation not permitted"
	plain update --pids-limit 100 "$ID"
	is "devices: the allowed one after an update of something else" "$(opens 0)" "No such device or address"
	ok "devices: update" plain update --resources - "$ID" \
		<<<'{"devices":[{"allow":false},{"allow":true,"type":"c","major":195,"minor":1,"access":"rw"}]}'
	is "devices: the new one" "$(opens 1)" "No such device or address"
	is "devices: no more the old one" "$(opens 0)" "Operation not permitted"
	systemctl daemon-reload
	is "devices: the new one after a daemon-reload" "$(opens 1)" "No such device or address"
	is "devices: no more the old one after a daemon-reload" "$(opens 0)" "Operation not permitted"
	ct_drop
}

# What DeviceAllow can't say.
devices_by_program() {
	gpu '[{allow: false}, {allow: true, type: "c", major: 195}, {allow: false, type: "c", major: 195, minor: 1}]'
	is "device program: the allowed one" "$(opens 0)" "No such device or address"
	is "device program: the excepted one" "$(opens 1)" "Operation not permitted"
	systemctl daemon-reload
	is "device program: the allowed one after a daemon-reload" "$(opens 0)" "No such device or address"
	is "device program: the excepted one after a daemon-reload" "$(opens 1)" "Operation not permitted"
	ok "device program: update to a list" plain update --resources - "$ID" \
		<<<'{"devices":[{"allow":false},{"allow":true,"type":"c","major":195,"minor":1,"access":"rw"}]}'
	is "device program: the new one" "$(opens 1)" "No such device or address"
	is "device program: no more the old one" "$(opens 0)" "Operation not permitted"
	ct_drop
}

names() {
	local path unit
	while read -r path unit; do
		new_bundle
		set_config ".linux.cgroupsPath = \"${path/ID/$ID}\""
		with_args /bin/sleep 100
		ct_create
		unit=${unit/ID/$ID}
		is "name: $path" "$(systemctl is-active "$unit")" active
		is "name: $path: its process" "$(cat "/sys/fs/cgroup$(prop "$unit" ControlGroup)/cgroup.procs")" "$PID"
		ct_drop
		ok "name: $path: gone" no_unit "$unit"
	done <<-END
		:lib:ID lib-ID.scope
		${CG#/}::ID ID.scope
		${CG#/}:ID ID.scope
		$(basename "$CG" .slice)-pod7.slice:cri:ID cri-ID.scope
	END
}

slices() {
	local slice
	slice=$(basename "$CG" .slice)-s.slice
	new_bundle ".linux.cgroupsPath = \"${CG#/}:x:$slice\""
	with_args /bin/sleep 100
	ct_create
	is "slice: its process" "$(cat "/sys/fs/cgroup$CG/$slice/cgroup.procs")" "$PID"
	ct_drop
	is "slice: stopped" "$(systemctl is-active "$slice")" inactive
}

refusals() {
	refuses "refused: a path" '.linux.cgroupsPath = "/a/b"'
	refuses "refused: a slice of nothing" '.linux.cgroupsPath = "a--b.slice:x:y"'
	refuses "refused: a property that runs something" '.annotations = {"org.systemd.property.ExecStart": "@as []"}'
	refuses "refused: a sub-cgroup elsewhere" '.annotations = {"run.oci.systemd.subgroup": "../x"}'
	held
	local first=$ID first_bundle=$BUNDLE first_pid=$PID
	new_bundle ".linux.cgroupsPath = \"$CG_UNDER$first\""
	ct_create
	is "another's unit: refused" $? 1
	like "another's unit: named" "$(<"$WORK/err")" "*linux.cgroupsPath: *another container*"
	is "another's unit: lives" "$(systemctl is-active "t-$first.scope") $(proc_state "$first_pid")" "active S"
	ID=$first BUNDLE=$first_bundle
	ct_drop
}

annotations() {
	held '.annotations = {"org.systemd.property.TimeoutStopSec": "7", "org.systemd.property.CollectMode": "'"'inactive'"'",
		"org.systemd.property.After": "['"'a.service'"']"}'
	is "annotations" "$(prop "$UNIT" TimeoutStopUSec) $(prop "$UNIT" CollectMode)" "7s inactive"
	like "annotations: a list" "$(prop "$UNIT" After)" "*a.service*"
	ct_drop
	ok "annotations: gone" no_unit "$UNIT"
}

subgroup() {
	held '.annotations = {"run.oci.systemd.subgroup": "payload"} | .linux.resources = {memory: {limit: 50331648}}'
	is "sub-cgroup: the process" "$(cat "/sys/fs/cgroup$CG/$UNIT/payload/cgroup.procs")" "$PID"
	is "sub-cgroup: limits in both" "$(file memory.max) $(file payload/memory.max)" "50331648 50331648"
	ct_start
	is "sub-cgroup: exec is there too" "$(rt exec "$ID" /bin/sh -c 'cat /proc/self/cgroup')" "0::$CG/$UNIT/payload"
	ct_drop
	ok "sub-cgroup: gone" clean_of "$ID" "$BUNDLE"
	ok "sub-cgroup: no unit is left" no_unit "$UNIT"
}

# All later commands come without the flag.
remembered() {
	held
	ok "remembered: start" plain start "$ID"
	ok "remembered: pause" plain pause "$ID"
	is "remembered: paused" "$(status_of "$ID") $(file cgroup.freeze)" "paused 1"
	ok "remembered: resume" plain resume "$ID"
	is "remembered: ps" "$(plain ps --format json "$ID" | jq "index($PID) != null")" true
	is "remembered: exec" "$(plain exec "$ID" /bin/sh -c 'cat /proc/self/cgroup')" "0::$CG/$UNIT"
	ok "remembered: kill" plain kill "$ID" KILL
	wait_gone "$PID"
	ok "remembered: delete" plain delete "$ID"
	ok "remembered: no unit is left" no_unit "$UNIT"
	ok "remembered: nothing is left" clean_of "$ID" "$BUNDLE"
}

ends() {
	held
	ct_start
	wait_text "/proc/$PID/cmdline" "trap"
	sleep 0.5 # until the trap is set
	ok "stop: systemctl ends the container" timeout 30 systemctl stop "$UNIT"
	is "stop: it is stopped" "$(status_of "$ID")" stopped
	ok "stop: delete" ct_delete
	held '.annotations = {"org.systemd.property.TimeoutStopUSec": "uint64 500000"}'
	ok "stop: one that does not start yet is killed" timeout 30 systemctl stop "$UNIT"
	is "stop: it is stopped too" "$(status_of "$ID")" stopped
	ok "stop: delete of that" ct_delete
	ok "stop: no unit is left" no_unit "$UNIT"
	new_bundle
	UNIT=t-$ID.scope
	run_sh 'exit 7'
	is "run: status" "$RC" 7
	ok "run: no unit is left" no_unit "$UNIT"
	new_bundle '.linux.resources = {pids: {limit: 1}}'
	with_args /bin/sleep 100
	UNIT=t-$ID.scope
	ok "a limit of one task leaves room for init" ct_create
	is "a limit of one task" "$(file pids.max) $(file pids.current) $(prop "$UNIT" TasksMax)" "1 1 1"
	ct_drop
	new_bundle '.hooks = {createRuntime: [{path: "/bin/false"}]}'
	UNIT=t-$ID.scope
	ct_create
	refused "a failed create" $?
	ok "a failed create leaves no unit" no_unit "$UNIT"
}

# What is on its way when the runtime is killed ends by itself, or by delete.
killed() {
	local delay
	for delay in 0.05 0.2 0.4; do
		new_bundle
		with_args /bin/sleep 100
		UNIT=t-$ID.scope
		write_config
		lib_live[$ID]=1
		"${lib_runtime[@]}" --root "$STATE" create --bundle "$BUNDLE" "$ID" >/dev/null 2>&1 </dev/null &
		local pid=$!
		sleep $delay
		kill -KILL $pid 2>/dev/null
		wait $pid 2>/dev/null
		ok "killed after $delay s: delete" ct_delete --force
		ok "killed after $delay s: no unit is left" wait_for no_unit "$UNIT"
		ok "killed after $delay s: nothing is left" clean_of "$ID" "$BUNDLE"
	done
}

helper() {
	new_bundle
	with_args /bin/true
	GREFFON_SYSTEMD_HELPER=$WORK/none ct_run
	like "helper: missing" "$(<"$WORK/err")" "*helper '$WORK/none'*--cgroup-manager cgroupfs*"
	cp "$GREFFON_SYSTEMD_HELPER" "$WORK/loose"
	chmod 777 "$WORK/loose"
	new_bundle
	with_args /bin/true
	GREFFON_SYSTEMD_HELPER=$WORK/loose ct_run
	like "helper: one that others may write to" "$(<"$WORK/err")" "*helper '$WORK/loose'*nobody else*"
	is "helper: by hand" "$("$GREFFON_SYSTEMD_HELPER" system 2>&1 </dev/null)" "greffon-systemd: started by greffon, not by hand"
}

one_of_many() { # N
	local id=p$1-${WORK##*-}
	rt create --bundle "$BUNDLE.$1" "$id" >/dev/null 2>>"$WORK/many" </dev/null &&
		rt start "$id" 2>>"$WORK/many" && rt delete --force "$id" 2>>"$WORK/many"
}

many() {
	local n=${SYSTEMD_PARALLEL:-24} i w workers=()
	new_bundle
	with_args /bin/sleep 100
	for ((i = 0; i < n; i++)); do
		mkdir "$BUNDLE.$i"
		ln -s "$ROOTFS" "$BUNDLE.$i/rootfs"
		ID=p$i-${WORK##*-}
		BUNDLE=$BUNDLE.$i write_config
	done
	: >"$WORK/many"
	for ((w = 0; w < 8; w++)); do
		(for ((i = w; i < n; i += 8)); do one_of_many $i; done) &
		workers+=($!)
	done
	wait "${workers[@]}"
	is "$n by 8 processes: no message" "$(<"$WORK/many")" ""
	ok "$n by 8 processes: no unit is left" wait_for no_unit "t-p*-${WORK##*-}.scope"
	is "$n by 8 processes: no cgroup is left" "$(find "/sys/fs/cgroup$CG" -name '*.scope' 2>/dev/null)" ""
	is "$n by 8 processes: no state is left" "$(find "$STATE" -mindepth 1 -maxdepth 1 ! -name '.cache')" ""
	is "$n by 8 processes: no mount is left" "$(grep -F " $WORK/" /proc/self/mountinfo)" ""
}

[ $# -gt 0 ] || set -- limits devices devices_by_program names slices refusals annotations subgroup remembered ends \
	killed helper many
for group; do
	$group
done
