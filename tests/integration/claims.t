#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every claim of `greffon features`: a container that uses it, and what was seen. The claims come from the document itself,
# one a line, "KEY VALUE"; one that no row below has shown or skipped, for a fact of the machine, is a failure.
#
#	shown CLAIM GOT WANTED      GOT matches the pattern WANTED
#	lacking CLAIM FACT          this machine can't show it
. "$(dirname "$0")/../lib/lib.sh"

[ "$(id -u)" = 0 ] || { skip "claims" "needs root"; exit 0; }
features=$(rt features 2>/dev/null)
get() { jq -r "$1" <<<"$features"; }
mapfile -t claims < <(get 'paths(scalars) as $p | ($p | map(select(type != "number")) | join(".")) + " " + (getpath($p) | tostring)')
declare -A row=()

shown() { row[$1]=1; like "claim: $1" "$2" "$3"; }
lacking() { row[$1]=1; skip "claim: $1" "$2"; }
each() { get "$1[]"; } # JQ-PATH: the values of a list

# ---- the document and the versions it names ------------------------------------------------------

schemas=${OCI_SCHEMA:-$lib_top/../shared/oci-schema}
if [ ! -d "$schemas" ]; then
	skip "the document is valid by the official schema" "no official schemas at $schemas"
elif ! python3 -c 'import jsonschema' 2>/dev/null; then
	skip "the document is valid by the official schema" "no jsonschema for Python"
else
	printf '%s' "$features" >"$WORK/features.json"
	is "the document is valid by the official schema" "$(python3 -W ignore - "$schemas" "$WORK/features.json" 2>&1 <<'PY'
import json, os, sys
import jsonschema
folder, document = os.path.realpath(sys.argv[1]), json.load(open(sys.argv[2]))
schema = json.load(open(folder + "/features-schema.json"))
resolver = jsonschema.RefResolver("file://" + folder + "/features-schema.json", schema)
check = jsonschema.Draft4Validator(schema, resolver=resolver)
print("\n".join("%s: %s" % (list(e.path), e.message) for e in check.iter_errors(document)) or "valid")
document["hooks"] = 3  # the validator sees what is wrong
print(sum(1 for _ in check.iter_errors(document)))
PY
	)" $'valid\n1'
fi
for end in Min Max; do
	version=$(get ".ociVersion$end")
	new_bundle ".ociVersion = \"$version\""
	run_sh 'echo ran'
	shown "ociVersion$end $version" "$OUT" ran
done

# ---- hooks, namespaces, capabilities -------------------------------------------------------------

new_bundle
for kind in $(each .hooks); do
	set_config ".hooks.$kind = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo $kind >>\\(\$ENV.WORK)/hooks 2>/dev/null || echo $kind >>/hooks\"]}]"
done
run_sh true
for kind in $(each .hooks); do
	shown "hooks $kind" "$(cat "$WORK/hooks" "$ROOTFS/hooks" 2>/dev/null | grep -cx "$kind")" 1
done

new_bundle '.linux.namespaces = []' '.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]' \
	'.linux.gidMappings = .linux.uidMappings' 'del(.linux.resources)'
chown -R 100000:100000 "$ROOTFS"
for type in $(each .linux.namespaces); do
	[ "$type" = time ] && [ ! -e /proc/self/ns/time ] && continue
	set_config ".linux.namespaces += [{type: \"$type\"}]"
done
with_args /bin/sleep 1000
ct_create && ct_start
for type in $(each .linux.namespaces); do
	case $type in mount) link=mnt ;; network) link=net ;; *) link=$type ;; esac
	if [ ! -e "/proc/self/ns/$link" ]; then
		lacking "linux.namespaces $type" "the kernel has no $type namespaces"
	else
		shown "linux.namespaces $type" "$([ "$(readlink "/proc/$PID/ns/$link")" != "$(readlink "/proc/self/ns/$link")" ] && echo new)" new
	fi
done
ct_drop

# by number, as capabilities(7) and the kernel have them
numbers=(CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
	NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
	SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
	MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE)
