#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every property of the official config schema (common and Linux): a bundle that sets it, and what was seen of it from
# inside the container or on the host. The list of properties comes from the schema itself (tests/lib/schema-properties),
# beside the checkout as ../shared/oci-schema; a property without a row is a failure, so is one that no bundle sets.
#
#	begin PATCH...                   a bundle (jq filters); many rows share one container
#	inside PROPERTIES SCRIPT WANTED  a shell script in the container; WANTED is a pattern for its output, one line
#	host PROPERTIES SCRIPT WANTED    on the host, while the container runs as PID
#	end                              runs it and compares
#	without PROPERTIES FACT          this machine lacks it: skipped
#	saw PROPERTIES NAME GOT WANTED   what a container of its own has shown
. "$(dirname "$0")/../lib/lib.sh"

needs_root "every property" "its bundles ask for device nodes, idmapped mounts and ids that a user has not" || exit 0
schemas=${OCI_SCHEMA:-$lib_top/../shared/oci-schema}
probe=${PROBE:-}
declare -A row_of=()
rows=()

note() { # PROPERTIES: they have a row now
	local p
	for p in $1; do row_of[$p]=1; done
}

without() { note "$1"; skip "$(echo $1)" "$2"; }
saw() { note "$1"; like "$(echo $1): $2" "$3" "$4"; }

