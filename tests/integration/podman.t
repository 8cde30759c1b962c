#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# podman, the distribution's, as root, with the runtime under test: run, exec, attach, terminals, stop, kill, pause,
# logs, inspect, restart, exit codes. The image is made here, out of busybox. Works with any runtime (RUNTIME=crun).
. "$(dirname "$0")/../lib/lib.sh"

command -v podman >/dev/null || { skip "podman" "podman is not installed"; exit 0; }
[ "$(id -u)" = 0 ] || { skip "podman" "needs root"; exit 0; }

PD=$WORK/podman
mkdir -p "$PD"/{root,run,tmp}
runtime_path=$(command -v "${lib_runtime[0]}")
manager=cgroupfs
if [ -n "$lib_systemd" ]; then
	manager=systemd
	# podman gives its runtime an environment of its own
	printf '#!/bin/sh\nGREFFON_SYSTEMD_HELPER=%s exec %s "$@"\n' "${GREFFON_SYSTEMD_HELPER:-}" "$runtime_path" >"$PD/greffon"
	chmod 755 "$PD/greffon"
	runtime_path=$PD/greffon
fi
# RLIMIT_NOFILE can only be raised with CAP_SYS_RESOURCE, which a nested root may lack
cat >"$PD/containers.conf" <<-CONF
	[containers]
	default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
	[engine]
	runtime = "$runtime_path"
	cgroup_manager = "$manager"
	events_logger = "file"
CONF
export CONTAINERS_CONF=$PD/containers.conf
pd() {
	timeout --foreground -k 5 60 podman --root "$PD/root" --runroot "$PD/run" --tmpdir "$PD/tmp" \
		--cgroup-manager "$manager" --events-backend file --runtime "$runtime_path" "$@"
}
pd_end() {
	pd rm --all --force --time 0 >/dev/null 2>&1
	pd rmi --all --force >/dev/null 2>&1
	umount -l "$PD/root/overlay" 2>/dev/null
	lib_cleanup
}
trap pd_end EXIT
in_tty() { # COMMAND...: under a terminal of its own; its status
	# an input that stays open and silent: script passes its end on as a NUL byte
	[ -p "$WORK/silence" ] || mkfifo "$WORK/silence"
	script -qec "$(printf '%q ' "$@")" /dev/null <>"$WORK/silence" | tr -d '\r'
}

image() {
	tar -C "$LIB_TEMPLATE" -c . | pd import - localhost/bb:1 >"$WORK/out" 2>"$WORK/err"
	ok "an image is imported" pd image exists localhost/bb:1
}

runs() {
	is "run: output" "$(pd run --rm --network none localhost/bb:1 echo hello 2>"$WORK/err")" hello
	pd run --rm --network none localhost/bb:1 sh -c 'exit 42' 2>"$WORK/err"
	is "run: exit status of the program" $? 42
	pd run --rm --network none localhost/bb:1 no-such-program 2>"$WORK/err"
	is "run: 127 when the program is not found" $? 127
	pd run --rm --network none localhost/bb:1 /etc/passwd 2>"$WORK/err"
	is "run: 126 when it can't be executed" $? 126
	pd run --rm --network none --no-such-option localhost/bb:1 true 2>"$WORK/err"
	is "run: 125 when podman itself refuses" $? 125
	is "run: in a terminal" "$(in_tty podman --root "$PD/root" --runroot "$PD/run" --tmpdir "$PD/tmp" \
		--cgroup-manager "$manager" --runtime "$runtime_path" run --rm -it --network none localhost/bb:1 \
		sh -c 'test -t 0 && test -t 1 && tty' | tail -n 1)" /dev/pts/0
	is "run: user, workdir, environment" "$(pd run --rm --network none --user 7:8 --workdir /tmp -e A=b \
		localhost/bb:1 sh -c 'echo $(id -u):$(id -g) $(pwd) $A' 2>"$WORK/err")" "7:8 /tmp b"
	is "run: host name" "$(pd run --rm --network none --hostname box localhost/bb:1 hostname 2>"$WORK/err")" box
	is "run: standard input" "$(echo ping | pd run --rm -i --network none localhost/bb:1 cat 2>"$WORK/err")" ping
	is "run: read-only root" "$(pd run --rm --network none --read-only --read-only-tmpfs=false localhost/bb:1 \
		sh -c 'touch /x 2>/dev/null || echo ro' 2>"$WORK/err")" ro
	is "run: volume" "$(pd run --rm --network none -v "$WORK:/mnt:ro" localhost/bb:1 \
		sh -c 'test -d /mnt/podman && echo there; touch /mnt/x 2>/dev/null || echo ro' 2>"$WORK/err" | xargs)" "there ro"
	like "run: no capability but podman's own" "$(pd run --rm --network none localhost/bb:1 \
		grep CapEff /proc/self/status 2>"$WORK/err")" "*00000000*"
}

# A created container waits at its fifo as the program's user.
users() {
	is "run: many users" "$(for u in 1 7:8 65534 0:5; do pd run --rm --network none --user $u localhost/bb:1 id -u 2>"$WORK/err"; done | xargs)" \
		"1 7 65534 0"
}

