#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Budgets that do not depend on the machine's speed: system calls, processes, descriptors, what is linked.
. "$(dirname "$0")/../lib/lib.sh"

needs_root "budget" "it is that of root's containers" || exit 0
command -v strace >/dev/null || { skip "budget" "strace is not installed"; exit 0; }

# The config of `spec`, less the capabilities and limits that this machine may not have to give.
spec_bundle() {
	new_bundle
	(cd "$BUNDLE" && "${lib_runtime[@]}" spec) || return
	jq '.process.terminal = false | .process.args = ["/bin/true"] | del(.process.rlimits)' "$BUNDLE/config.json" \
		>"$BUNDLE/new" && mv "$BUNDLE/new" "$BUNDLE/config.json"
}

create_calls() {
	spec_bundle
	lib_live[$ID]=1
	# strace goes on following init, which waits to be started: it ends when that is killed
	bg strace -f -qq -o "$WORK/trace" "${lib_runtime[@]}" --root "$STATE" create -b "$BUNDLE" "$ID" \
		>"$WORK/out" 2>"$WORK/err"
	wait_for eval '[ "$(status_of "$ID")" = created ]'
	wait_for eval 'tail -n 5 "$WORK/trace" | grep -q exit_group'
	ct_drop
	local calls clones execs helper processes=1
	if [ -n "$lib_systemd" ]; then # of the helper's own process nothing counts but its birth
		helper=$(grep -m 1 'execveat(.*"greffon-systemd"' "$WORK/trace" | cut -d ' ' -f 1)
		sed -i "/^${helper:-none} /d" "$WORK/trace"
		processes=2
	fi
	calls=$(grep -cvE ' (\+\+\+|---) |resumed>' "$WORK/trace")
	clones=$(grep -cE ' (clone3?|v?fork)\(' "$WORK/trace")
	execs=$(grep -cE ' execve(at)?\(' "$WORK/trace")
	diag "create: $calls system calls, $clones clones, $execs execs"
	# What it takes today on v1 and hybrid hosts, so that it does not grow unseen; the goal of 300 stands in
	# tests/bench/thresholds.
	ok "create of the default config takes no more system calls than it did ($calls of 340)" \
		test "$calls" -le 340
	is "create makes $processes process(es)" "$clones" $processes
	ok "create executes itself at most once more ($execs)" test "$execs" -le 2
}

created_descriptors() {
	spec_bundle
	ct_create_as_is
	local fds
	fds=$(for f in "/proc/$PID/fd"/*; do [ "${f##*/}" -gt 2 ] && readlink "$f"; done |
		grep -vE '/exec\.fifo$|^/proc$|^/$' | xargs)
	is "a created container holds no descriptor but stdio, the fifo and procfs" "$fds" ""
	ct_drop
	with_args /bin/ls /proc/self/fd
	new_bundle
	with_args /bin/sh -c 'for f in /proc/self/fd/*; do [ "${f##*/}" -gt 2 ] && readlink $f; done; true'
	ct_run
	is "a running program has no descriptor but its stdio" "$(grep -v '^/proc/' <<<"$OUT")" ""
}

linked() {
	local bin=${lib_runtime[0]}
	command -v readelf >/dev/null || { skip "linked" "readelf is not installed"; return; }
	if readelf -d "$bin" | grep -q NEEDED; then
		skip "the program needs no shared library" "built with --disable-static-link or a sanitizer"
	else
		pass "the program needs no shared library"
	fi
	ok "it is position independent" sh -c "readelf -h '$bin' | grep -q 'Type:.*DYN'"
	ok "no segment is writable and executable" sh -c "! readelf -lW '$bin' | grep -q 'RWE'"
	ok "relocations are read-only" sh -c "readelf -lW '$bin' | grep -q GNU_RELRO"
}

# What the caller ignores or blocks is no concern of the container's program (nohup, make, a supervisor).
signals() {
	new_bundle
	with_args /bin/grep -E '^Sig(Ign|Blk):' /proc/self/status
	write_config
	lib_live[$ID]=1
	local out
	out=$(trap '' HUP USR1 PIPE; rt run --bundle "$BUNDLE" "$ID" 2>"$WORK/err" </dev/null | xargs)
	is "the program starts with default signals" "$out" "SigBlk: 0000000000000000 SigIgn: 0000000000000000"
}

create_calls
created_descriptors
linked
signals