is_set() { # PROPERTY: whether the bundle's config has it
	local path=.${1//\{\}/[]}
	path=${path//\[\]/[]?}
	jq -e "[$path] | length > 0 and any(. != null)" "$BUNDLE/config.json" >/dev/null
}

begin() { rows=(); new_bundle "$@"; }
inside() { rows+=("inside" "$1" "$2" "$3"); }
host() { rows+=("host" "$1" "$2" "$3"); }

judge() { # PROPERTIES NAME GOT WANTED
	local p
	note "$1"
	for p in $1; do
		is_set "$p" || { fail "$p: a row of $ID without it in the bundle"; return; }
	done
	like "$(echo $1): $2" "$3" "$4"
}

end() { # [CREATE-OPTION...]
	local i script='' got
	for ((i = 0; i < ${#rows[@]}; i += 4)); do
		[ "${rows[i]}" = inside ] || continue
		script+="echo \"row $i \$( { ${rows[i + 2]}
} 2>&1 | tr '\\n' ' ')\"
"
	done
	printf '%s\necho end of rows\nexec sleep 100\n' "$script" >"$ROOTFS/rows.sh"
	[ "$(jq -n "$lib_filter | .process.args[0]")" != '"/bin/true"' ] || with_args /bin/sh /rows.sh
	if ct_create "$@" && ct_start; then
		wait_text "${ROWS_OUT:-$BUNDLE/out}" "end of rows"
	else
		fail "${rows[1]}: the container starts"
	fi
	for ((i = 0; i < ${#rows[@]}; i += 4)); do
		if [ "${rows[i]}" = inside ]; then
			got=$(tr -d '\r' <"${ROWS_OUT:-$BUNDLE/out}" | sed -n "s/^row $i //p")
			judge "${rows[i + 1]}" inside "${got% }" "${rows[i + 3]}"
		else
			got=$(eval "${rows[i + 2]}" 2>&1 | tr '\n' ' ')
			judge "${rows[i + 1]}" "on the host" "${got% }" "${rows[i + 3]}"
		fi
	done
	ct_drop
}

# ---- the process -------------------------------------------------------------------------------

adj=$(</proc/self/oom_score_adj)
begin '.ociVersion = "1.1.0" | .hostname = "box" | .domainname = "lab" | .annotations = {"org.example.key": "value"}' \
	'.process.args = ["/bin/sh", "/rows.sh", "two words"] | .process.env += ["PROPERTY=some value"]' \
	'.process.cwd = "/tmp" | .process.user = {uid: 0, gid: 7, additionalGids: [5, 70000], umask: 23, username: "nobody"}' \
	'.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 512, hard: 1000}]' \
	".process.oomScoreAdj = $((adj + 100)) | .process.noNewPrivileges = true" \
	'.process.commandLine = "/bin/false" | .process.terminal = false' \
	'.process.scheduler = {policy: "SCHED_BATCH", nice: 5, flags: []}' \
	'.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}' \
	'.linux.personality = {domain: "LINUX32", flags: []}'
host 'ociVersion' 'state_of "$ID" | jq -r .ociVersion' 1.1.0
host 'annotations{}' "state_of \"\$ID\" | jq -r '.annotations[\"org.example.key\"]'" value
inside 'hostname' 'hostname' box
inside 'domainname' 'cat /proc/sys/kernel/domainname' lab
inside 'process.args[]' 'echo "$0 $1"' '/rows.sh two words'
inside 'process.env[]' 'echo "$PROPERTY"' 'some value'
inside 'process.cwd' 'pwd' /tmp
inside 'process.user.uid process.user.gid' "awk '/^[UG]id/ { print \$2 }' /proc/self/status" '0 7'
inside 'process.user.additionalGids[]' "awk '/^Groups/ { print \$2, \$3 }' /proc/self/status" '5 70000'
inside 'process.user.umask' 'umask' '*027'
inside 'process.user.username process.commandLine' 'id -u' 0 # Windows' own: without an effect
inside 'process.rlimits[].type process.rlimits[].soft process.rlimits[].hard' \
	"awk '/^Max open files/ { print \$4, \$5 }' /proc/self/limits" '512 1000'
inside 'process.oomScoreAdj' 'cat /proc/self/oom_score_adj' $((adj + 100))
inside 'process.noNewPrivileges' "awk '/^NoNewPrivs/ { print \$2 }' /proc/self/status" 1
inside 'process.terminal' 'test -t 0 || echo none' none
inside 'process.scheduler.policy process.scheduler.nice' \
	"awk '\$1 == \"policy\" { print \$3 }' /proc/self/sched; awk '{ print \$19 }' /proc/self/stat" '3 5'
inside 'linux.personality.domain' 'uname -m' 'i?86'
if command -v ionice >/dev/null; then
	host 'process.ioPriority.class process.ioPriority.priority' 'ionice -p "$PID"' 'best-effort: prio 6'
else
	without 'process.ioPriority.class process.ioPriority.priority' "no ionice"
fi
end

begin '.process.user = {uid: 1000, gid: 1000} | .process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_MKNOD"],
	permitted: ["CAP_CHOWN", "CAP_KILL"], effective: ["CAP_CHOWN"], inheritable: ["CAP_CHOWN"], ambient: ["CAP_CHOWN"]}'
inside 'process.capabilities.bounding[]' "awk '/^CapBnd/ { print \$2 }' /proc/self/status" 0000000008000021
inside 'process.capabilities.inheritable[]' "awk '/^CapInh/ { print \$2 }' /proc/self/status" 0000000000000001
inside 'process.capabilities.ambient[]' "awk '/^CapAmb/ { print \$2 }' /proc/self/status" 0000000000000001
end
begin '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL"], permitted: ["CAP_CHOWN", "CAP_KILL"],
	effective: ["CAP_CHOWN"]} | .process.user.uid = 1000 | .process.args = ["/bin/sh", "/rows.sh"]'
inside 'process.capabilities.permitted[] process.capabilities.effective[]' \
	"awk '/^Cap(Prm|Eff)/ { print \$2 }' /proc/self/status" '0000000000000000 0000000000000000'
end
begin '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL"], permitted: ["CAP_CHOWN", "CAP_KILL"],
	effective: ["CAP_CHOWN", "CAP_KILL"]}'
inside 'process.capabilities.permitted[] process.capabilities.effective[]' \
	"awk '/^Cap(Prm|Eff)/ { print \$2 }' /proc/self/status" '0000000000000021 0000000000000021'
end

if [ -x "$probe" ]; then
	begin '.process.terminal = true | .process.consoleSize = {height: 33, width: 99}'
	bg "$probe" console "$BUNDLE/console" >"$BUNDLE/received"
	wait_for test -S "$BUNDLE/console"
	inside 'process.terminal' 'tty' '/dev/pts/0'
	inside 'process.consoleSize.height process.consoleSize.width' '/bin/busybox stty size' '33 99'
	ROWS_OUT=$BUNDLE/received
	end --console-socket "$BUNDLE/console"
	ROWS_OUT=
else
	without 'process.consoleSize.height process.consoleSize.width' "no probe to receive a terminal"
fi

# ---- scheduling that a container of its own has --------------------------------------------------

if [ -e /sys/fs/cgroup/cpu/cpu.rt_runtime_us ]; then
	# a new cgroup's share is 0, and nothing above it has one that it could give
	without 'process.scheduler.priority process.scheduler.flags[]' "real-time group scheduling of cgroup v1"
elif chrt -f 3 true 2>/dev/null; then
	begin '.process.scheduler = {policy: "SCHED_FIFO", priority: 3, flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
	with_args /bin/sleep 100
	ct_create && ct_start
	wait_for sh -c '[ "$(cat "/proc/$1/comm")" = sleep ]' sh "$PID"
	judge 'process.scheduler.priority process.scheduler.flags[]' "on the host" "$(chrt -p "$PID" | tr '\n' ' ')" \
		'*SCHED_FIFO|SCHED_RESET_ON_FORK*priority: 3*'
	ct_drop
else
	without 'process.scheduler.priority process.scheduler.flags[]' "no real-time scheduling here (chrt -f fails)"
fi
deadline='process.scheduler.runtime process.scheduler.deadline process.scheduler.period'
if chrt -d --sched-runtime 2000000 --sched-deadline 20000000 --sched-period 40000000 0 true 2>/dev/null; then
	begin '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 2000000, deadline: 20000000, period: 40000000}'
	with_args /bin/sleep 100
	ct_create && ct_start
	wait_for sh -c '[ "$(cat "/proc/$1/comm")" = sleep ]' sh "$PID"
	judge "$deadline" "on the host" "$(chrt -p "$PID" 2>&1 | tr '\n' ' ')" '*SCHED_DEADLINE*2000000/20000000/40000000*'
	ct_drop
else
	without "$deadline" "no deadline scheduling here (chrt -d fails)"
fi

if [ "$(nproc)" -gt 1 ]; then
	begin '.process.execCPUAffinity = {initial: "0", final: "1"}'
	with_args /bin/sleep 100
	ct_create && ct_start
	judge 'process.execCPUAffinity.final' "of exec's process" \
		"$(rt exec "$ID" /bin/awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status 2>>"$WORK/err")" 1
	ct_drop
	# the kernel keeps what was asked for across the move to the cgroup (6.2), as far as its cpuset allows it
	begin '.process.execCPUAffinity = {initial: "0"}'
	with_args /bin/sleep 100
	ct_create && ct_start
	affinity=$(rt exec "$ID" /bin/awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status 2>>"$WORK/err")
	if [ "$affinity" = 0 ]; then
		judge 'process.execCPUAffinity.initial' "of exec's process, left alone by the cgroup" "$affinity" 0
	else
		without 'process.execCPUAffinity.initial' "the cpuset of this kernel sets it anew"
	fi
	ct_drop
else
	without 'process.execCPUAffinity.initial process.execCPUAffinity.final' "one processor"
fi

refuses "linux.personality.flags[]: of which none is defined" '.linux.personality = {domain: "LINUX", flags: ["SOME_FLAG"]}'
saw 'linux.personality.flags[]' "the error names it" "$(<"$WORK/err")" '*linux.personality.flags*'

# ---- labels --------------------------------------------------------------------------------------

if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ]; then
	without process.apparmorProfile "AppArmor is not enabled in this kernel"
elif ! echo 'profile greffon-property flags=(attach_disconnected) { file, mount, capability, network, signal, ptrace, }' |
	apparmor_parser -r 2>"$WORK/err"; then
	without process.apparmorProfile "no apparmor_parser that loads a profile"
else
	begin '.process.apparmorProfile = "greffon-property"'
	inside process.apparmorProfile 'cat /proc/self/attr/current' 'greffon-property (enforce)'
	end
	echo 'profile greffon-property {}' | apparmor_parser -R 2>/dev/null
fi
if grep -qw selinuxfs /proc/filesystems; then
	begin '.process.selinuxLabel = "system_u:system_r:container_t:s0:c1,c2" |
		.linux.mountLabel = "system_u:object_r:container_file_t:s0:c1,c2"'
	inside process.selinuxLabel 'cat /proc/self/attr/current' 'system_u:system_r:container_t:s0:c1,c2*'
	inside linux.mountLabel 'grep " /dev/shm " /proc/self/mountinfo' '*container_file_t:s0:c1,c2*'
	end
else
	without 'process.selinuxLabel linux.mountLabel' "SELinux is not enabled in this kernel"
fi

# ---- root file system, mounts, devices -----------------------------------------------------------

mkdir -p "$WORK/src" && echo text >"$WORK/src/file"
begin '.root = {path: "other-root", readonly: true}' \
	'.mounts += [{destination: "/mnt", type: "bind", source: "\($ENV.WORK)/src", options: ["bind", "ro", "nosuid"]}]' \
	'.linux.maskedPaths = ["/opt/secret", "/proc/timer_list"] | .linux.readonlyPaths = ["/proc/sys"]' \
	'.linux.rootfsPropagation = "private"' \
	'.linux.sysctl = {"kernel.msgmax": "4097"}' \
	'.linux.devices = [{path: "/dev/one", type: "c", major: 10, minor: 229, fileMode: 416, uid: 5, gid: 6}]' \
	'.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 11, access: "r"}]' \
	'.process.capabilities |= map_values(. + ["CAP_SYSLOG", "CAP_MKNOD"])' \
	'.linux.devices += [{path: "/dev/kmsg", type: "c", major: 1, minor: 11, fileMode: 438}]'
mkdir "$ROOTFS/opt" && echo hidden >"$ROOTFS/opt/secret"
mv "$ROOTFS" "$BUNDLE/other-root" && ROOTFS=$BUNDLE/other-root && echo here >"$ROOTFS/marker"
inside 'root.path' 'cat /marker' here
inside 'root.readonly' 'touch /x' '*Read-only file system*'
inside 'mounts[].destination mounts[].type mounts[].source' 'cat /mnt/file' text
inside 'mounts[].options[]' "awk '\$5 == \"/mnt\" { print \$6 }' /proc/self/mountinfo" 'ro,nosuid*'
inside 'linux.maskedPaths[]' 'cat /opt/secret /proc/timer_list; echo nothing' nothing
inside 'linux.readonlyPaths[]' 'echo 1 >/proc/sys/kernel/msgmax' '*Read-only file system*'
inside 'linux.rootfsPropagation' "awk '\$5 == \"/\" { print \$7 }' /proc/self/mountinfo" -
inside 'linux.sysctl{}' 'cat /proc/sys/kernel/msgmax' 4097
inside 'linux.devices[].path linux.devices[].type linux.devices[].major linux.devices[].minor linux.devices[].fileMode linux.devices[].uid linux.devices[].gid' \
	'stat -c "%F %t:%T %a %u:%g" /dev/one' 'character special file a:e5 640 5:6'
# that one may be read, and nothing else be done with it or with its neighbour
inside 'linux.resources.devices[].allow linux.resources.devices[].type linux.resources.devices[].major linux.resources.devices[].minor linux.resources.devices[].access' \
	'(: <dev) 2>/dev/null; (exec 3</dev/kmsg) && echo reads; (exec 3>/dev/kmsg) || echo writes not; (exec 3</dev/one) || echo other not' \
	'*reads*writes not*other not'
end

# Idmapped mounts: files of the host's root are user 1000's inside.
mkdir -p "$WORK/idmapped" && touch "$WORK/idmapped/file"
mapped='mounts[].uidMappings[].containerID mounts[].uidMappings[].hostID mounts[].uidMappings[].size
	mounts[].gidMappings[].containerID mounts[].gidMappings[].hostID mounts[].gidMappings[].size'
begin '.mounts += [{destination: "/mnt", type: "bind", source: "\($ENV.WORK)/idmapped", options: ["bind"],
	uidMappings: [{containerID: 0, hostID: 1000, size: 10}], gidMappings: [{containerID: 0, hostID: 2000, size: 10}]}]'
