#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A container where cgroup v2 is all there is: its place, limits inside and outside, who owns what, the rules of v2
# (threads, no internal processes), exec beside an init that moved, devices, statistics. On a host with v1 a private
# view of its v2 hierarchy serves, with the controllers that v1 left over.
if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] && [ "${1:-}" != view ]; then
	exec unshare -m --propagation private "$BASH" "$0" view
fi
. "$(dirname "$0")/../lib/lib.sh"

[ "$(id -u)" = 0 ] || { skip "v2" "needs root"; exit 0; }
[ -z "$lib_systemd" ] || { skip "v2" "the systemd driver has slices and units"; exit 0; }
if [ "${1:-}" = view ]; then
	mount -t cgroup2 none /sys/fs/cgroup || { skip "v2" "cgroup2 can't be mounted"; exit 0; }
fi
TOP=/sys/fs/cgroup$CG
mkdir -p "$TOP"

held() { # JQ...: a started container that waits
	new_bundle "$@"
	with_args /bin/sleep 100
	ct_create && ct_start
}
own_of_exec() { rt exec "$@" "$ID" cat /proc/self/cgroup 2>"$WORK/err" | grep ^0::; } # [OPTION...]
file() { cat "$TOP/$ID/$1" 2>/dev/null; }
needs() { # NAME CONTROLLER...: skips the test where one is missing
	local name=$1 c
	shift
	for c; do
		grep -qw "$c" /sys/fs/cgroup/cgroup.controllers && continue
		skip "$name" "cgroup v2 has no $c controller here"
		return 1
	done
}
cgns='.linux.namespaces += [{type: "cgroup"}]'
mounted() { # OPTION...: the filter for a mount of the cgroup
	jq -nc --args '$ARGS.positional' "$@" |
		sed 's/.*/.mounts += [{destination: "\/sys\/fs\/cgroup", type: "cgroup", source: "cgroup", options: &}]/'
}
userns='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
	.linux.gidMappings = .linux.uidMappings'
# A controller that no thread has for itself, and a limit of it.
domain=memory limit='.linux.resources = {memory: {limit: 67108864}}'
if ! grep -qw memory /sys/fs/cgroup/cgroup.controllers; then
	domain=hugetlb limit='.linux.resources = {hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}'
fi
refusal() { # NAME TEXT: create of the bundle fails with that text, and leaves nothing
	local rc
	ct_create
	rc=$?
	like "$1: named" "$(<"$WORK/err")" "$2"
	refused "$1" $rc
}

places() {
	new_bundle
	with_args /bin/sleep 100
	write_config
	lib_live[$ID]=1
	if command -v strace >/dev/null; then
		bg strace -f -qq -e trace=clone3,openat -o "$WORK/trace" "${lib_runtime[@]}" --root "$STATE" create -b "$BUNDLE" \
			--pid-file "$BUNDLE/pid" "$ID" >/dev/null 2>"$WORK/err"
		wait_for test -s "$BUNDLE/pid"
		PID=$(<"$BUNDLE/pid")
		like "init is born in its cgroup" "$(grep clone3 "$WORK/trace")" "*CLONE_INTO_CGROUP*"
		ok "nobody is moved" not grep -q cgroup.procs.*O_WRONLY "$WORK/trace"
	else
		skip "init is born in its cgroup" "strace is not installed"
		ct_create
	fi
	is "its own cgroup" "$(sed -n 's/^0:://p' "/proc/$PID/cgroup")" "$CG/$ID"
	ct_drop
	ok "nothing is left" test ! -e "$TOP/$ID"
	held '.linux.cgroupsPath = "\($ENV.CG)/a/b/\($ENV.ID)"'
	is "all controllers come down the path" "$(cat "$TOP/a/b/$ID/cgroup.controllers")" \
		"$(cat /sys/fs/cgroup/cgroup.controllers)"
	is "and stop at the container" "$(cat "$TOP/a/b/$ID/cgroup.subtree_control")" ""
	ct_drop
}

