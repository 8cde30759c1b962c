#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# runtime.md: the operations and what each does to a container in each state.
. "$(dirname "$0")/../lib/lib.sh"

fails() { # NAME RUNTIME-ARG...: the operation has to end with an error
	local name=$1 rc
	shift
	rt "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
	rc=$?
	if [ $rc -ne 0 ] && { [ $rc -lt 124 ] || [ $rc -eq 255 ]; }; then
		pass "$name"
	else
		fail "$name" "exit status $rc of: $*"
	fi
}

missing_ids() {
	local op
	fails "runtime.md#query-state: no id MUST generate an error" state
	fails "runtime.md#start: no id MUST generate an error" start
	fails "runtime.md#kill: no id MUST generate an error" kill
	fails "runtime.md#delete: no id MUST generate an error" delete
	fails "runtime.md#query-state: an unknown id MUST generate an error" state "no-$ID"
	fails "runtime.md#start: an unknown id MUST generate an error" start "no-$ID"
	fails "runtime.md#kill: an unknown id MUST generate an error" kill "no-$ID" KILL
	fails "runtime.md#delete: an unknown id MUST generate an error" delete "no-$ID"
	for op in .. a/b ''; do
		fails "runtime.md#create: the invalid id '$op' MUST generate an error" \
			create --bundle "$BUNDLE" "$op"
	done
	fails "runtime.md#create: no id MUST generate an error" create --bundle "$BUNDLE"
}

# The program leaves a file behind, so that it is seen from outside whether it has run.
created() {
	with_args /bin/sh -c 'echo ran >/ran; exec /bin/probe signals'
	ok "runtime.md#create: creates the container" ct_create
	is "runtime.md#create: the status afterwards MUST be created" "$(status_of "$ID")" created
	sleep 0.2
	ok "runtime.md#create: the user-specified program MUST NOT be run" test ! -e "$ROOTFS/ran"
	ok "runtime.md#create: resources MUST be created: the process is there" test -d "/proc/$PID"
	ok "runtime.md#create: resources MUST be created: new namespaces" test \
		"$(readlink "/proc/$PID/ns/mnt")" != "$(readlink /proc/self/ns/mnt)"
	duplicate
}

duplicate() {
	local first=$PID id=$ID first_rootfs=$ROOTFS first_bundle=$BUNDLE
	local new_id
	new_bundle
	new_id=$ID
	ID=$id
	write_config
	fails "runtime.md#create: an id that is not unique MUST generate an error" \
		create --bundle "$BUNDLE" "$id"
	is "runtime.md#create: a duplicate id MUST leave the first container alone" \
		"$(state_of "$id" | jq -c '[.status, .pid, .bundle]')" "[\"created\",$first,\"$first_bundle\"]"
	ok "runtime.md#create: a duplicate id MUST leave the first process alone" test -d "/proc/$first"
	unset "lib_live[$new_id]"
	PID=$first ROOTFS=$first_rootfs BUNDLE=$first_bundle
}

config_is_read_once() {
	jq '.process.args = ["/bin/sh", "-c", "echo changed >/changed"]' "$BUNDLE/config.json" >"$WORK/new"
	cp "$WORK/new" "$BUNDLE/config.json"
	ok "runtime.md#start: starts a created container" ct_start
	wait_text "$BUNDLE/out" ready
	ok "runtime.md#start: MUST run the user-specified program" test -e "$ROOTFS/ran"
	ok "runtime.md#create: later changes of config.json MUST NOT affect the container" \
		test ! -e "$ROOTFS/changed"
	is "runtime.md#start: the status afterwards MUST be running" "$(status_of "$ID")" running
	is "runtime.md#start: the process keeps its pid" "$(state_of "$ID" | jq .pid)" "$PID"
}