declare -A number_of=()
for i in "${!numbers[@]}"; do number_of[CAP_${numbers[i]}]=$i; done
mine=$((16#$(sed -n 's/^CapBnd:\s*//p' /proc/self/status)))
new_bundle '.process.capabilities = {bounding: [], effective: [], permitted: []}'
with_args /bin/sleep 1000
ct_create && ct_start
for cap in $(each .linux.capabilities); do
	n=${number_of[$cap]:-}
	if [ -z "$n" ]; then
		row["linux.capabilities $cap"]=1
		fail "claim: linux.capabilities $cap" "capabilities(7) has none of that name"
	elif [ $((mine >> n & 1)) = 0 ]; then
		lacking "linux.capabilities $cap" "this machine's root has not got it"
	else
		jq -n --arg c "$cap" '{args: ["/bin/grep", "^CapEff", "/proc/self/status"], cwd: "/", user: {uid: 0, gid: 0},
			capabilities: {bounding: [$c], effective: [$c], permitted: [$c]}}' >"$WORK/process.json"
		out=$(rt exec --process "$WORK/process.json" "$ID" 2>&1)
		shown "linux.capabilities $cap" "$(tr -s '\t' ' ' <<<"$out")" "CapEff: $(printf %016x $((1 << n)))"
	fi
done
ct_drop

# ---- mounts: conformance/mount-options.t shows what each word does ---------------------------------

# the words of its tests that pass here
words=$(bash "$lib_top/tests/conformance/mount-options.t" 2>"$WORK/err" </dev/null |
	sed -n 's/^ok - config.md#linux-mount-options: [a-z-]*: //p' | tr , '\n' | sort -u)
for word in $(each .mountOptions); do
	case $word in
	tmpcopyup)
		new_bundle '.mounts += [{destination: "/d", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]}]'
		mkdir "$ROOTFS/d" && touch "$ROOTFS/d/from-the-image"
		run_sh 'ls /d'
		shown "mountOptions $word" "$OUT" from-the-image
		;;
	idmap | ridmap)
		new_bundle ".mounts += [{destination: \"/m\", type: \"bind\", source: \"\(\$ENV.BUNDLE)/src\", options: [\"rbind\", \"$word\"],
			uidMappings: [{containerID: 0, hostID: 1000, size: 1000}], gidMappings: [{containerID: 0, hostID: 2000, size: 1000}]}]"
		mkdir "$BUNDLE/src"
		run_sh 'stat -c %u:%g /m'
		shown "mountOptions $word" "$OUT" 1000:2000
		[ "$word" = ridmap ] || shown "linux.mountExtensions.idmap.enabled true" "$OUT" 1000:2000
		;;
	remount)
		new_bundle '.mounts += [{destination: "/m", type: "tmpfs", source: "tmpfs"}, {destination: "/m", type: "tmpfs", source: "tmpfs", options: ["remount", "ro"]}]'
		run_sh 'grep -c " /m ro" /proc/self/mountinfo'
		shown "mountOptions $word" "$OUT" 1
		;;
	*) shown "mountOptions $word" "$(grep -cx "$word" <<<"$words")" 1 ;;
	esac
done

# ---- seccomp -------------------------------------------------------------------------------------