# NAME FILE VALUE: outside, and in the container's own view of it
seen() {
	is "$1: written" "$(file "$2")" "$3"
	is "$1: seen inside" "$(rt exec "$ID" cat "/sys/fs/cgroup/$2" 2>"$WORK/err")" "$3"
}

limits() {
	local disk
	if needs "limits" memory pids cpu cpuset; then
		held "$cgns" "$(mounted ro nosuid noexec nodev)" '.linux.resources = {
			memory: {limit: 67108864, reservation: 33554432, swap: 100663296}, pids: {limit: 77},
			cpu: {shares: 1024, quota: 40000, period: 80000, cpus: "0", mems: "0"},
			unified: {"memory.high": "60000000", "pids.max": "78"}}'
		seen "memory.limit" memory.max 67108864
		seen "memory.reservation" memory.low 33554432
		seen "memory.swap" memory.swap.max 33554432
		seen "pids.limit, and unified after it" pids.max 78
		seen "unified" memory.high 59998208
		seen "cpu.quota and period" cpu.max "40000 80000"
		seen "cpu.shares" cpu.weight 100
		seen "cpu.cpus" cpuset.cpus 0
		seen "cpu.mems" cpuset.mems.effective 0
		is "cpu.cpus: nproc inside" "$(rt exec "$ID" nproc 2>"$WORK/err")" 1
		updates
		ct_drop
	fi
	disk=$(lsblk -dnro MAJ:MIN,TYPE 2>/dev/null | awk '$2 == "disk" { print $1; exit }')
	needs "io" io || return
	[ -n "$disk" ] || { skip "io" "no disk"; return; }
	held "$cgns" "$(mounted ro)" ".linux.resources.blockIO = ({major: ${disk%:*}, minor: ${disk#*:}} |
		{throttleReadBpsDevice: [. + {rate: 1048576}], throttleWriteBpsDevice: [. + {rate: 2097152}],
		throttleReadIOPSDevice: [. + {rate: 300}], throttleWriteIOPSDevice: [. + {rate: 400}]})"
	seen "blockIO.throttle*" io.max "$disk rbps=1048576 wbps=2097152 riops=300 wiops=400"
	ct_drop
	if [ -z "${GREFFON_VM:-}" ] || ! echo "$disk enable=1" >/sys/fs/cgroup/io.cost.qos; then
		skip "blockIO.weightDevice" "weights are to be enabled for a disk, which is for the test VM"
		return
	fi 2>/dev/null
	held ".linux.resources.blockIO = {weight: 100, weightDevice: [{major: ${disk%:*}, minor: ${disk#*:}, weight: 1000}]}"
	like "blockIO.weightDevice" "$(file io.bfq.weight) $(file io.weight)" "*default @(100|910)*$disk 1000*"
	ct_drop
	echo "$disk enable=0" >/sys/fs/cgroup/io.cost.qos
}

# A device of our own, where a kernel module and a machine of our own may be had.
soft_roce() {
	[ -n "${GREFFON_VM:-}" ] || { skip "rdma" "no test VM, no Soft-RoCE"; return; }
	needs "rdma" rdma || return
	modprobe rdma_rxe
	ip link add "rx${WORK##*-}" type dummy && ip link set "rx${WORK##*-}" up &&
		rdma link add "rxe_${WORK##*-}" type rxe netdev "rx${WORK##*-}"
	held "$cgns" "$(mounted ro)" ".linux.resources.rdma = {\"rxe_${WORK##*-}\": {hcaHandles: 3, hcaObjects: 1000}}"
	seen "rdma" rdma.max "rxe_${WORK##*-} hca_handle=3 hca_object=1000 "
	is "rdma: statistics" "$(rt events --stats "$ID" | jq -c '.data.rdma.rdma_limit[0] | [.device, .hca_handles, .hca_objects]')" \
		"[\"rxe_${WORK##*-}\",3,1000]"
	ct_drop
	rdma link delete "rxe_${WORK##*-}"
	ip link delete "rx${WORK##*-}"
}

