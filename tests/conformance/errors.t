#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config.md#valid-values and runtime.md#errors: what MUST generate an error, leaving nothing behind.
. "$(dirname "$0")/../lib/lib.sh"

as_is() { # NAME TEXT: a config.json with just this text
	new_bundle
	printf '%s' "$2" >"$BUNDLE/config.json"
	ct_create_as_is
	refused "$1" $?
}

documents() {
	local v="config.md#valid-values"
	new_bundle
	rm -f "$BUNDLE/config.json"
	ct_create_as_is
	refused "bundle.md: config.json MUST be there" $?
	as_is "$v: an empty config.json" ''
	as_is "$v: no JSON" 'this is not JSON'
	as_is "$v: an array" '[]'
	as_is "$v: a string" '"x"'
	as_is "$v: null" 'null'
	new_bundle
	write_config
	as_is "$v: a truncated document" "$(head -c 300 "$BUNDLE/config.json")"
	as_is "$v: something after the document" "$(cat "$BUNDLE/config.json") trailing"
	new_bundle
	lib_live[$ID]=1
	rt create --bundle "$BUNDLE/no-such" "$ID" >/dev/null 2>"$WORK/err" </dev/null
	refused "runtime.md#create: a bundle that is missing" $?
}

required() {
	local f
	for f in ociVersion process.cwd process.args root.path 'linux.namespaces[0].type' \
		'mounts[0].destination'; do
		refuses "config.md: the required $f that is missing MUST generate an error" "del(.$f)"
	done
	refuses "config.md#process args: an empty array MUST generate an error" '.process.args = []'
	refuses "config.md#specification-version: one that is no version MUST generate an error" \
		'.ociVersion = "abc"'
	refuses "config.md#specification-version: another major version MUST generate an error" \
		'.ociVersion = "9.0.0"'
}

types() {
	local row
	for row in '.ociVersion = 1' '.process = []' '.process.args = "sh"' '.process.env = {}' \
		'.process.user.uid = "0"' '.process.user.uid = -1' '.process.cwd = 1' '.root = "rootfs"' \
		'.root.readonly = "yes"' '.mounts = {}' '.mounts[0].options = "ro"' '.hostname = 5' \
		'.linux.namespaces = "pid"' '.linux.uidMappings = {}' '.linux.resources = []' \
		'.linux.resources.memory.limit = "1G"' '.hooks.prestart = {}' '.annotations = []' \
		'.linux.seccomp = "x"' '.linux.devices = [1]' '.linux.maskedPaths = "/proc/kcore"'; do
		refuses "config.md#valid-values: the wrong type $row MUST generate an error" "$row"
	done
}

process() {
	local p="config.md#process"
	refuses "$p cwd: MUST be an absolute path" '.process.cwd = "bin"'
	refuses "$p args: a program that does not exist" '.process.args = ["/no/such/program"]'
	refuses "$p args: a name that is not in the PATH" '.process.args = ["no-such-program"]'
	refuses "$p rlimits: an unknown type MUST generate an error" \
		'.process.rlimits = [{type: "RLIMIT_NOSUCH", soft: 1, hard: 1}]'
	refuses "$p rlimits: two of the same type MUST generate an error" \
		'.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 100},
		{type: "RLIMIT_NOFILE", soft: 200, hard: 200}]'
	refuses "$p rlimits: a soft limit above the hard one MUST generate an error" \
		'.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 200, hard: 100}]'
	refuses "$p oomScoreAdj: a value out of range MUST generate an error" '.process.oomScoreAdj = 2000'
	refuses "$p scheduler: an unknown policy MUST generate an error" \
		'.process.scheduler = {policy: "SCHED_NOSUCH"}'
	refuses "$p ioPriority: an unknown class MUST generate an error" \
		'.process.ioPriority = {class: "IOPRIO_CLASS_NOSUCH", priority: 1}'
	refuses "$p apparmorProfile: one that cannot be applied MUST generate an error" \
		'.process.apparmorProfile = "no-such-profile-\($ENV.ID)"'
}

files() {
	refuses "config.md#root path: a directory MUST exist there" '.root.path = "no-such"'
	new_bundle '.root.path = "file"'
	touch "$BUNDLE/file"
	ct_create
	refused "config.md#root path: MUST be a directory" $?
	refuses "config.md#mounts source: a bind mount of nothing" \
		'.mounts += [{destination: "/mnt", type: "bind", source: "/no/such", options: ["bind"]}]'
	refuses "config.md#mounts type: one that the kernel does not know" \
		'.mounts += [{destination: "/mnt", type: "no-such-fs", source: "x"}]'
	refuses "config.md#mounts options: one that the file system refuses" \
		'.mounts += [{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["size=no-number"]}]'
	new_bundle '.mounts += [{destination: "/etc/passwd/below", type: "tmpfs", source: "tmpfs"}]'
	ct_create
	refused "config.md#mounts destination: one below a file" $?
}

linux() {
	refuses "config-linux.md#rootfs-mount-propagation: an unknown value" \
		'.linux.rootfsPropagation = "nosuch"'
	refuses "config-linux.md#personality: an unknown domain" '.linux.personality = {domain: "NOSUCH"}'
	refuses "config-linux.md#devices: an unknown type" \
		'.linux.devices = [{path: "/dev/x", type: "x", major: 1, minor: 3}]'
	refuses "config-linux.md#memory limit: one too small for a process" \
		'.linux.resources.memory = {limit: 1}'
	refuses "config-linux.md#cpu cpus: one that is not there" '.linux.resources.cpu = {cpus: "9999"}'
	refuses "config-linux.md#cpu quota: one that the kernel refuses" \
		'.linux.resources.cpu = {quota: 10, period: 100000}'
	local rdt="config-linux.md#intelrdt: without resctrl an error MUST be generated"
	if grep -q -e ' - resctrl ' /proc/self/mountinfo; then
		skip "$rdt" "resctrl is mounted"
	else
		refuses "$rdt" '.linux.intelRdt = {closID: "c\($ENV.ID)", l3CacheSchema: "L3:0=f"}'
	fi
}

hooks() {
	local h="config.md#hooks" t
	refuses "$h path: MUST be an absolute path" '.hooks.createRuntime = [{path: "bin/true"}]'
	for t in 0 -1; do
		refuses "$h timeout: $t MUST generate an error, it has to be greater than zero" \
			".hooks.createRuntime = [{path: \"/bin/true\", timeout: $t}]"
	done
	refuses "$h path: is required" '.hooks.createRuntime = [{args: ["x"]}]'
}

nothing_left() { # after all of these
	is "runtime.md#errors: no mount is left behind" \
		"$(grep -c " $WORK/b" /proc/self/mountinfo)" 0
	is "runtime.md#errors: no cgroup is left behind" \
		"$(find /sys/fs/cgroup"$CG" /sys/fs/cgroup/*"$CG" -mindepth 1 -type d 2>/dev/null | head -3)" ""
	new_bundle
	ok "runtime.md#errors: a correct bundle is created afterwards" ct_run
}

documents
required
types
process
files
linux
hooks
nothing_left