with_args /bin/true
if ct_create 2>/dev/null; then
	ct_drop
	inside "$mapped" 'stat -c "%u:%g" /mnt/file' 1000:2000
	lib_args=()
	end
else
	case $(<"$WORK/err") in
	*mounts*) without "$mapped" "idmapped mounts: $(head -c 200 "$WORK/err")" ;;
	*) fail "$mapped: the container is created" ;;
	esac
	ct_drop
fi

# ---- namespaces ----------------------------------------------------------------------------------

bg unshare -u sleep 100
uts=/proc/$!/ns/uts
wait_for sh -c '[ "$(readlink "$1")" != "$(readlink /proc/self/ns/uts)" ]' sh "$uts"
begin "(.linux.namespaces[] | select(.type == \"uts\")).path = \"$uts\""
host 'linux.namespaces[].path' 'readlink "/proc/$PID/ns/uts"' "$(readlink "$uts" | sed 's/[][]/\\&/g')"
host 'linux.namespaces[].type' '[ "$(readlink "/proc/$PID/ns/ipc")" != "$(readlink /proc/self/ns/ipc)" ] && echo own' own
end

begin '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] |
	.linux.gidMappings = [{containerID: 0, hostID: 200000, size: 2000}]'
chown -R 100000:200000 "$ROOTFS"
host 'linux.uidMappings[].containerID linux.uidMappings[].hostID linux.uidMappings[].size' \
	'echo $(cat "/proc/$PID/uid_map")' '0 100000 1000'
