#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Kubernetes' side of containerd: pods and containers asked for over the container runtime interface, as the kubelet
# does, with the runtime under test as the runtime handler "greffon". The client is tests/engines/cri. Pods have the
# network of the test's own namespace (as hostNetwork has the node's), or an address from the CNI plugins.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/engine.sh"

need CRI containerd ctr protoc /usr/bin/python3
for module in grpc google.protobuf websocket; do
	/usr/bin/python3 -c "import $module" 2>/dev/null || { skip "CRI" "/usr/bin/python3 has no module $module"; exit 0; }
done
here=$(cd "$(dirname "$0")" && pwd)
SOCK=$WORK/containerd.sock
protoc --python_out="$WORK" -I "$here" cri.proto || { fail "protoc"; exit 0; }
cri() { PYTHONPATH=$WORK timeout -k 5 90 nsenter -t "$engine_net" -n -- /usr/bin/python3 -B "$here/cri" "$SOCK" "$@" 2>"$WORK/err"; }

# The handler is that of dist/containerd/config.toml; the rest is where this test lives.
configure() {
	local cni=/usr/lib/cni
	[ -x $cni/ptp ] || cni=/opt/cni/bin
	[ -x $cni/ptp ] || cni=/usr/libexec/cni
	sed "s|/usr/bin/greffon|$runtime_path|" "$lib_top/dist/containerd/config.toml" >"$WORK/containerd.toml"
	sed -i "s|\(.*\)BinaryName = .*|&\n\1Root = \"$WORK/runtime\"|" "$WORK/containerd.toml"
	sed -i "s|^version = 2|version = 2\nroot = \"$WORK/containerd/root\"\nstate = \"$WORK/containerd/state\"|" "$WORK/containerd.toml"
	cat >>"$WORK/containerd.toml" <<-CONF
		[grpc]
		address = "$SOCK"
		[ttrpc]
		address = "$SOCK.ttrpc"
		[plugins."io.containerd.grpc.v1.cri"]
		sandbox_image = "localhost/pause:1"
		restrict_oom_score_adj = true
		netns_mounts_under_state_dir = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		bin_dir = "$cni"
		conf_dir = "$WORK/cni"
	CONF
	mkdir -p "$WORK/cni" "$WORK/logs"
	cat >"$WORK/cni/10-test.conflist" <<-CONF
		{"cniVersion": "0.4.0", "name": "${WORK##*/}", "plugins": [{"type": "ptp", "ipam": {"type": "host-local",
		"dataDir": "$WORK/ipam", "ranges": [[{"subnet": "10.213.7.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
	CONF
	has_cni=
	[ ! -x $cni/ptp ] || has_cni=1
}

pod_config() { # NAME [JQ-FILTER]
	jq -nc --arg name "$1" --arg cg "$CG" --arg logs "$WORK/logs" '{metadata: {name: $name, uid: $name, namespace: "test"},
		log_directory: $logs, annotations: {"org.greffon.test": "pod", "org.example": "other"},
		linux: {cgroup_parent: ($cg + "/" + $name), security_context: {namespace_options: {network: "NODE", pid: "CONTAINER"}}}}
		| '"${2:-.}"
}
run_pod() { # NAME [JQ-FILTER]: its id in POD, its configuration in POD_CONFIG
	POD_CONFIG=$(pod_config "$@")
	POD=$(cri RunPodSandbox "$(jq -nc --argjson c "$POD_CONFIG" '{config: $c, runtime_handler: "greffon"}')" | jq -r .pod_sandbox_id)
	[ -n "$POD" ]
}
create() { # NAME JQ-FILTER COMMAND...: a container in POD; its id in CTR
	local name=$1 filter=$2
	shift 2
	CTR=$(cri CreateContainer "$(jq -nc --arg name "$name" --arg pod "$POD" --argjson sandbox "$POD_CONFIG" '{
		pod_sandbox_id: $pod, sandbox_config: $sandbox, config: ({metadata: {name: $name}, image: {image: "localhost/bb:1"},
			command: $ARGS.positional, log_path: ($name + ".log"), linux: {security_context: {namespace_options:
			$sandbox.linux.security_context.namespace_options}}} | '"$filter"')}' --args -- "$@")" | jq -r .container_id)
	[ -n "$CTR" ]
}
start() { cri StartContainer "{\"container_id\": \"$CTR\"}" >/dev/null; }
run() { create "$@" && start; }
status() { cri ContainerStatus "{\"container_id\": \"$CTR\"}" | jq -r ".status$1"; }
ended() { wait_for eval '[ "$(status .state)" = CONTAINER_EXITED ]'; }
logged() { sed -n 's/^[^ ]* stdout F //p' "$WORK/logs/$1.log"; } # NAME
out_of() { # NAME JQ-FILTER COMMAND...: what a container prints until it ends
	run "$@" && ended && logged "$1"
}
in_ctr() { # COMMAND...: ExecSync; its standard output
	jq -nc --arg id "$CTR" '{container_id: $id, cmd: $ARGS.positional, timeout: 20}' --args -- "$@" >"$WORK/request"
	cri ExecSync "$(cat "$WORK/request")" >"$WORK/answer" || return
	jq -r .stdout "$WORK/answer" | base64 -d
}
remove() { cri RemoveContainer "{\"container_id\": \"$CTR\"}" >/dev/null; }
remove_pod() {
	cri StopPodSandbox "{\"pod_sandbox_id\": \"$POD\"}" >/dev/null && cri RemovePodSandbox "{\"pod_sandbox_id\": \"$POD\"}" >/dev/null
}
ctr_pid() { cri ContainerStatus "{\"container_id\": \"$CTR\", \"verbose\": true}" | jq -r '.info.info | fromjson | .pid'; }
bundle_of() { echo "$WORK/containerd/state/io.containerd.runtime.v2.task/k8s.io/$1"; } # ID

begin() {
	configure
	net_make
	engine_start containerd containerd -c "$WORK/containerd.toml"
	wait_for cri Version || { fail "containerd answers on its CRI socket"; engine_log containerd; exit 0; }
	pass "containerd answers on its CRI socket"
	local k=(ctr -a "$SOCK" -n k8s.io image import)
	make_image localhost/bb:1 "$WORK/bb.tar"
	ok "the image is imported" "${k[@]}" "$WORK/bb.tar"
	make_image localhost/pause:1 "$WORK/pause.tar" '{"Env": ["PATH=/bin"], "Entrypoint": ["/bin/sleep", "1000000"]}'
	ok "the sandbox's image is imported" "${k[@]}" "$WORK/pause.tar"
	is "the runtime is ready" "$(cri Status | jq '.status.conditions[] | select(.type == "RuntimeReady") | .status')" true
}

sandbox() {
	ok "sandbox: runs" run_pod p1
	is "sandbox: ready, of the handler" "$(cri PodSandboxStatus "{\"pod_sandbox_id\": \"$POD\"}" |
		jq -r '.status | "\(.state) \(.runtime_handler)"')" "SANDBOX_READY greffon"
	is "sandbox: the annotations that the handler admits" \
		"$(jq -r '.annotations | "\(.["org.greffon.test"]) \(.["org.example"])"' "$(bundle_of "$POD")/config.json")" "pod null"
	is "sandbox: made by the runtime under test" "$("$runtime_path" --root "$WORK/runtime/k8s.io" list -q)" "$POD"
	cri RunPodSandbox "$(jq -nc --argjson c "$(pod_config other)" '{config: $c, runtime_handler: "none"}')" >/dev/null
	like "sandbox: an unknown handler is refused" "$(cat "$WORK/err")" "*no runtime for*"
}

container() {
	ok "container: created" create c1 . sh -c 'trap "echo bye; exit 3" TERM; echo hello; echo oops >&2; while :; do sleep 0.1; done'
	is "container: created, not running" "$(status .state)" CONTAINER_CREATED
	ok "container: started" start
	is "container: running" "$(status .state)" CONTAINER_RUNNING
	ok "logs: standard output" wait_text "$WORK/logs/c1.log" '^[^ ]* stdout F hello$'
	ok "logs: standard error" wait_text "$WORK/logs/c1.log" '^[^ ]* stderr F oops$'
	like "container: in the pod's cgroup" "$(cgroup_dir "$(ctr_pid)" pids)" "*$CG/p1/$CTR"
	is "exec: output" "$(in_ctr echo in)" in
	in_ctr sh -c 'echo wrong >&2; exit 7' >/dev/null
	is "exec: exit status" "$(jq -r .exit_code "$WORK/answer")" 7
	is "exec: standard error apart" "$(jq -r .stderr "$WORK/answer" | base64 -d)" wrong
	in_ctr no-such-program
	like "exec: no such program" "$(cat "$WORK/err")" "*no-such-program*"
	cri ExecSync "{\"container_id\": \"$CTR\", \"cmd\": [\"sleep\", \"60\"], \"timeout\": 1}" >/dev/null
	like "exec: a time limit (probes)" "$(cat "$WORK/err")" "*DEADLINE*timeout*"
	streams
	mv "$WORK/logs/c1.log" "$WORK/logs/c1.log.1"
	ok "logs: reopened after rotation" cri ReopenContainerLog "{\"container_id\": \"$CTR\"}"
	is "logs: the file is there again" "$(wait_for test -e "$WORK/logs/c1.log"; echo $?)" 0
	stats
	update
	ok "stop: asks" cri StopContainer "{\"container_id\": \"$CTR\", \"timeout\": 20}"
	is "stop: the program's answer" "$(status '| "\(.state) \(.exit_code)"')" "CONTAINER_EXITED 3"
	is "logs: the last words" "$(logged c1)" bye
	ok "remove" remove
}

# kubectl exec and attach: a websocket to the streaming server
streams() {
	is "exec -i: what goes in comes out" "$(printf 'a\nb\n' | cri Exec \
		"{\"container_id\": \"$CTR\", \"cmd\": [\"sh\", \"-c\", \"read x; read y; echo \$y\$x\"], \"stdin\": true, \"stdout\": true}")" ba
	cri Exec "{\"container_id\": \"$CTR\", \"cmd\": [\"sh\", \"-c\", \"exit 9\"], \"stdout\": true}" </dev/null
	is "exec: the stream tells the exit status" $? 9
	is "exec -it: a terminal" "$(printf 'echo $((40 + 2))-$(tty)\nexit\n' | cri Exec \
		"{\"container_id\": \"$CTR\", \"cmd\": [\"sh\"], \"stdin\": true, \"stdout\": true, \"tty\": true}" | grep -o '^42-/dev/pts/[0-9]')" 42-/dev/pts/0
}

stats() {
	cri ContainerStats "{\"container_id\": \"$CTR\"}" >"$WORK/answer"
	is "stats: processor time" "$(jq '.stats.cpu.usage_core_nano_seconds.value | tonumber > 0' "$WORK/answer")" true
	is "stats: memory" "$(jq '.stats.memory.working_set_bytes.value | tonumber > 0' "$WORK/answer")" true
}

update() {
	local dir
	ok "update: accepted" cri UpdateContainerResources "{\"container_id\": \"$CTR\", \"linux\":
		{\"memory_limit_in_bytes\": 67108864, \"cpu_quota\": 50000, \"cpu_period\": 100000, \"cpu_shares\": 512}}"
	if dir=$(cgroup_dir "$(ctr_pid)" memory); then
		is "update: memory" "$(cat "$dir"/memory.limit_in_bytes "$dir"/memory.max 2>/dev/null)" 67108864
	else
		skip "update: memory" "no memory controller here"
	fi
	if dir=$(cgroup_dir "$(ctr_pid)" cpu); then
		like "update: cpu" "$(cat "$dir"/cpu.cfs_quota_us "$dir"/cpu.max 2>/dev/null)" "50000*"
	else
		skip "update: cpu" "no cpu controller here"
	fi
}

# What a pod's specification asks for.
asked() {
	mkdir -p "$WORK/volume"
	is "user and groups" "$(out_of a1 '.linux.security_context += {run_as_user: {value: 7}, run_as_group: {value: 8}, supplemental_groups: [9, 10]}' \
		sh -c 'echo $(id -u) $(id -g) $(id -G)')" "7 8 8 9 10"
	is "environment and directory" "$(out_of a2 '.envs = [{key: "A", value: "b"}] | .working_dir = "/tmp"' sh -c 'echo $A $(pwd)')" "b /tmp"
	is "read-only root" "$(out_of a3 '.linux.security_context.readonly_rootfs = true' sh -c 'touch /x 2>/dev/null || echo ro')" ro
	is "capabilities" "$(out_of a4 '.linux.security_context.capabilities = {drop_capabilities: ["ALL"], add_capabilities: ["NET_RAW"]}' \
		grep CapEff /proc/self/status | awk '{ print $2 }')" 0000000000002000
	is "seccomp" "$(out_of a5 '.linux.security_context.seccomp = {profile_type: "RuntimeDefault"}' \
		grep Seccomp: /proc/self/status | awk '{ print $2 }')" 2
	is "no new privileges" "$(out_of a6 '.linux.security_context.no_new_privs = true' \
		grep NoNewPrivs /proc/self/status | awk '{ print $2 }')" 1
	is "masked and read-only paths" "$(out_of a7 '.linux.security_context += {masked_paths: ["/proc/kcore"], readonly_paths: ["/proc/sys"]}' \
		sh -c 'echo $(head -c 1 /proc/kcore | wc -c); echo x 2>/dev/null >/proc/sys/kernel/domainname || echo ro' | xargs)" "0 ro"
	is "volumes" "$(out_of a8 ".mounts = [{container_path: \"/v\", host_path: \"$WORK/volume\"}, {container_path: \"/r\", host_path: \"$WORK/volume\", readonly: true}]" \
		sh -c 'echo written >/v/f; cat /r/f; echo x 2>/dev/null >/r/f || echo ro' | xargs)" "written ro"
	is "devices" "$(out_of a9 '.devices = [{container_path: "/dev/filled", host_path: "/dev/full", permissions: "rw"}]' \
		sh -c 'echo x 2>/dev/null >/dev/filled || echo full; mknod /tmp/m b 7 0 && cat /tmp/m 2>/dev/null || echo refused' | xargs)" "full refused"
	is "limits" "$(out_of a11 '.linux.resources = {memory_limit_in_bytes: 67108864, cpu_shares: 512, cpuset_cpus: "0", oom_score_adj: 999}' \
		sh -c 'nproc; cat /proc/self/oom_score_adj' | xargs)" "1 999"
	is "host name" "$(out_of a12 . hostname)" "$(hostname)"
	is "the network of the node" "$(out_of a13 . readlink /proc/self/ns/net)" "$(readlink "/proc/$engine_net/ns/net")"
}

ends() {
	run d1 . sh -c 'trap : TERM; echo up; while :; do sleep 0.1; done' && wait_text "$WORK/logs/d1.log" up
	ok "stop: insists after its time" cri StopContainer "{\"container_id\": \"$CTR\", \"timeout\": 1}"
	is "stop: 137" "$(status .exit_code)" 137
	is "an end by itself" "$(out_of d2 . sh -c 'exit 5'; status '| "\(.exit_code) \(.reason)"')" "5 Error"
	is "an end without error" "$(out_of d3 . true; status '| "\(.exit_code) \(.reason)"')" "0 Completed"
	create d4 . no-such-program && start
	like "no such program: the start says so" "$(cat "$WORK/err")" "*no-such-program*"
	is "no such program: the status" "$(status '| "\(.exit_code) \(.reason)"')" "128 StartError"
	out_of_memory
	run d6 . sleep 1000
	kill -KILL "$(ctr_pid)"
	ended
	is "killed from outside" "$(status .exit_code)" 137
	run d7 . sleep 1000
	ok "remove: of a running container" remove
}

out_of_memory() {
	if ! cgroup_dir $$ memory >/dev/null; then
		skip "out of memory" "no memory controller here"
		return
	fi
	out_of d5 '.linux.resources = {memory_limit_in_bytes: 16777216}' \
		sh -c 'x=$(head -c 100000000 /dev/zero | tr "\0" x); exec true' >/dev/null
	like "out of memory" "$(status '| "\(.exit_code) \(.reason)"')" "@(137 OOMKilled|2 Error|2 OOMKilled)"
}

attach() {
	run t1 '.stdin = true | .tty = true' sh
	is "attach: a terminal" "$( (sleep 1; printf 'echo $((40 + 2))-$(tty)\nexit 4\n'; sleep 1) | cri Attach \
		"{\"container_id\": \"$CTR\", \"stdin\": true, \"stdout\": true, \"tty\": true}" | tr -d '\r' | grep -o '^42-/dev/pts/[0-9]')" 42-/dev/pts/0
	ended
	is "attach: the exit status" "$(status .exit_code)" 4
	remove
}

shared() {
	ok "pod with shared namespaces: runs" run_pod p2 '.linux.security_context.namespace_options = {network: "NODE", pid: "POD", ipc: "POD"}'
	run s1 . sh -c 'echo first >/dev/shm/f; exec sleep 1000'
	is "shared pid: the sandbox is 1" "$(in_ctr cat /proc/1/comm)" sleep
	local first=$CTR
	is "shared pid: sees the other's processes" "$(out_of s2 . sh -c 'ps | grep -q "[s]leep 1000$" && echo yes')" yes
	is "shared ipc: /dev/shm" "$(out_of s3 . cat /dev/shm/f)" first
	remove_pod
	ok "pod with pids apart: runs" run_pod p3
	run s4 . sleep 1000
	is "own pid: the program is 1" "$(in_ctr cat /proc/1/comm)" sleep
	first=$CTR
	is "pid of a target (kubectl debug)" "$(out_of s5 ".linux.security_context.namespace_options |= . + {pid: \"TARGET\", target_id: \"$first\"}" \
		sh -c 'tr "\0" " " </proc/1/cmdline; echo')" "sleep 1000 "
	remove_pod
}

network() {
	if [ -z "$has_cni" ]; then
		skip "pod network" "the CNI plugins are not installed"
		return
	fi
	ok "pod network: runs" run_pod p4 '.hostname = "box" | .linux.security_context.namespace_options.network = "POD"
		| .linux.sysctls = {"net.ipv4.ip_unprivileged_port_start": "0"}'
	[ -n "$POD" ] || return
	like "pod network: an address" "$(cri PodSandboxStatus "{\"pod_sandbox_id\": \"$POD\"}" | jq -r .status.network.ip)" "10.213.7.*"
	is "pod network: the containers' too" "$(out_of n1 . sh -c 'ip -4 addr show eth0 | grep -c 10.213.7; hostname' | xargs)" "1 box"
	is "pod network: sysctl" "$(out_of n2 . cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" 0
	is "pod network: the node answers" "$(out_of n3 . sh -c 'ping -c 1 -W 5 $(ip route | sed -n "s/^default via \([^ ]*\).*/\1/p") >/dev/null && echo yes')" yes
	remove_pod
}

finish() {
	local pods=$POD
	run z1 . sleep 1000
	local pid
	pid=$(ctr_pid)
	ok "stopping a pod ends its containers" cri StopPodSandbox "{\"pod_sandbox_id\": \"$POD\"}"
	is "stopping a pod: their processes are gone" "$(wait_gone "$pid"; echo $?)" 0
	is "a stopped pod is not ready" "$(cri PodSandboxStatus "{\"pod_sandbox_id\": \"$POD\"}" | jq -r .status.state)" SANDBOX_NOTREADY
	ok "a pod is removed" cri RemovePodSandbox "{\"pod_sandbox_id\": \"$pods\"}"
	engine_stop containerd
	wait_for eval '[ -z "$(engine_procs)" ]'
	rmdir "/sys/fs/cgroup$CG"/p? /sys/fs/cgroup/*"$CG"/p? 2>/dev/null # the kubelet's own
	engine_leftovers
}

begin
sandbox
[ -n "$POD" ] || exit 0
container
asked
ends
attach
first_pod=$POD first_config=$POD_CONFIG
shared
network
POD=$first_pod POD_CONFIG=$first_config
finish
