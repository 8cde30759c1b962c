#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bad input: exactly one clear line that names the field, exit status 1, nothing on standard output, nothing left
# behind, in under two seconds.
. "$(dirname "$0")/../lib/lib.sh"

# judge NAME STATUS WANT-STATUS TEXT: standard error in WORK/err has to be one line that contains TEXT
judge() {
	local name=$1 rc=$2 want=$3 text=$4 left
	if [ "$rc" -ne "$want" ]; then
		fail "$name" "exit status $rc, wanted $want"
	elif [ "$(wc -l <"$WORK/err")" -ne 1 ]; then
		fail "$name" "$(wc -l <"$WORK/err") lines on standard error, wanted one"
	elif ! grep -qF -e "$text" "$WORK/err"; then
		fail "$name" "no '$text' in the message"
	elif [ -s "$WORK/stdout" ]; then
		fail "$name" "standard output is not empty"
	elif ! left=$(clean_of "$ID" "$BUNDLE"); then
		fail "$name" "$left"
	else
		pass "$name"
	fi
	rt delete --force "$ID" >/dev/null 2>&1
}

create_raw() { # the config.json that is there
	timeout --foreground -k 1 5 "${lib_runtime[@]}" --root "$STATE" create --bundle "$BUNDLE" "$ID" \
		>"$WORK/stdout" 2>"$WORK/err" </dev/null
}

# field TEXT JQ-FILTER: a config with that change is refused, and the message has TEXT
field() {
	new_bundle "$2"
	write_config
	create_raw
	judge "config: $1 <- $2" $? 1 "$1"
	rm -rf "$BUNDLE"
}

# text NAME TEXT CONTENT: config.json is CONTENT
text() {
	new_bundle
	printf '%b' "$3" >"$BUNDLE/config.json"
	create_raw
	judge "json: $1" $? 1 "$2"
	rm -rf "$BUNDLE"
}

documents() {
	text "empty file" "object" ''
	text "only spaces" "object" '  \n '
	text "null" "object" 'null'
	text "an array" "object" '[]'
	text "a string" "object" '"x"'
	text "a number" "object" '0'
	text "truncated" "config.json" '{"ociVersion": "1.0.2", "process": {'
	text "trailing garbage" "config.json" '{"ociVersion":"1.0.2"} x'
	text "a second document" "config.json" '{"ociVersion":"1.0.2"}{}'
	text "a comment" "config.json" '{"ociVersion":"1.0.2" /* no */}'
	text "trailing comma" "config.json" '{"ociVersion":"1.0.2",}'
	text "single quotes" "config.json" "{'ociVersion':'1.0.2'}"
	text "byte order mark" "config.json" '\xef\xbb\xbf{"ociVersion":"1.0.2"}'
	text "NUL byte" "config.json" '{"ociVersion":"1.0.2"\0}'
	text "escaped NUL" "hostname" '{"ociVersion":"1.0.2","hostname":"a\\u0000b"}'
	text "invalid UTF-8" "config.json" '{"ociVersion":"1.0.2","hostname":"\xff"}'
	text "duplicate key" "root" '{"ociVersion":"1.0.2","root":{"path":"rootfs"},"root":{"path":"/x"}}'
	text "nesting of 10000" "deep" "{\"x\":$(printf '[%.0s' {1..10000})"
	text "leading zero" "config.json" '{"ociVersion":"1.0.2","process":{"cwd":"/","user":{"uid":01,"gid":0}}}'
	new_bundle
	head -c 17M /dev/zero | tr '\0' ' ' >"$BUNDLE/config.json"
	create_raw
	judge "json: larger than 16 MiB" $? 1 "16 MiB"
}

config_files() {
	new_bundle
	create_raw
	judge "config.json missing" $? 1 "config.json"
	new_bundle
	mkdir "$BUNDLE/config.json"
	create_raw
	judge "config.json is a directory" $? 1 "config.json"
	new_bundle
	mkfifo "$BUNDLE/config.json"
	create_raw
	judge "config.json is a fifo: no hang" $? 1 "config.json"
	new_bundle
	ln -s config.json "$BUNDLE/config.json"
	create_raw
	judge "config.json is a link loop" $? 1 "config.json"
}

