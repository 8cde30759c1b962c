#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The curtain: what a container sees of the node's other devices in /proc and /sys.
#
# No machine of the tests has the NVIDIA driver or several adapters, so the folders are STAND-INS: files of
# tests/hosts/graft quad, laid over the node's /proc/driver and /sys in a mount namespace of the test's own. A fresh procfs
# or sysfs does not show them; a container sees them where its /proc and /sys are binds of the node's.
if [ -z "${GRAFT_NODE:-}" ] && [ "$(id -u)" = 0 ]; then
	GRAFT_NODE=1 exec unshare -m --propagation private "$BASH" "$0"
fi
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/graft.sh"

bound() { # PATH...: a jq filter: the node's in the place of a file system of the container's own
	local p f=.
	for p in "$@"; do
		f+=" | .mounts |= map(select(.destination != \"$p\" and (.destination | startswith(\"$p/\") | not)))"
		f+=" | .mounts += [{destination: \"$p\", type: \"bind\", source: \"$p\", options: [\"rbind\"]}]"
	done
	echo "$f"
}
nvidia=/proc/driver/nvidia
look='cd /proc/driver/nvidia && find . ! -type d | sort | xargs; sed -n 1p params; sed -n 3p gpus/*/information'
node_sees() { (eval "$look"; ls /sys/class/infiniband /sys/class/infiniband_verbs; cat /proc/self/mountinfo) 2>&1; }

gpus() {
	new_bundle "$deny" "$(annotate gpu=0)" "$(bound /proc)"
	run_sh 'ls /proc/driver/nvidia/gpus | wc -l; sed -n 1p /proc/driver/nvidia/params'
	is "without a curtain all GPUs are shown" "$OUT" "4
ModifyDeviceFiles: 1"
	new_bundle "$deny" "$(annotate 'gpu=2;curtain')" "$(bound /proc)"
	run_sh "$look"
	is "with one: the granted GPU's folder, and parameters by which libraries make no nodes" "$OUT" \
		"./gpus/0000:21:00.0/information ./params ./registry ./version
ModifyDeviceFiles: 0
GPU UUID: 	 GPU-42"
	run_sh 'cat /proc/driver/nvidia/version | head -n 1 | cut -c1-12; sed -n 2,4p /proc/driver/nvidia/params | xargs
		for f in params registry version gpus/0000:21:00.0/information; do
			echo x 2>/dev/null >/proc/driver/nvidia/$f && echo "wrote $f"; done
		mkdir /proc/driver/nvidia/gpus/x 2>/dev/null && echo made'
	is "... the rest reads as it is, and nothing can be written" "$OUT" \
		"NVRM version
DeviceFileUID: 0 DeviceFileGID: 0 DeviceFileMode: 438"
	new_bundle "$deny" "$(annotate 'gpu=all;curtain')" "$(bound /proc)"
	run_sh 'ls /proc/driver/nvidia/gpus | wc -l; sed -n 1p /proc/driver/nvidia/params'
	is "all GPUs: all are shown, the parameters are changed all the same" "$OUT" "4
ModifyDeviceFiles: 0"
}

absent() {
	new_bundle "$deny" "$(annotate 'gpu=0;curtain')"
	write_config
	lib_live[$ID]=1
	rt --debug --log "$WORK/log" run -b "$BUNDLE" "$ID" >/dev/null 2>"$WORK/err" </dev/null
	is "a container whose /proc has no such folder starts" $? 0
	like "... and a debug line says that there is nothing to hide" "$(cat "$WORK/log")" "*no '$nvidia': nothing to hide*"
	unset "lib_live[$ID]"
}

adapters() {
	new_bundle "$deny" "$(annotate 'rdma=mlx5_1;curtain')" "$(bound /sys)"
	run_sh 'cd /sys/class; ls infiniband infiniband_verbs infiniband_mad | xargs
		cat infiniband/mlx5_1/node_guid infiniband_verbs/uverbs1/ibdev infiniband_verbs/abi_version
		readlink infiniband/mlx5_1; touch infiniband/x 2>/dev/null && echo made'
	is "RDMA: the granted adapter alone is in the classes, by the same links" "$OUT" \
		"infiniband: mlx5_1 infiniband_mad: issm1 umad1 infiniband_verbs: abi_version uverbs1
0c42:a103:0065:0001
mlx5_1
6
$(readlink /sys/class/infiniband/mlx5_1)"
	new_bundle "$deny" "$(annotate 'rdma=all;curtain')" "$(bound /sys)"
	run_sh 'grep -c " /sys/class/" /proc/self/mountinfo'
	is "... and where all are granted nothing is mounted" "$OUT" 0
	new_bundle "$deny" "$(annotate 'rdma=mlx5_1;curtain' 'gpu=0;curtain')" "$(bound /sys /proc)" '.linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = [{containerID: 0, hostID: 100000, size: 65536}]'
	run_sh 'ls /sys/class/infiniband /sys/class/infiniband_verbs /proc/driver/nvidia/gpus | xargs; sed -n 1p /proc/driver/nvidia/params'
	is "... in a user namespace too" "$OUT" "/proc/driver/nvidia/gpus: 0000:01:00.0 /sys/class/infiniband: mlx5_1 /sys/class/infiniband_verbs: abi_version uverbs1
ModifyDeviceFiles: 0"
}