limits() {
	pd run -d --name limits --network none --memory 64m --pids-limit 50 --cpus 0.5 localhost/bb:1 \
		sleep 1000 >"$WORK/out" 2>"$WORK/err"
	local pid dir
	pid=$(pd inspect -f '{{.State.Pid}}' limits)
	if dir=$(cgroup_dir "$pid" memory); then
		is "limits: memory" "$(cat "$dir"/memory.limit_in_bytes "$dir"/memory.max 2>/dev/null)" 67108864
	else
		skip "limits: memory" "no memory controller here"
	fi
	dir=$(cgroup_dir "$pid" pids) && is "limits: pids" "$(cat "$dir/pids.max")" 50
	ok "limits: update" pd update --memory 128m limits
	pd rm -f -t 0 limits >/dev/null 2>&1
}

life() {
	local pid
	pd run -d --name life --network none localhost/bb:1 \
		sh -c 'trap "echo stopping; exit 3" TERM; echo started; while :; do sleep 0.1; done' \
		>"$WORK/out" 2>"$WORK/err"
	wait_for eval 'pd logs life 2>/dev/null | grep -q started'
	is "life: running" "$(pd inspect -f '{{.State.Status}}' life)" running
	is "life: logs" "$(pd logs life)" started
	is "exec: output" "$(pd exec life echo in 2>"$WORK/err")" in
	pd exec life sh -c 'exit 7' 2>"$WORK/err"
	is "exec: exit status" $? 7
	pd exec life no-such-program 2>"$WORK/err"
	is "exec: 127 when the program is not found" $? 127
	is "exec: user and environment" "$(pd exec --user 9 -e A=b life sh -c 'echo $(id -u) $A' 2>"$WORK/err")" "9 b"
	is "exec: in a terminal" "$(in_tty podman --root "$PD/root" --runroot "$PD/run" --tmpdir "$PD/tmp" \
		--cgroup-manager "$manager" --runtime "$runtime_path" exec -it life sh -c 'test -t 0 && echo tty' | tail -n 1)" tty
	is "exec: standard input" "$(echo ping | pd exec -i life cat 2>"$WORK/err")" ping
	is "top" "$(pd top life args 2>"$WORK/err" | head -n 1)" COMMAND
	ok "pause" pd pause life
	is "pause: paused" "$(pd inspect -f '{{.State.Status}}' life)" paused
	ok "unpause" pd unpause life
	ok "stop" pd stop -t 5 life
	is "stop: the program handled it" "$(pd inspect -f '{{.State.Status}} {{.State.ExitCode}}' life)" "exited 3"
	ok "restart" pd restart -t 1 life
	is "restart: running" "$(pd inspect -f '{{.State.Status}}' life)" running
	pid=$(pd inspect -f '{{.State.Pid}}' life)
	ok "kill" pd kill -s KILL life
	wait_gone "$pid"
	is "kill: 137" "$(pd wait life)" 137
	ok "rm" pd rm life
}

attach() {
	pd run -dit --name tty --network none localhost/bb:1 sh >"$WORK/out" 2>"$WORK/err"
	is "attach: a terminal container runs" "$(pd inspect -f '{{.State.Status}}' tty)" running
	printf 'echo a-$((40 + 2))\nexit 5\n' >"$WORK/typed"
	(sleep 1; cat "$WORK/typed"; sleep 2) | script -qec "podman --root $PD/root --runroot $PD/run --tmpdir $PD/tmp attach tty" \
		/dev/null >"$WORK/attached" 2>&1
	like "attach: what is typed is run" "$(tr -d '\r' <"$WORK/attached")" "*a-42*"
	is "attach: exit status" "$(pd wait tty)" 5
	pd rm -f -t 0 tty >/dev/null 2>&1
}

pods() {
	if ! command -v catatonit >/dev/null && [ ! -x /usr/libexec/podman/catatonit ] && [ ! -x /usr/lib/podman/catatonit ]; then
		skip "pod" "catatonit is not installed"
		return
	fi
	pd pod create --name pod --network none >"$WORK/out" 2>"$WORK/err"
	is "pod: a container joins its namespaces" "$(pd run --rm --pod pod localhost/bb:1 sh -c 'hostname' 2>"$WORK/err")" pod
	pd pod rm -f -t 0 pod >"$WORK/out" 2>&1
	is "userns: mapped" "$(pd run --rm --network none --uidmap 0:100000:1000 --gidmap 0:100000:1000 localhost/bb:1 \
		sh -c 'id -u; cat /proc/self/uid_map' 2>"$WORK/err" | xargs)" "0 0 100000 1000"
}

leftovers() {
	pd rm --all --force --time 0 >/dev/null 2>&1
	is "nothing is left: cgroups" "$(find /sys/fs/cgroup -type d -name "*libpod*" 2>/dev/null | grep -c "$(basename "$WORK")")" 0
	is "nothing is left: containers" "$(pd ps -aq)" ""
}

image
runs
users
limits
life
attach
pods
leftovers
