#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config-linux.md#cgroups-path and the resources, read back from the hierarchies that the machine has.
. "$(dirname "$0")/../lib/lib.sh"

value() { # CONTROLLER V1-FILE V2-FILE: what it holds for the container PID; 1 if there is no such file
	local d
	d=$(cgroup_dir "$PID" "$1") || return 1
	if [ -e "$d/cgroup.controllers" ]; then
		cat "$d/$3" 2>/dev/null
	else
		cat "$d/$2" 2>/dev/null
	fi
}

is_v2() { # CONTROLLER
	local d
	d=$(cgroup_dir "$PID" "$1") && [ -e "$d/cgroup.controllers" ]
}

limit() { # NAME CONTROLLER V1-FILE V1-VALUE V2-FILE V2-VALUE: a dash for a file there is not
	local file=$3 want=$4 got
	if [ -z "$PID" ]; then
		fail "$1" "the container could not be created"
		return
	fi
	if is_v2 "$2"; then
		file=$5 want=$6
	fi
	if [ "$file" = - ] || ! got=$(value "$2" "$3" "$5"); then
		skip "$1" "no $2 controller with $file"
	else
		is "$1" "$got" "$want"
	fi
}

can() { # CONTROLLER V1-FILE V2-FILE: whether a cgroup below the root has such a file
	local d
	for d in /sys/fs/cgroup/"$1" "/sys/fs/cgroup${CG%/*}" /sys/fs/cgroup/unified; do
		if [ -e "$d/cgroup.controllers" ]; then
			grep -qw "$1" "$d/cgroup.controllers" || continue
			[ "$3" != - ] && return 0
		elif [ -d "$d" ] && [ "$d" = "/sys/fs/cgroup/$1" ]; then
			[ "$2" != - ] && probe_file "$d" "$2" && return 0
		fi
	done
	return 1
}

probe_file() { # DIRECTORY FILE: some files only exist below the root
	local rc=1
	mkdir -p "$1$CG-probe"
	[ -e "$1$CG-probe/$2" ] && rc=0
	rmdir "$1$CG-probe"
	return $rc
}

held() { # JQ...: creates a container with these resources
	new_bundle "$@"
	with_args /bin/sleep 100
	ct_create
}

# The directory of PID: in the one cgroup2 hierarchy, or else in that of pids.
home_of() {
	local path
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		path=$(sed -n 's/^0:://p' "/proc/${1:-0}/cgroup" 2>/dev/null) && echo "/sys/fs/cgroup$path"
	elif [ -n "$1" ]; then
		cgroup_dir "$1" pids
	fi
}

absolute() {
	local d place="config-linux.md#cgroups-path: an absolute path is relative to the mount point"
	[ -z "$lib_systemd" ] || { skip "$place" "the systemd driver has slices and units"; return; }
	held '.linux.cgroupsPath = "\($ENV.CG)/deep/er/\($ENV.ID)"'
	for d in memory pids cpu devices; do
		if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
			skip "$place of $d" "cgroup2 alone is mounted"
		else
			is "$place of $d" "$(cgroup_dir "$PID" $d)" "$(cgroup_root $d)$CG/deep/er/$ID"
		fi
	done
	d=$(home_of "$PID")
	like "$place" "$d" "/sys/fs/cgroup*$CG/deep/er/$ID"
	ct_drop
	ok "config-linux.md#cgroups-path: the cgroup is removed with the container" test ! -d "$d"
}

paths() {
	local place="config-linux.md#cgroups-path" first
	[ -z "$lib_systemd" ] || { skip "$place: a relative path" "the systemd driver has slices and units"; return; }
	held '.linux.cgroupsPath = "\($ENV.CG[1:])-rel"'
	first=$(home_of "$PID")
	ct_drop
	held '.linux.cgroupsPath = "\($ENV.CG[1:])-rel"'
	is "$place: a relative path MUST consistently be the same place" "$(home_of "$PID")" "$first"
	like "$place: a relative path is a place in the hierarchy" "$first" "/sys/fs/cgroup/*"
	ct_drop
	held 'del(.linux.cgroupsPath)'
	ok "$place: without one the runtime chooses" test -n "$PID"
	ct_drop
	existing
}

# A group of tests that needs a controller: skipped as one where that is missing.
with_controller() { # NAME FUNCTION CONTROLLER V1-FILE V2-FILE
	if can "$3" "$4" "$5"; then
		"$2"
	else
		skip "$1" "no $3 controller"
	fi
}

cgroup_root() { # CONTROLLER: the mount point of its hierarchy
	local d
	for d in /sys/fs/cgroup/"$1" /sys/fs/cgroup /sys/fs/cgroup/unified; do
		[ -e "$d/cgroup.procs" ] && echo "$d" && return
	done
}

