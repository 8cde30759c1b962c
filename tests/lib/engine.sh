# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Shared by the tests that start a container engine of the distribution with the runtime under test; source it
# after lib.sh. Nothing of the machine's own engines is used: every daemon has its sockets, roots and state in
# WORK, and a network namespace that the test made where it has a network. It gives
#   the runtime   runtime_path (one path, also when RUNTIME is a command line), is_greffon
#   images        make_image
#   daemons       engine_start, engine_stop, engine_log; in_net (a command in the network namespace)
#   terminals     in_tty
#   pages         page_blocks: runs the commands that a how-to page shows
#   the end       engine_leftovers: what must not be left

EB=$WORK/bin # first in PATH: the engines' clients, told to use this test's daemons
mkdir "$EB"
export PATH=$EB:$PATH
export TMPDIR=$WORK/tmp XDG_RUNTIME_DIR=$WORK/xdg
mkdir -m 1777 "$TMPDIR"
mkdir -m 700 "$XDG_RUNTIME_DIR"

need() { # NAME PROGRAM...: ends the test with a skip, unless root has them all
	local p
	[ "$(id -u)" = 0 ] || { skip "$1" "needs root"; exit 0; }
	for p in "${@:2}"; do
		command -v "$p" >/dev/null || { skip "$1" "$p is not installed"; exit 0; }
	done
}

runtime_path=$(command -v "${lib_runtime[0]}")
if [ ${#lib_runtime[@]} -gt 1 ]; then
	printf '#!/bin/sh\nexec %s "$@"\n' "$RUNTIME" >"$EB/runtime"
	chmod +x "$EB/runtime"
	runtime_path=$EB/runtime
fi

# is_greffon: for what a test says of greffon alone, not of every runtime that an engine may call
is_greffon() { [[ $("$runtime_path" --version 2>/dev/null) == greffon* ]]; }

# make_image NAME FILE [CONFIG-JSON]: an image archive with busybox and the probe in one layer, as
# 'docker save' writes it. The applets are those that engines run.
make_image() {
	local d=$WORK/image a sum
	mkdir -p "$d"
	if [ ! -e "$d/layer.tar" ]; then
		cp -a "$LIB_TEMPLATE" "$d/fs"
		for a in $(busybox --list); do
			[ -e "$d/fs/bin/$a" ] || ln -s busybox "$d/fs/bin/$a"
		done
		tar -C "$d/fs" --owner 0 --group 0 -cf "$d/layer.tar" .
	fi
	sum=$(sha256sum <"$d/layer.tar")
	jq -n --arg sum "sha256:${sum%% *}" --argjson config "${3:-null}" '{architecture: "amd64", os: "linux",
		config: ($config // {Env: ["PATH=/bin"], Cmd: ["/bin/sh"]}),
		history: [{created_by: "busybox"}], rootfs: {type: "layers", diff_ids: [$sum]}}' >"$d/config.json"
	jq -n --arg name "$1" '[{Config: "config.json", RepoTags: [$name], Layers: ["layer.tar"]}]' >"$d/manifest.json"
	tar -C "$d" -cf "$2" manifest.json config.json layer.tar
}

# ---- daemons -----------------------------------------------------------------------------------

declare -A engine_pid=()
engine_net=

net_make() { # a network namespace with nothing but itself, held open by a process of ours
	[ -z "$engine_net" ] || return 0
	bg unshare -n sleep 100000
	engine_net=${lib_bg[-1]}
	wait_for eval '[ "$(readlink /proc/$engine_net/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
	in_net ip link set lo up
	# without an address of its own a host resolves no names (AI_ADDRCONFIG), not even its own
	in_net ip link add e0 type veth peer name e1
	in_net ip addr add 10.213.8.1/24 dev e0
	in_net ip link set e0 up
	in_net ip link set e1 up
}

in_net() { nsenter -t "$engine_net" -n -- "$@"; }

engine_start() { # NAME COMMAND...: a daemon, in the network namespace if there is one; its output in NAME.log
	local name=$1 enter=()
	shift
	[ -z "$engine_net" ] || enter=(nsenter -t "$engine_net" -n --)
	"${enter[@]}" "$@" >>"$WORK/$name.log" 2>&1 </dev/null &
	engine_pid[$name]=$!
	disown
}

engine_stop() { # NAME: asks it to end, insists after 15 s
	local pid=${engine_pid[$1]:-}
	[ -n "$pid" ] || return 0
	kill -TERM "$pid" 2>/dev/null
	local i
	for ((i = 0; i < 600; i++)); do
		is_gone "$pid" && break
		sleep 0.025
	done
	is_gone "$pid" || kill -KILL "$pid" 2>/dev/null
	unset "engine_pid[$1]"
}

engine_log() { tail -n "${2:-5}" "$WORK/$1.log" | cut -c -400 | sed 's/^/#   /'; } # NAME [LINES]

# Processes whose command line, or whose parent's, names the work area: shims and monitors outlive their daemon.
engine_procs() {
	local f pid
	for f in /proc/[0-9]*/cmdline; do
		pid=${f#/proc/}
		pid=${pid%/cmdline}
		[ "$pid" != $$ ] && [ "$pid" != "$BASHPID" ] || continue
		tr '\0' ' ' 2>/dev/null <"$f" | grep -qF -- "$WORK" && echo "$pid"
	done
}

engine_cleanup() {
	trap '' INT TERM HUP
	local name pid
	lib_kill_cgroups
	for name in "${!engine_pid[@]}"; do
		engine_stop "$name"
	done
	for pid in $(engine_procs); do
		kill -KILL "$pid" 2>/dev/null
	done
	lib_cleanup
}
trap engine_cleanup EXIT

# engine_leftovers: after the daemons were stopped, nothing of the test runs, is mounted or has a cgroup
engine_leftovers() {
	local pid left=
	for pid in $(engine_procs); do
		left="$left $(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c -200)"
	done
	is "nothing is left: processes" "$left" ""
	is "nothing is left: mounts" "$(awk -v w="$WORK/" 'index($5, w) == 1 { print $5 }' /proc/self/mountinfo)" ""
	is "nothing is left: cgroups" "$(for d in $(lib_cgroups); do find "$d" -mindepth 1 -type d; done)" ""
}

# ---- terminals ---------------------------------------------------------------------------------

in_tty() { # COMMAND...: under a terminal of its own; its status
	# an input that stays open and silent: script passes its end on as a NUL byte
	[ -p "$WORK/silence" ] || mkfifo "$WORK/silence"
	script -qec "$(printf '%q ' "$@")" /dev/null <>"$WORK/silence" | tr -d '\r'
}

# ---- how-to pages ------------------------------------------------------------------------------

# page_blocks PAGE SED-SCRIPT: runs each block between ```sh and ``` of docs/PAGE, changed by the script (paths of
# the machine to those of the test), in a shell that stops at the first error; one test a block.
page_blocks() {
	local page=$lib_top/docs/$1 n=0 block first
	[ -r "$page" ] || { fail "docs/$1: is there"; return; }
	awk -v d="$WORK/$1" '/^```sh$/ { n++; in_block = 1; next } /^```$/ { in_block = 0 }
		in_block { print >(d "." n) }' "$page"
	while block=$WORK/$1.$((++n)) && [ -e "$block" ]; do
		first=$(head -n 1 "$block")
		sed -i -e "$2" "$block"
		ok "docs/$1: ${first:0:60}" timeout -k 5 "${PAGE_SECONDS:-120}" bash -e "$block"
	done
	[ "$n" -gt 1 ] || fail "docs/$1: has commands"
}
