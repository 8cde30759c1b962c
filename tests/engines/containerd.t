#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# containerd, the distribution's, by its own client ctr: its shim (runc v2) calls the runtime under test. Run, exec,
# terminals, signals, pause, metrics, events, limits, out of memory, errors, checkpoint.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/engine.sh"

need containerd containerd ctr
SOCK=$WORK/containerd.sock
cat >"$WORK/containerd.toml" <<-CONF
	version = 2
	root = "$WORK/containerd/root"
	state = "$WORK/containerd/state"
	disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
	[grpc]
	address = "$SOCK"
	[ttrpc]
	address = "$SOCK.ttrpc"
CONF
printf '#!/bin/sh\nexec %s -a %s "$@"\n' "$(command -v ctr)" "$SOCK" >"$EB/ctr"
chmod +x "$EB/ctr"

# every container has its cgroup below the test's, and the runtime by --runc-binary
C() { timeout --foreground -k 5 60 ctr "$@"; }
common=(--runc-binary "$runtime_path" --runc-root "$WORK/runtime" --fifo-dir "$WORK/fifo")
run_as() { # RM-OR-DETACH ID OPTION... -- COMMAND...
	local id=$2 options=("$1")
	shift 2
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	C run "${common[@]}" --cgroup "$CG/$id" "${options[@]}" localhost/bb:1 "$id" "${@:2}" 2>"$WORK/err"
}
run_raw() { run_as --rm "$@"; } # ID OPTION... -- COMMAND...: to its end
# On a busy machine ctr may come to read what a program prints only after it has ended, and finds nothing: they stay a moment.
stay='"$@"; status=$?; sleep 0.3; exit $status'
run_fg() { # ID OPTION... -- COMMAND...: to its end, with what it prints
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	run_raw "${options[@]}" -- sh -c "$stay" sh "${@:2}"
}
run_bg() { run_as -d "$@"; }   # ... left running
task() { C task ls | awk -v id="$1" '$1 == id { print $3 }'; }    # ID: its status
task_pid() { C task ls | awk -v id="$1" '$1 == id { print $2 }'; } # ID
drop() { # ID
	C task kill -a -s KILL "$1"
	wait_for eval '[ "$(task '"$1"')" = STOPPED ]'
	C task delete -f "$1"
	C container delete "$1"
} >/dev/null 2>&1

start() {
	engine_start containerd containerd -c "$WORK/containerd.toml"
	wait_for ctr version || { fail "containerd starts"; engine_log containerd; exit 0; }
	pass "containerd starts"
	make_image localhost/bb:1 "$WORK/bb.tar"
	ok "an image is imported" C image import "$WORK/bb.tar"
	bg ctr events >"$WORK/events" 2>&1
}

runs() {
	is "run: output" "$(run_fg r1 -- echo hello)" hello
	run_fg r2 -- sh -c 'exit 42'
	is "run: exit status of the program" $? 42
	# this ctr doesn't pass the end of its input on
	is "run: standard input" "$(echo ping | run_fg r4 -- head -n 1)" ping
	is "run: errors of the program apart" "$(run_fg r5 -- sh -c 'echo out; echo err >&2'; cat "$WORK/err")" "out
err"
	is "run: workdir, environment" "$(run_fg r6 --cwd /tmp --env A=b -- sh -c 'echo $(pwd) $A')" "/tmp b"
	is "run: in a terminal" "$(in_tty ctr run --rm -t "${common[@]}" --cgroup "$CG/r7" localhost/bb:1 r7 \
		sh -c 'test -t 0 && test -t 1 && tty; sleep 0.5' | grep -o '^/dev/pts/[0-9]')" /dev/pts/0
	is "run: read-only root" "$(run_fg r8 --read-only -- sh -c 'touch /x 2>/dev/null || echo ro')" ro
	is "run: bind mount" "$(run_fg r9 --mount "type=bind,src=$WORK,dst=/mnt,options=rbind:ro" -- \
		sh -c 'test -e /mnt/bb.tar && echo there; touch /mnt/x 2>/dev/null || echo ro' | xargs)" "there ro"
	is "run: the host's network" "$(run_fg r10 --net-host -- readlink /proc/self/ns/net)" \
		"$(readlink /proc/self/ns/net)"
	is "run: joins a network namespace" "$(bg unshare -n sleep 60; sleep 0.3
		run_fg r11 --with-ns "network:/proc/${lib_bg[-1]}/ns/net" -- readlink /proc/self/ns/net | cmp -s - \
			<(readlink "/proc/${lib_bg[-1]}/ns/net") && echo same; kill "${lib_bg[-1]}")" same
	is "run: a root of its own" "$(C run --rm "${common[@]}" --cgroup "$CG/r12" --rootfs "$LIB_TEMPLATE" r12 /bin/sh -c "$stay" sh /bin/echo hello 2>"$WORK/err")" hello
	is "run: a device" "$(run_fg r13 --device /dev/full -- sh -c 'echo x 2>/dev/null >/dev/full || echo full')" full
	is "run: privileged" "$(run_fg r14 --privileged -- grep CapBnd /proc/self/status)" "$(grep CapBnd /proc/self/status)"
	like "run: seccomp" "$(run_fg r15 --seccomp -- grep Seccomp: /proc/self/status)" "*2"
	is "run: annotations and labels pass" "$(run_fg r16 --annotation org.example.a=b --label c=d -- echo hello)" hello
	ok "run: a pid file" eval 'run_bg r17 --pid-file "$WORK/r17.pid" -- sleep 1000 && [ "$(cat "$WORK/r17.pid")" = "$(task_pid r17)" ]'
	drop r17
}