existing() {
	local d
	for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do
		[ -e "$d/cgroup.procs" ] && mkdir -p "${d%/}$CG/existing"
		[ -e "${d%/}$CG/existing/cpuset.cpus" ] && [ ! -e "$d/cgroup.controllers" ] || continue
		tee "${d%/}$CG/cpuset.cpus" <"$d/cpuset.cpus" >"${d%/}$CG/existing/cpuset.cpus"
		tee "${d%/}$CG/cpuset.mems" <"$d/cpuset.mems" >"${d%/}$CG/existing/cpuset.mems"
	done
	held '.linux.cgroupsPath = "\($ENV.CG)/existing"'
	ok "config-linux.md#cgroups-path: an empty cgroup that exists already is used" \
		test -n "$PID" -a "$(home_of "$PID" | tail -c 10)" = "/existing"
	ct_drop
}

memory() {
	local m="config-linux.md#memory"
	held '.linux.resources.memory = {limit: 134217728, reservation: 67108864}'
	limit "$m limit" memory memory.limit_in_bytes 134217728 memory.max 134217728
	limit "$m reservation" memory memory.soft_limit_in_bytes 67108864 memory.low 67108864
	ct_drop
	held '.linux.resources.memory = {limit: -1}'
	limit "$m limit: -1 is unlimited" memory memory.limit_in_bytes 9223372036854771712 memory.max max
	ct_drop
	swap_and_more
	enforced_memory
}

swap_and_more() {
	local m="config-linux.md#memory"
	if can memory memory.memsw.limit_in_bytes memory.swap.max; then
		held '.linux.resources.memory = {limit: 134217728, swap: 201326592}'
		limit "$m swap: is memory and swap together" memory memory.memsw.limit_in_bytes 201326592 \
			memory.swap.max 67108864
		ct_drop
	else
		skip "$m swap: is memory and swap together" "no swap accounting"
	fi
	if can memory memory.swappiness -; then
		held '.linux.resources.memory = {swappiness: 40}'
		limit "$m swappiness" memory memory.swappiness 40 - -
		ct_drop
		held '.linux.resources.memory = {limit: 134217728, disableOOMKiller: true}'
		like "$m disableOOMKiller" "$(value memory memory.oom_control -)" "oom_kill_disable 1*"
		ct_drop
	else
		skip "$m swappiness" "no such file in cgroup v2"
		skip "$m disableOOMKiller" "no such file in cgroup v2"
	fi
	if can memory memory.kmem.tcp.limit_in_bytes -; then
		held '.linux.resources.memory = {kernelTCP: 67108864}'
		limit "$m kernelTCP" memory memory.kmem.tcp.limit_in_bytes 67108864 - -
		ct_drop
	else
		skip "$m kernelTCP" "no memory.kmem.tcp.limit_in_bytes"
	fi
}

enforced_memory() {
	new_bundle '.linux.resources.memory = {limit: 16777216, swap: 16777216} |
		.mounts |= map(if .destination == "/dev/shm" then .options = ["size=64m"] else . end)'
	can memory memory.memsw.limit_in_bytes memory.swap.max || set_config 'del(.linux.resources.memory.swap)'
	run_sh 'dd if=/dev/zero of=/dev/shm/f bs=1048576 count=48 2>/dev/null; stat -c %s /dev/shm/f'
	if [ "$(wc -l </proc/swaps)" -gt 1 ] && ! can memory memory.memsw.limit_in_bytes memory.swap.max; then
		skip "config-linux.md#memory limit: is enforced" "swap without accounting"
	else
		ok "config-linux.md#memory limit: is enforced" test "$RC" = 137 -o "${OUT:-99999999}" -le 16777216
	fi
}

cpu() {
	local c="config-linux.md#cpu"
	held '.linux.resources.cpu = {shares: 512, quota: 50000, period: 100000, cpus: "0", mems: "0"}'
	limit "$c period" cpu cpu.cfs_period_us 100000 cpu.max "50000 100000"
	limit "$c quota" cpu cpu.cfs_quota_us 50000 cpu.max "50000 100000"
	if is_v2 cpu; then # two formulas are in use for the conversion
		like "$c shares" "$(value cpu - cpu.weight)" "@(20|59)"
	else
		limit "$c shares" cpu cpu.shares 512 - -
	fi
	limit "$c cpus" cpuset cpuset.cpus 0 cpuset.cpus 0
	limit "$c mems" cpuset cpuset.mems 0 cpuset.mems 0
	is "$c cpus: the process is confined to them" \
		"$(awk '/^Cpus_allowed_list/ { print $2 }' "/proc/$PID/status")" 0
	ct_drop
	if can cpu cpu.cfs_burst_us cpu.max.burst; then
		held '.linux.resources.cpu = {quota: 50000, period: 100000, burst: 20000}'
		limit "$c burst" cpu cpu.cfs_burst_us 20000 cpu.max.burst 20000
		ct_drop
	else
		skip "$c burst" "the kernel has no burst"
	fi
	if can cpu cpu.idle cpu.idle; then
		held '.linux.resources.cpu = {idle: 1}'
		limit "$c idle" cpu cpu.idle 1 cpu.idle 1
		ct_drop
	else
		skip "$c idle" "the kernel has no cpu.idle"
	fi
}