# SIGNAL is one that is ignored: kill(2) with it succeeds unless the filter has something against it.
filter() { # ACTION [ARG-RULE]: of kill(2)
	echo "{defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"kill\"], action: \"$1\"${2:+, args: [$2]}}]}"
}
seccomp() { # CLAIM WANTED SCRIPT FILTER [JQ...]
	new_bundle ".linux.seccomp = $4" "${@:5}"
	run_sh "$3"
	shown "$1" "$OUT" "$2"
}
ask='sh -c "kill -23 $$ && echo done" 2>&1; echo $?'
seccomp "linux.seccomp.enabled true" 2 'sed -n "s/^Seccomp:[^0-9]*//p" /proc/self/status' "$(filter SCMP_ACT_LOG)"
for action in $(each .linux.seccomp.actions); do
	case $action in
	SCMP_ACT_ALLOW | SCMP_ACT_LOG) seccomp "linux.seccomp.actions $action" $'done\n0' "$ask" "$(filter "$action" | sed 's/"SCMP_ACT_ALLOW"/"SCMP_ACT_LOG"/')" ;;
	SCMP_ACT_ERRNO) seccomp "linux.seccomp.actions $action" "*Operation not permitted*" "$ask" "$(filter $action)" ;;
	SCMP_ACT_TRACE) seccomp "linux.seccomp.actions $action" "*Function not implemented*" "$ask" "$(filter $action)" ;;
	SCMP_ACT_KILL | SCMP_ACT_KILL_* | SCMP_ACT_TRAP) seccomp "linux.seccomp.actions $action" "*159" "$ask" "$(filter "$action")" ;; # SIGSYS
	SCMP_ACT_NOTIFY)
		if [ ! -x "${PROBE:-}" ]; then
			lacking "linux.seccomp.actions $action" "no probe of tests/conformance/run"
			continue
		fi
		new_bundle ".linux.seccomp = ($(filter $action | sed 's/"kill"/"getpgid"/') + {listenerPath: \"\(\$ENV.WORK)/agent\"})"
		bg "$PROBE" agent "$WORK/agent" "$WORK/state.json" >"$WORK/agent.out"
		wait_text "$WORK/agent.out" listening
		run_probe call getpgid,0
		shown "linux.seccomp.actions $action" "$OUT" "*=EXDEV*" # the agent's answer
		;;
	esac
done
both='kill -23 $$ 2>/dev/null && echo -n 23; kill -28 $$ 2>/dev/null && echo -n 28'
for op in $(each .linux.seccomp.operators); do
	case $op in
	SCMP_CMP_EQ) value='value: 23' left=28 ;;
	SCMP_CMP_NE) value='value: 23' left=23 ;;
	SCMP_CMP_LT) value='value: 28' left=28 ;;
	SCMP_CMP_LE) value='value: 23' left=28 ;;
	SCMP_CMP_GT) value='value: 23' left=23 ;;
	SCMP_CMP_GE) value='value: 28' left=23 ;;
	SCMP_CMP_MASKED_EQ) value='value: 8, valueTwo: 8' left=23 ;;
	*) continue ;;
	esac
	seccomp "linux.seccomp.operators $op" $left "$both" "$(filter SCMP_ACT_ERRNO "{index: 1, $value, op: \"$op\"}")"
done
native=SCMP_ARCH_X86_64
[ "$(uname -m)" = x86_64 ] || native=SCMP_ARCH_$(uname -m | tr '[:lower:]' '[:upper:]')
for arch in $(each .linux.seccomp.archs); do # beside the machine's own, whose calls show that the filter holds
	seccomp "linux.seccomp.archs $arch" "*Operation not permitted*" "$ask" "($(filter SCMP_ACT_ERRNO) + {architectures: [\"$native\", \"$arch\"]})"
done
for flag in $(each .linux.seccomp.supportedFlags); do
	config="($(filter SCMP_ACT_ERRNO) + {flags: [\"$flag\"]})"
	if [ "$flag" = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV ]; then # for what notifies
		if [ ! -x "${PROBE:-}" ]; then
			lacking "linux.seccomp.supportedFlags $flag" "no probe of tests/conformance/run"
			lacking "linux.seccomp.knownFlags $flag" "no probe of tests/conformance/run"
			continue
		fi
		new_bundle ".linux.seccomp = ($(filter SCMP_ACT_NOTIFY | sed 's/"kill"/"getpgid"/') + {listenerPath: \"\(\$ENV.WORK)/agent-$flag\", flags: [\"$flag\"]})"
		bg "$PROBE" agent "$WORK/agent-$flag" "$WORK/state2.json" >"$WORK/agent2.out"
		wait_text "$WORK/agent2.out" listening
		run_probe call getpgid,0
		shown "linux.seccomp.supportedFlags $flag" "$OUT" "*=EXDEV*"
	else
		seccomp "linux.seccomp.supportedFlags $flag" "*Operation not permitted*" "$ask" "$config"
	fi
	shown "linux.seccomp.knownFlags $flag" "$(rt plan -b "$BUNDLE" "$ID" 2>&1 | grep -ci "unknown")" 0
done

# ---- cgroups, labels, memory, devices ------------------------------------------------------------

