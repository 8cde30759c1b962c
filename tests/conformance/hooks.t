#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config.md#posix-platform-hooks and the steps of runtime.md#lifecycle that call them.
# A hook is a script that appends to HOOKS/order, and leaves HOOKS/NAME.{state,ns,args,env,mounts}.
. "$(dirname "$0")/../lib/lib.sh"

kinds="prestart createRuntime createContainer startContainer poststart poststop"

make_hooks() { # in the bundle (host) and as /hook (container)
	HOOKS=$BUNDLE/hooks
	export HOOKS
	mkdir "$HOOKS"
	cat >"$HOOKS/hook" <<-END
		#!$LIB_TEMPLATE/bin/sh
		PATH=$LIB_TEMPLATE/bin
		name=\$1
		cd $HOOKS
		env >\$name.env
		echo \$name >>order
		cat >\$name.state
		echo "\$#:\$2:\$3" >\$name.args
		readlink /proc/self/ns/mnt >\$name.ns
		cat /proc/self/mountinfo >\$name.mounts
		[ -e $ROOTFS/ran ] && echo ran >\$name.ran
		pid=\$(sed -n 's/.*"pid" *: *\\([0-9]*\\).*/\\1/p' \$name.state)
		cat /proc/\$pid/mountinfo >\$name.pidmounts 2>/dev/null
		[ ! -e \$name.fail ] || exit 7
		exit 0
	END
	mkdir "$ROOTFS/hooks"
	sed -e "s|$LIB_TEMPLATE/bin|/bin|; s|^cd .*|cd /hooks|; s|-e $ROOTFS/ran|-e /ran|" "$HOOKS/hook" \
		>"$ROOTFS/hook"
	chmod +x "$HOOKS/hook" "$ROOTFS/hook"
}

hook() { # KIND NAME: adds one
	local path='\($ENV.HOOKS)/hook'
	[ "$1" != startContainer ] || path=/hook
	set_config ".hooks.$1 += [{path: \"$path\", args: [\"argv0\", \"$2\", \"one\", \"two words\"],
		env: [\"A=b c\", \"KIND=$1\"]}]"
}

hooked_bundle() { # [KIND...]: two hooks of each kind, named KIND and KIND2
	local k
	new_bundle '.annotations = {"org.example.key": "value"}' '.hostname = "hooked"' \
		'.mounts += [{destination: "/mnt", type: "tmpfs", source: "tmpfs"}]'
	make_hooks
	for k; do
		hook "$k" "$k"
		hook "$k" "${k}2"
	done
	with_args /bin/sh -c 'echo program >>/hooks/order; readlink /proc/self/ns/mnt >/hooks/program.ns; echo ran >/ran; exec /bin/probe signals'
}

names() { # what has run in the host's list, on one line
	cat "$1/order" 2>/dev/null | tr '\n' ' '
}

at() { cat "$HOOKS/$1" 2>/dev/null || cat "$ROOTFS/hooks/$1" 2>/dev/null; } # FILE

of_state() { at "$1.state" | jq -r "$2" 2>/dev/null; } # NAME JQ

all_kinds() {
	# shellcheck disable=SC2086
	hooked_bundle $kinds
	ok "config.md#hooks: a container with hooks of all kinds is created" ct_create
	is "config.md#hooks: create MUST call prestart, createRuntime, createContainer in the listed order" \
		"$(names "$HOOKS")" \
		"prestart prestart2 createRuntime createRuntime2 createContainer createContainer2 "
	is "config.md#hooks startContainer: are not called by create" "$(names "$ROOTFS/hooks")" ""
	is "config.md#hooks: the container is created afterwards" "$(status_of "$ID")" created
	: >"$HOOKS/order"
	ok "config.md#hooks: it is started" ct_start
	is "config.md#hooks poststart: MUST be called before start returns" "$(names "$HOOKS")" \
		"poststart poststart2 "
	wait_text "$BUNDLE/out" ready
	is "config.md#hooks startContainer: MUST be called before the program is executed" \
		"$(names "$ROOTFS/hooks")" "startContainer startContainer2 program "
	: >"$HOOKS/order"
	HOST_PID=$PID
	rt kill "$ID" KILL && wait_gone "$PID"
	is "config.md#hooks poststop: are not called before delete" "$(names "$HOOKS")" ""
	ct_delete
	is "config.md#hooks poststop: MUST be called before delete returns" "$(names "$HOOKS")" \
		"poststop poststop2 "
	what_they_got
}

what_they_got() {
	local k want pid
	for k in $kinds; do
		case $k in
		prestart | createRuntime) want=creating pid=$HOST_PID ;;
		createContainer) want=creating pid=1 ;;
		startContainer) want=created pid=1 ;;
		poststart) want=running pid=$HOST_PID ;;
		poststop) want=stopped pid= ;;
		esac
		is "config.md#hooks $k: the state MUST be on stdin: id and bundle" \
			"$(of_state $k '.id + " " + .bundle')" "$ID $BUNDLE"
		is "config.md#hooks $k: the state on stdin: status" "$(of_state $k .status)" $want
		[ -z "$pid" ] ||
			is "config.md#hooks $k: the state on stdin: pid" "$(of_state $k .pid)" "$pid"
		is "config.md#hooks $k: the state on stdin: annotations" \
			"$(of_state $k '.annotations["org.example.key"]')" value
		is "config.md#hooks $k: args are the whole argv" "$(at $k.args)" "3:one:two words"
		like "config.md#hooks $k: env is set" "$(at $k.env)" "*A=b c*"
		is "config.md#hooks $k: env is the whole environment" \
			"$(at $k.env | grep -v -e ^PATH= -e ^PWD= -e ^OLDPWD= -e ^SHLVL= -e ^_= | sort | tr '\n' ';')" \
			"A=b c;KIND=$k;"
	done
	where_they_ran
}

