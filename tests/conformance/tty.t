#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# config.md#process terminal, consoleSize; config-linux.md#default-devices: /dev/console.
# The terminal is handed to the console socket, where the probe prints what comes out of it.
. "$(dirname "$0")/../lib/lib.sh"

console() { # starts the bundle with a receiver; all that it has got is in OUT
	bg "$PROBE" console "$BUNDLE/console" >"$BUNDLE/received"
	wait_text "$BUNDLE/received" listening
	ct_create --console-socket "$BUNDLE/console" && ct_start && wait_text "$BUNDLE/received" "$1"
	OUT=$(tr -d '\r' <"$BUNDLE/received")
	ct_drop
}

terminal() {
	new_bundle '.process.terminal = true | .process.consoleSize = {height: 33, width: 99}'
	with_args /bin/sh -c '/bin/probe tty; /bin/probe fds; echo word >/dev/console; echo end=1; sleep 20'
	console end=1
	is "config.md#process terminal: one descriptor is sent to the console socket" "$(val received)" 1
	is "config.md#process terminal: it is a terminal" "$(val master)" 1
	is "config.md#process terminal: MUST be attached to all three streams" "$(val isatty)" 111
	is "config.md#process terminal: is the controlling terminal" "$(val controlling)" yes
	like "config.md#process terminal: has a name in the container's /dev" "$(val ttyname)" "/dev/*"
	is "config.md#process consoleSize: height and width are set" "$(val size)" 33x99
	is "config-linux.md#default-devices: /dev/console is set up with a terminal" "$(val console)" yes
	is "config-linux.md#default-devices: /dev/console is the container's terminal" \
		"$(val console_is_stdin)" yes
	ok "config-linux.md#default-devices: /dev/console goes to the terminal" grep -qx word <<<"$OUT"
	is "runtime-linux.md#file-descriptors: only the three are open with a terminal" "$(val fds)" "0 1 2 "
}

other_user() {
	new_bundle '.process.terminal = true | .process.user = {uid: 1234, gid: 567}'
	with_args /bin/sh -c '/bin/probe tty; (echo opened >/dev/tty); echo end=1; sleep 20'
	console end=1
	is "config.md#process terminal: of another user, can be opened by it" "$(grep -cx opened <<<"$OUT")" 1
	like "config.md#process consoleSize: not set, there is still a size" "$(val size)" "*x*"
}

no_terminal() {
	new_bundle '.process.terminal = false | .process.consoleSize = {height: 33, width: 99}'
	run_probe tty
	is "config.md#process terminal: false, there is none" "$(val isatty)" 000
	is "config.md#process consoleSize: MUST be ignored if terminal is false" "$(val size)" ""
	is "config.md#process terminal: false, no controlling terminal" "$(val controlling)" no
	new_bundle 'del(.process.terminal) | .process.consoleSize = {height: 33, width: 99}'
	run_probe tty
	is "config.md#process terminal: defaults to false" "$(val isatty)" 000
	is "config.md#process consoleSize: MUST be ignored if terminal is unset" "$RC" 0
	new_bundle '.process.terminal = true'
	ct_create
	refused "config.md#process terminal: create without a console socket generates an error" $?
	new_bundle '.process.terminal = true'
	ct_create --console-socket "$BUNDLE/no-such"
	refused "config.md#process terminal: a console socket that is missing generates an error" $?
}

terminal
other_user
no_terminal