new_bundle '.linux.resources.pids.limit = 77'
with_args /bin/sleep 1000
ct_create && ct_start
if [ -d /sys/fs/cgroup/pids ]; then
	shown "linux.cgroup.v1 true" "$(cat "$(cgroup_dir "$PID" pids)/pids.max")" 77
else
	lacking "linux.cgroup.v1 true" "no cgroup v1 here"
fi
v2=$(sed -n 's/^0:://p' "/proc/$PID/cgroup")
case $v2 in
*"$ID"*) shown "linux.cgroup.v2 true" "$v2" "*$ID*" ;;
*) lacking "linux.cgroup.v2 true" "no cgroup v2 here" ;;
esac
ct_drop
if [ -d /run/systemd/system ]; then
	new_bundle '.linux.cgroupsPath = "system.slice:claim:\($ENV.ID)"'
	with_args /bin/sleep 1000
	write_config
	lib_live[$ID]=1
	rt --systemd-cgroup run -d --pid-file "$BUNDLE/pid" -b "$BUNDLE" "$ID" >/dev/null 2>"$WORK/err" </dev/null
	shown "linux.cgroup.systemd true" "$(systemctl is-active "claim-$ID.scope")" active
	ct_drop
else
	lacking "linux.cgroup.systemd true" "systemd is not the init here (integration/systemd.t in the VM shows it)"
fi
lacking "linux.cgroup.systemdUser true" "root has no user manager (tests/run --vm rootless-systemd shows it)"
if [ "$(get '.annotations["org.greffon.host.rdma"]')" = true ]; then
	new_bundle '.linux.resources.rdma = {rxe_claim: {hcaHandles: 3}}'
	write_config
	shown "linux.cgroup.rdma true" "$(rt plan -b "$BUNDLE" "$ID" 2>&1 | grep -c hca_handle=3)" 1
else
	lacking "linux.cgroup.rdma true" "the kernel has no rdma controller (integration/graft_rdma.t in the VM shows it)"
fi
for lsm in apparmor selinux; do
	if [ "$(get ".annotations[\"org.greffon.host.$lsm\"]")" != true ]; then
		lacking "linux.$lsm.enabled true" "$lsm is not enabled in this kernel"
	elif [ $lsm = apparmor ]; then
		new_bundle '.process.apparmorProfile = "unconfined"'
		run_sh 'cat /proc/self/attr/current'
		shown "linux.$lsm.enabled true" "$OUT" "unconfined*"
	else
		lacking "linux.$lsm.enabled true" "a label to use is the policy's of the host"
	fi
done
for claim in enabled schemata monitoring; do
	lacking "linux.intelRdt.$claim true" "no resctrl here (integration/rdt.t shows it on a tree that pretends)"
done
for mode in $(each .linux.memoryPolicy.modes); do
	case $mode in
	MPOL_DEFAULT) nodes='' sees=default ;;
	MPOL_LOCAL) nodes='' sees=local ;;
	MPOL_PREFERRED) nodes=', nodes: "0"' sees=prefer:0 ;;
	MPOL_PREFERRED_MANY) nodes=', nodes: "0"' sees='prefer (many):0' ;;
	*) nodes=', nodes: "0"' sees=$(sed 's/^mpol_//; s/_/ /' <<<"${mode,,}"):0 ;;
	esac
	if [ ! -e /proc/self/numa_maps ]; then
		lacking "linux.memoryPolicy.modes $mode" "the kernel has no NUMA"
		continue
	fi
	if [ "$mode" = MPOL_WEIGHTED_INTERLEAVE ] && [ "$(printf '%s\n' 6.9 "$(uname -r)" | sort -V | head -n 1)" != 6.9 ]; then
		lacking "linux.memoryPolicy.modes $mode" "the kernel is older than 6.9"
		continue
	fi
	new_bundle ".linux.memoryPolicy = {mode: \"$mode\"$nodes}"
	run_sh 'head -n 1 /proc/self/numa_maps'
	shown "linux.memoryPolicy.modes $mode" "$OUT" "* $sees *"