host 'linux.gidMappings[].containerID linux.gidMappings[].hostID linux.gidMappings[].size' \
	'echo $(cat "/proc/$PID/gid_map")' '0 200000 2000'
end

times='linux.timeOffsets.monotonic.secs linux.timeOffsets.monotonic.nanosecs linux.timeOffsets.boottime.secs linux.timeOffsets.boottime.nanosecs'
if [ -e /proc/self/ns/time ]; then
	begin '.linux.namespaces += [{type: "time"}] |
		.linux.timeOffsets = {monotonic: {secs: 100, nanosecs: 5}, boottime: {secs: 200, nanosecs: 7}}'
	inside "$times" 'cat /proc/self/timens_offsets | tr -s " "' 'monotonic 100 5 boottime 200 7'
	end
else
	without "$times" "the kernel has no time namespaces"
fi

policy='linux.memoryPolicy.mode linux.memoryPolicy.nodes linux.memoryPolicy.flags[]'
if [ -e /proc/self/numa_maps ]; then
	begin '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
	inside "$policy" 'head -n 1 /proc/self/numa_maps' '* bind=static:0 *'
	end
else
	without "$policy" "the kernel has no NUMA"
fi

# ---- seccomp -------------------------------------------------------------------------------------

if [ -x "$probe" ]; then
	begin '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
		flags: ["SECCOMP_FILTER_FLAG_LOG"], syscalls: [
		{names: ["getpgid", "getsid"], action: "SCMP_ACT_ERRNO", errnoRet: 74},
		{names: ["getpriority"], action: "SCMP_ACT_ERRNO", errnoRet: 18,
			args: [{index: 1, value: 6, valueTwo: 4, op: "SCMP_CMP_MASKED_EQ"}]}]}'
	inside 'linux.seccomp.syscalls[].names[] linux.seccomp.syscalls[].action linux.seccomp.syscalls[].errnoRet linux.seccomp.defaultAction' \
		'/bin/probe call getpgid,0 getsid,0 getppid' 'getpgid,0=EBADMSG getsid,0=EBADMSG getppid=[0-9]*'
	inside 'linux.seccomp.syscalls[].args[].index linux.seccomp.syscalls[].args[].value linux.seccomp.syscalls[].args[].valueTwo linux.seccomp.syscalls[].args[].op' \
		'/bin/probe call getpriority,2,5 getpriority,2,2' 'getpriority,2,5=EXDEV getpriority,2,2=!(EXDEV)'
	inside 'linux.seccomp.architectures[]' "awk '/^Seccomp:/ { print \$2 }' /proc/self/status" 2
	end
	begin '.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38, flags: ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
		syscalls: [{action: "SCMP_ACT_ALLOW", names: '"$(sed -n "/local allowed='/,/]'/p" "$lib_top/tests/conformance/seccomp.t" |
		tr -d '\n\t' | sed "s/.*allowed='//; s/'.*//")"'}]}' '.process.args = ["/bin/probe", "call", "getpgid,0", "getppid"]'
	ct_run
	judge 'linux.seccomp.defaultErrnoRet' inside "${OUT//$'\n'/ }" 'getpgid,0=ENOSYS getppid=*'
	begin '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"], syscalls: []}'
	inside 'linux.seccomp.flags[]' "sed -n 's/^Speculation_Store_Bypass:[^a-z]*//p' /proc/self/status" \
		"$(sed -n 's/^Speculation_Store_Bypass:[^a-z]*//p' /proc/self/status)"
	end
	begin '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "\($ENV.WORK)/agent", listenerMetadata: "meta",
		syscalls: [{names: ["getpgid"], action: "SCMP_ACT_NOTIFY"}]}'
	bg "$probe" agent "$WORK/agent" "$WORK/agent.json" >"$WORK/agent.out"
	wait_text "$WORK/agent.out" listening
	inside 'linux.seccomp.listenerPath' '/bin/probe call getpgid,0' 'getpgid,0=EXDEV'
	host 'linux.seccomp.listenerMetadata' 'jq -r .metadata "$WORK/agent.json"' meta
	end