updates() {
	ok "update" rt update --memory 128m --memory-swap 160m --pids-limit 50 --cpu-quota 20000 "$ID"
	is "update: memory, swap, pids, cpu" "$(file memory.max) $(file memory.swap.max) $(file pids.max) $(file cpu.max)" \
		"134217728 33554432 50 20000 80000"
	echo '{"memory":{"limit":268435456},"cpu":{"shares":2048,"cpus":"9999"},"pids":{"limit":5}}' |
		rt update --resources - "$ID" >/dev/null 2>"$WORK/err"
	like "update: one that is refused is named" "$(<"$WORK/err")" "*linux.resources.cpu.cpus*"
	is "update: the others are put back" "$(file memory.max) $(file pids.max) $(file cpu.weight)" "134217728 50 100"
}

# The files that a cgroup's owner gets are those that the kernel lists; the limits stay the runtime's.
owners() {
	local wanted f
	new_bundle "$cgns" "$userns" "$(mounted rw)"
	chown -R 100000:100000 "$ROOTFS"
	chmod 755 "$BUNDLE"
	with_args /bin/sh -c 'cd /sys/fs/cgroup && mkdir in && echo 1 >in/cgroup.procs && echo made >/tmp/made; sleep 100'
	ct_create && ct_start
	ok "owner: makes a cgroup and moves there" wait_text "$ROOTFS/tmp/made" made
	wanted=$(for f in . $(cat /sys/kernel/cgroup/delegate); do [ ! -e "$TOP/$ID/$f" ] || echo "$f"; done | sort | xargs)
	is "owner: of the directory and the files that the kernel lists" \
		"$(cd "$TOP/$ID" && find . -maxdepth 1 \( -name . -o -type f \) -user 100000 | sed 's|^\./||' | sort | xargs)" "$wanted"
	is "owner: exec stays where it can" "$(own_of_exec)" "0::/"
	ct_drop
	ok "owner: what it made goes with it" test ! -e "$TOP/$ID"
	not_owner "with a read-only mount" "$cgns" "$(mounted ro)"
	not_owner "without a cgroup namespace" "$(mounted rw)"
	not_owner "without a mount" "$cgns"
}
not_owner() { # NAME JQ...
	local name=$1
	shift
	new_bundle "$userns" "$@"
	chown -R 100000:100000 "$ROOTFS"
	chmod 755 "$BUNDLE"
	with_args /bin/sleep 100
	ct_create
	is "owner: the runtime's $name" "$(stat -c %u "$TOP/$ID")" 0
	ct_drop
}

views() {
	new_bundle "$cgns" "$(mounted ro)"
	run_sh 'grep ^0:: /proc/self/cgroup; mkdir /sys/fs/cgroup/x 2>/dev/null || echo ro; head -n 1 /sys/fs/cgroup/cgroup.procs'
	is "view: a namespace of its own, read-only" "$(xargs <<<"$OUT")" "0::/ ro 1"
	new_bundle "$cgns" "$(mounted rw)"
	run_sh 'mkdir /sys/fs/cgroup/x && rmdir /sys/fs/cgroup/x && echo rw'
	is "view: writable" "$OUT" rw
	new_bundle "$(mounted ro)"
	run_sh 'cat /sys/fs/cgroup/cgroup.type; grep -c . /sys/fs/cgroup/cgroup.procs; mkdir /sys/fs/cgroup/x 2>/dev/null || echo ro'
	is "view: without a namespace the container's own cgroup all the same" "$(xargs <<<"$OUT")" "domain 2 ro"
	new_bundle "$(mounted rw | sed 's/type: "cgroup"/type: "cgroup2"/')"
	run_sh 'mkdir /sys/fs/cgroup/x && echo rw; ls /sys/fs/cgroup/..'
	like "view: the same for type cgroup2" "$OUT" "rw*"
	new_bundle "$cgns" "$userns" "$(mounted ro)"
	chown -R 100000:100000 "$ROOTFS"
	chmod 755 "$BUNDLE"
	run_sh 'head -n 1 /sys/fs/cgroup/cgroup.type'
	is "view: in a user namespace" "$OUT" domain
}