done
for flag in $(each .linux.memoryPolicy.flags); do
	case $flag in *STATIC*) sees=bind=static:0 ;; *RELATIVE*) sees=bind=relative:0 ;; *) sees='bind*:0' ;; esac
	if [ ! -e /proc/self/numa_maps ]; then
		lacking "linux.memoryPolicy.flags $flag" "the kernel has no NUMA"
		continue
	fi
	new_bundle ".linux.memoryPolicy = {mode: \"MPOL_BIND\", nodes: \"0\", flags: [\"$flag\"]}"
	run_sh 'head -n 1 /proc/self/numa_maps'
	shown "linux.memoryPolicy.flags $flag" "$OUT" "* $sees *"
done
if unshare -n ip link add gfa type veth peer name gfb 2>/dev/null; then
	new_bundle '.linux.namespaces |= map(select(.type != "network")) + [{type: "network"}] | .linux.netDevices = {gfclaim: {name: "eth7"}}'
	with_args /bin/ls /sys/class/net/eth7/ifindex /proc/sys/net/ipv4/conf/eth7/forwarding
	write_config
	lib_live[$ID]=1
	# shellcheck disable=SC2016
	OUT=$(unshare -n sh -c 'ip link add gfclaim type veth peer name gfb && exec "$@"' sh \
		"${lib_runtime[@]}" --root "$STATE" run -b "$BUNDLE" "$ID" 2>&1 </dev/null)
	shown "linux.netDevices.enabled true" "$OUT" "*/eth7/forwarding*"
else
	lacking "linux.netDevices.enabled true" "no interface can be made here"
fi

# ---- annotations ---------------------------------------------------------------------------------

truth() { # COMMAND...: true or false
	if "$@" >/dev/null 2>&1; then echo true; else echo false; fi
}
for line in "${claims[@]}"; do
	key=${line% *} value=${line##* }
	case $key in
	annotations.org.greffon.version) shown "$line" "$(rt --version)" "greffon version $value*" ;;
	annotations.org.greffon.commit) shown "$line" "$(rt --version)" "*commit: $value*" ;;
	annotations.io.github.seccomp.libseccomp.version) shown "$line" "$value" "[0-9]*.[0-9]*.[0-9]*" ;;
	annotations.org.greffon.host.apparmor) shown "$line" "$(truth grep -q Y /sys/module/apparmor/parameters/enabled)" "$value" ;;
	annotations.org.greffon.host.selinux) shown "$line" "$(truth grep -q selinuxfs /proc/filesystems)" "$value" ;;
	annotations.org.greffon.host.timens) shown "$line" "$(truth test -e /proc/self/ns/time)" "$value" ;;
	annotations.org.greffon.host.rdma) shown "$line" "$(truth sh -c 'grep -q ^rdma /proc/cgroups || grep -qw rdma /sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/unified/cgroup.controllers')" "$value" ;;
	annotations.org.greffon.host.idmap) shown "$line" "${row["mountOptions idmap"]:+true}" "$value" ;;
	annotations.org.greffon.host.seccomp.notify) shown "$line" "$(truth grep -qw user_notif /proc/sys/kernel/seccomp/actions_avail)" "$value" ;;
	annotations.org.greffon.host.cgroup)
		modes=$(awk '$3 ~ /^cgroup2?$/ { print $3 }' /proc/self/mounts | sort -u | tr '\n' ' ')
		case $modes in "cgroup cgroup2 ") modes=hybrid ;; "cgroup ") modes=v1 ;; "cgroup2 ") modes=v2 ;; esac
		shown "$line" "$modes" "$value"
		;;
	annotations.org.greffon.host.hardening.*) # hardening.t has each of them used
		shown "$line" "$(grep -c "${key##*.}" "$lib_top/tests/integration/hardening.t")" "[1-9]*" ;;
	annotations.org.opencontainers.runc.checkpoint.enabled) shown "$line" "$(truth rt checkpoint --help)" "$value" ;;
	potentiallyUnsafeConfigAnnotations)
		# what begins so changes something outside of the container, and is named in the manual
		shown "$line" "$(grep -rlF -- "${value%.}" "$lib_top/man" | wc -l)" "[1-9]*" ;;
	esac
done

for line in "${claims[@]}"; do
	case $line in linux.*" false") continue ;; esac # claims nothing
	[ -n "${row[$line]:-}" ] || fail "claim: $line" "no row of this file shows it"
done
exit 0