types_and_numbers() {
	field "process.args" '.process.args = "sh"'
	field "process.args[0]" '.process.args = [1]'
	field "process.cwd" '.process.cwd = 3'
	field "process.user.uid" '.process.user.uid = -1'
	field "process.user.uid" '.process.user.uid = 4294967296'
	field "process.user.uid" '.process.user.uid = 1.5'
	field "process.user.uid" '.process.user.uid = "0"'
	field "linux.resources.memory.limit" '.linux.resources.memory.limit = "lots"'
	field "linux.resources.pids.limit" '.linux.resources.pids.limit = true'
	field "mounts[0].destination" '.mounts[0].destination = null'
	field "linux.namespaces[0].type" '.linux.namespaces[0].type = "disk"'
	field "ociVersion" 'del(.ociVersion)'
	field "ociVersion" '.ociVersion = "abc"'
	field "ociVersion" '.ociVersion = "2.0.0"'
}

process_fields() {
	field "process.args" '.process.args = []'
	field "process.args[0]" '.process.args = [""]'
	field "executable file" '.process.args = ["/no/such/program"]'
	field 'not found in $PATH' '.process.args = ["no-such-program"]'
	field "process.args[0]" '.process.args = ["/etc"]'
	field "permission denied" '.process.args = ["/etc/passwd"]'
	field "process.cwd" '.process.cwd = "tmp"'
	field "process.cwd" '.process.cwd = ""'
	field "process.cwd" '.process.cwd = "/etc/passwd"'
	field "process.cwd" '.process.cwd = "/proc/self/fd/7"'
	field "process.env[1]" '.process.env = ["PATH=/bin", "no-equals"]'
	field "process.env[0]" '.process.env = ["=x"]'
	field "process.user.additionalGids" '.process.user.additionalGids = [-1]'
	field "process.rlimits[0].type" '.process.rlimits = [{type: "RLIMIT_FOO", hard: 1, soft: 1}]'
	field "process.rlimits[0]" '.process.rlimits = [{type: "RLIMIT_CORE", hard: 1, soft: 2}]'
	field "process.rlimits[1].type" '.process.rlimits = [{type: "RLIMIT_CORE", hard: 1, soft: 1}, {type: "RLIMIT_CORE", hard: 1, soft: 1}]'
	field "process.oomScoreAdj" '.process.oomScoreAdj = 1001'
	field "process.ioPriority" '.process.ioPriority = {class: "IOPRIO_CLASS_FOO", priority: 1}'
	field "process.scheduler" '.process.scheduler = {policy: "SCHED_FOO"}'
	field "process.apparmorProfile" '.process.apparmorProfile = "no-such-profile"'
	field "process.selinuxLabel" '.process.selinuxLabel = "a:b:c:d"'
	field "process.terminal" '.process.terminal = true'
}

root_and_mounts() {
	field "root" 'del(.root)'
	field "root.path" '.root.path = ""'
	field "root.path" '.root.path = "nowhere"'
	field "root.path" '.root.path = "config.json"'
	field "root.path" '.root.path = "/"'
	field "mounts[5].destination" '.mounts += [{destination: "", type: "tmpfs", source: "t"}]'
	field "mounts[5].destination" '.mounts += [{destination: "/", type: "tmpfs", source: "t"}]'
	field "mounts[5].source" '.mounts += [{destination: "/mnt", type: "bind", source: "/no/such", options: ["bind"]}]'
	field "mounts[5]" '.mounts += [{destination: "/mnt", type: "nosuchfs", source: "x"}]'
	field "mounts[5]" '.mounts += [{destination: "/mnt", type: "tmpfs", source: "x", options: ["size=-1"]}]'
	field "mounts[5]" '.mounts += [{destination: "/proc/sys/kernel", type: "tmpfs", source: "x"}]'
	field "mounts[5].options" '.mounts += [{destination: "/mnt", type: "bind", source: "/tmp", options: ["bind", "size=1"]}]'
	field "mounts[5]" '.mounts += [{destination: "/mnt", type: "bind", source: "/tmp", options: ["bind", "idmap"]}]'
}