# Without a /sys of the container's own the path leads where the image says.
hostile_image() {
	mkdir "$WORK/canary" && echo untouched >"$WORK/canary/mlx5_0"
	new_bundle "$deny" "$(annotate 'rdma=mlx5_1;curtain')" 'del(.mounts[] | select(.destination | startswith("/sys")))'
	mkdir -p "$BUNDLE/rootfs/sys/class" "$BUNDLE/rootfs/inside/mlx5_0"
	ln -s "$WORK/canary" "$BUNDLE/rootfs/sys/class/infiniband"
	ln -s /inside "$BUNDLE/rootfs/sys/class/infiniband_verbs"
	run_sh 'ls /inside; echo started'
	is "links of an image lead to nothing outside of it" "$OUT" "mlx5_0
started"
	is "... and the node's folder is what it was" "$(cat "$WORK/canary/mlx5_0")" untouched
}

policy() {
	local f=/etc/greffon/graft.json
	cp "$f" "$WORK/kept.json"
	jq '.curtain = ["gpu"]' "$WORK/kept.json" >"$f"
	new_bundle "$deny" "$(annotate gpu=0)" "$(bound /proc)"
	run_sh "$look"
	like "the policy's curtain is drawn though nobody asks" "$OUT" "./gpus/0000:01:00.0/information ./params *
ModifyDeviceFiles: 0*"
	like "greffon plan says so" "$(rt plan -b "$BUNDLE" 2>&1)" \
		"*target=$nvidia kind=curtain*hides=gpus/0000:11:00.0*changes=params*graft gpu: policy curtain*"
	jq '.curtain = ["amd"]' "$WORK/kept.json" >"$f"
	refuses "a curtain that there is not is refused" "$(annotate gpu=0)"
	like "... by the policy's member" "$(cat "$WORK/err")" "*curtain*'amd'*\[GRAFT-POLICY]*"
	cp "$WORK/kept.json" "$f"
	refuses "an unknown option is refused" "$(annotate 'gpu=0;curtains')"
	like "... with those that there are" "$(cat "$WORK/err")" "*'curtain'*\[GRAFT-VALUE]*"
}

running() {
	new_bundle "$deny" "$(annotate 'gpu=0;curtain')" "$(bound /proc)"
	with_args /bin/sleep 600
	ct_create && ct_start
	is "the record has it" "$(jq -c .curtain "$STATE/$ID/graft.json")" "[\"$nvidia\"]"
	rt update --graft 'gpu=1;curtain' "$ID" >"$WORK/err" 2>&1 </dev/null
	like "a running container gets no curtain" "$(cat "$WORK/err")" "*leave 'curtain' out*\[GRAFT-HOT]*"
	rt update --graft gpu=1 "$ID" >"$WORK/err" 2>&1 </dev/null
	is "... but another GPU" "$?" 0
	like "... and is told what stays hidden" "$(cat "$WORK/err")" "*$nvidia*\[GRAFT-HOT]*"
	ct_drop
}

# The same by a hook, under another runtime.
hooks() {
	local own=("${lib_runtime[@]}") name hook
	hook=${GREFFON_HOOK:-$(realpath "$(dirname "$(command -v "${lib_runtime[0]}")")/greffon-hook")}
	for name in runc crun; do
		command -v "$name" >/dev/null || { skip "$name, a curtain by greffon-hook" "$name is not installed"; continue; }
		lib_runtime=("$name")
		[ "$name" = runc ] || [ -e /sys/fs/cgroup/cgroup.controllers ] || lib_runtime=("$lib_dir/plain-v1" crun)
		new_bundle "$deny" "$(annotate 'rdma=mlx5_1;curtain')" "$(bound /sys)" ".linux.resources.devices += [
			{allow: true, type: \"c\", major: 231, minor: 193, access: \"rw\"},
			{allow: true, type: \"c\", major: 10, minor: 121, access: \"rw\"}]
			| .hooks.createContainer = [{path: \"$hook\", args: [\"greffon-hook\", \"createContainer\"]},
				{path: \"$hook\", args: [\"greffon-hook\", \"createContainer\"]}]"
		run_sh 'ls /sys/class/infiniband /sys/class/infiniband_verbs | xargs; grep -c " /sys/class/infiniband " /proc/self/mountinfo'
		is "$name, a curtain by greffon-hook, twice as once" "$OUT" \
			"/sys/class/infiniband: mlx5_1 /sys/class/infiniband_verbs: abi_version uverbs1
1"
	done
	lib_runtime=("${own[@]}")
}

if [ "$(id -u)" != 0 ]; then
	skip "curtains in containers" "only root can pretend"
elif ! pretend >"$WORK/pretend.log" 2>&1; then
	skip "curtains in containers" "a mount namespace that pretends can't be made: $(tail -n 1 "$WORK/pretend.log")"
else
	before=$(node_sees)
	gpus
	absent
	adapters
	hostile_image
	policy
	running
	hooks
	is "the node sees what it saw" "$(node_sees)" "$before"
fi