# What systemd in a container does: its own process into a leaf, controllers passed on to its units.
moved() {
	needs "exec beside an init that moved" $domain || return
	new_bundle "$cgns" "$(mounted rw)"
	with_args /bin/sh -c "cd /sys/fs/cgroup; mkdir init.scope other; echo 1 >init.scope/cgroup.procs
		echo +$domain >cgroup.subtree_control && echo ready >/ready; sleep 100"
	ct_create && ct_start
	wait_text "$ROOTFS/ready" ready
	is "exec: goes where init is when the container's own cgroup takes no process" \
		"$(own_of_exec)" "0::/init.scope"
	is "exec: --cgroup is a place of the caller's choice" \
		"$(own_of_exec --cgroup other)" "0::/other"
	rt exec --cgroup / "$ID" true 2>"$WORK/err"
	like "exec: --cgroup that takes no process is refused with the reason" "$(<"$WORK/err")" "*passes controllers on*"
	is "ps: everything below is the container's" "$(rt ps --format json "$ID" | jq length)" \
		"$(cat "$TOP/$ID"/{,init.scope/}cgroup.procs | wc -l)"
	local first=$ID first_bundle=$BUNDLE
	new_bundle ".linux.cgroupsPath = \"$CG/$first\""
	with_args /bin/true
	ct_create
	like "another's cgroup: refused, wherever in it its processes are" "$(<"$WORK/err")" "*linux.cgroupsPath: container's cgroup is not empty: *has processes already*"
	ct_drop
	ID=$first BUNDLE=$first_bundle
	is "another's cgroup: and it runs on" "$(status_of "$ID")" running
	ct_drop
	ok "exec: nothing is left" test ! -e "$TOP/$ID"
}

rules() {
	mkdir "$TOP/busy" "$TOP/root" "$TOP/root/threads"
	bg sleep 1000
	echo $! >"$TOP/busy/cgroup.procs"
	new_bundle '.linux.cgroupsPath = "\($ENV.CG)/busy/\($ENV.ID)"'
	run_sh 'echo runs'
	is "below a cgroup with processes: without limits" "$OUT" runs
	if needs "below a cgroup with processes: no limit can be had" "$domain"; then
		new_bundle "$limit" '.linux.cgroupsPath = "\($ENV.CG)/busy/\($ENV.ID)"'
		refusal "below a cgroup with processes: no limit can be had" \
			"*linux.resources.*'$TOP/busy' does not pass it on: it has processes of its own*"
	fi
	is "below a cgroup with processes: that stays as it was" \
		"$(cat "$TOP/busy/cgroup.type" "$TOP/busy/cgroup.subtree_control" | xargs)" domain
	mkdir "$TOP/frozen" && echo 1 >"$TOP/frozen/cgroup.freeze"
	new_bundle '.linux.cgroupsPath = "\($ENV.CG)/frozen"'
	refusal "in a frozen cgroup" "*linux.cgroupsPath: *unexpectedly frozen*$TOP/frozen*"
	ok "a frozen cgroup: left as it was" rmdir "$TOP/frozen"
	if ! echo threaded >"$TOP/root/threads/cgroup.type"; then
		skip "in a threaded cgroup" "the kernel has none"
		return
	fi
	new_bundle '.linux.cgroupsPath = "\($ENV.CG)/root/threads/\($ENV.ID)"'
	refusal "in a threaded cgroup" "*linux.cgroupsPath: *$TOP/root/threads/$ID*threaded*"
	new_bundle '.linux.cgroupsPath = "\($ENV.CG)/root/\($ENV.ID)"' "$limit"
	refusal "beside a threaded cgroup, with a limit" "*linux.resources.*'$TOP/root' does not pass it on*"
}

