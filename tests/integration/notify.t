#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Readiness (NOTIFY_SOCKET) and socket activation (LISTEN_FDS) through the runtime.
. "${BASH_SOURCE%/*}/../lib/lib.sh"

manager() { # a service manager at SOCKET, what it hears in LOG
	SOCKET=$WORK/$1.sock LOG=$WORK/$1.log
	bg "$PROBE" manager "$SOCKET" >"$LOG"
	wait_text "$LOG" listening=1
}
heard() { sed -n "s/^from=\([0-9]*\) fd=. /\1 /p" "$LOG"; }

# ---- create and start
manager one
export NOTIFY_SOCKET=$SOCKET
new_bundle
with_args /bin/sh -c 'probe notify "STATUS=busy|MAINPID=7" "MAINPID=1|READY=1|STATUS=up" STOPPING=1; echo $NOTIFY_SOCKET; sleep 60'
ct_create
is "create with NOTIFY_SOCKET" $? 0
is "create says nothing yet" "$(heard)" ""
ct_start
is "start ends when the container is ready" $? 0
like "the manager hears that it is ready, and of the process to watch" "$(heard | head -1)" "* READY=1|MAINPID=$PID"
like "then the barrier" "$(heard | sed -n 2p)" "* BARRIER=1"
is "and nothing else of what the container says" "$(heard | wc -l)" 2
ok "the barrier has its descriptor" grep -q 'fd=1 BARRIER=1' "$LOG"
is "the container's socket is at the place of the caller's" "$(tail -1 "$BUNDLE/out")" "$SOCKET/notify"
like "is mounted read-only" "$(grep " $SOCKET " "/proc/$PID/mountinfo")" "* $SOCKET ro,nosuid,nodev,noexec*"
ct_drop

# ---- start waits
manager slow
export NOTIFY_SOCKET=$SOCKET
new_bundle
with_args /bin/sh -c 'while [ ! -e /go ]; do sleep 0.05; done; probe notify READY=1; sleep 60'
ct_create
bg rt start "$ID" >/dev/null 2>&1
start=${lib_bg[-1]}
wait_for eval '[ "$(status_of "$ID")" = running ]'
sleep 0.5
ok "start waits for readiness" test -e "/proc/$start/stat"
is "nothing is said before" "$(heard)" ""
touch "$ROOTFS/go"
ok "and ends with it" wait_gone "$start"
like "which is told" "$(heard)" "*READY=1|MAINPID=$PID*"
ct_drop

new_bundle
with_args /bin/true
ct_create
ct_start
is "a container that ends without being ready ends start" $? 0
ct_drop

# ---- run
manager detached
export NOTIFY_SOCKET=$SOCKET
new_bundle
with_args /bin/sh -c 'probe notify READY=1; sleep 60'
write_config
lib_live[$ID]=1
rt run --bundle "$BUNDLE" --detach --pid-file "$BUNDLE/pid" "$ID" >"$WORK/out" 2>"$WORK/err" </dev/null
is "run --detach" $? 0
like "tells as start does" "$(heard | head -1)" "* READY=1|MAINPID=$(<"$BUNDLE/pid")"
ct_drop

manager front
export NOTIFY_SOCKET=$SOCKET
new_bundle
run_sh 'probe notify READY=1 READY=1; sleep 1; echo done'
is "run in the foreground" "$RC" 0
like "tells that it is ready, and is itself the process to watch" "$(heard)" "* READY=1"
is "it goes on to the end" "${OUT##*$'\n'}" "done"