pids() {
	held '.linux.resources.pids = {limit: 20}'
	limit "config-linux.md#pids limit" pids pids.max 20 pids.max 20
	ct_drop
	new_bundle '.linux.resources.pids = {limit: 20}'
	run_probe fork 60
	is "config-linux.md#pids limit: is enforced" "$(val error) $(($(val forked) < 20))" "EAGAIN 1"
	held '.linux.resources.pids = {limit: -1}'
	limit "config-linux.md#pids limit: -1 is unlimited" pids pids.max max pids.max max
	ct_drop
}

block_io() {
	local b="config-linux.md#block-io" dev weight
	dev=$(lsblk -dno MAJ:MIN 2>/dev/null | grep -v -e '^ *7:' -e '^ *25[23]:' | head -1 | tr -d ' ')
	local throttle=".linux.resources.blockIO = {
			throttleReadBpsDevice: [{major: ${dev%:*}, minor: ${dev#*:}, rate: 1048576}],
			throttleWriteBpsDevice: [{major: ${dev%:*}, minor: ${dev#*:}, rate: 2097152}],
			throttleReadIOPSDevice: [{major: ${dev%:*}, minor: ${dev#*:}, rate: 300}],
			throttleWriteIOPSDevice: [{major: ${dev%:*}, minor: ${dev#*:}, rate: 400}]}"
	if can io - io.max && [ -n "$dev" ]; then
		held "$throttle"
		limit "$b throttle" io - - io.max "$dev rbps=1048576 wbps=2097152 riops=300 wiops=400"
		ct_drop
	elif can blkio blkio.throttle.read_bps_device - && [ -n "$dev" ]; then
		held "$throttle"
		limit "$b throttleReadBpsDevice" blkio blkio.throttle.read_bps_device "$dev 1048576" - -
		limit "$b throttleWriteBpsDevice" blkio blkio.throttle.write_bps_device "$dev 2097152" - -
		limit "$b throttleReadIOPSDevice" blkio blkio.throttle.read_iops_device "$dev 300" - -
		limit "$b throttleWriteIOPSDevice" blkio blkio.throttle.write_iops_device "$dev 400" - -
		ct_drop
	else
		skip "$b throttle" "no blkio controller with throttling, or no disk"
	fi
	if can io - io.weight; then # which of the files there is, the scheduler of the disk decides
		held '.linux.resources.blockIO = {weight: 300}'
		like "$b weight" "$(value io - io.bfq.weight; value io - io.weight)" "*default @(300|2929|2930)*"
		ct_drop
		return
	fi
	for weight in blkio.weight blkio.bfq.weight; do
		can blkio $weight - || continue
		held '.linux.resources.blockIO = {weight: 300}'
		limit "$b weight" blkio $weight 300 - -
		ct_drop
		return
	done
	skip "$b weight" "no blkio controller with weights"
}

huge_pages() {
	local h="config-linux.md#huge-page-limits"
	if ! can hugetlb hugetlb.2MB.limit_in_bytes hugetlb.2MB.max; then
		skip "$h limit" "no hugetlb controller with 2MB pages"
		skip "$h limit: of reservations" "no hugetlb controller with 2MB pages"
		return
	fi
	held '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 8388608}]'
	limit "$h limit" hugetlb hugetlb.2MB.limit_in_bytes 8388608 hugetlb.2MB.max 8388608
	limit "$h limit: of reservations" hugetlb hugetlb.2MB.rsvd.limit_in_bytes 8388608 \
		hugetlb.2MB.rsvd.max 8388608
	ct_drop
	refuses "$h pageSize: one that does not exist MUST generate an error" \
		'.linux.resources.hugepageLimits = [{pageSize: "3MB", limit: 8388608}]'
}

unified() {
	local u="config-linux.md#unified"
	held
	if is_v2 pids; then
		ct_drop
		held '.linux.resources.unified = {"pids.max": "33"}'
		limit "$u: a key is written to its file" pids - - pids.max 33
		ct_drop
		refuses "$u: a controller that is not present MUST generate an error" \
			'.linux.resources.unified = {"nosuch.max": "33"}'
	else
		ct_drop
		skip "$u: a key is written to its file" "pids is not in the cgroup2 hierarchy"
		skip "$u: a controller that is not present MUST generate an error" \
			"pids is not in the cgroup2 hierarchy"
	fi
}

shopt -s extglob
absolute
paths
with_controller config-linux.md#memory memory memory memory.limit_in_bytes memory.max
with_controller config-linux.md#cpu cpu cpu cpu.shares cpu.max
with_controller config-linux.md#pids pids pids pids.max pids.max
block_io
huge_pages
unified