killing() {
	held 'del(.linux.namespaces[] | select(.type == "pid"))'
	rt exec -d "$ID" /bin/sh -c 'sleep 200 & sleep 300 & wait' 2>"$WORK/err"
	wait_for test "$(wc -l <"$TOP/$ID/cgroup.procs")" -ge 4
	local pids
	pids=$(<"$TOP/$ID/cgroup.procs")
	ok "kill: delete --force of a container without a pid namespace" ct_delete --force
	for pid in $pids; do
		wait_gone "$pid" && echo "$pid"
	done >"$WORK/gone"
	is "kill: none of its processes is left" "$(<"$WORK/gone")" "$pids"
}

freezing() {
	held
	ok "freeze" rt pause "$ID"
	is "freeze: it is frozen" "$(grep frozen "$TOP/$ID/cgroup.events")" "frozen 1"
	is "freeze: status" "$(status_of "$ID")" paused
	ok "thaw" rt resume "$ID"
	is "thaw: it is thawed" "$(grep frozen "$TOP/$ID/cgroup.events")" "frozen 0"
	rt pause "$ID"
	ok "kill of a paused one" rt kill "$ID" KILL
	ok "kill of a paused one: it dies" wait_gone "$PID"
	ct_drop
}

# The rules of a running container change in one step: what both sets allow never fails meanwhile.
devices() {
	local i rules='{"devices":[{"allow":false},{"allow":true,"type":"c","major":1,"minor":11,"access":"rw"}'
	new_bundle '.linux.resources.devices = [{allow: false}, {allow: true, type: "c", major: 1, minor: 11, access: "rw"}]'
	with_args /bin/sh -c 'mknod /tmp/kmsg c 1 11; mknod /tmp/other c 10 237; true >>/tmp/kmsg && echo ready
		while true; do true >>/tmp/kmsg || echo failed; done'
	ct_create && ct_start
	wait_text "$BUNDLE/out" ready
	is "devices: one that is not allowed" "$(rt exec "$ID" sh -c 'head -c 1 /tmp/other' 2>&1)" \
		"head: /tmp/other: Operation not permitted"
	for ((i = 0; i < 66; i++)); do # the kernel attaches 64 programs to a cgroup at most
		rt update --resources - "$ID" <<<"$rules]}" 2>"$WORK/err" || break
	done
	is "devices: updated many times" $i 66
	is "devices: what is always allowed never fails" "$(sort -u "$BUNDLE/out")" ready
	ok "devices: another one" rt update --resources - "$ID" <<<"$rules"',{"allow":true,"type":"c","major":10,"minor":237,"access":"r"}]}'
	# whether the kernel has such a device is another matter
	ok "devices: it can be opened now" not grep "not permitted" <(rt exec "$ID" sh -c 'head -c 1 /tmp/other >/dev/null' 2>&1)
	ok "devices: none of both" rt update --resources - "$ID" <<<'{"devices":[{"allow":false}]}'
	is "devices: it can't any more" "$(rt exec "$ID" sh -c 'head -c 1 /tmp/other' 2>&1)" \
		"head: /tmp/other: Operation not permitted"
	ct_drop
}