namespaces_and_maps() {
	field "linux.namespaces[4].type" '.linux.namespaces += [{type: "pid"}]'
	field "linux.namespaces[4].path" '.linux.namespaces += [{type: "network", path: "/no/such"}]'
	field "linux.namespaces[4].path" '.linux.namespaces += [{type: "network", path: "/etc/passwd"}]'
	field "linux.namespaces[4].path" '.linux.namespaces += [{type: "network", path: "/proc/self/ns/mnt"}]'
	field "linux.namespaces[4].path" '.linux.namespaces += [{type: "network", path: "rel"}]'
	field "hostname" '.linux.namespaces |= map(select(.type != "uts")) | .hostname = "x"'
	field "linux.uidMappings" '.linux.namespaces += [{type: "user"}]'
	field "linux.uidMappings[1]" '.linux.namespaces += [{type: "user"}] | .linux.gidMappings = [{containerID: 0, hostID: 0, size: 9}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 9}, {containerID: 5, hostID: 100, size: 9}]'
	field "linux.uidMappings[0].size" '.linux.namespaces += [{type: "user"}] | .linux.gidMappings = [{containerID: 0, hostID: 0, size: 9}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 0}]'
	field "linux.uidMappings[0]" '.linux.namespaces += [{type: "user"}] | .linux.gidMappings = [{containerID: 0, hostID: 0, size: 9}] | .linux.uidMappings = [{containerID: 4294967290, hostID: 0, size: 100}]'
}

linux_fields() {
	field "linux.devices[0].type" '.linux.devices = [{path: "/dev/x", type: "x", major: 1, minor: 1}]'
	field "linux.devices[0].path" '.linux.devices = [{path: "dev/x", type: "c", major: 1, minor: 1}]'
	field "linux.devices[0]" '.linux.devices = [{path: "/dev/x", type: "c", major: -1, minor: 1}]'
	field "linux.resources.memory.swap" '.linux.resources.memory = {limit: 67108864, swap: 1048576}'
	field "linux.resources.unified" '.linux.resources.unified = {"a/b": "1"}'
	field "linux.cgroupsPath" '.linux.cgroupsPath = "/a/../../b"'
	field "linux.seccomp" '.linux.seccomp = {defaultAction: "SCMP_ACT_FOO"}'
	field "linux.seccomp.syscalls[0]" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["read"], action: "SCMP_ACT_ERRNO", args: [{index: 6, value: 1, op: "SCMP_CMP_EQ"}]}]}'
	field "linux.seccomp.syscalls[0].names" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: [], action: "SCMP_ACT_ERRNO"}]}'
	field "linux.seccomp.listenerPath" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["getsid"], action: "SCMP_ACT_NOTIFY"}]}'
	field "linux.intelRdt" '.linux.intelRdt = {closID: "x"}'
	field "linux.netDevices" '.linux.netDevices = {eth7: {}}'
	field "linux.maskedPaths[0]" '.linux.maskedPaths = ["rel"]'
	field "linux.readonlyPaths[0]" '.linux.readonlyPaths = ["rel"]'
	field "linux.sysctl" '.linux.sysctl = {"kernel.core_pattern": "x"}'
	field "linux.sysctl" '.linux.sysctl = {"net/../kernel/core_pattern": "x"}'
	field "linux.sysctl" '.linux.sysctl = {"net.ipv4.ip_forward": "1"}'
	field "linux.sysctl" '.linux.sysctl = {"kernel.shmmax": "1\nx"}'
	field "linux.rootfsPropagation" '.linux.rootfsPropagation = "foo"'
	field "linux.personality" '.linux.personality = {domain: "FOO"}'
	field "linux.timeOffsets" '.linux.timeOffsets = {monotonic: {secs: 1, nanosecs: 0}}'
	field "hooks.prestart[0].path" '.hooks.prestart = [{path: "rel"}]'
	field "hooks.createRuntime[0].timeout" '.hooks.createRuntime = [{path: "/bin/true", timeout: 0}]'
	field "hooks.createRuntime[0]" '.hooks.createRuntime = [{path: "/no/such/hook"}]'
}