# What the shim shows of the runtime's log.
errors() {
	run_raw e1 -- no-such-program
	like "error: no such program" "$(cat "$WORK/err")" "*no-such-program*"
	like "error: ... with the words callers look for" "$(cat "$WORK/err")" \
		"*@(executable file|no such file or directory|No such file or directory)*"
	run_raw e2 --cwd /etc/passwd/x -- true
	is "error: a wrong directory fails" "$([ -s "$WORK/err" ] && echo said)" said
	run_fg e3 -- echo fine >"$WORK/out"
	is "error: nothing stays that hinders the next" "$(cat "$WORK/out")" fine
}

life() {
	local pid
	ok "life: run in the background" run_bg life --memory-limit 67108864 --cpus 0.5 -- \
		sh -c 'trap "exit 3" TERM; echo started; while :; do sleep 0.1; done'
	is "life: running" "$(task life)" RUNNING
	pid=$(task_pid life)
	is "life: a cgroup below the one asked for" "$(basename "$(cgroup_dir "$pid" pids)")" life
	is "exec: output" "$(C task exec --fifo-dir "$WORK/fifo" --exec-id x1 life sh -c "$stay" sh echo in 2>"$WORK/err")" in
	C task exec --fifo-dir "$WORK/fifo" --exec-id x2 life sh -c 'exit 7' 2>"$WORK/err"
	is "exec: exit status" $? 7
	C task exec --fifo-dir "$WORK/fifo" --exec-id x3 life no-such-program 2>"$WORK/err"
	is "exec: no such program fails" "$(($? != 0))" 1
	like "exec: ... and says so" "$(cat "$WORK/err")" "*no-such-program*"
	is "exec: user and directory" "$(C task exec --fifo-dir "$WORK/fifo" --exec-id x4 --user 9 --cwd /tmp life sh -c "$stay" sh sh -c 'echo $(id -u) $(pwd)' 2>"$WORK/err")" "9 /tmp"
	is "exec: in a terminal" "$(in_tty ctr task exec --fifo-dir "$WORK/fifo" -t --exec-id x5 life sh -c 'test -t 0 && tty; sleep 0.5' | grep -o '^/dev/pts/[0-9]')" /dev/pts/0
	is "exec: in the container's cgroup" "$(C task exec --fifo-dir "$WORK/fifo" --exec-id x6 life sh -c "$stay" sh cat /proc/self/cgroup 2>"$WORK/err" | grep -c 'pids:/$\|/life$')" \
		"$(C task exec --fifo-dir "$WORK/fifo" --exec-id x7 life sh -c "$stay" sh cat /proc/1/cgroup 2>"$WORK/err" | grep -c 'pids:/$\|/life$')"
	is "exec: standard input" "$(echo ping | C task exec --fifo-dir "$WORK/fifo" --exec-id x8 life sh -c "$stay" sh head -n 1 2>"$WORK/err")" ping
	ok "exec: detached" C task exec --fifo-dir "$WORK/fifo" -d --exec-id x9 life sleep 1000
	ok "ps: shows both" eval '[ "$(ctr task ps life | grep -c "^[0-9]")" -ge 2 ]'
	ok "pause" C task pause life
	is "pause: paused" "$(task life)" PAUSED
	ok "resume" C task resume life
	is "resume: running" "$(task life)" RUNNING
	metrics
	ok "kill: a signal reaches the program" C task kill -s TERM life
	wait_for eval '[ "$(task life)" = STOPPED ]'
	is "kill: stopped" "$(task life)" STOPPED
	C task kill life 2>"$WORK/err"
	like "kill: again: the shim knows that it is gone" "$(cat "$WORK/err")" "*not found*"
	C task delete life 2>"$WORK/err"
	like "delete: the exit status" "$(cat "$WORK/err")" "*exit code 3*"
	ok "delete: the container" C container delete life
	is_gone "$pid"
	is "delete: the process is gone" $? 0
	is "delete: no cgroup" "$(find /sys/fs/cgroup -path "*$CG/life" 2>/dev/null)" ""
	is "delete: the runtime knows it no more" "$("$runtime_path" --root "$WORK/runtime/default" list -q 2>/dev/null)" ""
}