where_they_ran() {
	local k own
	own=$(readlink /proc/self/ns/mnt)
	for k in prestart createRuntime poststart poststop; do
		is "config.md#hooks $k: MUST be executed in the runtime namespace" \
			"$(at $k.ns)" "$own"
	done
	own=$(at program.ns)
	for k in createContainer startContainer; do
		is "config.md#hooks $k: MUST be executed in the container namespace" \
			"$(at $k.ns)" "$own"
	done
	ok "config.md#hooks createContainer: path resolves in the runtime namespace" \
		test -s "$HOOKS/createContainer.state"
	ok "config.md#hooks startContainer: path resolves in the container namespace" \
		test -s "$ROOTFS/hooks/startContainer.state"
	ok "config.md#hooks createContainer: the mounts are there, before pivot_root" \
		grep -q " $ROOTFS/mnt " "$HOOKS/createContainer.mounts"
	ok "config.md#hooks createRuntime: the mounts are there, before pivot_root" \
		grep -q " $ROOTFS/mnt " "$HOOKS/createRuntime.pidmounts"
	ok "config.md#hooks prestart: the runtime environment is there" \
		grep -q " $ROOTFS/mnt " "$HOOKS/prestart.pidmounts"
	ok "config.md#hooks createRuntime: the program has not run" test ! -e "$HOOKS/createRuntime.ran"
	ok "config.md#hooks startContainer: the program has not run" \
		test ! -e "$ROOTFS/hooks/startContainer.ran"
}

# A failing hook of create: the others of its kind are not called, the container is gone, poststop is.
create_fails() {
	local k
	for k in prestart createRuntime createContainer; do
		hooked_bundle $k poststop
		touch "$HOOKS/$k.fail"
		ok "runtime.md#lifecycle: a failing $k hook MUST generate an error" not ct_create
		like "runtime.md#lifecycle: after a failing $k hook the later ones of its kind are not called" \
			"$(names "$HOOKS")" "$k *"
		ok "runtime.md#lifecycle: a failing $k hook MUST stop and destroy the container" \
			clean_of "$ID" "$BUNDLE"
		like "runtime.md#lifecycle: after a failing $k hook the poststop hooks are called" \
			"$(names "$HOOKS")" "*poststop poststop2 "
	done
}