# ---- an abstract socket, a user namespace
if needs_root "an abstract socket, a user of a user namespace" "the files can't be given to its ids"; then
	manager abstract
	bg "$PROBE" manager "@greffon-test-${WORK##*-}" >"$WORK/abstract2.log"
	LOG=$WORK/abstract2.log
	wait_text "$LOG" listening=1
	export NOTIFY_SOCKET=@greffon-test-${WORK##*-}
	new_bundle '.linux.namespaces += [{type: "user"}]' '.process.user = {uid: 1000, gid: 1000}' \
		'.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]' \
		'.linux.gidMappings = .linux.uidMappings'
	chown -R 100000:100000 "$ROOTFS"
	run_sh 'probe notify READY=1; sleep 0.5'
	like "an abstract socket, a user of a user namespace" "$OUT" "notify1=0"
	like "it is told" "$(heard)" "* READY=1"
fi

# ---- a socket whose path leaves no room for a name below it
long=$WORK/$(printf '%*s' $((107 - ${#WORK} - 1)) '' | tr ' ' l)
bg "$PROBE" manager "$long" >"$WORK/long.log"
LOG=$WORK/long.log
wait_text "$LOG" listening=1
export NOTIFY_SOCKET=$long
new_bundle
run_sh 'echo $NOTIFY_SOCKET; probe notify READY=1; sleep 0.5'
is "the longest path there is" "${#long} ${OUT%%$'\n'*}" "107 /run/notify/notify"
like "and it is told" "$(heard)" "* READY=1"
export NOTIFY_SOCKET=${long:0:100}
new_bundle
run_sh 'echo $NOTIFY_SOCKET; probe notify READY=1'
is "the longest that the container's can be below" "${OUT//$'\n'/ }" "${long:0:100}/notify notify1=0"

# ---- what is left alone
manager alone
export NOTIFY_SOCKET=$SOCKET
mkdir "$WORK/theirs"
new_bundle '.mounts += [{destination: "/run/notify", source: "\($ENV.WORK)/theirs", options: ["bind"]}]' \
	'.process.env += ["NOTIFY_SOCKET=/run/notify/x"]'
run_sh 'echo $NOTIFY_SOCKET'
is "what an engine has wired up is left alone" "$OUT" /run/notify/x
new_bundle '.mounts += [{destination: $ENV.NOTIFY_SOCKET, source: "\($ENV.WORK)/theirs", options: ["bind"]}]'
run_sh 'echo "[$NOTIFY_SOCKET]"'
is "also at the place of the caller's" "$OUT" "[]"
export NOTIFY_SOCKET=/run/systemd/notify
new_bundle
run_sh 'echo $NOTIFY_SOCKET; ls -d /run/systemd 2>/dev/null'
is "what a systemd of the container's binds is left free" "$OUT" /run/notify/notify
unset NOTIFY_SOCKET
new_bundle
run_sh 'echo "[$NOTIFY_SOCKET]"; ls -d /run/notify 2>&1'
like "without NOTIFY_SOCKET there is nothing" "$OUT" "[[][]]*"
export NOTIFY_SOCKET=vsock:2:1234
new_bundle
run_sh 'echo "[$NOTIFY_SOCKET]"'
is "one that is no unix socket is not passed on" "$OUT" "[]"
like "which is said" "$(<"$WORK/err")" "*NOTIFY_SOCKET: 'vsock:2:1234' is not a unix socket*"
unset NOTIFY_SOCKET

# ---- LISTEN_FDS
listening() { # CMD...: with descriptors 3 and 4, LISTEN_PID naming the command
	# shellcheck disable=SC2016
	LISTEN_FDS=2 LISTEN_FDNAMES=web:api bash -c 'LISTEN_PID=$$ exec "$@"' sh "$@" \
		3<"$WORK/three" 4<"$WORK/four" 5<"$WORK/five"
}
echo three >"$WORK/three"
echo four >"$WORK/four"
echo five >"$WORK/five"
shows='env | grep ^LISTEN | sort; cat <&3; cat <&4; cat <&5 2>/dev/null || echo no five'
wanted() { printf 'LISTEN_FDNAMES=web:api\nLISTEN_FDS=2\nLISTEN_PID=%s\nthree\nfour\n%s' "$1" "$2"; }

new_bundle
with_args /bin/sh -c "$shows"
write_config
lib_live[$ID]=1
out=$(listening "${lib_runtime[@]}" --root "$STATE" run -b "$BUNDLE" "$ID" 2>"$WORK/err")
is "run passes what to listen on, with names" "$out" "$(wanted 1 "no five")"
out=$(listening "${lib_runtime[@]}" --root "$STATE" run -b "$BUNDLE" --preserve-fds 1 "$ID" 2>"$WORK/err")
is "and --preserve-fds more after them" "$out" "$(wanted 1 five)"

new_bundle
with_args /bin/sleep 60
ct_create
ct_start
out=$(listening "${lib_runtime[@]}" --root "$STATE" exec "$ID" /bin/sh -c "$shows; echo \$\$" 2>"$WORK/err")
pid=${out##*$'\n'}
is "exec does so too, with the pid of the process" "${out%$'\n'*}" "$(wanted "$pid" "no five")"
out=$(LISTEN_FDS=2 LISTEN_PID=1 rt exec "$ID" /bin/sh -c 'env | grep -c ^LISTEN' 2>"$WORK/err")
is "what was meant for another process is not taken" "$out" 0
out=$(LISTEN_FDS=900 rt exec "$ID" /bin/true 2>&1)
like "descriptors that are not open are an error" "$out" "*descriptor * of 900 is not open*"
ct_drop

new_bundle '.linux.namespaces |= map(select(.type != "pid"))'
with_args /bin/sh -c 'echo $LISTEN_PID $$'
write_config
lib_live[$ID]=1
out=$(listening "${lib_runtime[@]}" --root "$STATE" run -b "$BUNDLE" "$ID" 2>"$WORK/err")
is "without a pid namespace LISTEN_PID is the program's" "${out% *}" "${out#* }"