metrics() {
	local json
	json=$(C task metrics --format json life 2>"$WORK/err")
	is "metrics: the memory's limit" "$(jq -r '[.. | objects | .limit? // .usage_limit? | numbers | select(. == 67108864)] | length > 0' <<<"$json")" true
	is "metrics: processor time" "$(jq -r '[.. | objects | .total? // .usage_usec? | numbers | select(. > 0)] | length > 0' <<<"$json")" true
	is "metrics: processes" "$(jq -r '.pids.current >= 2' <<<"$json")" true
}

out_of_memory() {
	if ! cgroup_dir $$ memory >/dev/null; then
		skip "oom: the program is killed" "no memory controller here"
		return
	fi
	run_raw oom --memory-limit 16777216 -- sh -c 'x=$(head -c 100000000 /dev/zero | tr "\0" x); echo survived ${#x}' >"$WORK/out"
	is "oom: the program is killed" "$(($? != 0)) $(cat "$WORK/out")" "1 "
	ok "oom: an event tells" wait_text "$WORK/events" "/tasks/oom .*oom"
}

events() {
	local topic
	for topic in create start exit delete exec-added exec-started paused resumed; do
		ok "events: $topic" wait_text "$WORK/events" "/tasks/$topic .*life"
	done
}

# The shim survives its daemon, and a new one finds its tasks.
daemon_restart() {
	run_bg keep -- sh -c 'trap "exit 9" TERM; while :; do sleep 0.1; done'
	engine_stop containerd
	engine_start containerd containerd -c "$WORK/containerd.toml"
	wait_for ctr version
	is "restart of containerd: the task runs on" "$(task keep)" RUNNING
	is "restart of containerd: exec" "$(C task exec --fifo-dir "$WORK/fifo" --exec-id k1 keep sh -c "$stay" sh echo in 2>"$WORK/err")" in
	C task kill -s TERM keep
	wait_for eval '[ "$(task keep)" = STOPPED ]'
	C task delete keep 2>"$WORK/err"
	like "restart of containerd: the exit status" "$(cat "$WORK/err")" "*exit code 9*"
	C container delete keep
	# a shim that was killed: containerd deletes with --force what it left
	run_bg orphan -- sleep 1000
	local pid shim socket
	pid=$(task_pid orphan)
	shim=$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")
	# its socket is not removed by anybody
	socket=$(sed 's|^unix://||' "$WORK"/containerd/state/io.containerd.runtime.v2.task/default/orphan/address)
	kill -KILL "$shim"
	ok "death of the shim: the container is ended" wait_gone "$pid"
	wait_for eval '[ -z "$(task orphan)" ]'
	ok "death of the shim: the runtime knows it no more" wait_for eval \
		'[ -z "$("$runtime_path" --root "$WORK/runtime/default" list -q 2>/dev/null)" ]'
	C container delete orphan >/dev/null 2>&1
	rm -f "$socket"
}

checkpoint() {
	if ! command -v criu >/dev/null; then
		skip "checkpoint" "criu is not installed"
	elif ! criu check >/dev/null 2>&1; then
		skip "checkpoint" "criu refuses this kernel: $(criu check 2>&1 | tail -n 1 | cut -c -80)"
	elif ! "$runtime_path" checkpoint --help >/dev/null 2>&1; then
		skip "checkpoint" "the runtime has no checkpoint command"
	else
		run_bg cp -- sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/n; sleep 0.1; done'
		ok "checkpoint: dump" C task checkpoint --exit cp
		drop cp
	fi
}

start
runs
errors
life
out_of_memory
events
daemon_restart
checkpoint
# as the page shows it, with the test's containerd and cgroup
C image tag localhost/bb:1 docker.io/library/busybox:latest >/dev/null
sed "s|/usr/bin/greffon|$runtime_path|" "$lib_top/dist/containerd/config.toml" >"$WORK/config.toml"
page_blocks containerd.md "s|/etc/containerd/config.toml|$WORK/config.toml|; s|/usr/bin/greffon|$runtime_path|; s|--rm|--rm --fifo-dir $WORK/fifo --cgroup $CG/page --runc-root $WORK/runtime|"
C image ls -q | xargs ctr image rm >/dev/null 2>&1
engine_stop containerd
wait_for eval '[ -z "$(engine_procs | grep -vx "${lib_bg[0]}")" ]'
engine_leftovers
