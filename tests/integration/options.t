#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Options of create, run and exec that callers rely on: --pidfd-socket, --keep, --no-new-keyring.
. "${BASH_SOURCE%/*}/../lib/lib.sh"

receiver() { # a receiver of one pidfd at SOCKET, what it got in LOG
	SOCKET=$WORK/$1.sock LOG=$WORK/$1.log
	bg "$PROBE" pidfd "$SOCKET" >"$LOG"
	wait_text "$LOG" listening=1
}
got() {
	wait_text "$LOG" '^pid='
	OUT=$(<"$LOG")
	val "$1"
}

# ---- --pidfd-socket
receiver create
new_bundle
with_args /bin/sleep 60
ct_create --pidfd-socket "$SOCKET"
is "create --pidfd-socket sends the init's" "$(got pid)" "$PID"
is "with the payload of runc" "$(got payload)" pidfd
is "and nothing else" "$(got fds)" 1
ct_start
receiver exec
rt exec --detach --pid-file "$WORK/exec.pid" --pidfd-socket "$SOCKET" "$ID" /bin/sleep 50
is "exec --pidfd-socket sends the process's" "$(got pid)" "$(<"$WORK/exec.pid")"
ct_drop
receiver run
new_bundle
with_args /bin/sleep 60
write_config
lib_live[$ID]=1
rt run --bundle "$BUNDLE" --detach --pid-file "$BUNDLE/pid" --pidfd-socket "$SOCKET" "$ID" >"$WORK/out" 2>"$WORK/err" </dev/null
is "run --pidfd-socket too" "$(got pid)" "$(<"$BUNDLE/pid")"
ct_drop
new_bundle
ct_create --pidfd-socket "$WORK/absent"
refused "a socket that is not there" $?

# ---- --keep
new_bundle
with_args /bin/sh -c 'exit 3'
write_config
lib_live[$ID]=1
rt run --bundle "$BUNDLE" --keep "$ID" 2>"$WORK/err" </dev/null
is "run --keep gives the status of the program" $? 3
is "and keeps the container" "$(status_of "$ID")" stopped
ok "which delete removes" rt delete "$ID"

# ---- session keyrings
new_bundle
run_probe keyring
if [ "$(val keyring)" = ENOSYS ]; then
	skip "a session keyring of the container's own" "the kernel has no keyrings"
else
	is "a session keyring of the container's own" "$(val keyring)" "_ses.$ID"
	caller=$("$PROBE" keyring)
	[ -z "$lib_rootless" ] || caller=${caller/%"_uid_ses.$(id -u)"/_uid_ses.0} # as root of the container sees it
	new_bundle
	with_args /bin/probe keyring
	ct_run --no-new-keyring
	is "--no-new-keyring keeps the caller's" "$OUT" "$caller"
	for o in "" --no-new-keyring; do
		new_bundle
		with_args /bin/sleep 60
		# shellcheck disable=SC2086
		ct_create $o
		ct_start
		OUT=$(rt exec "$ID" /bin/probe keyring)
		is "exec after create $o" "$OUT" "$([ -n "$o" ] && echo "$caller" || echo "keyring=_ses.$ID")"
		ct_drop
	done
	new_bundle
	# a plain user without a range has his root only
	[ -n "$lib_rootless" ] && ! grep -q "^$(id -un):" /etc/subuid || set_config '.process.user = {uid: 7, gid: 7}'
	if [ -z "$lib_rootless" ]; then
		set_config '.linux.namespaces += [{type: "user"}]' \
			'.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
		chown -R 100000:100000 "$ROOTFS"
	fi
	with_args /bin/sleep 60
	ct_create
	ct_start
	OUT=$(rt exec "$ID" /bin/probe keyring 2>"$BUNDLE/exec.err") # which is the container's user's then
	is "exec in a user namespace" "$OUT" "keyring=_ses.$ID"
	ct_drop
fi