start_fails() {
	hooked_bundle startContainer poststop
	touch "$ROOTFS/hooks/startContainer.fail"
	ct_create
	ok "runtime.md#lifecycle: a failing startContainer hook MUST generate an error" not ct_start
	wait_gone "$PID"
	ok "runtime.md#lifecycle: a failing startContainer hook MUST stop the container" is_gone "$PID"
	ok "runtime.md#lifecycle: after a failing startContainer hook the program is not run" \
		test ! -e "$ROOTFS/ran"
	ct_delete # start may have done it already
	is "runtime.md#lifecycle: after a failing startContainer hook the poststop hooks are called" \
		"$(names "$HOOKS")" "poststop poststop2 "
	ct_drop
	hooked_bundle poststart poststop
	touch "$HOOKS/poststart.fail"
	ct_create
	ok "runtime.md#lifecycle: a failing poststart hook MUST generate an error" not ct_start
	sleep 0.2
	ok "runtime.md#lifecycle: a failing poststart hook MUST stop the container" is_gone "$PID"
	ct_delete
	is "runtime.md#lifecycle: after a failing poststart hook the poststop hooks are called" \
		"$(names "$HOOKS")" "poststart poststop poststop2 "
	ct_drop
}

stop_fails() {
	hooked_bundle poststop
	touch "$HOOKS/poststop.fail"
	ct_create && ct_start && wait_text "$BUNDLE/out" ready
	rt kill "$ID" KILL && wait_gone "$PID"
	rt_options=(--debug --log "$WORK/log") # what a runtime shows by default is its own choice
	ct_delete
	is "runtime.md#lifecycle: after a failing poststop hook delete continues as if it had succeeded" "$?" 0
	rt_options=()
	ok "runtime.md#lifecycle: a failing poststop hook MUST be logged" grep -i hook "$WORK/log" "$WORK/err"
	is "runtime.md#lifecycle: after a failing poststop hook the remaining ones are called" \
		"$(names "$HOOKS")" "poststop poststop2 "
	ok "runtime.md#lifecycle: after a failing poststop hook the container is gone" \
		clean_of "$ID" "$BUNDLE"
}

timeouts() {
	local mark=$WORK/hook-ended
	# seconds say nothing on a slow machine: a hook that was aborted in time has not come to its end
	new_bundle '.hooks.createRuntime = [{path: "\($ENV.LIB_TEMPLATE)/bin/sh",
		args: ["sh", "-c", "\($ENV.LIB_TEMPLATE)/bin/sleep 15; : >'"$mark"'"], timeout: 1}]'
	ok "config.md#hooks timeout: a hook that takes longer is aborted and fails" not ct_create
	ok "config.md#hooks timeout: within the given time" not test -e "$mark"
	new_bundle '.hooks.createRuntime = [{path: "\($ENV.LIB_TEMPLATE)/bin/true", timeout: 5}]'
	ok "config.md#hooks timeout: a hook that is in time succeeds" ct_run
	new_bundle '.hooks.createRuntime = [{path: "\($ENV.LIB_TEMPLATE)/bin/true"}]'
	ok "config.md#hooks args: are optional" ct_run
	new_bundle '.hooks.createRuntime = [{path: "\($ENV.WORK)/no-such-file"}]'
	ok "config.md#hooks path: one that is missing MUST generate an error" not ct_run
	new_bundle '.hooks.startContainer = [{path: "\($ENV.LIB_TEMPLATE)/bin/true"}]'
	ok "config.md#hooks startContainer: a path of the host is not found in the container" not ct_run
}

export LIB_TEMPLATE
all_kinds
create_fails
start_fails
stop_fails
timeouts