started_twice() {
	fails "runtime.md#start: a running container MUST generate an error" start "$ID"
	is "runtime.md#start: the error MUST have no effect on the container" \
		"$(status_of "$ID") $(state_of "$ID" | jq .pid)" "running $PID"
	fails "runtime.md#delete: a running container MUST generate an error" delete "$ID"
	is "runtime.md#delete: the error MUST have no effect on the container" \
		"$(status_of "$ID") $(proc_state "$PID")" "running S"
}

signals() {
	local pair
	for pair in USR1:10 SIGUSR2:12 34:34 1:1 HUP:1 SIGWINCH:28; do
		: >"$BUNDLE/out"
		rt kill "$ID" "${pair%:*}" 2>"$WORK/err"
		ok "runtime.md#kill: MUST send the signal ${pair%:*} to the process" \
			wait_text "$BUNDLE/out" "signal=${pair#*:}\$"
	done
	fails "runtime.md#kill: an unknown signal MUST generate an error" kill "$ID" NOSUCH
	rt kill "$ID" TERM 2>"$WORK/err"
	ok "runtime.md#kill: the process ends by the signal it was sent" wait_gone "$PID"
	is "runtime.md#kill: the status of an ended process MUST be stopped" "$(status_of "$ID")" stopped
}

stopped() {
	fails "runtime.md#kill: a stopped container MUST generate an error" kill "$ID" KILL
	fails "runtime.md#start: a stopped container MUST generate an error" start "$ID"
	is "runtime.md#start: an error on a stopped container MUST have no effect" "$(status_of "$ID")" \
		stopped
	ok "runtime.md#delete: a stopped container is deleted" ct_delete
	ok "runtime.md#delete: MUST delete the resources that create made" clean_of "$ID" "$BUNDLE"
	ok "runtime.md#delete: MUST NOT delete what it did not create" test -x "$ROOTFS/bin/busybox"
	fails "runtime.md#delete: a second delete MUST generate an error" delete "$ID"
}

reused() {
	local id=$ID
	new_bundle
	ID=$id
	with_args /bin/sh -c 'echo again'
	ok "runtime.md#delete: the id MAY be used again by a later container" ct_create
	ct_start
	wait_gone "$PID"
	is "runtime.md#start: the program of the later container is run" "$(<"$BUNDLE/out")" again
	is "runtime.md#state: a program that has ended by itself is stopped" "$(status_of "$ID")" stopped
	ct_drop
}

killed_before_start() {
	new_bundle
	with_args /bin/sh -c 'echo ran >/ran'
	ct_create
	rt kill "$ID" KILL 2>"$WORK/err"
	ok "runtime.md#kill: MUST send the signal to the process of a created container" wait_gone "$PID"
	is "runtime.md#kill: a created container that was killed is stopped" "$(status_of "$ID")" stopped
	ok "runtime.md#kill: the program of a created container that was killed has not run" \
		test ! -e "$ROOTFS/ran"
	ok "runtime.md#delete: a killed container is deleted" ct_delete
}

without_process() {
	new_bundle 'del(.process)'
	if ct_create; then
		is "config.md#process: create without a process gives a created container" \
			"$(status_of "$ID")" created
		fails "runtime.md#start: MUST generate an error if process was not set" start "$ID"
		ct_drop
	else
		fail "config.md#process: create without a process gives a created container"
		skip "runtime.md#start: MUST generate an error if process was not set" \
			"the runtime creates no container without a process"
	fi
}

relative_bundle() {
	new_bundle
	write_config
	lib_live[$ID]=1
	(cd "$WORK" && rt create --bundle "${BUNDLE##*/}" "$ID" >/dev/null 2>"$WORK/err" </dev/null)
	is "runtime.md#state: bundle is an absolute path, given a relative one too" \
		"$(state_of "$ID" | jq -r .bundle)" "$BUNDLE"
	ct_drop
}

new_bundle
missing_ids
created
config_is_read_once
started_twice
signals
stopped
reused
killed_before_start
without_process
relative_bundle