else
	without 'linux.seccomp.syscalls[].names[] linux.seccomp.syscalls[].action linux.seccomp.syscalls[].errnoRet
		linux.seccomp.defaultAction linux.seccomp.syscalls[].args[].index linux.seccomp.syscalls[].args[].value
		linux.seccomp.syscalls[].args[].valueTwo linux.seccomp.syscalls[].args[].op linux.seccomp.architectures[]
		linux.seccomp.defaultErrnoRet linux.seccomp.flags[] linux.seccomp.listenerPath linux.seccomp.listenerMetadata' "no probe"
fi

# ---- network interfaces and RDT: in a namespace of this test's own -------------------------------

hold() { # UNSHARE-OPTION...: a process that holds the namespaces; its pid in HOLDER
	unshare "$@" sleep 100 &
	HOLDER=$!
	lib_bg+=("$HOLDER")
	disown
	wait_for sh -c '[ "$(cat "/proc/$1/comm")" = sleep ]' sh "$HOLDER"
}
plain=("${lib_runtime[@]}")

hold -n
if nsenter -t "$HOLDER" -n ip link add gfa type veth peer name gfb 2>/dev/null ||
	nsenter -t "$HOLDER" -n busybox ip link add gfa type dummy 2>/dev/null; then
	lib_runtime=(nsenter -t "$HOLDER" -n "${plain[@]}")
	begin '.linux.namespaces += [{type: "network"}] | .linux.netDevices = {gfa: {name: "eth7"}}'
	inside 'linux.netDevices{}.name' 'ls -d /proc/sys/net/ipv4/conf/eth7' '*/eth7'
	end
	lib_runtime=("${plain[@]}")
else
	without 'linux.netDevices{}.name' "no interface can be made here"
fi

# files like resctrl's: what is written, not what a processor does with it
hold -m --propagation private
on_rdt() { nsenter -t "$HOLDER" -m --wd="$WORK/rdt/resctrl" "$@" 2>/dev/null || nsenter -t "$HOLDER" -m "$@"; }
rdt=$WORK/rdt
mkdir "$rdt" && on_rdt mount -t tmpfs tmpfs "$rdt" && on_rdt mkdir -p "$rdt/cgroup" "$rdt/resctrl/info/L3" \
	"$rdt/resctrl/info/MB" "$rdt/resctrl/info/L3_MON" "$rdt/resctrl/mon_groups" &&
	on_rdt sh -c 'printf "    L3:0=ffff\n    MB:0=100\n" >"$1/schemata"; : >"$1/tasks"' sh "$rdt/resctrl" &&
	on_rdt mount --rbind /sys/fs/cgroup "$rdt/cgroup" && on_rdt mount --rbind "$rdt" /sys/fs