# systemd attaches a program of its own to a unit with a device policy.
devices_of_others() {
	local slice=greffon_test_${WORK##*-}.slice
	if [ "$(cat /proc/1/comm)" != systemd ] || ! systemctl set-property --runtime "$slice" DevicePolicy=strict 2>/dev/null ||
		! systemctl start "$slice"; then
		skip "devices: a program of others stays" "process 1 is not systemd"
		return
	fi
	mkdir -p "/sys/fs/cgroup/$slice"
	new_bundle ".linux.cgroupsPath = \"/$slice\"" '.linux.resources.devices = [{allow: false}, {allow: true}, {allow: false, type: "c", major: 9}]'
	with_args /bin/sleep 100
	ct_create && ct_start
	like "devices: a program of others stays" "$(rt exec "$ID" mknod /tmp/kmsg c 1 11 2>&1)" "*Operation not permitted*"
	ct_drop
	systemctl stop "$slice"
	systemctl revert "$slice" 2>/dev/null
}

statistics() {
	held
	rt events --stats "$ID" >"$WORK/stats" 2>"$WORK/err"
	like "statistics" "$(head -c 30 "$WORK/stats")" '{"type":"stats",*'
	if needs "statistics: of memory" memory; then
		is "statistics: memory.peak, limit" "$(jq -c '.data.memory.usage | [.max >= .usage and .usage > 0, .limit > 1e18]' "$WORK/stats")" \
			"$([ -e "$TOP/$ID/memory.peak" ] && echo '[true,true]' || echo '[false,true]')"
	fi
	if cat "$TOP/$ID/memory.pressure" >/dev/null 2>&1; then
		is "statistics: pressure" "$(jq -c '.data | [.cpu.psi, .memory.psi, .blkio.psi] | map(.some.total >= 0)' "$WORK/stats")" \
			"[true,true,true]"
	else
		skip "statistics: pressure" "the kernel does not count it (psi=1)"
	fi
	if needs "statistics: of tasks and processors" pids cpu; then
		is "statistics: of tasks and processors" "$(jq -c '.data | [.pids.current, .cpu.usage.total > 0]' "$WORK/stats")" "[1,true]"
	fi
	ct_drop
}

out_of_memory() {
	needs "out of memory" memory || return
	new_bundle '.linux.resources = {memory: {limit: 16777216, swap: 16777216}}'
	with_args /bin/sh -c 'while test ! -e /go; do sleep 0.02; done; dd if=/dev/zero of=/dev/null bs=64M count=1; sleep 0.2'
	ct_create
	rt events --interval 1h "$ID" >"$WORK/events" 2>"$WORK/err" &
	local events=$!
	ct_start
	sleep 1 # until events waits
	: >"$ROOTFS/go"
	wait $events
	is "out of memory: an event" "$(head -n 1 "$WORK/events")" "{\"type\":\"oom\",\"id\":\"$ID\"}"
	ct_drop
}

hugetlb() {
	needs "hugetlb" hugetlb || return
	held '.linux.resources = {hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}'
	is "hugetlb: a limit" "$(file hugetlb.2MB.max) $(file hugetlb.2MB.rsvd.max)" "4194304 4194304"
	ok "hugetlb: update" rt update --resources - "$ID" <<<'{"hugepageLimits":[{"pageSize":"2MB","limit":8388608}]}'
	is "hugetlb: the new limit" "$(file hugetlb.2MB.max)" 8388608
	ct_drop
}

unified() {
	new_bundle '.linux.resources.unified = {"nosuch.max": "1"}'
	refusal "unified: a controller that is not there" "*linux.resources.unified.nosuch.max: *'nosuch'*not available*"
	new_bundle '.linux.resources.unified = {"../pids.max": "1"}'
	refusal "unified: a path" "*linux.resources.unified: '../pids.max'*"
	needs "unified: a file" pids || return
	new_bundle '.linux.resources.unified = {"pids.nosuch": "1"}'
	refusal "unified: a file that is not there" "*linux.resources.unified.pids.nosuch: this kernel has no pids.nosuch*"
	new_bundle '.linux.resources.unified = {"pids.max": "many"}'
	refusal "unified: a value" "*linux.resources.unified.pids.max: the kernel refuses 'many'*"
}

shopt -s extglob
places
limits
soft_roce
owners
views
moved
rules
killing
freezing
devices
devices_of_others
statistics
out_of_memory
hugetlb
unified
exit 0