# ids: refused by name, and format strings in them are inert
ids() {
	local id
	new_bundle
	write_config
	for id in '' . .. ../x a/b 'a b' $'a\nb' '%s%n' .gone-x "$(printf 'x%.0s' {1..256})" 'ümlaut'; do
		timeout 5 "${lib_runtime[@]}" --root "$STATE" create --bundle "$BUNDLE" -- "$id" \
			>"$WORK/stdout" 2>"$WORK/err" </dev/null
		judge "id: '${id:0:20}'" $? 1 "container id"
	done
	rt create --bundle "$BUNDLE" >"$WORK/stdout" 2>"$WORK/err"
	judge "id: none" $? 1 "create"
}

# Each command on a container that is not there, and in the wrong state.
states() {
	local verb
	new_bundle
	: >"$WORK/stdout"
	for verb in start state kill delete pause resume ps; do
		rt "$verb" "no-$ID" >"$WORK/stdout" 2>"$WORK/err"
		judge "$verb: unknown id" $? 1 "does not exist"
	done
	rt exec "no-$ID" true >"$WORK/stdout" 2>"$WORK/err"
	judge "exec: unknown id" $? 255 "does not exist"
	rt delete --force "no-$ID" >"$WORK/stdout" 2>"$WORK/err"
	is "delete --force: unknown id is success" $? 0
	is "delete --force: and says nothing" "$(cat "$WORK/err" "$WORK/stdout")" ""
	with_args /bin/true
	ct_create && ct_start
	wait_gone "$PID"
	rt kill "$ID" TERM >"$WORK/stdout" 2>"$WORK/err"
	like "kill: stopped: the words containerd and CRI-O match on" "$(cat "$WORK/err")" \
		"*container not running*no such process*"
	rt start "$ID" >"$WORK/stdout" 2>"$WORK/err"
	like "start: stopped: the status is in the text" "$?$(cat "$WORK/err")" "1*stopped*"
	rt exec "$ID" true >"$WORK/stdout" 2>"$WORK/err"
	like "exec: stopped" "$?$(cat "$WORK/err")" "255*stopped*"
	ct_drop
}

options() {
	new_bundle
	: >"$WORK/stdout"
	rt create --no-such-option x >"$WORK/stdout" 2>"$WORK/err"
	judge "option: unknown" $? 1 "--no-such-option"
	rt create --bundle >"$WORK/stdout" 2>"$WORK/err"
	judge "option: value missing" $? 1 "flag needs an argument"
	rt no-such-command >"$WORK/stdout" 2>"$WORK/err"
	judge "command: unknown" $? 1 "no-such-command"
	rt create --bundle /no/such "$ID" >"$WORK/stdout" 2>"$WORK/err"
	judge "--bundle: missing" $? 1 "--bundle"
	write_config
	rt create --bundle "$BUNDLE" --preserve-fds 40 "$ID" >"$WORK/stdout" 2>"$WORK/err"
	judge "--preserve-fds: not open" $? 1 "--preserve-fds"
	rt create --bundle "$BUNDLE" --preserve-fds 1 "$ID" >"$WORK/stdout" 2>"$WORK/err" 3>&-
	judge "--preserve-fds: the first is not open, where the runtime's own come to lie" $? 1 "--preserve-fds"
	rt create --bundle "$BUNDLE" --preserve-fds -1 "$ID" >"$WORK/stdout" 2>"$WORK/err"
	judge "--preserve-fds: negative" $? 1 "--preserve-fds"
	rt exec --preserve-fds 40 "$ID" true >"$WORK/stdout" 2>"$WORK/err"
	judge "exec --preserve-fds: not open" $? 255 "--preserve-fds"
	rt exec --preserve-fds 4294967295 "$ID" true >"$WORK/stdout" 2>"$WORK/err"
	judge "exec --preserve-fds: beyond all use" $? 255 "--preserve-fds"
	rt create --bundle "$BUNDLE" --pid-file /no/such/dir/pid "$ID" >"$WORK/stdout" 2>"$WORK/err"
	judge "--pid-file: in a missing folder" $? 1 "--pid-file"
	rt kill "$ID" SIGFOO >"$WORK/stdout" 2>"$WORK/err"
	judge "kill: unknown signal or container" $? 1 "kill"
}

documents
config_files
types_and_numbers
process_fields
root_and_mounts
namespaces_and_maps
linux_fields
ids
states
options