lib_runtime=(nsenter -t "$HOLDER" -m "${plain[@]}")
on_rdt sh -c 'cd "$1" && mkdir -p watched/mon_groups && cp schemata tasks watched' sh "$rdt/resctrl"
begin '.linux.intelRdt = {closID: "gold", l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=20"}'
host 'linux.intelRdt.closID linux.intelRdt.l3CacheSchema linux.intelRdt.memBwSchema' \
	'on_rdt cat /sys/fs/resctrl/gold/schemata' 'L3:0=f MB:0=20'
end
begin '.linux.intelRdt = {schemata: ["L3:0=7"]}'
host 'linux.intelRdt.schemata[]' 'on_rdt cat "/sys/fs/resctrl/$ID/schemata"' 'L3:0=7'
end
begin '.linux.intelRdt = {closID: "watched", enableMonitoring: true}'
host 'linux.intelRdt.enableMonitoring' 'on_rdt find /sys/fs/resctrl -path "*mon_groups/*$ID*" -type d | wc -l' '[1-9]*'
end
lib_runtime=("${plain[@]}")

# ---- hooks ---------------------------------------------------------------------------------------

cat >"$WORK/hook" <<'HOOK'
#!/bin/sh
cat >/dev/null
echo "$0 $* $KIND" >>"$LOG"
HOOK
chmod 755 "$WORK/hook"
hook='def h($k): [{path: "\($ENV.WORK)/hook", args: ["argv0", $k], env: ["KIND=\($k)-env", "LOG=\($ENV.WORK)/hook.\($k)"], timeout: 30}];'
begin "$hook .hooks = {prestart: h(\"prestart\"), createRuntime: h(\"createRuntime\"), createContainer: h(\"createContainer\"),
	poststart: h(\"poststart\"), poststop: h(\"poststop\")} |
	.hooks.startContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"cat >/dev/null; echo \$0 \$KIND >/started\", \"startContainer\"],
		env: [\"KIND=startContainer-env\", \"PATH=/bin\"], timeout: 30}]"
for kind in prestart createRuntime createContainer poststart; do
	host "hooks.${kind}[].path hooks.${kind}[].args[] hooks.${kind}[].env[]" "cat \"\$WORK/hook.$kind\"" "$WORK/hook $kind $kind-env"
done
host "hooks.startContainer[].path hooks.startContainer[].args[] hooks.startContainer[].env[]" 'cat "$ROOTFS/started"' \
	'startContainer startContainer-env'
end
judge 'hooks.poststop[].path hooks.poststop[].args[] hooks.poststop[].env[]' "after delete" "$(cat "$WORK/hook.poststop")" \
	"$WORK/hook poststop poststop-env"

late() { # KIND
	begin ".hooks.$1 = [{path: \"/bin/sleep\", args: [\"sleep\", \"30\"], timeout: 1}]"
	with_args /bin/sleep 100
	: >"$WORK/err"
	if ct_create && ct_start && [ "$1" = poststop ]; then
		ct_delete --force
	fi
	judge "hooks.$1[].timeout" "ends it" "$(<"$WORK/err")" "*hooks.$1?0?: '*sleep' did not end within its timeout of 1 s*"
	ct_drop
}
for kind in prestart createRuntime createContainer startContainer poststart poststop; do
	late $kind
done

# ---- resources -----------------------------------------------------------------------------------

limit() { # PROPERTIES RESOURCES CONTROLLER V1-FILE V1-VALUE V2-FILE V2-VALUE: a dash for a file there is not
	local d file want controller=$3
	begin ".linux.resources = $2"
	with_args /bin/sleep 100
	d=$(cgroup_of "$3")
	if [ -z "$d" ]; then
		without "$1" "no $3 controller"
		return
	fi
	if [ -e "$d/cgroup.controllers" ]; then
		file=$6 want=$7 controller=${3/blkio/io}
	else
		file=$4 want=$5
	fi
	if [ "$file" = - ]; then
		without "$1" "no file for it in this version of cgroup ($3)"
		return
	fi
	if ! child_has "$d" "$file"; then
		without "$1" "the kernel has no $file"
		return
	fi
	ct_create || true
	got=$([ -z "$PID" ] || tr '\n' ' ' <"$(cgroup_dir "$PID" "$controller")/$file")
	judge "$1" "in $file" "${got% }" "$want"
	ct_drop
}

cgroup_of() { # CONTROLLER: the hierarchy that has it
	local d
	[ ! -e "/sys/fs/cgroup/$1/cgroup.procs" ] || { echo "/sys/fs/cgroup/$1"; return; }
	for d in /sys/fs/cgroup /sys/fs/cgroup/unified; do
		grep -qw -e "${1/blkio/io}" "$d/cgroup.controllers" 2>/dev/null && echo "$d" && return
	done
}

child_has() { # DIRECTORY FILE: of a cgroup below it
	local rc=1
	mkdir -p "$1$CG-probe"
	[ -e "$1/cgroup.subtree_control" ] && for c in $(cat "$1/cgroup.controllers"); do
		echo "+$c" >"$1/cgroup.subtree_control"
	done 2>/dev/null
	[ -e "$1$CG-probe/$2" ] && rc=0
	rmdir "$1$CG-probe"
	return $rc
}

r=linux.resources
export DEEP=$CG/deep/
deep=$DEEP
if [ -n "$lib_systemd" ]; then
	DEEP=$(basename "$CG" .slice)-deep.slice
	deep=$CG/$DEEP/p- DEEP+=:p:
fi
begin '.linux.cgroupsPath = "\($ENV.DEEP)\($ENV.ID)"'
host 'linux.cgroupsPath' 'cat "/proc/$PID/cgroup"' "*$deep$ID*"
end

limit "$r.cpu.shares" '{cpu: {shares: 512}}' cpu cpu.shares 512 cpu.weight '@(20|59)'
limit "$r.cpu.quota $r.cpu.period" '{cpu: {quota: 50000, period: 200000}}' cpu cpu.cfs_quota_us 50000 cpu.max '50000 200000'
limit "$r.cpu.period" '{cpu: {quota: 50000, period: 200000}}' cpu cpu.cfs_period_us 200000 cpu.max '50000 200000'
limit "$r.cpu.burst" '{cpu: {quota: 50000, period: 100000, burst: 20000}}' cpu cpu.cfs_burst_us 20000 cpu.max.burst 20000
limit "$r.cpu.idle" '{cpu: {idle: 1}}' cpu cpu.idle 1 cpu.idle 1
limit "$r.cpu.cpus" '{cpu: {cpus: "0"}}' cpuset cpuset.cpus 0 cpuset.cpus 0
limit "$r.cpu.mems" '{cpu: {mems: "0"}}' cpuset cpuset.mems 0 cpuset.mems 0
limit "$r.cpu.realtimeRuntime" '{cpu: {realtimeRuntime: 0, realtimePeriod: 500000}}' cpu cpu.rt_runtime_us 0 - -
limit "$r.cpu.realtimePeriod" '{cpu: {realtimeRuntime: 0, realtimePeriod: 500000}}' cpu cpu.rt_period_us 500000 - -
limit "$r.memory.limit" '{memory: {limit: 134217728}}' memory memory.limit_in_bytes 134217728 memory.max 134217728
limit "$r.memory.reservation" '{memory: {reservation: 67108864}}' memory memory.soft_limit_in_bytes 67108864 memory.low 67108864
limit "$r.memory.swap" '{memory: {limit: 134217728, swap: 201326592}}' memory memory.memsw.limit_in_bytes 201326592 memory.swap.max 67108864
limit "$r.memory.swappiness" '{memory: {swappiness: 40}}' memory memory.swappiness 40 - -
limit "$r.memory.disableOOMKiller" '{memory: {limit: 134217728, disableOOMKiller: true}}' memory memory.oom_control 'oom_kill_disable 1*' - -
limit "$r.memory.useHierarchy" '{memory: {limit: 134217728, useHierarchy: true}}' memory memory.use_hierarchy 1 - -
limit "$r.memory.kernelTCP" '{memory: {limit: 134217728, kernelTCP: 67108864}}' memory memory.kmem.tcp.limit_in_bytes 67108864 - -
limit "$r.pids.limit" '{pids: {limit: 20}}' pids pids.max 20 pids.max 20
limit "$r.hugepageLimits[].pageSize $r.hugepageLimits[].limit" '{hugepageLimits: [{pageSize: "2MB", limit: 8388608}]}' \
	hugetlb hugetlb.2MB.limit_in_bytes 8388608 hugetlb.2MB.max 8388608
limit "$r.network.classID" '{network: {classID: 1048577}}' net_cls net_cls.classid 1048577 - -
limit "$r.network.priorities[].name $r.network.priorities[].priority" '{network: {priorities: [{name: "lo", priority: 3}]}}' \
	net_prio net_prio.ifpriomap '*lo 3*' - -
limit "$r.blockIO.weight" '{blockIO: {weight: 300}}' blkio "$(child_has /sys/fs/cgroup/blkio blkio.bfq.weight 2>/dev/null &&
	echo blkio.bfq.weight || echo blkio.weight)" 300 io.bfq.weight '*300*'

# the kernel's limit of its own memory: 6.1 has the file without its effect, cgroup v2 has none
begin '.linux.resources.memory = {limit: 134217728, kernel: 67108864}'
with_args /bin/sleep 100
ct_create
d=$([ -z "$PID" ] || cgroup_dir "$PID" memory)
if [ -n "$d" ] && got=$(cat "$d/memory.kmem.limit_in_bytes" 2>/dev/null) && [ "$got" = 67108864 ]; then
	judge "$r.memory.kernel" "in memory.kmem.limit_in_bytes" "$got" 67108864
else
	without "$r.memory.kernel" "the kernel has no limit of kernel memory"
fi
ct_drop

# a limit below what is used is refused by update when asked for, since the kernel would kill for it
begin '.linux.resources.memory = {limit: 268435456, checkBeforeUpdate: true}'
with_args /bin/sh -c 'dd if=/dev/zero of=/dev/shm/f bs=1048576 count=32 2>/dev/null; echo end of rows; exec sleep 100'
ct_create && ct_start && wait_text "$BUNDLE/out" "end of rows"
if [ -z "$(cgroup_of memory)" ]; then
	without "$r.memory.checkBeforeUpdate" "no memory controller"
else
	echo '{"memory": {"limit": 8388608, "checkBeforeUpdate": true}}' >"$WORK/resources"
	judge "$r.memory.checkBeforeUpdate" "update below the usage" \
		"$(rt update --resources "$WORK/resources" "$ID" 2>&1)" '*memory*'
fi
ct_drop

# a disk, or a loop device that nobody uses
disk=$(lsblk -dno MAJ:MIN 2>/dev/null | grep -v -e '^ *7:' -e '^ *25[23]:' | head -1 | tr -d ' ')
if [ -n "$disk" ] && [ -n "$(cgroup_of blkio)" ]; then
	at="major: ${disk%:*}, minor: ${disk#*:}"
	for row in ReadBps:read_bps_device:rbps:1048576 WriteBps:write_bps_device:wbps:2097152 ReadIOPS:read_iops_device:riops:300 \
		WriteIOPS:write_iops_device:wiops:400; do
		IFS=: read -r name v1 v2 rate <<<"$row"
		p=$r.blockIO.throttle${name}Device[]
		limit "$p.major $p.minor $p.rate" "{blockIO: {throttle${name}Device: [{$at, rate: $rate}]}}" \
			blkio "blkio.throttle.$v1" "$disk $rate" io.max "$disk *$v2=$rate*"
	done
	p=$r.blockIO.weightDevice[]
	if grep -q '\[bfq\]' "/sys/dev/block/$disk/queue/scheduler" 2>/dev/null; then
		limit "$p.major $p.minor $p.weight" "{blockIO: {weightDevice: [{$at, weight: 300}]}}" \
			blkio blkio.bfq.weight_device "*$disk 300*" io.bfq.weight "*$disk 300*"
	else
		without "$p.major $p.minor $p.weight" "the disk's queue has no BFQ"
	fi
else
	for name in ReadBps WriteBps ReadIOPS WriteIOPS; do
		p=$r.blockIO.throttle${name}Device[]
		without "$p.major $p.minor $p.rate" "no block I/O controller, or no disk"
	done
	p=$r.blockIO.weightDevice[]
	without "$p.major $p.minor $p.weight" "no block I/O controller, or no disk"
fi
limit "$r.blockIO.leafWeight" '{blockIO: {leafWeight: 300}}' blkio blkio.leaf_weight 300 - -
limit "$r.blockIO.weightDevice[].leafWeight" "{blockIO: {weightDevice: [{major: ${disk%:*}0, minor: 0, leafWeight: 300}]}}" \
	blkio blkio.leaf_weight_device '*300*' - -

hca=$(ls /sys/class/infiniband 2>/dev/null | head -1)
if [ -n "$hca" ]; then
	limit "$r.rdma{}.hcaHandles $r.rdma{}.hcaObjects" "{rdma: {\"$hca\": {hcaHandles: 3, hcaObjects: 1000}}}" \
		rdma rdma.max "*$hca hca_handle=3 hca_object=1000*" rdma.max "*$hca hca_handle=3 hca_object=1000*"
else
	without "$r.rdma{}.hcaHandles $r.rdma{}.hcaObjects" "no RDMA device"
fi

d=/sys/fs/cgroup
if [ -e $d/cgroup.controllers ] && child_has "$d" pids.max; then
	begin '.linux.resources.unified = {"pids.max": "33"}' && with_args /bin/sleep 100
	ct_create
	judge "$r.unified{}" "in pids.max" "$(cat "$d$(sed -n 's/^0:://p' "/proc/$PID/cgroup")/pids.max")" 33
	ct_drop
else
	without "$r.unified{}" "the host has not cgroup v2 alone, with pids"
fi

# ---- the list is complete ------------------------------------------------------------------------

if [ ! -e "$schemas/config-schema.json" ]; then
	skip "every property of the schema has a row" "the official schemas are not beside the checkout"
elif ! command -v python3 >/dev/null; then
	skip "every property of the schema has a row" "no python3"
else
	"$lib_top/tests/lib/schema-properties" "$schemas" config-schema.json >"$WORK/schema"
	printf '%s\n' "${!row_of[@]}" | sort >"$WORK/rows"
	LC_ALL=C sort -o "$WORK/schema" "$WORK/schema"
	LC_ALL=C sort -o "$WORK/rows" "$WORK/rows"
	ok "the schema has properties" test "$(wc -l <"$WORK/schema")" -gt 150
	is "every property of the schema has a row" "$(LC_ALL=C comm -23 "$WORK/schema" "$WORK/rows")" ""
	is "every row is of a property of the schema" "$(LC_ALL=C comm -13 "$WORK/schema" "$WORK/rows")" ""
fi
